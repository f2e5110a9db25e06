package sim

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Condition is something wrong at the oximeter's sensor. Conditions combine.
type Condition uint32

// Conditions.
const (
	FingerOff    Condition = 1 << iota // the sensor is not on the patient
	Unplugged                          // the sensor is not plugged in
	LowPerfusion                       // weak pulses
	Artifact                           // the patient moves
	LowBattery                         // the device's battery is low
)

const (
	rateWindow   = 8.0   // seconds over which a monitor averages a rate
	cuffInterval = 300.0 // seconds between two blood pressure measurements
	transit      = 0.18  // seconds from the R wave to the pulse at the finger
	second       = float64(time.Second)
)

// Patient is made up from a seed: everything about it is a function of the seed
// and the elapsed time, on every machine alike. Waves and numbers agree: the
// reported heart rate is the number of beats that the ECG and the pleth had in
// the last 8 seconds. The zero value is not usable, NewPatient is.
type Patient struct {
	heart, spo2, perfusion, resp, temp, sys, dia drift
	sinus                                        float64 // respiratory sinus arrhythmia, beats
	noise                                        uint64
	cond                                         atomic.Uint32
}

// NewPatient returns a resting adult: heart rate 56 to 94, SpO2 94 to 99,
// respiration 10 to 20, temperature 36.2 to 37.4, blood pressure about 120/75.
func NewPatient(seed uint64) *Patient {
	r := rand.New(rand.NewPCG(seed, 0x766974616c))
	return &Patient{
		heart:     newDrift(r, 62, 88, 6),
		spo2:      newDrift(r, 95.5, 97.8, 1.2),
		perfusion: newDrift(r, 2, 6, 1.2),
		resp:      newDrift(r, 12, 18, 2),
		temp:      newDrift(r, 36.4, 37.2, 0.2),
		sys:       newDrift(r, 108, 132, 8),
		dia:       newDrift(r, 66, 82, 5),
		sinus:     0.02 + 0.03*r.Float64(),
		noise:     r.Uint64(),
	}
}

// Set replaces the conditions; Set(0) ends them all. It may be called while
// the patient is being read.
func (p *Patient) Set(c Condition) { p.cond.Store(uint32(c)) }

func (p *Patient) has(c Condition) bool { return Condition(p.cond.Load())&c != 0 }

// Vitals returns the numbers that a monitor would show.
func (p *Patient) Vitals(at time.Duration) Vitals {
	t := at.Seconds()
	cuff := math.Floor(t/cuffInterval) * cuffInterval
	v := Vitals{
		HeartRate: p.rate(t),
		PulseRate: p.rate(t - transit),
		SpO2:      math.Min(p.spo2.at(t), 100),
		Perfusion: p.perfusion.at(t),
		RespRate:  60 * (p.breaths(t) - p.breaths(t-rateWindow)) / rateWindow,
		Temp:      p.temp.at(t),
		Systolic:  p.sys.at(cuff),
		Diastolic: p.dia.at(cuff),
	}
	v.Mean = v.Diastolic + (v.Systolic-v.Diastolic)/3
	p.disturb(&v)
	return v
}

func (p *Patient) disturb(v *Vitals) {
	v.LowBattery = p.has(LowBattery)
	if p.has(LowPerfusion) {
		v.Status |= vital.SignalLowPerfusion
		v.Perfusion /= 20
	}
	if p.has(Artifact) {
		v.Status |= vital.SignalErratic
	}
	if p.has(FingerOff) {
		v.Status |= vital.SensorOff
	}
	if p.has(Unplugged) {
		v.Status |= vital.SensorDisconnected
	}
	if p.has(FingerOff | Unplugged) {
		v.PulseRate, v.SpO2, v.Perfusion = math.NaN(), math.NaN(), math.NaN()
	}
}

// Beats returns the number of heart beats since the simulation began, with the
// fraction of the one going on. R waves are at whole numbers.
func (p *Patient) Beats(at time.Duration) float64 {
	return p.beats(at.Seconds()) - p.beats(0)
}

