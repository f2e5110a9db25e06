package outbox

import (
	"cmp"
	"math"
)

// room is space on a file system.
type room struct {
	bytes, files int64
}

func headroom(cfg Config) room {
	return room{max(cmp.Or(cfg.Headroom, 16<<20), 0), max(cmp.Or(cfg.HeadroomFiles, 64), 0)}
}

// roomOnDisk reports whether data may have one more file, on top of those that
// are planned for already. A spare file takes nothing from anybody. q.mu is held.
func (q *Queue) roomOnDisk() bool {
	files := int64(q.lanes[urgent].planned + q.lanes[data].planned + 1 - len(q.spares))
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
