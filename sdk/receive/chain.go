package receive

import (
	"errors"
	"slices"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// chain is what the receiver knows of the messages under one anchor.
type chain struct {
	eid       seal.EID
	boot      uint64
	clock     seal.Clock
	heartbeat uint32 // ms, of the anchor
	test      bool

	previous seal.Checkpoint // as the anchor says, zero: none
	reported bool            // the chain before was not known, and a gap says so if anything was in it
	end      seal.Checkpoint // as the next anchor says, zero: not known

	received seal.Intervals // the anchor is number 0
	edges    []edge         // one for each run of received, in the same order
	high     uint64         // all up to here is received or was reported as a gap
	labels   []label

	givenUp seal.Interval // counts as received, and is not all of it: see forgetGaps

	dirty bool
}

// edge has what proves that a run joins its neighbours.
type edge struct {
	prev seal.Head // of the first message of the run; of the anchor, which has none, its own head
	head seal.Head // of the last
}

// label holds for the messages of a chain from seq on.
type label struct {
	seq  uint64
	text string
}

const (
	maxGaps   = 2048 // at a time in one chain
	maxLabels = 8    // in one chain: a new label begins a new chain
)

func newChain(v *seal.Verified, a *seal.Anchor) *chain {
	c := &chain{
		eid: v.EID(), boot: a.Boot, clock: a.Clock, heartbeat: a.Heartbeat,
		test: a.Flags&seal.FlagTest != 0, previous: a.Previous, dirty: true,
	}
	c.received.Add(0)
	c.edges = []edge{{v.Head(), v.Head()}}
	return c
}

// begunBy reports whether an anchor with this head, and not another with the same
// EID, began the chain. A state of an earlier version does not know.
func (c *chain) begunBy(anchor seal.Head) bool {
	return c.edges[0].prev == anchor || c.edges[0].prev == seal.Head{}
}

// run returns the index of the run that contains seq, or of the first run after
// it and false.
func (c *chain) run(seq uint64) (int, bool) {
	i, found := slices.BinarySearchFunc(c.received.Runs(), seq, func(r seal.Interval, seq uint64) int {
		switch {
		case r.Last < seq:
			return -1
		case r.First > seq:
			return 1
		}
		return 0
	})
	return i, found
}

// head returns the head at seq if seq ends a run.
func (c *chain) head(seq uint64) (seal.Head, bool) {
	i, found := c.run(seq)
	if !found || c.received.Runs()[i].Last != seq {
		return seal.Head{}, false
	}
	return c.edges[i].head, true
}

// fits reports whether a message that was not received yet joins what was, and
// says why if not. Neighbours of a missing number are always edges, so nothing
// is taken on trust however late a gap is filled.
func (c *chain) fits(v *seal.Verified) (reason string, ok bool) {
	seq := v.Seq()
	if c.end.EID != (seal.EID{}) {
		if seq > c.end.Seq {
			return "the chain had ended before this sequence number", false
		}
		if seq == c.end.Seq && v.Head() != c.end.Head {
			return "not the message that the next anchor names", false
		}
	}
	runs := c.received.Runs()
	i, _ := c.run(seq)
	if i > 0 && runs[i-1].Last+1 == seq && c.edges[i-1].head != v.Prev() {
		return "does not follow the message before it", false
	}
	if i < len(runs) && runs[i].First == seq+1 && c.edges[i].prev != v.Head() {
		return "the message after it follows another", false
	}
	return "", true
}

// add takes in a message that fits. It reports the gap that appears before it,
// if there is one, and whether it fills one that was reported.
func (c *chain) add(v *seal.Verified) (gap seal.Interval, fills bool) {
	seq := v.Seq()
	runs := c.received.Runs()
	i, _ := c.run(seq)
	left := i > 0 && runs[i-1].Last+1 == seq
	right := i < len(runs) && runs[i].First == seq+1
	switch {
	case left && right:
		c.edges[i-1].head = c.edges[i].head
		c.edges = slices.Delete(c.edges, i, i+1)
	case left:
		c.edges[i-1].head = v.Head()
	case right:
		c.edges[i].prev = v.Prev()
	default:
		c.edges = slices.Insert(c.edges, i, edge{v.Prev(), v.Head()})
	}
	c.received.Add(seq)
	c.dirty = true
	if len(c.edges) > maxGaps+1 {
		c.forgetGaps()
	}
	fills = seq <= c.high
	if seq > c.high+1 {
		gap = seal.Interval{First: c.high + 1, Last: seq - 1}
	}
	c.high = max(c.high, seq)
	return gap, fills
}

// forgetGaps closes the older half of the gaps, so that a device cannot make
// the state grow without end.
func (c *chain) forgetGaps() {
	runs := slices.Clone(c.received.Runs())
	n := len(runs) / 2
	if c.givenUp == (seal.Interval{}) {
		c.givenUp.First = runs[0].Last + 1
	}
	c.givenUp.Last = runs[n].First - 1
	merged := append([]seal.Interval{{First: runs[0].First, Last: runs[n].Last}}, runs[n+1:]...)
	c.edges = append([]edge{{c.edges[0].prev, c.edges[n].head}}, c.edges[n+1:]...)
	c.received = intervals(merged)
}

// intervals makes the set that consists of runs. Its own encoding is the way in
// that does not add numbers one by one.
func intervals(runs []seal.Interval) (s seal.Intervals) {
	b := cbor.AppendArray(nil, 2*len(runs))
	next := uint64(0)
	for _, run := range runs {
		b = cbor.AppendUint(cbor.AppendUint(b, run.First-next), run.Last-run.First)
		next = run.Last + 1
	}
	r := cbor.NewReader(b)
	s.ReadCBOR(&r)
	return s
}

// complete reports whether no message of the chain is known to be missing. Of one
// whose end nobody knows, as after a power cut, there is something at least.
func (c *chain) complete() bool {
	last := c.received.Max()
	return len(c.received.Runs()) == 1 && last > 0 && last >= c.end.Seq
}

// missing returns what is not received of the range.
func (c *chain) missing(from, to uint64) []seal.Interval {
	all := c.received.Missing(nil, min(to, seal.MaxSeq))
	var in []seal.Interval
	for _, m := range all {
		if m.Last >= from {
			in = append(in, seal.Interval{First: max(m.First, from), Last: m.Last})
		}
	}
	return in
}

// close takes in where the next anchor says that the chain ended. It returns
// the missing tail, zero if there is none, and why this contradicts what was
// received, if it does.
func (c *chain) close(end seal.Checkpoint, d *device) (tail seal.Interval, contradiction string) {
	if c.end.EID != (seal.EID{}) {
		if c.end != end {
			return tail, "two anchors name two ends of one chain"
		}
		return tail, ""
	}
	if end.Seq == 0 { // which chain it was is all that the device knows, as after a power cut
		if !c.begunBy(end.Head) {
			return tail, "the new anchor names another beginning of the chain before"
		}
		return tail, ""
	}
	c.end, c.dirty = end, true
	if c.received.Max() > end.Seq {
		return tail, "the new anchor does not know the newest messages of the chain before"
	}
	m, lately := d.recall(c.eid, end.Seq)
	if head, known := c.head(end.Seq); known && head != end.Head || lately && m.head != end.Head {
		return tail, "the new anchor names another last message of the chain before"
	}
	if end.Seq > c.high {
		tail = seal.Interval{First: c.high + 1, Last: end.Seq}
		c.high = end.Seq
	}
	return tail, ""
}

// setLabel records that text holds from seq on.
func (c *chain) setLabel(seq uint64, text string) {
	i, found := slices.BinarySearchFunc(c.labels, seq, func(l label, seq uint64) int { return int(int64(l.seq) - int64(seq)) })
	if found || text == "" || c.labelAt(seq) == text {
		return
	}
	c.dirty = true
	c.labels = slices.Insert(c.labels, i, label{seq, text})
	if len(c.labels) > maxLabels {
		c.labels = slices.Delete(c.labels, 0, 1)
	}
}

// labelAt returns the label of message seq, or "" if none is known.
func (c *chain) labelAt(seq uint64) string {
	for i := len(c.labels) - 1; i >= 0; i-- {
		if c.labels[i].seq <= seq {
			return c.labels[i].text
		}
	}
	return ""
}

// receipt says how much of the chain is received. Its head is zero if a state of
// an earlier version does not know it.
func (c *chain) receipt(kid keys.KeyID) seal.ReceivedChain {
	runs := c.received.Runs()
	last := min(len(runs)-1, seal.MaxMissing)
	said := seal.ReceivedChain{
		Device:     kid,
		Checkpoint: seal.Checkpoint{EID: c.eid, Seq: runs[last].Last, Head: c.edges[last].head},
		GivenUp:    c.givenUp,
	}
	for i := range last {
		said.Missing = append(said.Missing, seal.Interval{First: runs[i].Last + 1, Last: runs[i+1].First - 1})
	}
	return said
}

// chainItems is the length of a chain in the state. An earlier version wrote two
// less: it did not know what it had given up.
const chainItems = 14

// append appends the chain for the state, without its name.
func (c *chain) append(dst []byte) []byte {
	dst = cbor.AppendArray(dst, chainItems)
	dst = cbor.AppendUint(dst, c.boot)
	dst = cbor.AppendUint(dst, uint64(c.clock.UnixMilli))
	dst = cbor.AppendUint(dst, uint64(c.clock.Error))
	dst = cbor.AppendUint(dst, uint64(c.heartbeat))
	dst = cbor.AppendBool(dst, c.test)
	dst = appendCheckpoint(dst, &c.previous)
	dst = cbor.AppendBool(dst, c.reported)
	dst = appendCheckpoint(dst, &c.end)
	dst = c.received.AppendCBOR(dst)
	dst = cbor.AppendArray(dst, len(c.edges))
	for i := range c.edges {
		dst = cbor.AppendBytesHead(dst, 2*len(seal.Head{}))
		dst = append(append(dst, c.edges[i].prev[:]...), c.edges[i].head[:]...)
	}
	dst = cbor.AppendUint(dst, c.high)
	dst = cbor.AppendArray(dst, 2*len(c.labels))
	for _, l := range c.labels {
		dst = cbor.AppendText(cbor.AppendUint(dst, l.seq), l.text)
	}
	return cbor.AppendUint(cbor.AppendUint(dst, c.givenUp.First), c.givenUp.Last)
}

var errState = errors.New("not what this program writes")

func readChain(eid seal.EID, b []byte) (*chain, error) {
	c := &chain{eid: eid}
	r := cbor.NewReader(b)
	items := r.Array()
	c.boot = r.Uint()
	c.clock.UnixMilli = int64(r.UintMax(1 << 53))
	c.clock.Error = uint32(r.UintMax(1<<32 - 1))
	c.heartbeat = uint32(r.UintMax(1<<32 - 1))
	c.test = r.Bool()
	c.previous = readCheckpoint(&r)
	c.reported = r.Bool()
	c.end = readCheckpoint(&r)
	c.received.ReadCBOR(&r)
	c.edges = make([]edge, r.Array())
	for i := range c.edges {
		both := r.BytesLen(2 * len(seal.Head{}))
		if r.Err() != nil {
			break
		}
		copy(c.edges[i].prev[:], both)
		copy(c.edges[i].head[:], both[len(seal.Head{}):])
	}
	c.high = r.UintMax(seal.MaxSeq)
	for range r.Array() / 2 {
		c.labels = append(c.labels, label{r.UintMax(seal.MaxSeq), string(r.Text(vital.MaxText))})
	}
	if items == chainItems {
		c.givenUp = seal.Interval{First: r.UintMax(seal.MaxSeq), Last: r.UintMax(seal.MaxSeq)}
	} else if items != chainItems-2 {
		r.Fail(errState)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	if len(c.edges) != len(c.received.Runs()) || len(c.edges) == 0 {
		return nil, errState
	}
	return c, nil
}

func appendCheckpoint(dst []byte, c *seal.Checkpoint) []byte {
	dst = cbor.AppendArray(dst, 3)
	dst = cbor.AppendBytes(dst, c.EID[:])
	dst = cbor.AppendUint(dst, c.Seq)
	return cbor.AppendBytes(dst, c.Head[:])
}

func readCheckpoint(r *cbor.Reader) (c seal.Checkpoint) {
	r.ArrayLen(3)
	copy(c.EID[:], r.BytesLen(len(c.EID)))
	c.Seq = r.UintMax(seal.MaxSeq)
	copy(c.Head[:], r.BytesLen(len(c.Head)))
	return c
}
