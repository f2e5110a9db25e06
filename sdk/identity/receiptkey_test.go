package identity_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// What a recipient signs, the roster verifies, and no other recipient's key does.
func TestReceiptKey(t *testing.T) {
	r := newRig(t)
	station := r.receiver("station")
	r.must(station.CheckReceipts(station.Roster))
	message, err := seal.AppendReceipt(nil, station.Receipts, &seal.Receipt{Site: "ward-3", Gateway: "gw-1", Receiver: "station"})
	r.must(err)
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	entry, ok := gateway.Roster.Recipient("station")
	if !ok {
		t.Fatal("the roster does not have the recipient")
	}
	if _, err := seal.ReadReceipt(message, &entry.Sign); err != nil {
		t.Error(err)
	}
	other, _ := gateway.Roster.Recipient("legacy")
	_, err = seal.ReadReceipt(message, &other.Sign)
	wantError(t, err, seal.ErrWrongKey)
	if _, ok := gateway.Roster.Recipient("nobody"); ok {
		t.Error("the roster has nobody")
	}
	if key, err := r.site.AddRecipient("late", identity.RecipientOptions{}); err != nil || key.Sign != r.receiver("late").Receipts.Public() {
		t.Errorf("AddRecipient returns another key, %v", err)
	}
}

// A site of an earlier version has recipients that sign nothing. Its roster is the
// same bytes as ever, and renewal adds what is missing, once.
func TestReceiptKeyComesLater(t *testing.T) {
	for name, left := range map[string]bool{"never made": false, "left by a change that was cut short": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			before := r.receiver("station").Receipts.Public()
			for _, recipient := range []string{"station", "legacy"} {
				r.must(r.site.ForgetReceiptKey(recipient, !left))
			}
			if signed := r.site.Roster().Signed(); !bytes.Contains(signed, []byte("\x86\x01\x66ward-3")) {
				t.Error("the roster of a site without signing keys is not of version 1")
			}
			old := r.receiver("station")
			if left != (old.Receipts != nil) || old.Roster.Recipients[0].Sign != (keys.PublicKey{}) {
				t.Errorf("key %v, roster %v", old.Receipts, old.Roster.Recipients[0].Sign.ID())
			}
			wantHint(t, old.CheckReceipts(old.Roster), "site renew")

			_, err := r.site.RenewCertificates(0)
			r.must(err)
			serial := r.site.Roster().Serial
			if signed := r.site.Roster().Signed(); !bytes.Contains(signed, []byte("\x86\x02\x66ward-3")) {
				t.Error("the roster of a site with signing keys is not of version 2")
			}
			for _, recipient := range []string{"station", "legacy"} {
				r.must(r.receiver(recipient).CheckReceipts(r.site.Roster()))
			}
			if after := r.receiver("station").Receipts.Public(); left != (after == before) {
				t.Error("a key that was there must stay")
			}
			_, err = r.site.RenewCertificates(0)
			r.must(err)
			if now := r.site.Roster().Serial; now != serial {
				t.Errorf("nothing to add, and the roster went from %d to %d", serial, now)
			}
		})
	}
}

// An administrator may have taken a recipient's directory away: no key is made that
// the recipient does not have.
func TestReceiptKeyOfADirectoryTakenAway(t *testing.T) {
	r := newRig(t)
	for _, recipient := range []string{"station", "legacy"} {
		r.must(r.site.ForgetReceiptKey(recipient, true))
	}
	r.must(os.RemoveAll(r.path("recipients/legacy")))
	_, err := r.site.RenewCertificates(0)
	r.must(err)
	station, _ := r.site.Roster().Recipient("station")
	legacy, _ := r.site.Roster().Recipient("legacy")
	if station.Sign == (keys.PublicKey{}) || legacy.Sign != (keys.PublicKey{}) {
		t.Errorf("station has %v, legacy %v", station.Sign.ID(), legacy.Sign.ID())
	}
}

func TestReceiptKeyRefused(t *testing.T) {
	r := newRig(t)
	path := r.path("recipients/station/receipt.key")
	good, err := os.ReadFile(path)
	r.must(err)
	legacy, err := os.ReadFile(r.path("recipients/legacy/receipt.key"))
	r.must(err)
	for name, text := range map[string][]byte{
		"empty": {}, "of another recipient": legacy, "twice": append(bytes.Clone(good), good...),
		"of another type": bytes.ReplaceAll(good, []byte("RECEIPT"), []byte("RECIPIENT")),
	} {
		r.must(os.WriteFile(path, text, 0o600))
		if _, err := identity.LoadReceiver(r.path("recipients/station")); err == nil || !strings.Contains(err.Error(), "receipt.key") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.must(os.WriteFile(path, good, 0o600))
	r.must(os.Chmod(path, 0o640))
	_, err = identity.LoadReceiver(r.path("recipients/station"))
	wantHint(t, err, "chmod 600 "+path)

	// The key of another machine's copy: it is this recipient's, and not the roster's.
	r.must(os.Chmod(path, 0o600))
	r.must(r.site.ForgetReceiptKey("station", true))
	_, err = r.site.RenewCertificates(0)
	r.must(err)
	r.must(os.WriteFile(path, good, 0o600))
	station := r.receiver("station")
	wantHint(t, station.CheckReceipts(station.Roster), "copy the directory")

	// A removed recipient does not find itself.
	r.must(r.site.RemoveRecipient("station"))
	wantError(t, station.CheckReceipts(r.site.Roster()), identity.ErrUnknown)
}

func wantHint(t *testing.T, err error, hint string) {
	t.Helper()
	var h interface{ Hint() string }
	if !errors.As(err, &h) || !strings.Contains(h.Hint(), hint) {
		t.Errorf("%v, want the hint %q", err, hint)
	}
}
