package outbox_test

import (
	"path/filepath"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

func stored(t *testing.T, q *outbox.Queue, id uint64) bool {
	t.Helper()
	ok, err := q.Stored(id)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// TestStored asks for records of both lanes before and after they are committed,
// acknowledged, and found again.
func TestStored(t *testing.T) {
	conf := small(filepath.Join(t.TempDir(), "outbox"))
	q := open(t, conf)
	ids := map[uint64]bool{}
	for n, class := range []outbox.Class{outbox.Data, outbox.Alert, outbox.Data, outbox.Anchor, outbox.Data} {
		next := q.Next(class)
		id := add(t, q, record(class, n, 100))
		if id != next || q.Next(class) != id+2 {
			t.Errorf("record %d has the id %d, told before as %d", n, id, next)
		}
		if ids[id] = true; stored(t, q, id) {
			t.Errorf("record %d is stored, and nothing is committed", n)
		}
	}
	commit(t, q)
	for range 2 {
		for id := range ids {
			if !stored(t, q, id) || stored(t, q, id+uint64(2*len(ids))) {
				t.Errorf("record %d: stored %v", id, stored(t, q, id))
			}
			ack(t, q, id)
		}
		closeQueue(t, q)
		q = open(t, conf)
	}
	if stored(t, q, 0) || stored(t, q, 1) {
		t.Error("there is no record 0")
	}
	for range 300 { // until the first segments are gone
		id := add(t, q, record(outbox.Data, 1, 2000))
		commit(t, q)
		ack(t, q, id)
	}
	for id := range ids {
		if !stored(t, q, id) {
			t.Errorf("record %d is not stored any more", id)
		}
	}
	closeQueue(t, q)
}

// TestDamagedIsNotStored flips a bit in one record of three.
func TestDamagedIsNotStored(t *testing.T) {
	conf := small(filepath.Join(t.TempDir(), "outbox"))
	q := open(t, conf)
	var ids []uint64
	for n := range few {
		ids = append(ids, add(t, q, record(outbox.Data, n, 8)))
	}
	commit(t, q)
	next := q.Next(outbox.Data)
	closeQueue(t, q)
	img := snapshot(t, conf.Dir)
	name, _ := img.last()
	img[name][first+few/2*frame+frame/2] ^= 1
	img.restore(t, conf.Dir)
	q = open(t, conf)
	defer closeQueue(t, q)
	if q.Next(outbox.Data) < next {
		t.Errorf("ids go on at %d, and %d was the next", q.Next(outbox.Data), next)
	}
	for n, id := range ids {
		if got := stored(t, q, id); got != (n != few/2) {
			t.Errorf("record %d: stored %v", n, got)
		}
	}
}
