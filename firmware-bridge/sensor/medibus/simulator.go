package medibus

import (
	"fmt"
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	simTick  = 16 * time.Millisecond
	simBytes = 28 // that 19200 baud with parity carry in a tick
	simID    = "8240'Evita 4'05.00:04.00"
	simQueue = 2 * replyMax
)

// simClock is when a simulated device believes that it was switched on.
var simClock = time.Date(2003, 10, 5, 8, 30, 0, 0, time.UTC)

// Simulator speaks the side of an Evita 4 with an oximeter and a CO2 sensor. The
// patient has no ventilator: the airway follows from the breathing wave, with a
// tidal volume that keeps 7.2 L/min from 6 breaths a minute on, 15 mbar above a PEEP
// of 5. CO2 is the patient's. It checks what the host sends as strictly as the
// document.
type Simulator struct {
	source sim.Source
	tick   int64

	in    []byte // of a frame of the host
	inner bool   // in a frame
	order byte   // of a sync command of the host
	state byte   // 0: nothing, 1: sync byte, 2: order

	out                []byte
	ready              bool // initialised
	known              bool // the host said who it is
	hostAt, saidAt     time.Duration
	streams            []simStream
	enabled            uint16
	inspiring, started bool
}

type simStream struct {
	id    byte
	every int64
	simCurve
}

type simCurve struct {
	least, most float64
	maxBin      int
	offer       string // as in the reply to 53, after the code
}

func simCurveOf(id byte) (simCurve, bool) {
	switch id {
	case 0x00:
		return simCurve{-10, 100, 0x370, "   16000-  10  100370"}, true
	case 0x01:
		return simCurve{-200, 200, 0xfa0, "   16000- 200  200FA0"}, true
	case 0x02:
		return simCurve{0, 100, 0x3e8, "   16000    0  1003E8"}, true
	case 0x03:
		return simCurve{0, 2000, 0x7d0, "   16000    0 20007D0"}, true
	case 0x06:
		return simCurve{-20, 100, 0x460, "   16000-  20  100460"}, true
	}
	return simCurve{}, false
}

// Simulate returns a device that was just switched on.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s, saidAt: -silence} }

// Next appends what the device sends in the next 16 ms.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	now := time.Duration(s.tick) * simTick
	s.timers(now)
	record := s.record(nil, now)
	n := max(0, min(simBytes-len(record), len(s.out)))
	dst = append(dst, s.out[:n/3]...)
	dst = append(dst, record...)
	dst = append(dst, s.out[n/3:n]...)
	s.out = append(s.out[:0], s.out[n:]...)
	s.tick++
	return dst, simTick
}

// timers sends what nobody asked for.
func (s *Simulator) timers(now time.Duration) {
	if s.ready && now-s.hostAt >= silence {
		s.ready, s.known, s.streams, s.enabled = false, false, nil, 0
	}
	switch {
	case !s.ready && now-s.saidAt >= silence:
		s.say(now, esc, cmdInitialise)
	case s.ready && len(s.out) == 0 && now-s.hostAt >= keepAlive && now-s.saidAt >= keepAlive:
		s.say(now, esc, cmdNOP)
	}
}

func (s *Simulator) say(now time.Duration, first, code byte, data ...byte) {
	s.saidAt = now
	if len(s.out) < simQueue {
		s.out = appendFrame(s.out, first, code, data...)
	}
}

// Answer takes what the host sends. The answer goes out with Next, at the speed
// of the line.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		switch {
		case b >= realtimeFlag:
			s.sync(b)
		case b == esc || b == soh:
			s.in, s.inner = append(s.in[:0], b), true
		case b == cr && s.inner:
			s.inner = false
			s.hostAt = now
			s.hear(now)
		case s.inner && len(s.in) < commandMax:
			s.in = append(s.in, b)
		}
	}
	return dst
}

