package identity_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

func TestSiteTree(t *testing.T) {
	r := newRig(t)
	kid := deviceOf(t, r.site.Roster(), "mcu-1").KeyID.String()
	want := map[string]fs.FileMode{
		"site.key": 0o600, "site.pub": 0o644, "ca.key": 0o600, "ca.pem": 0o644, "roster": 0o644,
		"broker/cert.pem": 0o644, "broker/key.pem": 0o600, "broker/ca.pem": 0o644,
		"gateways/gw-1/gateway.pem": 0o644, "gateways/gw-1/gateway.key": 0o600, "gateways/gw-1/ca.pem": 0o644,
		"gateways/gw-1/site.pub": 0o644, "gateways/gw-1/roster": 0o644,
		"gateways/gw-1/devices/gw-1.device": 0o600, "gateways/gw-1/devices/gw-1.new": 0o600,
		"gateways/gw-1/devices/bed-1.device": 0o600, "gateways/gw-1/devices/bed-1.new": 0o600,
		"gateways/gw-1/devices/mcu-1.device": 0o600, "gateways/gw-1/devices/mcu-1.new": 0o600,
	}
	for _, name := range []string{"station", "legacy"} {
		dir := "recipients/" + name + "/"
		for file, mode := range map[string]fs.FileMode{
			"recipient.key": 0o600, "receipt.key": 0o600, "receiver.pem": 0o644, "receiver.key": 0o600, "ca.pem": 0o644,
			"site.pub": 0o644, "roster": 0o644, "psk/" + kid + ".psk": 0o600,
		} {
			want[dir+file] = mode
		}
	}
	err := filepath.WalkDir(r.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(r.dir, path)
		if e.IsDir() {
			if info.Mode().Perm() != 0o700 {
				t.Errorf("directory %s has mode %04o", name, info.Mode().Perm())
			}
			return nil
		}
		if mode, ok := want[name]; !ok || mode != info.Mode().Perm() {
			t.Errorf("file %s has mode %04o, want %04o (0: no such file)", name, info.Mode().Perm(), mode)
		}
		delete(want, name)
		return nil
	})
	if err != nil || len(want) != 0 {
		t.Errorf("missing %v, %v", want, err)
	}
}

func deviceOf(t *testing.T, roster *identity.Roster, name string) identity.Device {
	t.Helper()
	d, ok := roster.DeviceNamed(name)
	if !ok {
		t.Fatalf("no device %q in the roster", name)
	}
	return d
}

// A site from its making to the revocation of a device, with every directory
// read as its owner does.
func TestWholeLifeOfASite(t *testing.T) {
	r := newRig(t)
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	names, err := gateway.Devices()
	if err != nil || gateway.Name != "gw-1" || !slices.Equal(names, []string{"bed-1", "mcu-1"}) {
		t.Fatalf("gateway %q with devices %q, %v", gateway.Name, names, err)
	}
	d, err := gateway.LoadDevice("bed-1")
	r.must(err)
	defer d.Close()
	if d.Site != r.site.Public || d.Name != "bed-1" || d.Gateway != "gw-1" || d.PreShared() || d.PSK() != nil {
		t.Errorf("loaded %v of site %v", d, d.Site)
	}
	station := r.receiver("station")
	entry, status := station.Roster.Lookup(d.KeyID, time.Now())
	if status != identity.Valid || entry.Name != "bed-1" || entry.PublicKey != d.Public() {
		t.Errorf("entry %v, %v", entry, status)
	}

	again, err := identity.OpenSite(r.dir)
	r.must(err)
	r.must(again.RevokeDevice("bed-1", time.Now()))
	roster, err := station.ReadRoster()
	r.must(err)
	if _, status := roster.Lookup(d.KeyID, time.Now().Add(time.Second)); status != identity.Revoked {
		t.Errorf("after revocation: %v", status)
	}
	for _, suffix := range []string{".device", ".new", ".boot"} {
		if _, err := os.Stat(r.path("gateways/gw-1/devices/bed-1" + suffix)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("bed-1%s after revocation: %v", suffix, err)
		}
	}
	// The name is free again, for another key.
	second, err := again.AddDevice("gw-1", "bed-1", identity.DeviceOptions{Algorithm: keys.AlgESP256})
	if err != nil || second.KeyID == d.KeyID || second.PublicKey.Algorithm() != keys.AlgESP256 {
		t.Errorf("second bed-1: %v, %v", second, err)
	}
	// The first Site sees what the second did.
	r.must(r.site.RevokeDevice(second.KeyID.String(), day))
	if _, status := r.site.Roster().Lookup(second.KeyID, day); status != identity.Revoked {
		t.Errorf("second bed-1 is %v", status)
	}
}

