package capnostream

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	simTick   = time.Second / waveHz
	simEpoch  = 1456181265
	simSilent = 15 * time.Second // without a word of the host
	simDevice = "V45.67 02/24/2008 B355987654  "
)

// Simulator speaks the side of a Capnostream with an oximeter. It sends nothing until
// communication is enabled and real-time data asked for, and stops when the host
// says nothing for 15 s (inferred; the real time is not public).
type Simulator struct {
	source  sim.Source
	tick    int64
	in      frames
	enabled bool
	started bool
	heardAt time.Duration
	refused int
}

// Simulate returns a monitor that was just switched on.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s} }

// Refused returns how many messages of the host the monitor did not understand.
func (s *Simulator) Refused() int { return s.refused + int(s.in.bad) }

// Next appends what the monitor sends in the next 50 ms.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	now := time.Duration(s.tick) * simTick
	if now-s.heardAt > simSilent {
		s.enabled, s.started = false, false
	}
	if s.started {
		dst = s.wave(dst, now)
		if s.tick%waveHz == 0 {
			dst = s.numerics(dst, now)
		}
	}
	s.tick++
	return dst, simTick
}

// Answer takes what the host sends.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		m := s.in.next(b)
		if m == nil {
			continue
		}
		s.heardAt = now
		switch {
		case len(m) == 1 && m[0] == enable[2]:
			s.enabled, s.started = true, false
			dst = appendMessage(dst, msgDevice, []byte(simDevice)...)
		case len(m) == 1 && m[0] == start[2] && s.enabled:
			s.started = true
		case len(m) == 1 && m[0] == linkActive[2]:
		default:
			s.refused++
		}
	}
	return dst
}

func (s *Simulator) wave(dst []byte, now time.Duration) []byte {
	x, fast := s.source.CO2(now)*waveScale, byte(0)
	if math.IsNaN(x) {
		x, fast = 0, fastInvalid
	}
	co2 := uint16(max(0, min(math.Round(x), math.MaxUint16)))
	return appendMessage(dst, msgWave, byte(s.tick), byte(co2>>8), byte(co2), fast)
}

func (s *Simulator) numerics(dst []byte, now time.Duration) []byte {
	v := s.source.Vitals(now)
	p := [numericsLen]byte{atEtHigh: 60, atEtLow: 15, atRateHigh: 30, atRateLow: 5, atFiHigh: 8, atSpO2High: 100, atSpO2Low: 85,
		atPulseHigh: 140, atPulseLow: 50, atUnit: unitMmHg}
	at := simEpoch + uint32(now/time.Second)
	p[0], p[1], p[2], p[3] = byte(at>>24), byte(at>>16), byte(at>>8), byte(at)
	p[atEtCO2], p[atFiCO2], p[atRate], p[atSpO2], p[atPulse] = whole(v.EtCO2), 0, whole(v.RespRate), whole(v.SpO2), whole(v.PulseRate)
	if math.IsNaN(v.EtCO2) {
		p[atFiCO2] = none
	}
	switch {
	case v.EtCO2 == 0:
		p[atEtCO2] = none // no breath was seen
	case v.EtCO2 > float64(p[atEtHigh]):
		p[atCO2Alarms] = 1 << 1
	case v.EtCO2 < float64(p[atEtLow]):
		p[atCO2Alarms] = 1 << 2
	}
	if v.RespRate == 0 {
		p[atCO2Alarms] |= 1
	}
	switch {
	case v.Status&vital.SensorDisconnected != 0:
		p[atSpO2], p[atPulse], p[atSpO2Alarms] = none, none, disconnected>>spo2Shift
	case v.Status&vital.SensorOff != 0:
		p[atSpO2], p[atPulse], p[atSpO2Alarms] = none, none, sensorOff>>spo2Shift
	case v.Status&vital.SignalNonPulsatile != 0:
		p[atSpO2Alarms] = noPulse >> spo2Shift
	case v.SpO2 < 85:
		p[atSpO2Alarms] = 1 << 2
	}
	if v.LowBattery {
		p[atExtended] = battery >> extendedShift
	}
	return appendMessage(dst, msgNumerics, p[:]...)
}

func whole(x float64) byte {
	if x = math.Round(x); !(x >= 0 && x < none) {
		return none
	}
	return byte(x)
}
