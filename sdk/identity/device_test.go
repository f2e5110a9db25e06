package identity_test

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	fxcbor "github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// childEnv makes the test binary one of the processes that tests kill or starve.
const childEnv = "VITALSEAL_IDENTITY_TEST"

func TestMain(m *testing.M) {
	switch mode, path, _ := strings.Cut(os.Getenv(childEnv), ":"); mode {
	case "":
		os.Exit(m.Run())
	case "count":
		countForEver(path)
	case "starve":
		starve(path)
	case "load":
		_, err := identity.LoadDevice(path)
		fmt.Println(errors.Is(err, identity.ErrInUse), err)
	}
}

// countForEver starts the device over and over and prints each counter.
func countForEver(path string) {
	d, err := identity.LoadDevice(path)
	for err == nil {
		var boot uint64
		if boot, err = d.NextBoot(); err == nil {
			fmt.Println(boot)
		}
	}
	fmt.Println("error:", err)
}

// starve asks for a counter while no byte can be written to any file, as on a
// full disk.
func starve(path string) {
	d, err := identity.LoadDevice(path)
	if err != nil {
		fmt.Println("loading:", err)
		return
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		fmt.Println(err)
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: old.Max}); err != nil {
		fmt.Println(err)
		return
	}
	boot, err := d.NextBoot()
	secret, err2 := d.PrepareAnchor(&seal.Anchor{})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		fmt.Println(err)
		return
	}
	after, err3 := d.NextBoot()
	fmt.Println(boot, errors.Is(err, identity.ErrBootRecord), secret == [32]byte{}, errors.Is(err2, identity.ErrBootRecord), after, err3)
}

func child(t *testing.T, mode, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+mode+":"+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestNextBootCounts(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"bed-1", "mcu-1"} {
		want := uint64(1)
		for range 3 { // processes, as it were
			d := r.load(name)
			for range 3 {
				if boot, err := d.NextBoot(); err != nil || boot != want {
					t.Fatalf("%s: boot %d, %v; want %d", name, boot, err, want)
				}
				if psk := d.PSK(); (psk != nil) != (name == "mcu-1") || psk != nil && uint64(psk.Generation()) != want-1 {
					t.Fatalf("%s: pre-shared key %v at boot %d", name, psk, want)
				}
				want++
			}
			r.must(d.Close())
			r.must(d.Close())
			if _, err := d.NextBoot(); err == nil {
				t.Error("a closed identity counts on")
			}
		}
	}
}

// Twelve times the process is killed with SIGKILL in the middle of its work. No
// counter that it told of may come again.
func TestKilledWhileCounting(t *testing.T) {
	for _, name := range []string{"bed-1", "mcu-1"} {
		r := newRig(t)
		told, repeated := uint64(0), 0
		for round := range 12 {
			cmd := child(t, "count", r.devicePath(name))
			out, err := cmd.StdoutPipe()
			r.must(err)
			r.must(cmd.Start())
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				boot, err := strconv.ParseUint(lines.Text(), 10, 64)
				if err != nil {
					t.Fatalf("%s, round %d: %s", name, round, lines.Text())
				}
				if boot <= told {
					repeated++
				}
				told = boot
				if n == round { // and read on to the end of the pipe
					r.must(cmd.Process.Kill())
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Fatalf("%s, round %d: the process ended by itself", name, round)
			}
		}
		boot, err := r.load(name).NextBoot()
		if err != nil || boot <= told || repeated != 0 {
			t.Errorf("%s: after %d comes %d, %v; %d repeated", name, told, boot, err, repeated)
		}
		t.Logf("%s: killed 12 times in %d starts, 0 lost, %d repeated", name, told, repeated)
	}
}

func TestNoCounterWithoutDisk(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"bed-1", "mcu-1"} {
		out, err := child(t, "starve", r.devicePath(name)).Output()
		if err != nil || string(out) != "0 true true true 1 <nil>\n" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	_, err := r.load("bed-1").NextBoot()
	r.must(err)
}

