package outbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

var (
	// ErrFull says that the bound is reached: DropOldest makes room for data.
	ErrFull = errors.New("outbox is full")
	// ErrHeadroom says that a record of data needs a new file and that the file
	// system has too little left for others, by the look that each Commit takes:
	// see Config.Headroom.
	ErrHeadroom = errors.New("too little is left on the disk of the outbox")
	// ErrUnread says that the disk can be neither read nor written. What
	// is there is kept and can be asked for again when the disk is back.
	ErrUnread = errors.New("the disk of the outbox cannot be read")
	// ErrUncommitted says that too much is waiting in memory: Commit first.
	ErrUncommitted = errors.New("outbox holds too much that is not committed")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("outbox is closed")
)

// Config says where an outbox lives and how much it may take.
type Config struct {
	Dir           string // made with mode 0700 if absent
	MaxBytes      int64  // disk the segments may take; 0 means 256 MiB
	SegmentBytes  int64  // size of a segment file, a multiple of 4096 from 64 KiB to 1 GiB; 0 means MaxBytes/64, from 64 KiB to 16 MiB
	AlertReserve  int64  // part of MaxBytes that data never takes; 0 means MaxBytes/8
	Headroom      int64  // bytes data leaves free on the file system; 0 means 16 MiB, negative none
	HeadroomFiles int64  // files (inodes) data leaves free on the file system; 0 means 64, negative none
	FS            FS     // nil means DirFS(Dir); the lock is taken on Dir either way
}

// The two lanes. Each is a log of its own, so that dropping the oldest data
// is deleting a file and never touches an alert.
const (
	urgent = iota
	data
	lanes
)

func laneOf(c Class) int {
	if c == Data {
		return data
	}
	return urgent
}

// Queue is an outbox. Every method may be called from any goroutine. Append and
// Stats never touch the disk; Ack does so only to rename or remove a segment
// that is done with.
type Queue struct {
	fs       FS
	lock     *os.File
	segBytes int64
	maxSegs  int // segments of both lanes, one kept back for what is being dropped
	dataSegs int // of which data may take

	room room // what data leaves free

	probeMu  sync.Mutex // held while the disk is tried
	commitMu sync.Mutex // held while files change; before mu
	gen      uint32     // of the newest segment
	wbuf     []byte     // what one write takes to the disk

	mu      sync.Mutex
	lanes   [lanes]lane
	drop    *segment   // condemned, or being read for the account of it
	dead    []*segment // all acknowledged: files to recycle
	spares  []string   // files to make segments from
	bad     []string   // files kept for whoever wants to know how they were damaged, oldest first
	free    room       // on the file system, when last looked at
	damage  []Damage   // not taken yet
	notify  chan struct{}
	closed  bool
	dropped uint64
	corrupt uint64
	torn    int
	oldest  [lanes]oldest
}

// lane is one log: its segments, oldest first, and what is not yet in them.
type lane struct {
	id      int
	segs    []*segment
	next    uint64 // index of the next record appended
	stored  uint64 // index of the next record committed
	pending []byte // frames of records stored..next-1, less those in flight
	flight  int    // bytes being committed
	spare   []byte // buffer to take turns with pending
	unsaved int    // acknowledgements not yet on disk
	planned int    // new segments that pending and flight will need
	planOff int64  // where in the last of them the next frame goes; 0: in none
}

func (l *lane) active() *segment {
	if n := len(l.segs); n > 0 && !l.segs[n-1].sealed {
		return l.segs[n-1]
	}
	return nil
}

