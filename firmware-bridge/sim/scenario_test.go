package sim_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// patientIn is a patient to whom happens what the text says.
func patientIn(t testing.TB, seed uint64, text string) *sim.Patient {
	t.Helper()
	timeline, err := sim.ParseTimeline(text)
	if err != nil {
		t.Fatal(err)
	}
	return sim.NewPatientIn(seed, timeline)
}

const waveHz = 100

// wave samples from one time to another.
func wave(of func(time.Duration) float64, from, to time.Duration) []float64 {
	var x []float64
	for at := from; at < to; at += time.Second / waveHz {
		x = append(x, of(at))
	}
	return x
}

// spread returns the least and the most; NaN if one is NaN.
func spread(x []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range x {
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	return lo, hi
}

// The beats counted in every wave are those of the reported rates, whatever happens.
func TestBeatsInEveryScenario(t *testing.T) {
	const from, to = 60 * time.Second, 240 * time.Second
	for _, text := range []string{"sinus", "tachycardia", "desaturation", "apnoea", "sinus 90s, tachycardia 60s, sinus"} {
		for seed := range uint64(4) {
			p := patientIn(t, seed, text)
			var heart, pulse float64
			seconds := 0
			for at := from; at < to; at += time.Second {
				v := p.Vitals(at + 4*time.Second) // the middle of its 8 seconds
				heart, pulse, seconds = heart+v.HeartRate/60, pulse+v.PulseRate/60, seconds+1
			}
			for _, c := range []struct {
				name     string
				of       func(time.Duration) float64
				level    float64
				reported float64
			}{
				{"ECG", p.ECG, 0.6, heart},
				{"arterial pressure", aboveMean(p), 0.3, heart},
				{"pleth", p.Pleth, 0.6, pulse},
			} {
				if n := crossings(wave(c.of, from, to), c.level); math.Abs(float64(n)-c.reported) > 2 {
					t.Errorf("%s, seed %d: %d beats in %d s of %s, reported %.1f", text, seed, n, seconds, c.name, c.reported)
				}
			}
		}
	}
}

// aboveMean is the pressure wave less the mean of its second, in pulse pressures.
func aboveMean(p *sim.Patient) func(time.Duration) float64 {
	var second time.Duration
	var mean, pulse float64
	return func(at time.Duration) float64 {
		if s := at.Truncate(time.Second); s != second || at == 0 {
			v := p.Vitals(s)
			second, mean, pulse = s, v.ArterialMean, v.ArterialSystolic-v.ArterialDiastolic
		}
		return (p.Pressure(at) - mean) / pulse
	}
}

func TestBreathsInTheWaves(t *testing.T) {
	for seed := range uint64(8) {
		p := patientIn(t, seed, "desaturation")
		const from, to = 60 * time.Second, 180 * time.Second
		var reported float64
		for at := from; at < to; at += time.Second {
			reported += p.Vitals(at+4*time.Second).RespRate / 60
		}
		for name, of := range map[string]func(time.Duration) float64{"respiration": p.Resp, "CO2": func(at time.Duration) float64 { return p.CO2(at) / 30 }} {
			if n := crossings(wave(of, from, to), 0.5); math.Abs(float64(n)-reported) > 1.5 {
				t.Errorf("seed %d: %d breaths in %s, reported %.1f", seed, n, name, reported)
			}
		}
	}
}

// Pressures and end-tidal CO2 are those of their waves.
func TestNumbersAreTheEndsOfTheWaves(t *testing.T) {
	for seed := range uint64(10) {
		p := patientIn(t, seed, "sinus 30s, tachycardia")
		for at := 20 * time.Second; at < 3*time.Minute; at += 13 * time.Second {
			v := p.Vitals(at)
			x := wave(p.Pressure, at-time.Second, at+time.Second)
			lo, hi := spread(x)
			if math.Abs(lo-v.ArterialDiastolic) > 2 || math.Abs(hi-v.ArterialSystolic) > 2 {
				t.Errorf("seed %d at %v: pressure from %.1f to %.1f, reported %.1f/%.1f", seed, at, lo, hi, v.ArterialSystolic, v.ArterialDiastolic)
			}
			sum := 0.0
			for _, y := range wave(p.Pressure, at-5*time.Second, at+5*time.Second) {
				sum += y
			}
			if mean := sum / (10 * waveHz); math.Abs(mean-v.ArterialMean) > 2.5 {
				t.Errorf("seed %d at %v: mean pressure %.1f, reported %.1f", seed, at, mean, v.ArterialMean)
			}
			if lo, hi = spread(wave(p.CO2, at-4*time.Second, at+4*time.Second)); lo != 0 || math.Abs(hi-v.EtCO2) > 1 {
				t.Errorf("seed %d at %v: CO2 from %.1f to %.1f, reported %.1f", seed, at, lo, hi, v.EtCO2)
			}
		}
	}
}

func TestTachycardia(t *testing.T) {
	for seed := range uint64(10) {
		p := patientIn(t, seed, "sinus 60s, tachycardia 120s, sinus")
		before, during, after := p.Vitals(59*time.Second), p.Vitals(120*time.Second), p.Vitals(280*time.Second)
		if !(before.HeartRate < 100 && during.HeartRate > 115 && during.HeartRate < 180 && after.HeartRate < 100) {
			t.Errorf("seed %d: heart rate %.0f, %.0f, %.0f", seed, before.HeartRate, during.HeartRate, after.HeartRate)
		}
	}
}

func TestDesaturation(t *testing.T) {
	for seed := range uint64(10) {
		p := patientIn(t, seed, "sinus 60s, desaturation 3m, sinus")
		before, begins, low, after := p.Vitals(60*time.Second), p.Vitals(69*time.Second), p.Vitals(4*time.Minute), p.Vitals(6*time.Minute)
		if !(before.SpO2 > 93 && begins.SpO2 > 93 && low.SpO2 < 88 && low.SpO2 > 75 && after.SpO2 > 93) {
			t.Errorf("seed %d: SpO2 %.1f, %.1f, %.1f, %.1f", seed, before.SpO2, begins.SpO2, low.SpO2, after.SpO2)
		}
		if !(low.HeartRate > before.HeartRate && low.RespRate > before.RespRate) {
			t.Errorf("seed %d: heart %.0f to %.0f, respiration %.0f to %.0f", seed, before.HeartRate, low.HeartRate, before.RespRate, low.RespRate)
		}
	}
}

func TestApnoea(t *testing.T) {
	for seed := range uint64(10) {
		p := patientIn(t, seed, "sinus 60s, apnoea 120s, sinus")
		for name, of := range map[string]func(time.Duration) float64{"respiration": p.Resp, "CO2": p.CO2} {
			if lo, hi := spread(wave(of, 80*time.Second, 180*time.Second)); hi-lo > 0.05 || hi > 0.05 {
				t.Errorf("seed %d: %s from %v to %v without breathing", seed, name, lo, hi)
			}
		}
		early, late := p.Vitals(90*time.Second), p.Vitals(179*time.Second)
		if early.RespRate != 0 || early.SpO2 < 93 || late.EtCO2 != 0 || !(late.SpO2 < 85) {
			t.Errorf("seed %d: after 30 s %+v, after 2 minutes %+v", seed, early, late)
		}
		fall := p.Vitals(70 * time.Second).EtCO2
		if !(fall > 1 && fall < p.Vitals(59*time.Second).EtCO2-3) {
			t.Errorf("seed %d: end-tidal CO2 %.1f 10 s into apnoea", seed, fall)
		}
		if math.IsNaN(late.HeartRate) || math.IsNaN(late.PulseRate) || late.Status != 0 {
			t.Errorf("seed %d: the heart goes on: %+v", seed, late)
		}
		again := p.Vitals(200 * time.Second)
		if !(again.RespRate > 5 && again.EtCO2 > p.Vitals(59*time.Second).EtCO2) {
			t.Errorf("seed %d: breathing again: %+v", seed, again)
		}
	}
}

func TestAsystole(t *testing.T) {
	for seed := range uint64(10) {
		p := patientIn(t, seed, "sinus 60s, asystole 60s, sinus")
		for _, c := range []struct {
			name string
			of   func(time.Duration) float64
			most float64
		}{
			{"ECG", p.ECG, 0.05}, {"pleth", p.Pleth, 0.03}, {"pressure", p.Pressure, 0.5}, {"respiration", p.Resp, 0}, {"CO2", p.CO2, 0.1},
		} {
			if lo, hi := spread(wave(c.of, 85*time.Second, 120*time.Second)); !(hi-lo <= c.most) {
				t.Errorf("seed %d: %s from %v to %v in asystole", seed, c.name, lo, hi)
			}
		}
		if n := crossings(wave(p.ECG, 61500*time.Millisecond, 120*time.Second), 0.6); n != 0 {
			t.Errorf("seed %d: %d beats in asystole", seed, n)
		}
		v := p.Vitals(90 * time.Second)
		for name, x := range map[string]float64{"heart rate": v.HeartRate, "pulse rate": v.PulseRate, "SpO2": v.SpO2, "perfusion": v.Perfusion, "systolic": v.ArterialSystolic} {
			if !math.IsNaN(x) {
				t.Errorf("seed %d: %s of %v without a pulse", seed, name, x)
			}
		}
		if v.Status != vital.SignalSearching|vital.SignalNonPulsatile|vital.SignalLowPerfusion || v.ECGStatus != 0 || v.RespRate != 0 || !(v.ArterialMean < 15) {
			t.Errorf("seed %d: %+v", seed, v)
		}
		if v = p.Vitals(150 * time.Second); v.Status != 0 || !(v.HeartRate > 50 && v.PulseRate > 50) || v.RespRate < 5 {
			t.Errorf("seed %d: alive again: %+v", seed, v)
		}
	}
}

// The cuff does not find a pressure in asystole, and keeps what it found before.
func TestCuffInAsystole(t *testing.T) {
	p := patientIn(t, 1, "sinus 290s, asystole")
	if v := p.Vitals(299 * time.Second); math.IsNaN(v.Systolic) {
		t.Errorf("the last measurement is forgotten: %+v", v)
	}
	if v := p.Vitals(301 * time.Second); !math.IsNaN(v.Systolic) || !math.IsNaN(v.Mean) {
		t.Errorf("measured without a pulse: %+v", v)
	}
}

func TestSensorsOff(t *testing.T) {
	at := 30 * time.Second
	p := patientIn(t, 3, "lead-off 60s, sensor-off 60s, unplugged+low-battery 60s, tachycardia+lead-off")
	v := p.Vitals(at)
	if !math.IsNaN(p.ECG(at)) || !math.IsNaN(v.HeartRate) || v.ECGStatus != vital.SensorOff ||
		v.Status != 0 || !(v.PulseRate > 50) || !(v.SpO2 > 90) {
		t.Errorf("lead off: %+v", v)
	}
	v = p.Vitals(at + time.Minute)
	if math.IsNaN(p.ECG(at+time.Minute)) || !(v.HeartRate > 50) || v.ECGStatus != 0 || v.Status != vital.SensorOff ||
		!math.IsNaN(v.PulseRate) || !math.IsNaN(v.SpO2) || p.Pleth(at+time.Minute) != 0 {
		t.Errorf("sensor off: %+v", v)
	}
	if v = p.Vitals(at + 2*time.Minute); v.Status != vital.SensorDisconnected || !v.LowBattery {
		t.Errorf("unplugged: %+v", v)
	}
	if v = p.Vitals(at + 3*time.Minute); !math.IsNaN(v.HeartRate) || !(v.PulseRate > 115) || v.LowBattery {
		t.Errorf("tachycardia with a lead off: %+v", v)
	}
}

// Nothing happens before its time, and the seed alone decides what the patient is.
func TestTimelineIsDeterministic(t *testing.T) {
	const text = "sinus 60s, desaturation 1m, asystole 20s, apnoea 30s, tachycardia+low-perfusion 40s"
	a, b, well := patientIn(t, 5, text), patientIn(t, 5, text), sim.NewPatient(5)
	b.Vitals(time.Hour)
	for at := time.Duration(0); at < 6*time.Minute; at += 777 * time.Millisecond {
		same := fmt.Sprint(a.Vitals(at), a.ECG(at), a.Pleth(at), a.Resp(at), a.Pressure(at), a.CO2(at))
		if other := fmt.Sprint(b.Vitals(at), b.ECG(at), b.Pleth(at), b.Resp(at), b.Pressure(at), b.CO2(at)); same != other {
			t.Fatalf("at %v: %s, then %s", at, same, other)
		}
		if at < 60*time.Second && (a.Vitals(at) != well.Vitals(at) || a.ECG(at) != well.ECG(at)) {
			t.Fatalf("at %v something has happened", at)
		}
	}
}

// Waves do not jump where one scenario follows another: what is not measured by a
// sensor that comes off goes on where it was.
func TestWavesDoNotJump(t *testing.T) {
	for seed := range uint64(2) {
		p := patientIn(t, seed, "sinus 20s, tachycardia 10s, asystole 10s, sinus 10s, apnoea 10s, asystole 500ms, desaturation 10s, sinus")
		for _, c := range []struct {
			name string
			of   func(time.Duration) float64
			most float64 // in a millisecond
		}{
			{"ECG", p.ECG, 0.16}, {"pleth", p.Pleth, 0.03}, {"pressure", p.Pressure, 3}, {"respiration", p.Resp, 0.01}, {"CO2", p.CO2, 1.5},
		} {
			last := c.of(0)
			for at := time.Millisecond; at < 90*time.Second; at += time.Millisecond {
				x := c.of(at)
				if !(math.Abs(x-last) <= c.most) {
					t.Errorf("seed %d at %v: %s jumps from %v to %v", seed, at, c.name, last, x)
				}
				last = x
			}
		}
	}
}

func TestParseTimelineErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"sinuss", `no scenario "sinuss": known are sinus, tachycardia,`},
		{"sinus, apnoea", `scenario "sinus" needs a duration, such as "sinus 60s"`},
		{"sinus 60", `duration "60" is not above 0`},
		{"sinus -1s", `duration "-1s" is not above 0`},
		{"sinus 9000h", "goes beyond 8784h0m0s in all"},
		{"sinus 5000h, apnoea 5000h", "goes beyond"},
		{"sinus 60s,", `"" is not a scenario and a duration`},
		{"sinus 60s 60s", `"sinus 60s 60s" is not a scenario and a duration`},
		{"sinus+ 60s", `no scenario ""`},
		{strings.Repeat("sinus 1s,", 1001), "1002 scenarios in a row"},
	} {
		if _, err := sim.ParseTimeline(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %q", c.text, err, c.want)
		}
	}
	for _, text := range []string{"", " ", "sinus", "sinus 1s", "sinus  1s ,\tapnoea+low-battery"} {
		if _, err := sim.ParseTimeline(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseTimeline(f *testing.F) {
	f.Add("sinus 60s, desaturation 2m, sinus")
	f.Add("tachycardia+lead-off 1ns, asystole 1ns, apnoea 1ns")
	f.Add("asystole 1h,sinus 1ns,asystole")
	f.Fuzz(func(t *testing.T, text string) {
		timeline, err := sim.ParseTimeline(text)
		if err != nil {
			return
		}
		p := sim.NewPatientIn(1, timeline)
		for at := time.Duration(0); at < 24*time.Hour; at += time.Hour + 7*time.Second {
			v := p.Vitals(at)
			if v.HeartRate < 0 || v.SpO2 < 0 || v.SpO2 > 100 || v.RespRate < 0 || v.EtCO2 < 0 || math.IsNaN(p.Pressure(at)) {
				t.Fatalf("%q at %v: %+v", text, at, v)
			}
			if y := p.Pleth(at); !(y >= 0 && y <= 1) {
				t.Fatalf("%q at %v: pleth %v", text, at, y)
			}
		}
	})
}

func ExampleNewPatientIn() {
	timeline, err := sim.ParseTimeline("sinus 60s, apnoea 2m, sinus")
	if err != nil {
		fmt.Println(err)
		return
	}
	p := sim.NewPatientIn(42, timeline)
	for _, at := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute} {
		v := p.Vitals(at)
		fmt.Printf("%v: respiration %.0f, end-tidal CO2 %.0f, SpO2 %.0f %%\n", at, v.RespRate, v.EtCO2, v.SpO2)
	}
	// Output:
	// 1m0s: respiration 13, end-tidal CO2 40, SpO2 96 %
	// 2m0s: respiration 0, end-tidal CO2 0, SpO2 88 %
	// 3m0s: respiration 0, end-tidal CO2 0, SpO2 75 %
}

func BenchmarkPatient(b *testing.B) {
	calm := sim.NewPatient(1)
	busy := patientIn(b, 1, strings.Repeat("sinus 60s, desaturation 1m, apnoea 1m, asystole 10s,", 20)+"sinus")
	for _, p := range []struct {
		name string
		p    *sim.Patient
	}{{"sinus", calm}, {"timeline", busy}} {
		for _, c := range []struct {
			name string
			f    func(time.Duration)
		}{
			{"ECG", func(at time.Duration) { p.p.ECG(at) }},
			{"Pleth", func(at time.Duration) { p.p.Pleth(at) }},
			{"Pressure", func(at time.Duration) { p.p.Pressure(at) }},
			{"CO2", func(at time.Duration) { p.p.CO2(at) }},
			{"Vitals", func(at time.Duration) { p.p.Vitals(at) }},
		} {
			b.Run(p.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				at := time.Duration(0)
				for b.Loop() {
					c.f(at)
					at = (at + 4*time.Millisecond) % time.Hour
				}
			})
		}
	}
}
