package capnostream

import (
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Period is the time between two messages with numbers.
const Period = time.Second

// Codes of messages of the monitor.
const (
	msgWave     = 0
	msgNumerics = 1
	msgDevice   = 4
)

// InspiredCO2 is the private code of inspired CO2 as a partial pressure, which has
// no code that public sources agree on.
const InspiredCO2 = vital.Code(1024<<16 | 11<<8 | 1)

const (
	rateCO2   vital.Code = 151594 // MDC_CO2_RESP_RATE
	waveCO2   vital.Code = 151724 // MDC_AWAY_CO2
	waveHz               = 20
	waveMax              = 20 // samples of a wave
	waveScale            = 256
	none                 = 0xff
	unitMmHg             = 1
)

// Decoder reads what a monitor sends, and is the host's side of the line. The zero
// value is ready.
type Decoder struct {
	frames frames
	host   host
	told   string
	unit   byte // of CO2, as sent
	fast   byte // the last status of the wave
	alarms uint32
	run    [waveMax]int32
	runN   int
	runS   vital.Status
	number byte // of the last wave message
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		m := d.frames.next(b)
		if m == nil {
			continue
		}
		d.host.heard = true
		if !d.message(dst, m[0], m[1:]) {
			d.frames.good--
			d.frames.bad++
		}
	}
}

// Flush ends the stream: it appends the samples of a wave that is not full. What was
// known of the monitor is forgotten, but who it is.
func (d *Decoder) Flush(dst *vital.Batch) {
	d.frames.flush()
	d.endRun(dst)
	d.unit, d.fast, d.alarms = 0, 0, 0
}

// Frames counts messages, as the package comment says.
func (d *Decoder) Frames() (good, bad uint64) { return d.frames.good, d.frames.bad }

// message reads a message; false if it cannot be what its code says. Those that are
// not read are right.
func (d *Decoder) message(dst *vital.Batch, code byte, p []byte) bool {
	switch code {
	case msgWave:
		if len(p) < 4 {
			return false
		}
		d.wave(dst, p)
	case msgNumerics:
		if len(p) < numericsLen {
			return false
		}
		d.numerics(dst, p)
	case msgDevice:
		return d.device(dst, p)
	}
	return true
}

// Bits of the fast status.
const (
	fastInvalid      = 1 << 0
	fastInitialising = 1 << 1
	fastOcclusion    = 1 << 2
	fastFlow         = 1 << 4
	fastPurging      = 1 << 5
	fastLine         = 1 << 6
	fastMalfunction  = 1 << 7
)

// co2Status is what is wrong with CO2.
func co2Status(fast byte) (s vital.Status) {
	if fast&fastInitialising != 0 {
		s |= vital.Early | vital.SignalProcessing
	}
	if fast&(fastOcclusion|fastFlow|fastPurging) != 0 {
		s |= vital.SignalPoor
	}
	if fast&fastLine != 0 {
		s |= vital.SensorDisconnected
	}
	if fast&fastMalfunction != 0 {
		s |= vital.EquipmentMalfunction
	}
	return s
}

// absent is a sensor that cannot give a number.
const absent = vital.SensorDisconnected | vital.SensorOff | vital.EquipmentMalfunction

// wave takes a sample: message number, whole mmHg, 1/256, fast status.
func (d *Decoder) wave(dst *vital.Batch, p []byte) {
	s := co2Status(p[3])
	if p[0] != d.number+1 || s != d.runS {
		d.endRun(dst)
	}
	d.number, d.runS, d.fast = p[0], s, p[3]
	if p[3]&fastInvalid != 0 || s&absent != 0 {
		d.endRun(dst)
		return
	}
	d.run[d.runN] = int32(p[1])<<8 | int32(p[2])
	if d.runN++; d.runN == waveMax {
		d.endRun(dst)
	}
}

func (d *Decoder) endRun(dst *vital.Batch) {
	if d.runN == 0 {
		return
	}
	w := dst.AddWave()
	w.Code, w.Rate, w.Status = waveCO2, vital.Int(waveHz), d.runS
	if d.unit == unitMmHg {
		w.Unit, w.Factor, w.Divisor = vital.MmHg, vital.Int(1), waveScale
	}
	w.Samples = append(w.Samples, d.run[:d.runN]...)
	d.runN = 0
}

const deviceLen = 30 // "V" version(5) blank date(10) blank number(10) and two blanks

// device reads who the monitor is, and tells when it is new.
func (d *Decoder) device(dst *vital.Batch, p []byte) bool {
	if len(p) != deviceLen || p[0] != 'V' || p[6] != ' ' || p[17] != ' ' {
		return false
	}
	for _, c := range p {
		if c < ' ' || c > '~' {
			return false
		}
	}
	d.host.known = true
	if string(p) == d.told {
		return true
	}
	d.told = string(p)
	version, date, no := strings.TrimSpace(d.told[:6]), strings.TrimSpace(d.told[7:17]), strings.TrimSpace(d.told[18:])
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: "Capnostream " + version + " of " + date + ", serial number " + no})
	return true
}
