package sdk_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// These go the whole way over a broker that cannot be relied on: it saves nothing,
// and keeps little for a receiver that is away.

// unreliable is a mosquitto that forgets everything when it is killed, and keeps 50
// messages for who is away.
func unreliable(t testing.TB, files string) sdktest.Broker {
	m := mqtttest.StartMosquitto(t, mqtttest.NewCA(t),
		"cafile ", "cafile "+files+"/ca.pem\n#", "certfile ", "certfile "+files+"/cert.pem\n#", "keyfile ", "keyfile "+files+"/key.pem\n#",
		"persistence true", "persistence false", "max_queued_messages 1000000", "max_queued_messages 50")
	return sdktest.Broker{URL: m.URL, Start: m.Start, Stop: m.Stop, Kill: m.Kill}
}

func newCrashWard(t *testing.T, devices ...string) crashWard {
	dir := t.TempDir()
	return crashWard{
		Ward: sdktest.NewWardOn(t, func(files string) sdktest.Broker { return unreliable(t, files) }, devices...),
		data: filepath.Join(dir, "data"), lines: filepath.Join(dir, "lines"), state: filepath.Join(dir, "state.db"),
	}
}

// lostAndDoubled compares the file of what was received with the numbers from 0 on.
func (w crashWard) lostAndDoubled(t *testing.T, n int) (lost, doubled int) {
	t.Helper()
	numbers, _ := w.count(t)
	for i := range n {
		switch {
		case numbers[i] == 0:
			lost++
		case numbers[i] > 1:
			doubled++
		}
	}
	return lost, doubled
}

// until waits until the condition holds for the file of what was received.
func (w crashWard) until(t *testing.T, grown <-chan struct{}, what string, holds func(numbers map[int]int) bool) {
	t.Helper()
	for deadline := time.After(sdktest.Patience); ; {
		numbers, verdicts := w.count(t)
		if holds(numbers) {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("waited in vain for %s: %d received, lines %v", what, len(numbers), verdicts)
		}
	}
}

func upTo(n int) func(map[int]int) bool {
	return func(numbers map[int]int) bool {
		for i := range n {
			if numbers[i] == 0 {
				return false
			}
		}
		return true
	}
}

// TestBrokerForgets kills a broker that saves nothing while the receiver is away.
// What it had acknowledged is lost if its word is all that is asked for; with
// receipts nothing is lost and nothing doubled.
func TestBrokerForgets(t *testing.T) {
	for what, receipts := range map[string][]string{"without receipts": nil, "with receipts": {"station"}} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newCrashWard(t, "oximeter")
			grown := make(chan struct{}, 1)
			end := w.receive(t, grown)
			conf := waiting(w.Ward, receipts...)
			conf.Heartbeat = time.Second
			conf.QuickRepeat(100 * time.Millisecond)
			p := w.Open(conf)
			d := w.Device(p, "oximeter")
			recordEach(t, d, 0, 30)
			w.until(t, grown, "the first", upTo(30))
			end()
			recordEach(t, d, 30, 60)
			must(t, d.Label("another bed")) // what was sealed before lies under an old anchor
			recordEach(t, d, 60, 90)
			untilStats(t, p, "acknowledgements", func(s *sdk.Stats) bool { return s.Connection.Acked > 90 && s.Connection.Flying == 0 })
			w.Broker.Kill()
			w.Broker.Start()
			end = w.receive(t, grown)
			untilStats(t, p, "the connection", func(s *sdk.Stats) bool { return s.Connection.Count > 1 && s.Connection.Connected })
			recordEach(t, d, 90, 120)
			w.until(t, grown, "the last", func(numbers map[int]int) bool { return numbers[119] > 0 })
			want := 60
			if receipts != nil {
				w.until(t, grown, "all", upTo(120))
				untilStats(t, p, "that all is signed for", func(s *sdk.Stats) bool { return s.Outbox.Records <= 2 }) // but for heartbeats
				want = 0
			}
			w.Close(p)
			end()
			lost, doubled := w.lostAndDoubled(t, 120)
			if lost != want || doubled != 0 {
				t.Errorf("%d lost, want %d; %d doubled", lost, want, doubled)
			}
			t.Logf("%s: 120 readings, 60 of them acknowledged by a broker that was killed while the receiver was away: %d lost, %d doubled", what, lost, doubled)
		})
	}
}

