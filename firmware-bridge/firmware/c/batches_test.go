package c_test

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// validPayloads returns the payloads of the valid vectors by name.
func validPayloads(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vitalVectors, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	payloads := map[string][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.SplitN(string(text), "\n\n", 3)
		if !strings.HasPrefix(parts[0], "expect: valid\n") {
			continue
		}
		payload, err := hex.DecodeString(strings.ReplaceAll(parts[1], "\n", ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		payloads[strings.TrimSuffix(filepath.Base(path), ".txt")] = payload
	}
	return payloads
}

// fresh decodes a payload into a batch that does not remember its sections.
func fresh(t *testing.T, payload []byte) *vital.Batch {
	t.Helper()
	var b vital.Batch
	if err := b.Decode(payload); err != nil {
		t.Fatal(err)
	}
	return &vital.Batch{Label: b.Label, Numerics: b.Numerics, Waves: b.Waves, Enumerations: b.Enumerations,
		Alerts: b.Alerts, Events: b.Events, Drops: b.Drops, Heartbeats: b.Heartbeats}
}

// dice makes batches of bytes: a fuzzer's, or a generator's. Where they end it
// gives zeros.
type dice struct {
	data []byte
	odd  bool // some of it may be out of range
}

func (d *dice) n(below int) int {
	var b [2]byte
	d.data = d.data[copy(b[:], d.data):]
	return int(binary.BigEndian.Uint16(b[:])) % below
}

func (d *dice) u64() uint64 {
	var b [8]byte
	d.data = d.data[copy(b[:], d.data):]
	return binary.BigEndian.Uint64(b[:])
}

// pick returns small numbers mostly, and now and then one at an edge.
func (d *dice) pick(edges ...uint64) uint64 {
	if i := d.n(12 * (len(edges) + 1)); i < len(edges) {
		return edges[i]
	}
	return uint64(d.n(300))
}

// choice is below n, or now and then n itself.
func (d *dice) choice(n int) int {
	if d.odd {
		return d.n(n + 1)
	}
	return d.n(n)
}

func (d *dice) time() uint64 {
	if d.odd {
		return 5000 + d.pick(0, 1<<32, 1<<53-5001, 1<<53)
	}
	return 5000 + d.pick(0, 1<<31, 1<<32-5000)
}

func (d *dice) decimal() vital.Decimal {
	x := vital.Decimal{Mantissa: int32(d.n(400)) - 100, Exponent: int8(d.n(3)) - 1}
	switch d.n(25) {
	case 0:
		return vital.NaN
	case 1:
		return vital.NRes
	case 2:
		x.Mantissa = vital.MaxMantissa
	case 3:
		x.Mantissa = vital.MinMantissa
	case 4:
		x.Mantissa = int32(d.u64()) >> 8
		if d.odd {
			x.Mantissa = int32(d.u64())
		}
	}
	if !x.IsNumber() && !d.odd {
		return vital.PosInf
	}
	return x
}

func (d *dice) status(v vital.Decimal) vital.Status {
	if v == vital.NaN && (!d.odd || d.n(40) != 0) {
		return vital.NotAvailable
	}
	if d.n(8) == 0 {
		return vital.Status(d.u64()) &^ vital.NotAvailable
	}
	return 0
}

func (d *dice) text() string {
	s := []string{"", "", "bed 7", "SpO₂ low", "*** \"quoted\"\nline", strings.Repeat("x", 80), "\x00"}[d.n(7)]
	if d.odd && d.n(60) == 0 {
		return string(rune('a'+d.n(26))) + "\xff"
	}
	return s
}

// numerics adds values of a few metrics, in turn, alone or at random.
func (d *dice) numerics(b *vital.Batch) {
	metrics, rounds := 1+d.n(6), d.n(12)
	t, period, jitter := d.time(), uint64(d.n(1500)), 1+d.n(4)
	for range rounds {
		for m := range metrics {
			v := vital.Numeric{Time: t, Code: vital.Code(150456 + m*4), Unit: 262688}
			v.Value = d.decimal()
			if d.n(3) != 0 {
				v.Value = vital.Int(60 + d.n(40))
			}
			v.Status = d.status(v.Value)
			if d.n(6) == 0 {
				v.Time += uint64(d.n(50))
			}
			if d.n(10) == 0 {
				v.Code = vital.Code(d.u64())
			}
			b.Numerics = append(b.Numerics, v)
		}
		t += period + uint64(d.n(jitter))
	}
}

func (d *dice) wave(b *vital.Batch) {
	w := b.AddWave()
	w.Time, w.Code, w.Unit = d.time(), vital.Code(131330+d.n(4)), vital.Unit(266418)
	w.Rate, w.Factor = vital.Int(1+d.n(500)), vital.Dec(d.n(10), -1)
	w.Divisor, w.Zero, w.Status = uint32(d.pick(1<<32-1)), int32(d.pick(1<<31, 1<<31-1)), vital.Status(d.pick(1<<32-1))
	w.Coding = vital.Coding(3 * d.n(2))
	if d.odd {
		w.Coding, w.Rate = vital.Coding(d.n(5)), vital.Int(d.n(20))
	}
	step := []int{1, 3, 30, 300, 5000, 60000}[d.n(6)]
	s := int64(w.Zero) * int64(d.n(2))
	for range 1 + d.n(400) {
		s += int64(d.n(2*step+1) - step)
		if d.n(200) == 0 {
			s = int64(int32(d.u64()))
		}
		s = int64(int32(s))
		w.Samples = append(w.Samples, int32(s))
	}
}

func (d *dice) record(b *vital.Batch) {
	switch d.n(5) {
	case 0:
		b.Enumerations = append(b.Enumerations, vital.Enumeration{Time: d.time(), Code: vital.Code(d.u64()),
			Value: uint32(d.u64()), Status: vital.Status(d.pick(1 << 31)), Text: d.text()})
	case 1:
		b.Alerts = append(b.Alerts, vital.Alert{Time: d.time(), Source: vital.Code(d.pick(150456)), Kind: vital.AlertKind(d.choice(3)),
			Priority: vital.Priority(d.choice(4)), State: vital.AlertState(d.choice(3)), Value: d.decimal(), Limit: d.decimal(), Text: d.text()})
	case 2:
		b.Events = append(b.Events, vital.Event{Time: d.time(), Kind: vital.EventKind(d.choice(255) + 1), Count: uint32(d.u64()), Text: d.text()})
	case 3:
		x := vital.Dropped{Time: d.time(), Reason: vital.DropReason(d.choice(40) + 1), Count: d.u64(), From: d.pick(1), To: 299 + d.pick(1<<60)}
		binary.BigEndian.PutUint64(x.EID[:], d.u64())
		b.Drops = append(b.Drops, x)
	default:
		b.Heartbeats = append(b.Heartbeats, vital.Heartbeat{Time: d.time(), Interval: uint32(d.u64()), Recorded: d.u64()})
	}
}

// batchFrom makes a batch of any bytes.
func batchFrom(data []byte) *vital.Batch {
	d := &dice{data: data}
	d.odd = d.n(4) == 0
	b := &vital.Batch{}
	if d.n(4) == 0 {
		b.Label = d.text()
	}
	for range d.n(4) {
		d.numerics(b)
	}
	for range d.n(3) {
		d.wave(b)
	}
	for range d.n(4) {
		d.record(b)
	}
	return b
}

// seedBytes returns the random bytes of a seed.
func seedBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, 2000+r.IntN(6000))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func randomBatch(seed uint64) *vital.Batch { return batchFrom(seedBytes(seed)) }