func TestTwoProcessesAreRefused(t *testing.T) {
	r := newRig(t)
	d := r.load("bed-1")
	out, err := child(t, "load", r.devicePath("bed-1")).Output()
	if err != nil || !strings.HasPrefix(string(out), "true identity: ") || !strings.Contains(string(out), "in use by another process") {
		t.Errorf("second process: %q, %v", out, err)
	}
	_, err = identity.LoadDevice(r.devicePath("bed-1"))
	wantError(t, err, identity.ErrInUse, "in use", "stop the other")
	r.must(d.Close())
	out, err = child(t, "load", r.devicePath("bed-1")).Output()
	if err != nil || string(out) != "false <nil>\n" {
		t.Errorf("after Close: %q, %v", out, err)
	}
}

// A boot record that is lost or damaged stops the device, and it never starts
// again at 1 by itself.
func TestLostBootRecord(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"lost":  os.Remove,
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"one bit": func(path string) error {
			return editBlock(path, func(b []byte) { b[len(b)/2] ^= 1 })
		},
		"of another device": func(path string) error {
			other, err := os.ReadFile(strings.Replace(path, "bed-1", "bed-2", 1))
			if err != nil {
				return err
			}
			return os.WriteFile(path, other, 0o600)
		},
	} {
		r := newRig(t)
		_, err := r.site.AddDevice("gw-1", "bed-2", identity.DeviceOptions{})
		r.must(err)
		d := r.load("bed-1")
		for _, device := range []*identity.DeviceIdentity{d, r.load("bed-2")} {
			_, err = device.NextBoot()
			r.must(err)
		}
		r.must(spoil(r.path("gateways/gw-1/devices/bed-1.boot")))
		_, err = d.NextBoot() // while it runs
		wantError(t, err, identity.ErrBootRecord, "revoke the device", "bed-1.boot")
		r.must(d.Close())
		_, err = identity.LoadDevice(r.devicePath("bed-1")) // and when it starts
		wantError(t, err, identity.ErrBootRecord, "never restore the record from a backup")
		if t.Failed() {
			t.Fatalf("record %s", name)
		}
	}
}

// editBlock changes the document in an armoured file.
func editBlock(path string, edit func([]byte)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	edit(block.Bytes)
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// A backup put back under a running device is noticed.
func TestRecordRolledBackWhileRunning(t *testing.T) {
	r := newRig(t)
	d := r.load("bed-1")
	path := r.path("gateways/gw-1/devices/bed-1.boot")
	_, err := d.NextBoot()
	r.must(err)
	backup, err := os.ReadFile(path)
	r.must(err)
	_, err = d.NextBoot()
	r.must(err)
	r.must(os.WriteFile(path, backup, 0o600))
	_, err = d.NextBoot()
	wantError(t, err, identity.ErrBootRecord, "changed by someone else")
}

// Copying the gateway's directory again, as after adding a device, does not set
// a counter back.
func TestCopyingAgainIsSafe(t *testing.T) {
	r := newRig(t)
	gateway := filepath.Join(t.TempDir(), "gw-1")
	copyAll := func() {
		if out, err := exec.Command("cp", "-rp", r.path("gateways/gw-1")+"/.", gateway).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	r.must(os.Mkdir(gateway, 0o700))
	for want := range uint64(4) {
		copyAll()
		for _, name := range []string{"bed-1", "mcu-1"} {
			d, err := identity.LoadDevice(filepath.Join(gateway, "devices", name+".device"))
			r.must(err)
			if boot, err := d.NextBoot(); err != nil || boot != want+1 {
				t.Errorf("%s: boot %d after copy %d, %v", name, boot, want+1, err)
			}
			r.must(d.Close())
			if _, err := os.Stat(filepath.Join(gateway, "devices", name+".new")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s.new is left: %v", name, err)
			}
		}
	}
}

// preSharedKey returns the key in a boot record or in a recipient's copy.
func preSharedKey(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	var items []any
	if err := fxcbor.Unmarshal(block.Bytes, &items); err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		if key, ok := item.([]byte); ok && len(key) == 32 {
			return key
		}
	}
	t.Fatalf("no key in %s", path)
	return nil
}

// After a start no file of the device has the key of the generation before, and
// the blocks that held it have been overwritten: a hard link still shows them.
func TestOldGenerationIsErased(t *testing.T) {
	r := newRig(t)
	d := r.load("mcu-1")
	dir := r.path("gateways/gw-1/devices")
	current := filepath.Join(dir, "mcu-1.new")
	for generation := range 4 {
		key := preSharedKey(t, current)
		link := filepath.Join(t.TempDir(), "link")
		r.must(os.Link(current, link))
		_, err := d.NextBoot()
		r.must(err)
		old, err := os.ReadFile(link)
		r.must(err)
		if len(old) == 0 || len(bytes.Trim(old, "\x00")) != 0 {
			t.Errorf("generation %d: its blocks still hold %d bytes", generation, len(bytes.Trim(old, "\x00")))
		}
		current = filepath.Join(dir, "mcu-1.boot")
		if bytes.Equal(preSharedKey(t, current), key) {
			t.Errorf("generation %d is still stored", generation)
		}
		entries, err := os.ReadDir(dir)
		r.must(err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") || e.Name() == "mcu-1.new" {
				t.Errorf("left over: %s", e.Name())
			}
		}
	}
}

