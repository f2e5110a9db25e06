package nonin

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	df13Header = 6
	df13Least  = 14 // bytes of spot-check data
	df13Most   = 64 // the document says that they may become more
	df13Footer = 2
	etx        = 0x03
)

// df13Begin is what a packet of format 13 begins with, before the length.
var df13Begin = [5]byte{0x00, 0x02, 0x00, 0x0d, 0x00}

// Bits of the two bytes of status.
const (
	df13SmartPoint = 0x0200
	df13Nothing    = 0x0100
	df13Memory     = 0x0010
	df13LowBattery = 0x0001
)

// Private codes, 1<<8 | n.
const (
	pStoredSpO2 = 1<<8 | 1
	pStoredRate = 1<<8 | 2
	pStoredTime = 1<<8 | 3
)

// DF13 decodes data format 13: spot checks, of which each is a packet. The zero
// value is ready.
type DF13 struct {
	buf     [df13Header + df13Most + df13Footer]byte
	n       int
	skipped bool // in a run of bytes that belong to no packet
	good    uint64
	bad     uint64
	battery battery
}

// Decode appends what the bytes completed.
func (d *DF13) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		d.buf[d.n] = b
		d.n++
		for d.n > 0 && !d.look(dst) {
			d.skip()
		}
	}
}

// look takes a packet that is whole; false means that what is in buf is none.
func (d *DF13) look(dst *vital.Batch) bool {
	if n := min(d.n, len(df13Begin)); string(d.buf[:n]) != string(df13Begin[:n]) {
		return false
	}
	if d.n < df13Header {
		return true
	}
	size := int(d.buf[df13Header-1])
	if size < df13Least || size > df13Most {
		return false
	}
	end := df13Header + size
	if d.n < end+df13Footer {
		return true
	}
	sum := byte(0)
	for _, b := range d.buf[df13Header:end] {
		sum += b
	}
	if sum != d.buf[end] || d.buf[end+1] != etx {
		return false
	}
	d.good++
	d.n, d.skipped = 0, false
	d.emit(dst, d.buf[df13Header:end])
	return true
}

// skip drops a byte; a run of them counts once.
func (d *DF13) skip() {
	if !d.skipped {
		d.bad++
	}
	d.skipped = true
	d.n = copy(d.buf[:], d.buf[1:d.n])
}

// Flush ends the stream. A packet that is not complete is searched for another one,
// dropped and counted.
func (d *DF13) Flush(dst *vital.Batch) {
	for d.n > 0 {
		d.skip()
		for d.n > 0 && !d.look(dst) {
			d.skip()
		}
	}
	d.skipped = false
}

// Frames returns the number of packets that were taken, and of the runs of bytes
// that belong to none.
func (d *DF13) Frames() (good, bad uint64) { return d.good, d.bad }

// emit reads the spot-check data.
func (d *DF13) emit(dst *vital.Batch, p []byte) {
	flags := int(p[8])<<8 | int(p[9])
	at := df13Time(p[:8])
	spo2, rate := vital.SpO2, vital.PulseRate
	switch {
	case flags&df13Memory != 0:
		spo2, rate = vital.Private(pStoredSpO2), vital.Private(pStoredRate)
		e := vital.Enumeration{Code: vital.Private(pStoredTime), Status: vital.NotAvailable}
		if !at.IsZero() {
			e.Value, e.Status, e.Text = uint32(at.Unix()), 0, at.Format(clockLayout)
		}
		dst.Enumerations = append(dst.Enumerations, e)
	case !at.IsZero():
		dst.Events = append(dst.Events, vital.Event{Kind: vital.EventDeviceClock, Text: at.Format(clockLayout)})
	}
	var s vital.Status
	if flags&df13SmartPoint == 0 {
		s = vital.Questionable
	}
	nothing := flags&df13Nothing != 0
	n := int(p[10]&1)<<8 | int(p[11])
	spot(dst, rate, vital.BeatsPerMinute, n, nothing || n == rateMissing, false, s)
	n = int(p[13] & 0x7f)
	spot(dst, spo2, vital.Percent, n, nothing || n == spo2Missing, n > 100, s)
	d.battery.set(dst, flags&df13LowBattery != 0)
}

const clockLayout = "2006-01-02T15:04:05"

func spot(dst *vital.Batch, code vital.Code, unit vital.Unit, v int, missing, wrong bool, s vital.Status) {
	value, s := checked(v, missing, wrong, s)
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: code, Unit: unit, Value: value, Status: s})
}

// df13Time reads century, year, month, day, hour, minute and second in BCD; zero if
// they are no date.
func df13Time(p []byte) time.Time {
	var n [7]int
	for i := range n {
		if p[i]>>4 > 9 || p[i]&15 > 9 {
			return time.Time{}
		}
		n[i] = int(p[i]>>4)*10 + int(p[i]&15)
	}
	at := time.Date(n[0]*100+n[1], time.Month(n[2]), n[3], n[4], n[5], n[6], 0, time.UTC)
	if at.Month() != time.Month(n[2]) || at.Day() != n[3] || n[4] > 23 || n[5] > 59 || n[6] > 59 || at.Year() < 1970 || at.Year() > 2105 {
		return time.Time{} // carried over: no such day
	}
	return at
}

// appendDF13 appends a packet, as devices write it.
func appendDF13(dst []byte, at time.Time, flags, rate, spo2 int) []byte {
	begin := len(dst) + df13Header
	dst = append(append(dst, df13Begin[:]...), df13Least)
	for _, n := range []int{at.Year() / 100, at.Year() % 100, int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second(), 0} {
		dst = append(dst, byte(n/10<<4|n%10))
	}
	dst = append(dst, byte(flags>>8), byte(flags), byte(rate>>8), byte(rate), 0, byte(spo2))
	sum := byte(0)
	for _, b := range dst[begin:] {
		sum += b
	}
	return append(dst, sum, etx)
}
