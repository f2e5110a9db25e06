package sdk_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

var errDark = errors.New("the power is gone")

// dark is a directory whose power goes at some operation: from then on nothing is
// done, and of what was written and not synced any part is there.
type dark struct {
	outbox.FS
	mu    sync.Mutex
	rng   *rand.Rand
	left  int // operations until the cut
	gone  chan struct{}
	files []*darkFile
}

type darkFile struct {
	outbox.File
	fs      *dark
	pending []darkWrite
}

type darkWrite struct {
	b   []byte
	off int64
}

// step counts an operation. d.mu is held.
func (d *dark) step() error {
	if d.left--; d.left > 0 {
		return nil
	}
	if d.left == 0 {
		for _, f := range d.files {
			for _, w := range f.pending {
				for from := 0; from < len(w.b); from += 512 { // sectors come in any order, or not
					if part := w.b[from:min(from+512, len(w.b))]; d.rng.IntN(2) == 0 {
						_, _ = f.File.WriteAt(part, w.off+int64(from))
					}
				}
			}
		}
		close(d.gone)
	}
	return errDark
}

func (d *dark) wrap(f outbox.File, err error) (outbox.File, error) {
	if err != nil {
		return nil, err
	}
	own := &darkFile{File: f, fs: d}
	d.files = append(d.files, own)
	return own, nil
}

func (d *dark) Create(name string, size int64) (outbox.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return nil, err
	}
	return d.wrap(d.FS.Create(name, size))
}

func (d *dark) Open(name string) (outbox.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wrap(d.FS.Open(name))
}

func (d *dark) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	return d.FS.Rename(from, to)
}

func (d *dark) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	return d.FS.Remove(name)
}

func (f *darkFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.pending = append(f.pending, darkWrite{append([]byte(nil), b...), off})
	if err := f.fs.step(); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *darkFile) flush() {
	for _, w := range f.pending {
		_, _ = f.File.WriteAt(w.b, w.off)
	}
	f.pending = nil
}

func (f *darkFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(); err != nil {
		return err
	}
	f.flush()
	return f.File.Sync()
}

func (f *darkFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.left > 0 {
		f.flush()
	}
	return f.File.Close()
}

// place is how far a source has come: all offers below next, and of those up to
// alertsOf the first alerts.
type place struct{ next, alertsOf, alerts int }

// token is that of an offer.
type token struct{ offer, skipped int }

// ledger is a Journal in memory.
type ledger struct {
	mu     sync.Mutex
	disk   *dark // nil: it has power
	truth  place
	intent place
	record uint64 // of the intent; 0: none
	fail   error
	block  chan struct{} // Intend waits for it
	owed   bool
	notes  int
}

func (l *ledger) after(p sdk.Progress) place {
	at, now := p.Token.(token), l.truth
	if p.Alerts > 0 {
		now.alertsOf, now.alerts = at.offer, at.skipped+p.Alerts
		return now
	}
	now.next = at.offer + 1
	return now
}

