package medibus_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/medibus"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Ten minutes with an Evita: nothing is lost, and nothing is made up.
func TestTenMinutes(t *testing.T) {
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: medibus.Simulate(sim.NewPatient(7))}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); bad != 0 || good < 30000 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	for code, want := range map[vital.Code]int{
		vital.SpO2: 600, vital.PulseRate: 600, vital.RespRate: 600, vital.TidalVolume: 600, 151880: 600, 151957: 600, 16929196: 60,
	} {
		if n := sensortest.Count(b, code); n < want-6 || n > want+1 {
			t.Errorf("%d of %d in ten minutes", n, code)
		}
	}
	for _, n := range b.Numerics {
		if !n.Value.IsNumber() || n.Status != 0 {
			t.Fatalf("%+v", n)
		}
	}
	for _, code := range []vital.Code{151792, 151764, 151724, vital.Pleth} {
		if n := sensortest.Samples(b, code); n < 37000 || n > 37500 {
			t.Errorf("%d samples of %d", n, code)
		}
	}
	if len(b.Events) != 1 || len(b.Alerts) != 0 {
		t.Errorf("%v %v", b.Events, b.Alerts)
	}
}

// What happens to the sensor is told as statuses and alerts.
func TestConditions(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: fresh(), Device: medibus.Simulate(p)}
	l.Run(20 * time.Second)
	p.Set(sim.FingerOff | sim.LowBattery)
	b := l.Run(20 * time.Second)
	numbers, absent := 0, 0
	for _, n := range b.Numerics {
		if n.Code != vital.SpO2 && n.Code != vital.PulseRate {
			continue
		}
		if n.Value.IsNumber() {
			numbers++
		}
		if n.Status&vital.NotAvailable != 0 && n.Status&vital.SensorDisconnected != 0 {
			absent++
		}
	}
	if numbers > 2 || absent < 36 {
		t.Errorf("%d numbers, %d absent", numbers, absent)
	}
	if len(b.Alerts) != 2 || sensortest.Samples(b, vital.Pleth) > 32 {
		t.Errorf("%+v, %d samples", b.Alerts, sensortest.Samples(b, vital.Pleth))
	}
	p.Set(0)
	b = l.Run(20 * time.Second)
	if len(b.Alerts) != 2 || b.Alerts[0].State != vital.AlertEnded || sensortest.Samples(b, vital.Pleth) < 1000 {
		t.Errorf("%+v, %d samples", b.Alerts, sensortest.Samples(b, vital.Pleth))
	}
}

// A value that the patient does not have any more is told to be absent, with what the
// alarms say of it; and on the way there no list has another form.
func TestAbsent(t *testing.T) {
	for _, c := range []struct {
		scenario string
		code     vital.Code
		status   vital.Status
	}{
		{"sensor-off", vital.SpO2, vital.NotAvailable | vital.SensorDisconnected},
		{"unplugged", vital.PulseRate, vital.NotAvailable | vital.SensorDisconnected},
		{"asystole", vital.SpO2, vital.NotAvailable | vital.SignalNonPulsatile},
		{"asystole", vital.PulseRate, vital.NotAvailable | vital.SignalNonPulsatile | vital.InAlarm},
		{"apnoea", vital.EtCO2, vital.NotAvailable},
	} {
		timeline, err := sim.ParseTimeline("sinus 20s, " + c.scenario + " 40s, sinus")
		if err != nil {
			t.Fatal(err)
		}
		d := fresh()
		l := sensortest.Line{Decoder: d, Device: medibus.Simulate(sim.NewPatientIn(7, timeline))}
		l.Run(45 * time.Second)
		b := l.Run(10 * time.Second)
		for _, n := range b.Numerics {
			if n.Code == c.code && (n.Value != vital.NaN || n.Status != c.status) {
				t.Fatalf("%s: %d is %v %v", c.scenario, n.Code, n.Value, n.Status.Names())
			}
		}
		l.Run(30 * time.Second)
		after := l.Run(10 * time.Second)
		for _, n := range after.Numerics {
			if n.Code == c.code && (!n.Value.IsNumber() || n.Status&^vital.InAlarm != 0) { // SpO2 is still low
				t.Fatalf("%s, after: %d is %v %v", c.scenario, n.Code, n.Value, n.Status.Names())
			}
		}
		if _, bad := d.Frames(); bad != 0 || sensortest.Count(b, c.code) < 9 || sensortest.Count(after, c.code) < 9 {
			t.Errorf("%s: %d bad, %d and %d readings", c.scenario, bad, sensortest.Count(b, c.code), sensortest.Count(after, c.code))
		}
	}
}

// The CO2 wave ends where the end-tidal CO2 is, in all of its units.
func TestCO2(t *testing.T) {
	l := sensortest.Line{Decoder: fresh(), Device: medibus.Simulate(sim.NewPatient(7))}
	b := l.Run(30 * time.Second)
	var most float64
	for _, w := range b.Waves {
		for _, s := range w.Samples {
			if w.Code == 151724 {
				most = max(most, float64(s-w.Zero)*float64(w.Factor.Mantissa)*math.Pow10(int(w.Factor.Exponent))/float64(w.Divisor))
			}
		}
	}
	seen := map[vital.Unit]bool{}
	for _, n := range b.Numerics {
		if n.Code != vital.EtCO2 && n.Code != 151708 {
			continue
		}
		seen[n.Unit] = true
		x := float64(n.Value.Mantissa) * math.Pow10(int(n.Value.Exponent)) * map[vital.Unit]float64{vital.MmHg: 1, vital.Percent: 7.6, vital.Kilopascal: 7.50062}[n.Unit]
		if math.Abs(x-most) > 2 {
			t.Fatalf("%v %s of %v mmHg", n.Value, n.Unit.UCUM(), most)
		}
	}
	if len(seen) != 3 || most < 30 {
		t.Errorf("%v, %v mmHg", seen, most)
	}
}