func TestSiteRefuses(t *testing.T) {
	r := newRig(t)
	serial := r.site.Roster().Serial
	_, err := identity.CreateSite(r.dir, "other", identity.SiteOptions{})
	wantError(t, err, identity.ErrExists, "exists already")
	wantError(t, r.site.AddGateway("gw-1"), identity.ErrExists, "never overwritten")
	wantError(t, r.site.AddBroker(nil), identity.ErrExists)
	_, err = r.site.AddRecipient("station", identity.RecipientOptions{})
	wantError(t, err, identity.ErrExists, "station")
	_, err = r.site.AddDevice("gw-1", "bed-1", identity.DeviceOptions{})
	wantError(t, err, identity.ErrExists, "bed-1")
	_, err = r.site.AddDevice("gw-9", "bed-9", identity.DeviceOptions{})
	wantError(t, err, identity.ErrUnknown, "gw-9")
	wantError(t, r.site.RevokeDevice("bed-9", day), identity.ErrUnknown, "bed-9")
	wantError(t, r.site.RemoveRecipient("nobody"), identity.ErrUnknown, "nobody")
	for _, name := range []string{"", "Bed", "a/b", "..", "a b", strings.Repeat("a", 65), "bett-ü", "receiver", "beacon"} {
		if err := r.site.AddGateway(name); err == nil || hint(err) == "" {
			t.Errorf("gateway %q: %v", name, err)
		}
	}
	if r.site.Roster().Serial != serial {
		t.Errorf("refusals moved the serial from %d to %d", serial, r.site.Roster().Serial)
	}
	kept, err := os.ReadDir(r.path("gateways"))
	if err != nil || len(kept) != 1 {
		t.Errorf("refusals left %v, %v", kept, err)
	}
}

// A later recipient gets the pre-shared keys; a removed one loses its files and
// is wrapped to no more.
func TestRecipientsComeAndGo(t *testing.T) {
	r := newRig(t)
	_, err := r.site.AddRecipient("archive", identity.RecipientOptions{})
	r.must(err)
	psk := r.begin(r.load("mcu-1"))
	if secret, err := r.receiver("archive").Keyring.ContentSecret(psk.begun); err != nil || secret != psk.secret {
		t.Errorf("the new recipient's secret is wrong: %v", err)
	}
	// The device's files have moved on to its gateway: another recipient's copy serves.
	r.must(os.Remove(r.path("gateways/gw-1/devices/mcu-1.boot")))
	_, err = r.site.AddRecipient("audit", identity.RecipientOptions{})
	r.must(err)
	if secret, err := r.receiver("audit").Keyring.ContentSecret(psk.begun); err != nil || secret != psk.secret {
		t.Errorf("the second new recipient's secret is wrong: %v", err)
	}

	r.must(r.site.RemoveRecipient("legacy"))
	if _, err := os.Stat(r.path("recipients/legacy")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory of a removed recipient: %v", err)
	}
	if got := len(r.begin(r.load("bed-1")).anchor.Recipients); got != 3 {
		t.Errorf("anchor for %d recipients, want 3", got)
	}
}

