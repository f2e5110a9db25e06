package identity_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"

	fxcbor "github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// secretsOf returns every string of 32 bytes in the secret files of the rig that
// is not a public key.
func secretsOf(t *testing.T, r *rig) [][]byte {
	t.Helper()
	var all [][]byte
	kid := deviceOf(t, r.site.Roster(), "mcu-1").KeyID.String()
	for _, file := range []string{
		"site.key", "recipients/station/recipient.key", "recipients/station/receipt.key", "recipients/station/psk/" + kid + ".psk",
		"gateways/gw-1/devices/bed-1.device", "gateways/gw-1/devices/mcu-1.device", "gateways/gw-1/devices/mcu-1.boot",
	} {
		text, err := os.ReadFile(r.path(file))
		r.must(err)
		block, _ := pem.Decode(text)
		var items []any
		r.must(fxcbor.Unmarshal(block.Bytes, &items))
		for _, item := range items {
			b, ok := item.([]byte)
			if ok && len(b) == 32 && string(b) != string(r.site.Public.Key.Bytes()) {
				all = append(all, b)
			}
		}
	}
	if len(all) != 8 { // one of each file, and the recipient's two
		t.Fatalf("found %d secrets, want 8", len(all))
	}
	return all
}

// spellings returns how fmt and encoders write the first bytes of a secret.
func spellings(secret []byte) []string {
	head := secret[:6]
	quoted := strings.Trim(fmt.Sprintf("%#v", head), "[]byte{}")
	return []string{
		hex.EncodeToString(head), strings.ToUpper(hex.EncodeToString(head)),
		base64.StdEncoding.EncodeToString(secret)[:12], base64.RawURLEncoding.EncodeToString(secret)[:12],
		strings.Trim(fmt.Sprint(head), "[]"), quoted, string(head), strings.Trim(fmt.Sprintf("%q", head), `"`),
		strings.Trim(fmt.Sprintf("%x", fmt.Sprint(head)), "[]"), strings.Trim(fmt.Sprintf("% x", head), "[]"),
	}
}

// No verb of fmt shows a secret, of a value or of a pointer to it, nor of what
// an error says.
func TestNothingPrintsASecret(t *testing.T) {
	r := newRig(t)
	bed, mcu := r.load("bed-1"), r.load("mcu-1")
	_, err := mcu.NextBoot()
	r.must(err)
	_, err = bed.NextBoot()
	r.must(err)
	station := r.receiver("station")
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	key := station.Roster.Recipients[0]
	values := []any{
		r.site, *r.site, bed, *bed, mcu, *mcu, mcu.PSK(), station, *station, station.Keyring, &station.Keyring, station.Receipts,
		gateway, *gateway, station.Roster, *station.Roster, station.Roster.Devices[0], key, &key, r.site.Public,
		identity.DeviceOptions{}, identity.RecipientOptions{}, identity.SiteOptions{}, identity.Valid,
		[]any{*bed, station.Keyring}, map[string]any{"site": *r.site}, struct{ D identity.DeviceIdentity }{*mcu},
		seal.NewSealer(bed),
	}
	for _, v := range values[:len(values):len(values)] {
		// In an unexported field fmt does not call the methods of a value.
		values = append(values, struct{ hidden any }{v}, &struct{ hidden any }{v}, []struct{ hidden any }{{v}})
	}
	values = append(values, struct{ hidden identity.DeviceIdentity }{*mcu}, struct{ hidden identity.Site }{*r.site},
		struct{ hidden identity.Keyring }{station.Keyring})
	found := secretsOf(t, r)
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x"} {
			out := fmt.Sprintf(verb, v)
			for i, secret := range found {
				for _, spelling := range spellings(secret) {
					if strings.Contains(out, spelling) {
						t.Errorf("%s of %T shows secret %d", verb, v, i)
					}
				}
			}
		}
	}
	// The test would see one.
	if out := fmt.Sprintf("%+v", struct{ b []byte }{found[0]}); !strings.Contains(out, spellings(found[0])[4]) {
		t.Error("the test is blind")
	}
}
