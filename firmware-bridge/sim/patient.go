package sim

import (
	"math"
	"math/rand/v2"
	"sort"
	"sync/atomic"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Condition is something wrong at a sensor. Conditions combine.
type Condition uint32

// Conditions.
const (
	FingerOff    Condition = 1 << iota // the oximeter's sensor is not on the patient
	Unplugged                          // the oximeter's sensor is not plugged in
	LowPerfusion                       // weak pulses
	Artifact                           // the patient moves
	LowBattery                         // the device's battery is low
	LeadOff                            // an ECG lead is off
)

const (
	rateWindow   = 8.0   // seconds over which a monitor averages a rate
	pause        = 4.0   // seconds without a beat, after which it has no rate
	cuffInterval = 300.0 // seconds between two blood pressure measurements
	transit      = 0.18  // seconds from the R wave to the pulse at the finger
	arteryDelay  = 0.1   // seconds from the R wave to the pressure in the artery
	stillBlood   = 12.0  // mm[Hg] where nothing is pumped
	second       = float64(time.Second)
)

// Where in a beat or a breath life stops: at rest, before the P wave, and breathed
// out.
const (
	heartRests  = 0.6
	breathRests = 0.75
)

// Patient is made up from a seed and a timeline: everything about it is a function
// of those and the elapsed time, on every machine alike. Waves and numbers agree:
// the reported heart rate is the number of beats that the ECG, the pleth and the
// artery had in the last 8 seconds, the arterial pressures are the ends of the
// pressure wave, and a heart that stops has stopped for all of them. The zero value
// is not usable, NewPatient is.
type Patient struct {
	heart, spo2, perfusion, resp, temp, sys, dia, etCO2 drift

	sinus    float64 // respiratory sinus arrhythmia, beats
	strength float64 // how much the patient reacts, about 1
	noise    uint64
	first    float64 // beats at time 0

	// What the timeline adds.
	moreHeart, moreResp, moreSys, moreDia, moreCO2, moreSpO2 course

	still, airless, unseen course // 1 where no blood flows, no gas comes, no breath is known
	beating, breathing     spans
	conds                  []conditionFrom
	cond                   atomic.Uint32
}

type conditionFrom struct {
	at   time.Duration
	cond Condition
}

// NewPatient returns a resting adult to whom nothing happens: heart rate 56 to 94,
// SpO2 94 to 99, respiration 10 to 20, temperature 36.2 to 37.4, blood pressure
// about 120/75, end-tidal CO2 34 to 43 mm[Hg].
func NewPatient(seed uint64) *Patient { return NewPatientIn(seed, Timeline{}) }

// NewPatientIn returns the patient of NewPatient, to whom happens what the timeline
// says. Before time 0 all was well.
func NewPatientIn(seed uint64, t Timeline) *Patient {
	r := rand.New(rand.NewPCG(seed, 0x766974616c))
	p := &Patient{
		heart:     newDrift(r, 62, 88, 6),
		spo2:      newDrift(r, 95.5, 97.8, 1.2),
		perfusion: newDrift(r, 2, 6, 1.2),
		resp:      newDrift(r, 12, 18, 2),
		temp:      newDrift(r, 36.4, 37.2, 0.2),
		sys:       newDrift(r, 108, 132, 8),
		dia:       newDrift(r, 66, 82, 5),
		sinus:     0.02 + 0.03*r.Float64(),
		noise:     r.Uint64(),
		// What was thought of later is drawn later: a seed stays who it was.
		etCO2:    newDrift(r, 36, 41, 2),
		strength: 0.9 + 0.2*r.Float64(),
	}
	p.first = p.beats(0)
	for _, e := range t.episodes {
		p.begin(e.from, e.effect)
	}
	return p
}

// begin makes something happen from a time on, after all that began before.
func (p *Patient) begin(from time.Duration, e effect) {
	t, calm := from.Seconds(), recovery()
	for _, c := range []struct {
		of          *course
		to, recover change
	}{
		{&p.moreHeart, e.heart, calm.heart}, {&p.moreResp, e.resp, calm.resp}, {&p.moreSys, e.sys, calm.sys},
		{&p.moreDia, e.dia, calm.dia}, {&p.moreCO2, e.etCO2, calm.etCO2}, {&p.moreSpO2, e.spo2, calm.spo2},
	} {
		to := c.to
		if to.by == 0 {
			to = c.recover
		}
		*c.of = c.of.turn(t+to.delay, to.by*p.strength, to.tau)
	}
	p.still = p.still.stop(t, e.noHeart, 4, 2)
	p.airless = p.airless.stop(t, e.noBreath, 1.5, 0.5)
	p.unseen = p.unseen.stop(t, e.noBreath, 6, 4)
	p.breathing = p.breathing.next(t, p.freeBreaths(t), e.noBreath, breathRests)
	p.beating = p.beating.next(t, p.freeBeats(t), e.noHeart, p.first+heartRests)
	p.conds = append(p.conds, conditionFrom{from, e.cond})
}

// Set replaces the conditions; Set(0) ends them all. It may be called while
// the patient is being read.
func (p *Patient) Set(c Condition) { p.cond.Store(uint32(c)) }

func (p *Patient) has(at time.Duration, c Condition) bool {
	cond := Condition(p.cond.Load())
	i := sort.Search(len(p.conds), func(i int) bool { return p.conds[i].at > at }) - 1
	if i >= 0 {
		cond |= p.conds[i].cond
	}
	return cond&c != 0
}

// Vitals returns the numbers that a monitor would show.
func (p *Patient) Vitals(at time.Duration) Vitals {
	t := at.Seconds()
	flows := 1 - p.still.at(t)
	v := Vitals{
		HeartRate: p.rate(t),
		PulseRate: p.rate(t - transit),
		SpO2:      math.Max(30, math.Min(p.spo2.at(t)+p.moreSpO2.at(t), 100)),
		Perfusion: p.perfusion.at(t) * flows,
		RespRate:  60 * (p.breaths(t) - p.breaths(t-rateWindow)) / rateWindow,
		Temp:      p.temp.at(t),
		EtCO2:     p.endTidal(t) * (1 - p.unseen.at(t)),
	}
	if v.EtCO2 < 1 {
		v.EtCO2 = 0 // no breath to tell
	}
	p.cuff(&v, math.Floor(t/cuffInterval)*cuffInterval)
	v.ArterialSystolic, v.ArterialDiastolic = p.pressures(t)
	v.ArterialMean = v.ArterialDiastolic + arterialMean*(v.ArterialSystolic-v.ArterialDiastolic)
	if p.pulseless(t - arteryDelay) {
		v.ArterialSystolic, v.ArterialDiastolic = math.NaN(), math.NaN()
	}
	p.disturb(&v, at)
	return v
}

// cuff sets what the cuff measured at t. It hears nothing without a pulse.
func (p *Patient) cuff(v *Vitals, t float64) {
	v.Systolic, v.Diastolic = p.pressures(t)
	if p.pulseless(t - transit) {
		v.Systolic, v.Diastolic = math.NaN(), math.NaN()
	}
	v.Mean = v.Diastolic + (v.Systolic-v.Diastolic)/3
}

// disturb sets the statuses, and takes away what has no value.
func (p *Patient) disturb(v *Vitals, at time.Duration) {
	off := p.has(at, FingerOff|Unplugged)
	gone := p.pulseless(at.Seconds() - transit)
	for _, s := range []struct {
		is     bool
		status vital.Status
	}{
		{gone && !off, vital.SignalSearching | vital.SignalNonPulsatile | vital.SignalLowPerfusion},
		{p.has(at, LowPerfusion), vital.SignalLowPerfusion},
		{p.has(at, Artifact), vital.SignalErratic},
		{p.has(at, FingerOff), vital.SensorOff},
		{p.has(at, Unplugged), vital.SensorDisconnected},
	} {
		if s.is {
			v.Status |= s.status
		}
	}
	v.LowBattery = p.has(at, LowBattery)
	if p.has(at, LowPerfusion) {
		v.Perfusion /= 20
	}
	if off || gone {
		v.PulseRate, v.SpO2, v.Perfusion = math.NaN(), math.NaN(), math.NaN()
	}
	if p.has(at, LeadOff) {
		v.ECGStatus |= vital.SensorOff
	}
	if p.has(at, LeadOff) || p.pulseless(at.Seconds()) {
		v.HeartRate = math.NaN()
	}
}

// Beats returns the number of heart beats since the simulation began, with the
// fraction of the one going on. R waves are at whole numbers.
func (p *Patient) Beats(at time.Duration) float64 {
	return p.beats(at.Seconds()) - p.first
}

func (p *Patient) beats(t float64) float64 { return p.beating.of(t, p.freeBeats(t)) }

func (p *Patient) breaths(t float64) float64 { return p.breathing.of(t, p.freeBreaths(t)) }

// freeBeats is the integral of the heart rate, as if it never stopped; breathing
// moves it back and forth (respiratory sinus arrhythmia) and so stays without
// effect in the long run.
func (p *Patient) freeBeats(t float64) float64 {
	return (p.heart.integral(t)+p.moreHeart.integral(t))/60 + p.sinus*math.Sin(2*math.Pi*p.breaths(t))
}

func (p *Patient) freeBreaths(t float64) float64 {
	return (p.resp.integral(t) + p.moreResp.integral(t)) / 60
}

func (p *Patient) rate(t float64) float64 {
	return 60 * (p.beats(t) - p.beats(t-rateWindow)) / rateWindow
}

// pulseless reports whether the heart has stood still for a while.
func (p *Patient) pulseless(t float64) bool {
	return p.beating.stopped(t) && p.beats(t) == p.beats(t-pause)
}

// pressures returns the ends of the pressure wave in an artery, in mm[Hg].
func (p *Patient) pressures(t float64) (sys, dia float64) {
	sys, dia = p.sys.at(t)+p.moreSys.at(t), p.dia.at(t)+p.moreDia.at(t)
	if still := p.still.at(t); still > 0 {
		sys, dia = sys+still*(stillBlood-sys), dia+still*(stillBlood-dia)
	}
	return sys, dia
}

// endTidal is the CO2 at the end of a breath, in mm[Hg].
func (p *Patient) endTidal(t float64) float64 {
	return math.Max(0, p.etCO2.at(t)+p.moreCO2.at(t))
}

// Pleth returns the pulse wave at the finger, 0 to 1.
func (p *Patient) Pleth(at time.Duration) float64 {
	if p.has(at, FingerOff|Unplugged) {
		return 0
	}
	t := at.Seconds()
	x := pulse(p.Beats(at-time.Duration(transit*second))) * (1 - p.still.at(t))
	if p.has(at, LowPerfusion) {
		x /= 8
	}
	y := 0.1 + 0.75*x + 0.04*math.Sin(2*math.Pi*p.breaths(t))
	if p.has(at, Artifact) {
		y += 0.5 * p.jitter(t, 4)
	}
	return clamp(y)
}

// ECG returns lead II in mV, NaN where a lead is off.
func (p *Patient) ECG(at time.Duration) float64 {
	if p.has(at, LeadOff) {
		return math.NaN()
	}
	t, b := at.Seconds(), p.Beats(at)
	beat := 60 / (p.heart.at(t) + p.moreHeart.at(t))
	f := b - math.Floor(b)
	if f > 0.6 {
		f-- // the P wave belongs to the R wave that follows
	}
	return heartbeat(f*beat, beat) + 0.03*math.Sin(2*math.Pi*p.breaths(t)) + 0.008*p.jitter(t, 500)
}

// Pressure returns the pressure in an artery in mm[Hg].
func (p *Patient) Pressure(at time.Duration) float64 {
	sys, dia := p.pressures(at.Seconds())
	return dia + (sys-dia)*arterial(p.Beats(at-time.Duration(arteryDelay*second)))
}

// CO2 returns the CO2 in the breathed gas in mm[Hg].
func (p *Patient) CO2(at time.Duration) float64 {
	t := at.Seconds()
	return p.endTidal(t) * (1 - p.airless.at(t)) * capnogram(p.breaths(t))
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
