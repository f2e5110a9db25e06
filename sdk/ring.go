package sdk

import (
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// ring holds envelopes of data that the disk has no room for, oldest first, up to a
// bound. They are published from here, behind alerts and before what is on disk, and
// are gone when the broker has acknowledged them. The committer puts them in and, when
// there is room, moves them to the disk; the publisher takes them.
//
// While it holds any, all data go through it, so that what one device sealed reaches
// the disk, or the broker, in its order: see settle.
type ring struct {
	bound int
	ready func() // there is something to publish

	mu    sync.Mutex
	kept  []*kept // by id
	bytes int
	next  uint64 // id of the next one
	shown uint64 // those below may be published
	given uint64 // those below were handed out on this connection
	stats MemoryStats
	used  time.Time // when an envelope was last put in
	since uint64    // how many were published before the time without room
}

// kept is an envelope in the ring.
type kept struct {
	id      uint64
	record  outbox.Record // without its payload once it is done with
	owner   any           // *Device or *Carrier
	decides *Progress     // nil: nothing
	done    bool          // acknowledged by the broker, or given up
}

// MemoryStats is about envelopes that are published from memory, because the disk has
// no room for them. A power cut loses those that wait.
type MemoryStats struct {
	Since     time.Time // since when there is no room; zero: what is recorded is stored
	Waiting   uint64    // not yet acknowledged by the broker
	Published uint64    // acknowledged since Open
	Dropped   uint64    // given up since Open for want of memory, and signed for
}

const (
	// ringID marks the numbers of messages that are not in the outbox.
	ringID = 1 << 63

	// keptCost is what an envelope takes beside its bytes.
	keptCost = 256
)

func (k *kept) cost() int { return keptCost + len(k.record.Topic) + len(k.record.Payload) }

func newRing(bound int, ready func()) *ring {
	return &ring{bound: bound, ready: ready, next: ringID | 1}
}

// put adds an envelope, which the publisher sees after the next show. The first one
// in a while begins a time without room.
func (r *ring) put(record outbox.Record, owner any, now time.Time) (begins bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	record.ID = r.next
	k := &kept{id: r.next, record: record, owner: owner}
	r.next++
	r.kept = append(r.kept, k)
	r.bytes += k.cost()
	r.used = now
	if begins = r.stats.Since.IsZero(); begins {
		r.stats.Since, r.since = now, r.stats.Published
	}
	return begins
}

// over ends the time without room, if data were put on disk since, for long enough,
// and returns how many envelopes were published in it.
func (r *ring) over(stored, now time.Time, calm time.Duration) (published uint64, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stats.Since.IsZero() || len(r.kept) > 0 || !stored.After(r.used) || now.Sub(r.used) < calm {
		return 0, false
	}
	r.stats.Since = time.Time{}
	return r.stats.Published - r.since, true
}

// fits reports whether an envelope of so many bytes may be put in.
func (r *ring) fits(bytes int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.kept) == 0 || r.bytes+keptCost+bytes <= r.bound
}

func (r *ring) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.kept) == 0
}

// holds reports whether anything of an owner, or of anybody if that is nil, is
// neither settled nor moved to the disk.
func (r *ring) holds(owner any) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.kept, func(k *kept) bool { return owner == nil || k.owner == owner })
}

// decide has the newest envelope of an owner decide about offers, and reports
// whether there is one.
func (r *ring) decide(owner any, p Progress) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range slices.Backward(r.kept) {
		if k.owner == owner {
			k.decides = &p
			return true
		}
	}
	return false
}

// show lets the publisher have all that was put in: what they are sealed under is on
// disk.
func (r *ring) show() {
	r.mu.Lock()
	some := r.shown < r.next && len(r.kept) > 0
	r.shown = r.next
	r.mu.Unlock()
	if some {
		r.ready()
	}
}

// find returns where the first envelope is whose id is not below. r.mu is held.
func (r *ring) find(id uint64) int {
	return sort.Search(len(r.kept), func(i int) bool { return r.kept[i].id >= id })
}

// take hands out the next envelope to publish.
func (r *ring) take() (record outbox.Record, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := r.find(r.given); i < len(r.kept) && r.kept[i].id < r.shown; i++ {
		k := r.kept[i]
		r.given = k.id + 1
		if !k.done {
			return k.record, true
		}
	}
	return record, false
}

// done says that the broker has acknowledged an envelope. One that was moved or given
// up meanwhile is not known any more.
func (r *ring) done(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.find(id)
	if i < len(r.kept) && r.kept[i].id == id && !r.kept[i].done {
		r.finish(r.kept[i])
		r.stats.Published++
	}
}

// rewind has all be handed out again that is not acknowledged.
func (r *ring) rewind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given = 0
}

// settle takes out what is done with and has nothing of the same owner before it that
// is not, unless it may not be yet, and returns it.
func (r *ring) settle(may func(*kept) bool) (settled []*kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	behind := map[any]bool{}
	left := r.kept[:0]
	for _, k := range r.kept {
		if !k.done || behind[k.owner] || !may(k) {
			behind[k.owner] = true
			left = append(left, k)
			continue
		}
		r.bytes -= k.cost()
		settled = append(settled, k)
	}
	clear(r.kept[len(left):])
	r.kept = left
	return settled
}

// first returns the oldest envelope.
func (r *ring) first() (k kept, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) == 0 {
		return k, false
	}
	return *r.kept[0], true
}

// moved takes out the oldest envelope, which is on its way to the disk.
func (r *ring) moved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes -= r.kept[0].cost()
	r.kept = slices.Delete(r.kept, 0, 1)
}

// giveUp is done with the oldest envelope that is not on its way to the broker or, if
// all are, with the oldest.
func (r *ring) giveUp() (lost outbox.Record, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, from := range []int{r.find(r.given), 0} {
		for _, k := range r.kept[from:] {
			if !k.done {
				lost = k.record
				r.finish(k)
				r.stats.Dropped++
				return lost, true
			}
		}
	}
	return lost, false
}

// finish forgets what an envelope holds. Its place is needed: see settle. r.mu is held.
func (r *ring) finish(k *kept) {
	r.bytes -= len(k.record.Payload)
	k.done, k.record.Payload = true, nil
}

// Stats returns what an operator asks for.
func (r *ring) Stats() MemoryStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	for _, k := range r.kept {
		if !k.done {
			s.Waiting++
		}
	}
	return s
}
