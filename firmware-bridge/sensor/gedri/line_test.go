package gedri_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

// A heart that stands still and a lead that is off are told apart.
func TestNoHeartRate(t *testing.T) {
	for _, c := range []struct {
		scenario string
		status   vital.Status
		ecg, art bool // samples of the ECG come, the artery has a systolic pressure
		alerts   string
	}{
		{"sinus", 0, true, true, ""},
		{"lead-off", vital.NotAvailable | vital.Invalid | vital.SensorOff, false, true, ""},
		{"asystole", vital.NotAvailable | vital.Invalid, true, false, "apnea asystole"},
		{"apnoea", 0, true, true, "apnea"},
	} {
		l := sensortest.Line{Decoder: fresh(), Device: gedri.Simulate(patient(t, "sinus 30s, "+c.scenario))}
		before, b := l.Run(60*time.Second), l.Run(20*time.Second)
		for _, n := range b.Numerics {
			if n.Code == vital.HeartRate && (n.Status != c.status || n.Value.IsNumber() != (c.status == 0)) {
				t.Errorf("%s: %v %v", c.scenario, n.Value, n.Status.Names())
			}
			if n.Code == 150033 && n.Value.IsNumber() != c.art || n.Code == 150035 && !n.Value.IsNumber() {
				t.Errorf("%s: pressure %d is %v", c.scenario, n.Code, n.Value)
			}
		}
		if n := sensortest.Samples(b, vital.ECGLeadII); (n > 5000) != c.ecg || !c.ecg && n > 0 {
			t.Errorf("%s: %d samples", c.scenario, n)
		}
		var texts []string
		for _, a := range before.Alerts {
			texts = append(texts, a.Text)
		}
		slices.Sort(texts)
		if got := strings.Join(texts, " "); got != c.alerts {
			t.Errorf("%s: alerts %q", c.scenario, got)
		}
	}
}

func patient(t *testing.T, scenario string) *sim.Patient {
	t.Helper()
	timeline, err := sim.ParseTimeline(scenario)
	if err != nil {
		t.Fatal(err)
	}
	return sim.NewPatientIn(7, timeline)
}

// The ends of the waves are the numbers.
func TestWavesAndNumbers(t *testing.T) {
	l := sensortest.Line{Decoder: fresh(), Device: gedri.Simulate(sim.NewPatient(7))}
	b := l.Run(30 * time.Second)
	for _, c := range []struct{ wave, number vital.Code }{{150032, 150033}, {151700, 151708}} {
		var most, sum float64
		for _, w := range b.Waves {
			for _, s := range w.Samples {
				if w.Code == c.wave {
					most = max(most, float64(s)/100)
				}
			}
		}
		for _, n := range b.Numerics {
			if n.Code == c.number {
				sum += float64(n.Value.Mantissa) / 100
			}
		}
		if number := sum / float64(sensortest.Count(b, c.number)); !(math.Abs(most/number-1) < 0.05) {
			t.Errorf("%d goes to %v, %d is %v", c.wave, most, c.number, number)
		}
	}
}

// A source without CO2 and arterial pressure: the monitor has no such modules.
func TestNoModules(t *testing.T) {
	v := sim.NoVitals()
	v.HeartRate, v.SpO2 = 60, 97
	l := sensortest.Line{Decoder: fresh(), Device: gedri.Simulate(sim.Fixed{Numbers: v})}
	b := l.Run(20 * time.Second)
	if sensortest.Count(b, 151708)+sensortest.Count(b, 150033) > 0 || sensortest.Count(b, vital.HeartRate) == 0 || len(b.Alerts) > 0 {
		t.Errorf("%q", sensortest.Lines(&vital.Batch{Numerics: b.Numerics, Alerts: b.Alerts}))
	}
}

// A line that changes bytes: what comes is what the monitor sent.
func TestBadLine(t *testing.T) {
	source := sim.Fixed{Numbers: sim.Vitals{HeartRate: 60, PulseRate: 60, SpO2: 97, Perfusion: 2, RespRate: 12, Temp: 37, Systolic: 120, Diastolic: 80, Mean: 93,
		EtCO2: 38, ArterialSystolic: 122, ArterialDiastolic: 78, ArterialMean: 95}}
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