func (l *ledger) Intend(p sdk.Progress, id uint64) error {
	if l.block != nil {
		<-l.block
	}
	if l.disk != nil {
		l.disk.mu.Lock()
		defer l.disk.mu.Unlock()
		if err := l.disk.step(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes++
	if l.fail != nil {
		return l.fail
	}
	l.intent, l.record = l.after(p), id
	return nil
}

func (l *ledger) Committed(p sdk.Progress, id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = l.record != id || l.intent != l.after(p)
	l.truth, l.record = l.after(p), 0
}

// recover finds out at a start what is true.
func (l *ledger) recover(t *testing.T) func(sdk.Recover) {
	return func(stored sdk.Recover) {
		if l.record == 0 {
			return
		}
		ok, err := stored(l.record)
		if errors.Is(err, errDark) {
			return // the next start finds it out; nothing is stored or noted before
		}
		must(t, err)
		if ok {
			l.truth = l.intent
		}
		l.record = 0
	}
}

// source makes the same offers each time.
func source(count int) (offers []vital.Batch, numerics, alerts int) {
	for i := range count {
		var b vital.Batch
		n := 1 + i%3
		if i%17 == 16 {
			n = 600 // more than a message usually gets
		}
		for range n {
			b.Numerics = append(b.Numerics, spo2(numerics))
			numerics++
		}
		for range i % 4 % 3 {
			b.Alerts = append(b.Alerts, alert(alerts))
			alerts++
		}
		offers = append(offers, b)
	}
	return offers, numerics, alerts
}

// offer offers from where the ledger is, until the power goes or all is on disk.
func offer(t *testing.T, d *sdk.Device, l *ledger, offers []vital.Batch, gone chan struct{}, rng *rand.Rand) {
	t.Helper()
	l.mu.Lock()
	start := l.truth
	l.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	for i := start.next; i < len(offers) && ctx.Err() == nil; i++ {
		b, skip := offers[i], 0
		if i < start.alertsOf {
			skip = len(b.Alerts)
		} else if i == start.alertsOf {
			skip = start.alerts
		}
		b.Alerts = b.Alerts[skip:]
		for errors.Is(d.Offer(time.Now(), &b, token{i, skip}), sdk.ErrFull) && ctx.Err() == nil {
			_ = d.Sync(ctx)
		}
		if rng.IntN(4) == 0 {
			_ = d.Sync(ctx)
		}
	}
	for d.Sync(ctx) != nil && ctx.Err() == nil {
	}
}

// TestPowerCutsAndOffers cuts the power at random operations of the disk, commits
// and notes among them; what comes after offers again from where its Journal is.
// SDK_KILLS sets how often, SDK_SEED repeats a run.
func TestPowerCutsAndOffers(t *testing.T) {
	t.Parallel()
	cuts, seed := number(t, "SDK_KILLS", 25), number(t, "SDK_SEED", int(rand.Uint32()))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	w := sdktest.NewWard(t, "oximeter", "monitor")
	got := w.Receive()
	conf := w.Config()
	conf.Quick(time.Hour, time.Hour)
	conf.PatientJournal(sdktest.Patience) // offers that nobody could note come twice
	must(t, os.MkdirAll(conf.Data, 0o700))
	offers, numerics, alerts := source(40 + 12*cuts)
	l := &ledger{}
	conf.Recover = l.recover(t)
	done := 0
	for round := range cuts {
		disk := &dark{FS: outbox.DirFS(conf.Data), rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), left: 1 + rng.IntN(60), gone: make(chan struct{})}
		conf.Files(disk)
		l.disk = disk
		p, err := sdk.Open(context.Background(), conf)
		if err != nil {
			if !errors.Is(err, errDark) {
				t.Fatal(err)
			}
			continue
		}
		d := w.Device(p, "oximeter")
		d.Keep(l)
		w.Device(p, "monitor")
		offer(t, d, l, offers[:min(len(offers), 40+12*round)], disk.gone, rng)
		disk.mu.Lock()
		if disk.left > 0 {
			disk.left = 1
			_ = disk.step()
		}
		disk.mu.Unlock()
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.Close(ended) // it cannot
		done++
	}
	l.disk = nil
	conf.Files(nil)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	d.Keep(l)
	offer(t, d, l, offers, nil, rng)
	w.Close(p)
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= numerics && len(f.Alerts) >= alerts })
	got.EachOnce(numerics)
	got.Look(func(f *sdktest.Found) {
		seen := map[int32]bool{}
		for _, a := range f.Alerts {
			seen[a.Value.Mantissa] = true
		}
		if len(f.Alerts) != alerts || len(seen) != alerts {
			t.Errorf("%d alarms, %d received, %d of them different", alerts, len(f.Alerts), len(seen))
		}
	})
	t.Logf("%d power cuts, %d of them while open: %d readings and %d alarms, each received once", cuts, done, numerics, alerts)
}

// TestJournalThatFails and one that hangs keep nobody from the disk, are logged once,
// and are told what was committed.
func TestJournalThatFails(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*ledger{
		"fails": {fail: errBroken}, "hangs": {block: make(chan struct{})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sdktest.NewWard(t, "oximeter", "monitor")
			got := w.Receive()
			conf := w.Config()
			var log lines
			conf.Logger = log.logger()
			p := w.Open(conf)
			d, other := w.Device(p, "oximeter"), w.Device(p, "monitor")
			d.Keep(l)
			for i := range 20 {
				b := vital.Batch{Numerics: []vital.Numeric{spo2(2 * i)}}
				must(t, d.Offer(time.Now(), &b, token{offer: i}))
				must(t, other.Record(spo2(2*i+1)))
				must(t, other.Sync(context.Background()))
				must(t, d.Sync(context.Background()))
			}
			got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) >= 40 })
			if n := strings.Count(log.String(), "come twice"); n != 1 {
				t.Errorf("it is said %d times: %s", n, log.String())
			}
			if l.block != nil {
				close(l.block)
			}
			for l.next() < 20 {
				must(t, d.Offer(time.Now(), &vital.Batch{}, token{offer: 19}))
				must(t, d.Sync(context.Background()))
			}
			w.Close(p)
			got.EachOnce(40)
		})
	}
}

func (l *ledger) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.truth.next
}

// lines is what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
