package lines

import (
	"math"
	"strconv"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Simulator speaks the device's side: a board that sends a key=value line by
// the well-known names every second.
type Simulator struct {
	source sim.Source
	tick   int64
}

// Simulate returns a board that sends lines such as
// "hr=72 pr=72 spo2=97 pi=3.4 rr=14 temp=36.8 sys=121 dia=77 map=92".
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s} }

// Next appends the next line to dst and returns it with the time until the next
// call, one second.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	v := s.source.Vitals(time.Duration(s.tick) * time.Second)
	s.tick++
	if v.Status&(vital.SensorOff|vital.SensorDisconnected) != 0 {
		v.PulseRate, v.SpO2, v.Perfusion = math.NaN(), math.NaN(), math.NaN()
	}
	for i, p := range []struct {
		key    string
		x      float64
		digits int
	}{
		{"hr", v.HeartRate, 0}, {"pr", v.PulseRate, 0}, {"spo2", v.SpO2, 0}, {"pi", v.Perfusion, 1},
		{"rr", v.RespRate, 0}, {"temp", v.Temp, 1}, {"sys", v.Systolic, 0}, {"dia", v.Diastolic, 0}, {"map", v.Mean, 0},
	} {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, p.key...), '=')
		if math.IsNaN(p.x) {
			dst = append(dst, "--"...)
		} else {
			dst = strconv.AppendFloat(dst, p.x, 'f', p.digits, 64)
		}
	}
	return append(dst, "\r\n"...), time.Second
}
