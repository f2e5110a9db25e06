package nellcor

import (
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/internal/line"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Private codes, 6<<8 | n.
const (
	pAmplitude = 6<<8 | iota + 1
	pSpO2Low
	pSpO2High
	pRateLow
	pRateHigh
	pSatSeconds
	pLimits
	pResponse
)

// Decoder decodes the columns. The zero value is ready.
type Decoder struct {
	lines  line.Splitter
	length int // of the last line of data
	good   uint64
	bad    uint64
	name   [identityMax]byte
	nameN  int
	limits limits
	active codes // status codes of the last line of data
	clock  time.Time
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for {
		text, rest, kind := d.lines.Next(p)
		if kind == line.None {
			return
		}
		d.take(dst, text, kind)
		p = rest
	}
}

// Flush ends the stream; see the package comment for a last line without end.
func (d *Decoder) Flush(dst *vital.Batch) {
	text, kind := d.lines.Flush()
	if kind != line.None {
		if len(text) != d.length {
			kind = line.Bad
		}
		d.take(dst, text, kind)
	}
	d.length = 0
}

// Frames returns the number of lines that were taken and of those that were not.
// Empty lines count as neither.
func (d *Decoder) Frames() (good, bad uint64) { return d.good, d.bad }

func (d *Decoder) take(dst *vital.Batch, text []byte, kind line.Kind) {
	if kind == line.Bad || !d.read(dst, text) {
		d.bad++
		return
	}
	d.good++
}

// read takes a line of any known form.
func (d *Decoder) read(dst *vital.Batch, text []byte) bool {
	var r row
	switch {
	case r.parse(text):
		d.length = len(text)
		d.tell(dst, &r)
		return true
	case d.version(dst, text), d.modes(dst, text):
		return true
	}
	return known(text)
}

// tell appends what a line of data says.
func (d *Decoder) tell(dst *vital.Batch, r *row) {
	d.tick(dst, r.at)
	s := r.codes.status()
	spo2 := number(r.spo2, 1, 100, s)
	rate := number(r.rate, 1, 999, s)
	numeric(dst, vital.SpO2, vital.Percent, spo2)
	numeric(dst, vital.PulseRate, vital.BeatsPerMinute, rate)
	numeric(dst, vital.Private(pAmplitude), 0, number(r.amplitude, 0, 999, s))
	d.alerts(dst, r.codes, spo2.value, rate.value)
}

// tick tells the device's clock, if it is new or does not go on as it should.
func (d *Decoder) tick(dst *vital.Batch, at time.Time) {
	if at.IsZero() {
		return
	}
	if step := at.Sub(d.clock); d.clock.IsZero() || step < 0 || step > time.Minute {
		dst.Events = append(dst.Events, vital.Event{Kind: vital.EventDeviceClock, Text: at.Format("2006-01-02T15:04:05")})
	}
	d.clock = at
}

// reading is a value with its status.
type reading struct {
	value  vital.Decimal
	status vital.Status
}

// number checks a column against the least and the largest possible value.
func number(c column, least, most int, s vital.Status) reading {
	if c.starred {
		s |= vital.InAlarm
	}
	wrong := !c.missing && (c.value < least || c.value > most)
	if wrong {
		s |= vital.Invalid
	}
	if c.missing || wrong || s&(vital.SensorOff|vital.SensorDisconnected) != 0 {
		return reading{vital.NaN, s&^vital.Questionable | vital.NotAvailable}
	}
	return reading{vital.Int(c.value), s}
}

func numeric(dst *vital.Batch, code vital.Code, unit vital.Unit, r reading) {
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: code, Unit: unit, Value: r.value, Status: r.status})
}
