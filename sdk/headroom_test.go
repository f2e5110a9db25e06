package sdk_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// meagre is a directory on a disk that others have filled.
type meagre struct {
	outbox.FS
	low atomic.Bool
}

func (m *meagre) Free() (bytes, files int64, err error) {
	if m.low.Load() {
		return 1 << 20, math.MaxInt64, nil
	}
	return m.FS.Free()
}

// TestLittleLeftOnTheDisk has others fill the disk while the broker is away: the
// outbox does not grow, the oldest readings go and are signed for, new ones and
// alerts are kept, and with room again all is as before.
func TestLittleLeftOnTheDisk(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	conf := w.Config()
	conf.MaxStored = 4 << 20
	must(t, os.MkdirAll(conf.Data, 0o700))
	disk := &meagre{FS: outbox.DirFS(conf.Data)}
	conf.Files(disk)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	got.Until("the first", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
	w.Broker.Stop()
	n, alerts := 1, 0
	rng := rand.New(rand.NewPCG(1, 1))
	some := func() {
		t.Helper()
		var b vital.Batch
		noise := b.AddWave() // to fill the disk
		noise.Code, noise.Unit, noise.Rate, noise.Factor = vital.ECG, vital.Millivolt, vital.Int(500), vital.Int(1)
		for range 1900 {
			noise.Samples = append(noise.Samples, int32(rng.Uint32()))
		}
		must(t, d.RecordBatch(time.Now(), &b))
		must(t, d.Record(spo2(n)))
		n++
		if n%10 == 0 {
			must(t, d.Alert(alert(n)))
			alerts++
		}
		must(t, p.Sync(context.Background()))
	}
	for p.Stats().Outbox.Segments < 6 {
		some()
	}
	disk.low.Store(true)
	for p.Stats().Outbox.Dropped < 40 {
		some()
	}
	s := p.Stats()
	if !s.Outbox.Low || s.Err != nil || s.Outbox.Bytes > s.Outbox.MaxBytes/2 {
		t.Errorf("with little left: %+v, %v", s.Outbox, s.Err)
	}
	disk.low.Store(false)
	for before := s.Outbox.Bytes; p.Stats().Outbox.Bytes <= before; {
		some()
	}
	if s := p.Stats().Outbox; s.Low {
		t.Errorf("with room again: %+v", s)
	}
	w.Broker.Start()
	var dropped uint64 // also by a heartbeat, until the broker was there
	got.Until("the last reading, the alerts and the accounts", func(f *sdktest.Found) bool {
		dropped = p.Stats().Outbox.Dropped
		return containsValue(f.Numerics, n-1) && len(f.Alerts) >= alerts && signed(f.Drops, vital.DropStore) >= dropped
	})
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		t.Logf("%d readings, %d received, %d envelopes dropped and signed for, %d alerts", n, len(f.Numerics), dropped, len(f.Alerts))
		if len(f.Alerts) != alerts || signed(f.Drops, vital.DropStore) != dropped {
			t.Error("alerts or accounts doubled")
		}
	})
}

// blind is a directory on a disk that is not there for a while.
type blind struct {
	outbox.FS
	gone    atomic.Bool
	refused chan struct{}
}

func (b *blind) err() error {
	if !b.gone.Load() {
		return nil
	}
	select {
	case b.refused <- struct{}{}:
	default:
	}
	return syscall.EIO
}

func (b *blind) Create(name string, size int64) (outbox.File, error) {
	if err := b.err(); err != nil {
		return nil, err
	}
	return b.FS.Create(name, size)
}

func (b *blind) Open(name string) (outbox.File, error) {
	if err := b.err(); err != nil {
		return nil, err
	}
	return b.FS.Open(name)
}

// TestDiskThatCannotBeRead is gone when the broker is there: the connection stays,
// and all is published when the disk is back.
func TestDiskThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	conf := w.Config()
	must(t, os.MkdirAll(conf.Data, 0o700))
	disk := &blind{FS: outbox.DirFS(conf.Data), refused: make(chan struct{})}
	conf.Files(disk)
	conf.Quick(time.Hour, time.Hour)
	w.Broker.Kill()
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	for i := range 50 {
		must(t, d.Record(spo2(i)))
		must(t, p.Sync(context.Background()))
	}
	disk.gone.Store(true)
	w.Broker.Start()
	got := w.ReceiveWith(sdk.ReceiverConfig{AcceptPast: true, TrustFirst: true})
	for range 5 { // it is asked for again and again
		select {
		case <-disk.refused:
		case <-time.After(sdktest.Patience):
			t.Fatal("the disk is not asked")
		}
	}
	disk.gone.Store(false)
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= 50 })
	if n := p.Stats().Connection.Count; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	w.Close(p)
	got.EachOnce(50)
}

// TestBacklogRate has a backlog go out at a rate: what is new goes before it.
func TestBacklogRate(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	conf := w.Config()
	for _, rate := range []float64{-1, 0.5, math.NaN()} {
		conf.BacklogRate = rate
		if _, err := sdk.Open(context.Background(), conf); err == nil {
			t.Fatalf("a rate of %v is taken", rate)
		}
	}
	conf.BacklogRate = 1
	got := w.Receive()
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	got.Until("the first", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
	w.Broker.Stop()
	const old = 40
	for i := 1; i < old; i++ {
		must(t, d.Record(spo2(i)))
		must(t, p.Sync(context.Background()))
	}
	w.Broker.Start()
	got.Until("the backlog to begin", func(f *sdktest.Found) bool { return len(f.Numerics) > 1 }) // what is recorded before belongs to it
	must(t, d.Record(spo2(old)))
	got.Until("the new one", func(f *sdktest.Found) bool { return containsValue(f.Numerics, old) })
	w.CloseAtOnce(p)
	conf.BacklogRate = 0
	p = w.Open(conf)
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) > old })
	w.Close(p)
	got.EachOnce(old + 1)
	got.Look(func(f *sdktest.Found) {
		for i, r := range f.Numerics {
			if r.Value.Mantissa == old && i == old {
				t.Error("the new reading came last")
			}
		}
	})
}
