package intellivue_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/intellivue"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func fresh() *intellivue.Decoder { return with(intellivue.Config{}) }

func with(cfg intellivue.Config) *intellivue.Decoder {
	d, err := intellivue.New(cfg)
	if err != nil {
		panic(err) // the tests' own
	}
	return d
}

func decoder() sensor.Decoder { return fresh() }

// Ten minutes with a monitor: nothing is lost, and nothing is made up.
func TestTenMinutes(t *testing.T) {
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: intellivue.Simulate(sim.NewPatient(7))}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); bad != 0 || good < 3500 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	for _, code := range []vital.Code{vital.HeartRate, vital.SpO2, 149538, vital.PerfusionIndex, vital.RespRate, vital.Temp,
		vital.NIBPSystolic, vital.NIBPDiastolic, vital.NIBPMean} {
		if n := sensortest.Count(b, code); n < 600 || n > 601 {
			t.Errorf("%d of %d in ten minutes", n, code)
		}
	}
	for _, n := range b.Numerics {
		if !n.Value.IsNumber() || n.Status != 0 {
			t.Fatalf("%+v", n)
		}
	}
	for code, rate := range map[vital.Code]int{vital.ECGLeadII: 500, vital.Pleth: 125} {
		if n := sensortest.Samples(b, code); n < 599*rate || n > 600*rate {
			t.Errorf("%d samples of %d", n, code)
		}
	}
	if n := sensortest.Samples(b, vital.Resp); n < 37400 || n > 37500 {
		t.Errorf("%d samples of resp", n)
	}
	for _, w := range b.Waves {
		if w.Status != 0 || w.Code != vital.Pleth && w.Factor == (vital.Decimal{}) {
			t.Fatalf("%+v", w)
		}
	}
	if len(b.Events) != 3 || len(b.Alerts) != 0 || len(b.Enumerations) != 1 {
		t.Errorf("%v %v %v", b.Events, b.Alerts, b.Enumerations)
	}
}

// The ECG that comes is the patient's, in mV.
func TestWaveValues(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: fresh(), Device: intellivue.Simulate(p)}
	n := 0
	for _, w := range l.Run(30 * time.Second).Waves {
		if w.Code != vital.ECGLeadII {
			continue
		}
		for _, s := range w.Samples {
			// a result comes at its end, so that its samples are those of the time before
			at := time.Duration(n) * 2 * time.Millisecond
			got := float64(s-w.Zero) * 5e-3
			if want := p.ECG(at); got < want-0.003 || got > want+0.003 {
				t.Fatalf("sample %d is %v, not %v", n, got, want)
			}
			n++
		}
	}
	if n < 14000 {
		t.Error(n)
	}
}

// Without periodic results, and at an interval, the monitor is polled.
func TestInterval(t *testing.T) {
	d := with(intellivue.Config{Interval: 5 * time.Second, Waves: []string{"none"}})
	l := sensortest.Line{Decoder: d, Device: intellivue.Simulate(sim.NewPatient(7))}
	b := l.Run(10 * time.Minute)
	if n := sensortest.Count(b, vital.SpO2); n < 120 || n > 121 {
		t.Errorf("%d readings", n)
	}
	if len(b.Waves) > 0 {
		t.Errorf("%d waves", len(b.Waves))
	}
}

// What happens at the sensor is told as statuses and alerts.
func TestConditions(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: fresh(), Device: intellivue.Simulate(p)}
	l.Run(20 * time.Second)
	p.Set(sim.FingerOff | sim.LowBattery)
	b := l.Run(20 * time.Second)
	numbers, absent := 0, 0
	for _, n := range b.Numerics {
		if n.Code != vital.SpO2 {
			continue
		}
		if n.Value.IsNumber() {
			numbers++
		}
		if n.Status&(vital.NotAvailable|vital.Invalid) == vital.NotAvailable|vital.Invalid {
			absent++
		}
	}
	if numbers > 1 || absent < 19 || len(b.Alerts) != 2 || sensortest.Samples(b, vital.Pleth) > 64 {
		t.Errorf("%d numbers, %d absent, %+v, %d samples", numbers, absent, b.Alerts, sensortest.Samples(b, vital.Pleth))
	}
	p.Set(0)
	b = l.Run(20 * time.Second)
	if len(b.Alerts) != 2 || b.Alerts[0].State != vital.AlertEnded || sensortest.Samples(b, vital.Pleth) < 2400 {
		t.Errorf("%+v, %d samples", b.Alerts, sensortest.Samples(b, vital.Pleth))
	}
}

// A heart that stands still and a lead that is off are told apart.
func TestNoHeartRate(t *testing.T) {
	for _, c := range []struct {
		scenario, alert string
		kind            vital.AlertKind
		ecg             bool
	}{{"lead-off", "LEADS OFF", vital.Technical, false}, {"asystole", "ASYSTOLE", vital.Physiological, true}} {
		timeline, err := sim.ParseTimeline("sinus 20s, " + c.scenario)
		if err != nil {
			t.Fatal(err)
		}
		l := sensortest.Line{Decoder: fresh(), Device: intellivue.Simulate(sim.NewPatientIn(7, timeline))}
		told := false
		for _, a := range l.Run(40 * time.Second).Alerts {
			told = told || a.Kind == c.kind && a.State == vital.AlertPresent && a.Text == c.alert
		}
		b := l.Run(10 * time.Second)
		for _, n := range b.Numerics {
			if n.Code == vital.HeartRate && (n.Value != vital.NaN || n.Status != vital.NotAvailable|vital.Invalid) {
				t.Errorf("%s: %+v", c.scenario, n)
			}
		}
		if n := sensortest.Samples(b, vital.ECGLeadII); !told || (n > 4800) != c.ecg || !c.ecg && n > 0 {
			t.Errorf("%s: told %v, %d samples", c.scenario, told, n)
		}
	}
}

