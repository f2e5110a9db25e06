package sdk_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// files counts this process's open files.
func files(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(sdktest.Patience); runtime.NumGoroutine() > before; {
		select {
		case <-tick.C:
		case <-deadline:
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, before %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestFailedOpenLeavesNothing(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	good := w.Config()
	goroutines, open := runtime.NumGoroutine(), files(t)
	for name, spoil := range map[string]func(*sdk.Config){
		"plaintext broker": func(c *sdk.Config) { c.Broker = "tcp://localhost:1883" },
		"window":           func(c *sdk.Config) { c.Window = -1 },
		"no identity":      func(c *sdk.Config) { c.Identity = t.TempDir() },
		"bound":            func(c *sdk.Config) { c.MaxStored = 1 },
		"state":            func(c *sdk.Config) { must(t, os.MkdirAll(c.Data+"/chains.json/x", 0o700)) },
	} {
		conf := good
		if name == "state" {
			conf = w.Config()
		}
		spoil(&conf)
		if p, err := sdk.Open(context.Background(), conf); err == nil {
			t.Errorf("%s: no error", name)
			w.CloseAtOnce(p)
		}
	}
	for range 2 {
		p := w.Open(good) // whose directory is free
		if _, err := sdk.Open(context.Background(), good); err == nil {
			t.Error("one outbox opened twice")
		}
		w.Device(p, "oximeter")
		if _, err := p.Device("nobody"); err == nil {
			t.Error("a device without an identity was taken")
		}
		other := w.Open(w.Config())
		if _, err := other.Device("oximeter"); err == nil {
			t.Error("one identity held by two pipelines")
		}
		w.Close(p)
		w.Device(other, "oximeter") // is free now
		w.Close(other)
	}
	settled(t, goroutines)
	for deadline := time.After(sdktest.Patience); files(t) > open; { // other tests' goroutines may have been counted before
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d files open, before %d", files(t), open)
		}
	}
}

func TestCloseWithNobodyToPublish(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	ctx, cancel := context.WithCancel(context.Background())
	p, err := sdk.Open(ctx, w.Config())
	must(t, err)
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(1)))
	must(t, p.Sync(ctx))
	cancel()
	must(t, d.Record(spo2(2)))
	must(t, p.Close(context.Background())) // does not wait for what nobody publishes
}

// TestCloseAmidst closes while readings are recorded, synced and devices added:
// what was taken without an error is received.
func TestCloseAmidst(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "a", "b", "c")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "a")
	var running sync.WaitGroup
	taken, begun := 0, make(chan struct{})
	running.Go(func() {
		for d.Record(spo2(taken)) == nil {
			if taken++; taken == 500 {
				close(begun)
			}
			if taken%1000 == 0 {
				_ = p.Sync(context.Background())
			}
		}
	})
	running.Go(func() {
		for _, name := range []string{"b", "c", "b"} {
			if _, err := p.Device(name); err != nil && !errors.Is(err, sdk.ErrClosed) {
				t.Error(err)
			}
		}
	})
	running.Go(func() {
		for p.Sync(context.Background()) == nil {
			p.Stats()
		}
	})
	<-begun
	w.Close(p)
	running.Wait()
	got.Until("all that was taken", func(f *sdktest.Found) bool { return len(f.Numerics) >= taken })
	got.EachOnce(taken)
}

// TestLabelsHoldFromTheirCall changes the label between readings: none is ever
// received with the bed before or after it.
func TestLabelsHoldFromTheirCall(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	beds := []string{"bed 0", "bed 1", "bed 2", "bed 3"}
	n := 0
	for round := range 40 {
		must(t, d.Label(beds[round%4]))
		must(t, d.Alert(alert(n)))
		for range 10 {
			must(t, d.Record(vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(n)}))
			n++
		}
		if round%16 == 0 {
			must(t, p.Sync(context.Background()))
		}
	}
	if d.Label("\xff") == nil {
		t.Error("a label that is not UTF-8 was taken")
	}
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= n && len(f.Alerts) >= 40 })
	w.Close(p)
	got.EachOnce(n)
	got.Look(func(f *sdktest.Found) {
		for i, r := range f.Numerics {
			if want := beds[int(r.Value.Mantissa)/10%4]; f.Labels[i] != want {
				t.Fatalf("reading %d came with the label %q, want %q", r.Value.Mantissa, f.Labels[i], want)
			}
		}
		for i, a := range f.Alerts {
			if want := beds[int(a.Value.Mantissa)/10%4]; f.Beds[i] != want {
				t.Fatalf("alert %d came with the label %q, want %q", a.Value.Mantissa, f.Beds[i], want)
			}
		}
	})
}

