package outbox

import (
	"cmp"
	"math"
	"strconv"
)

// room is space on a file system.
type room struct {
	bytes, files int64
}

func headroom(cfg Config) room {
	return room{max(cmp.Or(cfg.Headroom, 16<<20), 0), max(cmp.Or(cfg.HeadroomFiles, 64), 0)}
}

// roomOnDisk reports whether data may have one more file, on top of those that
// are planned for already, and on top of the spare one of the urgent lane. A spare
// file takes nothing from anybody. q.mu is held.
func (q *Queue) roomOnDisk() bool {
	files := int64(q.lanes[urgent].planned + q.lanes[data].planned + 1 + urgentSpares - len(q.spares))
	return files <= 0 || q.free.bytes-files*q.segBytes >= q.room.bytes && q.free.files-files >= q.room.files
}

// measure asks how much is left. A file system that does not say is taken for
// one with room: it refuses by itself. When little is left, what was kept out
// of curiosity goes first.
func (q *Queue) measure() {
	for {
		bytes, files, err := q.fs.Free()
		if err != nil {
			bytes, files = math.MaxInt64, math.MaxInt64
		}
		q.mu.Lock()
		q.free = room{bytes, files}
		low := !q.roomOnDisk()
		q.mu.Unlock()
		if !low || !q.dropBad() {
			return
		}
	}
}

// files counts what takes room on the disk. q.mu is held.
func (q *Queue) files() int {
	n := len(q.spares) + len(q.dead) + len(q.bad)
	for i := range q.lanes {
		n += len(q.lanes[i].segs)
	}
	return n
}

// stock makes the file that the urgent lane has beforehand, within the bound.
// Where there is no room for it, there may be later.
func (q *Queue) stock() {
	q.mu.Lock()
	need := len(q.spares) < urgentSpares && q.files() <= q.maxSegs
	q.mu.Unlock()
	if !need {
		return
	}
	q.gen++
	name := strconv.FormatUint(uint64(q.gen)<<32, 16) + spareSuffix
	f, err := q.fs.Create(name, q.segBytes)
	if err != nil {
		return
	}
	_ = f.Close() // nothing was written to it
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spares = append(q.spares, name)
	q.free.bytes -= q.segBytes
	q.free.files--
}
