package firmware_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
)

func TestProvisionRefuses(t *testing.T) {
	some, none := &[32]byte{1}, &[32]byte{}
	for name, c := range map[string]struct {
		site      string
		seed, psk *[32]byte
	}{
		"no site":       {"", some, some},
		"long site":     {strings.Repeat("a", 65), some, some},
		"site not text": {"\xff", some, some},
		"seed of zeros": {"a", none, some},
		"key of zeros":  {"a", some, none},
	} {
		if image, err := firmware.AppendProvision(nil, c.site, c.seed, c.psk); !errors.Is(err, firmware.ErrProvision) || len(image) != 0 {
			t.Errorf("%s: %d bytes, %v", name, len(image), err)
		}
	}
}

// TestDamagedProvisioning flips every bit of the image: the device refuses to
// start, and never starts as another.
func TestDamagedProvisioning(t *testing.T) {
	for bit := range firmware.ProvisionSize * 8 {
		f := provisioned(t, 4, 512)
		at := 512 + bit/8 // behind the other data
		if bit/8 >= firmware.IdentityUsed && bit/8 < 256 {
			continue // left erased, never read
		}
		f.mem[at] ^= 1 << (bit % 8)
		var s firmware.Starts
		err := s.Open(f)
		if !errors.Is(err, firmware.ErrProvision) && !errors.Is(err, firmware.ErrBootLog) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
	}
}

func TestSlotSize(t *testing.T) {
	for _, c := range []struct{ write, erase, want int64 }{
		{4, 4096, 12288}, {256, 4096, 12288}, {1, 1, 1536}, {4, 256, 1536}, {8, 2048, 6144}, {16, 8192, 24576},
		{512, 4096, 0}, {0, 4096, 0}, {3, 4096, 0}, {4, 0, 0}, {4, 2 << 20, 0},
	} {
		if got := firmware.SlotSize(c.write, c.erase); got != c.want {
			t.Errorf("SlotSize(%d, %d) = %d, want %d", c.write, c.erase, got, c.want)
		}
	}
	var s firmware.Starts
	if err := s.Open(newFlash(t, 8192, 4, 4096)); err == nil {
		t.Error("a slot of two pages was opened")
	}
}

// FuzzIdentity: what is accepted is exactly what is written.
func FuzzIdentity(f *testing.F) {
	image, err := firmware.AppendProvision(nil, "ward-3", &testSeed, &testPSK)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(image)
	f.Add(image[:firmware.IdentityUsed])
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := firmware.ParseIdentity(b)
		if err == nil && !bytes.Equal(again[:firmware.IdentityUsed], b[:firmware.IdentityUsed]) {
			t.Fatalf("%x is accepted and written as %x", b, again)
		}
	})
}

// FuzzRecord: likewise for a record of the boot log.
func FuzzRecord(f *testing.F) {
	image, err := firmware.AppendProvision(nil, "ward-3", &testSeed, &testPSK)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(image[256:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, ok := firmware.ParseRecord(b); ok && !bytes.Equal(again, b) {
			t.Fatalf("%x is accepted and written as %x", b, again)
		}
	})
}

// FuzzSlot opens a slot whose boot log is anything at all. It opens only where a
// valid record of this device is, and never with less than that record says.
func FuzzSlot(f *testing.F) {
	f.Add([]byte{})
	l := newLife(f, provisioned(f, 4, 512), generations(f, 40))
	l.run(5)
	f.Add(l.flash.mem[1024:])
	f.Fuzz(func(t *testing.T, log []byte) {
		f := provisioned(t, 4, 512)
		clear(f.mem[512+256 : 512+256+firmware.RecordSize]) // the first record has been used up
		copy(f.mem[1024:], log)
		var s firmware.Starts
		err := s.Open(f)
		if err != nil {
			if !errors.Is(err, firmware.ErrBootLog) {
				t.Fatal(err)
			}
			return
		}
		var secret [32]byte
		before := bytes.Clone(f.mem)
		boot, _, err := s.Next(&[16]byte{1}, &secret)
		for i := 1024; i+firmware.RecordSize <= len(before) && err == nil; i += firmware.RecordSize {
			r := before[i : i+firmware.RecordSize]
			if _, ok := firmware.ParseRecord(r); ok && r[5] == 1 && string(r[8:16]) == string(idOf()) && r[23] >= byte(boot) && boot < 256 && allZero(r[16:23]) {
				t.Fatalf("boot %d after %d", boot, r[23])
			}
		}
	})
}

func idOf() []byte {
	id := deviceKey().ID()
	return id[:]
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
