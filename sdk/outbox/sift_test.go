package outbox_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// Sifting goes on beside a writer and a committer: every record is acknowledged
// once, and none is taken for damaged.
func TestSiftBesideCommits(t *testing.T) {
	const count = 20000
	dir := t.TempDir() + "/outbox"
	cfg := small(dir)
	cfg.FS = &faultFS{FS: outbox.DirFS(dir), lazy: true}
	q := open(t, cfg)
	var wg sync.WaitGroup
	work := make(chan struct{}, 1)
	wg.Go(func() {
		defer close(work)
		for n := 0; n < count; {
			class := outbox.Data
			if n%10 == 0 {
				class = outbox.Alert
			}
			_, err := q.Append(record(class, n, 100))
			switch {
			case err == nil:
				n++
				continue
			case errors.Is(err, outbox.ErrFull):
				if _, err := q.DropOldest(nil); err != nil && !errors.Is(err, outbox.ErrUncommitted) {
					t.Error(err)
				}
			case !errors.Is(err, outbox.ErrUncommitted):
				t.Error(err)
				return
			}
			if err := q.Commit(); err != nil {
				t.Error(err)
			}
			select {
			case work <- struct{}{}:
			default:
			}
		}
		if err := q.Commit(); err != nil {
			t.Error(err)
		}
	})
	seen := map[uint64]int{}
	passes := 0
	pass := func(some uint64) {
		passes++
		all := func(outbox.Stretch) bool { return true }
		if err := q.Sift(all, func(r *outbox.Record) bool {
			if r.ID>>1%some != 0 {
				return false
			}
			seen[r.ID]++
			return true
		}); err != nil {
			t.Error(err)
		}
	}
	for range work {
		pass(3)
	}
	wg.Wait()
	pass(1)
	st := q.Stats()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("record %d was acknowledged %d times", id, n)
		}
	}
	if st.Records != 0 || st.Corrupt != 0 || uint64(len(seen))+st.Dropped < count {
		t.Errorf("%d of %d sifted in %d passes; at the end: %+v", len(seen), count, passes, st)
	}
	t.Logf("%d records, %d sifted in %d passes, %d dropped", count, len(seen), passes, st.Dropped)
	closeQueue(t, q)
	check(t, dir)
}
