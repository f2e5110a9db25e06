package gedri_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/gedri"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func TestTenMinutes(t *testing.T) {
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: gedri.Simulate(sim.NewPatient(7))}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); bad != 0 || good < 700 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	for _, code := range []vital.Code{vital.HeartRate, vital.SpO2, vital.PulseRate, vital.NIBPSystolic, 150033, vital.Temp, 151708, 152196, vital.TidalVolume} {
		if n := sensortest.Count(b, code); n < 119 || n > 121 {
			t.Errorf("%d of %d in ten minutes", n, code)
		}
	}
	for code, want := range map[vital.Code]int{vital.ECGLeadII: 300, 150032: 100, vital.Pleth: 100, 151700: 25, vital.RespImpedance: 25} {
		if n := sensortest.Samples(b, code); n < 597*want || n > 600*want {
			t.Errorf("%d samples of %d", n, code)
		}
	}
	for _, n := range b.Numerics {
		if n.Value.IsNumber() != (n.Status&vital.NotAvailable == 0) || n.Value.IsNumber() && n.Status != 0 {
			t.Fatalf("%+v", n)
		}
	}
	if len(b.Events) != 1 || len(b.Alerts) != 0 {
		t.Errorf("%v %v", b.Events, b.Alerts)
	}
}

func TestFingerOff(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: fresh(), Device: gedri.Simulate(p)}
	l.Run(20 * time.Second)
	p.Set(sim.FingerOff)
	l.Run(5 * time.Second)
	seen := 0
	for _, n := range l.Run(20 * time.Second).Numerics {
		if n.Code == vital.SpO2 || n.Code == vital.PulseRate {
			seen++
			if n.Value != vital.NaN || n.Status&vital.NotAvailable == 0 {
				t.Errorf("%+v", n)
			}
		}
	}
	if seen != 8 {
		t.Errorf("%d readings", seen)
	}
}

// A line that changes bytes: what comes is what the monitor sent.
func TestBadLine(t *testing.T) {
	source := sim.Fixed{Numbers: sim.Vitals{HeartRate: 60, PulseRate: 60, SpO2: 97, Perfusion: 2, RespRate: 12, Temp: 37, Systolic: 120, Diastolic: 80, Mean: 93}}
	clean := sensortest.Line{Decoder: fresh(), Device: gedri.Simulate(source)}
	right := map[vital.Numeric]bool{}
	for _, n := range clean.Run(time.Minute).Numerics {
		n.Time = 0
		right[n] = true
	}
	r := rand.New(rand.NewPCG(1, 2))
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: gedri.Simulate(source), Alter: func(p []byte) []byte {
		if len(p) > 0 && r.IntN(3) == 0 {
			p[r.IntN(len(p))] ^= 1 << r.IntN(8)
		}
		return p
	}}
	b := l.Run(10 * time.Minute)
	for _, n := range b.Numerics {
		n.Time = 0
		if !right[n] {
			t.Fatalf("%+v", n)
		}
	}
	if _, bad := d.Frames(); bad < 100 || sensortest.Count(b, vital.SpO2) < 40 {
		t.Errorf("%d bad, %d readings", bad, sensortest.Count(b, vital.SpO2))
	}
}

// A monitor that was switched off and on forgot what it was asked.
func TestAskedAgain(t *testing.T) {
	d := fresh()
	sensortest.Record(d, gedri.Simulate(sim.NewPatient(1)), 20*time.Second)
	l := sensortest.Line{Decoder: d, Device: gedri.Simulate(sim.NewPatient(1))}
	l.Run(20 * time.Second)
	l.Device = gedri.Simulate(sim.NewPatient(1))
	b := l.Run(time.Minute)
	if sensortest.Count(b, vital.SpO2) < 7 || sensortest.Samples(b, vital.Pleth) < 3000 {
		t.Errorf("%d readings, %d samples", sensortest.Count(b, vital.SpO2), sensortest.Samples(b, vital.Pleth))
	}
}

// The simulated monitor knows its limits: no waves beyond 600 samples a second,
// no request with a wrong sum, and stop means stop.
func TestSimulator(t *testing.T) {
	ask := func(cfg gedri.Config) []byte {
		d := with(t, cfg)
		d.Open()
		p, _ := d.Ask(nil, 0)
		return p
	}
	device := gedri.Simulate(sim.NewPatient(1))
	minute := func() (p []byte) {
		for range 240 {
			p, _ = device.Next(p)
		}
		return p
	}
	if p := minute(); len(p) != 0 {
		t.Errorf("unasked: %d bytes", len(p))
	}
	request := ask(gedri.Config{Waves: []string{"ecg1", "pleth"}})
	for i := range request {
		if request[i] != 0x7e { // two flags in a row are one
			bad := append([]byte{}, request...)
			bad[i] ^= 0x01
			device.Answer(nil, bad[:52], 0)
		}
	}
	device.Answer(nil, request, time.Minute)
	b := sensortest.Decode(fresh(), minute())
	if sensortest.Count(b, vital.SpO2) < 11 || sensortest.Samples(b, vital.Pleth) < 5800 {
		t.Errorf("%d readings, %d samples", sensortest.Count(b, vital.SpO2), sensortest.Samples(b, vital.Pleth))
	}
	device.Answer(nil, ask(gedri.Config{Waves: []string{"none"}}), 2*time.Minute)
	b = sensortest.Decode(fresh(), minute())
	if len(b.Waves) != 0 || sensortest.Count(b, vital.SpO2) < 11 {
		t.Errorf("%d waves after stop, %d readings", len(b.Waves), sensortest.Count(b, vital.SpO2))
	}
}

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), gedri.Simulate(sim.NewPatient(7)), span)
}

func TestChunks(t *testing.T) { sensortest.AnyChunks(t, decoder, stream(30*time.Second)) }

func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, fresh(), stream(time.Minute)) }

func Fuzz(f *testing.F) {
	s := stream(6 * time.Second)
	sensortest.Fuzz(f, decoder, s, s[300:1800], record(1, 1, wave(13, 1, 2, -32000, 4)),
		record(0, 1, numbers(0, map[int]int{4: 3 | 6<<3, 20: 3, 24: 1, 136: 7, 170: 3, 174: 4})),
		record(0, 1, numbers(1, map[int]int{4: 3, 52: 3, 82: 3})), records(0, []byte{1, 1}, numbers(2, map[int]int{116: 3}), numbers(3, map[int]int{18: 3})))
}

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(time.Minute)) }
