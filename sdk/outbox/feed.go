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
// every connection. A Feed is for one goroutine, and holds what four Readers
// hold.
type Feed struct {
	urgent, live, backlog *Reader
	split                 uint64 // index at which live begins and backlog ends

	again []*Reader          // what may be handed out once more, one after the other
	want  func(*Record) bool // whether it is

	every time.Duration // between two records of the backlog; 0: no rate
	due   time.Time     // of the next one
	held  time.Time     // there is nothing of the backlog before
}

// burst is how long a Feed that was not asked may catch up, so that a rate is
// kept by a publisher that comes late now and then.
const burst = 100 * time.Millisecond

// Feed returns a Feed whose backlog has at most backlogRate records a second;
// 0 means no bound.
func (q *Queue) Feed(backlogRate float64) *Feed {
	f := &Feed{}
	f.urgent, f.live, f.backlog = q.Readers()
	f.split = f.live.pos
	if backlogRate > 0 {
		f.every = max(time.Duration(float64(time.Second)/backlogRate), 1)
	}
	return f
}

// NextUrgent returns the next alert, anchor or account, for a caller who has data of
// its own to hand out behind those and before the rest. Its errors are those of
// Reader.Next.
func (f *Feed) NextUrgent() (Record, error) { return f.urgent.Next() }

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
	if wait = f.untilBacklog(now); wait > 0 {
		if f.backlog.waits() || len(f.again) > 0 {
			return Record{}, wait, io.EOF
		}
		return Record{}, 0, io.EOF
	}
	if r, err = f.repeated(); errors.Is(err, io.EOF) {
		r, err = f.backlog.Next()
	}
	wait = 0
	if err == nil && f.every > 0 {
		if late := now.Add(-burst); f.due.Before(late) {
			f.due = late
		}
		f.due = f.due.Add(f.every)
	}
	if errors.Is(err, io.EOF) && len(f.again) > 0 {
		wait = 1 // it has only to look on
	}
	return r, wait, err
}

// Hold keeps the backlog back until a time.
func (f *Feed) Hold(until time.Time) { f.held = until }

// untilBacklog returns how long to go until the backlog may have a record, if it has
// one.
func (f *Feed) untilBacklog(now time.Time) time.Duration {
	wait := f.held.Sub(now)
	if f.every > 0 {
		wait = max(wait, f.due.Sub(now))
	}
	return wait
}

// passOver is how many records that are not wanted again one call of Next passes
// over, so that what is live does not wait for long.
const passOver = 64

// repeated returns the next record that is to be handed out once more. io.EOF says
// that there is none, or that it has looked for long enough.
func (f *Feed) repeated() (Record, error) {
	for passed := 0; passed < passOver && len(f.again) > 0; {
		r, err := f.again[0].Next()
		switch {
		case errors.Is(err, io.EOF):
			_ = f.again[0].Close() // nothing was written through it
			f.again = f.again[1:]
		case err != nil || f.want(&r):
			return r, err
		default:
			passed++
		}
	}
	return Record{}, io.EOF
}

// Position is how far a Feed has come. It tells which records the Feed had handed
// out by then; the zero Position tells of none.
type Position struct{ urgent, backlog, split, live uint64 } // indexes, each the next to be handed out, but split

// Position returns how far the Feed has come.
func (f *Feed) Position() Position {
	return Position{urgent: f.urgent.pos, backlog: f.backlog.pos, split: f.split, live: f.live.pos}
}

// Includes reports whether the record of an id had been handed out, or passed over
// because it was acknowledged.
func (p Position) Includes(id uint64) bool {
	index := id >> 1
	if id&1 == urgent {
		return index < p.urgent
	}
	return index < p.backlog || index >= p.split && index < p.live
}

// Again has the Feed hand out once more what it had handed out at a Position, is
// still not acknowledged, and want says true of: behind what is live, before the
// rest of the backlog, and at the backlog's rate. It ends what an earlier call began.
// want is called by Next.
func (f *Feed) Again(to Position, want func(*Record) bool) {
	_ = f.closeAgain() // nothing was written through it
	f.want = want
	q := f.urgent.q
	f.again = []*Reader{
		{q: q, lane: urgent, limit: to.urgent},
		{q: q, lane: data, limit: to.backlog},
		{q: q, lane: data, pos: to.split, limit: to.live},
	}
}

// Repeating reports whether what Again asked for is not yet all handed out.
func (f *Feed) Repeating() bool { return len(f.again) > 0 }

func (f *Feed) closeAgain() error {
	var err error
	for _, r := range f.again {
		err = errors.Join(err, r.Close())
	}
	f.again = nil
	return err
}

// waits reports whether there may be another record.
func (r *Reader) waits() bool {
	_, _, _, err := r.seek()
	return err == nil
}

// Close gives the segments free.
func (f *Feed) Close() error {
	return errors.Join(f.urgent.Close(), f.live.Close(), f.backlog.Close(), f.closeAgain())
}
