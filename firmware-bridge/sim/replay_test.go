package sim_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func replay(t testing.TB, cfg sim.ReplayConfig) *sim.Replay {
	t.Helper()
	r, err := sim.NewReplay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Record 100 has about 76 beats a minute, annotated by hand; the plain detector
// finds the same rate to within 2 beats in nearly all of its 30 minutes.
func TestReplayFindsTheAnnotatedRate(t *testing.T) {
	rec := open(t, "physionet/100.hea")
	beats, err := sim.OpenAnnotations(shared(t, "physionet/100.atr"))
	if err != nil {
		t.Fatal(err)
	}
	annotated := replay(t, sim.ReplayConfig{Record: rec, Beats: beats})
	found := replay(t, sim.ReplayConfig{Record: rec})
	off, n := 0, 0
	for at := 10 * time.Second; at < 30*time.Minute; at += time.Second {
		a, b := annotated.Vitals(at).HeartRate, found.Vitals(at).HeartRate
		if !(a > 60 && a < 100) {
			t.Fatalf("at %v: annotated heart rate %v", at, a)
		}
		if n++; !(math.Abs(a-b) < 2) {
			off++
		}
	}
	t.Logf("%d of %d seconds differ by 2 beats a minute or more", off, n)
	if off*50 > n {
		t.Errorf("%d of %d seconds differ", off, n)
	}
	if !math.IsNaN(annotated.Vitals(time.Minute).SpO2) {
		t.Error("an SpO2 that nobody recorded")
	}
	if !annotated.DrawnPleth() {
		t.Error("record 100 has no pleth")
	}
}

func TestReplayOfPlethRecord(t *testing.T) {
	rec := open(t, "physionet/v102s.hea")
	r := replay(t, sim.ReplayConfig{Record: rec, Fill: sim.NewPatient(1)})
	if r.DrawnPleth() {
		t.Error("v102s has a pleth")
	}
	seen := map[bool]int{}
	for i := range 75 * 60 {
		y := r.Pleth(time.Duration(i) * time.Second / 75)
		if y < 0 || y > 1 {
			t.Fatalf("pleth %v", y)
		}
		seen[y > 0.5]++
	}
	if seen[true] < 100 || seen[false] < 100 {
		t.Errorf("the pleth does not move: %v", seen)
	}
	if v := r.Vitals(time.Minute); math.IsNaN(v.SpO2) || math.IsNaN(v.HeartRate) {
		t.Errorf("filled up: %+v", v)
	}
	at := 100 * time.Second
	if want := rec.Signals[0].Value(25000); r.ECG(at) != want || r.ECG(at+r.Duration()) != want {
		t.Errorf("ECG %v, then %v, recorded %v", r.ECG(at), r.ECG(at+r.Duration()), want)
	}
}

func TestReplayOfBIDMC(t *testing.T) {
	f, err := os.Open(shared(t, "bidmc/bidmc_01_Signals.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := sim.ReadSignalsCSV(f, "bidmc_01_Signals.csv")
	if err != nil {
		t.Fatal(err)
	}
	ecg := replay(t, sim.ReplayConfig{Record: rec})
	only := *rec
	only.Signals = []sim.Signal{*rec.Signal("PLETH")}
	pleth := replay(t, sim.ReplayConfig{Record: &only})
	for at := 20 * time.Second; at < 8*time.Minute; at += 10 * time.Second {
		if rate := ecg.Vitals(at).RespRate; !(rate > 15 && rate < 28) {
			t.Errorf("at %v: %v breaths a minute", at, rate)
		}
	}
	// ECG and pleth of one heart: the two ways of counting agree.
	off, n := 0, 0
	for at := 20 * time.Second; at < 8*time.Minute; at += time.Second {
		a, b := ecg.Vitals(at).HeartRate, pleth.Vitals(at).HeartRate
		if n++; !(math.Abs(a-b) < 3) {
			off++
		}
	}
	t.Logf("%d of %d seconds differ by 3 beats a minute or more", off, n)
	if off*20 > n {
		t.Errorf("%d of %d seconds differ", off, n)
	}
}

func TestReplayOfNumerics(t *testing.T) {
	f, err := os.Open(shared(t, "physionet/s25047-2704-05-04-10-44n_numerics_1permin.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := sim.ReadNumericsCSV(f, "numerics.csv")
	if err != nil {
		t.Fatal(err)
	}
	r := replay(t, sim.ReplayConfig{Numerics: n})
	v := r.Vitals(150 * time.Second)
	if v.HeartRate != 89.5 || v.SpO2 != 95.7 || v.Systolic != 87 || v.Mean != 62 || !math.IsNaN(v.Temp) {
		t.Errorf("third minute: %+v", v)
	}
	if v = r.Vitals(0); !math.IsNaN(v.SpO2) {
		t.Errorf("0 means no value: %+v", v)
	}
}

// beatRecord is an ECG record of n seconds at 100 Hz with nothing in it, and a
// beat annotated every second.
func beatRecord(n int) sim.ReplayConfig {
	rec := &sim.Record{Hz: 100, Rate: vital.Int(100), Frames: 100 * n,
		Signals: []sim.Signal{{Name: "MLII", Factor: vital.Int(1), Divisor: 200, Samples: make([]int32, 100*n)}}}
	var beats []sim.Annotation
	for s := range n {
		beats = append(beats, sim.Annotation{Sample: int64(100 * s), Type: 1})
	}
	return sim.ReplayConfig{Record: rec, Beats: beats}
}

func TestDrawnPlethFollowsTheBeats(t *testing.T) {
	r := replay(t, beatRecord(30))
	if !r.DrawnPleth() {
		t.Fatal("a pleth in a record without one")
	}
	x := make([]float64, 75*20)
	for i := range x {
		x[i] = r.Pleth(5*time.Second + time.Duration(i)*time.Second/75)
	}
	if n := crossings(x, 0.5); n != 20 {
		t.Errorf("%d pulses in 20 seconds of 60 a minute", n)
	}
	if v := r.Vitals(20 * time.Second); v.HeartRate != 60 || v.PulseRate != 60 {
		t.Errorf("rate %v", v.HeartRate)
	}
	if v := r.Vitals(0); !math.IsNaN(v.HeartRate) {
		t.Errorf("a rate from one beat: %v", v.HeartRate)
	}
}

func TestReplayWithoutWavesAsksTheOther(t *testing.T) {
	n, err := sim.ReadNumericsCSV(strings.NewReader("t_s,HR[bpm]\n0,72\n60,0\n120,\n"), "n.csv")
	if err != nil {
		t.Fatal(err)
	}
	if n.Titles[0] != "HR" || n.Units[0] != "bpm" || n.Duration() != 2*time.Minute {
		t.Errorf("%+v", n)
	}
	alone := replay(t, sim.ReplayConfig{Numerics: n})
	if alone.Pleth(0) != 0 || alone.Resp(0) != 0 || !math.IsNaN(alone.ECG(0)) {
		t.Error("waves out of nothing")
	}
	for at, want := range map[time.Duration]float64{0: 72, 59 * time.Second: 72, 60 * time.Second: math.NaN(), 2 * time.Minute: 72} {
		if got := alone.Vitals(at).HeartRate; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("at %v: %v, want %v", at, got, want)
		}
	}
	p, at := sim.NewPatient(1), 3*time.Second
	filled := replay(t, sim.ReplayConfig{Numerics: n, Fill: p})
	if filled.Pleth(at) != p.Pleth(at) || filled.ECG(at) != p.ECG(at) || filled.Resp(at) != p.Resp(at) {
		t.Error("the other source is not asked for waves")
	}
	p.Set(sim.FingerOff | sim.LowBattery)
	if v := filled.Vitals(at); v.HeartRate != 72 || v.Status != vital.SensorOff || !v.LowBattery {
		t.Errorf("%+v", v)
	}
}

func TestReplayNeedsSomething(t *testing.T) {
	if _, err := sim.NewReplay(sim.ReplayConfig{}); err == nil {
		t.Error("replay of nothing")
	}
	if _, err := sim.NewReplay(sim.ReplayConfig{Record: &sim.Record{Hz: 1}}); err == nil {
		t.Error("replay of an empty record")
	}
}

func ExampleNewPatient() {
	p := sim.NewPatient(42)
	v := p.Vitals(time.Minute)
	fmt.Printf("heart rate %.0f, SpO2 %.0f %%\n", v.HeartRate, v.SpO2)
	p.Set(sim.FingerOff)
	fmt.Println(p.Vitals(time.Minute).SpO2, p.Vitals(time.Minute).Status.Names())
	// Output:
	// heart rate 66, SpO2 96 %
	// NaN [sensor-off]
}

func ExampleReadRecord() {
	fsys := fstest.MapFS{
		"bed.hea": {Data: []byte("bed 1 250 3\nbed.dat 16 2281/mV 16 0 0 2281 0 II\n")},
		"bed.dat": {Data: []byte{0, 0, 0xe9, 0x08, 0, 0}},
	}
	rec, err := sim.ReadRecord(fsys, "bed")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := rec.Signals[0]
	fmt.Println(s.Name, s.Samples, s.Value(1), s.Unit)
	// Output: II [0 2281 0] 1 mV
}

// Pressure and CO2 are replayed where they were recorded in mmHg, and nowhere else.
func TestReplayOfPressureAndCO2(t *testing.T) {
	signal := func(name, unit string) sim.Signal {
		return sim.Signal{Name: name, Unit: unit, Factor: vital.Int(1), Divisor: 2, Samples: []int32{160, 240}}
	}
	both := &sim.Record{Hz: 1, Rate: vital.Int(1), Frames: 2, Signals: []sim.Signal{signal("ABP", "mmHg"), signal("CO2", "mmHg")}}
	r := replay(t, sim.ReplayConfig{Record: both})
	if r.Pressure(0) != 80 || r.Pressure(500*time.Millisecond) != 100 || r.CO2(time.Second) != 120 {
		t.Errorf("%v %v %v", r.Pressure(0), r.Pressure(500*time.Millisecond), r.CO2(time.Second))
	}
	other := &sim.Record{Hz: 1, Rate: vital.Int(1), Frames: 2, Signals: []sim.Signal{signal("ABP", "mV"), signal("CO2", "%")}}
	p, at := sim.NewPatient(1), 700*time.Millisecond
	if r = replay(t, sim.ReplayConfig{Record: other}); !math.IsNaN(r.Pressure(at)) || !math.IsNaN(r.CO2(at)) {
		t.Errorf("in other units: %v, %v", r.Pressure(at), r.CO2(at))
	}
	if r = replay(t, sim.ReplayConfig{Record: other, Fill: p}); r.Pressure(at) != p.Pressure(at) || r.CO2(at) != p.CO2(at) {
		t.Errorf("filled up: %v, %v", r.Pressure(at), r.CO2(at))
	}
}

// A respiration that was sampled from a patient has the patient's rate, and the
// CO2 that is drawn with it has as many breaths.
func TestReplayFindsTheBreaths(t *testing.T) {
	const hz, seconds = 25, 300
	p := sim.NewPatient(4)
	rec := &sim.Record{Hz: hz, Rate: vital.Int(hz), Frames: hz * seconds,
		Signals: []sim.Signal{{Name: "RESP", Factor: vital.Int(1), Divisor: 1000}}}
	for i := range hz * seconds {
		rec.Signals[0].Samples = append(rec.Signals[0].Samples, int32(1000*p.Resp(time.Duration(i)*time.Second/hz)))
	}
	r := replay(t, sim.ReplayConfig{Record: rec, Fill: sim.NewPatient(5)})
	for at := 20 * time.Second; at < seconds*time.Second; at += time.Second {
		got, want := r.Vitals(at).RespRate, p.Vitals(at-4*time.Second).RespRate
		if !(math.Abs(got-want) < 1) {
			t.Errorf("at %v: %v breaths a minute, the patient had %v", at, got, want)
		}
	}
	resp, co2 := wave(r.Resp, 10*time.Second, 250*time.Second), wave(r.CO2, 10*time.Second, 250*time.Second)
	if a, b := crossings(resp, 0.5), crossings(co2, 20); a < 30 || a-b > 1 || b-a > 1 {
		t.Errorf("%d breaths, %d of them in the CO2", a, b)
	}
	if v := replay(t, sim.ReplayConfig{Record: rec}).Vitals(0); !math.IsNaN(v.RespRate) {
		t.Errorf("a rate from no breath: %v", v.RespRate)
	}
}

// What is made up beside a recorded ECG beats with it.
func TestFilledPressureFollowsTheRecord(t *testing.T) {
	rec := open(t, "physionet/v102s.hea")
	r := replay(t, sim.ReplayConfig{Record: rec, Fill: sim.NewPatient(1)})
	const from, to = 20 * time.Second, 260 * time.Second
	heart := 0.0
	for at := from; at < to; at += time.Second {
		heart += r.Vitals(at+4*time.Second).HeartRate / 60
	}
	if beats := crossings(wave(r.Pressure, from, to), 105); math.Abs(float64(beats)-heart) > 4 {
		t.Errorf("%d beats in the pressure, %.1f in the ECG", beats, heart)
	}
}
