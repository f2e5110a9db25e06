package identity_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// rig is a site in a temporary directory: recipients "station" (X-Wing) and
// "legacy" (X25519), gateway "gw-1", and on it the devices "bed-1" (recipients)
// and "mcu-1" (pre-shared).
type rig struct {
	t    testing.TB
	dir  string
	site *identity.Site
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "site")}
	var err error
	r.site, err = identity.CreateSite(r.dir, "ward-3", identity.SiteOptions{})
	r.must(err)
	_, err = r.site.AddRecipient("station", identity.RecipientOptions{})
	r.must(err)
	_, err = r.site.AddRecipient("legacy", identity.RecipientOptions{Classical: true})
	r.must(err)
	r.must(r.site.AddBroker([]string{"broker.example", "192.0.2.7"}))
	r.must(r.site.AddGateway("gw-1"))
	_, err = r.site.AddDevice("gw-1", "bed-1", identity.DeviceOptions{})
	r.must(err)
	_, err = r.site.AddDevice("gw-1", "mcu-1", identity.DeviceOptions{PreShared: true})
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) path(elem ...string) string {
	return filepath.Join(append([]string{r.dir}, elem...)...)
}

func (r *rig) devicePath(name string) string {
	return r.path("gateways/gw-1/devices", name+".device")
}

func (r *rig) load(name string) *identity.DeviceIdentity {
	r.t.Helper()
	d, err := identity.LoadDevice(r.devicePath(name))
	r.must(err)
	r.t.Cleanup(func() { d.Close() })
	return d
}

func (r *rig) receiver(name string) *identity.Receiver {
	r.t.Helper()
	receiver, err := identity.LoadReceiver(r.path("recipients", name))
	r.must(err)
	return receiver
}

// chain is a chain that has begun.
type chain struct {
	rig    *rig
	device *identity.DeviceIdentity
	sealer *seal.Sealer
	anchor seal.Anchor
	begun  seal.Verified
	secret [keys.SecretSize]byte
}

// begin begins a chain. The anchor may be altered before it is signed.
func (r *rig) begin(d *identity.DeviceIdentity, alter ...func(*seal.Anchor)) *chain {
	r.t.Helper()
	c := &chain{rig: r, device: d, sealer: seal.NewSealer(d), anchor: seal.Anchor{EpochShift: 1}}
	var err error
	c.secret, err = d.PrepareAnchor(&c.anchor)
	r.must(err)
	for _, f := range alter {
		f(&c.anchor)
	}
	message, err := c.sealer.Begin(nil, &c.anchor, &c.secret)
	r.must(err)
	c.begun = c.verify(message)
	return c
}

func (c *chain) verify(message []byte) seal.Verified {
	c.rig.t.Helper()
	e, err := seal.Parse(message)
	c.rig.must(err)
	var verifier seal.Verifier
	public := c.device.Public()
	v, err := verifier.Verify(e, &public)
	c.rig.must(err)
	return v
}

// seal seals a payload and returns the verified message.
func (c *chain) seal(payload string) seal.Verified {
	c.rig.t.Helper()
	message, err := c.sealer.Seal(nil, []byte(payload))
	c.rig.must(err)
	return c.verify(message)
}

// hint returns the hint of an error, or "".
func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func wantError(t *testing.T, err, target error, texts ...string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error()+"\n"+hint(err), text) {
			t.Errorf("error %q with hint %q lacks %q", err, hint(err), text)
		}
	}
}

// day is a fixed time with no fraction of a second.
var day = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
