package vital_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func TestAppendRefuses(t *testing.T) {
	good := numeric(5, vital.SpO2, vital.Percent, vital.Int(97), 0)
	wave := func(change func(*vital.Wave)) *vital.Batch {
		b := waveBatch(vital.CodingAuto, 1, 2, 3)
		change(&b.Waves[0])
		return b
	}
	long := strings.Repeat("x", vital.MaxText+1)
	noise := make([]int32, vital.MaxSamples)
	for i := range noise {
		noise[i] = int32(uint32(i) * 2654435769)
	}
	tests := []struct {
		name  string
		batch *vital.Batch
		want  string
	}{
		{"8,193 numerics", &vital.Batch{Numerics: make([]vital.Numeric, vital.MaxEntries+1)}, vital.ErrTooLarge.Error()},
		{"a wave of 64 KiB", wave(func(w *vital.Wave) { w.Samples = noise }), vital.ErrTooLarge.Error()},
		{"2^32 ms", &vital.Batch{Numerics: []vital.Numeric{good}, Heartbeats: []vital.Heartbeat{{Time: 5 + 1<<32}}}, vital.ErrSpan.Error()},
		{"2^53 ms", &vital.Batch{Heartbeats: []vital.Heartbeat{{Time: 1 << 53}}}, errTime},
		{"not available, 97", &vital.Batch{Numerics: []vital.Numeric{good, {Value: vital.Int(97), Status: vital.NotAvailable}}},
			"vital: status is not-available and the value is not NaN"},
		{"NaN", &vital.Batch{Numerics: []vital.Numeric{good, {Value: vital.NaN}}},
			"vital: value is NaN and the status is neither not-available nor invalid"},
		{"25 bits", &vital.Batch{Numerics: []vital.Numeric{{Value: vital.Decimal{Mantissa: 1 << 24}}}}, errValue},
		{"infinity × 10", &vital.Batch{Numerics: []vital.Numeric{{Value: vital.Decimal{Mantissa: vital.PosInf.Mantissa, Exponent: 1}}}}, errValue},
		{"label", &vital.Batch{Label: long}, "vital: text is over 80 bytes or not UTF-8"},
		{"UTF-8", &vital.Batch{Events: []vital.Event{{Kind: 1, Text: "\xff"}}}, "vital: text is over 80 bytes or not UTF-8"},
		{"enumeration", &vital.Batch{Enumerations: []vital.Enumeration{{Text: long}}}, "vital: text is over 80 bytes or not UTF-8"},
		{"alert", &vital.Batch{Alerts: []vital.Alert{{Kind: 3}}}, "vital: kind, priority or state of an alert is unknown"},
		{"alert value", &vital.Batch{Alerts: []vital.Alert{{Limit: vital.Decimal{Mantissa: 1 << 24}}}}, errValue},
		{"event", &vital.Batch{Events: []vital.Event{{}}}, "vital: event has no kind"},
		{"drop", &vital.Batch{Drops: []vital.Dropped{{Reason: 1, From: 2, To: 1}}}, "vital: dropped record has no reason or ends before it starts"},
		{"no samples", wave(func(w *vital.Wave) { w.Samples = nil }), errCount},
		{"samples", wave(func(w *vital.Wave) { w.Samples = make([]int32, vital.MaxSamples+1) }), errCount},
		{"rate", wave(func(w *vital.Wave) { w.Rate = vital.Decimal{} }), "vital: rate of a wave is not a number above zero"},
		{"factor", wave(func(w *vital.Wave) { w.Factor = vital.NRes }), "vital: factor of a wave is not a number"},
		{"coding", wave(func(w *vital.Wave) { w.Coding = 4 }), "vital: unknown coding of samples"},
		{"13 bits in 12", wave(func(w *vital.Wave) { w.Coding, w.Samples = vital.Coding12Bit, []int32{2048} }), errRange},
		{"17 bits in 16", wave(func(w *vital.Wave) { w.Coding, w.Samples = vital.CodingInt16, []int32{-32769} }), errRange},
	}
	for _, tt := range tests {
		out, err := tt.batch.Append([]byte("kept"))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
		}
		if string(out) != "kept" {
			t.Errorf("%s: %d bytes came back, want the four that were there", tt.name, len(out))
		}
	}
}

