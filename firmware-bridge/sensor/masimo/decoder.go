package masimo

import (
	"bytes"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/internal/line"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Decoder decodes ASCII1. The zero value is ready.
type Decoder struct {
	lines   line.Splitter
	length  int // of the last good line
	good    uint64
	bad     uint64
	ignored uint64
	alarm   uint32
	serial  [serialMax]byte
	serialN int
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
	if kind == line.None {
		return
	}
	var r record
	if kind == line.Good && r.parse(text) && (!r.has(fieldEXC) || d.length > 0 && d.length != len(text)) {
		kind = line.Bad
	}
	d.take(dst, text, kind)
	d.length = 0
}

// Frames returns the number of lines that were taken and of those that were
// not: too long, control characters, or a shape that ASCII1 does not have.
// Empty lines count as neither.
func (d *Decoder) Frames() (good, bad uint64) { return d.good, d.bad }

// Ignored returns the number of fields in good lines that are not read.
func (d *Decoder) Ignored() uint64 { return d.ignored }

func (d *Decoder) take(dst *vital.Batch, text []byte, kind line.Kind) {
	var r record
	if kind == line.Bad || !r.parse(text) {
		d.bad++
		return
	}
	d.good++
	d.length = len(text)
	d.ignored += uint64(r.ignored)
	d.identify(dst, r.serial)
	r.emit(dst)
	if r.has(fieldALARM) && r.alarm != d.alarm {
		d.alarm = r.alarm
		dst.Enumerations = append(dst.Enumerations, vital.Enumeration{
			Code: vital.SpO2, Value: r.alarm, Text: "Masimo ALARM",
		})
	}
}

func (d *Decoder) identify(dst *vital.Batch, serial []byte) {
	if len(serial) == 0 || bytes.IndexByte(serial, '-') >= 0 || string(serial) == string(d.serial[:d.serialN]) {
		return
	}
	d.serialN = copy(d.serial[:], serial)
	dst.Events = append(dst.Events, vital.Event{
		Kind: vital.EventIdentified, Text: "Masimo SN=" + string(serial),
	})
}