// TestFirstLabelNeedsNoChain sets the label of a bed right after the start, as an
// agent does: one anchor is enough.
func TestFirstLabelNeedsNoChain(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter", "monitor")
	w.Broker.Kill()
	conf := w.Config()
	must(t, os.MkdirAll(conf.Data, 0o700))
	p, let := committing(t, w, conf, outbox.DirFS(conf.Data))
	d := w.Device(p, "oximeter")
	must(t, d.Label("bed 1"))
	must(t, d.Record(spo2(1)))
	let()
	must(t, p.Sync(context.Background()))
	if n := p.Stats().Outbox.Urgent; n != 2 {
		t.Errorf("%d anchors of two devices in the outbox, want 2", n)
	}
	must(t, d.Label("bed 2"))
	must(t, d.Label("bed 1"))
	must(t, d.Label("bed 3")) // nothing was recorded in bed 2 and 1
	must(t, d.Record(spo2(2)))
	must(t, p.Sync(context.Background()))
	if n := p.Stats().Outbox.Urgent; n > 5 {
		t.Errorf("%d anchors in the outbox, want at most 5", n)
	}
	w.CloseAtOnce(p)
}

// TestTimesHoldAcrossChains records from two goroutines while chains are renewed
// and the wall clock seems to be set: each reading's time is that of its call.
func TestTimesHoldAcrossChains(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	conf := w.Config()
	conf.Renew = time.Second
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	const each = 2000
	type call struct{ before, after time.Time }
	calls := make([]call, 2*each)
	var running sync.WaitGroup
	begun := time.Now()
	for g := range 2 {
		running.Go(func() {
			tick := time.NewTicker(time.Millisecond / 2)
			defer tick.Stop()
			for i := g * each; i < (g+1)*each; i++ {
				<-tick.C
				calls[i].before = time.Now()
				if err := d.Record(spo2(i)); err != nil {
					t.Error(err)
				}
				calls[i].after = time.Now()
				if i%1000 == 500 {
					d.SetClock(-time.Hour)
				}
			}
		})
	}
	running.Wait()
	took := time.Now()
	slide := took.Round(0).Sub(begun.Round(0)) - took.Sub(begun) // of the wall clock, which somebody may be setting right
	slack := 2*time.Millisecond + slide.Abs()
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= 2*each })
	w.Close(p)
	got.EachOnce(2 * each)
	got.Look(func(f *sdktest.Found) {
		// SetClock has moved what the clock said then, not what is told to receivers.
		for i, r := range f.Numerics {
			c := calls[r.Value.Mantissa]
			if at := f.Times[i]; at.Before(c.before.Add(-slack)) || at.After(c.after.Add(slack)) {
				t.Fatalf("reading %d recorded between %v and %v is of %v", r.Value.Mantissa, c.before, c.after, at)
			}
		}
		if n := f.Events[vital.EventClockStep]; n == 0 || n > 4 {
			t.Errorf("%d events of a clock that was set 4 times", n)
		}
	})
}

