package nonin

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Revision is the firmware revision that simulators tell.
const Revision = 48

// Simulator speaks the device's side. It streams, as the devices do, from the
// moment it is asked first.
type Simulator struct {
	source sim.Source
	layout *layout       // nil: format 8 or 13
	spot   bool          // format 13
	base   time.Duration // when the device began to send this format
	tick   int64         // frames of formats 2 and 7, packets of 8 and 13
	now    sim.Vitals
}

// SpotCheck is the time between two spot checks of a simulated device.
const SpotCheck = 30 * time.Second

// simClock is when a simulated device believes it was switched on.
var simClock = time.Date(2026, 12, 31, 23, 58, 30, 0, time.UTC)

// SimulateDF2 returns a device that streams data format 2.
func SimulateDF2(s sim.Source) *Simulator { return &Simulator{source: s, layout: df2} }

// SimulateDF7 returns a device that streams data format 7.
func SimulateDF7(s sim.Source) *Simulator { return &Simulator{source: s, layout: df7} }

// SimulateDF8 returns a device that streams data format 8.
func SimulateDF8(s sim.Source) *Simulator { return &Simulator{source: s} }

// SimulateDF13 returns a device that makes a spot check every half a minute.
func SimulateDF13(s sim.Source) *Simulator { return &Simulator{source: s, spot: true} }

// Next appends the next bytes to dst and returns it with the time until the
// next call: one frame every 1/75 s of formats 2 and 7, one a second of 8, a spot
// check every 30 s of 13.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	if s.spot {
		if s.tick > 0 {
			dst = s.format13(dst, s.base+time.Duration(s.tick)*SpotCheck)
		}
		s.tick++
		return dst, SpotCheck
	}
	hz := int64(sampleRate)
	if s.layout == nil {
		hz = 1
	}
	at := time.Duration(s.tick) * time.Second / time.Duration(hz)
	if s.layout == nil {
		dst = s.format8(dst, s.source.Vitals(s.base+at))
	} else {
		dst = s.frame(dst, s.base+at)
	}
	s.tick++
	return dst, time.Duration(s.tick)*time.Second/time.Duration(hz) - at
}

func (s *Simulator) frame(dst []byte, at time.Duration) []byte {
	n := int(s.tick % frames)
	if n == 0 {
		s.now = s.source.Vitals(at)
	}
	status := statusByte(s.now.Status)
	if n == 0 {
		status |= statusSync
	}
	pleth := math.Max(0, math.Min(1, s.source.Pleth(at)))
	f := [frameLen]byte{0x01, status, byte(math.Round(pleth * 0xff)), s.floatByte(n)}
	if s.layout.wide {
		wide := uint16(math.Round(pleth * 0xffff))
		f[0], f[1], f[2] = status, byte(wide>>8), byte(wide)
	}
	f[4] = f[0] + f[1] + f[2] + f[3]
	return append(dst, f[:]...)
}

// floatByte returns FLOAT of frame n, counted from 0.
func (s *Simulator) floatByte(n int) byte {
	rate := number(s.now.PulseRate, rateMissing)
	sat := number(s.now.SpO2, spo2Missing)
	switch n {
	case 0, 13, 19, 21: // HR, E-HR, HR-D, E-HR-D, upper two bits
		return byte(rate >> 7)
	case 1, 14, 20, 22: // lower seven bits
		return byte(rate & 0x7f)
	case 2, 8, 9, 10, 15, 16: // SpO2, its display, fast and beat to beat values
		return byte(sat)
	case 3:
		return Revision
	case 5: // TMR counts thirds of a second in 14 bits
		return byte(s.tick / frames >> 7 & 0x7f)
	case 6:
		return byte(s.tick / frames & 0x7f)
	case 7:
		if s.now.LowBattery {
			return stat2LowBattery
		}
	}
	return 0
}

