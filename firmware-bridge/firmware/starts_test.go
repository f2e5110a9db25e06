package firmware_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// geometries are those of the nRF52, the RP2040's flash, a part with small pages
// and one that writes 64 bits at a time.
var geometries = []struct{ write, erase int64 }{{4, 4096}, {256, 4096}, {1, 256}, {8, 2048}, {64, 512}}

// life is what an observer of a device knows: all keys there ever are, and what
// was sealed.
type life struct {
	t      testing.TB
	flash  *flash
	keys   [][32]byte // K_dev[g]
	boot   uint64     // highest sealed under
	next   uint32     // generations below it are used up
	sealed int
}

func newLife(t testing.TB, f *flash, ring [][32]byte) *life { return &life{t: t, flash: f, keys: ring} }

// generations returns the first n generations of the test device's key.
func generations(t testing.TB, n int) (all [][32]byte) {
	psk, err := keys.NewSoftwarePSK(deviceKey().ID(), 0, &testPSK)
	for range n {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, psk.Key())
		err = psk.Next()
	}
	return all
}

func testKey() *keys.Ed25519 { return keys.NewEd25519(&testSeed) }

func deviceKey() *keys.PublicKey {
	public := keys.NewEd25519(&testSeed).Public()
	return &public
}

// run starts the device and lets it begin chains until the power goes.
func (l *life) run(anchors int) {
	l.t.Helper()
	var s firmware.Starts
	if err := s.Open(l.flash); err != nil {
		if !l.flash.dead {
			l.t.Fatalf("the slot is unusable: %v", err)
		}
		return
	}
	for i := range anchors {
		salt := [keys.SaltSize]byte{byte(i), 1}
		var secret, want [keys.SecretSize]byte
		boot, generation, err := s.Next(&salt, &secret)
		if err != nil {
			if !l.flash.dead {
				l.t.Fatalf("the slot is unusable: %v", err)
			}
			return
		}
		l.used(boot, generation)
		psk, _ := keys.NewSoftwarePSK(deviceKey().ID(), generation, &l.keys[generation])
		if err := psk.ContentSecret(&want, deviceKey().ID(), boot, &salt); err != nil || secret != want {
			l.t.Fatalf("content secret is not that of generation %d: %v", generation, err)
		}
		if s.Note([16]byte{byte(boot), 2}) == nil {
			continue
		}
		return
	}
}

// used holds what the device is about to seal with against all it ever did.
func (l *life) used(boot uint64, generation uint32) {
	l.t.Helper()
	if boot <= l.boot {
		l.t.Fatalf("boot %d after %d", boot, l.boot)
	}
	if generation < l.next {
		l.t.Fatalf("generation %d is back, %d was next", generation, l.next)
	}
	l.boot, l.next = boot, generation+1
	l.sealed++
	for g := max(0, int(generation)-4); g <= int(generation); g++ {
		key := l.keys[g]
		if i := bytes.Index(l.flash.mem, key[:16]); i >= 0 {
			l.t.Fatalf("key of generation %d is in flash at %d while %d seals", g, i, generation)
		}
	}
}

// TestPowerCutAtEveryByte cuts the power at every byte that is written or erased
// until both pages of the log have been used up, in three ways in turn, and then
// once more somewhere in the life after. (Of all but one
// geometry it takes a sample.)
func TestPowerCutAtEveryByte(t *testing.T) {
	ring := generations(t, 400)
	for _, g := range geometries {
		t.Run(fmt.Sprintf("write %d erase %d", g.write, g.erase), func(t *testing.T) {
			page := firmware.SlotSize(g.write, g.erase) / 3
			anchors := int(page/max(g.write, firmware.RecordSize)) + 3
			whole := newLife(t, provisioned(t, g.write, g.erase), ring)
			whole.run(anchors)
			total, step := whole.flash.touched, 1
			switch {
			case page > 512:
				step = total/60 | 1
			case g.write == 1, g.write == 64:
				step = 5
			}
			cuts := 0
			for cut := 0; cut < total; cut += step {
				for torn := range tears {
					if int(torn) != cut/step%int(tears) {
						continue // all three ways at each byte would take minutes
					}
					l := newLife(t, provisioned(t, g.write, g.erase), ring)
					l.flash.torn = torn
					l.flash.cycle(cut)
					l.run(anchors)
					l.flash.cycle(l.flash.random.IntN(3 * total / anchors))
					l.run(3)
					l.flash.cycle(-1)
					l.run(3)
					if l.sealed < 3 {
						t.Fatalf("cut at byte %d: %d chains after it", cut, l.sealed)
					}
					cuts += 2
				}
			}
			t.Logf("%d power cuts, the first at every %d of %d bytes: no counter and no key came back, no slot was lost", cuts, step, total)
		})
	}
}