// hear takes a frame of the host.
func (s *Simulator) hear(now time.Duration) {
	if !summed(s.in) {
		if s.in[0] == esc {
			s.say(now, soh, nak)
		}
		return
	}
	code, data := s.in[1], s.in[2:len(s.in)-2]
	if s.in[0] == soh {
		switch {
		case code == cmdInitialise && !s.ready:
			s.initialised(now)
		case code == cmdIdentify:
			s.known = len(data) > 0
		}
		return
	}
	s.command(now, code, data)
}

func (s *Simulator) initialised(now time.Duration) {
	s.ready, s.known, s.streams, s.enabled = true, false, nil, 0
	s.say(now, esc, cmdIdentify)
}

// command answers a command. Data is for a host that said who it is.
func (s *Simulator) command(now time.Duration, code byte, data []byte) {
	var body []byte
	switch code {
	case cmdInitialise:
		s.say(now, soh, code)
		s.initialised(now)
		return
	case cmdStop:
		s.ready = false
	case cmdIdentify:
		body = []byte(simID)
	case cmdConfigure:
		s.configure(data)
	default:
		if s.known {
			body = s.data(now, code)
		}
	}
	s.say(now, soh, code, body...)
}

func (s *Simulator) data(now time.Duration, code byte) []byte {
	v := s.source.Vitals(now)
	switch code {
	case cmdMeasured:
		return s.measured(v)
	case cmdLow:
		return []byte("B9 3.0EB 90 E1 40 ")
	case cmdHigh:
		return []byte("7D 40 B915.0EB100 E1140 E6 60 ")
	case cmdAlarms:
		return s.alarms(v)
	case cmdDate:
		at := simClock.Add(now)
		return fmt.Appendf(nil, "%s-%s-%s", at.Format("15:04:0502"), months[at.Month()-1], at.Format("06"))
	case cmdSettings:
		return []byte("01  40 040.50009 12.00B  5.0")
	case cmdTexts:
		return []byte("0E:Mode BIPAP\x0320;Mode Adults\x03224mmHg\x03")
	case cmdOffered:
		return s.offers()
	}
	return nil
}

func (s *Simulator) offers() []byte {
	var p []byte
	for id := range byte(16) {
		if c, ok := simCurveOf(id); ok {
			p = append(appendHex(p, id), c.offer...)
		}
	}
	return p
}

// measured is the list of what there is: what has no value is left out.
func (s *Simulator) measured(v sim.Vitals) []byte {
	var p []byte
	add := func(code byte, format string, x float64) {
		if !math.IsNaN(x) {
			p = fmt.Appendf(appendHex(p, code), format, x)
		}
	}
	volume := volumeOf(v)
	add(0x06, "%4.1f", 45)
	add(0x73, " %2.0f ", 9)
	add(0x74, " %2.0f ", 18)
	add(0x78, " %2.0f ", 5)
	add(0x7d, " %2.0f ", 20)
	if volume < 1000 {
		add(0x88, "%4.0f", volume)
	} else {
		add(0x82, "%4.2f", volume/1000)
	}
	add(0xb9, "%4.1f", math.Round(volume)*v.RespRate/1000)
	add(0xc1, " %2.0f ", 36)
	add(0xd6, "%3.0f ", v.RespRate)
	if v.EtCO2 > 0 {
		add(0xdb, "%4.1f", v.EtCO2/7.6) // of 760 mmHg
		add(0xe3, "%4.1f", v.EtCO2/7.50062)
		add(0xe6, "%3.0f ", v.EtCO2)
	}
	if v.Status&(vital.SensorOff|vital.SensorDisconnected) == 0 {
		add(0xe1, "%3.0f ", v.PulseRate)
		add(0xeb, "%3.0f ", v.SpO2)
	}
	add(0xf0, "%3.0f ", 40)
	return p
}

// volumeOf returns the tidal volume in mL.
func volumeOf(v sim.Vitals) float64 {
	if v.RespRate == 0 {
		return math.NaN()
	}
	return 7200 / max(v.RespRate, 6)
}

