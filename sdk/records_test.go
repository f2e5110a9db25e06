package sdk_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

const shared = "../../shared/data/"

// openRecord reads one of the published records beside the checkout.
func openRecord(t *testing.T, name string) *sim.Record {
	t.Helper()
	if name == "bidmc/bidmc_01_Signals.csv" {
		f, err := os.Open(shared + name)
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("shared data absent: %s%s is not beside the checkout", shared, name)
		}
		must(t, err)
		defer f.Close()
		record, err := sim.ReadSignalsCSV(f, name)
		must(t, err)
		return record
	}
	record, err := sim.OpenRecord(shared + name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("shared data absent: %s%s is not beside the checkout", shared, name)
	}
	must(t, err)
	return record
}

// TestRecordsAreLossless sends real records as waves, one second each, through
// the whole path (seal, outbox, mosquitto, verify, open) and compares every
// sample.
func TestRecordsAreLossless(t *testing.T) {
	for _, name := range []string{"physionet/100", "physionet/v102s", "bidmc/bidmc_01_Signals.csv"} {
		t.Run(name, func(t *testing.T) {
			record := openRecord(t, name)
			w := sdktest.NewWard(t, "monitor")
			got := w.Receive()
			conf := w.Config()
			conf.Flags = seal.FlagTest
			p := w.Open(conf)
			sent := sendRecord(t, p, w.Device(p, "monitor"), record)
			got.Until("all waves", func(f *sdktest.Found) bool { return len(f.Waves) >= sent })
			w.Close(p)
			got.Look(func(f *sdktest.Found) { compareRecord(t, record, f) })
		})
	}
}

// sendRecord records each signal under a code of its own, so that they can be
// told apart, and waits for the disk where the open batch is full.
func sendRecord(t *testing.T, p *sdk.Pipeline, d *sdk.Device, record *sim.Record) (waves int) {
	t.Helper()
	second := max(1, int(record.Hz))
	for from := 0; from < record.Frames; from += second {
		var b vital.Batch
		for i := range record.Signals {
			s := &record.Signals[i]
			wave := b.AddWave()
			wave.Code, wave.Unit, wave.Rate = vital.ECG+vital.Code(i), vital.Millivolt, record.Rate
			wave.Factor, wave.Divisor, wave.Zero = s.Factor, s.Divisor, s.Zero
			wave.Samples = append(wave.Samples, s.Samples[from:min(from+second, record.Frames)]...)
			waves++
		}
		for {
			err := d.RecordBatch(time.Now(), &b)
			if err == nil {
				break
			}
			if !errors.Is(err, sdk.ErrFull) {
				t.Fatal(err)
			}
			must(t, p.Sync(context.Background()))
		}
	}
	must(t, p.Sync(context.Background()))
	return waves
}

func compareRecord(t *testing.T, record *sim.Record, f *sdktest.Found) {
	t.Helper()
	got := make([][]int32, len(record.Signals))
	for _, w := range f.Sealed() { // of one chain
		i := int(w.Code - vital.ECG)
		s := &record.Signals[i]
		if w.Rate != record.Rate || w.Factor != s.Factor || w.Zero != s.Zero || max(1, w.Divisor) != max(1, s.Divisor) {
			t.Fatalf("signal %s: scale or rate is not the record's", s.Name)
		}
		got[i] = append(got[i], w.Samples...)
	}
	for i := range record.Signals {
		if s := &record.Signals[i]; !slices.Equal(got[i], s.Samples) {
			t.Errorf("signal %s: %d samples (%x) sent, %d (%x) received", s.Name, len(s.Samples), sum(s.Samples), len(got[i]), sum(got[i]))
		}
	}
}

func sum(samples []int32) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, samples)
	return h.Sum64()
}

// TestKeptReadingsHaveTheirTimes offers what a sensor kept while its gateway was
// away: hours before the pipeline was opened, and more than a day.
func TestKeptReadingsHaveTheirTimes(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	now := time.Now()
	ages := []time.Duration{0, 5 * time.Hour, 30 * time.Second, 90 * time.Second, 23 * time.Hour, 50 * time.Hour, time.Minute, 0}
	for i, age := range ages {
		b := vital.Batch{Numerics: []vital.Numeric{spo2(i)}}
		b.Numerics[0].Time = 250
		must(t, d.Offer(now.Add(-age-250*time.Millisecond), &b, nil))
	}
	offered := time.Since(now) // a day before is counted from each offer
	got.Until("all of them", func(f *sdktest.Found) bool { return len(f.Numerics) >= len(ages) })
	w.Close(p)
	got.EachOnce(len(ages))
	got.Look(func(f *sdktest.Found) {
		for i, n := range f.Numerics {
			age := min(ages[n.Value.Mantissa], 24*time.Hour)
			if off := f.Times[i].Sub(now.Add(-age)); off.Abs() > 5*time.Second+offered {
				t.Errorf("reading of %v ago is %v off", ages[n.Value.Mantissa], off)
			}
		}
	})
}

// TestDropsOfASensorAreSealed has a sensor say what it could not keep. What it says
// of chains is not its to say.
func TestDropsOfASensorAreSealed(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	must(t, d.RecordBatch(time.Now(), &vital.Batch{Drops: []vital.Dropped{
		{Reason: vital.DropBound, Count: 40}, {Reason: vital.DropStore, Count: 2, EID: [8]byte{1}, From: 1, To: 2},
	}}))
	got.Until("both drops", func(f *sdktest.Found) bool { return len(f.Drops) == 2 })
	w.Close(p)
	got.Look(func(f *sdktest.Found) {
		for i, drop := range f.Drops {
			drop.Time = 0
			if want := (vital.Dropped{Reason: vital.DropSensor, Count: []uint64{40, 2}[i]}); drop != want {
				t.Errorf("drop %+v, want %+v", drop, want)
			}
		}
	})
	if n := d.Stats().Recorded; n != 0 {
		t.Errorf("%d readings recorded", n)
	}
}

// TestOfferCountsNothingAsLost offers readings to a pipeline that is full.
func TestOfferCountsNothingAsLost(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	conf := w.Config()
	conf.MaxWaiting = 64 << 10
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	var b vital.Batch
	for i := range 5000 {
		b.Numerics = append(b.Numerics, spo2(i))
	}
	if err := d.Offer(time.Now(), &b, nil); !errors.Is(err, sdk.ErrFull) {
		t.Errorf("offered 200 kB: %v", err)
	}
	if n := d.Stats().Refused; n != 0 {
		t.Errorf("%d counted as lost", n)
	}
	if err := d.RecordBatch(time.Now(), &b); !errors.Is(err, sdk.ErrFull) || d.Stats().Refused != 5000 {
		t.Errorf("recorded 200 kB: %v, %d counted as lost", err, d.Stats().Refused)
	}
	w.Close(p)
}
