package firmware_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
)

var errPower = errors.New("power is gone")

// flash is NOR memory whose power can be cut at any byte of a write or an
// erasure.
type flash struct {
	t     testing.TB
	mem   []byte
	write int64
	erase int64

	fuel    int // bytes until the power is cut; negative: never
	torn    tear
	random  *rand.Rand
	dead    bool
	touched int          // bytes written or erased
	stuck   map[int]bool // bytes whose bits cannot be cleared
	noTwice bool         // memory that cannot be overwritten at all
	writes  int
	erases  int
}

// tear is what a cut leaves of the operation it interrupts.
type tear int

const (
	tearPrefix tear = iota // what was done before it, exactly
	tearRandom             // any bits that the operation was to change, of all its bytes
	tearSuffix             // what would have been done after it
	tears
)

func newFlash(t testing.TB, size, write, erase int64) *flash {
	f := &flash{t: t, mem: make([]byte, size), write: write, erase: erase, fuel: -1, random: rand.New(rand.NewPCG(1, 2))}
	for i := range f.mem {
		f.mem[i] = 0xff
	}
	return f
}

func (f *flash) Size() int64           { return int64(len(f.mem)) }
func (f *flash) WriteBlockSize() int64 { return f.write }
func (f *flash) EraseBlockSize() int64 { return f.erase }

func (f *flash) ReadAt(p []byte, off int64) (int, error) {
	if f.dead {
		return 0, errPower
	}
	return copy(p, f.mem[off:]), nil
}

func (f *flash) WriteAt(p []byte, off int64) (int, error) {
	if off%f.write != 0 || int64(len(p))%f.write != 0 || off < 0 || off+int64(len(p)) > f.Size() {
		f.t.Fatalf("write of %d bytes at %d", len(p), off)
	}
	f.writes++
	for i, b := range p {
		if was := f.mem[off+int64(i)]; was&b != b {
			f.t.Fatalf("byte %#x is written over %#x at %d", b, was, off+int64(i))
		}
	}
	return len(p), f.change(int(off), len(p), func(i int) byte {
		switch {
		case f.stuck[i], f.noTwice && f.mem[i] != 0xff:
			return f.mem[i]
		}
		return f.mem[i] & p[i-int(off)]
	})
}

func (f *flash) EraseBlocks(start, n int64) error {
	if start < 0 || n < 1 || (start+n)*f.erase > f.Size() {
		f.t.Fatalf("erasing of %d blocks from %d", n, start)
	}
	f.erases++
	return f.change(int(start*f.erase), int(n*f.erase), func(int) byte { return 0xff })
}

// change changes n bytes, or fewer if the power goes.
func (f *flash) change(off, n int, to func(int) byte) error {
	if f.dead {
		return errPower
	}
	if f.fuel < 0 || n <= f.fuel {
		for i := range n {
			f.mem[off+i] = to(off + i)
		}
		f.touched += n
		f.fuel = max(f.fuel-n, min(f.fuel, 0))
		return nil
	}
	for i := range n {
		was, now := f.mem[off+i], to(off+i)
		switch {
		case f.torn == tearRandom:
			pick := byte(f.random.Uint32())
			f.mem[off+i] = was&^pick | now&pick
		case (f.torn == tearPrefix) == (i < f.fuel):
			f.mem[off+i] = now
		}
	}
	f.dead = true
	return errPower
}

// cycle turns the power off and on: it goes again after fuel bytes.
func (f *flash) cycle(fuel int) { f.dead, f.fuel = false, fuel }

var (
	testSeed = [32]byte{1, 2, 3}
	testPSK  = [32]byte{4, 5, 6}
)

// provisioned returns the slot of a new device.
func provisioned(t testing.TB, write, erase int64) *flash {
	t.Helper()
	size := firmware.SlotSize(write, erase)
	f := newFlash(t, size+erase, write, erase) // other data lies before it
	image, err := firmware.AppendProvision(nil, "ward-3", &testSeed, &testPSK)
	if err != nil || len(image) != firmware.ProvisionSize {
		t.Fatalf("%d bytes, %v", len(image), err)
	}
	copy(f.mem[f.Size()-size:], image)
	return f
}
