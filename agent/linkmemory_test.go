package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/sdk"
)

func sessionOf(n uint32) agent.LinkSession {
	return agent.LinkSession{
		KeyID: [8]byte{1, 2, 3}, Session: 77, Next: n, Told: n / 2, Dropped: n / 3,
		Carried: sdk.Carried{EID: [8]byte{4}, Seq: uint64(n), Head: [16]byte{5, 15: 6}, Boot: 7},
	}
}

// none has no record stored.
func none(uint64) (bool, error) { return false, nil }

func openMemory(t *testing.T, dir string) *agent.LinkMemory {
	t.Helper()
	m, err := agent.OpenLinkMemory(dir, "monitor-4", none)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMemoryOfALink stores, and cuts the last write short at each byte: what was
// stored before is remembered then.
func TestMemoryOfALink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "link-monitor-4")
	m := openMemory(t, dir)
	if m.Last() != (agent.LinkSession{}) {
		t.Errorf("a new memory has %+v", m.Last())
	}
	var images [][]byte
	for n := uint32(1); n <= 5; n++ {
		if err := m.Store(sessionOf(n)); err != nil {
			t.Fatal(err)
		}
		image, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, image)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = openMemory(t, dir)
	if m.Last() != sessionOf(5) {
		t.Errorf("remembered %+v", m.Last())
	}
	m.Close()
	before, after := images[3], images[4]
	for i := range after {
		torn := append(append([]byte(nil), after[:i]...), before[i:]...)
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		m := openMemory(t, dir)
		if last := m.Last(); last != sessionOf(4) && last != sessionOf(5) {
			t.Errorf("torn after %d bytes: %+v", i, last)
		}
		m.Close()
	}
}

// TestDamagedMemoryOfALink flips every bit of the newest slot, and has other files
// in its place.
func TestDamagedMemoryOfALink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "link-monitor-4")
	m := openMemory(t, dir)
	for n := uint32(1); n <= 2; n++ {
		if err := m.Store(sessionOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * agent.MemorySize {
		bad := append([]byte(nil), image...)
		bad[bit/8] ^= 1 << (bit % 8) // of the first slot
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		m := openMemory(t, dir)
		if m.Last() != sessionOf(1) && m.Last() != sessionOf(2) {
			t.Fatalf("bit %d flipped: %+v", bit, m.Last())
		}
		m.Close()
	}
	for _, text := range []string{"", "VSL1", "this is no memory of a link, and long enough to be taken for one, twice over; this is no memory of a link at all, but text"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := openMemory(t, dir)
		if m.Last() != (agent.LinkSession{}) {
			t.Errorf("%q: %+v", text, m.Last())
		}
		m.Close()
	}
}

func FuzzMemory(f *testing.F) {
	dir := f.TempDir()
	m, err := agent.OpenLinkMemory(dir, "x", none)
	if err != nil {
		f.Fatal(err)
	}
	if err := m.Store(sessionOf(9)); err != nil {
		f.Fatal(err)
	}
	m.Close()
	image, err := os.ReadFile(filepath.Join(dir, "link-x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(image[agent.MemorySlot:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var slot [agent.MemorySize]byte
		copy(slot[:], b)
		if s, ok := agent.ParseMemory(slot); ok && s != sessionOf(9) {
			t.Logf("another good slot: %+v", s)
		}
	})
}
