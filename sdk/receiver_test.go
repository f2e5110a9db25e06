package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// TestTwoReceivers has two receivers, each with a beacon of its own: both get all.
func TestTwoReceivers(t *testing.T) { eachBroker(t, testTwoReceivers, "oximeter", "psk") }

func testTwoReceivers(t *testing.T, w *sdktest.Ward) {
	w.AddRecipient("second")
	first := w.Receive()
	second := w.ReceiveWith(sdk.ReceiverConfig{Identity: w.Recipient("second")})
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	// Until both beacons are echoed, the second one refuses what the first takes.
	n := 0
	heard := func(f *sdktest.Found) bool { return len(f.Numerics) > 0 }
	both := func() (all bool) {
		all = true
		for _, c := range []*sdktest.Collector{first, second} {
			c.Look(func(f *sdktest.Found) { all = all && heard(f) })
		}
		return all
	}
	for ; !both(); n++ {
		must(t, d.Record(spo2(n)))
		must(t, p.Sync(context.Background()))
	}
	from := n
	for range 200 {
		must(t, d.Record(spo2(n)))
		n++
	}
	for _, c := range []*sdktest.Collector{first, second} {
		c.Until("all that came after both were heard", func(f *sdktest.Found) bool {
			count := 0
			for _, r := range f.Numerics {
				if int(r.Value.Mantissa) >= from {
					count++
				}
			}
			return count == n-from
		})
	}
	w.Close(p)
}

// untilRetained waits until the broker keeps one anchor of the gateway, as a recipient
// gets them that has not been there before. A broker may say that it has a message, or
// clears one, a moment before those who subscribe see it.
func untilRetained(t *testing.T, w *sdktest.Ward, name string) {
	t.Helper()
	w.AddRecipient(name)
	id, err := identity.LoadReceiver(w.Recipient(name))
	must(t, err)
	s, err := mqtt.NewSubscriber(mqtt.Config{Broker: w.Broker.URL, ClientID: name, Credentials: id.Credentials})
	must(t, err)
	for deadline := time.Now().Add(sdktest.Patience); ; {
		all := retained(t, s)
		if len(all) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the broker keeps %d anchors, want the one in use: %q", len(all), all)
		}
	}
}

// retained returns the anchors that come in a while to a new subscription: all that
// the broker keeps, if it is not slow.
func retained(t *testing.T, s *mqtt.Subscriber) (all []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), sdktest.Patience/10)
	defer cancel()
	found := map[string]bool{}
	must(t, s.Run(ctx, []string{"vs1/ward-3/gw-1/#"}, func(m mqtt.Received) {
		m.Ack()
		topic, err := mqtt.ParseTopic(m.Topic)
		if err == nil && topic.Kind == mqtt.KindAnchor && m.Retained {
			found[topic.EID] = true
			time.AfterFunc(300*time.Millisecond, cancel) // for more than there should be
		}
	}))
	return slices.Sorted(maps.Keys(found))
}

// gate is a sink that takes nothing while it is shut, and remembers readings.
type gate struct {
	shut sync.Mutex

	mu       sync.Mutex
	readings map[int]int
	verdicts map[receive.Verdict]int
}

func (g *gate) Sync() error { return nil }

func (g *gate) Write(r *receive.Record) error {
	g.shut.Lock()
	defer g.shut.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.verdicts[r.Verdict]++
	if r.Verdict == receive.Valid && r.Batch != nil {
		for _, n := range r.Batch.Numerics {
			g.readings[int(n.Value.Mantissa)]++
		}
	}
	return nil
}

