package nonin_test

import (
	"reflect"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/nonin"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// fuzz feeds data whole and cut in two: both must give the same, and whatever
// is a number must be one that the format can carry.
func fuzz(t *testing.T, make func() decoder, data []byte, cut uint16) {
	a, b := make(), make()
	whole, parts := decodeAll(a, data), decodeAll(b, data[:int(cut)%(len(data)+1)], data[int(cut)%(len(data)+1):])
	if !reflect.DeepEqual(whole, parts) {
		t.Errorf("whole %+v\nparts %+v", whole, parts)
	}
	good, bad := a.Frames()
	if good+bad > uint64(len(data)) {
		t.Errorf("%d good and %d bad frames in %d bytes", good, bad, len(data))
	}
	for _, n := range whole.Numerics {
		if (n.Value == vital.NaN) != (n.Status&vital.NotAvailable != 0) {
			t.Errorf("%+v", n)
		}
		if n.Value.IsNumber() && (n.Value.Mantissa < 0 || n.Value.Mantissa > 510 || n.Code == vital.SpO2 && n.Value.Mantissa > 100) {
			t.Errorf("%+v", n)
		}
	}
	for _, w := range whole.Waves {
		if len(w.Samples) == 0 || len(w.Samples) > 25 {
			t.Errorf("%+v", w)
		}
	}
}

func FuzzDF2(f *testing.F) { fuzzPackets(f, shapes[0]) }

func FuzzDF7(f *testing.F) { fuzzPackets(f, shapes[1]) }

func fuzzPackets(f *testing.F, s shape) {
	one := s.packet(0x02, 50, numbers())
	f.Add(one, uint16(7))
	f.Add(append(append([]byte{1, 0x81, 0}, one...), one[:77]...), uint16(130))
	f.Add(append(one[:60:60], one...), uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) { fuzz(t, s.new, data, cut) })
}

func FuzzDF8(f *testing.F) {
	f.Add([]byte{0x80, 72, 97, 0, 0x83, 127, 127, 9}, uint16(3))
	f.Add([]byte{97, 0, 0x80, 72, 0x80, 73, 98, 0, 5}, uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		fuzz(t, func() decoder { return new(nonin.DF8) }, data, cut)
	})
}

func BenchmarkDF2(b *testing.B) {
	bench(b, new(nonin.DF2), nonin.SimulateDF2(sim.NewPatient(1)), 75*10)
}

func BenchmarkDF7(b *testing.B) {
	bench(b, new(nonin.DF7), nonin.SimulateDF7(sim.NewPatient(1)), 75*10)
}

func BenchmarkDF8(b *testing.B) { bench(b, new(nonin.DF8), nonin.SimulateDF8(sim.NewPatient(1)), 100) }

func BenchmarkDF2Garbage(b *testing.B) {
	junk := make([]byte, 3750)
	for i := range junk {
		junk[i] = byte(i * i >> 3)
	}
	benchBytes(b, new(nonin.DF2), junk)
}

func bench(b *testing.B, d decoder, device *nonin.Simulator, calls int) {
	var stream []byte
	for range calls {
		stream, _ = device.Next(stream)
	}
	benchBytes(b, d, stream)
}

func benchBytes(b *testing.B, d decoder, stream []byte) {
	var batch vital.Batch
	d.Decode(&batch, stream)
	readings := batch.Len()
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		d.Decode(&batch, stream)
	}
	if readings > 0 {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(readings), "ns/reading")
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	for _, s := range shapes {
		var stream []byte
		device := s.sim(sim.NewPatient(1))
		for range 250 {
			stream, _ = device.Next(stream)
		}
		d, batch := s.new(), new(vital.Batch)
		if n := testing.AllocsPerRun(100, func() {
			batch.Reset()
			d.Decode(batch, stream)
		}); n != 0 {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}
