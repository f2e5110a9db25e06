package masimo

import (
	"fmt"
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// clock is when a simulated device believes it was switched on.
var clock = time.Date(2016, 2, 22, 22, 47, 45, 0, time.UTC)

const excNormal = 0x800

// Simulator speaks the device's side: a Rad-8 with the given serial number.
type Simulator struct {
	source sim.Source
	serial string
	tick   int64
}

// Simulate returns a device that sends ASCII1.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s, serial: "0000056661"} }

// Next appends the next line to dst and returns it with the time until the next
// call, one second.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	at := time.Duration(s.tick) * time.Second
	s.tick++
	v := s.source.Vitals(at)
	dst = clock.Add(at).AppendFormat(dst, "01/02/06 15:04:05")
	dst = fmt.Appendf(dst, " SN=%s SPO2=%s%% BPM=%s PI=%s%% SPCO=--.-%% SPMET=--.-%% DESAT=-- PIDELTA=+-- ALARM=0000 EXC=%06X\r\n",
		s.serial, whole(v.SpO2, 100), whole(v.PulseRate, 999), index(v.Perfusion), exc(v.Status))
	return dst, time.Second
}

func whole(x float64, top float64) string {
	if x = math.Round(x); !(x >= 0 && x <= top) {
		return "---"
	}
	return fmt.Sprintf("%03.0f", x)
}

func index(x float64) string {
	if x = math.Round(x*100) / 100; !(x >= 0 && x < 100) {
		return "--.--"
	}
	return fmt.Sprintf("%05.2f", x)
}

// exc is statusOf the other way round. Artifact has no bit but poor signal.
func exc(s vital.Status) uint32 {
	n := uint32(excNormal)
	if s&vital.SignalErratic != 0 {
		s |= vital.SignalPoor
	}
	s &^= vital.Questionable
	for _, e := range exceptions {
		if e.bit != 0x040 && s&e.status != 0 {
			n |= e.bit
		}
	}
	return n
}
