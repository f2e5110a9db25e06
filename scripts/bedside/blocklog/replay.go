package blocklog

import "math/rand/v2"

// Rule says what a disk keeps of what was written and not flushed.
type Rule int

const (
	KeepNone    Rule = iota // nothing left its cache
	KeepOrder               // everything up to the cut, in order
	KeepWrites              // any writes
	KeepSectors             // any sectors of them, see below
	Rules
)

// A file system takes for granted that its superblock, in the first block, is
// written as a whole, and that what it writes with FUA is: they are never torn. ext4
// cannot be mounted when the checksum of its superblock is wrong.
const firstBlock = 4096

// Replay makes the disks of one log, from the front to the back.
type Replay struct {
	entries []Entry
	durable []byte // up to the entry next
	next    int
}

// NewReplay begins with what was on the disk before. It takes disk over.
func NewReplay(disk []byte, entries []Entry) *Replay {
	return &Replay{entries: entries, durable: disk}
}

// Cut writes to image, which is as long as the disk, what a cut behind the entry at
// leaves, and returns the entry at which the next flush would have been: what stands
// before it may be there. at is not less than in the call before.
//
// Of what stands behind a write with FUA nothing is kept unless that is: it may have
// waited for it.
func (r *Replay) Cut(image []byte, at int, rule Rule, rng *rand.Rand) (end int) {
	last := r.next
	for i := r.next; i <= at; i++ {
		if r.entries[i].Flags&Flush != 0 {
			last = i + 1
		}
	}
	for ; r.next < last; r.next++ {
		put(r.durable, r.entries[r.next])
	}
	copy(image, r.durable)
	for end = last; end < len(r.entries) && r.entries[end].Flags&Flush == 0; end++ {
	}
	for i := last; i < end; i++ {
		e := r.entries[i]
		whole := e.Flags&FUA != 0 && i <= at || rule == KeepOrder && i <= at
		if whole {
			put(image, e)
			continue
		}
		kept := keep(image, e, rule, rng)
		if e.Flags&FUA != 0 && !kept {
			break
		}
	}
	return end
}

// put writes all of an entry. What it discards is left as it was: nothing may rely
// on that either way.
func put(disk []byte, e Entry) {
	if e.Offset < int64(len(disk)) {
		copy(disk[e.Offset:], e.Data)
	}
}

// keep writes of an entry what the rule has it, and reports whether that was all.
func keep(disk []byte, e Entry, rule Rule, rng *rand.Rand) bool {
	if rule == KeepSectors && (e.Flags&FUA != 0 || e.Offset < firstBlock) {
		rule = KeepWrites
	}
	switch rule {
	case KeepWrites:
		if rng.IntN(2) == 0 {
			return false
		}
		put(disk, e)
		return true
	case KeepSectors:
		all := true
		for at := 0; at < len(e.Data); at += sectorBytes {
			if rng.IntN(2) == 0 {
				all = false
				continue
			}
			put(disk, Entry{Offset: e.Offset + int64(at), Data: e.Data[at : at+sectorBytes]})
		}
		return all
	}
	return false
}
