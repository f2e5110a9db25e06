package identity_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// A gateway has an identity of its own, as the device of its own name.
func TestGatewaysOwnIdentity(t *testing.T) {
	r := newRig(t)
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	own, err := gateway.LoadDevice(gateway.Name)
	r.must(err)
	defer own.Close()
	entry := deviceOf(t, gateway.Roster, "gw-1")
	if entry.KeyID != own.KeyID || entry.Gateway != "gw-1" || entry.PreShared || entry.Status(time.Now()) != identity.Valid {
		t.Errorf("entry %+v of %v", entry, own)
	}
	anchor := seal.Anchor{Suite: keys.AlgChaCha20Poly1305}
	if _, err := own.PrepareAnchor(&anchor); err != nil || len(anchor.Recipients) != 2 {
		t.Errorf("%d recipients, %v", len(anchor.Recipients), err)
	}
	_, err = r.site.AddDevice("gw-1", "gw-1", identity.DeviceOptions{})
	wantError(t, err, identity.ErrExists, "gw-1")
	r.must(r.site.AddGateway("gw-2"))
	_, err = r.site.AddDevice("gw-1", "gw-2", identity.DeviceOptions{})
	wantError(t, err, identity.ErrExists, "gw-2")
	wantError(t, r.site.AddGateway("bed-1"), identity.ErrExists, "bed-1")
	if _, err := os.Stat(r.path("gateways/bed-1")); err == nil {
		t.Error("the gateway that was refused has a directory")
	}
}

// A site of an earlier version has gateways without an identity of their own.
func TestGatewaysOwnIdentityComesLater(t *testing.T) {
	for name, change := range map[string]func(*identity.Site) error{
		"device": func(s *identity.Site) error {
			_, err := s.AddDevice("gw-1", "new", identity.DeviceOptions{})
			return err
		},
		"renewal": func(s *identity.Site) error {
			_, err := s.RenewCertificates(0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.must(r.site.ForgetDevice("gw-1"))
			left := r.path("gateways/gw-1/devices/gw-1.device")
			r.must(os.WriteFile(left, []byte("left by a change that was cut short"), 0o600))
			r.must(change(r.site))
			d := r.load("gw-1")
			if entry := deviceOf(t, r.site.Roster(), "gw-1"); entry.KeyID != d.KeyID {
				t.Errorf("roster has %v, the gateway %v", entry.KeyID, d.KeyID)
			}
			serial := r.site.Roster().Serial
			_, err := r.site.RenewCertificates(0)
			r.must(err)
			if now := r.site.Roster().Serial; now != serial {
				t.Errorf("nothing to add, and the roster went from %d to %d", serial, now)
			}
		})
	}
}

// One that the administrator revoked is not made anew behind his back.
func TestRevokedGatewayIdentityStaysRevoked(t *testing.T) {
	r := newRig(t)
	r.must(r.site.RevokeDevice("gw-1", time.Now()))
	_, err := r.site.AddDevice("gw-1", "new", identity.DeviceOptions{})
	r.must(err)
	if d := deviceOf(t, r.site.Roster(), "gw-1"); d.Revoked.IsZero() {
		t.Error("it is back")
	}
	_, err = r.site.AddDevice("gw-1", "gw-1", identity.DeviceOptions{})
	r.must(err)
	if d := deviceOf(t, r.site.Roster(), "gw-1"); !d.Revoked.IsZero() {
		t.Error("it is not back when asked for")
	}
}

// A sensor that seals for itself: its secrets are at the sensor, recipients have
// the pre-shared key, the gateway nothing.
func TestDeviceThatSealsForItself(t *testing.T) {
	r := newRig(t)
	key, psk := keys.NewEd25519(&[32]byte{7}), [32]byte{8}
	kid := keyID(key)
	o := identity.DeviceOptions{PublicKey: key.Public(), PreShared: true}
	_, err := r.site.AddDevice("gw-1", "monitor-4", o)
	wantRefusal(t, err, "pre-shared key")
	o.PreSharedKey = &psk
	d, err := r.site.AddDevice("gw-1", "monitor-4", o)
	r.must(err)
	if entry := deviceOf(t, r.site.Roster(), "monitor-4"); entry.KeyID != kid || !entry.PreShared || entry != d {
		t.Errorf("entry %+v", entry)
	}
	names, err := filepath.Glob(r.path("gateways/gw-1/devices/monitor-4*"))
	if err != nil || len(names) != 0 {
		t.Errorf("the gateway has %q, %v", names, err)
	}
	_, err = r.site.AddRecipient("late", identity.RecipientOptions{})
	r.must(err)
	for _, name := range []string{"station", "legacy", "late"} {
		checkOpens(t, r, name, key, &psk)
	}
	_, err = r.site.AddDevice("gw-1", "monitor-5", o)
	wantError(t, err, identity.ErrExists, d.KeyID.String())
	if d, ok := r.site.Roster().DeviceNamed("monitor-5"); ok {
		t.Errorf("enrolled %+v", d)
	}
}

// checkOpens has a recipient open what the sensor seals.
func checkOpens(t *testing.T, r *rig, name string, key keys.Signer, psk *[32]byte) {
	t.Helper()
	soft, err := keys.NewSoftwarePSK(keyID(key), 0, psk)
	r.must(err)
	anchor := seal.Anchor{Site: "ward-3", Boot: 1, Suite: keys.AlgChaCha20Poly1305, Salt: [16]byte{1}}
	var secret [32]byte
	r.must(soft.ContentSecret(&secret, keyID(key), 1, &anchor.Salt))
	message, err := seal.NewSealer(key).Begin(nil, &anchor, &secret)
	r.must(err)
	receiver := r.receiver(name)
	envelope, err := seal.Parse(message)
	r.must(err)
	entry, status := receiver.Roster.Lookup(envelope.KeyID(), time.Now())
	if status != identity.Valid {
		t.Fatalf("%s: the device is %v", name, status)
	}
	var verifier seal.Verifier
	verified, err := verifier.Verify(envelope, &entry.PublicKey)
	r.must(err)
	if got, err := receiver.Keyring.ContentSecret(verified); err != nil || got != secret {
		t.Errorf("%s: content secret %v", name, err)
	}
}

// Without a recipient the pre-shared key would be lost.
func TestPreSharedKeyNeedsARecipient(t *testing.T) {
	r := newRig(t)
	r.must(r.site.RemoveRecipient("station"))
	r.must(r.site.RemoveRecipient("legacy"))
	_, err := r.site.AddDevice("gw-1", "monitor-4", identity.DeviceOptions{
		PublicKey: keys.NewEd25519(&[32]byte{7}).Public(), PreShared: true, PreSharedKey: &[32]byte{8},
	})
	wantRefusal(t, err, "no recipient")
}

func keyID(key keys.Signer) keys.KeyID {
	public := key.Public()
	return public.ID()
}

func wantRefusal(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one of %q", text)
		return
	}
	wantError(t, err, err, text)
}
