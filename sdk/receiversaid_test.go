package sdk_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// listener is what a client hears of a ward, by topic.
type listener struct {
	t       *testing.T
	mu      sync.Mutex
	last    map[string]mqtt.Received
	sealed  map[seal.EID]map[uint64]seal.Head // what the gateway published, by chain
	count   int                               // of receipts
	changed chan struct{}
}

// listen subscribes with the credentials of a gateway or a recipient until the test
// ends. It returns once it has subscribed.
func listen(t *testing.T, w *sdktest.Ward, credentials func() (*identity.Roster, mqtt.Config), filters ...string) *listener {
	t.Helper()
	roster, conf := credentials()
	conf.Broker = w.Broker.URL
	h := &listener{t: t, last: map[string]mqtt.Received{}, sealed: map[seal.EID]map[uint64]seal.Head{}, changed: make(chan struct{}, 1)}
	subscribed := onSubscribed(&conf.OnState)
	s, err := mqtt.NewSubscriber(conf)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, filters, func(m mqtt.Received) {
			h.hear(roster, m)
			m.Ack()
		})
	}()
	t.Cleanup(func() {
		cancel()
		must(t, <-ended)
	})
	await(t, "a listener to subscribe", subscribed)
	return h
}

// onSubscribed has a callback of a subscriber that closes a channel when it has
// subscribed.
func onSubscribed(callback *func(mqtt.State)) <-chan struct{} {
	subscribed := make(chan struct{})
	first := sync.OnceFunc(func() { close(subscribed) })
	*callback = func(s mqtt.State) {
		if s.Connected {
			first()
		}
	}
	return subscribed
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(sdktest.Patience):
		t.Fatalf("waited in vain for %s", what)
	}
}

// asGateway has the gateway's credentials, under a client id that is not the
// pipeline's.
func asGateway(t *testing.T, w *sdktest.Ward) func() (*identity.Roster, mqtt.Config) {
	return func() (*identity.Roster, mqtt.Config) {
		g, err := identity.LoadGateway(w.GatewayDir())
		must(t, err)
		return g.Roster, mqtt.Config{ClientID: "gateway-too", Credentials: g.Credentials}
	}
}

func asRecipient(t *testing.T, w *sdktest.Ward, name string) func() (*identity.Roster, mqtt.Config) {
	return func() (*identity.Roster, mqtt.Config) {
		r, err := identity.LoadReceiver(w.Recipient(name))
		must(t, err)
		return r.Roster, mqtt.Config{ClientID: name, Credentials: r.Credentials}
	}
}

func (h *listener) hear(roster *identity.Roster, m mqtt.Received) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.Payload = bytes.Clone(m.Payload)
	h.last[m.Topic] = m
	if topic, err := mqtt.ParseTopic(m.Topic); err == nil && topic.Kind == mqtt.KindReceipt {
		h.count++
	}
	if e, err := seal.Parse(m.Payload); err == nil {
		d, _ := roster.Device(e.KeyID())
		var verifier seal.Verifier
		if v, err := verifier.Verify(e, &d.PublicKey); err == nil {
			if h.sealed[v.EID()] == nil {
				h.sealed[v.EID()] = map[uint64]seal.Head{}
			}
			h.sealed[v.EID()][v.Seq()] = v.Head()
		}
	}
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// until waits until the condition holds for what was heard.
func (h *listener) until(what string, holds func() bool) {
	h.t.Helper()
	deadline := time.After(sdktest.Patience)
	for {
		h.mu.Lock()
		ok := holds()
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-h.changed:
		case <-deadline:
			h.t.Fatalf("waited in vain for %s: %d receipts, heard of %d topics", what, h.count, len(h.last))
		}
	}
}

