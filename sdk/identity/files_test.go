package identity_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/identity"
)

// Every secret file, and who reads it.
func secrets(t *testing.T, r *rig) map[string]func() error {
	openSite := func() error { _, err := identity.OpenSite(r.dir); return err }
	gateway := func() error { _, err := identity.LoadGateway(r.path("gateways/gw-1")); return err }
	receiver := func() error { _, err := identity.LoadReceiver(r.path("recipients/station")); return err }
	device := func(name string) func() error {
		return func() error {
			d, err := identity.LoadDevice(r.devicePath(name))
			if err == nil {
				err = d.Close()
			}
			return err
		}
	}
	kid := deviceOf(t, r.site.Roster(), "mcu-1").KeyID.String()
	r.begin(r.load("mcu-1")).device.Close() // has .boot from here on, bed-1 has .new
	return map[string]func() error{
		"site.key":                               openSite,
		"ca.key":                                 openSite,
		"broker/key.pem":                         func() error { _, err := r.site.RenewCertificates(0); return err },
		"gateways/gw-1/gateway.key":              gateway,
		"gateways/gw-1/devices/bed-1.device":     device("bed-1"),
		"gateways/gw-1/devices/bed-1.new":        device("bed-1"),
		"gateways/gw-1/devices/mcu-1.device":     device("mcu-1"),
		"gateways/gw-1/devices/mcu-1.boot":       device("mcu-1"),
		"recipients/station/recipient.key":       receiver,
		"recipients/station/receiver.key":        receiver,
		"recipients/station/psk/" + kid + ".psk": receiver,
	}
}

func TestLoosePermissionsAreRefused(t *testing.T) {
	r := newRig(t)
	for file, load := range secrets(t, r) {
		path := r.path(file)
		if err := load(); err != nil {
			t.Errorf("%s as made: %v", file, err)
		}
		for mode, text := range map[fs.FileMode]string{
			0o644: "can be read by others (mode 0644)", 0o640: "can be read by others (mode 0640)",
			0o660: "can be read by others (mode 0660)", 0o604: "can be read by others (mode 0604)",
			0o620: "can be written by others (mode 0620)", 0o601: "can be run by others (mode 0601)",
		} {
			r.must(os.Chmod(path, mode))
			err := load()
			wantError(t, err, fs.ErrPermission, `identity: "`+path+`" `+text)
			if hint(err) != "chmod 600 "+path {
				t.Errorf("%s: hint %q", file, hint(err))
			}
		}
		r.must(os.Chmod(path, 0o600))
		if err := load(); err != nil {
			t.Errorf("%s after the hint: %v", file, err)
		}
	}
}

func TestLooseDirectoryIsRefused(t *testing.T) {
	r := newRig(t)
	dir := r.path("gateways/gw-1/devices")
	for _, mode := range []fs.FileMode{0o770, 0o777, 0o702} {
		r.must(os.Chmod(dir, mode))
		_, err := identity.LoadDevice(r.devicePath("bed-1"))
		wantError(t, err, fs.ErrPermission, "can be written by others", "chmod 700 "+dir)
	}
	r.must(os.Chmod(dir, 0o755)) // others may look, not write
	r.load("bed-1")
}

// Root makes a file of somebody else; anybody else finds one of root's.
func TestForeignOwnerIsRefused(t *testing.T) {
	path := "/"
	if os.Geteuid() == 0 {
		r := newRig(t)
		path = r.devicePath("bed-1")
		r.must(os.Chown(path, 12345, -1))
		_, err := identity.LoadDevice(path)
		wantError(t, err, fs.ErrPermission, "belongs to another user (uid 12345", "chown 0 "+path)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, identity.CheckOwner(path, info), fs.ErrPermission, "belongs to another user", "chown ")
}

// A pipe in the place of a key neither blocks nor passes.
func TestSpecialFilesAreRefused(t *testing.T) {
	r := newRig(t)
	path := r.devicePath("bed-1")
	r.must(os.Remove(path))
	r.must(syscall.Mkfifo(path, 0o600))
	if _, err := identity.LoadDevice(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	r.must(os.Remove(path))
	r.must(os.Mkdir(path, 0o700))
	if _, err := identity.LoadDevice(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	r.must(os.Remove(path))
	if _, err := identity.LoadDevice(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

// A path that a shell would take apart is quoted in the hint.
func TestHintsAreSafeToPaste(t *testing.T) {
	dir := t.TempDir() + "/a b';rm"
	site, err := identity.CreateSite(dir, "s", identity.SiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(site.Dir+"/site.key", 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = identity.OpenSite(dir)
	if want := `b'\'';rm/site.key'`; !strings.HasSuffix(hint(err), want) {
		t.Errorf("hint %q, want it to end in %q", hint(err), want)
	}
}

// Files that are cut short, of another kind, or of the future are refused with
// their path and none of their contents.
func TestDamagedFilesAreRefused(t *testing.T) {
	r := newRig(t)
	for file, load := range secrets(t, r) {
		path := r.path(file)
		good, err := os.ReadFile(path)
		r.must(err)
		for name, bad := range map[string][]byte{
			"empty":    {},
			"half":     good[:len(good)/2],
			"twice":    append(append([]byte{}, good...), good...),
			"of zeros": make([]byte, len(good)),
		} {
			if name == "twice" && bytes.Contains(good, []byte("BEGIN PRIVATE KEY")) {
				continue // of a certificate's key the first block counts, as for every TLS program
			}
			r.must(os.WriteFile(path, bad, 0o600))
			err := load()
			if err == nil {
				t.Errorf("%s %s is accepted", file, name)
			} else if strings.Contains(err.Error(), strings.Split(string(good), "\n")[4]) {
				t.Errorf("%s %s: the error quotes the file", file, name)
			}
		}
		r.must(os.WriteFile(path, good, 0o600))
		r.must(load())
	}
}
