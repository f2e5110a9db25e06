package healthypi

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Steps of a simulated board: of the ECG a millivolt, of BioZ a whole breath. Real ones
// depend on settings.
const (
	simECG  = 50000
	simBioZ = 20000
)

// Simulator speaks the board's side.
type Simulator struct {
	source sim.Source
	tick   int64
	now    sim.Vitals
}

// Simulate returns a board that streams.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s} }

// Next appends the next packet.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	at := time.Duration(s.tick) * time.Second / sampleRate
	if s.tick%(sampleRate/2) == 0 {
		s.now = s.source.Vitals(at)
	}
	skip := byte(s.tick % 2 * skipped)
	spo2 := s.now.SpO2
	if s.now.Status&(vital.SensorOff|vital.SensorDisconnected) != 0 {
		spo2 = math.NaN()
	}
	ppg := steps(100000 * s.source.Pleth(at))
	dst = append(dst, header[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(steps(simECG*s.source.ECG(at))))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(steps(simBioZ*s.source.Resp(at))))
	dst = append(dst, skip)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(ppg))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(ppg))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(value(s.now.Temp*100, tempMost)))
	dst = append(dst, byte(value(spo2, 100)), byte(value(s.now.HeartRate, 0xff)), byte(value(s.now.RespRate, 0xff)))
	dst = append(dst, footer[:]...)
	s.tick++
	return dst, time.Duration(s.tick)*time.Second/sampleRate - at
}

// steps rounds a sample; a lead that is off is a flat line.
func steps(x float64) int32 {
	if math.IsNaN(x) {
		return 0
	}
	return int32(math.Round(x))
}

// value rounds x; 0 if there is none.
func value(x float64, most int) int {
	if x = math.Round(x); !(x >= 0 && x <= float64(most)) {
		return 0
	}
	return int(x)
}
