package sdk_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// untilStats waits until the condition holds for what a pipeline says of itself.
func untilStats(t *testing.T, p *sdk.Pipeline, what string, holds func(*sdk.Stats) bool) {
	t.Helper()
	deadline := time.Now().Add(sdktest.Patience)
	for {
		s := p.Stats()
		if holds(&s) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %d in the outbox, receipts %+v", what, s.Outbox.Records, s.Receipts)
		}
		must(t, p.Sync(context.Background()))
	}
}

func records(n int) func(*sdk.Stats) bool {
	return func(s *sdk.Stats) bool { return s.Outbox.Records == uint64(n) }
}

// waiting returns a configuration that waits for receipts.
func waiting(w *sdktest.Ward, receivers ...string) sdk.Config {
	conf := w.Config()
	conf.Receipts = receivers
	conf.Heartbeat = time.Hour // so that what is published is what a test records
	conf.QuickRepeat(time.Hour)
	return conf
}

// recordEach records readings, each in an envelope of its own. With the first of a
// device there are two more: the anchor, and what says that it started.
func recordEach(t *testing.T, d *sdk.Device, from, to int) {
	t.Helper()
	must(t, d.Sync(context.Background()))
	for i := from; i < to; i++ {
		must(t, d.Record(spo2(i)))
		must(t, d.Sync(context.Background()))
	}
}

// TestKeptUntilSigned has the outbox keep what the broker has acknowledged until a
// receiver signs for it, and give up what it signed for and nothing else.
func TestKeptUntilSigned(t *testing.T) { eachBroker(t, testKeptUntilSigned, "oximeter", "psk") }

func testKeptUntilSigned(t *testing.T, w *sdktest.Ward) {
	s := newSigning(t, w, "station")
	conf := waiting(w, "station")
	p := w.Open(conf)
	recordEach(t, w.Device(p, "oximeter"), 0, 20)
	recordEach(t, w.Device(p, "psk"), 0, 20)
	const all = 2 * 22
	s.until("all messages", func() bool { return s.total() == all })
	untilStats(t, p, "acknowledgements", func(s *sdk.Stats) bool { return s.Connection.Acked >= all })
	if st := p.Stats(); st.Outbox.Records != all || st.Receipts[0].Behind != all || st.Receipts[0].Receipts != 0 {
		t.Errorf("acknowledged and not signed for: %+v, %+v", st.Outbox, st.Receipts)
	}
	part := s.receipt()
	c := &part.Chains[0]
	c.Seq = 15
	c.Head, _ = s.head(c.EID, 15)
	c.Missing = []seal.Interval{{First: 3, Last: 5}, {First: 9, Last: 9}}
	part.Chains = part.Chains[:1]
	s.publish(s.signed(part, s.id.Receipts))
	untilStats(t, p, "a part", records(all-16+4))
	if st := p.Stats().Receipts[0]; st.Behind != all-12 || st.Oldest.IsZero() || st.Last.IsZero() || st.Err != nil {
		t.Errorf("a part signed for: %+v", st)
	}
	connections := p.Stats().Connection.Count // at each all is published that is not signed for
	w.Close(p)                                // which waits for no receipt
	again := w.Open(conf)
	s.until("all but the part once more", func() bool { return s.count[s.chains[c.EID].heads[4]] > 1 && s.count[s.chains[c.EID].heads[20]] > 1 })
	if _, n := s.head(c.EID, 6); n != 1 && connections == 1 {
		t.Errorf("what was signed for came %d times", n)
	}
	large := s.receipt() // of a gateway with many chains
	for i := len(large.Chains); i < seal.MaxReceiptChains; i++ {
		large.Chains = append(large.Chains, seal.ReceivedChain{
			Device: keys.KeyID{0xff, 0xff, byte(i >> 8), byte(i)}, Checkpoint: seal.Checkpoint{Seq: 1, Head: seal.Head{1}},
		})
	}
	s.publish(s.signed(large, s.id.Receipts))
	untilStats(t, again, "all", func(s *sdk.Stats) bool { // the oldest is known as of a while ago
		return s.Outbox.Records == 0 && s.Receipts[0].Oldest.IsZero()
	})
	if st := again.Stats().Receipts[0]; st.Behind != 0 || !st.Oldest.IsZero() || st.Refused != 0 || st.GivenUp != 0 {
		t.Errorf("all signed for: %+v", st)
	}
	w.Close(again)
}