// TestSuspendedMachine records the first reading after the wall clock has moved on
// without the monotonic one: its time is of the new clock.
func TestSuspendedMachine(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	must(t, p.Sync(context.Background()))
	d.Suspended(8 * time.Hour)
	before := time.Now().Add(-2 * time.Millisecond) // a chain's time and a reading's in it are cut to milliseconds
	must(t, d.Record(spo2(1)))
	after := time.Now()
	got.Until("both", func(f *sdktest.Found) bool { return len(f.Numerics) == 2 })
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		for i, r := range f.Numerics {
			if r.Value.Mantissa == 1 && (f.Times[i].Before(before) || f.Times[i].After(after)) {
				t.Errorf("the reading after the suspension is of %v, recorded at %v", f.Times[i], after)
			}
		}
	})
}

// TestHeartbeatsPreventSilence has a device with nothing to say, and then one
// whose few readings wait for Every: neither is called silent.
func TestHeartbeatsPreventSilence(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "idle", "slow")
	// More than the two heartbeats that are the default, which a slow machine takes
	// for one, and less than Every.
	got := w.ReceiveWith(sdk.ReceiverConfig{Judging: receive.Config{SilenceFactor: 25}})
	conf := w.Config()
	conf.Heartbeat, conf.Every = time.Second, time.Minute
	p := w.Open(conf)
	w.Device(p, "idle")
	slow := w.Device(p, "slow")
	got.Until("heartbeats", func(f *sdktest.Found) bool { return len(f.Beats) >= 2 })
	must(t, slow.Record(spo2(0)))
	got.Until("more of them", func(f *sdktest.Found) bool { return len(f.Beats) >= 6 && len(f.Numerics) == 1 })
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		if f.Verdicts[receive.Silent] != 0 {
			t.Errorf("called silent: verdicts %v, reasons %q", f.Verdicts, f.Reasons)
		}
	})
}

func TestWrongTimesAreRefusedAlone(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	far := spo2(7)
	far.Time = 1 << 52
	if err := d.RecordBatch(time.Now(), &vital.Batch{Numerics: []vital.Numeric{far}}); err == nil {
		t.Error("a reading of the year 144,000 was taken")
	}
	must(t, d.RecordBatch(time.Now().AddDate(1000, 0, 0), &vital.Batch{Numerics: []vital.Numeric{spo2(1)}}))
	must(t, d.RecordBatch(time.Time{}, &vital.Batch{Numerics: []vital.Numeric{spo2(2)}}))
	far.Value = vital.Int(3)
	must(t, d.Record(far)) // whose Time is ignored
	got.Until("the good ones", func(f *sdktest.Found) bool { return len(f.Numerics) >= 4 })
	w.Close(p)
	got.EachOnce(4)
}

// TestLargeBatches records more at once than a message holds.
func TestLargeBatches(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "monitor")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "monitor")
	var b vital.Batch
	const n = 9000
	for i := range n {
		b.Numerics = append(b.Numerics, vital.Numeric{Code: vital.SpO2 + vital.Code(i%300), Unit: vital.Percent, Value: vital.Int(i)})
	}
	wave := b.AddWave()
	wave.Code, wave.Unit, wave.Rate, wave.Factor = vital.ECG, vital.Millivolt, vital.Int(500), vital.Int(1)
	for i := range vital.MaxSamples {
		wave.Samples = append(wave.Samples, int32(uint32(i)*2654435761)) // what no coding makes shorter
	}
	at := time.Now()
	must(t, d.RecordBatch(at, &b))
	got.Until("all", func(f *sdktest.Found) bool {
		samples := 0
		for _, w := range f.Waves {
			samples += len(w.Samples)
		}
		return len(f.Numerics) >= n && samples >= vital.MaxSamples
	})
	w.Close(p)
	got.EachOnce(n)
	got.Look(func(f *sdktest.Found) {
		next, i := f.Waves[0].Time, 0
		for _, piece := range f.Waves {
			if piece.Time != next {
				t.Errorf("a piece begins at %d ms, the one before it ends at %d", piece.Time, next)
			}
			next += uint64(len(piece.Samples) * 2)
			for _, s := range piece.Samples {
				if s != int32(uint32(i)*2654435761) {
					t.Fatalf("sample %d is another", i)
				}
				i++
			}
		}
	})
}

