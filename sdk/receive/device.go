package receive

import (
	"bytes"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// device is what the receiver knows of one device. It is loaded from the state,
// changed by judging, and stored when the lines that say so are durable; after a
// failure it is dropped and loaded again.
type device struct {
	kid keys.KeyID

	first   uint64 // boot of the first anchor accepted, 0: none yet
	floor   uint64 // chains of earlier boots are not believed
	highest uint64 // boot of the newest chain
	newest  seal.EID

	interval uint32 // ms: the device promised to speak this often, 0: it did not
	silent   bool
	heard    int64 // wall clock, Unix ms, when the newest chain last moved on

	refused []refusal // oldest first
	chains  map[seal.EID]*chain
	retired map[seal.EID]uint64 // boots of chains that are no longer kept
	recent  []recent            // a ring: message n is at n % len
	count   uint64              // messages taken in so far

	spoke   bool // the newest chain moved on since the device was last stored
	changes changes
	used    uint64 // for the cache
}

// changes is what is to be stored beside the device itself.
type changes struct {
	state     bool
	stored    uint64 // of count, messages that are in the state
	anchors   map[seal.EID][]byte
	grants    map[seal.EID][]byte
	pruned    []seal.EID // chains that became names
	forgotten []seal.EID // names that are no longer kept
}

// refusal is a chain of which nothing is ever shown.
type refusal struct {
	eid     seal.EID
	verdict Verdict
}

// recent is a message taken in lately.
type recent struct {
	eid  seal.EID
	seq  uint64
	head seal.Head
	ran  int64 // ms, of clock.ran when it was
}

const (
	maxRefused = 64
	maxRetired = 1024
)

func newDevice(kid keys.KeyID, ring int) *device {
	return &device{
		kid: kid, chains: map[seal.EID]*chain{}, retired: map[seal.EID]uint64{},
		recent: make([]recent, ring),
	}
}

// verdictOf returns the verdict of a refused chain.
func (d *device) verdictOf(eid seal.EID) (Verdict, bool) {
	for _, r := range d.refused {
		if r.eid == eid {
			return r.verdict, true
		}
	}
	return 0, false
}

// refuse puts a chain into quarantine.
func (d *device) refuse(eid seal.EID, verdict Verdict) {
	if _, refused := d.verdictOf(eid); refused {
		return
	}
	d.refused = append(d.refused, refusal{eid, verdict})
	if len(d.refused) > maxRefused {
		d.refused = slices.Delete(d.refused, 0, 1)
	}
	d.changes.state = true
}

// mayReturn reports whether a chain in quarantine is to be judged anew when its
// anchor comes again: a broker that turns the order of anchors round must not
// have one refused for good that a believed chain, itself vouched for, goes on
// from.
func (d *device) mayReturn(eid seal.EID, verdict Verdict) bool {
	next := d.successor(eid)
	return verdict == Rollback && next != nil && next.reported
}

// release takes a chain out of quarantine.
func (d *device) release(eid seal.EID) {
	d.refused = slices.DeleteFunc(d.refused, func(r refusal) bool { return r.eid == eid })
	d.changes.state = true
}

// remember keeps what tells a duplicate from a replay.
func (d *device) remember(v *seal.Verified, ran time.Duration) {
	d.recent[d.count%uint64(len(d.recent))] = recent{v.EID(), v.Seq(), v.Head(), ran.Milliseconds()}
	d.count++
	d.changes.state = true
}

// recall returns the message with this number, if it was taken in lately.
func (d *device) recall(eid seal.EID, seq uint64) (recent, bool) {
	for i := range d.recent {
		if m := &d.recent[i]; m.seq == seq && m.eid == eid {
			return *m, true
		}
	}
	return recent{}, false
}

// successor returns the chain whose anchor names eid as the chain before it, the
// earliest if there are several.
func (d *device) successor(eid seal.EID) (next *chain) {
	for _, c := range d.chains {
		if c.previous.EID == eid && (next == nil || c.boot < next.boot) {
			next = c
		}
	}
	return next
}

// hasBoot reports whether a chain of this boot is known.
func (d *device) hasBoot(boot uint64) bool {
	for _, c := range d.chains {
		if c.boot == boot {
			return true
		}
	}
	for _, b := range d.retired {
		if b == boot {
			return true
		}
	}
	return false
}

// maxOpen is how many times Config.Chains may be exceeded by chains of which messages
// are still to come.
const maxOpen = 8

// accept takes in a new chain with its message, and lets go of chains beyond
// keep, those of the earliest boots. One of which messages are still to come is kept
// for longer: a device that began many while it was cut off has their anchors come
// before all else.
func (d *device) accept(c *chain, message []byte, keep int) {
	d.chains[c.eid] = c
	if d.changes.anchors == nil {
		d.changes.anchors = map[seal.EID][]byte{}
	}
	d.changes.anchors[c.eid] = bytes.Clone(message)
	if d.first == 0 {
		d.first = c.boot
	}
	if c.boot > d.highest {
		d.highest, d.newest, d.interval = c.boot, c.eid, c.heartbeat
	}
	d.changes.state = true
	for len(d.chains) > keep && d.prune(len(d.chains) > maxOpen*keep) {
	}
}

// prune lets go of the oldest chain that nothing is missing of or, if open is set, of
// the oldest of all, and reports whether there was one.
func (d *device) prune(open bool) bool {
	var oldest *chain
	for _, c := range d.chains {
		if (open || c.eid != d.newest && c.complete()) && (oldest == nil || c.boot < oldest.boot) {
			oldest = c
		}
	}
	if oldest == nil {
		return false
	}
	delete(d.chains, oldest.eid)
	delete(d.changes.anchors, oldest.eid)
	delete(d.changes.grants, oldest.eid)
	d.retired[oldest.eid] = oldest.boot
	d.changes.pruned = append(d.changes.pruned, oldest.eid)
	if len(d.retired) <= maxRetired {
		return true
	}
	least, boot := seal.EID{}, uint64(1<<64-1)
	for eid, b := range d.retired {
		if b < boot {
			least, boot = eid, b
		}
	}
	delete(d.retired, least)
	d.changes.forgotten = append(d.changes.forgotten, least)
	return true
}

// append appends the device for the state, without what has keys of its own.
func (d *device) append(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 9)
	dst = cbor.AppendUint(dst, d.first)
	dst = cbor.AppendUint(dst, d.floor)
	dst = cbor.AppendUint(dst, d.highest)
	dst = cbor.AppendBytes(dst, d.newest[:])
	dst = cbor.AppendUint(dst, uint64(d.interval))
	dst = cbor.AppendBool(dst, d.silent)
	dst = cbor.AppendInt(dst, d.heard)
	dst = cbor.AppendUint(dst, d.count)
	dst = cbor.AppendArray(dst, 2*len(d.refused))
	for _, r := range d.refused {
		dst = cbor.AppendBytes(dst, r.eid[:])
		dst = cbor.AppendUint(dst, uint64(r.verdict))
	}
	return dst
}

