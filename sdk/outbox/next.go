package outbox

import (
	"errors"
	"fmt"
)

// Next returns the id that the next record of a class gets; ids below it, of the
// same lane, have been given.
func (q *Queue) Next(c Class) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &q.lanes[laneOf(c)]
	return l.next<<1 | uint64(l.id)
}

// Stored reports whether the record of an id is on disk, or was there until it was
// acknowledged or dropped. One that Open found damaged is not: a power cut may take
// a page out of the middle of what was written, and leave what follows. It reads the
// segment, and has it synced, since what Open found after a crash of the process
// alone may be in the memory of the kernel only.
func (q *Queue) Stored(id uint64) (found bool, err error) {
	l, index := &q.lanes[id&1], id>>1
	q.mu.Lock()
	given := index > 0 && index < l.stored
	s := l.find(index)
	if !given || s == nil || index < s.base {
		q.mu.Unlock()
		return given, nil
	}
	body, base := make([]byte, max(s.end-headerLen, 0)), *s // whose bitmap is not looked at
	q.mu.Unlock()
	f, err := q.fs.Open(s.name())
	if err == nil {
		defer func() { err = errors.Join(err, f.Close()) }()
		readPages(f, body)
		scanFrames(body, headerLen, &base, func(f frame, _ int64) { found = found || !f.isAcks() && f.index() == index })
		err = f.Sync()
	}
	if q.isGone(s) { // meanwhile
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for record %d: %w", id, err)
	}
	return found, nil
}

// readPages reads the frames of a segment. What cannot be read stays zero, which is
// no frame.
func readPages(f File, body []byte) {
	const page = 4096
	if n, _ := f.ReadAt(body, headerLen); n == len(body) {
		return
	}
	for at := 0; at < len(body); {
		n := min(page-(headerLen+at)%page, len(body)-at)
		if m, _ := f.ReadAt(body[at:at+n], int64(headerLen+at)); m < n {
			clear(body[at : at+n])
		}
		at += n
	}
}
