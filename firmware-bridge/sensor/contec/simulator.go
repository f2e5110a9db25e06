package contec

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// aliveMax is how long a simulated device goes on without hearing from the host: two
// of the document's five seconds. What a real one does is not documented.
const aliveMax = 10 * time.Second

// simName is what a simulated device calls itself.
var simName = [7]byte{'C', 'M', 'S', '5', '0', 'F'}

// Simulator speaks the device's side.
type Simulator struct {
	source sim.Source
	v5     bool
	tick   int64
	now    sim.Vitals

	in      []byte // of a command
	running bool
	hostAt  time.Duration
}

// SimulateV7 returns a device that waits to be asked.
func SimulateV7(s sim.Source) *Simulator { return &Simulator{source: s} }

// SimulateV5 returns a device that streams.
func SimulateV5(s sim.Source) *Simulator { return &Simulator{source: s, v5: true, running: true} }

// Next appends what the device sends in a sixtieth of a second.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	at := time.Duration(s.tick) * time.Second / sampleRate
	if s.tick%(sampleRate/2) == 0 {
		s.now = s.source.Vitals(at)
	}
	if !s.v5 && at-s.hostAt > aliveMax {
		s.running = false
	}
	if s.running && s.v5 {
		dst = s.frame(dst, at)
	} else if s.running {
		dst = s.realtime(dst, at)
	}
	s.tick++
	return dst, time.Duration(s.tick)*time.Second/sampleRate - at
}

// flags are those that the device has for a sensor's state.
func (s *Simulator) flags() (probe, searching bool) {
	return s.now.Status&(vital.SensorOff|vital.SensorDisconnected) != 0, s.now.Status&vital.SignalSearching != 0
}

// curve is the pleth in seven bits, constant without a finger.
func (s *Simulator) curve(at time.Duration) byte {
	if probe, _ := s.flags(); probe {
		return 0x40
	}
	return byte(math.Round(0x7f * math.Max(0, math.Min(1, s.source.Pleth(at)))))
}

func (s *Simulator) realtime(dst []byte, at time.Duration) []byte {
	probe, searching := s.flags()
	pleth := s.curve(at)
	p := [7]byte{5, pleth, pleth >> 3, byte(number(s.now.PulseRate, rateNone)), byte(number(s.now.SpO2, spo2None))}
	index := number(s.now.Perfusion*100, indexMax+1)
	if index > indexMax || probe {
		index = indexNone
		p[2] |= 0x10
	}
	p[5], p[6] = byte(index), byte(index>>8)
	if searching {
		p[1] |= 0x80
	}
	if probe {
		p[0], p[3], p[4] = 0x80, rateNone, spo2None
	}
	return appendMessage(dst, msgRealtime, p[:]...)
}

func (s *Simulator) frame(dst []byte, at time.Duration) []byte {
	probe, searching := s.flags()
	pleth, rate := s.curve(at), number(s.now.PulseRate, rateNone)
	f := [v5Len]byte{flag | 5, pleth, pleth>>3 | byte(rate>>7)<<6, byte(rate & 0x7f), byte(number(s.now.SpO2, spo2None))}
	if searching {
		f[2] |= 0x20
	}
	if probe {
		f[0], f[2] = flag, f[2]|0x10
	}
	return append(dst, f[:]...)
}

// number rounds x; what is missing or does not fit below none is none.
func number(x float64, none int) int {
	if x = math.Round(x); !(x >= 0 && x < float64(none)) {
		return none
	}
	return int(x)
}

// Answer takes what the host sends, and answers at once.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	if s.v5 {
		return dst
	}
	for _, b := range p {
		switch {
		case b&flag == 0:
			s.in = append(s.in[:0], b)
		case len(s.in) > 0 && len(s.in) < commandLen:
			s.in = append(s.in, b)
		}
		if len(s.in) == commandLen && s.in[0] == commandType {
			dst = s.command(dst, now)
			s.in = s.in[:0]
		}
	}
	return dst
}

// command answers one command; what it does not know, it says so.
func (s *Simulator) command(dst []byte, now time.Duration) []byte {
	code := s.in[2]&^flag | s.in[1]<<7
	switch s.hostAt = now; code {
	case cmdStart:
		s.running = true
	case cmdStop:
		s.running = false
		return appendMessage(dst, msgFree)
	case cmdName:
		return appendMessage(dst, msgDevice, simName[:]...)
	case cmdAlive:
	default:
		return appendMessage(dst, msgFeedback, code, notSupported)
	}
	return dst
}
