package sdk_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// brittle is a directory whose writes fail while it is broken, and wait while it is
// held.
type brittle struct {
	outbox.FS
	broken atomic.Bool
	held   atomic.Pointer[hold]
}

// hold is what one has to wait for.
type hold struct{ waits, over chan struct{} }

// hang has writes wait until let is called. held returns when one does.
func (b *brittle) hang() (held, let func()) {
	h := &hold{make(chan struct{}, 1), make(chan struct{})}
	b.held.Store(h)
	return func() { <-h.waits }, func() { b.held.Store(nil); close(h.over) }
}

var errBroken = errors.New("the disk is read-only")

func (b *brittle) err() error {
	if h := b.held.Load(); h != nil {
		select {
		case h.waits <- struct{}{}:
		default:
		}
		<-h.over
	}
	if b.broken.Load() {
		return errBroken
	}
	return nil
}

func (b *brittle) Create(name string, size int64) (outbox.File, error) {
	if err := b.err(); err != nil {
		return nil, err
	}
	f, err := b.FS.Create(name, size)
	return brittleFile{f, b}, err
}

func (b *brittle) Open(name string) (outbox.File, error) {
	f, err := b.FS.Open(name)
	return brittleFile{f, b}, err
}

func (b *brittle) Rename(from, to string) error {
	if err := b.err(); err != nil {
		return err
	}
	return b.FS.Rename(from, to)
}

type brittleFile struct {
	outbox.File
	fs *brittle
}

func (f brittleFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.err(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f brittleFile) Sync() error {
	if err := f.fs.err(); err != nil {
		return err
	}
	return f.File.Sync()
}

func alert(n int) vital.Alert {
	return vital.Alert{Source: vital.SpO2, Value: vital.Int(n), Limit: vital.NaN}
}

// TestDiskFailsForAWhile has the disk refuse writes and come back, over and over,
// while readings and alerts are recorded. A Sync that fails says so; one that
// does not has covered everything, also what came while it failed.
func TestDiskFailsForAWhile(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	conf := w.Config()
	must(t, os.MkdirAll(conf.Data, 0o700))
	disk := &brittle{FS: outbox.DirFS(conf.Data)}
	conf.Files(disk)
	conf.Quick(time.Hour, time.Hour)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	n, alerts := 0, 0
	for round := range 5 {
		disk.broken.Store(round%2 == 0 && round > 0)
		for range 600 { // more than one message
			must(t, d.Record(spo2(n)))
			n++
		}
		must(t, d.Label([]string{"", "bed 1", "bed 2"}[round%3]))
		must(t, d.Alert(alert(round)))
		alerts++
		failing := disk.broken.Load()
		if err := p.Sync(context.Background()); (err != nil) != failing || failing && !errors.Is(err, errBroken) {
			t.Fatalf("round %d: broken %v, Sync: %v", round, failing, err)
		}
		for range 600 { // while what is before waits
			must(t, d.Record(spo2(n)))
			n++
		}
		disk.broken.Store(false)
		for p.Sync(context.Background()) != nil { // one more may have begun before it
		}
		if waiting := d.Waiting(); waiting != 0 {
			t.Fatalf("round %d: Sync returned and %d entries are not sealed", round, waiting)
		}
	}
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= n && len(f.Alerts) >= alerts })
	w.Close(p)
	got.EachOnce(n)
}

// committing opens a pipeline whose committer waits for the disk, with something of
// the device "monitor": what is said of others has not been looked at until let is called.
func committing(t *testing.T, w *sdktest.Ward, conf sdk.Config, fs outbox.FS) (p *sdk.Pipeline, let func()) {
	t.Helper()
	disk := &brittle{FS: fs}
	conf.Files(disk)
	conf.Quick(time.Hour, time.Hour)
	p = w.Open(conf)
	held, let := disk.hang()
	w.Device(p, "monitor")
	held()
	return p, let
}

// TestRosterAwayAtTheStart has no roster to begin a chain with: readings wait,
// Sync says why, and nothing is lost when it is back.
func TestRosterAwayAtTheStart(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter", "monitor")
	got := w.Receive()
	conf := w.Config()
	must(t, os.MkdirAll(conf.Data, 0o700))
	p, let := committing(t, w, conf, outbox.DirFS(conf.Data))
	roster := filepath.Join(w.GatewayDir(), "roster")
	d := w.Device(p, "oximeter") // reads it once; its chain is not begun
	must(t, os.Rename(roster, roster+".away"))
	let()
	for i := range 100 {
		must(t, d.Record(spo2(i)))
	}
	if err := p.Sync(context.Background()); err == nil || p.Stats().Err == nil {
		t.Errorf("without a roster Sync: %v, Stats: %v", err, p.Stats().Err)
	}
	must(t, os.Rename(roster+".away", roster))
	for i := range 100 {
		must(t, d.Record(spo2(100+i)))
	}
	for p.Sync(context.Background()) != nil {
	}
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= 200 })
	w.Close(p)
	got.EachOnce(200)
}

