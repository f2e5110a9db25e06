package sim_test

import (
	"math"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func TestPatientIsAFunctionOfSeedAndTime(t *testing.T) {
	a, b, other := sim.NewPatient(7), sim.NewPatient(7), sim.NewPatient(8)
	at := 90 * time.Second
	b.Vitals(time.Hour) // asked in another order
	if a.Vitals(at) != b.Vitals(at) || a.ECG(at) != b.ECG(at) || a.Pleth(at) != b.Pleth(at) || a.Resp(at) != b.Resp(at) {
		t.Error("the same seed gave two patients")
	}
	if a.Vitals(at) == other.Vitals(at) {
		t.Error("two seeds gave the same patient")
	}
}

func TestPatientStaysInRange(t *testing.T) {
	for seed := range uint64(50) {
		p := sim.NewPatient(seed)
		for at := time.Duration(0); at < time.Hour; at += 17 * time.Second {
			v := p.Vitals(at)
			for _, c := range []struct {
				name      string
				x, lo, hi float64
			}{
				{"heart rate", v.HeartRate, 50, 100}, {"pulse rate", v.PulseRate, 50, 100},
				{"SpO2", v.SpO2, 94, 100}, {"perfusion", v.Perfusion, 0.5, 8}, {"respiration", v.RespRate, 9, 21},
				{"temperature", v.Temp, 36, 37.6}, {"systolic", v.Systolic, 95, 145}, {"diastolic", v.Diastolic, 55, 90},
			} {
				if !(c.x >= c.lo && c.x <= c.hi) {
					t.Fatalf("seed %d at %v: %s is %v", seed, at, c.name, c.x)
				}
			}
			if y := p.Pleth(at); y < 0 || y > 1 {
				t.Fatalf("seed %d at %v: pleth is %v", seed, at, y)
			}
		}
	}
}

// The beats counted in the waves over a minute are those of the reported rate.
func TestPatientWavesBeatAtTheReportedRate(t *testing.T) {
	for seed := range uint64(20) {
		p := sim.NewPatient(seed)
		var sum float64
		for s := range 60 {
			sum += p.Vitals(time.Duration(s+8) * time.Second).HeartRate
		}
		reported := sum / 60
		const hz = 250
		ecg, pleth := make([]float64, 60*hz), make([]float64, 60*hz)
		for i := range ecg {
			at := 4*time.Second + time.Duration(i)*time.Second/hz
			ecg[i], pleth[i] = p.ECG(at), p.Pleth(at)
		}
		for name, n := range map[string]int{"ECG": crossings(ecg, 0.6), "pleth": crossings(pleth, 0.6)} {
			if math.Abs(float64(n)-reported) > 1.5 {
				t.Errorf("seed %d: %d beats in a minute of %s, reported %.1f", seed, n, name, reported)
			}
		}
	}
}

func crossings(x []float64, level float64) int {
	n := 0
	for i := 1; i < len(x); i++ {
		if x[i-1] < level && x[i] >= level {
			n++
		}
	}
	return n
}

func TestPatientConditions(t *testing.T) {
	p, at := sim.NewPatient(1), 20*time.Second
	p.Set(sim.FingerOff | sim.LowBattery)
	v := p.Vitals(at)
	if !math.IsNaN(v.SpO2) || !math.IsNaN(v.PulseRate) || math.IsNaN(v.HeartRate) || v.Status != vital.SensorOff || !v.LowBattery {
		t.Errorf("finger off: %+v", v)
	}
	if p.Pleth(at) != 0 {
		t.Error("a pleth without a finger")
	}
	p.Set(sim.Artifact | sim.LowPerfusion)
	if v = p.Vitals(at); v.Status != vital.SignalErratic|vital.SignalLowPerfusion || math.IsNaN(v.SpO2) {
		t.Errorf("artifact and low perfusion: %+v", v)
	}
	p.Set(sim.Unplugged)
	if v = p.Vitals(at); v.Status != vital.SensorDisconnected || !math.IsNaN(v.SpO2) {
		t.Errorf("unplugged: %+v", v)
	}
	p.Set(0)
	if v = p.Vitals(at); v.Status != 0 || v.LowBattery || math.IsNaN(v.SpO2) {
		t.Errorf("well again: %+v", v)
	}
}