func TestForgottenGenerationIsErased(t *testing.T) {
	r := newRig(t)
	d := r.load("mcu-1")
	path := r.path("recipients/station/psk", d.KeyID.String()+".psk")
	key := preSharedKey(t, path)
	link := filepath.Join(t.TempDir(), "link")
	r.must(os.Link(path, link))
	r.must(r.receiver("station").Keyring.Forget(d.KeyID, 5))
	old, err := os.ReadFile(link)
	r.must(err)
	if len(bytes.Trim(old, "\x00")) != 0 || bytes.Equal(preSharedKey(t, path), key) {
		t.Error("generation 0 is still stored")
	}
}

// A gateway that used a roster refuses an older one, also after a restart.
func TestDeviceRefusesOlderRoster(t *testing.T) {
	r := newRig(t)
	path := r.path("gateways/gw-1/roster")
	old, err := os.ReadFile(path)
	r.must(err)
	_, err = r.site.AddRecipient("archive", identity.RecipientOptions{})
	r.must(err)
	d := r.load("bed-1")
	if to, err := d.Recipients(); err != nil || len(to) != 3 {
		t.Fatalf("%d recipients, %v", len(to), err)
	}
	_, err = d.NextBoot()
	r.must(err)
	r.must(os.WriteFile(path, old, 0o644))
	_, err = d.Recipients()
	wantError(t, err, identity.ErrOlderRoster, "copy the roster anew")
	_, err = d.PrepareAnchor(&seal.Anchor{})
	wantError(t, err, identity.ErrOlderRoster)
	r.must(d.Close())
	_, err = identity.LoadDevice(r.devicePath("bed-1"))
	wantError(t, err, identity.ErrOlderRoster)
}

// An identity that is copied over again while it is in use stays locked.
func TestLockSurvivesReplacement(t *testing.T) {
	r := newRig(t)
	r.load("bed-1")
	path := r.devicePath("bed-1")
	text, err := os.ReadFile(path)
	r.must(err)
	r.must(os.Remove(path))
	r.must(os.WriteFile(path, text, 0o600))
	_, err = identity.LoadDevice(path)
	wantError(t, err, identity.ErrInUse)
}

// A site without recipients does not use up counters.
func TestAnchorForNobody(t *testing.T) {
	r := newRig(t)
	r.must(r.site.RemoveRecipient("station"))
	r.must(r.site.RemoveRecipient("legacy"))
	d := r.load("bed-1")
	if _, err := d.PrepareAnchor(&seal.Anchor{}); err == nil || !strings.Contains(hint(err), "add a recipient") {
		t.Errorf("anchor for nobody: %v", err)
	}
	if boot, err := d.NextBoot(); err != nil || boot != 1 {
		t.Errorf("boot %d, %v", boot, err)
	}
}