func (s *Simulator) format8(dst []byte, v sim.Vitals) []byte {
	rate, b1, b4 := number(v.PulseRate, rateMissing), byte(df8Frame), byte(0)
	for _, f := range []struct {
		status vital.Status
		bit    byte
	}{
		{vital.SignalSearching, df8OutOfTrack}, {vital.SignalLowPerfusion, df8LowPerfusion},
		{vital.SignalErratic, df8Artifact},
	} {
		if v.Status&f.status != 0 {
			b1 |= f.bit
		}
	}
	if v.Status&absent != 0 { // this format has no bit for "not plugged in"
		b4 |= df8SensorAlarm
	}
	if v.LowBattery {
		b4 |= df8LowBattery
	}
	return append(dst, b1|byte(rate>>7), byte(rate&0x7f), byte(number(v.SpO2, spo2Missing)), b4)
}

// format13 is a spot check, of high quality unless there is something wrong.
func (s *Simulator) format13(dst []byte, at time.Duration) []byte {
	v, flags := s.source.Vitals(at), 0
	rate, spo2 := number(v.PulseRate, rateMissing), number(v.SpO2, spo2Missing)
	switch {
	case v.Status&absent != 0 || rate == rateMissing || spo2 == spo2Missing:
		flags, rate, spo2 = df13Nothing, rateMissing, spo2Missing
	case v.Status == 0:
		flags = df13SmartPoint
	}
	if v.LowBattery {
		flags |= df13LowBattery
	}
	return appendDF13(dst, simClock.Add(at), flags, rate, spo2)
}

// Selectable is a simulated device of which the host selects the data format: in the
// first five seconds, as the document says.
type Selectable struct {
	source  sim.Source
	current *Simulator
	tick    int64
	due     time.Duration // of the next bytes
	in      []byte        // of a command
}

// SimulateSelectable returns a device that is in one of the data formats 2, 7, 8 and
// 13, and nil for any other.
func SimulateSelectable(s sim.Source, format int) *Selectable {
	d := &Selectable{source: s}
	if !d.set(byte(format), 0) {
		return nil
	}
	return d
}

func (d *Selectable) set(format byte, now time.Duration) bool {
	next := &Simulator{source: d.source, base: now}
	switch format {
	case 2:
		next.layout = df2
	case 7:
		next.layout = df7
	case 8:
	case 13:
		next.spot = true
	default:
		return false
	}
	d.current, d.due = next, now
	return true
}

// Next appends what the device sends in 1/75 s.
func (d *Selectable) Next(dst []byte) ([]byte, time.Duration) {
	now := time.Duration(d.tick) * time.Second / sampleRate
	if now >= d.due {
		var wait time.Duration
		dst, wait = d.current.Next(dst)
		d.due += wait
	}
	d.tick++
	return dst, time.Duration(d.tick)*time.Second/sampleRate - now
}

// Answer takes what the host sends, and answers at once.
func (d *Selectable) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		if len(d.in) == 0 && b != 0x02 {
			continue
		}
		d.in = append(d.in, b)
		if len(d.in) < 4 || len(d.in) < 4+int(d.in[2]) {
			continue
		}
		c := d.in
		d.in = d.in[:0]
		if now > 5*time.Second {
			continue
		}
		if c[len(c)-1] == etx && c[1] == 0x70 && c[2] == 2 && c[3] == 2 && d.set(c[4], now) {
			dst = append(dst, ack)
		} else {
			dst = append(dst, nak)
		}
	}
	return dst
}

// statusByte is statusOf the other way round.
func statusByte(s vital.Status) byte {
	b := byte(statusFrame)
	for _, f := range []struct {
		status vital.Status
		bit    byte
	}{
		{vital.SensorDisconnected, statusDisconnected}, {vital.SignalErratic, statusArtifact},
		{vital.SignalSearching, statusOutOfTrack}, {vital.SensorOff, statusSensorAlarm},
	} {
		if s&f.status != 0 {
			b |= f.bit
		}
	}
	if s&vital.SignalLowPerfusion != 0 {
		return b | statusRed
	}
	return b | statusGreen
}

// number rounds x; what is missing or does not fit below missing is missing.
func number(x float64, missing int) int {
	n := math.Round(x)
	if !(n >= 0 && n < float64(missing)) {
		return missing
	}
	return int(n)
}