// TestRosterAwayAtRenewal cannot renew the chain: the one before is used on, and
// Stats says why.
func TestRosterAwayAtRenewal(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	conf := w.Config()
	conf.Renew = time.Second
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	must(t, p.Sync(context.Background()))
	must(t, os.Rename(filepath.Join(w.GatewayDir(), "roster"), filepath.Join(w.GatewayDir(), "away")))
	n := 0
	for d.Stats().Err == nil {
		must(t, d.Record(spo2(n)))
		must(t, p.Sync(context.Background()))
		n++
	}
	for range 10 {
		must(t, d.Record(spo2(n)))
		must(t, p.Sync(context.Background()))
		n++
	}
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
	w.Close(p)
	got.EachOnce(n)
}

// TestOutboxFull fills a small outbox while the broker is away: the oldest data
// go, alerts stay, and signed accounts say which envelopes are missing.
func TestOutboxFull(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter", "monitor")
	got := w.Receive()
	conf := w.Config()
	conf.MaxStored = 512 << 10
	p := w.Open(conf)
	d, other := w.Device(p, "oximeter"), w.Device(p, "monitor")
	must(t, d.Record(spo2(0)))
	must(t, other.Record(spo2(0)))
	got.Until("the first", func(f *sdktest.Found) bool { return len(f.Numerics) == 2 })
	w.Broker.Stop()
	n, alerts := 1, 0
	rng := rand.New(rand.NewPCG(1, 1))
	for p.Stats().Outbox.Dropped < 40 {
		var b vital.Batch
		noise := b.AddWave() // to fill the disk
		noise.Code, noise.Unit, noise.Rate, noise.Factor = vital.ECG, vital.Millivolt, vital.Int(500), vital.Int(1)
		for range 1900 {
			noise.Samples = append(noise.Samples, int32(rng.Uint32()))
		}
		must(t, d.RecordBatch(time.Now(), &b))
		must(t, d.Record(spo2(n)))
		must(t, other.Record(spo2(n)))
		n++
		if n%10 == 1 {
			must(t, d.Alert(alert(n)))
			alerts++
		}
		must(t, p.Sync(context.Background()))
	}
	w.Broker.Start()
	var dropped uint64 // also by a heartbeat, until the broker was there
	got.Until("the last reading, the alerts and the accounts", func(f *sdktest.Found) bool {
		dropped = p.Stats().Outbox.Dropped
		return containsValue(f.Numerics, n-1) && len(f.Alerts) >= alerts && signed(f.Drops, vital.DropStore) >= dropped
	})
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		t.Logf("%d readings recorded, %d received; %d envelopes dropped, %d signed for in %d records; %d alerts of %d",
			2*n, len(f.Numerics), dropped, signed(f.Drops, vital.DropStore), len(f.Drops), len(f.Alerts), alerts)
		if len(f.Alerts) != alerts || signed(f.Drops, vital.DropStore) != dropped {
			t.Errorf("alerts or accounts doubled")
		}
	})
}

func containsValue(ns []vital.Numeric, value int) bool {
	for i := range ns {
		if int(ns[i].Value.Mantissa) == value {
			return true
		}
	}
	return false
}

func signed(drops []vital.Dropped, reason vital.DropReason) (n uint64) {
	for _, d := range drops {
		if d.Reason == reason {
			n += d.Count
		}
	}
	return n
}

// TestRefusedIsAccountedAcrossRenewals refuses readings while chains are begun
// anew all the time: the signed records add up to exactly what was refused.
func TestRefusedIsAccountedAcrossRenewals(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	conf := w.Config()
	conf.MaxWaiting = 64 << 10
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	taken := 0
	for i := 0; i < 300 || d.Stats().Refused == 0; i++ {
		batch := make([]vital.Numeric, 300)
		for j := range batch {
			batch[j] = spo2(taken + j)
		}
		if err := d.Record(batch...); err == nil {
			taken += len(batch)
		} else if !errors.Is(err, sdk.ErrFull) {
			t.Fatal(err)
		}
		if i%20 == 0 {
			must(t, d.Label([]string{"a", "b"}[i/20%2]))
		}
	}
	refused := d.Stats().Refused
	w.Close(p)
	got.Until("all that was taken", func(f *sdktest.Found) bool {
		return len(f.Numerics) >= taken && signed(f.Drops, vital.DropBound) >= refused
	})
	got.EachOnce(taken)
	got.Look(func(f *sdktest.Found) {
		if n := signed(f.Drops, vital.DropBound); n != refused {
			t.Errorf("%d readings refused, and signed records say %d", refused, n)
		}
	})
}

func TestDamagedStateIsSetAside(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	for name, damage := range map[string]string{
		"empty": "", "garbage": "\x00\x00", "null device": `{"devices":{"40f62ff1349ded90":null}}`, "no devices": `{}`,
		"wrong types": `{"devices":{"40f62ff1349ded90":{"eid":"zz","seq":1,"head":"","anchors":[{"eid":"zz","began":"2026-01-01T00:00:00Z","ended":"2026-01-01T00:00:00Z"}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			conf := w.Config()
			must(t, os.MkdirAll(conf.Data, 0o700))
			must(t, os.WriteFile(filepath.Join(conf.Data, "chains.json"), []byte(damage), 0o600))
			conf.Quick(time.Nanosecond, time.Nanosecond)
			p := w.Open(conf)
			d := w.Device(p, "oximeter")
			must(t, d.Record(spo2(1)))
			must(t, p.Sync(context.Background()))
			w.CloseAtOnce(p)
		})
	}
}
