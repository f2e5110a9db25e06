package pb840

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

const (
	simTick  = 10 * time.Millisecond
	simBytes = 38 // that 38400 baud carry in a tick
	simLast  = 173
	simLastA = 101
)

// Simulator speaks the side of a ventilator's DCI port. The patient has no ventilator:
// the tidal volume keeps 7.2 L/min from 6 breaths a minute on, 15 cmH2O above a PEEP of
// 5. An apnea and a low battery are alarms. It knows SNDF and SNDA.
type Simulator struct {
	source  sim.Source
	in, out []byte
	refused int
}

// Simulate returns a ventilator that was just switched on.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s} }

// Refused returns how many lines of the host the ventilator did not understand.
func (s *Simulator) Refused() int { return s.refused }

// Next appends what the line carries in the next 10 ms.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	n := min(simBytes, len(s.out))
	dst = append(dst, s.out[:n]...)
	s.out = append(s.out[:0], s.out[n:]...)
	return dst, simTick
}

// Answer takes what the host sends. The answer goes out with Next.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		if b != cr {
			s.in = append(s.in[max(0, len(s.in)-16):], b)
			continue
		}
		switch string(s.in) + "\r" {
		case requests[0]:
			s.out = s.settings(s.out, now, true)
		case requests[1]:
			s.out = s.settings(s.out, now, false)
		default:
			s.refused++
		}
		s.in = s.in[:0]
	}
	return dst
}

// settings appends MISCF or MISCA.
func (s *Simulator) settings(dst []byte, now time.Duration, long bool) []byte {
	var fields [simLast + 1]string
	v := s.source.Vitals(now)
	fields[5], fields[6] = "14:51", "840 3510000001"
	put := func(f, a int, format string, x float64) {
		if !long {
			f = a
		}
		fields[f] = fmt.Sprintf(format, x)
	}
	if v.RespRate > 0 {
		put(70, 34, "%.1f", v.RespRate)
		put(71, 35, "%.3f", litres(v.RespRate))
		put(72, 36, "%.3f", litres(v.RespRate)*v.RespRate)
	}
	put(73, 38, "%.1f", 20)
	put(74, 39, "%.1f", 9.5)
	put(69, 40, "%.1f", 20)
	put(13, 10, "%.1f", 12)
	put(14, 11, "%.3f", 0.6)
	put(15, 12, "%.1f", 55)
	put(16, 13, "%.0f", 21)
	put(18, 15, "%.1f", 5)
	last, name := simLastA, "MISCA"
	fields[9] = "CMV"
	if long {
		last, name = simLast, "MISCF"
		s.more(&fields, v)
	}
	return appendAnswer(dst, name, fields[firstNo:last+1])
}

// more fills in what MISCF alone has.
func (s *Simulator) more(fields *[simLast + 1]string, v sim.Vitals) {
	fields[7], fields[8], fields[9], fields[10], fields[12] = "NOV 22 2011", "INVASIVE", "A/C", "VC", "V-Trig"
	fields[77], fields[87] = "21", "5.0"
	for _, a := range alarms {
		fields[a.f] = "NORMAL"
	}
	if v.LowBattery {
		fields[115] = "LOW"
	}
	if v.RespRate == 0 {
		fields[106] = "HIGH"
	}
}

// widthOf returns the width of a field of MISCF and MISCA.
func widthOf(name string, no int) int {
	switch {
	case no == 6, no == 53 && name == "MISCF":
		return 18
	case no == 7 && name == "MISCF", no == 8 && name == "MISCA", no == 62 && name == "MISCA":
		return 12
	case name == "MISCF" && (no == 8 || no == 50 || no == 55 || no == 66), name == "MISCA" && no == 100:
		return 9
	}
	return 6
}

func appendAnswer(dst []byte, name string, fields []string) []byte {
	var body bytes.Buffer
	for i, f := range fields {
		fmt.Fprintf(&body, "%-*s,", widthOf(name, firstNo+i), f)
	}
	count := fmt.Sprint(len(fields))
	if name == "MISCF" {
		count += " "
	}
	return fmt.Appendf(dst, "%s,%d,%s,\x02%s\x03\r", name, body.Len(), count, body.Bytes())
}

// WaveSimulator speaks the side of a ventilator's waveform port.
type WaveSimulator struct {
	source sim.Source
	tick   int64
	rising bool
	breath int
}

// SimulateWaves returns a ventilator that sends flow and pressure.
func SimulateWaves(s sim.Source) *WaveSimulator { return &WaveSimulator{source: s, breath: 15428} }

// Next appends the next line, and a breath's end and beginning where it is due.
func (s *WaveSimulator) Next(dst []byte) ([]byte, time.Duration) {
	const step = time.Second / waveHz
	now := time.Duration(s.tick) * step
	s.tick++
	breath := s.source.Resp(now)
	slope := (s.source.Resp(now+step) - breath) / step.Seconds()
	if rising := slope > 0; rising != s.rising {
		if s.rising = rising; rising {
			if s.breath++; s.tick > 1 {
				dst = append(dst, "BE\r\n"...)
			}
			dst = fmt.Appendf(dst, "BS, S:%d,\r\n", s.breath)
		}
	}
	volume := litres(s.source.Vitals(now).RespRate)
	return fmt.Appendf(dst, "%.2f, %.2f\r\n", hundredths(slope*volume*60), hundredths(5+15*breath)), step
}

// litres returns the tidal volume at a respiration rate.
func litres(rate float64) float64 {
	if !(rate > 6) {
		rate = 6
	}
	return 7.2 / rate
}

// hundredths rounds, without a minus before nought.
func hundredths(x float64) float64 { return math.Round(x*100)/100 + 0 }
