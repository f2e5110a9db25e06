package outbox

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
)

const (
	acksBeside = 64   // acknowledgements that are worth a frame beside records
	acksAlone  = 4096 // and a write of their own
	maxSpares  = 2
	// urgentSpares is how many files of the urgent lane's reserve are on the disk
	// beforehand, for when others have filled it.
	urgentSpares = 1
)

// Commit makes all that was appended before it durable: one write and one
// fdatasync for each lane that has something, the urgent lane first, and a
// directory fsync when a segment was begun. After an error nothing is
// pretended and nothing is lost: what is not on disk is still in memory, the
// segment is not written to again, and the next Commit writes all of it to a
// new one.
func (q *Queue) Commit() error {
	q.commitMu.Lock()
	defer q.commitMu.Unlock()
	q.mu.Lock()
	closed := q.closed
	q.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return q.commit(false)
}

func (q *Queue) commit(closing bool) error {
	q.mu.Lock()
	drop := q.drop
	if drop != nil && !drop.condemned {
		drop = nil
	}
	q.mu.Unlock()
	for i := range q.lanes {
		if err := q.commitLane(&q.lanes[i], closing); err != nil {
			return fmt.Errorf("commit to outbox: %w", err)
		}
	}
	q.recycle()
	if drop != nil {
		if err := q.bury(drop); err != nil {
			return fmt.Errorf("commit to outbox: %w", err)
		}
	}
	if !closing {
		q.measure()
		q.stock()
	}
	return nil
}

// commitLane writes the lane's pending frames, which stay out of Append's way
// meanwhile.
func (q *Queue) commitLane(l *lane, closing bool) error {
	q.mu.Lock()
	work := l.pending
	l.pending, l.spare, l.flight = l.spare[:0], nil, len(work)
	var acks []byte
	unsaved := l.unsaved
	if unsaved >= acksAlone || len(work) > 0 && unsaved >= acksBeside || closing && unsaved > 0 {
		acks = l.appendAcks(nil)
	}
	q.mu.Unlock()

	rest, err := q.write(l, work, acks)

	q.mu.Lock()
	defer q.mu.Unlock()
	l.flight = 0
	if err == nil {
		l.spare = work[:0]
		if acks != nil {
			l.unsaved -= unsaved
		}
	} else {
		l.pending = append(rest[:len(rest):len(rest)], l.pending...)
	}
	l.replan(q.segBytes)
	return err
}

// replan works out anew where the pending frames will go.
func (l *lane) replan(segBytes int64) {
	l.planned, l.planOff = 0, 0
	if s := l.active(); s != nil && s.size == segBytes {
		l.planOff = s.end
	}
	for b := l.pending; len(b) > 0; {
		n := int(binary.BigEndian.Uint32(b[8:]))
		l.plan(n, l.planOff == 0 || l.planOff+int64(n)+terminator > segBytes-footerLen)
		b = b[n:]
	}
}

// write takes frames to the disk, a segment's worth at a time, and returns
// those that did not get there.
func (q *Queue) write(l *lane, work, acks []byte) (rest []byte, err error) {
	for len(work) > 0 || acks != nil {
		q.mu.Lock()
		s := l.active()
		q.mu.Unlock()
		room := int64(0)
		if s != nil {
			room = s.limit() - s.end - terminator
		}
		if need := int64(len(acks) + firstFrame(work)); s == nil || room < need {
			if s, err = q.rotate(l, s); err != nil {
				return work, err
			}
			room = s.limit() - s.end - terminator
		}
		if acks == nil && s.end == headerLen {
			q.mu.Lock()
			acks = l.appendAcks(nil)
			q.mu.Unlock()
		}
		n := fitting(work, room-int64(len(acks)))
		if err := q.writeTo(s, acks, work[:n]); err != nil {
			q.fail(l, s)
			return work, fmt.Errorf("segment %q: %w", s.name(), err)
		}
		q.publish(l, s, len(acks), work[:n])
		work, acks = work[n:], nil
	}
	return nil, nil
}

func firstFrame(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return int(binary.BigEndian.Uint32(b[8:]))
}

// fitting is the length of the frames at the start of b that fit room bytes.
func fitting(b []byte, room int64) int {
	n := 0
	for n < len(b) {
		next := n + firstFrame(b[n:])
		if int64(next) > room {
			break
		}
		n = next
	}
	return n
}

