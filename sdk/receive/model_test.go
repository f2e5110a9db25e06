package receive_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// The model: everything that was ever judged, in plain maps, and the rules of
// the package's documentation on top of it. It forgets nothing, so it can tell
// what the receiver may no longer know.
type model struct {
	window   time.Duration
	ring     int
	accepted map[seal.EID]bool
	refused  map[seal.EID]bool
	highest  uint64
	chains   map[seal.EID]*modelChain
	order    []modelKey // messages taken in
	pending  []*sent
	counts   receive.Counts
	missing  map[modelKey]bool // reported as gaps and not filled
}

type modelKey struct {
	eid seal.EID
	seq uint64
}

type modelChain struct {
	got  map[uint64]modelMessage // 0 is the anchor
	high uint64
	end  *seal.Checkpoint
}

type modelMessage struct {
	head, prev seal.Head
	at         time.Time
}

// sent is a message in the hands of the broker.
type sent struct {
	payload []byte
	v       seal.Verified
	boot    uint64
	prev    seal.Checkpoint
}

func newModel(ring int, window time.Duration) *model {
	return &model{
		window: window, ring: ring, accepted: map[seal.EID]bool{}, refused: map[seal.EID]bool{},
		chains: map[seal.EID]*modelChain{}, missing: map[modelKey]bool{},
	}
}

func (m *model) count(v receive.Verdict) receive.Verdict {
	m.counts[v]++
	return v
}

// judge returns the verdict, 0 for a message that has to wait.
func (m *model) judge(s *sent, now time.Time) receive.Verdict {
	eid := s.v.EID()
	switch {
	case m.refused[eid]:
		return m.count(receive.Rollback)
	case s.v.Kind() == seal.KindAnchor:
		return m.anchor(s, now)
	case !m.accepted[eid]:
		for _, p := range m.pending {
			if p.v.Head() == s.v.Head() {
				return 0
			}
		}
		m.pending = append(m.pending, s)
		return 0
	}
	return m.batch(s, now)
}

func (m *model) anchor(s *sent, now time.Time) receive.Verdict {
	eid := s.v.EID()
	if m.accepted[eid] {
		return m.count(receive.Duplicate)
	}
	if s.boot <= m.highest && !m.vouched(eid, s.boot) {
		m.refused[eid] = true
		m.count(receive.Rollback)
		m.retry(now)
		return receive.Rollback
	}
	first := m.highest == 0
	m.highest = max(m.highest, s.boot)
	m.accepted[eid] = true
	c := &modelChain{got: map[uint64]modelMessage{0: {head: s.v.Head()}}}
	m.chains[eid] = c
	m.count(receive.Valid)
	if !first && s.prev.EID != (seal.EID{}) && m.chains[s.prev.EID] != nil {
		m.close(m.chains[s.prev.EID], s.prev)
	}
	m.retry(now)
	return receive.Valid
}

// vouched is never true here: the model's device delivers anchors in order or
// not at all, and TestRetainedAnchors has the rest.
func (m *model) vouched(seal.EID, uint64) bool { return false }

func (m *model) close(c *modelChain, end seal.Checkpoint) {
	if end.Seq == 0 && end.Head == c.got[0].head {
		return // names the chain and claims no end of it, as after a power cut
	}
	c.end = &end
	got, has := c.got[end.Seq]
	_, next := c.got[end.Seq+1]
	switch {
	case slices.Max(slices.Collect(maps.Keys(c.got))) > end.Seq,
		has && got.head != end.Head && (!next || m.recent(modelKey{end.EID, end.Seq})):
		m.count(receive.Fork) // a clone's messages came first
	case end.Seq > c.high:
		m.count(receive.Gap)
		for seq := c.high + 1; seq <= end.Seq; seq++ {
			m.missing[modelKey{end.EID, seq}] = true
		}
		c.high = end.Seq
	}
}

func (m *model) retry(now time.Time) {
	held := m.pending
	m.pending = nil
	for _, s := range held {
		m.judge(s, now)
	}
}

