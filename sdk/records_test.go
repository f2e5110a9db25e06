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
			got.Look(func(f *sdktest.Found) { compareRecord(t, record, f.Waves) })
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

func compareRecord(t *testing.T, record *sim.Record, waves []vital.Wave) {
	t.Helper()
	got := make([][]int32, len(record.Signals))
	for _, w := range waves { // of one chain, so in the order of sealing
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