// TestBrokerKeepsLittle has a receiver away for longer than the broker keeps for it:
// the rest is dropped in silence, and sent again on the same connection.
func TestBrokerKeepsLittle(t *testing.T) {
	t.Parallel()
	w := newCrashWard(t, "oximeter")
	grown := make(chan struct{}, 1)
	end := w.receive(t, grown)
	conf := waiting(w.Ward, "station")
	conf.Heartbeat = time.Second
	conf.QuickRepeat(100 * time.Millisecond)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	recordEach(t, d, 0, 10)
	w.until(t, grown, "the first", upTo(10))
	end()
	const n = 600
	recordEach(t, d, 10, n)
	untilStats(t, p, "acknowledgements", func(s *sdk.Stats) bool { return s.Connection.Acked >= n && s.Connection.Flying == 0 })
	published := p.Stats().Connection.Acked
	end = w.receive(t, grown)
	w.until(t, grown, "all", upTo(n))
	untilStats(t, p, "that all is signed for", func(s *sdk.Stats) bool { return s.Outbox.Records <= 2 })
	st := p.Stats()
	if st.Connection.Count != 1 {
		t.Errorf("%d connections", st.Connection.Count)
	}
	w.Close(p)
	end()
	lost, doubled := w.lostAndDoubled(t, n)
	if lost != 0 || doubled != 0 {
		t.Errorf("%d lost, %d doubled", lost, doubled)
	}
	t.Logf("%d readings while the receiver was away, the broker keeps 50 envelopes: %d published again, %d lost, %d doubled",
		n-10, st.Connection.Acked-published, lost, doubled)
}

// TestReceiverLosesItsState has a receiver begin anew, with empty state, after a
// broker has forgotten everything too: what was not signed for reaches it, under the
// anchors of chains that ended long ago.
func TestReceiverLosesItsState(t *testing.T) {
	t.Parallel()
	w := newCrashWard(t, "oximeter")
	grown := make(chan struct{}, 1)
	end := w.receive(t, grown)
	conf := waiting(w.Ward, "station")
	conf.Heartbeat = time.Second
	conf.QuickRepeat(100 * time.Millisecond)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	recordEach(t, d, 0, 30)
	w.until(t, grown, "the first", upTo(30))
	untilStats(t, p, "that they are signed for", func(s *sdk.Stats) bool { return s.Outbox.Records <= 2 })
	end()
	recordEach(t, d, 30, 60) // under an anchor that was signed for
	for i, bed := range []string{"b", "c", "d"} {
		must(t, d.Label(bed))
		recordEach(t, d, 60+10*i, 70+10*i)
	}
	w.Close(p)
	w.Broker.Kill()
	must(t, os.Remove(w.state))
	w.Broker.Start()
	again := w.Open(conf)
	d = w.Device(again, "oximeter")
	end = w.receive(t, grown)
	recordEach(t, d, 90, 100)
	w.until(t, grown, "all", upTo(100))
	untilStats(t, again, "that all is signed for", func(s *sdk.Stats) bool { return s.Outbox.Records <= 2 })
	w.Close(again)
	end()
	lost, doubled := w.lostAndDoubled(t, 100)
	if lost != 0 || doubled != 0 {
		t.Errorf("%d lost, %d doubled", lost, doubled)
	}
	t.Logf("100 readings, 30 signed for, receiver and broker lose all they know: %d lost, %d doubled", lost, doubled)
}

// TestFullOutboxWithoutReceipts has the broker take all, and the receiver away for
// longer than the outbox has room: the oldest readings go and are signed for, alerts
// stay, and all that is left is received when the receiver comes.
func TestFullOutboxWithoutReceipts(t *testing.T) {
	t.Parallel()
	w := newCrashWard(t, "oximeter")
	conf := waiting(w.Ward, "station")
	conf.MaxStored, conf.Heartbeat = 4<<20, time.Second
	conf.QuickRepeat(100 * time.Millisecond)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	must(t, d.Sync(context.Background()))
	rng := rand.New(rand.NewPCG(1, 1))
	n, alerts := 0, 0
	for ; p.Stats().Outbox.Dropped < 40; n++ { // an envelope each
		b := vital.Batch{Numerics: []vital.Numeric{spo2(n)}}
		noise := b.AddWave()
		noise.Code, noise.Unit, noise.Rate, noise.Factor = vital.ECG, vital.Millivolt, vital.Int(500), vital.Int(1)
		for range 1900 {
			noise.Samples = append(noise.Samples, int32(rng.Uint32()))
		}
		must(t, d.RecordBatch(time.Now(), &b))
		if n%10 == 0 {
			must(t, d.Alert(alert(n)))
			alerts++
		}
		must(t, d.Sync(context.Background()))
	}
	st := p.Stats()
	if st.Outbox.Bytes > st.Outbox.MaxBytes || st.Receipts[0].Behind != st.Outbox.Records || st.Err != nil {
		t.Errorf("full: %+v, %+v, %v", st.Outbox, st.Receipts, st.Err)
	}
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	untilStats(t, p, "that all is signed for", func(s *sdk.Stats) bool { return s.Outbox.Records <= 2 }) // but for heartbeats
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		seen := map[int32]int{}
		for _, r := range f.Numerics {
			seen[r.Value.Mantissa]++
		}
		dropped := 0
		for _, drop := range f.Drops {
			dropped += int(drop.Count)
		}
		lost := n - len(seen) // beside what is no reading, such as the word that the device started
		if len(f.Numerics) != len(seen) || len(f.Alerts) != alerts || dropped < lost || dropped > lost+5 || lost == 0 {
			t.Errorf("%d readings and %d alerts: %d and %d received, %d different, %d accounted for", n, alerts, len(f.Numerics), len(f.Alerts), len(seen), dropped)
		}
		t.Logf("%d readings while the receiver was away, room for some: %d dropped and signed for, %d received, 0 others lost", n, dropped, len(seen))
	})
}
