package sdk_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// full opens a pipeline whose disk has no room for data from the start.
func full(t *testing.T, w *sdktest.Ward, change func(*sdk.Config)) (*sdk.Pipeline, *meagre) {
	t.Helper()
	conf := w.Config()
	must(t, os.MkdirAll(conf.Data, 0o700))
	disk := &meagre{FS: outbox.DirFS(conf.Data)}
	disk.low.Store(true)
	conf.Files(disk)
	conf.Quick(time.Hour, time.Hour)
	if change != nil {
		change(&conf)
	}
	return w.Open(conf), disk
}

// synced waits until Sync returns nil; it may say before that what is not durable.
func synced(t *testing.T, sync func(context.Context) error) {
	t.Helper()
	for deadline := time.Now().Add(sdktest.Patience); ; {
		err := sync(context.Background())
		if err == nil {
			return
		}
		if !errors.Is(err, sdk.ErrNotDurable) || time.Now().After(deadline) {
			t.Fatalf("Sync: %v", err)
		}
	}
}

// TestNoRoomOnTheDisk has others fill the disk: readings go on arriving live, Sync and
// Stats and a signed event say that they are not stored, alerts are; without a
// connection Sync says so for as long as there is none; and with room again what waits
// is stored without anybody's doing. None is lost, none comes twice.
func TestNoRoomOnTheDisk(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p, disk := full(t, w, nil)
	d := w.Device(p, "oximeter")
	n := 0
	for range 50 {
		must(t, d.Record(spo2(n)))
		n++
		synced(t, d.Sync)
	}
	must(t, d.Alert(alert(1)))
	got.Until("readings, the alert and the event", func(f *sdktest.Found) bool {
		return len(f.Numerics) == n && len(f.Alerts) == 1 && f.Events[vital.EventUnstored] == 1
	})
	if s := p.Stats(); s.Memory.Since.IsZero() || s.Memory.Published == 0 || s.Outbox.Records > s.Outbox.Urgent || !s.Outbox.Low || s.Err != nil {
		t.Errorf("with no room: %+v", s)
	}

	w.Broker.Stop()
	for range 50 {
		must(t, d.Record(spo2(n)))
		n++
		if err := d.Sync(context.Background()); !errors.Is(err, sdk.ErrNotDurable) {
			t.Fatalf("Sync without a broker: %v", err)
		}
	}
	must(t, d.Alert(alert(2)))
	if err := p.Sync(context.Background()); !errors.Is(err, sdk.ErrNotDurable) || p.Stats().Memory.Waiting < 50 {
		t.Fatalf("Sync without a broker: %v, %+v", err, p.Stats().Memory)
	}
	if s := p.Stats(); s.Outbox.Urgent == 0 {
		t.Errorf("the alert is not stored: %+v", s.Outbox)
	}
	disk.low.Store(false)
	synced(t, p.Sync)
	if s := p.Stats(); s.Memory.Waiting != 0 || s.Outbox.Records < 50 {
		t.Errorf("with room again: %+v", s)
	}
	for !p.Stats().Memory.Since.IsZero() {
		must(t, d.Record(spo2(n)))
		n++
		must(t, p.Sync(context.Background()))
	}
	w.Broker.Start()
	got.Until("all", func(f *sdktest.Found) bool {
		return len(f.Numerics) >= n && len(f.Alerts) == 2 && f.Events[vital.EventStored] > 0
	})
	w.Close(p)
	got.EachOnce(n)
}

