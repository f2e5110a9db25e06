package sdk_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// bed is what a bed of intensive care says: each second 20 numerics and seven waves,
// 1,187 samples, and an alert every 69 seconds.
type bed struct {
	seconds []vital.Batch // that repeat
	alerts  int
}

const (
	bedNumerics = 20
	alertEvery  = 69 // 2,558,760 alarms at 461 patients in 31 days: PLoS ONE 9(10), e110274

	// The first numeric of a second counts the seconds, in readings of their own.
	secondCode = vital.HeartRate
	liveCode   = vital.SpO2
)

func newBed(seconds int) *bed {
	patient, b := sim.NewPatient(1), new(bed)
	waves := []struct {
		code vital.Code
		unit vital.Unit
		hz   int // ten times
		at   func(time.Duration) float64
	}{
		{vital.ECG + 1, vital.Millivolt, 2500, patient.ECG}, {vital.ECG + 2, vital.Millivolt, 2500, patient.ECG},
		{vital.ECG + 3, vital.Millivolt, 2500, patient.ECG}, {vital.ECG + 4, vital.Millivolt, 1250, patient.Pressure},
		{vital.Pleth, vital.Percent, 1250, patient.Pleth}, {vital.ECG + 5, vital.Millivolt, 1250, patient.CO2},
		{vital.ECG + 6, vital.Millivolt, 625, patient.Resp},
	}
	for s := range seconds {
		var second vital.Batch
		for i := range bedNumerics {
			second.Numerics = append(second.Numerics, vital.Numeric{Code: secondCode + vital.Code(4*i), Unit: vital.BeatsPerMinute, Value: vital.Int(60 + (s+i)%7)})
		}
		for _, w := range waves {
			wave := second.AddWave()
			wave.Code, wave.Unit, wave.Rate = w.code, w.unit, vital.Decimal{Mantissa: int32(w.hz), Exponent: -1}
			wave.Factor = vital.Decimal{Mantissa: 1, Exponent: -3}
			first, last := s*w.hz/10, (s+1)*w.hz/10
			for k := first; k < last; k++ {
				wave.Samples = append(wave.Samples, int32(1000*w.at(time.Duration(k)*10*time.Second/time.Duration(w.hz))))
			}
		}
		b.seconds = append(b.seconds, second)
	}
	return b
}

// second returns what the bed says in second n.
func (b *bed) second(n int) *vital.Batch {
	s := b.seconds[n%len(b.seconds)]
	s.Numerics = slices.Clone(s.Numerics)
	s.Numerics[0].Value = vital.Int(n)
	return &s
}

// recordDay has a device record so many seconds as one that was cut off does: each
// is on disk before the next comes.
func (b *bed) recordDay(t *testing.T, p *sdk.Pipeline, d *sdk.Device, seconds int) {
	t.Helper()
	begun := time.Now().Add(-time.Duration(seconds) * time.Second)
	for n := range seconds {
		must(t, d.RecordBatch(begun.Add(time.Duration(n)*time.Second), b.second(n)))
		if n%alertEvery == alertEvery-1 {
			must(t, d.Alert(alert(b.alerts)))
			b.alerts++
		}
		must(t, p.Sync(context.Background()))
	}
}

// station is a receive.Sink: a file of lines, and a note of what came when.
type station struct {
	*receive.File
	t       *testing.T
	changed chan struct{}

	mu      sync.Mutex
	seconds tally // of the backlog
	live    tally
	alerts  tally
	late    int       // alerts that came behind the backlog
	first   time.Time // when the backlog began
	newest  time.Time // when it last moved on
	unsure  []int     // live readings that are not durable yet
	arrived map[int]time.Time
	other   map[string]int // verdicts but valid, with their reasons
}

func newStation(t *testing.T) *station {
	t.Helper()
	file, err := receive.OpenFile(filepath.Join(t.TempDir(), "lines"))
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	return &station{File: file, t: t, changed: make(chan struct{}, 1), arrived: map[int]time.Time{}, other: map[string]int{}}
}

