package nonin

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const df8Len = 4

// DF8 decodes data format 8: four bytes once a second, only the first of which
// has bit 7. There is no check sum, and so no way to notice a flipped bit in a
// number. The zero value is ready.
type DF8 struct {
	buf     [df8Len]byte
	n       int
	skipped bool // in a run of bytes that belong to no frame
	good    uint64
	bad     uint64
	battery battery
}

// Decode appends what the bytes completed.
func (d *DF8) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		d.next(dst, b)
	}
}

func (d *DF8) next(dst *vital.Batch, b byte) {
	first := b&df8Frame != 0
	switch {
	case first:
		if d.n > 0 {
			d.bad++ // the frame before was cut short
		}
		d.buf[0], d.n, d.skipped = b, 1, false
	case d.n == 0:
		if !d.skipped {
			d.bad++
		}
		d.skipped = true
	default:
		d.buf[d.n] = b
		d.n++
	}
	if d.n == df8Len {
		d.n = 0
		d.good++
		d.emit(dst)
	}
}

// Flush ends the stream. A frame that is not complete is dropped and counted.
func (d *DF8) Flush(*vital.Batch) {
	if d.n > 0 {
		d.bad++
	}
	d.n, d.skipped = 0, false
}

// Frames returns the number of frames of four bytes that were taken, and of
// those that failed: frames cut short, and runs of bytes without a beginning.
func (d *DF8) Frames() (good, bad uint64) { return d.good, d.bad }

func (d *DF8) emit(dst *vital.Batch) {
	s := df8Status(d.buf[0], d.buf[3])
	rate(dst, int(d.buf[0]&0x03)<<7|int(d.buf[1]), s)
	saturation(dst, int(d.buf[2]), s)
	d.battery.set(dst, d.buf[3]&df8LowBattery != 0)
}

// df8Status translates the first and the fourth byte.
func df8Status(b1, b4 byte) (s vital.Status) {
	if b1&df8OutOfTrack != 0 {
		s |= vital.SignalSearching | vital.Questionable
	}
	if b1&df8LowPerfusion != 0 {
		s |= vital.SignalLowPerfusion | vital.Questionable
	}
	if b1&df8Marginal != 0 {
		s |= vital.SignalLowPerfusion
	}
	if b1&df8Artifact != 0 {
		s |= vital.SignalErratic | vital.Questionable
	}
	if b4&df8SensorAlarm != 0 {
		s |= vital.SensorOff
	}
	return s
}