// writeTo is the one write and one fdatasync.
func (q *Queue) writeTo(s *segment, acks, frames []byte) error {
	b := q.wbuf[:0]
	off := s.end
	if s.end == headerLen {
		b = append(b, s.header()...)
		off = 0
	}
	sums := len(b)
	b = append(append(b, acks...), frames...)
	for sums < len(b) {
		sums += sumFrame(b[sums:], s.seed)
	}
	b = append(b, 0, 0, 0, 0)
	q.wbuf = b[:0]
	if _, err := s.file.WriteAt(b, off); err != nil {
		return err
	}
	return s.file.Sync()
}

// publish shows readers what is durable now.
func (q *Queue) publish(l *lane, s *segment, acks int, frames []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.end += int64(acks + len(frames))
	for b := frames; len(b) > 0; b = b[firstFrame(b):] {
		s.anchors.add(frame(b).anchor())
		s.n++
		l.stored++
	}
	if len(frames) > 0 {
		q.wake()
	}
}

// fail gives a segment up. What was committed to it stays readable; a failed
// fdatasync has left pages of which nothing is known, so it is never repeated.
func (q *Queue) fail(l *lane, s *segment) {
	s.file.Close() // nothing can be learned from its error
	s.file = nil
	q.mu.Lock()
	s.sealed, s.failed = true, true
	q.retire(l)
	q.mu.Unlock()
	q.recycle()
}

// rotate seals s, if there is one, and begins the lane's next segment. Only
// then may s go: a lane never is without a segment that says where it goes on.
func (q *Queue) rotate(l *lane, s *segment) (*segment, error) {
	if s != nil {
		// The footer spares Open a scan. It is not synced: without it, Open scans.
		_, _ = s.file.WriteAt(s.footer(), s.limit())
		_ = s.file.Close()
		s.file = nil
		q.mu.Lock()
		s.sealed = true
		q.mu.Unlock()
	}
	next, err := q.begin(l)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	q.retire(l)
	q.mu.Unlock()
	q.recycle()
	return next, nil
}

