package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/sdk"
)

// below is an outbox whose next record has the given id.
func below(next uint64) sdk.Recover {
	return func(id uint64) (bool, error) { return id < next, nil }
}

func openIntents(t *testing.T, dir string, stored sdk.Recover) *agent.LinkMemory {
	t.Helper()
	m, err := agent.OpenLinkMemory(dir, "board", stored)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// intend notes frame n with record 2n.
func intend(t *testing.T, m *agent.LinkMemory, n uint32, committed bool) {
	t.Helper()
	p := agent.After(sessionOf(n), uint64(n))
	if err := m.Intend(p, uint64(2*n)); err != nil {
		t.Fatal(err)
	}
	if committed {
		m.Committed(p, uint64(2*n))
	}
}

// TestIntents crashes with each number of notes and commits, and opens the memory
// with outboxes that hold each number of records.
func TestIntents(t *testing.T) {
	for written := range uint32(5) { // all but the last are committed
		for next := range uint64(12) {
			dir := t.TempDir()
			m := openIntents(t, dir, below(0))
			for n := uint32(1); n <= written; n++ {
				intend(t, m, n, n < written)
			}
			m.Close()
			m = openIntents(t, dir, below(next))
			var want agent.LinkSession
			for n := written; n > 0 && n+2 > written; n-- { // two slots
				if uint64(2*n) < next {
					want = sessionOf(n)
					break
				}
			}
			if m.Last() != want || m.Unknown() != (want.Session == 0 && written > 0) {
				t.Errorf("%d written, next is %d: %+v, unknown %v, want %+v", written, next, m.Last(), m.Unknown(), want)
			}
			m.Close()
			// What was struck out does not become true when its id is given again.
			m = openIntents(t, dir, below(1000))
			if m.Last() != want {
				t.Errorf("%d written, next was %d: becomes %+v", written, next, m.Last())
			}
			m.Close()
		}
	}
}

// TestIntentsThatAreNotCommitted has commits fail: what was committed last stays.
func TestIntentsThatAreNotCommitted(t *testing.T) {
	dir := t.TempDir()
	m := openIntents(t, dir, below(0))
	intend(t, m, 1, true)
	for n := uint32(2); n < 9; n++ {
		intend(t, m, n, false)
		if m.Last() != sessionOf(1) {
			t.Fatalf("%+v before anything is committed", m.Last())
		}
	}
	m.Close()
	m = openIntents(t, dir, below(3))
	defer m.Close()
	if m.Last() != sessionOf(1) {
		t.Errorf("%+v", m.Last())
	}
}

// TestTornIntents cuts each write short at each byte.
func TestTornIntents(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "link-board")
	m := openIntents(t, dir, below(0))
	before := make([]byte, 2*agent.MemorySlot)
	for n := uint32(1); n < 6; n++ {
		intend(t, m, n, true)
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		after = append(after, make([]byte, len(before)-len(after))...)
		for i := range after {
			if err := os.WriteFile(path+"-torn", append(append([]byte(nil), after[:i]...), before[i:]...), 0o600); err != nil {
				t.Fatal(err)
			}
			torn, err := agent.OpenLinkMemory(dir, "board-torn", below(uint64(2*n))) // the commit did not come to be
			if err != nil {
				t.Fatal(err)
			}
			want := sessionOf(n - 1)
			if n == 1 {
				want = agent.LinkSession{}
			}
			if torn.Last() != want {
				t.Fatalf("write %d torn after %d bytes: %+v", n, i, torn.Last())
			}
			torn.Close()
		}
		before = after
	}
	m.Close()
}

// TestOwedIntents cannot write: Committed is not forgotten, and flush makes up for it.
func TestOwedIntents(t *testing.T) {
	dir := t.TempDir()
	m := openIntents(t, dir, below(0))
	intend(t, m, 1, true)
	m.Committed(agent.After(sessionOf(2), 2), 4) // never noted
	if m.Last() != sessionOf(1) {
		t.Errorf("%+v is not on disk", m.Last())
	}
	if err := m.Flush(); err != nil || m.Last() != sessionOf(2) {
		t.Errorf("%+v, %v", m.Last(), err)
	}
	m.Close()
	if err := m.Intend(agent.After(sessionOf(3), 3), 6); err == nil {
		t.Error("noted in a file that is closed")
	}
	m = openIntents(t, dir, below(0))
	defer m.Close()
	if m.Last() != sessionOf(2) || m.Unknown() {
		t.Errorf("%+v", m.Last())
	}
}

// TestIntentsOfAlarms has alarms come ahead of readings, and of frames that come later.
func TestIntentsOfAlarms(t *testing.T) {
	dir := t.TempDir()
	m := openIntents(t, dir, below(0))
	step := func(p sdk.Progress, id uint64, next, frame, count uint32) {
		t.Helper()
		if err := m.Intend(p, id); err != nil {
			t.Fatal(err)
		}
		m.Committed(p, id)
		s := m.Last()
		if s.Next != next || s.Alerts.Frame != frame || s.Alerts.Count != count {
			t.Errorf("next %d, alarms up to %+v, want %d, %d, %d", s.Next, s.Alerts, next, frame, count)
		}
	}
	step(agent.After(sessionOf(10), 1), 2, 10, 0, 0)
	step(agent.AfterAlerts(sessionOf(12), 0, 1), 4, 10, 11, 1)
	step(agent.AfterAlerts(sessionOf(12), 0, 2), 6, 10, 11, 2)
	step(agent.AfterAlerts(sessionOf(14), 3, 1), 8, 10, 13, 4)
	step(agent.After(sessionOf(12), 2), 10, 12, 13, 4)
	step(agent.After(sessionOf(14), 3), 12, 14, 0, 0)
	m.Close()
}

// TestUnreadableOutbox cannot say what it holds: the memory is not opened, and not changed.
func TestUnreadableOutbox(t *testing.T) {
	dir := t.TempDir()
	m := openIntents(t, dir, below(0))
	intend(t, m, 1, true)
	m.Close()
	broken := errors.New("the disk cannot be read")
	if _, err := agent.OpenLinkMemory(dir, "board", func(uint64) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Errorf("opened: %v", err)
	}
	m = openIntents(t, dir, below(3))
	defer m.Close()
	if m.Last() != sessionOf(1) {
		t.Errorf("%+v", m.Last())
	}
}