func TestBeaconsAreLimited(t *testing.T) {
	var b sdk.Beacons
	now := time.Now()
	b.Hear("station", seal.Beacon{1})
	if got, due := b.Begin(now); !due || got != (seal.Beacon{1}) {
		t.Fatalf("the first beacon: %v %v", got, due)
	}
	b.Hear("second", seal.Beacon{2})
	if got, due := b.Begin(now); !due || got != (seal.Beacon{2}) {
		t.Fatalf("the second receiver's: %v %v", got, due)
	}
	if got, due := b.Begin(now); due || got != (seal.Beacon{1}) {
		t.Fatalf("nothing new, the one echoed longest ago is next: %v %v", got, due)
	}
	begun := 0
	for i := range 3600 { // one a second for an hour, of names without end
		b.Hear("station"+string(rune(i)), seal.Beacon{3, byte(i), byte(i >> 8)})
		if _, due := b.Begin(now.Add(time.Duration(i) * time.Second)); due {
			begun++
		}
	}
	t.Logf("3600 beacons in an hour cause %d anchors", begun)
	if begun > 65 || b.Known() > 32 {
		t.Errorf("3600 beacons in an hour: %d anchors, %d remembered", begun, b.Known())
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	conf := w.Config()
	conf.Every, conf.MaxWaiting = time.Minute, 64<<20
	p := w.Open(conf)
	defer w.CloseAtOnce(p)
	d := w.Device(p, "oximeter")
	batch := vital.Batch{Numerics: []vital.Numeric{spo2(1), spo2(2)}}
	for range 2 { // both batches that take turns grow
		for range 40_000 {
			must(t, d.Record(spo2(1)))
		}
		must(t, p.Sync(context.Background()))
	}
	least := 1.0 // of some runs: what else this process does at the time is counted too
	for range 10 {
		for p.Stats().Outbox.Records > 0 { // what is published allocates
			must(t, p.Sync(context.Background()))
		}
		if least = min(least, testing.AllocsPerRun(1000, func() {
			_ = d.Record(spo2(97))
			_ = d.RecordBatch(time.Now(), &batch)
		})); least == 0 {
			return
		}
	}
	t.Errorf("%v allocations for each Record and RecordBatch", least)
}

// benchWard is a ward whose broker is away: what is measured is sealing and the
// disk.
func benchWard(b *testing.B, conf func(*sdk.Config)) (*sdk.Pipeline, *sdk.Device, func()) {
	w := sdktest.NewWard(b, "oximeter")
	w.Broker.Kill()
	c := w.Config()
	conf(&c)
	p := w.Open(c)
	d := w.Device(p, "oximeter")
	must(b, p.Sync(context.Background()))
	return p, d, func() { w.CloseAtOnce(p) }
}

func BenchmarkRecord(b *testing.B) {
	p, d, end := benchWard(b, func(c *sdk.Config) { c.Every, c.MaxWaiting = time.Minute, 16<<20 })
	defer end()
	b.ReportAllocs()
	for b.Loop() {
		if d.Record(spo2(97)) != nil {
			b.StopTimer()
			must(b, p.Sync(context.Background()))
			b.StartTimer()
		}
	}
}

// BenchmarkCycle records one reading and waits for the disk: one envelope each.
func BenchmarkCycle(b *testing.B) {
	p, d, end := benchWard(b, func(*sdk.Config) {})
	defer end()
	b.ReportAllocs()
	for b.Loop() {
		must(b, d.Record(spo2(97)))
		must(b, p.Sync(context.Background()))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "envelopes/s")
}

// BenchmarkBurst has 64 alerts, an envelope each, share one flush.
func BenchmarkBurst(b *testing.B) {
	p, d, end := benchWard(b, func(*sdk.Config) {})
	defer end()
	for b.Loop() {
		for range 64 {
			must(b, d.Alert(alert(1)))
		}
		must(b, p.Sync(context.Background()))
	}
	b.ReportMetric(64*float64(b.N)/b.Elapsed().Seconds(), "envelopes/s")
}