// receipt reads the last receipt of a recipient; the caller holds the lock.
func (h *listener) receipt(w *sdktest.Ward, recipient string) (seal.Receipt, bool) {
	h.t.Helper()
	m, ok := h.last["vs1/ward-3/gw-1/receipt/"+recipient]
	if !ok {
		return seal.Receipt{}, false
	}
	g, err := identity.LoadGateway(w.GatewayDir())
	must(h.t, err)
	k, _ := g.Roster.Recipient(recipient)
	r, err := seal.ReadReceipt(m.Payload, &k.Sign)
	must(h.t, err)
	if r.Site != "ward-3" || r.Gateway != "gw-1" || r.Receiver != recipient {
		h.t.Fatalf("receipt of %s for %s at %s", r.Receiver, r.Gateway, r.Site)
	}
	return r, true
}

// received returns how many messages a recipient has signed for at most.
func (h *listener) received(w *sdktest.Ward, recipient string) (sum uint64) {
	h.t.Helper()
	r, _ := h.receipt(w, recipient)
	for _, c := range r.Chains {
		sum += c.Seq
	}
	return sum
}

// covers reports whether a recipient has signed for all that this client heard of
// the chains that the receipt names, with the heads that it heard, and for n
// messages at least.
func (h *listener) covers(w *sdktest.Ward, recipient string, n uint64) bool {
	h.t.Helper()
	r, ok := h.receipt(w, recipient)
	for _, c := range r.Chains {
		heads := h.sealed[c.EID]
		if head, heard := heads[c.Seq]; !heard || head != c.Head || len(c.Missing) > 0 {
			return false
		}
		for seq := range heads {
			ok = ok && c.Received(seq)
		}
	}
	return ok && h.received(w, recipient) >= n
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestReceiptsReachTheGateway: what two receivers have, they sign, each for itself;
// the gateway may read it, and the broker keeps the newest.
func TestReceiptsReachTheGateway(t *testing.T) {
	eachBroker(t, testReceiptsReachTheGateway, "oximeter", "psk")
}

func testReceiptsReachTheGateway(t *testing.T, w *sdktest.Ward) {
	w.AddRecipient("second")
	w.AddRecipient("late")
	all := listen(t, w, asRecipient(t, w, "late"), "vs1/ward-3/#")
	gateway := listen(t, w, asGateway(t, w), "vs1/ward-3/gw-1/receipt/station", "vs1/ward-3/gw-1/receipt/second")
	conf := sdk.ReceiverConfig{ReceiptInterval: 20 * time.Millisecond, TrustFirst: true} // or what comes before the beacon is heard is refused
	conf.QuickBackoff(time.Second)
	w.ReceiveWith(conf)
	conf.Identity = w.Recipient("second")
	w.ReceiveWith(conf)
	sealing := w.Config()
	sealing.QuickBackoff(time.Second)
	p := w.Open(sealing)
	oximeter, psk := w.Device(p, "oximeter"), w.Device(p, "psk")
	n := 0
	record := func() {
		must(t, oximeter.Record(spo2(n)))
		must(t, psk.Record(spo2(n)))
		must(t, p.Sync(context.Background()))
		n++
	}
	for n < 50 {
		record()
	}
	for _, recipient := range []string{"station", "second"} {
		all.until("the receipt of "+recipient, func() bool { return all.covers(w, recipient, 100) })
		gateway.until("the gateway's copy", func() bool { return gateway.received(w, recipient) >= 100 })
	}

	// A broker that is killed forgets what it retained, and messages too, so that there
	// may be gaps: receipts are published again, and go on.
	w.Broker.Kill()
	w.Broker.Start()
	after := listen(t, w, func() (*identity.Roster, mqtt.Config) {
		roster, c := asGateway(t, w)()
		c.ClientID = "another"
		return roster, c
	}, "vs1/ward-3/gw-1/receipt/+")
	signed := func() (both bool) {
		after.mu.Lock()
		defer after.mu.Unlock()
		return after.received(w, "station") >= 120 && after.received(w, "second") >= 120
	}
	for deadline := time.Now().Add(sdktest.Patience); !signed(); record() {
		if time.Now().After(deadline) {
			t.Fatal("no receipts after the broker was killed")
		}
	}
	w.Close(p)
}

// TestReceiptsAfterReceiverRestart: with its state a receiver signs what it signed,
// with an empty one less.
func TestReceiptsAfterReceiverRestart(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	w.AddRecipient("late")
	all := listen(t, w, asRecipient(t, w, "late"), "vs1/ward-3/#")
	run := func(state string, until func()) {
		conf := sdk.ReceiverConfig{
			Identity: w.RecipientDir(), Broker: w.Broker.URL, Sink: new(sdktest.Collector), State: state,
			ReceiptInterval: 20 * time.Millisecond, TrustFirst: true,
		}
		subscribed := onSubscribed(&conf.OnState)
		r, err := sdk.OpenReceiver(conf)
		must(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		await(t, "the receiver to subscribe", subscribed) // nobody keeps for it what comes before
		until()
		cancel()
		must(t, <-ended)
		must(t, r.Close())
	}
	state := filepath.Join(t.TempDir(), "state")
	var p *sdk.Pipeline
	var before seal.Receipt
	run(state, func() {
		p = w.Open(w.Config())
		d := w.Device(p, "oximeter")
		for i := range 20 {
			must(t, d.Record(spo2(i)))
			must(t, p.Sync(context.Background()))
		}
		all.until("20 messages", func() bool { return all.covers(w, "station", 20) })
		all.until("the receipt", func() bool { before, _ = all.receipt(w, "station"); return true })
	})
	w.Close(p)
	count := 0
	all.until("the count", func() bool { count = all.count; return true })
	run(state, func() {
		all.until("another receipt", func() bool { return all.count > count })
		all.until("no less", func() bool { // the gateway's last words may have come since
			r, _ := all.receipt(w, "station")
			return all.covers(w, "station", 20) && r.Chains[0].EID == before.Chains[0].EID && r.Chains[0].Seq >= before.Chains[0].Seq
		})
	})
	// The broker keeps the anchor, and has long let go of message 1.
	run(filepath.Join(t.TempDir(), "empty"), func() {
		all.until("a receipt that says less", func() bool {
			r, _ := all.receipt(w, "station")
			return len(r.Chains) == 1 && r.Chains[0].Received(0) && !r.Chains[0].Received(1)
		})
	})
}

// TestNoReceipts: they can be turned off, and a recipient of an earlier version
// receives as ever, and says why it signs nothing.
func TestNoReceipts(t *testing.T) {
	for name, prepare := range map[string]func(w *sdktest.Ward, conf *sdk.ReceiverConfig){
		"turned off": func(_ *sdktest.Ward, conf *sdk.ReceiverConfig) { conf.NoReceipts = true },
		"no key": func(w *sdktest.Ward, _ *sdk.ReceiverConfig) {
			must(t, os.Remove(filepath.Join(w.RecipientDir(), "receipt.key")))
		},
		"another key": func(w *sdktest.Ward, _ *sdk.ReceiverConfig) {
			other := sdktest.NewWard(t, "oximeter") // with the same names
			text, err := os.ReadFile(filepath.Join(other.RecipientDir(), "receipt.key"))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(w.RecipientDir(), "receipt.key"), text, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := sdktest.NewWard(t, "oximeter")
			w.AddRecipient("late")
			all := listen(t, w, asRecipient(t, w, "late"), "vs1/ward-3/#")
			var log lockedBuffer
			conf := sdk.ReceiverConfig{ReceiptInterval: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			prepare(w, &conf)
			got := w.ReceiveWith(conf)
			p := w.Open(w.Config())
			d := w.Device(p, "oximeter")
			for i := range 20 {
				must(t, d.Record(spo2(i)))
				must(t, p.Sync(context.Background()))
			}
			got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) == 20 })
			all.until("a beacon", func() bool { return all.last["vs1/ward-3/beacon/station"].Payload != nil })
			if all.count != 0 {
				t.Errorf("%d receipts", all.count)
			}
			if said := strings.Count(log.String(), "no receipts are signed"); said != 1 && !conf.NoReceipts {
				t.Errorf("it is said %d times:\n%s", said, log.String())
			}
			w.Close(p)
		})
	}
}
