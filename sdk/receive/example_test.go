package receive_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// oneDevice is the roster of a site with one device, and what opens its chains.
type oneDevice struct {
	key    keys.PublicKey
	secret [32]byte
}

func (d oneDevice) Lookup(kid keys.KeyID) (receive.Device, bool) {
	return receive.Device{Key: d.key, Name: "oximeter"}, kid == d.key.ID()
}

func (d oneDevice) ContentSecret(seal.Verified) ([32]byte, error)    { return d.secret, nil }
func (d oneDevice) GrantSecret(_, _ seal.Verified) ([32]byte, error) { return d.secret, nil }

func Example() {
	dir, err := os.MkdirTemp("", "receive")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	// The device: an anchor, and one reading sealed under it.
	key := keys.NewEd25519(&[32]byte{1})
	site := oneDevice{key: key.Public(), secret: [32]byte{2}}
	sealer := seal.NewSealer(key)
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	anchor, _ := sealer.Begin(nil, &seal.Anchor{
		Site: "ward-3", Boot: 1, Salt: [16]byte{3}, Clock: seal.Clock{UnixMilli: at.UnixMilli(), Error: 20},
	}, &site.secret)
	batch := vital.Batch{Numerics: []vital.Numeric{{Time: 250, Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(97)}}}
	payload, _ := batch.Append(nil)
	message, _ := sealer.Seal(nil, payload)

	// The receiver.
	r, err := receive.Open(receive.Config{
		Site: "ward-3", Directory: site, Secrets: site,
		Sink: receive.NewLines(os.Stdout), StatePath: filepath.Join(dir, "state"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	altered := append([]byte(nil), message...)
	altered[len(altered)-1] ^= 1
	for _, payload := range [][]byte{anchor, message, altered} {
		_, err := r.Handle(context.Background(), receive.Message{Payload: payload, Received: at.Add(time.Second)})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// {"verdict":"valid","site":"ward-3","device":"a8d8065819847280","device_name":"oximeter","received":"2026-11-22T08:00:01.000Z","event":"anchor","boot":1,"chain":"99d9c3cebadc5831"}
	// {"verdict":"valid","site":"ward-3","device":"a8d8065819847280","device_name":"oximeter","seq":1,"received":"2026-11-22T08:00:01.000Z","time":"2026-11-22T08:00:00.250Z","time_quality":"clock","time_error_ms":20,"code":150456,"refid":"MDC_PULS_OXIM_SAT_O2","value":97,"unit":"%","status":[]}
	// {"verdict":"bad signature","site":"ward-3","device":"a8d8065819847280","device_name":"oximeter","received":"2026-11-22T08:00:01.000Z","reason":"the signature does not verify"}
}