func (m *model) batch(s *sent, now time.Time) receive.Verdict {
	c, seq, key := m.chains[s.v.EID()], s.v.Seq(), modelKey{s.v.EID(), s.v.Seq()}
	if old, got := c.got[seq]; got {
		return m.count(m.again(s, c, key, old, now))
	}
	before, hasBefore := c.got[seq-1]
	after, hasAfter := c.got[seq+1]
	switch {
	case c.end != nil && (seq > c.end.Seq || seq == c.end.Seq && s.v.Head() != c.end.Head),
		hasBefore && before.head != s.v.Prev(), hasAfter && after.prev != s.v.Head():
		return m.count(receive.Fork)
	}
	c.got[seq] = modelMessage{s.v.Head(), s.v.Prev(), now}
	m.order = append(m.order, key)
	if seq > c.high+1 {
		m.count(receive.Gap)
		for n := c.high + 1; n < seq; n++ {
			m.missing[modelKey{key.eid, n}] = true
		}
	}
	c.high = max(c.high, seq)
	m.count(receive.Valid)
	if m.missing[key] {
		delete(m.missing, key)
		return m.count(receive.Filled)
	}
	return receive.Valid
}

func (m *model) again(s *sent, c *modelChain, key modelKey, old modelMessage, now time.Time) receive.Verdict {
	_, next := c.got[key.seq+1]
	recent := m.recent(key)
	switch {
	case old.head != s.v.Head() && (recent || !next):
		return receive.Fork
	case recent && now.Sub(old.at) <= m.window:
		return receive.Duplicate
	}
	return receive.Replay
}

func (m *model) recent(key modelKey) bool {
	return slices.Contains(m.order[max(0, len(m.order)-m.ring):], key)
}

// world is a device, its clones and the broker between them and the receiver.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	device *device
	clone  *device // seals under the same anchor
	old    *device // restored from a backup
	box    []*sent
	verify seal.Verifier
	public keys.PublicKey
}

func (w *world) put(payload []byte) *sent {
	w.t.Helper()
	e, err := seal.Parse(payload)
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := w.verify.Verify(e, &w.public)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &sent{payload: payload, v: v}
	if a, err := v.Anchor(); err == nil {
		s.boot, s.prev = a.Boot, a.Previous
	}
	w.box = append(w.box, s)
	return s
}

// next picks what is delivered: mostly the newest, at times something older, or
// something that an attacker has.
func (w *world) next() *sent {
	switch p := w.rng.IntN(100); {
	case p < 3:
		check := w.device.sealer.Checkpoint()
		s := w.put(w.device.begin())
		w.clone = w.device.clone()
		w.clone.tweak = func(a *seal.Anchor) { a.Previous = check }
		w.clone.rebegun()
		if w.rng.IntN(3) == 0 {
			w.device.reading(1) // lost for good, or found in the box later
		}
		return s
	case p < 8: // about where the device is
		var s *sent
		near := int64(w.device.sealer.Checkpoint().Seq) + int64(w.rng.IntN(5)) - 2
		for s == nil || int64(w.clone.sealer.Checkpoint().Seq) < near {
			s = w.put(w.clone.reading(100 + w.rng.IntN(100)))
		}
		return s
	case p == 8:
		if w.old.boot < w.device.boot-1 {
			w.put(w.old.begin())
			w.put(w.old.reading(0))
		}
	case p < 60:
		return w.put(w.device.reading(p))
	case p < 75: // sealed, and not delivered now
		w.put(w.device.reading(p))
	}
	recent := min(len(w.box), 1+w.rng.IntN(1+w.rng.IntN(200)))
	return w.box[len(w.box)-1-w.rng.IntN(recent)]
}

// TestModel has a receiver and the model judge the same thousands of messages:
// lost, doubled, in any order, forked, rolled back, replayed, with restarts.
func TestModel(t *testing.T) {
	for range 4 {
		seed := rand.Uint64()
		if text := os.Getenv("RECEIVE_TEST_SEED"); text != "" { // to repeat a failure
			var err error
			if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel() // they wait for the disk
			runModel(t, seed, 1500)
		})
	}
}

