package suntech

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

const (
	// SelfPeriod is how often somebody starts a measurement at a simulated module.
	SelfPeriod = time.Minute

	selfFirst = 20 * time.Second
	simFill   = 8 * time.Second
	simRate   = 5 // mmHg a second, down
)

// Simulator speaks the module's side. Nobody but a button starts it, until the host does:
// then nobody presses the button any more. The cuff fills to 40 mmHg above the
// patient's systolic pressure in 8 s and loses 5 mmHg a second, to 20 below the diastolic.
type Simulator struct {
	source  sim.Source
	tick    int64
	in      []byte
	hosted  bool // the host has started a measurement
	busy    bool
	beganAt time.Duration
	result  [resultLen]byte
	runs    byte
}

// Simulate returns a module that was just switched on.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s, result: nothing} }

// Next appends nothing: a module only answers.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	const step = 100 * time.Millisecond
	s.to(time.Duration(s.tick) * step)
	s.tick++
	return dst, step
}

// to lets time go by.
func (s *Simulator) to(now time.Duration) {
	if !s.busy && !s.hosted && now >= selfFirst && (now-selfFirst)%SelfPeriod == 0 {
		s.busy, s.beganAt = true, now
	}
	if s.busy && s.pressure(now) == 0 && now > s.beganAt {
		s.busy = false
		s.end(now)
	}
}

// pressure is that of the cuff.
func (s *Simulator) pressure(now time.Duration) int {
	if !s.busy {
		return 0
	}
	v, t := s.source.Vitals(s.beganAt), now-s.beganAt
	top, bottom := v.Systolic+40, v.Diastolic-20
	if math.IsNaN(top) || math.IsNaN(bottom) {
		top, bottom = 180, 40
	}
	if t < simFill {
		return max(1, int(top*t.Seconds()/simFill.Seconds()))
	}
	p := top - simRate*(t-simFill).Seconds()
	if p < bottom {
		return 0
	}
	return int(p)
}

// end makes the result of a measurement.
func (s *Simulator) end(now time.Duration) {
	v := s.source.Vitals(now)
	s.runs++
	p := [resultLen]byte{0: moduleStart, 1: resultLen, 6: 30, 7: 1, 14: s.runs}
	if math.IsNaN(v.Systolic) || math.IsNaN(v.Diastolic) || math.IsNaN(v.Mean) || math.IsNaN(v.PulseRate) {
		p[6], p[20] = 0, 1
	} else {
		for at, x := range map[int]float64{2: v.Systolic, 4: v.Diastolic, 18: v.Mean} {
			n := uint16(math.Round(x))
			p[at], p[at+1] = byte(n), byte(n>>8)
		}
		p[16] = byte(min(255, math.Round(v.PulseRate)))
	}
	p[resultLen-1] = -sum(p[:])
	s.result = p
}

// Answer takes what the host sends, and answers at once. What is not one of the three
// requests is not answered, nor a start while a measurement is under way: what a module
// does then is not known.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		if b == hostStart && len(s.in) == 0 || len(s.in) > 0 {
			s.in = append(s.in, b)
		}
		switch {
		case len(s.in) < 3 || sum(s.in) != 0 && len(s.in) < 5:
		case string(s.in) == "\x3a\x20\xa6":
			s.in = s.in[:0]
			if !s.busy {
				s.busy, s.hosted, s.beganAt = true, true, now
				dst = appendMessage(dst, moduleStart, replyLen, acknowledge)
			}
		case string(s.in) == "\x3a\x79\x05\x00\x48":
			s.in = s.in[:0]
			n := s.pressure(now)
			dst = appendMessage(dst, moduleStart, cuffLen, byte(n), byte(n>>8))
		case string(s.in) == "\x3a\x79\x03\x00\x4a":
			s.in = s.in[:0]
			dst = append(dst, s.result[:]...)
		case len(s.in) >= 5:
			s.in = s.in[:0]
		}
	}
	return dst
}
