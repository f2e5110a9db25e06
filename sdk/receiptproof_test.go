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

// untilSigned waits, as long as there is progress, until the receivers have signed
// for all that was stored before.
func untilSigned(t *testing.T, p *sdk.Pipeline) {
	t.Helper()
	begun := time.Now()
	for oldest := (time.Time{}); ; {
		moved := func(s *sdk.Stats) bool { return s.Oldest.IsZero() || s.Oldest.After(oldest) }
		untilStats(t, p, "that all is signed for", moved)
		if oldest = p.Stats().Oldest; oldest.IsZero() || oldest.After(begun) {
			return
		}
	}
}

// untilIdle waits until the broker has acknowledged all that was stored before.
func untilIdle(t *testing.T, p *sdk.Pipeline) {
	t.Helper()
	untilStats(t, p, "acknowledgements", func(*sdk.Stats) bool { return p.Idle() })
}

// until waits, as long as there is progress, until the condition holds for the file
// of what was received.
func (w crashWard) until(t *testing.T, grown <-chan struct{}, what string, holds func(numbers map[int]int) bool) {
	t.Helper()
	deadline, before := time.After(sdktest.Patience), 0
	for {
		numbers, verdicts := w.count(t)
		if holds(numbers) {
			return
		}
		if len(numbers) > before {
			deadline, before = time.After(sdktest.Patience), len(numbers)
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
			untilIdle(t, p)
			w.Broker.Kill()
			w.Broker.Start()
			end = w.receive(t, grown)
			untilStats(t, p, "the connection", func(s *sdk.Stats) bool { return s.Connection.Count > 1 && s.Connection.Connected })
			recordEach(t, d, 90, 120)
			w.until(t, grown, "the last", func(numbers map[int]int) bool { return numbers[119] > 0 })
			want := 60
			if receipts != nil {
				w.until(t, grown, "all", upTo(120))
				untilSigned(t, p)
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
	untilIdle(t, p)
	published := p.Stats().Connection.Acked
	end = w.receive(t, grown)
	w.until(t, grown, "all", upTo(n))
	untilSigned(t, p)
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
	untilSigned(t, p)
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
	untilSigned(t, again)
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
	l := newBook(t)
	w.RunReceiver(sdk.ReceiverConfig{Sink: l, TrustFirst: true})
	untilSigned(t, p)
	w.Close(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, unsigned, late := l.account()
	lost := n - l.readings.n // beside what is no reading, such as the word that the device started
	if lost == 0 || lost > missing || unsigned != 0 || l.twice != 0 || uint64(missing+late) != l.count[vital.DropStore] {
		t.Errorf("%d readings, %d received; %d envelopes missing, %d unsigned, %d came all the same; %d signed for, %d twice",
			n, l.readings.n, missing, unsigned, late, l.count[vital.DropStore], l.twice)
	}
	if l.readings.doubled != 0 || l.alerts.n != alerts || l.alerts.doubled != 0 {
		t.Errorf("%d readings doubled; %d alerts, %d received, %d doubled", l.readings.doubled, alerts, l.alerts.n, l.alerts.doubled)
	}
	t.Logf("%d readings while the receiver was away, room for some: %d envelopes dropped and signed for, %d readings received, 0 others lost", n, missing+late, l.readings.n)
}