func runModel(t *testing.T, seed uint64, steps int) {
	d := newDevice(t, 1)
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), device: d, public: d.key.Public()}
	w.old = d.clone()
	w.old.boot -= 50
	w.old.tweak = func(a *seal.Anchor) { a.Salt[5], a.Previous = 9, seal.Checkpoint{} }
	g := newRig(t, d)
	g.r.Close()
	g.conf.DuplicateMessages, g.conf.DuplicateWindow = 16, 10*time.Minute
	g.conf.StatePath += "2"
	g.conf.Chains, g.conf.PendingMessages, g.conf.PendingBytes = 1<<20, 1<<20, 1<<30
	g.conf.PendingTimeout = 1 << 40 * time.Microsecond
	g.open()
	m := newModel(16, g.conf.DuplicateWindow)
	first := w.put(d.begin())
	w.clone = d.clone().rebegun()
	var total receive.Counts
	for i := range steps {
		s := first
		if i > 0 {
			s = w.next()
		}
		g.now = g.now.Add(time.Duration(w.rng.IntN(20)) * time.Second)
		want := m.judge(s, g.now)
		res, err := g.r.Handle(context.Background(), g.message(s.payload))
		if err != nil {
			t.Fatal(err)
		}
		if res.Verdict != want || res.Pending != (want == 0) {
			t.Fatalf("seed %d, step %d: %v %v seq %d: verdict %q (%s), want %q", seed, i, s.v.Kind(), s.v.EID(), s.v.Seq(), res.Verdict, res.Reason, want)
		}
		if w.rng.IntN(10) == 0 {
			checkReceipts(t, seed, g, m)
		}
		if w.rng.IntN(150) == 0 {
			addCounts(&total, g.r.Stats().Verdicts)
			g.restart()
		}
	}
	addCounts(&total, g.r.Stats().Verdicts)
	if total != m.counts {
		t.Errorf("seed %d: counts %v, want %v", seed, total, m.counts)
	}
	t.Logf("%d messages: counts by verdict %v", steps, total[1:])
	checkReadings(t, seed, g, m)
}

func addCounts(sum *receive.Counts, c receive.Counts) {
	for i := range c {
		sum[i] += c[i]
	}
}

// checkReceipts holds what the receiver would sign against what the model has.
func checkReceipts(t *testing.T, seed uint64, g *rig, m *model) {
	t.Helper()
	receipts, _ := g.r.Receipts(true)
	if len(receipts) != 1 || receipts[0].Gateway != "gw-1" || receipts[0].Site != site {
		t.Fatalf("seed %d: receipts %+v", seed, receipts)
	}
	if !slices.ContainsFunc(receipts[0].Chains, func(c seal.ReceivedChain) bool { return m.chains[c.EID] != nil && !c.Refused }) {
		t.Fatalf("seed %d: no chain in %+v", seed, receipts[0])
	}
	for _, c := range receipts[0].Chains {
		known := m.chains[c.EID]
		if known == nil || c.Refused {
			t.Fatalf("seed %d: %+v is no chain of the model's", seed, c)
		}
		if known.got[c.Seq].head != c.Head {
			t.Fatalf("seed %d: head %x at %d, want %x", seed, c.Head, c.Seq, known.got[c.Seq].head)
		}
		newest := slices.Max(slices.Collect(maps.Keys(known.got)))
		if c.Seq != newest && len(c.Missing) != seal.MaxMissing {
			t.Fatalf("seed %d: up to %d with %d gaps, want %d", seed, c.Seq, len(c.Missing), newest)
		}
		for seq := range c.Seq + 1 {
			if _, got := known.got[seq]; got != c.Received(seq) {
				t.Fatalf("seed %d: message %d of %v: received %v, the receipt says %v", seed, seq, c.EID, got, c.Received(seq))
			}
		}
	}
}

// checkReadings adds up the lines: each message of the model's once, and what
// is reported missing and not filled is what is missing.
func checkReadings(t *testing.T, seed uint64, g *rig, m *model) {
	t.Helper()
	shown, missing := map[string]int{}, 0
	for _, l := range g.lines() {
		switch {
		case l.Verdict == "gap":
			missing += int(l.Last - l.First + 1)
		case l.Verdict == "filled":
			missing -= int(l.Last - l.First + 1)
		case l.Value != nil:
			shown[l.Value.String()]++
		}
	}
	n := 0
	for _, v := range shown {
		n += v
	}
	if n != len(m.order) {
		t.Errorf("seed %d: %d readings shown, want %d", seed, n, len(m.order))
	}
	if missing != len(m.missing) {
		t.Errorf("seed %d: %d messages reported missing, want %d", seed, missing, len(m.missing))
	}
}
