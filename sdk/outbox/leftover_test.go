package outbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// failing opens an outbox without syncs whose operations can be made to fail.
func failing(t *testing.T, dir string) (*outbox.Queue, *faultFS) {
	t.Helper()
	fs := &faultFS{FS: outbox.DirFS(dir), lazy: true}
	cfg := small(dir)
	cfg.FS = fs
	return open(t, cfg), fs
}

// failCommit commits while op fails.
func failCommit(t *testing.T, q *outbox.Queue, fs *faultFS, op string) {
	t.Helper()
	fs.set(func(o string) error {
		if o == op {
			return syscall.EIO
		}
		return nil
	})
	defer fs.set(nil)
	if err := q.Commit(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("commit with a failing %s: %v", op, err)
	}
}

// crashed opens what a crash of q would leave now.
func crashed(t *testing.T, dir string, q *outbox.Queue) *outbox.Queue {
	t.Helper()
	img := snapshot(t, dir)
	closeQueue(t, q)
	img.restore(t, dir)
	check(t, dir)
	q = open(t, small(dir))
	if st := q.Stats(); st.Corrupt != 0 {
		t.Fatalf("damage where none was: %+v", st)
	}
	return q
}

func addMany(t *testing.T, q *outbox.Queue, from, to int) (ids []uint64) {
	t.Helper()
	for n := from; n < to; n++ {
		ids = append(ids, add(t, q, record(outbox.Data, n, 300)))
	}
	return ids
}

// failSuccessor commits the records from n to 99 and fails to commit one more,
// which does not fit: their segment gets its summary and no successor.
func failSuccessor(t *testing.T, q *outbox.Queue, fs *faultFS, n int) {
	t.Helper()
	addMany(t, q, n, 100)
	commit(t, q)
	add(t, q, record(outbox.Data, 100, 40000))
	failCommit(t, q, fs, "create")
}

// What a failed commit left in its segment was committed again to the next
// one. It stays superseded when all of that is acknowledged: it neither comes
// back nor is taken for damage.
func TestLeftoversStaySuperseded(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	q, fs := failing(t, dir)
	addMany(t, q, 0, 4)
	commit(t, q) // the first segment
	again := addMany(t, q, 4, 12)
	failCommit(t, q, fs, "write") // half of them are in the first segment
	commit(t, q)                  // all are in the second
	addMany(t, q, 12, 13)
	failCommit(t, q, fs, "sync")
	for _, id := range again {
		ack(t, q, id)
	}
	closeQueue(t, q) // number 12 goes to the third
	check(t, dir)
	for range 2 {
		q = open(t, small(dir))
		got := waiting(t, q)
		if len(got) != 5 || number(t, got[4]) != 12 {
			t.Fatalf("%d records wait, want 0 to 3 and 12", len(got))
		}
		if st := q.Stats(); st.Corrupt != 0 || st.Torn != 0 {
			t.Fatalf("damage where none was: %+v", st)
		}
		closeQueue(t, q)
	}
	q = open(t, small(dir))
	for _, r := range waiting(t, q) {
		ack(t, q, r.ID)
	}
	if st := q.Stats(); st.Segments != 1 {
		t.Errorf("%d segments are kept for nothing: %+v", st.Segments, st)
	}
	closeQueue(t, q)
}

// Whatever became of the segment that had a lane's last records, a crash does
// not make the lane give their ids again.
func TestIDsAreNotGivenAgain(t *testing.T) {
	ackAll := func(t *testing.T, q *outbox.Queue) {
		for _, r := range waiting(t, q) {
			ack(t, q, r.ID)
		}
	}
	for name, lose := range map[string]func(*testing.T, string, *outbox.Queue, *faultFS) *outbox.Queue{
		"failed and acknowledged": func(t *testing.T, _ string, q *outbox.Queue, fs *faultFS) *outbox.Queue {
			addMany(t, q, 8, 9)
			failCommit(t, q, fs, "sync")
			ackAll(t, q)
			return q
		},
		"full, acknowledged, and no successor": func(t *testing.T, _ string, q *outbox.Queue, fs *faultFS) *outbox.Queue {
			failSuccessor(t, q, fs, 8)
			ackAll(t, q)
			return q
		},
		"full, no successor, and dropped": func(t *testing.T, dir string, q *outbox.Queue, fs *faultFS) *outbox.Queue {
			failSuccessor(t, q, fs, 8)
			q = crashed(t, dir, q)
			account := func([]outbox.Range) ([]outbox.Record, error) {
				return []outbox.Record{record(outbox.Dropped, 300, 100)}, nil
			}
			if ok, err := q.DropOldest(account); !ok || err != nil {
				t.Fatal(ok, err)
			}
			commit(t, q)
			if got := waiting(t, q); len(got) != 1 || got[0].Class != outbox.Dropped {
				t.Fatalf("%d records wait after the drop, want its account", len(got))
			}
			return q
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/outbox"
			q, fs := failing(t, dir)
			ids := addMany(t, q, 0, 8)
			commit(t, q)
			q = crashed(t, dir, lose(t, dir, q, fs))
			if id := add(t, q, record(outbox.Data, 400, 300)); id <= ids[7] {
				t.Errorf("id %d is given after %d was committed", id, ids[7])
			}
			closeQueue(t, q)
		})
	}
}

// A crash between a segment's summary and its successor: nothing is committed
// behind the summary, where a later Open would not look.
func TestCrashBehindSummary(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	q, fs := failing(t, dir)
	failSuccessor(t, q, fs, 0)
	img := snapshot(t, dir)
	closeQueue(t, q)
	img.restore(t, dir)
	q, fs = failing(t, dir)
	addMany(t, q, 100, 101)
	commit(t, q)
	addMany(t, q, 101, 102)
	failCommit(t, q, fs, "sync")
	commit(t, q)
	expectLast(t, q, 102, 102)
	closeQueue(t, q)
	check(t, dir)
	q = open(t, small(dir))
	expectLast(t, q, 102, 102)
	closeQueue(t, q)
}

// A spare file that somebody removed is not waited for.
func TestRemovedSpare(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	q := open(t, small(dir))
	addMany(t, q, 0, 1)
	commit(t, q)
	spares, err := filepath.Glob(dir + "/*.spare")
	if err != nil || len(spares) == 0 {
		t.Fatal(spares, err)
	}
	for _, name := range spares {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	add(t, q, record(outbox.Alert, 1, 300))
	commit(t, q)
	if got := waiting(t, q); len(got) != 2 {
		t.Errorf("%d records wait, want 2", len(got))
	}
	closeQueue(t, q)
}
