package outbox

import (
	"errors"
	"fmt"
	"io"
)

// Stretch is a run of records of one lane that lie in one file.
type Stretch struct {
	First uint64 // id of its first record, which no other stretch has
	Next  uint64 // id of the record after its last; a stretch that is written to grows
}

// Sift goes over the records that are committed and not acknowledged, alerts,
// anchors and accounts first and the oldest first, and acknowledges those that done
// says true of. It asks want before it reads a stretch of which some are left, so
// that a caller who remembers what there is need not read it again. done must not
// keep the record. An error is ErrUnread or ErrClosed, and some of the records have
// not been looked at.
func (q *Queue) Sift(want func(Stretch) bool, done func(*Record) bool) error {
	for i := range q.lanes {
		for _, s := range q.unfinished(i) {
			if !want(q.stretch(s)) {
				continue
			}
			if err := q.siftSegment(s, done); err != nil {
				return fmt.Errorf("sift the outbox: %w", err)
			}
		}
	}
	return nil
}

// unfinished returns the segments of a lane in which something is left.
func (q *Queue) unfinished(lane int) []*segment {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []*segment
	for _, s := range q.lanes[lane].segs {
		if !s.done() && !s.condemned {
			all = append(all, s)
		}
	}
	return all
}

func (q *Queue) stretch(s *segment) Stretch {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stretch{First: s.base<<1 | uint64(s.lane), Next: (s.base+s.n)<<1 | uint64(s.lane)}
}

func (q *Queue) siftSegment(s *segment, done func(*Record) bool) error {
	q.mu.Lock()
	r := &Reader{q: q, lane: s.lane, pos: s.base, limit: s.base + s.n}
	q.mu.Unlock()
	defer r.Close()
	for kept := false; ; {
		rec, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case done(&rec):
			if err := q.Ack(rec.ID); err != nil {
				return err
			}
		case !kept:
			kept = true
			q.startsAt(s, rec.ID>>1, r.off-int64(frameLen(&rec)))
		}
	}
}

// startsAt notes that all before a record are acknowledged.
func (q *Queue) startsAt(s *segment, index uint64, off int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.startIndex, s.start = index, off
}
