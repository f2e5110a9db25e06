package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"syscall"
)

const readChunk = 64 << 10

// Reader hands out records of one lane that are committed and not
// acknowledged, in order. It holds one segment open and at most one record or
// 64 KiB in memory. A Reader is for one goroutine; any number of them may be
// in use. A record is handed out once by each Reader, and again by a new one
// as long as it is not acknowledged.
type Reader struct {
	q     *Queue
	lane  int
	pos   uint64 // index of the next record wanted
	limit uint64 // index to end before

	seg   *segment
	file  File
	off   int64  // of the next frame
	buf   []byte // bytes from off on
	store []byte // what buf is cut from
	topic string // of the last record, to share its string

	unread    error // the disk refused something since the last record
	bufUnread error // of which some is in buf
	retries   int   // readings of a segment that found nothing wrong with it
}

// Readers returns three readers that split what is there now and what will
// come: urgent has alerts, anchors and accounts of drops; live has data
// committed from now on; backlog has data committed before, and ends. A
// publisher takes new ones for every connection and, before each message,
// asks urgent first, then live, then backlog: an anchor then always goes out
// before what is sealed under it. Close each when done.
func (q *Queue) Readers() (urgentR, live, backlog *Reader) {
	q.mu.Lock()
	defer q.mu.Unlock()
	split := q.lanes[data].stored
	return &Reader{q: q, lane: urgent, limit: math.MaxUint64},
		&Reader{q: q, lane: data, pos: split, limit: math.MaxUint64},
		&Reader{q: q, lane: data, limit: split}
}

// Next returns the next record, which the caller owns. io.EOF says that there
// is none now; for all but the backlog there may be one after another commit
// (see Committed). Damaged records are skipped, counted in Stats.Corrupt and
// reported by TakeDamage. ErrUnread says that the disk can be neither read
// nor written, which may pass: nothing is skipped for it, and Next may be called
// again. What cannot be read on a disk that can be written is damaged.
func (r *Reader) Next() (Record, error) {
	for {
		s, n, end, err := r.seek()
		if err != nil {
			return Record{}, err
		}
		f, err := r.frame(s, n, end)
		if err != nil {
			if r.q.isGone(s) {
				r.leave() // acknowledged or dropped while it was being read
				continue
			}
			r.leave()
			return Record{}, fmt.Errorf("segment %q: %w: %w", s.name(), ErrUnread, err)
		}
		if f == nil {
			continue
		}
		rec := f.record(r.topic)
		r.topic = rec.Topic
		r.pos = f.index() + 1
		r.off += int64(len(f))
		r.buf = r.buf[len(f):]
		r.unread, r.retries = r.bufUnread, 0
		return rec, nil
	}
}

// seek moves pos to the next record wanted and returns its segment, how many
// records that has, and where it ends.
func (r *Reader) seek() (s *segment, n uint64, end int64, err error) {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	if r.q.closed {
		return nil, 0, 0, ErrClosed
	}
	l := &r.q.lanes[r.lane]
	for {
		s = l.find(r.pos)
		if s == nil || max(r.pos, s.base) >= r.limit {
			return nil, 0, 0, io.EOF
		}
		i := s.n
		if !s.condemned {
			i = s.next(max(r.pos, s.base)-s.base, false)
		}
		r.pos = s.base + i
		if i < s.n && r.pos < r.limit {
			return s, s.n, s.end, nil
		}
	}
}

// frame returns the frame of record pos among the n of s, or nil when it
// turned out to be damaged and pos is to be sought anew.
func (r *Reader) frame(s *segment, n uint64, end int64) (frame, error) {
	if err := r.enter(s); err != nil {
		return nil, err
	}
	for r.off < end {
		f, err := r.parse(end)
		if err != nil {
			return nil, err
		}
		if f == nil {
			if err := r.resync(end); err != nil {
				return nil, err
			}
			continue
		}
		if !f.isAcks() && f.index() == r.pos {
			return f, nil
		}
		if !f.isAcks() && f.index() > r.pos && f.index()-s.base < n {
			return nil, r.lose(s)
		}
		r.off += int64(len(f))
		r.buf = r.buf[len(f):]
	}
	// Committed, within end, and not there.
	return nil, r.lose(s)
}