// TestReceiptsThatReleaseNothing has receipts come that somebody forged, altered,
// played again, or took from elsewhere: nothing leaves the outbox for them.
func TestReceiptsThatReleaseNothing(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter", "other")
	w.AddRecipient("second")
	got := w.Receive() // which does not count, and sees the signed events
	s := newSigning(t, w, "second")
	conf := waiting(w, "second")
	conf.QuickRoster()
	p := w.Open(conf)
	recordEach(t, w.Device(p, "oximeter"), 0, 10)
	s.until("all messages", func() bool { return s.total() == 12 })
	old := s.signed(s.receipt(), s.id.Receipts)
	recordEach(t, w.Device(p, "oximeter"), 10, 20)
	s.until("all messages", func() bool { return s.total() == 22 })
	good := s.receipt()
	seed := [32]byte{1}
	station, err := identity.LoadReceiver(w.RecipientDir())
	must(t, err)
	change := func(f func(*seal.Receipt, *seal.ReceivedChain)) []byte {
		r := good
		r.Chains = slices.Clone(r.Chains)
		f(&r, &r.Chains[0])
		return s.signed(r, s.id.Receipts)
	}
	flipped := func(at int) []byte {
		m := s.signed(good, s.id.Receipts)
		m[(len(m)+at)%len(m)] ^= 1
		return m
	}
	bad := map[string][]byte{
		"signed with another key":       s.signed(good, keys.NewEd25519(&seed)),
		"signed by another recipient":   s.signed(good, station.Receipts),
		"of another receiver":           change(func(r *seal.Receipt, _ *seal.ReceivedChain) { r.Receiver = "station" }),
		"of another gateway":            change(func(r *seal.Receipt, _ *seal.ReceivedChain) { r.Gateway = "gw-2" }),
		"of another site":               change(func(r *seal.Receipt, _ *seal.ReceivedChain) { r.Site = "ward-4" }),
		"altered at its end":            flipped(-1),
		"altered in its middle":         flipped(len(old) / 2),
		"altered at its start":          flipped(0),
		"cut short":                     old[:len(old)-1],
		"with a byte too many":          append(slices.Clone(old), 0),
		"an envelope and not a receipt": s.anyMessage(),
		"one byte":                      {0},
	}
	refused := func(what string, message []byte) {
		t.Helper()
		before := p.Stats().Receipts[0].Refused
		s.publish(message)
		untilStats(t, p, what, func(st *sdk.Stats) bool { return st.Receipts[0].Refused > before })
	}
	for what, message := range bad {
		refused("a refusal of one "+what, message)
		if st := p.Stats(); st.Outbox.Records != 22 || st.Receipts[0].Err == nil || st.Receipts[0].Receipts != 0 {
			t.Fatalf("after one %s: %+v, %+v", what, st.Outbox, st.Receipts)
		}
	}
	// Those that are signed as they should be, and contradict what was sealed, are
	// signed for.
	for i, message := range [][]byte{
		change(func(_ *seal.Receipt, c *seal.ReceivedChain) { c.Head[0] ^= 1 }),
		change(func(_ *seal.Receipt, c *seal.ReceivedChain) { c.Seq = 15 }),
		change(func(_ *seal.Receipt, c *seal.ReceivedChain) { c.Seq = 1 << 39 }),
		change(func(_ *seal.Receipt, c *seal.ReceivedChain) {
			c.Seq, c.Missing = 22, []seal.Interval{{First: 3, Last: 4}}
		}),
	} {
		refused("a contradiction", message)
		if st := p.Stats(); st.Outbox.Records < 22 || st.Receipts[0].Err == nil {
			t.Fatalf("after contradiction %d: %+v, %+v", i, st.Outbox, st.Receipts)
		}
	}
	got.Until("the event", func(f *sdktest.Found) bool { return f.Events[vital.EventReceipt] == 1 })

	all := int(p.Stats().Outbox.Records)
	s.publish(old) // says less, and what it says is true
	untilStats(t, p, "what the first receipt covers", records(all-12))
	s.publish(s.signed(good, s.id.Receipts))
	untilStats(t, p, "what the second covers", records(all-22))
	if err := p.Stats().Receipts[0].Err; err != nil {
		t.Errorf("after good receipts: %v", err)
	}
	s.publish(old)
	recordEach(t, w.Device(p, "oximeter"), 20, 21)
	s.until("another", func() bool { return s.total() == all+1 }) // the gateway's own too
	s.sign()
	untilStats(t, p, "all", records(0))

	// A recipient that is removed signs for nothing any more.
	site, err := identity.OpenSite(w.Dir)
	must(t, err)
	recordEach(t, w.Device(p, "oximeter"), 21, 31)
	s.until("ten more", func() bool { return len(s.chains[good.Chains[0].EID].heads) == 33 })
	must(t, site.RemoveRecipient("second"))
	refused("a refusal", s.signed(s.receipt(), s.id.Receipts))
	if st := p.Stats(); st.Outbox.Records < 10 || st.Receipts[0].Err == nil {
		t.Errorf("after a receipt of one that is removed: %+v, %+v", st.Outbox, st.Receipts)
	}
	w.CloseAtOnce(p)
	if _, err := sdk.Open(context.Background(), conf); !errors.Is(err, identity.ErrUnknown) {
		t.Errorf("a pipeline that waits for a receiver that is removed: %v", err)
	}
}