// Write implements receive.Sink.
func (s *station) Write(r *receive.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Verdict {
	case receive.Valid, receive.Gap, receive.Filled: // out of order on purpose
	case receive.Silent, receive.Resumed: // while it was cut off
	case receive.Duplicate: // its acknowledgement had not come when the connection ended
	default:
		s.other[r.Verdict.String()+": "+r.Reason]++
	}
	if b := r.Batch; b != nil {
		s.note(b)
	}
	return s.File.Write(r)
}

func (s *station) note(b *vital.Batch) {
	for i := range b.Alerts {
		s.alerts.add(int(b.Alerts[i].Value.Mantissa))
		if s.seconds.n > 0 {
			s.late++
		}
	}
	for i := range b.Numerics {
		switch n := int(b.Numerics[i].Value.Mantissa); {
		case b.Numerics[i].Code == liveCode:
			s.live.add(n)
			s.unsure = append(s.unsure, n)
		case b.Numerics[i].Code == secondCode:
			s.newest = time.Now()
			if s.seconds.n == 0 {
				s.first = s.newest
			}
			s.seconds.add(n)
		}
	}
}

// Sync implements receive.Sink.
func (s *station) Sync() error {
	err := s.File.Sync()
	s.mu.Lock()
	now := time.Now()
	for _, n := range s.unsure {
		s.arrived[n] = now
	}
	s.unsure = s.unsure[:0]
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return err
}

// until waits as long as there is progress.
func (s *station) until(what string, holds func() bool) {
	s.t.Helper()
	for {
		s.mu.Lock()
		ok := holds()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.changed:
		case <-time.After(2 * sdktest.Patience):
			s.t.Fatalf("waited in vain for %s: %d seconds, %d live readings, %d alerts; %v", what, s.seconds.n, s.live.n, s.alerts.n, s.other)
		}
	}
}

// liveReadings are readings that are recorded while a test looks at how long they take.
type liveReadings struct {
	s    *station
	d    *sdk.Device
	sent []time.Time
}

const liveEach = 50 * time.Millisecond

// record records a reading every so often until done is closed, and what the bed says
// each second, and returns how long the readings took that came while it did.
func (l *liveReadings) record(b *bed, done <-chan struct{}) (took []time.Duration) {
	from := len(l.sent)
	tick := time.NewTicker(liveEach)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-done:
			l.s.until("the live readings", func() bool { return len(l.s.arrived) == len(l.sent) })
			for i, at := range l.sent[from:] {
				took = append(took, l.s.arrived[from+i].Sub(at))
			}
			return took
		}
		l.one()
		if n%20 == 0 {
			waves := *b.second(n)
			waves.Numerics = waves.Numerics[1:]
			must(l.s.t, l.d.RecordBatch(time.Now(), &waves))
		}
	}
}

func (l *liveReadings) one() {
	l.sent = append(l.sent, time.Now())
	must(l.s.t, l.d.Record(vital.Numeric{Code: liveCode, Unit: vital.Percent, Value: vital.Int(len(l.sent) - 1)}))
}

// latency is how long readings took from Record to being verified and durable.
type latency struct{ p50, p99, max time.Duration }

func latencyOf(took []time.Duration) latency {
	if len(took) == 0 {
		return latency{}
	}
	slices.Sort(took)
	return latency{took[len(took)/2], took[len(took)*99/100], took[len(took)-1]}
}

