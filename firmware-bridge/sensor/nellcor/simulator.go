package nellcor

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	// Period is the time between two lines of a simulated device.
	Period = 2 * time.Second

	page      = 24 // lines of data between two headers
	simHeader = "N-595     VERSION 1.0.0.1     CRC:1A2B  SpO2 Limit: 85-100%    PR Limit: 40-170BPM\r\n" +
		"                          ADULT       0SAT-S    SPO2 RESP MODE: NORMAL\r\n" +
		"TIME                %SPO2    BPM     PA     Status\r\n"
)

// simClock is when a simulated device believes it was switched on.
var simClock = time.Date(2026, 11, 22, 14, 30, 15, 0, time.UTC)

// Simulator speaks the device's side, with the limits that its header names.
type Simulator struct {
	source sim.Source
	tick   int64
}

// Simulate returns a device that prints.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s} }

// Next appends the next line, with a header before each 24th.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	at := time.Duration(s.tick) * Period
	if s.tick%page == 0 {
		dst = append(dst, simHeader...)
	}
	s.tick++
	v := s.source.Vitals(at)
	var codes []string
	spo2, rate, amplitude := "---", "---", "---"
	switch {
	case v.Status&vital.SensorDisconnected != 0:
		codes = append(codes, "SD")
	case v.Status&vital.SensorOff != 0:
		codes = append(codes, "SO")
	default:
		spo2, codes = inLimits(v.SpO2, 85, 100, codes, "SL", "SH")
		rate, codes = inLimits(v.PulseRate, 40, 170, codes, "PL", "PH")
		amplitude, _ = inLimits(v.Perfusion*10, 1, 999, nil, "", "")
	}
	if v.Status&vital.SignalErratic != 0 {
		codes = append(codes, "MO")
	}
	if v.Status&vital.SignalSearching != 0 {
		codes = append(codes, "PS")
	}
	if v.LowBattery {
		codes = append(codes, "LB")
	}
	return fmt.Appendf(dst, "%s   %4s   %4s   %4s   %s\r\n", simClock.Add(at).Format("02-Jan-06 15:04:05"),
		spo2, rate, amplitude, strings.Join(codes, " ")), Period
}

// inLimits prints a number, and adds a code if it is outside.
func inLimits(x, low, high float64, codes []string, below, above string) (string, []string) {
	switch x = math.Round(x); {
	case !(x > 0 && x < 1000):
		return "---", codes
	case x < low:
		return fmt.Sprintf("%.0f*", x), append(codes, below)
	case x > high:
		return fmt.Sprintf("%.0f*", x), append(codes, above)
	}
	return fmt.Sprintf("%.0f ", x), codes
}