// TestLostOnTheWay has a receiver that is never given a third of what the broker has
// acknowledged, anchors and the ends of chains too: on one connection, it is sent
// again until the receiver has all. It has to sign for something that is later, so that
// the last of the anchors is not lost: without it there is nothing that it could sign.
func TestLostOnTheWay(t *testing.T) { eachBroker(t, testLostOnTheWay, "oximeter") }

func testLostOnTheWay(t *testing.T, w *sdktest.Ward) {
	seed := uint64(number(t, "SDK_SEED", int(rand.Uint32())))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newSigning(t, w, "station")
	tried := map[seal.Head]bool{}
	lost, last := 0, false
	s.behave(func(m *taken) bool {
		first := !tried[m.Head()]
		tried[m.Head()] = true
		if first && rng.IntN(3) == 0 && !(last && m.Seq() == 0) {
			lost++
			return false
		}
		return true
	}, asItIs)
	conf := waiting(w, "station")
	conf.Heartbeat = time.Second
	conf.QuickRepeat(time.Millisecond)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	for chain := range 5 {
		must(t, d.Label(string(rune('a'+chain))))
		recordEach(t, d, 0, 50)
	}
	s.until("the anchors before", func() bool { last = len(s.seen) >= 5; return last })
	must(t, d.Label("z"))
	recordEach(t, d, 0, 1)
	recorded := time.Now()
	s.until("every message", func() bool { return s.total() >= 1+5*51+2 && s.total() == len(s.count) })
	untilStats(t, p, "that all is signed for", func(s *sdk.Stats) bool { // but for heartbeats since
		return s.Oldest.IsZero() || s.Oldest.After(recorded)
	})
	st := p.Stats()
	w.Close(p)
	s.mu.Lock()
	all, never := s.total(), lost
	s.mu.Unlock()
	if st.Connection.Count != 1 || st.Receipts[0].Refused != 0 || never == 0 {
		t.Errorf("%d lost; %+v, %+v", never, st.Connection, st.Receipts)
	}
	t.Logf("%d messages, %d thrown away, all taken; how many came how often: %v", all, never, s.deliveries())
}

// TestBothHaveToSign has two receivers of which one is away, and in the end comes
// for the first time: the outbox keeps what it has not signed for, and publishes it
// again then.
func TestBothHaveToSign(t *testing.T) { eachBroker(t, testBothHaveToSign, "oximeter") }