func (s *Simulator) alarms(v sim.Vitals) []byte {
	var p []byte
	add := func(priority, code byte, phrase string) {
		p = fmt.Appendf(appendHex(append(p, priority+0x30), code), "%-12s", phrase)
	}
	if v.LowBattery {
		add(31, 0x4b, "BATTERY ERR")
	}
	switch {
	case v.Status&(vital.SensorOff|vital.SensorDisconnected) != 0:
		add(28, 0x35, "SPO2SEN DISC")
	case v.Status&vital.SignalNonPulsatile != 0:
		add(28, 0x01, "NO SPO2PULSE")
	case v.SpO2 < 90:
		add(28, 0x07, "SPO2 LOW")
	}
	if v.RespRate == 0 {
		add(29, 0x98, "APNEA EVITA")
	}
	return p
}

// configure takes the argument of 54: a code and a multiple for each stream.
func (s *Simulator) configure(data []byte) {
	if !s.known || len(data)%4 != 0 || len(data) > 4*streamMax {
		return
	}
	s.streams, s.enabled = nil, 0
	for ; len(data) > 0; data = data[4:] {
		id, ok := hexByte(data)
		every, also := hexByte(data[2:])
		c, there := simCurveOf(id)
		if !ok || !also || !there || every == 0 {
			s.streams = nil
			return
		}
		s.streams = append(s.streams, simStream{id, int64(every), c})
	}
}

// sync takes a byte of a sync command of the host: only enabling counts.
func (s *Simulator) sync(b byte) {
	x := b & 0x0f
	switch {
	case b&syncMask == syncByte:
		s.state = 1
	case b&syncMask != syncOrder:
		s.state = 0
	case s.state == 1:
		s.order, s.state = x, 2
	case s.state == 2:
		s.state = 1
		if s.order >= orderEnable && s.order <= orderEnable+2 {
			shift := 4 * (s.order - orderEnable)
			s.enabled = s.enabled&^(0x0f<<shift) | uint16(x)<<shift
		}
	}
}

// record appends a realtime record, if a stream is enabled and due. Streams from
// the fifth on are left out: the order that announces them is for devices.
func (s *Simulator) record(dst []byte, now time.Duration) []byte {
	var mask byte
	var values []byte
	for i, c := range s.streams {
		if i >= 4 || s.enabled&(1<<i) == 0 || s.tick%c.every != 0 {
			continue
		}
		x := s.curve(c.id, now)
		if math.IsNaN(x) {
			continue
		}
		bin := int(math.Round((x - c.least) * float64(c.maxBin) / (c.most - c.least)))
		bin = max(0, min(bin, c.maxBin))
		mask |= 1 << i
		values = append(values, valueByte|byte(bin&0x3f), valueByte|byte(bin>>6))
	}
	if mask == 0 {
		return dst
	}
	dst = append(dst, syncByte|mask)
	if in := s.flow(now) > 0; !s.started || in != s.inspiring {
		s.inspiring, s.started = in, true
		argument := byte(syncOrder)
		if !in {
			argument++
		}
		dst = append(dst, syncOrder|orderPhase, argument)
	}
	return append(dst, values...)
}

// flow is that of the breathing wave, in parts of a breath a second.
func (s *Simulator) flow(now time.Duration) float64 {
	return (s.source.Resp(now+simTick) - s.source.Resp(now)) / simTick.Seconds()
}

func (s *Simulator) curve(id byte, now time.Duration) float64 {
	v, breath := s.source.Vitals(now), s.source.Resp(now)
	volume := volumeOf(v)
	switch id {
	case 0x00:
		return 5 + 15*breath
	case 0x01:
		return s.flow(now) * volume / 1000 * 60
	case 0x02:
		if v.Status&(vital.SensorOff|vital.SensorDisconnected) != 0 {
			return math.NaN()
		}
		return 100 * s.source.Pleth(now)
	case 0x03:
		return volume * breath
	}
	return s.source.CO2(now)
}
