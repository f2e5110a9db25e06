package outbox

import (
	"errors"
	"io"
	"time"
)

// Feed hands out what waits in the order it is to be published: alerts,
// anchors and accounts first, then data committed since the Feed was made, then
// the backlog, which may be held to a rate so that a long one does not crowd out
// what is live. It hands out every record once. A publisher takes a new one for
// every connection. A Feed is for one goroutine, and holds what three Readers
// hold.
type Feed struct {
	urgent, live, backlog *Reader

	every time.Duration // between two records of the backlog; 0: no rate
	due   time.Time     // of the next one
}

// burst is how long a Feed that was not asked may catch up, so that a rate is
// kept by a publisher that comes late now and then.
const burst = 100 * time.Millisecond

// Feed returns a Feed whose backlog has at most backlogRate records a second;
// 0 means no bound.
func (q *Queue) Feed(backlogRate float64) *Feed {
	f := &Feed{}
	f.urgent, f.live, f.backlog = q.Readers()
	if backlogRate > 0 {
		f.every = max(time.Duration(float64(time.Second)/backlogRate), 1)
	}
	return f
}

// Next returns the next record at the time now. With io.EOF there is none: then
// wait is how long to go until the backlog may have one, or 0 when only another
// commit can bring one (see Queue.Committed: take the channel before Next). Its
// other errors are those of Reader.Next.
func (f *Feed) Next(now time.Time) (r Record, wait time.Duration, err error) {
	for _, first := range []*Reader{f.urgent, f.live} {
		if r, err = first.Next(); !errors.Is(err, io.EOF) {
			return r, 0, err
		}
	}
	if wait = f.due.Sub(now); f.every > 0 && wait > 0 {
		if f.backlog.waits() {
			return Record{}, wait, io.EOF
		}
		return Record{}, 0, io.EOF
	}
	if r, err = f.backlog.Next(); err == nil && f.every > 0 {
		if late := now.Add(-burst); f.due.Before(late) {
			f.due = late
		}
		f.due = f.due.Add(f.every)
	}
	return r, 0, err
}

// waits reports whether there may be another record.
func (r *Reader) waits() bool {
	_, _, _, err := r.seek()
	return err == nil
}

// Close gives the segments free.
func (f *Feed) Close() error {
	return errors.Join(f.urgent.Close(), f.live.Close(), f.backlog.Close())
}