// TestFullMemory fills the memory too: the oldest is given up, and signed for,
// envelope by envelope, and the newest comes.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	l := newBook(t)
	receiveInto(t, w, l)
	p, _ := full(t, w, func(c *sdk.Config) { c.MaxWaiting, c.Heartbeat = 64<<10, time.Hour })
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	l.until("the first", func() bool { return l.readings.n == 1 })
	w.Broker.Stop()
	rng := rand.New(rand.NewPCG(1, 1))
	n := 1
	for p.Stats().Memory.Dropped < 100 {
		must(t, d.RecordBatch(time.Now(), noise(rng)))
		must(t, d.Record(spo2(n)))
		n++
		if err := d.Sync(context.Background()); !errors.Is(err, sdk.ErrNotDurable) {
			t.Fatal(err)
		}
	}
	dropped := p.Stats().Memory.Dropped
	w.Broker.Start()
	l.until("the newest and the accounts", func() bool {
		return l.readings.has(n-1) && l.count[vital.DropStore] >= dropped
	})
	w.Close(p)
	l.until("all that was not given up", func() bool {
		_, unsigned, _ := l.account()
		return unsigned == 0
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, unsigned, late := l.account()
	t.Logf("%d readings, %d received; %d envelopes given up, %d missing, %d unsigned, %d came all the same", n, l.readings.n, dropped, missing, unsigned, late)
	if l.count[vital.DropStore] != dropped || uint64(missing+late) != dropped || l.readings.doubled != 0 || l.twice != 0 {
		t.Errorf("%d given up, %d signed for (%d twice), %d missing, %d came, %d readings doubled",
			dropped, l.count[vital.DropStore], l.twice, missing, late, l.readings.doubled)
	}
}

// noise is a batch that nothing makes shorter, of some 8 kB.
func noise(rng *rand.Rand) *vital.Batch {
	b := new(vital.Batch)
	wave := b.AddWave()
	wave.Code, wave.Unit, wave.Rate, wave.Factor = vital.ECG, vital.Millivolt, vital.Int(500), vital.Int(1)
	for range 1900 {
		wave.Samples = append(wave.Samples, int32(rng.Uint32()))
	}
	return b
}

// TestClosedWithoutRoom closes a pipeline that has no room and no broker: what is in
// memory is lost, Close says so, and so does an account at the next start.
func TestClosedWithoutRoom(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	l := newBook(t)
	receiveInto(t, w, l)
	var conf sdk.Config
	p, disk := full(t, w, func(c *sdk.Config) { c.Heartbeat = time.Hour; conf = *c })
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	l.until("the first", func() bool { return l.readings.n == 1 })
	w.Broker.Stop()
	for i := range 20 {
		must(t, d.Record(spo2(1+i)))
		_ = d.Sync(context.Background()) // an envelope each; it is not durable
	}
	at, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Close(at); !errors.Is(err, sdk.ErrNotDurable) {
		t.Errorf("Close: %v", err)
	}
	disk.low.Store(false)
	w.Broker.Start()
	p = w.Open(conf)
	w.Device(p, "oximeter")
	l.until("the accounts", func() bool {
		missing, unsigned, _ := l.account()
		return missing >= 20 && unsigned == 0
	})
	w.Close(p)
}

// TestOffersWithoutRoom offers with a Journal, which is told of an offer when the
// broker has acknowledged it or when it is on the disk, whichever comes, in order.
func TestOffersWithoutRoom(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p, disk := full(t, w, func(c *sdk.Config) {
		c.Heartbeat = time.Hour // one that waits for a broker is not durable either
		c.PatientJournal(sdktest.Patience)
	})
	d := w.Device(p, "oximeter")
	var l steps
	d.Keep(&l)
	n := 0
	some := func() {
		t.Helper()
		for range 10 {
			b := vital.Batch{Numerics: []vital.Numeric{spo2(n)}}
			if n%4 == 0 {
				b.Alerts = []vital.Alert{alert(n)}
			}
			must(t, d.Offer(time.Now(), &b, n))
			n++
			_ = d.Sync(context.Background()) // an envelope each
			must(t, d.Offer(time.Now(), &vital.Batch{}, n))
			n++
		}
	}
	some()
	synced(t, d.Sync)
	l.reached(t, n)
	w.Broker.Stop()
	for d.Sync(context.Background()) != nil {
	}
	some()
	if at := l.newest(); at != n-20 {
		t.Errorf("without a broker and a disk: told of offer %d, want %d", at, n-20)
	}
	disk.low.Store(false)
	synced(t, d.Sync)
	l.reached(t, n)
	disk.low.Store(true)
	some()
	w.Broker.Start()
	some()
	synced(t, d.Sync)
	l.reached(t, n)
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= n/2 })
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		seen := map[int32]int{}
		for _, r := range f.Numerics {
			if seen[r.Value.Mantissa]++; seen[r.Value.Mantissa] > 1 {
				t.Errorf("reading %d came twice", r.Value.Mantissa)
			}
		}
		if len(seen) != n/2 {
			t.Errorf("%d of %d readings", len(seen), n/2)
		}
	})
}

// steps is a Journal that demands order.
type steps struct {
	mu     sync.Mutex
	all    int // offers below are stored
	broken bool
}

func (s *steps) Intend(sdk.Progress, uint64) error { return nil }

func (s *steps) Committed(p sdk.Progress, _ uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Alerts > 0 {
		return
	}
	s.broken = s.broken || p.Token.(int) < s.all-1
	s.all = p.Token.(int) + 1
}

func (s *steps) newest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

func (s *steps) reached(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all != n || s.broken {
		t.Errorf("told of %d offers of %d, out of order: %v", s.all, n, s.broken)
	}
}

// TestCarriedWithoutRoom carries what a sensor sealed: it is told that a message is
// safe when the broker has it.
func TestCarriedWithoutRoom(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	s := w.NewSealing("monitor-4")
	got := w.Receive()
	p, _ := full(t, w, nil)
	c, err := p.Carrier("monitor-4")
	must(t, err)
	carry(t, c, s.Begin(beacon(t, c)), s.Seal(spo2(0)))
	synced(t, c.Sync)
	got.Until("the first", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
	w.Broker.Stop()
	carry(t, c, s.Seal(spo2(1)))
	for range 3 {
		if err := c.Sync(context.Background()); !errors.Is(err, sdk.ErrNotDurable) {
			t.Errorf("Sync without a broker: %v", err)
		}
	}
	w.Broker.Start()
	synced(t, c.Sync)
	got.Until("the second", func(f *sdktest.Found) bool { return len(f.Numerics) == 2 })
	w.Close(p)
	got.EachOnce(2)
}