// begin makes the lane's next segment, from a spare file when there is one:
// writing over blocks that were written before changes no metadata, which is
// most of what a small commit costs.
func (q *Queue) begin(l *lane) (*segment, error) {
	var random [4]byte
	rand.Read(random[:])
	q.gen++
	s := &segment{lane: l.id, base: l.stored, size: q.segBytes, end: headerLen}
	s.salt = uint64(q.gen)<<32 | uint64(binary.BigEndian.Uint32(random[:]))
	s.seed = seedOf(s.salt)
	var err error
	if s.file, err = q.makeFile(s.name(), l.id); err != nil {
		return nil, err
	}
	if err := q.fs.SyncDir(); err != nil {
		s.file.Close()            // nothing was written to it
		_ = q.fs.Remove(s.name()) // else Open removes it
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	l.segs = append(l.segs, s)
	l.planned = max(l.planned-1, 0)
	return s, nil
}

// makeFile takes a spare file or makes one. The last spare is for the urgent
// lane, unless the bound leaves data nothing else.
func (q *Queue) makeFile(name string, lane int) (File, error) {
	q.mu.Lock()
	spare := ""
	if n := len(q.spares); n > urgentSpares || n > 0 && (lane == urgent || q.files() > q.maxSegs) {
		spare, q.spares = q.spares[n-1], q.spares[:n-1]
	}
	q.mu.Unlock()
	if spare == "" {
		q.makeWay()
		f, err := q.fs.Create(name, q.segBytes)
		for err != nil && q.dropBad() {
			f, err = q.fs.Create(name, q.segBytes)
		}
		return f, err
	}
	err := q.fs.Rename(spare, name)
	if errors.Is(err, fs.ErrNotExist) { // somebody removed it
		return q.makeFile(name, lane)
	}
	if err != nil {
		q.mu.Lock()
		q.spares = append(q.spares, spare)
		q.mu.Unlock()
		return nil, err
	}
	return q.fs.Open(name)
}

// recycle turns dead segments into spares, or deletes them. A file that
// resists is tried again the next time.
func (q *Queue) recycle() {
	q.mu.Lock()
	dead := q.dead
	q.dead = nil
	q.mu.Unlock()
	for _, s := range dead {
		if err := q.discard(s); err != nil {
			q.mu.Lock()
			q.dead = append(q.dead, s)
			q.mu.Unlock()
		}
	}
}

func (q *Queue) discard(s *segment) error {
	if s.damaged {
		return q.quarantine(s)
	}
	q.mu.Lock()
	keep := len(q.spares) < maxSpares && s.size == q.segBytes && !s.failed
	q.mu.Unlock()
	if !keep {
		return q.fs.Remove(s.name())
	}
	spare := strconv.FormatUint(s.salt, 16) + spareSuffix
	if err := q.fs.Rename(s.name(), spare); err != nil {
		return err
	}
	q.mu.Lock()
	q.spares = append(q.spares, spare)
	q.mu.Unlock()
	return nil
}

// bury lets a dropped segment go, durably, so that it does not come back
// after its loss was accounted for.
func (q *Queue) bury(s *segment) error {
	l := &q.lanes[s.lane]
	if !s.gone {
		q.mu.Lock()
		last := l.segs[len(l.segs)-1] == s
		q.mu.Unlock()
		if last { // it alone says where the lane goes on
			if _, err := q.begin(l); err != nil {
				return err
			}
		}
		if err := q.discard(s); err != nil {
			return err
		}
		q.mu.Lock()
		l.remove(s)
		q.retire(l)
		l.replan(q.segBytes)
		q.mu.Unlock()
		q.recycle()
	}
	if err := q.fs.SyncDir(); err != nil {
		return err
	}
	q.mu.Lock()
	q.drop = nil
	q.mu.Unlock()
	return nil
}

// appendAcks appends a frame that says which records of the lane need no
// sending, as runs counted from the oldest segment on. What does not fit is
// forgotten, which costs sending it again.
func (l *lane) appendAcks(dst []byte) []byte {
	if len(l.segs) == 0 {
		return dst
	}
	start := len(dst)
	be := binary.BigEndian
	dst = be.AppendUint64(dst, 0)
	dst = be.AppendUint32(dst, 0)
	dst = append(dst, kindAcks, 0, 0, 0)
	at := l.segs[0].base
	dst = be.AppendUint64(dst, at)
	for run := range l.ackedRuns {
		if len(dst)-start > maxAcks-2*binary.MaxVarintLen64 {
			break
		}
		dst = binary.AppendUvarint(dst, run[0]-at)
		dst = binary.AppendUvarint(dst, run[1]-run[0])
		at = run[1]
	}
	be.PutUint32(dst[start+8:], uint32(len(dst)-start))
	return dst
}

// ackedRuns yields the runs [from, to) of indexes that need no sending, in
// order. What is missing between two segments was in some that are gone, but
// whose removal a power cut may undo.
func (l *lane) ackedRuns(yield func([2]uint64) bool) {
	var run [2]uint64
	add := func(from, to uint64) bool {
		if from >= to {
			return true
		}
		if from > run[1] {
			if run[1] > run[0] && !yield(run) {
				return false
			}
			run[0] = from
		}
		run[1] = to
		return true
	}
	for k, s := range l.segs {
		if k > 0 && !add(l.segs[k-1].base+l.segs[k-1].n, s.base) {
			return
		}
		for i := s.next(0, true); i < s.n; {
			j := s.next(i, false)
			if !add(s.base+i, s.base+j) {
				return
			}
			i = s.next(j, true)
		}
	}
	if run[1] > run[0] {
		yield(run)
	}
}

// useAcks marks what an acknowledgement frame lists, as far as it is still
// here.
func (l *lane) useAcks(f frame) {
	at := binary.BigEndian.Uint64(f[16:])
	l.ackRun(0, at)
	for b := []byte(f[ackHead:]); len(b) > 0; {
		skip, n := binary.Uvarint(b)
		run, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || skip > maxIndex || run > maxIndex || at > maxIndex {
			return
		}
		b = b[n+m:]
		l.ackRun(at+skip, at+skip+run)
		at += skip + run
	}
}

func (l *lane) ackRun(from, to uint64) {
	for _, s := range l.segs {
		for i := max(from, s.base); i < min(to, s.base+s.n); i++ {
			s.ack(i - s.base)
		}
	}
}