func steady() sim.Vitals {
	v := sim.NoVitals()
	v.HeartRate, v.SpO2, v.PulseRate, v.RespRate = 71, 97, 70, 12
	return v
}

// A line that loses and changes bytes, and has garbage on it, for ten minutes:
// readings go on, and the numbers that come are those of the device.
func TestBadLine(t *testing.T) {
	clean := sensortest.Line{Decoder: fresh(), Device: intellivue.Simulate(sim.Fixed{Numbers: steady()})}
	right := map[vital.Numeric]bool{}
	for _, n := range clean.Run(time.Minute).Numerics {
		n.Time = 0
		right[n] = true
	}
	r := rand.New(rand.NewPCG(1, 2))
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: intellivue.Simulate(sim.Fixed{Numbers: steady()}), Alter: func(p []byte) []byte {
		for i := range p {
			if r.IntN(5000) == 0 {
				p[i] ^= 1 << r.IntN(8)
			}
		}
		if len(p) > 0 && r.IntN(50) == 0 {
			p = p[1:]
		}
		if r.IntN(50) == 0 {
			for range r.IntN(100) {
				p = append(p, byte(r.Uint32()))
			}
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
	gaps := 0
	for _, w := range b.Waves {
		if w.Status&vital.SignalProcessing != 0 {
			gaps++
		}
	}
	if _, bad := d.Frames(); bad < 100 || sensortest.Count(b, vital.SpO2) < 500 || sensortest.Samples(b, vital.ECGLeadII) < 200000 || gaps == 0 {
		t.Errorf("%d bad, %d readings, %d samples, %d gaps", bad, sensortest.Count(b, vital.SpO2), sensortest.Samples(b, vital.ECGLeadII), gaps)
	}
	t.Logf("%d readings, %d samples, %d gaps", sensortest.Count(b, vital.SpO2), sensortest.Samples(b, vital.ECGLeadII), gaps)
}

// A cable that is out for a minute: the monitor gives the association up, and the
// host asks for a new one. Also when only the host's half is out.
func TestSilence(t *testing.T) {
	out := false
	l := sensortest.Line{Decoder: fresh(), Device: intellivue.Simulate(sim.NewPatient(1)), Alter: func(p []byte) []byte {
		if out {
			return nil
		}
		return p
	}}
	l.Run(20 * time.Second)
	out = true
	if b := l.Run(time.Minute); len(b.Numerics) != 0 {
		t.Error(len(b.Numerics))
	}
	out = false
	b := l.Run(30 * time.Second)
	if sensortest.Count(b, vital.SpO2) < 18 || sensortest.Samples(b, vital.ECGLeadII) < 8000 || len(b.Events) > 0 {
		t.Errorf("%d readings, %d samples, %v", sensortest.Count(b, vital.SpO2), sensortest.Samples(b, vital.ECGLeadII), b.Events)
	}
}

// A monitor that still believes in an association with what this host was before
// refuses; it is told to give that up.
func TestRestart(t *testing.T) {
	device := intellivue.Simulate(sim.NewPatient(1))
	before := sensortest.Line{Decoder: fresh(), Device: device}
	before.Run(5 * time.Second)
	after := sensortest.Line{Decoder: fresh(), Device: device}
	b := after.Run(15 * time.Second)
	if sensortest.Count(b, vital.SpO2) < 8 {
		t.Errorf("%d readings", sensortest.Count(b, vital.SpO2))
	}
}

// A device that answers nothing is asked every three seconds and no more.
func TestPatience(t *testing.T) {
	d := fresh()
	d.Open()
	first, _ := d.Ask(nil, 0)
	sent, asked := len(first), 0
	for now := time.Millisecond; now < time.Minute; asked++ {
		p, next := d.Ask(nil, now)
		sent += len(p)
		now = max(next, now+time.Millisecond)
	}
	if sent != 20*len(first) || asked > 40 {
		t.Errorf("%d bytes of %d each, asked %d times", sent, len(first), asked)
	}
}

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), intellivue.Simulate(sim.NewPatient(7)), span)
}

func TestChunks(t *testing.T) { sensortest.AnyChunks(t, decoder, stream(30*time.Second)) }

// A recording of the device's side gives what the host had read.
func TestRecording(t *testing.T) {
	l := sensortest.Line{Decoder: fresh(), Device: intellivue.Simulate(sim.NewPatient(7))}
	live, played := l.Run(time.Minute), sensortest.Decode(fresh(), stream(time.Minute))
	if len(live.Numerics) != len(played.Numerics) || len(played.Waves) != len(live.Waves) || len(live.Waves) < 690 ||
		len(live.Enumerations) != len(played.Enumerations) || len(live.Events) != len(played.Events) {
		t.Errorf("%d, %d numerics, %d, %d waves", len(live.Numerics), len(played.Numerics), len(live.Waves), len(played.Waves))
	}
}

func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, fresh(), stream(30*time.Second)) }

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(time.Minute)) }