// TestAnchorThatTheBrokerDropped has a receiver so slow that its broker, which keeps
// little for it, drops what begins a new chain. The broker retains that: what follows
// in the chain waits, and is received, on the same connection.
func TestAnchorThatTheBrokerDropped(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWardOn(t, func(files string) sdktest.Broker {
		return sdktest.Mosquitto(t, files, "max_inflight_messages 64", "max_inflight_messages 8", "max_queued_messages 1000000", "max_queued_messages 20")
	}, "oximeter")
	sink := &gate{readings: map[int]int{}, verdicts: map[receive.Verdict]int{}}
	var connections atomic.Int32
	conf := sdk.ReceiverConfig{Sink: sink, OnState: func(s mqtt.State) {
		if s.Connected {
			connections.Add(1)
		}
	}}
	conf.QuickRecall(100 * time.Millisecond)
	w.RunReceiver(conf)
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	n := 0
	recordUntil := func(what string, enough func() bool) {
		t.Helper()
		untilStats(t, p, what, func(*sdk.Stats) bool {
			recordEach(t, d, n, n+1)
			n++
			sink.mu.Lock()
			defer sink.mu.Unlock()
			return enough()
		})
	}
	recordUntil("the first", func() bool { return len(sink.readings) > 0 })
	sink.shut.Lock()
	recordEach(t, d, n, n+100)
	must(t, d.Label("another bed"))
	begun := n + 100 // the first of the new chain
	recordEach(t, d, begun, begun+10)
	untilIdle(t, p)
	sink.shut.Unlock()
	n = begun + 10
	recordUntil("what followed in the new chain", func() bool {
		for reading := range sink.readings {
			if reading >= begun {
				return true
			}
		}
		return false
	})
	w.Close(p)
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if sink.readings[begun] > 0 {
		t.Error("the broker dropped nothing: this test is of no use")
	}
	for n, times := range sink.readings {
		if times > 1 {
			t.Errorf("reading %d came %d times", n, times)
		}
	}
	if sink.verdicts[receive.Gap] == 0 || sink.verdicts[receive.CannotOpen] > 0 || connections.Load() != 1 {
		t.Errorf("%d connections, verdicts %v", connections.Load(), sink.verdicts)
	}
}

// TestOldAnchorsAreCleared renews often and clears at once: the broker keeps the
// anchor in use and no other.
func TestOldAnchorsAreCleared(t *testing.T) { eachBroker(t, testOldAnchorsAreCleared, "oximeter") }

func testOldAnchorsAreCleared(t *testing.T, w *sdktest.Ward) {
	got := w.Receive()
	conf := w.Config()
	conf.Quick(time.Nanosecond, time.Nanosecond)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	for i := range 6 {
		must(t, d.Label([]string{"a", "b"}[i%2]))
		must(t, d.Record(spo2(i)))
		got.Until("each", func(f *sdktest.Found) bool { return len(f.Numerics) == i+1 })
	}
	// What is acknowledged last is cleared in a cycle after that, and published.
	for anchorsOf(t, conf.Data, d.KeyID()) > 1 || p.Stats().Outbox.Records > 0 {
		must(t, p.Sync(context.Background()))
	}
	untilRetained(t, w, "late")
	w.Close(p)
}

