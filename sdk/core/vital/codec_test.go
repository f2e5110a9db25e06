package vital_test

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	fx "github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// randomBatch covers every kind of record, every coding and every special value;
// times of a metric are equal, regular, jittered or going backwards.
func randomBatch(rng *rand.Rand) *vital.Batch {
	b := new(vital.Batch)
	start := rng.Uint64() >> (12 + rng.IntN(52))
	if rng.IntN(3) == 0 {
		b.Label = "bed 7 é"
	}
	randomNumerics(rng, b, start)
	for range rng.IntN(3) {
		randomWave(rng, b, start)
	}
	for range rng.IntN(3) {
		b.Enumerations = append(b.Enumerations, vital.Enumeration{Time: start + uint64(rng.IntN(9999)), Code: randomCode(rng),
			Value: rng.Uint32(), Status: vital.Status(rng.Uint32()), Text: "mode"[:rng.IntN(5)]})
	}
	for range rng.IntN(3) {
		b.Alerts = append(b.Alerts, vital.Alert{Time: start + uint64(rng.IntN(9999)), Source: randomCode(rng),
			Kind: vital.AlertKind(rng.IntN(3)), Priority: vital.Priority(rng.IntN(4)), State: vital.AlertState(rng.IntN(3)),
			Value: vital.NaN, Limit: vital.Dec(rng.IntN(200), -1), Text: "** SpO2 low"})
	}
	for range rng.IntN(3) {
		b.Events = append(b.Events, vital.Event{Time: start + uint64(rng.IntN(9999)),
			Kind: vital.EventKind(1 + rng.IntN(255)), Count: rng.Uint32(), Text: "x"})
	}
	for range rng.IntN(2) {
		b.Drops = append(b.Drops, vital.Dropped{Time: start, Reason: vital.DropStore, Count: rng.Uint64(),
			EID: [8]byte{1, 2, 3}, From: 7, To: 7 + rng.Uint64()>>4})
		b.Heartbeats = append(b.Heartbeats, vital.Heartbeat{Time: start + 1, Interval: rng.Uint32(), Recorded: rng.Uint64()})
	}
	return b
}

func randomCode(rng *rand.Rand) vital.Code {
	if rng.IntN(8) == 0 {
		return vital.Code(rng.Uint32())
	}
	return []vital.Code{vital.SpO2, vital.PulseRate, vital.HeartRate, 0}[rng.IntN(4)]
}

func randomNumerics(rng *rand.Rand, b *vital.Batch, start uint64) {
	metrics := 1 + rng.IntN(9)
	if rng.IntN(20) == 0 {
		metrics = 600
	}
	template := make([]vital.Numeric, metrics)
	for i := range template {
		n := &template[i]
		*n = vital.Numeric{Code: randomCode(rng), Unit: vital.Percent, Value: vital.Dec(0, int8(rng.IntN(4)-2))}
		switch rng.IntN(12) {
		case 0:
			n.Status, n.Value = vital.NotAvailable, vital.NaN
		case 1:
			n.Status, n.Value = vital.Invalid|vital.InAlarm, vital.NaN
		case 2:
			n.Value = []vital.Decimal{vital.NRes, vital.PosInf, vital.NegInf}[rng.IntN(3)]
		case 3:
			n.Unit = vital.Unit(rng.Uint32())
		}
	}
	jitter, skip := []int{1, 1, 7, 5000}[rng.IntN(4)], 1+rng.IntN(4)
	for step := range rng.IntN(40) {
		t := start + 5000 + uint64(step*1000+rng.IntN(jitter))
		for _, n := range template {
			if skip == 1 && rng.IntN(3) == 0 {
				continue
			}
			n.Time = t
			if skip == 2 {
				n.Time += uint64(rng.IntN(3))
			}
			if n.Value.IsNumber() {
				n.Value.Mantissa = int32(rng.IntN(2*vital.MaxMantissa)-vital.MaxMantissa) >> rng.IntN(24)
			}
			b.Numerics = append(b.Numerics, n)
		}
		if len(b.Numerics) > 1000 {
			return
		}
	}
}

func randomWave(rng *rand.Rand, b *vital.Batch, start uint64) {
	w := b.AddWave()
	w.Time, w.Code, w.Unit = start+uint64(rng.IntN(99999)), vital.ECGLeadII, vital.Millivolt
	w.Rate, w.Factor, w.Divisor = vital.Dec(1+rng.IntN(500), int8(-rng.IntN(2))), vital.Int(rng.IntN(3)), rng.Uint32()
	w.Zero, w.Status = int32(rng.Uint32())>>rng.IntN(32), vital.Status(rng.Uint32())
	shift := rng.IntN(32)
	for range 1 + rng.IntN(700) {
		w.Samples = append(w.Samples, int32(rng.Uint32())>>shift)
	}
	switch rng.IntN(4) {
	case 0:
		w.Coding = vital.CodingRice
	case 1:
		if shift >= 16 {
			w.Coding = vital.CodingInt16
		}
		if shift >= 20 {
			w.Coding = vital.Coding12Bit
		}
	}
}

// canonical sorts the numerics by metric, keeping the order within one, and
// forgets the coding of waves and what is not exported.
func canonical(b *vital.Batch) vital.Batch {
	out := vital.Batch{Label: b.Label, Numerics: slices.Clone(b.Numerics), Enumerations: b.Enumerations,
		Alerts: b.Alerts, Events: b.Events, Drops: b.Drops, Heartbeats: b.Heartbeats}
	slices.SortStableFunc(out.Numerics, func(x, y vital.Numeric) int {
		return cmp.Or(cmp.Compare(x.Code, y.Code), cmp.Compare(x.Unit, y.Unit),
			cmp.Compare(x.Value.Exponent, y.Value.Exponent), cmp.Compare(x.Status, y.Status))
	})
	for _, w := range b.Waves {
		w.Coding = vital.CodingAuto
		out.Waves = append(out.Waves, w)
	}
	return out
}

// same reports whether two batches say the same, empty and nil slices being one.
func same(a, b *vital.Batch) bool {
	x, y := canonical(a), canonical(b)
	for i, v := 0, reflect.ValueOf(x); i < v.NumField(); i++ {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		f, g := v.Field(i), reflect.ValueOf(y).Field(i)
		if f.Kind() == reflect.Slice && f.Len() == 0 && g.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(f.Interface(), g.Interface()) {
			return false
		}
	}
	return true
}

func TestRandomBatchesRoundTrip(t *testing.T) {
	const seed = 20261122
	rng := rand.New(rand.NewPCG(seed, 1))
	enc, err := fx.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	var back vital.Batch
	for i := range 1000 {
		b := randomBatch(rng)
		payload, err := b.Append(nil)
		if err != nil {
			t.Fatalf("seed %d, batch %d: %v", seed, i, err)
		}
		if err := back.Decode(payload); err != nil {
			t.Fatalf("seed %d, batch %d: Decode of %x: %v", seed, i, payload, err)
		}
		if !same(b, &back) {
			t.Fatalf("seed %d, batch %d: %+v\ncame back as %+v", seed, i, canonical(b), canonical(&back))
		}
		again, err := back.Append(nil)
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("seed %d, batch %d: %x\nre-encodes to %x, %v", seed, i, payload, again, err)
		}
		var item any
		if err := fx.Unmarshal(payload, &item); err != nil {
			t.Fatal(err)
		}
		if want, err := enc.Marshal(item); err != nil || !bytes.Equal(want, payload) {
			t.Fatalf("fxamacker makes %x of %x, %v", want, payload, err)
		}
	}
}
