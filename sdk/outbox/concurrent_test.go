package outbox_test

import (
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// One writer, one committer, one publisher and one that acknowledges, at once:
// every record is handed out once and in the order of its lane.
func TestConcurrent(t *testing.T) {
	const count = 4000
	dir := t.TempDir() + "/outbox"
	cfg := small(dir)
	cfg.FS = &faultFS{FS: outbox.DirFS(dir), lazy: true}
	q := open(t, cfg)
	urgent, live, backlog := q.Readers()
	var wg sync.WaitGroup
	appended, done := make(chan struct{}, 1), make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for n := range count {
			class := outbox.Data
			if n%10 == 0 {
				class = outbox.Alert
			}
			for {
				_, err := q.Append(record(class, n, 300))
				if err == nil {
					break
				}
				if !errors.Is(err, outbox.ErrUncommitted) && !errors.Is(err, outbox.ErrFull) {
					t.Error(err)
					return
				}
				if err := q.Commit(); err != nil {
					t.Error(err)
					return
				}
			}
			select {
			case appended <- struct{}{}:
			default:
			}
		}
	})
	wg.Go(func() {
		for last := false; !last; {
			select {
			case <-appended:
			case <-done:
				last = true
			}
			if err := q.Commit(); err != nil {
				t.Error(err)
			}
		}
	})
	ids := make(chan uint64, 64)
	wg.Go(func() {
		for id := range ids {
			if err := q.Ack(id); err != nil {
				t.Error(err)
			}
			q.Stats()
		}
	})
	publish(t, q, []*outbox.Reader{urgent, live, backlog}, count, ids)
	close(ids)
	wg.Wait()
	if st := q.Stats(); st.Records != 0 || st.Corrupt != 0 {
		t.Errorf("at the end: %+v", st)
	}
	closeQueue(t, q)
	check(t, dir)
}

// publish takes count records from the readers, first ones first.
func publish(t *testing.T, q *outbox.Queue, readers []*outbox.Reader, count int, ids chan<- uint64) {
	var last [2]uint64
	for got := 0; got < count; {
		more := q.Committed()
		idle := true
		for _, r := range readers {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				continue
			}
			if err != nil {
				t.Error(err)
				return
			}
			if rec.ID <= last[rec.ID&1] {
				t.Errorf("record %d after %d", rec.ID, last[rec.ID&1])
			}
			last[rec.ID&1] = rec.ID
			ids <- rec.ID
			got++
			idle = false
			break
		}
		if idle {
			<-more
		}
	}
	for _, r := range readers {
		r.Close()
	}
}
