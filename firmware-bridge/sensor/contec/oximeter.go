package contec

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const (
	sampleRate  = 60
	strengthMax = 8
	rateNone    = 0xff
	spo2None    = 0x7f
	indexNone   = 0xffff
	indexMax    = 2200
)

// sample is what one sixtieth of a second says.
type sample struct {
	pleth    int32
	strength int
	rate     int
	spo2     int
	index    int // a hundredth of a percent; indexNone: none
	status   vital.Status
}

// oximeter turns samples into readings.
type oximeter struct {
	pleth    [sampleRate]int32
	n        int // in pleth
	since    int // samples since the last numbers
	begun    bool
	status   vital.Status
	hasIndex bool
}

// statusOf translates the flags that both protocols have.
func statusOf(probe, searching, tooLong bool) (s vital.Status) {
	if probe {
		s |= vital.SensorOff
	}
	if searching || tooLong {
		s |= vital.SignalSearching | vital.Questionable
	}
	return s
}

func (o *oximeter) take(dst *vital.Batch, s sample) {
	changed := !o.begun || s.status != o.status
	if changed {
		o.wave(dst)
		o.begun, o.status = true, s.status
	}
	if s.index != indexNone {
		o.hasIndex = true
	}
	if changed || o.since >= sampleRate {
		o.since = 0
		o.numbers(dst, s)
	}
	o.since++
	if s.status&vital.SensorOff != 0 {
		return
	}
	o.pleth[o.n] = s.pleth
	o.n++
	if o.n == len(o.pleth) {
		o.wave(dst)
	}
}

func (o *oximeter) numbers(dst *vital.Batch, s sample) {
	add(dst, vital.SpO2, vital.Percent, s.spo2, 0, s.spo2 == spo2None, s.spo2 == 0 || s.spo2 > 100, s.status)
	add(dst, vital.PulseRate, vital.BeatsPerMinute, s.rate, 0, s.rate == rateNone, s.rate == 0, s.status)
	if o.hasIndex {
		add(dst, vital.PerfusionIndex, vital.Percent, s.index, -2, s.index == indexNone, s.index > indexMax, s.status)
	}
	add(dst, private(pStrength), vital.NoUnit, min(s.strength, strengthMax), 0, false, false, s.status)
}

// add appends a number, or none: missing is the device's word for that, wrong ours.
func add(dst *vital.Batch, code vital.Code, unit vital.Unit, v int, exp int8, missing, wrong bool, s vital.Status) {
	n := vital.Numeric{Code: code, Unit: unit, Value: vital.Dec(v, exp), Status: s}
	if wrong && !missing {
		n.Status |= vital.Invalid
	}
	if missing || wrong || s&vital.SensorOff != 0 {
		n.Value, n.Status = vital.NaN, n.Status&^vital.Questionable|vital.NotAvailable
	}
	dst.Numerics = append(dst.Numerics, n)
}

// wave appends the samples so far.
func (o *oximeter) wave(dst *vital.Batch) {
	if o.n == 0 {
		return
	}
	w := dst.AddWave()
	w.Code, w.Unit, w.Rate, w.Status = vital.Pleth, vital.NoUnit, vital.Int(sampleRate), o.status
	w.Samples = append(w.Samples, o.pleth[:o.n]...)
	o.n = 0
}

// flush ends the stream: what follows is another one.
func (o *oximeter) flush(dst *vital.Batch) {
	o.wave(dst)
	o.since, o.begun, o.hasIndex = 0, false, false
}
