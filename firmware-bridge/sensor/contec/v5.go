package contec

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// V5 decodes protocol V5.0A. Make one with NewV5.
type V5 struct {
	framer   framer
	oximeter oximeter
}

// NewV5 returns a decoder.
func NewV5() *V5 { return &V5{framer: framer{v5: true}} }

// Decode appends what the bytes completed.
func (d *V5) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		bad := d.framer.bad
		d.take(dst, d.framer.next(b))
		if d.framer.bad != bad {
			d.oximeter.wave(dst)
		}
	}
}

// Flush ends the stream and appends what is complete.
func (d *V5) Flush(dst *vital.Batch) {
	d.take(dst, d.framer.flush())
	d.oximeter.flush(dst)
}

// Frames counts as the package comment says.
func (d *V5) Frames() (good, bad uint64) { return d.framer.good, d.framer.bad }

func (d *V5) take(dst *vital.Batch, m []byte) {
	for ; len(m) >= v5Len; m = m[v5Len:] {
		d.oximeter.take(dst, sample{
			strength: int(m[0] & 0x0f),
			pleth:    int32(m[1]),
			rate:     int(m[2]&0x40)<<1 | int(m[3]),
			spo2:     int(m[4]),
			index:    indexNone,
			status:   statusOf(m[2]&0x10 != 0, m[2]&0x20 != 0, m[0]&0x10 != 0),
		})
	}
}
