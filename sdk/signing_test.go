package sdk_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// signing is a receiver that does as a test says: it takes messages or throws them
// away, and signs for what the test wants.
type signing struct {
	t    testing.TB
	name string
	id   *identity.Receiver

	mu      sync.Mutex
	takes   func(*taken) bool // nil: all
	chains  map[seal.EID]*takenChain
	seen    map[seal.EID]bool // chains of which the anchor came, taken or not
	count   map[seal.Head]int // how often each message came, taken or not, but for what the broker sent again
	changed chan struct{}     // closed when something came
	out     *newest
	signs   func(*seal.Receipt) // nil: nothing is signed for by itself; changes what is
}

// takenChain is what was taken of one chain.
type takenChain struct {
	device keys.KeyID
	has    seal.Intervals
	heads  map[uint64]seal.Head
	last   []byte // the message
}

// taken is one message.
type taken struct {
	seal.Verified
	message []byte
}

func newSigning(t testing.TB, w *sdktest.Ward, name string) *signing {
	t.Helper()
	id, err := identity.LoadReceiver(w.Recipient(name))
	must(t, err)
	s := &signing{
		t: t, name: name, id: id, chains: map[seal.EID]*takenChain{}, seen: map[seal.EID]bool{}, count: map[seal.Head]int{},
		changed: make(chan struct{}), out: &newest{changed: make(chan struct{}, 1)},
	}
	c := mqtt.Config{
		Broker: w.Broker.URL, ClientID: name, Credentials: id.Credentials, MinBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond,
	}
	subscribed := make(chan struct{}, 100)
	c.OnState = func(s mqtt.State) {
		if s.Connected {
			subscribed <- struct{}{}
		} else if s.Err != nil {
			t.Logf("%s: not connected: %v", name, s.Err)
		}
	}
	in, err := mqtt.NewSubscriber(c)
	must(t, err)
	c.ClientID = name + "_beacon"
	c.OnState = func(s mqtt.State) {
		if s.Err != nil {
			t.Logf("%s: not connected to publish: %v", name, s.Err)
		}
	}
	out, err := mqtt.NewPublisher(c)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		must(t, in.Run(ctx, []string{"vs1/ward-3/#"}, s.take))
	})
	running.Go(func() { must(t, out.Run(ctx, s.out)) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	<-subscribed
	return s
}

// take is told of each message.
func (s *signing) take(m mqtt.Received) {
	defer m.Ack()
	topic, err := mqtt.ParseTopic(m.Topic)
	must(s.t, err)
	if topic.Device == "" || len(m.Payload) == 0 {
		return // beacons, states, receipts, what clears an anchor
	}
	e, err := seal.Parse(m.Payload)
	must(s.t, err)
	d, _ := s.id.Roster.Device(e.KeyID())
	v, err := new(seal.Verifier).Verify(e, &d.PublicKey)
	must(s.t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.Retained && !(m.Duplicate && s.count[v.Head()] > 0) {
		s.count[v.Head()]++
	}
	if v.Seq() == 0 {
		s.seen[v.EID()] = true
	}
	if s.takes == nil || s.takes(&taken{v, m.Payload}) {
		c := s.chains[v.EID()]
		if c == nil {
			c = &takenChain{device: v.KeyID(), heads: map[uint64]seal.Head{}}
			s.chains[v.EID()] = c
		}
		c.has.Add(v.Seq())
		c.heads[v.Seq()], c.last = v.Head(), m.Payload
	}
	close(s.changed)
	s.changed = make(chan struct{})
	if s.signs != nil {
		r := s.state()
		s.signs(&r)
		s.publish(s.signed(r, s.id.Receipts))
	}
}

// behave has the receiver take what takes says true of, and sign by itself at each
// message. Both are called with s.mu held.
func (s *signing) behave(takes func(*taken) bool, signs func(*seal.Receipt)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.signs = takes, signs
}

func asItIs(*seal.Receipt) {}

// until waits until the condition holds for what was taken.
func (s *signing) until(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.After(sdktest.Patience); ; {
		s.mu.Lock()
		ok, changed := holds(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// total returns how many messages were taken. s.mu is held.
func (s *signing) total() (n int) {
	for _, c := range s.chains {
		for _, run := range c.has.Runs() {
			n += int(run.Last - run.First + 1)
		}
	}
	return n
}

// head returns the head of a message that was taken, and how often that came.
func (s *signing) head(eid seal.EID, seq uint64) (seal.Head, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.chains[eid].heads[seq]
	return head, s.count[head]
}

// receipt returns what a true receiver would sign now.
func (s *signing) receipt() seal.Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state()
}

// state is receipt. s.mu is held.
func (s *signing) state() seal.Receipt {
	r := seal.Receipt{Site: "ward-3", Gateway: "gw-1", Receiver: s.name}
	for eid, c := range s.chains {
		if !c.has.Contains(0) {
			continue
		}
		received := seal.ReceivedChain{Device: c.device, Checkpoint: seal.Checkpoint{EID: eid, Seq: c.has.Max(), Head: c.heads[c.has.Max()]}}
		received.Missing = c.has.Missing(nil, received.Seq)
		r.Chains = append(r.Chains, received)
	}
	slices.SortFunc(r.Chains, func(a, b seal.ReceivedChain) int {
		if c := bytes.Compare(a.Device[:], b.Device[:]); c != 0 {
			return c
		}
		return bytes.Compare(a.EID[:], b.EID[:])
	})
	return r
}

// sign publishes what a true receiver would.
func (s *signing) sign() { s.t.Helper(); s.publish(s.signed(s.receipt(), s.id.Receipts)) }

func (s *signing) signed(r seal.Receipt, key keys.Signer) []byte {
	s.t.Helper()
	message, err := seal.AppendReceipt(nil, key, &r)
	must(s.t, err)
	return message
}

func (s *signing) publish(message []byte) {
	topic := mqtt.Topic{Kind: mqtt.KindReceipt, Site: "ward-3", Gateway: "gw-1", Receiver: s.name}
	s.out.say(mqtt.Message{Topic: topic.String(), Payload: message, Retain: true})
}

// newest is a mqtt.Source of what is said last, as a receiver's is: one at a time, and
// nothing that was overtaken. A broker that stores slowly would be given all of it
// again, and never the newest, at each connection that it ends.
type newest struct {
	changed chan struct{}

	mu              sync.Mutex
	message         mqtt.Message
	said, sent, has uint64 // numbers of messages: the newest, and what the broker was given, and has acknowledged
}

func (n *newest) say(m mqtt.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.message = m
	n.said++
	n.signal()
}

func (n *newest) signal() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// Next implements mqtt.Source.
func (n *newest) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	for {
		n.mu.Lock()
		if n.said > n.sent && n.sent == n.has {
			defer n.mu.Unlock()
			n.sent = n.said
			return n.message, n.sent, nil
		}
		n.mu.Unlock()
		select {
		case <-n.changed:
		case <-ctx.Done():
			return mqtt.Message{}, 0, ctx.Err()
		}
	}
}

// Done implements mqtt.Source.
func (n *newest) Done(id uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.has = id
	n.signal()
}

// Rewind implements mqtt.Source.
func (n *newest) Rewind() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = n.has
	n.signal()
}

// deliveries returns how often messages came, by how many came so often.
func (s *signing) deliveries() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := map[int]int{}
	for n := range maps.Values(s.count) {
		times[n]++
	}
	return times
}

// anyMessage returns a message that was taken.
func (s *signing) anyMessage() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.chains {
		return c.last
	}
	return nil
}