// lose has the Queue find out what is wrong with s, and starts anew with it.
func (r *Reader) lose(s *segment) error {
	defer r.leave()
	if r.unread != nil {
		if err := r.q.proveAlive(); err != nil {
			return errors.Join(r.unread, err)
		}
	}
	if r.retries++; r.retries > 3 {
		return r.loseOne(s)
	}
	return r.q.lose(s, r.file)
}

// loseOne gives up the record at pos alone: read as a whole, s has it, and read
// frame by frame it has not, each time. So it must not hold up what follows.
func (r *Reader) loseOne(s *segment) error {
	if err := r.q.proveAlive(); err != nil {
		return fmt.Errorf("it reads differently each time: %w", err)
	}
	r.retries = 0
	r.q.loseRecord(s, r.pos)
	return nil
}

// enter opens s for reading from its first record that is not known to be acknowledged.
func (r *Reader) enter(s *segment) error {
	if r.seg == s {
		return nil
	}
	r.leave()
	f, err := r.q.fs.Open(s.name())
	if errors.Is(err, fs.ErrNotExist) && !r.q.isGone(s) {
		r.q.loseFile(s)
	}
	if err != nil {
		return err
	}
	r.seg, r.file, r.off = s, f, headerLen
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	if r.pos >= s.startIndex {
		r.off = max(s.start, headerLen)
	}
	return nil
}

func (r *Reader) leave() {
	if r.file != nil {
		_ = r.file.Close() // nothing was written through it
	}
	r.seg, r.file, r.buf = nil, nil, nil
	r.unread, r.bufUnread = nil, nil
}

// parse returns the sound frame at off, or nil if there is none.
func (r *Reader) parse(end int64) (frame, error) {
	if err := r.fill(frameSizeLen, end); err != nil {
		return nil, err
	}
	n, ok := frameSize(r.buf, r.seg.seed)
	if !ok || int64(n) > end-r.off {
		return nil, nil
	}
	if err := r.fill(n, end); err != nil {
		return nil, err
	}
	f, ok := parseFrame(r.buf, r.seg.seed, r.lane)
	if !ok {
		return nil, nil
	}
	return f, nil
}

// fill makes sure that n bytes from off on are in buf, or as many as there are
// before end.
func (r *Reader) fill(n int, end int64) error {
	if n = int(min(int64(n), end-r.off)); len(r.buf) >= n {
		return nil
	}
	n = int(min(int64(max(n, readChunk)), end-r.off))
	if cap(r.store) < n {
		r.store = make([]byte, n)
	}
	r.buf = r.store[:n]
	holes, err := readHoles(r.file, r.buf, r.off)
	r.bufUnread = nil
	if holes > 0 {
		r.bufUnread = syscall.EIO
		r.unread = r.bufUnread
	}
	if err != nil {
		r.buf = nil
		if errors.Is(err, io.EOF) {
			return r.short(n)
		}
	}
	return err
}

// short reads what is left of a file that was cut short; what is missing reads
// as damage.
func (r *Reader) short(n int) error {
	r.buf = r.store[:n]
	clear(r.buf)
	if _, err := r.file.ReadAt(r.buf, r.off); err != nil && !errors.Is(err, io.EOF) {
		r.buf = nil
		return err
	}
	return nil
}

// resync moves off to the next place where a sound frame may begin, or to end.
func (r *Reader) resync(end int64) error {
	for {
		if len(r.buf) > 1 {
			if skip := nextMark(r.buf[1:], r.seg.seed); skip >= 0 {
				r.off += int64(1 + skip)
				r.buf = r.buf[1+skip:]
				return nil
			}
		}
		// The mark may lie across the border of what was read.
		step := max(len(r.buf)-3, 1)
		r.off += int64(step)
		r.buf = nil
		if r.off >= end {
			return nil
		}
		if err := r.fill(readChunk, end); err != nil {
			return err
		}
		var mark [4]byte
		binary.BigEndian.PutUint32(mark[:], r.seg.seed)
		if len(r.buf) >= 4 && [4]byte(r.buf) == mark {
			return nil
		}
	}
}

// Close gives the segment free.
func (r *Reader) Close() error {
	r.leave()
	return nil
}

func (q *Queue) isGone(s *segment) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return s.gone || s.condemned
}
