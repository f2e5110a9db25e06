package outbox

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Range is a run of records of one device under one anchor, without a gap.
type Range struct {
	Device   [8]byte
	Anchor   [8]byte
	From, To uint64 // first and last sequence number
	Count    uint64 // To - From + 1
}

// DropOldest drops the oldest segment of data that is not acknowledged, which
// makes room for a segment's worth of new records. Alerts, anchors and
// accounts of drops are never dropped.
//
// account is given what will be lost and returns the signed records that say
// so, of class Dropped; they are appended in the same step. The segment leaves
// the disk only with the Commit that makes them durable: until then a crash
// undoes the whole drop, so nothing is ever lost in silence. When account
// fails nothing is dropped. A nil account drops without one.
//
// It returns false when there is nothing that may be dropped, and
// ErrUncommitted when an earlier drop still waits for its Commit.
func (q *Queue) DropOldest(account func([]Range) ([]Record, error)) (bool, error) {
	s, err := q.chooseVictim()
	if s == nil || err != nil {
		return false, err
	}
	if err := q.dropSegment(s, account); err != nil {
		q.mu.Lock()
		q.drop = nil
		q.retire(&q.lanes[data]) // it may have been acknowledged meanwhile
		q.mu.Unlock()
		return false, fmt.Errorf("drop the oldest data: %w", err)
	}
	return true, nil
}

func (q *Queue) chooseVictim() (*segment, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	if q.drop != nil {
		return nil, ErrUncommitted
	}
	for _, s := range q.lanes[data].segs {
		if s.sealed && !s.done() {
			q.drop = s
			return s, nil
		}
	}
	return nil, nil
}

func (q *Queue) dropSegment(s *segment, account func([]Range) ([]Record, error)) error {
	ranges, err := q.unsent(s)
	if err != nil {
		return err
	}
	var recs []Record
	if account != nil && len(ranges) > 0 {
		if recs, err = account(ranges); err != nil {
			return err
		}
	}
	for i := range recs {
		if recs[i].Class != Dropped {
			return fmt.Errorf("account of class %v, want %v", recs[i].Class, Dropped)
		}
		if n := frameLen(&recs[i]); len(recs[i].Topic) > 0xffff || n > q.maxRecord() {
			return fmt.Errorf("account of %d bytes is longer than %d", n, q.maxRecord())
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s.condemned = true
	l := &q.lanes[urgent]
	before := *l
	for i := range recs {
		if _, err := q.append(&recs[i]); err != nil {
			*l = before // half an account would be a false one
			s.condemned = false
			return err
		}
	}
	for _, r := range ranges {
		q.dropped += r.Count
	}
	return nil
}

// unsent lists what of s would be lost with it.
func (q *Queue) unsent(s *segment) ([]Range, error) {
	var out []Range
	open := map[[16]byte]int{} // device and anchor: their last range
	err := q.each(s, func(rec Record) {
		key := [16]byte(slices.Concat(rec.Device[:], rec.Anchor[:]))
		i, ok := open[key]
		if ok && out[i].To+1 == rec.Seq {
			out[i].To++
			out[i].Count++
			return
		}
		open[key] = len(out)
		out = append(out, Range{Device: rec.Device, Anchor: rec.Anchor, From: rec.Seq, To: rec.Seq, Count: 1})
	})
	return out, err
}

// each calls visit for the records of s that are not acknowledged.
func (q *Queue) each(s *segment, visit func(Record)) error {
	q.mu.Lock()
	r := &Reader{q: q, lane: s.lane, pos: s.base, limit: s.base + s.n}
	q.mu.Unlock()
	defer r.Close()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		visit(rec)
	}
}

// Pending returns how many committed records sealed under an anchor are not
// acknowledged, the anchor's own among them: at zero its retained message may
// be cleared. It reads the segments in which some of them are acknowledged and
// some are not, so ask once a minute, not once a record.
func (q *Queue) Pending(anchor [8]byte) (int, error) {
	total := 0
	q.mu.Lock()
	var mixed []*segment
	for i := range q.lanes {
		for _, s := range q.lanes[i].segs {
			switch n := s.anchors.get(anchor); {
			case s.done() || s.condemned || n == 0 && !s.anchors.overflow:
			case s.nacked == 0 && !s.anchors.overflow:
				total += int(n)
			default:
				mixed = append(mixed, s)
			}
		}
	}
	q.mu.Unlock()
	for _, s := range mixed {
		err := q.each(s, func(rec Record) {
			if rec.Anchor == anchor {
				total++
			}
		})
		if err != nil {
			return 0, fmt.Errorf("count records under an anchor: %w", err)
		}
	}
	return total, nil
}

// oldest remembers the answer of Oldest for as long as it is the same record.
type oldest struct {
	id   uint64
	time time.Time
}

// Oldest returns when the oldest record that is not acknowledged was appended,
// and the zero Time when there is none.
func (q *Queue) Oldest() (time.Time, error) {
	var first time.Time
	for i := range q.lanes {
		t, err := q.oldestIn(i)
		if err != nil {
			return time.Time{}, fmt.Errorf("read the oldest record: %w", err)
		}
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first, nil
}

func (q *Queue) oldestIn(lane int) (time.Time, error) {
	r := &Reader{q: q, lane: lane, limit: math.MaxUint64}
	defer r.Close()
	if _, _, _, err := r.seek(); errors.Is(err, io.EOF) {
		return time.Time{}, nil
	} else if err != nil {
		return time.Time{}, err
	}
	q.mu.Lock()
	known := q.oldest[lane]
	q.mu.Unlock()
	if known.id == r.pos {
		return known.time, nil
	}
	rec, err := r.Next()
	if errors.Is(err, io.EOF) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.oldest[lane] = oldest{id: rec.ID >> 1, time: rec.Time}
	return rec.Time, nil
}