// TestPowerCutsForALifetime cuts the power some thousand times in one life, at
// random, also while it starts after the cut before.
func TestPowerCutsForALifetime(t *testing.T) {
	ring := generations(t, 7000)
	for _, g := range geometries {
		l := newLife(t, provisioned(t, g.write, g.erase), ring)
		for i := range 400 {
			l.flash.torn = tear(i) % tears
			l.flash.cycle(l.flash.random.IntN(300 + i%8*1000))
			l.run(2)
		}
		l.flash.cycle(-1)
		l.run(1)
		t.Logf("write %d erase %d: %d chains, %d writes, %d erasures", g.write, g.erase, l.sealed, l.flash.writes, l.flash.erases)
	}
}

// TestRefusesWithoutBootLog attacks what would let a counter begin again.
func TestRefusesWithoutBootLog(t *testing.T) {
	used := func(t *testing.T) *flash {
		l := newLife(t, provisioned(t, 4, 512), generations(t, 40))
		l.run(5)
		return l.flash
	}
	for name, damage := range map[string]func(f *flash, log int){
		"log erased": func(f *flash, log int) {
			for i := log; i < len(f.mem); i++ {
				f.mem[i] = 0xff
			}
		},
		"log zeroed": func(f *flash, log int) { clear(f.mem[log:]) },
		"every byte of the log has a bit changed": func(f *flash, log int) {
			for i := log; i < len(f.mem); i++ {
				f.mem[i] ^= 1
			}
		},
		"the current record is gone": func(f *flash, log int) {
			for i := log; i < len(f.mem); i++ {
				if string(f.mem[i:min(i+6, len(f.mem))]) == "VSBR\x01\x01" {
					clear(f.mem[i : i+64])
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := used(t)
			damage(f, len(f.mem)-1024)
			var s firmware.Starts
			if err := s.Open(f); !errors.Is(err, firmware.ErrBootLog) {
				t.Fatalf("opened: %v", err)
			}
		})
	}
}

// TestProvisionedAgain: a device that gets its own image once more goes on where
// it was, and one that gets another device's does not take over the log of its
// predecessor.
func TestProvisionedAgain(t *testing.T) {
	l := newLife(t, provisioned(t, 4, 512), generations(t, 40))
	l.run(5)
	fresh := provisioned(t, 4, 512)
	copy(l.flash.mem[:1024], fresh.mem[:1024]) // identity and first record, not the log
	l.run(3)
	if l.boot != 8 {
		t.Fatalf("boot %d, want 8", l.boot)
	}

	image, err := firmware.AppendProvision(nil, "ward-3", &[32]byte{9}, &[32]byte{8})
	if err != nil {
		t.Fatal(err)
	}
	copy(l.flash.mem[512:], image)
	var s firmware.Starts
	var secret [32]byte
	if err := s.Open(l.flash); err != nil {
		t.Fatal(err)
	}
	boot, generation, err := s.Next(&[16]byte{1}, &secret)
	if err != nil || boot != 1 || generation != 0 {
		t.Fatalf("boot %d, generation %d, %v", boot, generation, err)
	}
	l.keys = append([][32]byte{{8}}, l.keys...)
	l.boot, l.next = 0, 0
	l.used(boot, 0)
}

// TestWornOut: bytes that cannot be cleared, and memory that cannot be overwritten
// at all, cost erasures and no chain.
func TestWornOut(t *testing.T) {
	f := provisioned(t, 4, 512)
	f.stuck = map[int]bool{1024 + 70: true, 1024 + 300: true, 1536 + 130: true}
	l := newLife(t, f, generations(t, 400))
	for range 100 {
		var s firmware.Starts
		if err := s.Open(f); err != nil {
			t.Fatal(err)
		}
		for try := 0; ; try++ {
			var secret [32]byte
			boot, generation, err := s.Next(&[16]byte{1}, &secret)
			if err == nil {
				l.used(boot, generation)
				break
			}
			if try == 4 {
				t.Fatalf("after %d chains: %v", l.sealed, err)
			}
		}
	}
	t.Logf("%d chains with three stuck bytes: %d writes, %d erasures", l.sealed, f.writes, f.erases)
}

// TestPrevious: a start after a power cut names the anchor before it.
func TestPrevious(t *testing.T) {
	f := provisioned(t, 4, 4096)
	var s firmware.Starts
	var secret [32]byte
	if err := s.Open(f); err != nil || s.Previous() != [16]byte{} {
		t.Fatal(err)
	}
	for i := byte(1); i < 100; i++ {
		if _, _, err := s.Next(&[16]byte{i}, &secret); err != nil {
			t.Fatal(err)
		}
		if err := s.Note([16]byte{i, 7}); err != nil {
			t.Fatal(err)
		}
		s = firmware.Starts{}
		if err := s.Open(f); err != nil || s.Previous() != [16]byte{i, 7} {
			t.Fatalf("anchor %d: previous is %x, %v", i, s.Previous(), err)
		}
	}
}