func testBothHaveToSign(t *testing.T, w *sdktest.Ward) {
	w.AddRecipient("second")
	station := newSigning(t, w, "station")
	station.behave(nil, asItIs)
	conf := waiting(w, "station", "second")
	conf.QuickRepeat(time.Millisecond)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	recordEach(t, d, 0, 40)
	must(t, d.Label("another bed"))
	recordEach(t, d, 40, 80)
	station.until("all messages", func() bool { return station.total() >= 83 })
	untilStats(t, p, "that one has signed", func(s *sdk.Stats) bool { return s.Receipts[0].Behind == 0 })
	if s := p.Stats(); s.Outbox.Records < 83 || s.Receipts[1].Behind != s.Outbox.Records || s.Receipts[1].Oldest.IsZero() {
		t.Errorf("one is away: %d in the outbox, %+v", s.Outbox.Records, s.Receipts)
	}
	second := newSigning(t, w, "second")
	second.behave(nil, asItIs)
	recordEach(t, d, 80, 90)
	second.until("all messages", func() bool { return second.total() >= 93 })
	untilStats(t, p, "that both have signed", records(0))
	w.Close(p)
	t.Logf("how many messages came how often: %v to the one, %v to the other", station.deliveries(), second.deliveries())
}

// TestRefusedChain has a receiver refuse a chain, and give up a part of another:
// what it will never take does not stay in the outbox.
func TestRefusedChain(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter", "other")
	s := newSigning(t, w, "station")
	p := w.Open(waiting(w, "station"))
	recordEach(t, w.Device(p, "oximeter"), 0, 20)
	s.until("all messages", func() bool { return s.total() == 22 })
	r := s.receipt()
	r.Chains[0].Seq = 10
	r.Chains[0].Head, _ = s.head(r.Chains[0].EID, 10)
	r.Chains[0].GivenUp = seal.Interval{First: 2, Last: 6}
	r.Chains[0].Missing = []seal.Interval{{First: 8, Last: 8}}
	s.publish(s.signed(r, s.id.Receipts))
	untilStats(t, p, "a part", records(12))
	if st := p.Stats().Receipts[0]; st.GivenUp != 5 || st.Behind != 12 {
		t.Errorf("a part given up: %+v", st)
	}
	r.Chains[0] = seal.ReceivedChain{Device: r.Chains[0].Device, Checkpoint: seal.Checkpoint{EID: r.Chains[0].EID}, Refused: true}
	s.publish(s.signed(r, s.id.Receipts))
	untilStats(t, p, "the rest", records(0))
	if st := p.Stats().Receipts[0]; st.GivenUp != 17 || st.Behind != 0 || st.Err != nil {
		t.Errorf("a chain refused: %+v", st)
	}
	recordEach(t, w.Device(p, "other"), 0, 5)
	untilStats(t, p, "what is not refused", records(7))
	w.Close(p)
}

// TestNothingAgainToOneThatIsAway has the outbox wait for a receiver that is away
// while another signs for all: what both have been sent is published once.
func TestNothingAgainToOneThatIsAway(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	w.AddRecipient("second")
	s := newSigning(t, w, "station")
	s.behave(nil, asItIs)
	conf := waiting(w, "station", "second")
	conf.QuickRepeat(time.Millisecond)
	p := w.Open(conf)
	recordEach(t, w.Device(p, "oximeter"), 0, 100)
	untilStats(t, p, "that one has signed", func(s *sdk.Stats) bool { return s.Receipts[0].Behind == 0 })
	untilStats(t, p, "acknowledgements", func(s *sdk.Stats) bool { return s.Connection.Acked >= 102 })
	st := p.Stats()
	if again := st.Connection.Acked != 102 && st.Connection.Count == 1; again || st.Outbox.Records != 102 { // at another connection it is
		t.Errorf("%d envelopes, published %d times", st.Outbox.Records, st.Connection.Acked)
	}
	w.Close(p)
}

// TestClaimOfAnotherKey has the key of a receiver change while what it signed with the
// one before is compared: that does not count any more.
func TestClaimOfAnotherKey(t *testing.T) {
	t.Parallel()
	before, after := keys.NewEd25519(&[32]byte{1}).Public(), keys.NewEd25519(&[32]byte{2}).Public()
	if !sdk.CountsAfter(before, before) || sdk.CountsAfter(before, after) || sdk.CountsAfter(before, keys.PublicKey{}) {
		t.Error("a claim counts by another key than the one that signed it")
	}
}

