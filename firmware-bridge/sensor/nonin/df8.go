package nonin

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const df8Len = 4

// DF8 decodes data format 8: four bytes once a second, only the first of which
// has bit 7. There is no check sum, and so no way to notice a flipped bit in a
// number. After bytes that belong to no frame, frames wait until there are three right
// behind each other: bytes of the five-byte formats can pass for two, never for three.
// The zero value is ready.
type DF8 struct {
	buf     [df8Len]byte
	n       int
	waits   [sureFrames - 1][df8Len]byte // frames that are not yet believed
	waiting int
	doubt   bool // frames have to wait
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
			d.lose() // the frame before was cut short
		}
		d.buf[0], d.n, d.skipped = b, 1, false
	case d.n == 0:
		if !d.skipped {
			d.lose()
		}
		d.skipped = true
	default:
		d.buf[d.n] = b
		d.n++
	}
	if d.n == df8Len {
		d.n = 0
		d.whole(dst)
	}
}

// whole takes the frame in buf, or lets it wait.
func (d *DF8) whole(dst *vital.Batch) {
	if d.doubt && d.waiting < len(d.waits) {
		d.waits[d.waiting] = d.buf
		d.waiting++
		return
	}
	d.believe(dst)
	d.doubt = false
	d.good++
	d.emit(dst, d.buf)
}

// believe takes the frames that wait.
func (d *DF8) believe(dst *vital.Batch) {
	for _, f := range d.waits[:d.waiting] {
		d.good++
		d.emit(dst, f)
	}
	d.waiting = 0
}

// lose counts bytes that belong to no frame, and the frames that wait.
func (d *DF8) lose() {
	d.bad += 1 + uint64(d.waiting)
	d.waiting, d.doubt = 0, true
}

// Flush ends the stream. A frame that is not complete, and those that wait, are
// dropped and counted.
func (d *DF8) Flush(*vital.Batch) {
	if d.n > 0 {
		d.bad++
	}
	d.bad += uint64(d.waiting)
	d.n, d.waiting, d.doubt, d.skipped = 0, 0, false, false
}

// Frames returns the number of frames of four bytes that were taken, and of
// those that failed: frames cut short, runs of bytes without a beginning, and
// frames that waited in vain.
func (d *DF8) Frames() (good, bad uint64) { return d.good, d.bad }

func (d *DF8) emit(dst *vital.Batch, f [df8Len]byte) {
	s := df8Status(f[0], f[3])
	rate(dst, int(f[0]&0x03)<<7|int(f[1]), s)
	saturation(dst, int(f[2]), s)
	d.battery.set(dst, f[3]&df8LowBattery != 0)
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