func TestEnrolForeignKey(t *testing.T) {
	r := newRig(t)
	key := keys.NewEd25519(&[32]byte{7})
	d, err := r.site.AddDevice("gw-1", "sealing-1", identity.DeviceOptions{PublicKey: key.Public(), NotAfter: day})
	r.must(err)
	if _, err := os.Stat(r.devicePath("sealing-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file for a key made elsewhere: %v", err)
	}
	if entry, status := r.site.Roster().Lookup(d.KeyID, day.Add(time.Second)); status != identity.Expired || entry.Name != "sealing-1" {
		t.Errorf("%v is %v, want expired", entry, status)
	}
	_, err = r.site.AddDevice("gw-1", "sealing-2", identity.DeviceOptions{PublicKey: key.Public()})
	wantError(t, err, identity.ErrExists)
	_, err = r.site.AddDevice("gw-1", "sealing-2", identity.DeviceOptions{PublicKey: key.Public(), PreShared: true})
	if err == nil {
		t.Error("a pre-shared key for a key made elsewhere")
	}
}

func TestChangesAreSerialised(t *testing.T) {
	r := newRig(t)
	f, err := os.Open(r.path("site.key"))
	r.must(err)
	defer f.Close()
	flock(t, f)
	wantError(t, r.site.AddGateway("gw-2"), identity.ErrInUse, "wait")
}

func TestRenewCertificates(t *testing.T) {
	r := newRig(t)
	renewed, err := r.site.RenewCertificates(30 * 24 * time.Hour)
	if err != nil || len(renewed) != 0 {
		t.Fatalf("renewed %q at once, %v", renewed, err)
	}
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	before, _, err := gateway.Credentials()
	r.must(err)
	key, err := os.ReadFile(r.path("gateways/gw-1/gateway.key"))
	r.must(err)

	r.site.Now = func() time.Time { return time.Now().Add(340 * 24 * time.Hour) }
	renewed, err = r.site.RenewCertificates(30 * 24 * time.Hour)
	if err != nil || len(renewed) != 4 { // broker, gateway, two receivers
		t.Fatalf("renewed %q, %v", renewed, err)
	}
	after, _, err := gateway.Credentials()
	r.must(err)
	if !after.Leaf.NotAfter.After(before.Leaf.NotAfter) || after.Leaf.Subject.String() != before.Leaf.Subject.String() ||
		after.Leaf.SerialNumber.Cmp(before.Leaf.SerialNumber) == 0 {
		t.Errorf("renewed certificate: %v to %v", after.Leaf.Subject, after.Leaf.NotAfter)
	}
	if now, err := os.ReadFile(r.path("gateways/gw-1/gateway.key")); err != nil || !bytes.Equal(now, key) {
		t.Error("renewal changed the key")
	}
}

// No certificate outlives its authority.
func TestCertificateLifetimes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	site, err := identity.CreateSite(dir, "s", identity.SiteOptions{CALife: 48 * time.Hour, Now: func() time.Time { return day }})
	if err != nil {
		t.Fatal(err)
	}
	if err := site.AddGateway("long"); err != nil {
		t.Fatal(err)
	}
	site.CertLife = time.Hour
	if err := site.AddGateway("short"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]time.Time{
		"ca.pem": day.Add(48 * time.Hour), "gateways/long/gateway.pem": day.Add(48 * time.Hour), "gateways/short/gateway.pem": day.Add(time.Hour),
	} {
		text, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !cert.NotAfter.Equal(want) {
			t.Errorf("%s ends %v, want %v; %v", path, cert.NotAfter, want, err)
		}
	}
}

// OpenSSL, which mosquitto uses, agrees that the chains are good for their use.
func TestOpenSSLVerifies(t *testing.T) {
	r := newRig(t)
	for path, purpose := range map[string]string{
		"broker/cert.pem": "sslserver", "gateways/gw-1/gateway.pem": "sslclient", "recipients/station/receiver.pem": "sslclient",
	} {
		out, err := exec.Command("openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", r.path("ca.pem"), r.path(path)).CombinedOutput()
		if err != nil {
			t.Errorf("%s as %s: %v\n%s", path, purpose, err, out)
		}
	}
	out, err := exec.Command("openssl", "verify", "-purpose", "sslserver", "-CAfile", r.path("ca.pem"), r.path("gateways/gw-1/gateway.pem")).CombinedOutput()
	if err == nil {
		t.Errorf("a gateway's certificate is good for a server\n%s", out)
	}
}
