package healthypi

import (
	"encoding/binary"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	packetLen  = 29
	skipAt     = 13
	footerAt   = 27
	sampleRate = 128 // packets a second
	run        = 64  // samples of a wave

	skipped  = 0xff
	tempMost = 6000
)

var (
	header = [5]byte{0x0a, 0xfa, 0x16, 0x00, 0x02}
	footer = [2]byte{0x00, 0x0b}
)

// Decoder decodes the packets. The zero value is ready.
type Decoder struct {
	buf  [packetLen]byte
	n    int
	lost bool // in a run of bytes that belong to no packet
	good uint64
	bad  uint64

	since int // packets since the last numbers
	begun bool
	skips bool // BioZ samples are skipped, as they should be
	ecg   [run]int32
	bioz  [run]int32
	ecgN  int
	biozN int
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		d.buf[d.n] = b
		d.n++
		d.search(dst)
	}
}

// search drops bytes until those in buf can begin a packet, and takes it if it is whole.
func (d *Decoder) search(dst *vital.Batch) {
	if !d.fits(d.n - 1) {
		d.skip(dst)
	}
	if d.n == packetLen {
		d.n, d.lost = 0, false
		d.good++
		d.take(dst)
	}
}

// skip drops bytes until the rest can begin a packet. A run of them counts once.
func (d *Decoder) skip(dst *vital.Batch) {
	if !d.lost {
		d.bad++
		d.waves(dst)
	}
	d.lost = true
	for fit := 0; fit < d.n; {
		if d.fits(fit) {
			fit++
			continue
		}
		d.n = copy(d.buf[:], d.buf[1:d.n])
		fit = 0
	}
}

// fits reports whether byte i can be there in a packet.
func (d *Decoder) fits(i int) bool {
	b := d.buf[i]
	switch {
	case i < len(header):
		return b == header[i]
	case i == skipAt:
		return b == 0 || b == skipped
	case i >= footerAt:
		return b == footer[i-footerAt]
	}
	return true
}

// Flush ends the stream: it appends the waves so far. A packet that is not complete is
// dropped and counted.
func (d *Decoder) Flush(dst *vital.Batch) {
	if d.n > 0 && !d.lost {
		d.bad++
	}
	d.waves(dst)
	d.n, d.lost, d.since, d.begun, d.skips = 0, false, 0, false, false
}

// Frames returns the number of packets that were taken, and of runs of bytes that
// belong to none.
func (d *Decoder) Frames() (good, bad uint64) { return d.good, d.bad }

func (d *Decoder) take(dst *vital.Batch) {
	p := d.buf[len(header):]
	d.ecg[d.ecgN] = int32(binary.LittleEndian.Uint32(p))
	d.ecgN++
	if p[8] == skipped {
		d.skips = true
	} else {
		d.bioz[d.biozN] = int32(binary.LittleEndian.Uint32(p[4:]))
		d.biozN++
	}
	if !d.begun || d.since == sampleRate {
		d.begun, d.since = true, 0
		numbers(dst, p[17:22])
	}
	d.since++
	if d.ecgN == run {
		d.waves(dst)
	}
}

// numbers appends the five bytes of temperature, SpO2, heart rate and respiration.
func numbers(dst *vital.Batch, p []byte) {
	number(dst, vital.SpO2, vital.Percent, int(p[2]), 0, 100)
	number(dst, vital.HeartRate, vital.BeatsPerMinute, int(p[3]), 0, 0xff)
	number(dst, vital.RespRateImpedance, vital.BreathsPerMinute, int(p[4]), 0, 0xff)
	number(dst, vital.Temp, vital.Celsius, int(int16(binary.LittleEndian.Uint16(p))), -2, tempMost)
}

func number(dst *vital.Batch, code vital.Code, unit vital.Unit, v int, exp int8, most int) {
	n := vital.Numeric{Code: code, Unit: unit, Value: vital.Dec(v, exp)}
	if v < 0 || v > most {
		n.Status = vital.Invalid
	}
	if v <= 0 || v > most {
		n.Value, n.Status = vital.NaN, n.Status|vital.NotAvailable
	}
	dst.Numerics = append(dst.Numerics, n)
}

// waves appends the samples so far.
func (d *Decoder) waves(dst *vital.Batch) {
	rate := sampleRate
	wave(dst, vital.ECG, rate, d.ecg[:d.ecgN])
	if d.skips {
		rate /= 2
	}
	wave(dst, vital.RespImpedance, rate, d.bioz[:d.biozN])
	d.ecgN, d.biozN = 0, 0
}

func wave(dst *vital.Batch, code vital.Code, rate int, samples []int32) {
	if len(samples) == 0 {
		return
	}
	w := dst.AddWave()
	w.Code, w.Rate = code, vital.Int(rate)
	w.Samples = append(w.Samples, samples...)
}