func (d *device) read(b []byte) error {
	r := cbor.NewReader(b)
	r.ArrayLen(9)
	d.first, d.floor, d.highest = r.Uint(), r.Uint(), r.Uint()
	copy(d.newest[:], r.BytesLen(len(d.newest)))
	d.interval = uint32(r.UintMax(1<<32 - 1))
	d.silent = r.Bool()
	d.heard = r.Int()
	d.count = r.Uint()
	d.changes.stored = d.count
	for range r.Array() / 2 {
		var f refusal
		copy(f.eid[:], r.BytesLen(len(f.eid)))
		f.verdict = Verdict(r.UintMax(uint64(verdictCount - 1)))
		d.refused = append(d.refused, f)
	}
	return r.Done()
}

const recentSize = 8 + 8 + 16 + 8

func (m *recent) append(dst []byte) []byte {
	dst = append(dst, m.eid[:]...)
	dst = appendBig(dst, m.seq)
	dst = append(dst, m.head[:]...)
	return appendBig(dst, uint64(m.ran))
}

func (m *recent) read(b []byte) error {
	if len(b) != recentSize {
		return errState
	}
	copy(m.eid[:], b)
	m.seq = big(b[8:])
	copy(m.head[:], b[16:])
	m.ran = int64(big(b[32:]))
	return nil
}