// Append puts r behind all others of its lane and returns its ID. The record
// is in memory until Commit; Topic and Payload are copied. Errors: ErrFull,
// ErrHeadroom, ErrUncommitted, ErrClosed, or a record too long or of no known class.
func (q *Queue) Append(r Record) (uint64, error) {
	if r.Class >= classes {
		return 0, fmt.Errorf("append to outbox: unknown class %d", r.Class)
	}
	if n := frameLen(&r); len(r.Topic) > 0xffff || n > q.maxRecord() {
		return 0, fmt.Errorf("append to outbox: record of %d bytes (topic %d) is longer than %d", n, len(r.Topic), q.maxRecord())
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.append(&r)
}

// maxRecord is the longest frame: what fits a segment beside one frame of
// acknowledgements.
func (q *Queue) maxRecord() int {
	return min(maxFrame, int(q.segBytes)-headerLen-footerLen-terminator-maxAcks)
}

func (q *Queue) append(r *Record) (uint64, error) {
	if q.closed {
		return 0, ErrClosed
	}
	l := &q.lanes[laneOf(r.Class)]
	n := frameLen(r)
	if int64(len(l.pending)+l.flight+n) > q.segBytes {
		return 0, ErrUncommitted
	}
	fresh := l.planOff == 0 || l.planOff+int64(n)+terminator > q.segBytes-footerLen
	if fresh && !q.roomFor(l) {
		return 0, ErrFull
	}
	if fresh && l.id == data && !q.roomOnDisk() {
		return 0, ErrHeadroom
	}
	l.plan(n, fresh)
	r.ID = l.next<<1 | uint64(l.id)
	l.next++
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	l.pending = appendFrame(l.pending, r)
	return r.ID, nil
}

// plan notes where a frame of n bytes will go.
func (l *lane) plan(n int, fresh bool) {
	if fresh {
		l.planned++
		l.planOff = headerLen + maxAcks
	}
	l.planOff += int64(n)
}

// roomFor reports whether l may take one more segment.
func (q *Queue) roomFor(l *lane) bool {
	var took [lanes]int
	for i := range q.lanes {
		took[i] = len(q.lanes[i].segs) + q.lanes[i].planned
	}
	if q.drop != nil && q.drop.condemned && !q.drop.gone {
		took[data]--
	}
	if l.id == data && took[data] >= q.dataSegs {
		return false
	}
	return took[urgent]+took[data] < q.maxSegs
}

// Ack says that a record has arrived and need not be sent again, in any order
// and as often as one likes. It is remembered with a later Commit: a crash may
// forget it, and then the record is sent once more. An id that was never
// committed is an error.
func (q *Queue) Ack(id uint64) error {
	l := &q.lanes[id&1]
	index := id >> 1
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	if index == 0 || index >= l.stored {
		q.mu.Unlock()
		return fmt.Errorf("acknowledge record %d: no such record was committed", id)
	}
	if s := l.find(index); s != nil && index >= s.base && s.ack(index-s.base) {
		l.unsaved++
		if s.done() {
			q.retire(l)
		}
	}
	dead := len(q.dead)
	q.mu.Unlock()
	if dead > 0 {
		q.tryRecycle()
	}
	return nil
}

// tryRecycle leaves the work to the commit in progress when there is one.
func (q *Queue) tryRecycle() {
	if !q.commitMu.TryLock() {
		return
	}
	defer q.commitMu.Unlock()
	q.mu.Lock()
	closed := q.closed
	q.mu.Unlock()
	if !closed { // after Close the directory may be another's
		q.recycle()
	}
}

// find returns the first segment that reaches beyond index, or nil.
func (l *lane) find(index uint64) *segment {
	lo, hi := 0, len(l.segs)
	for lo < hi {
		if mid := (lo + hi) / 2; l.segs[mid].base+l.segs[mid].n > index {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == len(l.segs) {
		return nil
	}
	return l.segs[lo]
}

// retire takes segments out of their lane in which nothing is wanted any more.
func (q *Queue) retire(l *lane) {
	kept := l.segs[:0]
	var before *segment
	for i, s := range l.segs {
		if q.holds(before, s, i == len(l.segs)-1) {
			kept = append(kept, s)
			before = s
			continue
		}
		s.gone = true
		q.dead = append(q.dead, s)
	}
	clear(l.segs[len(kept):])
	l.segs = kept
}

// holds reports whether s must stay behind before, the segment that stays
// before it or nil. Beside its records a segment holds two things by its name:
// the last one says where indexes go on, and the one after a failed one says
// where the failed one ends, whose frames beyond that were never committed
// there and would come back as records otherwise.
func (q *Queue) holds(before, s *segment, last bool) bool {
	switch {
	case !s.sealed || !s.done() || s == q.drop:
		return true
	case s.n == 0: // whatever comes next begins where s does
		return last && before == nil
	}
	return last || before != nil && before.failed
}

func (l *lane) remove(s *segment) {
	s.gone = true
	l.segs = slices.DeleteFunc(l.segs, func(o *segment) bool { return o == s })
}

// Committed returns a channel that is closed at the next commit that adds
// something. Take the channel first, read to io.EOF, then wait for it.
func (q *Queue) Committed() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.notify == nil {
		q.notify = make(chan struct{})
		if q.closed {
			close(q.notify)
		}
	}
	return q.notify
}

func (q *Queue) wake() {
	if q.notify != nil {
		close(q.notify)
		q.notify = nil
	}
}

// Stats is what an operator asks for. Counts are of now unless said otherwise.
type Stats struct {
	Records     uint64 // committed and not acknowledged
	Urgent      uint64 // of which alerts, anchors and accounts of drops
	Uncommitted uint64 // appended and not committed
	Segments    int
	Bytes       int64  // on disk, spare segments included
	MaxBytes    int64  // what Bytes may become
	Dropped     uint64 // records dropped since Open
	Corrupt     uint64 // records found unreadable and skipped since Open
	Torn        int    // lanes whose last write was found cut short or damaged by Open
	Quarantined int    // damaged segments kept aside, part of Bytes
	DiskFree    int64  // bytes left on the file system at the last Commit
	DiskInodes  int64  // files left on it, math.MaxInt64 where there is no bound
	Low         bool   // a new segment of data would go below Config.Headroom
}

// Stats does no input or output.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	st := Stats{
		MaxBytes: int64(q.maxSegs+1) * q.segBytes, Bytes: int64(len(q.spares)) * q.segBytes,
		Dropped: q.dropped, Corrupt: q.corrupt, Torn: q.torn,
		Quarantined: len(q.bad), DiskFree: q.free.bytes, DiskInodes: q.free.files, Low: !q.roomOnDisk(),
	}
	st.Bytes += int64(len(q.bad)) * q.segBytes
	for i := range q.lanes {
		l := &q.lanes[i]
		for _, s := range l.segs {
			if s.condemned {
				st.Bytes += s.size
				continue
			}
			st.Segments++
			st.Bytes += s.size
			st.Records += s.n - s.nacked
		}
		if i == urgent {
			st.Urgent = st.Records
		}
		st.Uncommitted += l.next - l.stored
	}
	for _, s := range q.dead {
		st.Bytes += s.size
	}
	return st
}

// Close commits what is waiting, writes down every acknowledgement and gives
// the directory free. The Queue is closed also when an error is returned.
func (q *Queue) Close() error {
	q.commitMu.Lock()
	defer q.commitMu.Unlock()
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	q.closed = true
	q.mu.Unlock()
	err := q.commit(true)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wake()
	return errors.Join(err, q.closeFiles())
}

func (q *Queue) closeFiles() error {
	var err error
	for i := range q.lanes {
		for _, s := range q.lanes[i].segs {
			if s.file != nil {
				err = errors.Join(err, s.file.Close())
				s.file = nil
			}
		}
	}
	return errors.Join(err, unlockDir(q.lock))
}