// anchorsOf returns how many anchors of a device are retained, as the state has it.
func anchorsOf(t *testing.T, data string, kid keys.KeyID) int {
	t.Helper()
	var state struct {
		Devices map[string]struct{ Anchors []struct{ EID string } }
	}
	text, err := os.ReadFile(filepath.Join(data, "chains.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &state))
	return len(state.Devices[kid.String()].Anchors)
}

// TestAnchorIsOfferedAgain kills the broker, which forgets what it retained: at
// the next connection the anchor in use is there again.
func TestAnchorIsOfferedAgain(t *testing.T) { eachBroker(t, testAnchorIsOfferedAgain, "oximeter") }

func testAnchorIsOfferedAgain(t *testing.T, w *sdktest.Ward) {
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	got.Until("a reading", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
	w.Broker.Kill()
	w.Broker.Start()
	for p.Stats().Connection.Count < 2 || !p.Stats().Connection.Connected {
		must(t, p.Sync(context.Background()))
	}
	untilRetained(t, w, "late")
	w.Close(p)
}

// TestRevocation revokes a device at the site: its readings are refused from the
// next look at the roster on.
func TestRevocation(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter", "monitor")
	var conf sdk.ReceiverConfig
	conf.Quick(20 * time.Millisecond)
	got := w.ReceiveWith(conf)
	p := w.Open(w.Config())
	bad, good := w.Device(p, "oximeter"), w.Device(p, "monitor")
	must(t, bad.Record(spo2(0)))
	must(t, good.Record(spo2(1)))
	got.Until("both", func(f *sdktest.Found) bool { return len(f.Numerics) == 2 })
	site, err := identity.OpenSite(w.Dir)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(w.RecipientDir(), "psk"), 0o700))
	must(t, os.WriteFile(filepath.Join(w.RecipientDir(), "psk", "0123456789abcdef.psk"), []byte("damaged"), 0o600)) // which holds nothing up
	must(t, site.RevokeDevice("oximeter", time.Now()))
	refused := false
	for !refused {
		must(t, bad.Record(spo2(2)))
		must(t, p.Sync(context.Background()))
		got.Look(func(f *sdktest.Found) { refused = f.Verdicts[receive.Revoked] > 0 })
	}
	before := 0
	got.Look(func(f *sdktest.Found) { before = len(f.Numerics) })
	must(t, bad.Record(spo2(2)))
	must(t, good.Record(spo2(3)))
	got.Until("the other device's", func(f *sdktest.Found) bool { return containsValue(f.Numerics, 3) })
	got.Look(func(f *sdktest.Found) {
		if len(f.Numerics) != before+1 {
			t.Errorf("%d readings after the revocation, want 1", len(f.Numerics)-before)
		}
	})
	w.Close(p)
}

// brittleSink is a sink that fails: for a while, or for good when it cannot go
// back to its mark either.
type brittleSink struct {
	notified
	fails, forGood atomic.Bool
}

var errSink = errors.New("the sink is away")

func (s *brittleSink) Sync() error {
	if s.fails.Load() {
		return errSink
	}
	return s.notified.Sync()
}

func (s *brittleSink) Rewind(mark []byte) error {
	if s.fails.Load() && s.forGood.Load() {
		return errSink
	}
	return s.notified.Rewind(mark)
}

// TestSinkFails has the sink fail for a while, which Run outlives, and then for
// good: Run says ErrBroken, and a receiver opened anew loses and doubles nothing.
func TestSinkFails(t *testing.T) {
	w := crashWard{Ward: sdktest.NewWard(t, "oximeter"), lines: filepath.Join(t.TempDir(), "lines"), state: filepath.Join(t.TempDir(), "state.db")}
	sink := &brittleSink{notified: notified{grown: make(chan struct{}, 1)}}
	var err error
	sink.File, err = receive.OpenFile(w.lines)
	must(t, err)
	conf := sdk.ReceiverConfig{Identity: w.RecipientDir(), Broker: w.Broker.URL, State: w.state, Sink: sink}
	r, err := sdk.OpenReceiver(conf)
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(context.Background()) }()
	w.AwaitBeacon(conf) // which is published when it has subscribed
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	upTo := func(grown chan struct{}, n int) {
		for {
			if numbers, _ := w.count(t); len(numbers) >= n {
				return
			}
			<-grown
		}
	}
	record := func(from int) {
		for i := range 50 {
			must(t, d.Record(spo2(from+i)))
		}
		must(t, p.Sync(context.Background()))
	}
	record(0)
	upTo(sink.grown, 50)
	sink.fails.Store(true)
	record(50)
	sink.fails.Store(false)
	upTo(sink.grown, 100)
	sink.forGood.Store(true)
	sink.fails.Store(true)
	record(100)
	if err := <-ended; !errors.Is(err, receive.ErrBroken) {
		t.Errorf("Run with a broken sink: %v, want ErrBroken", err)
	}
	must(t, errors.Join(r.Close(), sink.Close()))
	grown := make(chan struct{}, 1)
	end := w.receive(t, grown)
	record(150)
	upTo(grown, 200)
	w.Close(p)
	end()
	numbers, verdicts := w.count(t)
	for i := range 200 {
		if numbers[i] != 1 {
			t.Errorf("reading %d stands %d times in the file; lines %v", i, numbers[i], verdicts)
		}
	}
}

// TestRunEndsWithItsContext gives a cause of its own, which is no error of Run's.
func TestRunEndsWithItsContext(t *testing.T) {
	w := sdktest.NewWard(t)
	r, err := sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: w.RecipientDir(), Broker: w.Broker.URL, Sink: receive.NewLines(t.Output()),
	})
	must(t, err)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the user's own"))
	if err := r.Run(ctx); err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
	must(t, r.Close())
}

// TestSilenceIsFound ends a gateway without a word: it is called silent.
func TestSilenceIsFound(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	conf := w.Config()
	conf.Heartbeat = time.Second
	p := w.Open(conf)
	must(t, w.Device(p, "oximeter").Record(spo2(0)))
	got.Until("a reading", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
	w.Close(p)
	got.Until("the event that it stopped, and its silence", func(f *sdktest.Found) bool {
		return f.Events[vital.EventStopped] == 1 && f.Verdicts[receive.Silent] > f.Verdicts[receive.Resumed]
	})
}