// A device on P-256 seals and opens as one on Ed25519 does, and its counter is
// its own.
func TestP256Device(t *testing.T) {
	r := newRig(t)
	entry, err := r.site.AddDevice("gw-1", "bed-3", identity.DeviceOptions{Algorithm: keys.AlgESP256})
	r.must(err)
	d := r.load("bed-3")
	if public := d.Public(); public != entry.PublicKey || public.Algorithm() != keys.AlgESP256 {
		t.Errorf("key %v, want %v", public.ID(), entry.KeyID)
	}
	c := r.begin(d)
	if secret, err := r.receiver("station").Keyring.ContentSecret(c.begun); err != nil || secret != c.secret {
		t.Errorf("wrong secret, %v", err)
	}
	_, err = r.site.AddDevice("gw-1", "bed-4", identity.DeviceOptions{Algorithm: -8})
	if err == nil || !strings.Contains(err.Error(), "algorithm -8 is not known") {
		t.Errorf("an algorithm that does not exist: %v", err)
	}
}

// What a device with a pre-shared key has on its disk and hands out after its
// anchor begins does not give the secret of that anchor, nor of one before.
func TestSeizedDevice(t *testing.T) {
	r := newRig(t)
	station := r.receiver("station").Keyring
	d := r.load("mcu-1")
	if d.PSK() != nil {
		t.Error("a key before the first start")
	}
	_, err := d.NextBoot()
	r.must(err)
	held := d.PSK()
	for range 2 {
		c := r.begin(d)
		if secret, err := station.ContentSecret(c.begun); err != nil || secret != c.secret {
			t.Fatalf("the recipient has another secret, %v", err)
		}
		if d.PSK() != nil {
			t.Error("the key is handed out after it was used")
		}
		seized := r.bootKey("mcu-1")
		if seized.Generation() <= c.anchor.Generation {
			t.Errorf("generation %d is on the disk while one of generation %d seals", seized.Generation(), c.anchor.Generation)
		}
		if err := seized.Advance(c.anchor.Generation); !errors.Is(err, keys.ErrGeneration) {
			t.Errorf("the way back is open: %v", err)
		}
	}
	// Whoever held on to the first start's key has nothing any more.
	if err := held.ContentSecret(new([32]byte), d.KeyID, 1, &[16]byte{1}); !errors.Is(err, keys.ErrGeneration) {
		t.Errorf("the key of a start that is over: %v", err)
	}
}

// bootKey returns the pre-shared key as it stands in a boot record.
func (r *rig) bootKey(name string) *keys.SoftwarePSK {
	r.t.Helper()
	text, err := os.ReadFile(r.path("gateways/gw-1/devices", name+".boot"))
	r.must(err)
	block, _ := pem.Decode(text)
	var record struct {
		_            struct{} `cbor:",toarray"`
		Version      uint64
		KeyID        []byte
		Boot, Serial uint64
		Generation   uint32
		Key, Check   []byte
	}
	r.must(fxcbor.Unmarshal(block.Bytes, &record))
	psk, err := keys.NewSoftwarePSK(keys.KeyID(record.KeyID), record.Generation, (*[32]byte)(record.Key))
	r.must(err)
	return psk
}

// A file of a later version is refused as such, and not as damage.
func TestLaterVersions(t *testing.T) {
	r := newRig(t)
	for file, load := range secrets(t, r) {
		path := r.path(file)
		good, err := os.ReadFile(path)
		r.must(err)
		if bytes.Contains(good, []byte("BEGIN PRIVATE KEY")) {
			continue
		}
		r.must(editBlock(path, func(b []byte) { b[1] = 2 }))
		err = load()
		damaged := strings.Contains(file, ".boot") || strings.Contains(file, ".new") // their checksum fails first
		if err == nil || !damaged && !strings.Contains(err.Error(), "is of version 2, this program reads version 1") {
			t.Errorf("%s: %v", file, err)
		}
		r.must(os.WriteFile(path, good, 0o600))
	}
}

// The most that one authentic but hostile anchor costs a receiver.
func BenchmarkFarthestGeneration(b *testing.B) {
	r := newRig(b)
	c := r.begin(r.load("mcu-1"), func(a *seal.Anchor) { a.Generation = 1 << 20 })
	keyring := r.receiver("station").Keyring
	for b.Loop() {
		if _, err := keyring.ContentSecret(c.begun); err != nil {
			b.Fatal(err)
		}
	}
}
