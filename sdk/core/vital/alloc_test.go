package vital_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// busy is a second of a busy bed: eight metrics, a stray row, two waves.
func busy() *vital.Batch {
	b := oneHertz(monitor, 4, 0)
	b.Numerics = append(b.Numerics, oneHertz(monitor[:3], 1, 9).Numerics...)
	for i := range 2 {
		w := b.AddWave()
		w.Time, w.Code, w.Unit, w.Rate, w.Zero = anHour, vital.ECGLeadII, vital.Millivolt, vital.Int(250), int32(i)
		w.Samples = append(w.Samples, syntheticECG(250)...)
	}
	b.Heartbeats = append(b.Heartbeats, vital.Heartbeat{Time: anHour, Interval: 30000})
	b.Drops = append(b.Drops, vital.Dropped{Time: anHour, Reason: vital.DropBound, Count: 3})
	b.Alerts = append(b.Alerts, vital.Alert{Time: anHour, Source: vital.SpO2, Value: vital.Int(84), Limit: vital.Int(90), Text: "low"})
	b.Events = append(b.Events, vital.Event{Time: anHour, Kind: vital.EventIdentified, Text: "oximeter"})
	b.Enumerations = append(b.Enumerations, vital.Enumeration{Time: anHour, Text: "standby"})
	return b
}

func TestAppendAllocatesNothing(t *testing.T) {
	b := busy()
	buf := make([]byte, 0, vital.MaxPayload)
	if allocs := testing.AllocsPerRun(100, func() {
		if _, err := b.Append(buf); err != nil {
			panic(err)
		}
	}); allocs != 0 {
		t.Errorf("Append: %v allocations, want 0", allocs)
	}
}

// TestDecodeAllocatesNothing includes texts, as long as the device says the same
// again, and filling a batch anew after Reset.
func TestDecodeAllocatesNothing(t *testing.T) {
	payload := mustEncode(busy())
	var back vital.Batch
	if allocs := testing.AllocsPerRun(100, func() {
		if err := back.Decode(payload); err != nil {
			panic(err)
		}
	}); allocs != 0 {
		t.Errorf("Decode: %v allocations, want 0", allocs)
	}
	ecg := syntheticECG(250)
	if allocs := testing.AllocsPerRun(100, func() {
		back.Reset()
		for range 2 {
			w := back.AddWave()
			w.Samples = append(w.Samples, ecg...)
		}
	}); allocs != 0 {
		t.Errorf("AddWave after Reset: %v allocations, want 0", allocs)
	}
}

// TestSmallPayloadsAllocateLittle: what a decoder allocates is bounded by the
// input, a hundred bytes for each at the most. The counter is the whole process's,
// and the runtime allocates when it likes, so the least of several runs counts:
// what Decode allocates is in every one.
func TestSmallPayloadsAllocateLittle(t *testing.T) {
	for _, v := range vectors(t) {
		least := uint64(math.MaxUint64)
		for range 5 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var back vital.Batch
			_ = back.Decode(v.payload)
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		if limit := uint64(100*len(v.payload) + 1000); least > limit {
			t.Errorf("%s: %d bytes allocated for %d, want at most %d", v.name, least, len(v.payload), limit)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 8, 32, 128} {
		b.Run(fmt.Sprintf("numerics=%d", n), func(b *testing.B) {
			batch, buf := oneHertz(monitor[:1], n, 0), make([]byte, 0, vital.MaxPayload)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := batch.Append(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("eight metrics, 128", func(b *testing.B) {
		batch, buf := oneHertz(monitor, 16, 0), make([]byte, 0, vital.MaxPayload)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := batch.Append(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, coding := range []vital.Coding{vital.CodingInt16, vital.Coding12Bit, vital.CodingRice, vital.CodingAuto} {
		b.Run(fmt.Sprintf("ECG=250 coding=%d", coding), func(b *testing.B) {
			batch, buf := waveBatch(coding, syntheticECG(250)...), make([]byte, 0, vital.MaxPayload)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := batch.Append(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	run := func(name string, batch *vital.Batch) {
		b.Run(name, func(b *testing.B) {
			var back vital.Batch
			payload := mustEncode(batch)
			b.ReportAllocs()
			for b.Loop() {
				if err := back.Decode(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, n := range []int{1, 8, 32, 128} {
		run(fmt.Sprintf("numerics=%d", n), oneHertz(monitor[:1], n, 0))
	}
	run("eight metrics, 128", oneHertz(monitor, 16, 0))
	for _, coding := range []vital.Coding{vital.CodingInt16, vital.Coding12Bit, vital.CodingRice} {
		run(fmt.Sprintf("ECG=250 coding=%d", coding), waveBatch(coding, syntheticECG(250)...))
	}
}