// TestDrain has a gateway that was cut off publish its backlog while its bed goes on:
// alerts come first, then what is new, then the backlog, each once. Of a backlog of
// SDK_DRAIN seconds it prints, for each of the rates in SDK_DRAIN_RATES (envelopes a
// second, 0 for no bound), how fast that drains, and how long live readings take
// meanwhile and with no backlog. A day:
//
//	SDK_DRAIN=86400 SDK_DRAIN_RATES=100,200,400,0 go test -timeout 1h -v -run TestDrain ./sdk
func TestDrain(t *testing.T) {
	seconds, b := number(t, "SDK_DRAIN", 200), newBed(60)
	w := sdktest.NewWard(t, "monitor")
	s := newStation(t)
	receiveInto(t, w, s)
	conf := w.Config()
	conf.MaxStored = 1 << 30
	p := w.Open(conf)
	l := &liveReadings{s: s, d: w.Device(p, "monitor")}
	l.one()
	s.until("the first reading", func() bool { return s.live.n == 1 })
	measure := os.Getenv("SDK_DRAIN_RATES") != ""
	if measure {
		l.measure(t, b, 0, 0, time.After(30*time.Second))
	}
	w.Broker.Stop()
	begun := time.Now()
	b.recordDay(t, p, l.d, seconds)
	t.Logf("%d s of a bed, recorded in %v: %d envelopes, %.1f MB on disk", seconds, time.Since(begun).Round(time.Second),
		p.Stats().Outbox.Records, float64(p.Stats().Outbox.Bytes)/1e6)
	w.CloseAtOnce(p)
	w.Broker.Start()

	conf.BacklogRate = 1
	p = w.Open(conf)
	l.d = w.Device(p, "monitor")
	s.until("the backlog to begin", func() bool { return s.seconds.n > 0 })
	l.one()
	s.until("a live reading", func() bool { return s.live.n == len(l.sent) })
	s.mu.Lock()
	if s.alerts.n != b.alerts || s.late > 0 || s.seconds.n == seconds {
		t.Errorf("%d of %d alerts before all else, %d behind the backlog; all %d s of it before the live reading: %v",
			s.alerts.n, b.alerts, s.late, seconds, s.seconds.n == seconds)
	}
	s.mu.Unlock()
	for _, text := range strings.Split(os.Getenv("SDK_DRAIN_RATES"), ",") {
		rate, _ := strconv.ParseFloat(text, 64) // none: 0
		s.mu.Lock()
		over := s.seconds.n == seconds
		s.mu.Unlock()
		if over {
			t.Logf("the backlog is over before rate %q is tried: take a longer one", text)
			break
		}
		w.CloseAtOnce(p)
		conf.BacklogRate = rate
		p = w.Open(conf)
		l.d = w.Device(p, "monitor")
		if measure {
			l.measure(t, b, rate, seconds, time.After(30*time.Second))
		}
	}
	s.until("the backlog", func() bool { return s.seconds.n == seconds })
	if measure {
		l.measure(t, b, 0, 0, time.After(30*time.Second))
	}
	w.Close(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seconds.doubled+s.live.doubled+s.alerts.doubled > 0 || s.live.n != len(l.sent) || s.alerts.n != b.alerts || len(s.other) > 0 {
		t.Errorf("seconds %d of %d, %d doubled; live %d of %d, %d doubled; alerts %d of %d, %d doubled; %v", s.seconds.n, seconds, s.seconds.doubled,
			s.live.n, len(l.sent), s.live.doubled, s.alerts.n, b.alerts, s.alerts.doubled, s.other)
	}
}

// measure prints how fast the backlog drains and how long live readings take, until
// it is over, or the time is.
func (l *liveReadings) measure(t *testing.T, b *bed, rate float64, seconds int, over <-chan time.Time) {
	t.Helper()
	s, done := l.s, make(chan struct{})
	s.mu.Lock()
	before := s.seconds.n
	s.mu.Unlock()
	s.until("the connection", func() bool { return seconds == 0 || s.seconds.n > before })
	s.mu.Lock()
	before, begun := s.seconds.n, time.Now()
	s.mu.Unlock()
	go func() {
		defer close(done)
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			s.mu.Lock()
			all := seconds > 0 && s.seconds.n == seconds
			s.mu.Unlock()
			if all {
				return
			}
		}
	}()
	took := l.record(b, done)
	s.mu.Lock()
	defer s.mu.Unlock()
	lat := latencyOf(took)
	t.Logf("backlog rate %4.0f: %6.1f times real time; %4d live readings: p50 %v, p99 %v, max %v", rate,
		float64(s.seconds.n-before)/s.newest.Sub(begun).Seconds(), len(took),
		lat.p50.Round(100*time.Microsecond), lat.p99.Round(100*time.Microsecond), lat.max.Round(100*time.Microsecond))
}
