package suntech

import (
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Private codes, 7<<8 | n.
const (
	pError = 7<<8 | iota + 1
	pStatus
	pBeats
	pCuff
	pReply
)

const (
	// IntervalMin is the shortest time between two measurements that the driver starts.
	IntervalMin = time.Minute

	filled      = 20 // mmHg, from which the cuff is in use
	emptied     = 10 // mmHg, below which it is not
	pressureMax = 300
	cuffMax     = 400
	acknowledge = 0x4b
)

// Config is what a decoder can be told. The zero value only reads results.
type Config struct {
	// Interval is the time from one measurement that the driver starts to the next:
	// each inflates the cuff. 0: it starts none.
	Interval time.Duration
}

// Decoder reads what a module sends, and is the host's side of the line. Make one with
// New.
type Decoder struct {
	frames frames
	cuff   cuff
	known  bool            // a result was seen since the line was opened
	last   [resultLen]byte // it
	failed bool            // the alert is there
	host   host
}

// cuff is what the pressures so far say.
type cuff uint8

const (
	resting cuff = iota
	inUse
	done // it was in use, and is empty
)

// New returns a decoder.
func New(cfg Config) (*Decoder, error) {
	if cfg.Interval != 0 && cfg.Interval < IntervalMin {
		return nil, fmt.Errorf("suntech: a measurement every %v: at least %v must be between two", cfg.Interval, IntervalMin)
	}
	return &Decoder{host: host{interval: cfg.Interval}}, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	if d.host.gaveUp {
		d.host.gaveUp = false
		d.fail(dst, true)
	}
	for _, b := range p {
		d.frames.next(b, func(m []byte) { d.take(dst, m) })
	}
}

// Flush ends the stream. A message that is not complete is dropped and counted.
func (d *Decoder) Flush(dst *vital.Batch) {
	d.frames.flush(func(m []byte) { d.take(dst, m) })
	d.known, d.cuff, d.failed = false, resting, false
}

// Frames returns the number of messages that were taken, and of runs of bytes that
// belong to none.
func (d *Decoder) Frames() (good, bad uint64) { return d.frames.good, d.frames.bad }

func (d *Decoder) take(dst *vital.Batch, m []byte) {
	d.host.answered = byte(len(m))
	switch len(m) {
	case replyLen:
		if m[2] != acknowledge {
			state(dst, pReply, m[2])
		}
	case cuffLen:
		d.pressure(dst, word(m[2:]))
	case resultLen:
		d.result(dst, [resultLen]byte(m))
	}
}

func word(p []byte) int { return int(p[0]) | int(p[1])<<8 }

func state(dst *vital.Batch, code uint16, value byte) {
	dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: vital.Private(code), Value: uint32(value)})
}

func (d *Decoder) pressure(dst *vital.Batch, v int) {
	switch {
	case v >= filled && v <= cuffMax:
		d.cuff = inUse
	case v < emptied && d.cuff == inUse:
		d.cuff = done
	}
	numeric(dst, vital.Private(pCuff), vital.MmHg, v, v > cuffMax, 0)
}

// numeric appends a number, or none if it is wrong.
func numeric(dst *vital.Batch, code vital.Code, unit vital.Unit, v int, wrong bool, s vital.Status) {
	n := vital.Numeric{Code: code, Unit: unit, Value: vital.Int(v), Status: s}
	if wrong {
		n.Value, n.Status = vital.NaN, s|vital.Invalid|vital.NotAvailable
	}
	dst.Numerics = append(dst.Numerics, n)
}

// result tells a result that is another one than before.
func (d *Decoder) result(dst *vital.Batch, m [resultLen]byte) {
	if d.known && m == d.last {
		return
	}
	var s vital.Status
	if !d.known && d.cuff != done {
		s = vital.ExtendedDisplayUpdate
	}
	d.known, d.last, d.cuff = true, m, resting
	if m == nothing {
		return
	}
	d.host.fresh = true
	code := m[20]
	for _, n := range []struct {
		code vital.Code
		unit vital.Unit
		v    int
	}{
		{vital.NIBPSystolic, vital.MmHg, word(m[2:])}, {vital.NIBPDiastolic, vital.MmHg, word(m[4:])},
		{vital.NIBPMean, vital.MmHg, word(m[18:])}, {vital.PulseRateNIBP, vital.BeatsPerMinute, int(m[16])},
	} {
		numeric(dst, n.code, n.unit, n.v, n.v == 0 || n.v > pressureMax || code != 0, s)
	}
	numeric(dst, vital.Private(pBeats), vital.NoUnit, int(m[6]), false, s)
	state(dst, pError, code)
	state(dst, pStatus, m[7])
	d.fail(dst, code != 0)
}

// nothing is the result of a module that has measured nothing.
var nothing = [resultLen]byte{0: moduleStart, 1: resultLen, resultLen - 1: 0x100 - moduleStart - resultLen}

// fail begins or ends the alert.
func (d *Decoder) fail(dst *vital.Batch, failed bool) {
	if failed == d.failed {
		return
	}
	d.failed = failed
	a := vital.Alert{Source: vital.NIBP, Kind: vital.Technical, Priority: vital.PriorityLow, State: vital.AlertEnded,
		Value: vital.NaN, Limit: vital.NaN, Text: "measurement failed"}
	if failed {
		a.State = vital.AlertPresent
	}
	dst.Alerts = append(dst.Alerts, a)
}