// beats is the integral of the heart rate; breathing moves it back and forth
// (respiratory sinus arrhythmia) and so stays without effect in the long run.
func (p *Patient) beats(t float64) float64 {
	return p.heart.integral(t)/60 + p.sinus*math.Sin(2*math.Pi*p.breaths(t))
}

func (p *Patient) breaths(t float64) float64 { return p.resp.integral(t) / 60 }

func (p *Patient) rate(t float64) float64 {
	return 60 * (p.beats(t) - p.beats(t-rateWindow)) / rateWindow
}

// Pleth returns the pulse wave at the finger, 0 to 1.
func (p *Patient) Pleth(at time.Duration) float64 {
	if p.has(FingerOff | Unplugged) {
		return 0
	}
	t := at.Seconds()
	x := pulse(p.Beats(at - time.Duration(transit*second)))
	if p.has(LowPerfusion) {
		x /= 8
	}
	y := 0.1 + 0.75*x + 0.04*math.Sin(2*math.Pi*p.breaths(t))
	if p.has(Artifact) {
		y += 0.5 * p.jitter(t, 4)
	}
	return clamp(y)
}

// pulse draws one pulse: a systolic peak and a dicrotic wave. b counts beats.
func pulse(b float64) float64 {
	f := b - math.Floor(b)
	return math.Min(1, bump(f, 0.24, 0.10)+0.4*bump(f, 0.55, 0.13)+0.08*bump(f, 0.8, 0.15))
}

// ECG returns lead II in mV: P, Q, R, S and T as five bumps.
func (p *Patient) ECG(at time.Duration) float64 {
	t, b := at.Seconds(), p.Beats(at)
	beat := 60 / p.heart.at(t)
	f := b - math.Floor(b)
	if f > 0.6 {
		f-- // the P wave belongs to the R wave that follows
	}
	s := f * beat
	mv := 0.12*bump(s, -0.16, 0.025) - 0.1*bump(s, -0.03, 0.01) + 1.1*bump(s, 0, 0.011) -
		0.25*bump(s, 0.03, 0.012) + 0.28*bump(s, 0.3*math.Sqrt(beat), 0.05)
	return mv + 0.03*math.Sin(2*math.Pi*p.breaths(t)) + 0.008*p.jitter(t, 500)
}

// Resp returns the breathing wave, 0 (out) to 1 (in).
func (p *Patient) Resp(at time.Duration) float64 {
	return 0.5 + 0.5*math.Sin(2*math.Pi*p.breaths(at.Seconds()))
}

// jitter is noise between -1 and 1 that changes hz times a second.
func (p *Patient) jitter(t, hz float64) float64 {
	x := p.noise + uint64(int64(math.Floor(t*hz)))*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64(int64(x^x>>31)) / (1 << 63)
}

func bump(x, centre, width float64) float64 {
	d := (x - centre) / width
	return math.Exp(-d * d)
}

func clamp(x float64) float64 { return math.Max(0, math.Min(1, x)) }

// drift is a value that wanders about a base: a sum of slow sines, so that it
// can be integrated exactly.
type drift struct {
	base float64
	sine [3]struct{ amp, omega, phase float64 }
}

// newDrift draws a base from lo to hi and sines that together stay within span.
func newDrift(r *rand.Rand, lo, hi, span float64) drift {
	d := drift{base: lo + (hi-lo)*r.Float64()}
	for i := range d.sine {
		period := []float64{900, 170, 45}[i] * (0.7 + 0.6*r.Float64())
		d.sine[i].amp = span / 3 * (0.4 + 0.6*r.Float64())
		d.sine[i].omega = 2 * math.Pi / period
		d.sine[i].phase = 2 * math.Pi * r.Float64()
	}
	return d
}

func (d *drift) at(t float64) float64 {
	y := d.base
	for _, s := range d.sine {
		y += s.amp * math.Sin(s.omega*t+s.phase)
	}
	return y
}

func (d *drift) integral(t float64) float64 {
	y := d.base * t
	for _, s := range d.sine {
		y -= s.amp / s.omega * math.Cos(s.omega*t+s.phase)
	}
	return y
}