// TestSplittingHelps: what ErrTooLarge refuses fits in halves.
func TestSplittingHelps(t *testing.T) {
	b := &vital.Batch{}
	for i := range uint64(6000) {
		b.Numerics = append(b.Numerics, numeric(i*i*977%65536, vital.SpO2, vital.Percent, vital.Int(int(i*977%90000)), 0))
	}
	if _, err := b.Append(nil); !errors.Is(err, vital.ErrTooLarge) {
		t.Fatalf("error %v, want ErrTooLarge", err)
	}
	all := b.Numerics
	for _, half := range [][]vital.Numeric{all[:3000], all[3000:]} {
		b.Numerics = half
		if _, err := b.Append(nil); err != nil {
			t.Error(err)
		}
	}
}

// TestChangedBatches decodes a batch, changes it, and expects what it says now,
// whether the sections it came in still fit or not.
func TestChangedBatches(t *testing.T) {
	source := mustEncode(busy())
	changes := map[string]func(b *vital.Batch){
		"a value":               func(b *vital.Batch) { b.Numerics[3].Value = vital.Dec(12345, 0) },
		"a unit in a column":    func(b *vital.Batch) { b.Numerics[9].Unit = vital.Kilopascal },
		"a time in a column":    func(b *vital.Batch) { b.Numerics[9].Time++ },
		"a status in a row":     func(b *vital.Batch) { b.Numerics[len(b.Numerics)-1].Status = vital.Questionable },
		"one numeric less":      func(b *vital.Batch) { b.Numerics = b.Numerics[1:] },
		"one numeric more":      func(b *vital.Batch) { b.Numerics = append(b.Numerics, b.Numerics[0]) },
		"no numerics":           func(b *vital.Batch) { b.Numerics = nil },
		"swapped":               func(b *vital.Batch) { b.Numerics[0], b.Numerics[1] = b.Numerics[1], b.Numerics[0] },
		"a label":               func(b *vital.Batch) { b.Label = "bed 9" },
		"a wave less":           func(b *vital.Batch) { b.Waves = b.Waves[:1] },
		"samples":               func(b *vital.Batch) { b.Waves[0].Samples[7] = 1 << 30; b.Waves[0].Coding = vital.CodingAuto },
		"an alert more":         func(b *vital.Batch) { b.Alerts = append(b.Alerts, b.Alerts[0]) },
		"a heartbeat, no event": func(b *vital.Batch) { b.Heartbeats, b.Events = append(b.Heartbeats, b.Heartbeats[0]), nil },
	}
	for name, change := range changes {
		var b, back vital.Batch
		if err := b.Decode(source); err != nil {
			t.Fatal(err)
		}
		change(&b)
		out, err := b.Append(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := back.Decode(out); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !same(&b, &back) {
			t.Errorf("%s: another batch came back", name)
		}
	}
}

// TestRowsWithMoreMetricsThanADictionary decodes rows of 256 metrics, which fill
// their dictionary, and gives one row another metric.
func TestRowsWithMoreMetricsThanADictionary(t *testing.T) {
	b := &vital.Batch{}
	for i := range 300 {
		metric := vital.Code(i % 256)
		b.Numerics = append(b.Numerics, numeric(uint64(i*i), metric, vital.Percent, vital.Int(i), 0))
	}
	var back, again vital.Batch
	if err := back.Decode(mustEncode(b)); err != nil {
		t.Fatal(err)
	}
	back.Numerics[299].Code = 1000 // the 257th
	if err := again.Decode(mustEncode(&back)); err != nil {
		t.Fatal(err)
	}
	if !same(&back, &again) {
		t.Error("another batch came back")
	}
}

// TestColumnsComeOutTimeByTime: the order of a monitor's report is kept.
func TestColumnsComeOutTimeByTime(t *testing.T) {
	b := oneHertz(monitor, 20, 0)
	var back vital.Batch
	if err := back.Decode(mustEncode(b)); err != nil {
		t.Fatal(err)
	}
	for i := range b.Numerics {
		if b.Numerics[i] != back.Numerics[i] {
			t.Fatalf("numeric %d is %+v, was %+v", i, back.Numerics[i], b.Numerics[i])
		}
	}
}

func TestDecodeReusesNothingOfThePayload(t *testing.T) {
	payload := mustEncode(busy())
	var b vital.Batch
	if err := b.Decode(payload); err != nil {
		t.Fatal(err)
	}
	before := listing(&b)
	clear(payload)
	if listing(&b) != before {
		t.Error("the batch changed with the payload it was decoded from")
	}
}