// A line that loses and changes bytes: readings go on, and the numbers that come
// are those of the device.
func TestBadLine(t *testing.T) {
	clean := sensortest.Line{Decoder: fresh(), Device: medibus.Simulate(sim.Fixed{Numbers: steady()})}
	right := map[vital.Numeric]bool{}
	for _, n := range clean.Run(time.Minute).Numerics {
		n.Time = 0
		right[n] = true
	}
	r := rand.New(rand.NewPCG(1, 2))
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: medibus.Simulate(sim.Fixed{Numbers: steady()}), Alter: func(p []byte) []byte {
		for i := range p {
			if r.IntN(2000) == 0 {
				p[i] ^= 1 << r.IntN(8)
			}
		}
		if len(p) > 0 && r.IntN(500) == 0 {
			p = p[1:]
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
	if _, bad := d.Frames(); bad == 0 || sensortest.Count(b, vital.SpO2) < 400 {
		t.Errorf("%d bad, %d readings", bad, sensortest.Count(b, vital.SpO2))
	}
}

func steady() sim.Vitals {
	v := sim.NoVitals()
	v.SpO2, v.PulseRate, v.RespRate, v.EtCO2 = 97, 70, 12, 38
	return v
}

// A cable that is out for a minute: the host begins anew, and so does the device.
func TestSilence(t *testing.T) {
	out := false
	l := sensortest.Line{Decoder: fresh(), Device: medibus.Simulate(sim.NewPatient(1)), Alter: func(p []byte) []byte {
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
	b := l.Run(20 * time.Second)
	if sensortest.Count(b, vital.SpO2) < 15 || sensortest.Samples(b, 151792) < 800 || len(b.Events) != 0 {
		t.Errorf("%d readings, %d samples, %v", sensortest.Count(b, vital.SpO2), sensortest.Samples(b, 151792), b.Events)
	}
}

// A device that answers nothing is asked every three seconds and no more.
func TestPatience(t *testing.T) {
	d := fresh()
	d.Open()
	sent, asked := 0, 0
	for now := time.Duration(0); now < time.Minute; asked++ {
		p, next := d.Ask(nil, now)
		sent += len(p)
		now = max(next, now+time.Millisecond)
	}
	if sent != 20*5 || asked > 40 {
		t.Errorf("%d bytes, asked %d times", sent, asked)
	}
}

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), medibus.Simulate(sim.NewPatient(7)), span)
}

func TestChunks(t *testing.T) { sensortest.AnyChunks(t, decoder, stream(30*time.Second)) }

// A recording of the device's side gives what the host had read.
func TestRecording(t *testing.T) {
	l := sensortest.Line{Decoder: fresh(), Device: medibus.Simulate(sim.NewPatient(7))}
	live, played := l.Run(time.Minute), sensortest.Decode(fresh(), stream(time.Minute))
	if len(live.Numerics) != len(played.Numerics) || len(played.Waves) < len(live.Waves) || len(live.Waves) < 400 ||
		len(live.Enumerations) != len(played.Enumerations) || len(played.Events) != 1 {
		t.Errorf("%d, %d numerics, %d, %d waves", len(live.Numerics), len(played.Numerics), len(live.Waves), len(played.Waves))
	}
}

func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, fresh(), stream(30*time.Second)) }

func Fuzz(f *testing.F) {
	s := stream(15 * time.Second)
	sensortest.Fuzz(f, decoder, s[:2000], s[len(s)-1500:], []byte("\x01$EB 98 E1 70 7A\r"),
		reply(0x27, "607SPO2 $&     "), reply(0x2a, "0E:Mode BIPAP\x03"), reply(0x52, "8240'Evita 4'05.00:04.00"), reply(0x28, "11:11:1911-NOV-93"),
		append(append(reply(0x53, "00   16000-  10  10037006   16000-  20  100460"), reply(0x54, "")...),
			0xd3, 0xc6, 0xc0, 0x90, 0x81, 0x8a, 0x83, 0xd1, 0x94, 0x81))
}

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(time.Minute)) }

// Realtime data that stays out is asked for again, and so is data of a device that
// changed what it has. Commands of the device between its replies are answered.
func TestRealtimeAgain(t *testing.T) {
	slow, insert := false, []byte(nil)
	l := sensortest.Line{Decoder: fresh(), Device: medibus.Simulate(sim.NewPatient(1)), Alter: func(p []byte) []byte {
		if slow {
			p = slices.DeleteFunc(p, func(b byte) bool { return b >= 0x80 })
		}
		p, insert = append(p, insert...), nil
		return p
	}}
	l.Run(10 * time.Second)
	slow = true
	if b := l.Run(70 * time.Second); len(b.Waves) > 4 || sensortest.Count(b, vital.SpO2) < 65 {
		t.Errorf("%d waves, %d readings", len(b.Waves), sensortest.Count(b, vital.SpO2))
	}
	slow = false
	if n := sensortest.Samples(l.Run(40*time.Second), 151792); n < 500 {
		t.Errorf("%d samples", n)
	}
	insert = slices.Concat(frame(0x1b, 0x52, ""), frame(0x1b, 0x56, ""), frame(0x1b, 0x30, ""))
	if n := sensortest.Samples(l.Run(40*time.Second), 151792); n < 2400 {
		t.Errorf("%d samples after the change", n)
	}
}