// TestSignedForAndCarriedAgain has a sensor send again what was carried, as after a
// cable was pulled, before the receiver signs for all: that contradicts nothing.
func TestSignedForAndCarriedAgain(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	sensor := w.NewSealing("monitor-4")
	s := newSigning(t, w, "station")
	p := w.Open(waiting(w, "station"))
	c, err := p.Carrier("monitor-4")
	must(t, err)
	carry(t, c, sensor.Begin(seal.Beacon{}))
	var from sdk.Carried
	var again []byte
	for i := range 10 {
		if i == 5 {
			from = c.Last()
		}
		m := sensor.Seal(spo2(i))
		if i == 5 {
			again = m
		}
		carry(t, c, m)
	}
	c.Continue(from)
	carry(t, c, again)
	must(t, c.Sync(context.Background()))
	s.until("all messages", func() bool { return s.total() == 11 })
	s.sign()
	untilStats(t, p, "the receipt", records(0))
	if st := p.Stats().Receipts[0]; st.Refused != 0 || st.Err != nil {
		t.Errorf("a true receipt: %+v", st)
	}
	w.Close(p)
}

// TestBacklogWaitsForBeacons asks how long a backlog waits: after a cut of any length
// as after a start.
func TestBacklogWaitsForBeacons(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		lost, made time.Duration // before now
		waits      bool
	}{
		{time.Second, time.Second, true},
		{24 * time.Hour, time.Second, true},
		{time.Second, 24 * time.Hour, true},
		{24 * time.Hour, time.Minute, false},
		{time.Minute, 24 * time.Hour, false},
	} {
		if got := sdk.Deaf(now.Add(-c.lost), now.Add(-c.made), now); got != c.waits {
			t.Errorf("beacons lost %v ago, connected for %v: waits is %v", c.lost, c.made, got)
		}
	}
	if sdk.Deaf(time.Time{}, now, now) {
		t.Error("waits for beacons that are heard")
	}
}

// TestSiftingEndsWithThePipeline closes a pipeline while an outbox that is full is
// sifted: what is left of that waits for the next time.
func TestSiftingEndsWithThePipeline(t *testing.T) {
	t.Parallel()
	q, err := outbox.Open(outbox.Config{Dir: filepath.Join(t.TempDir(), "outbox")})
	must(t, err)
	for range 10 {
		_, err := q.Append(outbox.Record{Class: outbox.Data, Topic: "t", Payload: []byte{1}})
		must(t, err)
	}
	must(t, q.Commit())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := sdk.Sift(ctx, q); !errors.Is(err, context.Canceled) || q.Stats().Records != 10 {
		t.Errorf("at the end: %v, %d records", err, q.Stats().Records)
	}
	must(t, sdk.Sift(context.Background(), q))
	if n := q.Stats().Records; n != 0 {
		t.Errorf("%d records are left", n)
	}
	must(t, q.Close())
}

// TestClaimsWithoutEnd has a receiver tell of more and more chains while the outbox
// cannot be sifted: they take no memory without end.
func TestClaimsWithoutEnd(t *testing.T) {
	t.Parallel()
	key := keys.NewEd25519(&[32]byte{1})
	var messages [][]byte
	for i := range 40 {
		r := seal.Receipt{Site: "ward-3", Gateway: "gw-1", Receiver: "station"}
		for j := range 400 {
			r.Chains = append(r.Chains, seal.ReceivedChain{
				Device: keys.KeyID{byte(i)}, Checkpoint: seal.Checkpoint{EID: seal.EID{byte(j >> 8), byte(j)}, Seq: 1, Head: seal.Head{1}},
			})
		}
		m, err := seal.AppendReceipt(nil, key, &r)
		must(t, err)
		messages = append(messages, m)
	}
	if n := sdk.Offered("station", key.Public(), messages[:2]...); n != 800 {
		t.Errorf("claims of %d chains wait, not of 800", n)
	}
	if n := sdk.Offered("station", key.Public(), messages...); n != 8192 {
		t.Errorf("claims of %d chains wait", n)
	}
}
