package gedri

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	simTick  = 250 * time.Millisecond
	simWave  = 4 // ticks between two records of waves
	simLevel = 9
	simPlug  = 17
	simTidal = 480 // ml
	ambient  = 760 // mmHg
)

// simClock is when a simulated monitor believes that it was switched on.
var simClock = time.Date(2020, 4, 17, 9, 0, 0, 0, time.UTC)

// Simulator speaks the side of an S/5 monitor of level '05: ECG, one arterial
// pressure, NIBP, one temperature, oximeter, CO2, O2 and spirometry. CO2 is the
// patient's, in percent of 760 mmHg; an inspired O2 of 40 %, a tidal volume of 480 ml
// and pressures of 5 to 20 cmH2O go with the breathing. An ECG without beats is
// an asystole, if all leads are on; for a source that has no CO2 or no arterial
// pressure, the monitor has no module. Records with a wrong sum or form are ignored,
// as by the monitor.
type Simulator struct {
	source sim.Source
	in     frames
	tick   int64
	number byte

	interval  time.Duration // between numbers, 0: none
	numbersAt time.Duration
	classes   byte
	waves     []byte
	wavesFrom int64 // the tick from which on they are sent
	fresh     bool  // nothing was sent since the request
}

// Simulate returns a monitor that nobody has asked for anything.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s} }

// Answer takes what the host sends. A monitor has no answers but the data.
func (s *Simulator) Answer(dst, p []byte, _ time.Duration) []byte {
	for _, b := range p {
		if r := s.in.next(b); r != nil {
			s.request(r)
		}
	}
	return dst
}

// request takes a record of the host: one sub-record, a request.
func (s *Simulator) request(r []byte) {
	k, p, ok := sub(r, 0)
	_, _, more := sub(r, 1)
	if !ok || more || k != subRequest {
		return
	}
	switch {
	case headerOf(r).kind == typeNumbers && len(p) == numbersRequestLen && p[0] == subDisplayed:
		s.numbers(time.Duration(le16(p[1:]))*time.Second, p[3])
	case headerOf(r).kind == typeWaves && len(p) == wavesRequestLen:
		s.startWaves(p)
	}
}

func (s *Simulator) numbers(interval time.Duration, classes byte) {
	if interval != 0 && interval < DefaultInterval {
		return
	}
	s.interval, s.classes, s.numbersAt = interval, classes, time.Duration(s.tick+1)*simTick
}

func (s *Simulator) startWaves(p []byte) {
	s.waves = nil
	if le16(p) != 0 {
		return
	}
	sum := 0
	for _, k := range p[4 : 4+wavesMax] {
		if k == subEnd {
			break
		}
		w := waveOf(k)
		if w != nil && sum+w.hz <= samplesMax && simulated(k) {
			sum += w.hz
			s.waves = append(s.waves, k)
		}
	}
	s.wavesFrom, s.fresh = s.tick+1, true
}

// simulated reports whether the monitor has the wave.
func simulated(k byte) bool {
	switch k {
	case 1, 4, 8, 9, 13, 14, 15:
		return true
	}
	return false
}

// Next appends what the monitor sends in the next quarter of a second.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	now := time.Duration(s.tick) * simTick
	if s.interval > 0 && now >= s.numbersAt {
		s.numbersAt = now + s.interval
		dst = s.sendNumbers(dst, now)
	}
	if len(s.waves) > 0 && s.tick > s.wavesFrom && (s.tick-s.wavesFrom)%simWave == 0 {
		dst = s.sendWaves(dst, now-simWave*simTick)
	}
	s.tick++
	return dst, simTick
}

// head makes the first 40 bytes of a record with the types of its sub-records.
func (s *Simulator) head(kind byte, now time.Duration, offsets []int, kinds []byte) []byte {
	r := make([]byte, headerLen)
	s.number++
	r[2], r[3], r[4], r[14] = s.number, simLevel, simPlug, kind
	put32(r[6:], uint32(simClock.Add(now).Unix()))
	for i := range kinds {
		put16(r[16+3*i:], int16(offsets[i]))
		r[18+3*i] = kinds[i]
	}
	if len(kinds) < subMax {
		r[18+3*len(kinds)] = subEnd
	}
	return r
}

func put16(p []byte, v int16) { p[0], p[1] = byte(v), byte(uint16(v)>>8) }

func put32(p []byte, v uint32) { put16(p, int16(v)); put16(p[2:], int16(v>>16)) }

func (s *Simulator) sendNumbers(dst []byte, now time.Duration) []byte {
	subs := [][]byte{s.basic(now)}
	for class := ext1; class < classes; class++ {
		if s.classes&(1<<class) != 0 {
			subs = append(subs, blank(class, now))
		}
	}
	var offsets []int
	var kinds []byte
	for i := range subs {
		offsets, kinds = append(offsets, i*numbersLen), append(kinds, subDisplayed)
	}
	r := s.head(typeNumbers, now, offsets, kinds)
	for _, p := range subs {
		r = append(r, p...)
	}
	put16(r, int16(len(r)))
	return appendFrame(dst, r)
}

// blank is a sub-record of a class in which no group exists.
func blank(class int, now time.Duration) []byte {
	p := make([]byte, numbersLen)
	put32(p, uint32(simClock.Add(now).Unix()))
	for i := range groups[class] {
		for _, f := range groups[class][i].fields {
			v := invalid
			put16(p[f.at:], int16(v))
		}
	}
	p[classAt+1] = byte(class)
	return p
}

func (s *Simulator) basic(now time.Duration) []byte {
	p := blank(basic, now)
	v := s.source.Vitals(now)
	set := func(at int, x, scale float64) {
		n := math.Round(x * scale)
		if math.IsNaN(n) {
			n = invalid
		}
		put16(p[at:], int16(n))
	}
	head := func(at int, status uint32, label int16) {
		put32(p[at:], status|bitExists|bitActive)
		put16(p[at+4:], label)
	}
	head(4, s.ecg(v, now), 0x0200) // channel 1 is lead II
	set(10, v.HeartRate, 1)
	if !math.IsNaN(v.HeartRate) {
		set(12, 0.3, 100)
	}
	set(18, v.RespRate, 1)
	if !math.IsNaN(v.ArterialMean) {
		head(20, 0, labelART)
		set(26, v.ArterialSystolic, 100)
		set(28, v.ArterialDiastolic, 100)
		set(30, v.ArterialMean, 100)
		set(32, pulseOf(v, v.ArterialSystolic), 1)
	}
	head(76, 0, 0)
	set(82, v.Systolic, 100)
	set(84, v.Diastolic, 100)
	set(86, v.Mean, 100)
	set(88, pulseOf(v, v.Systolic), 1)
	head(90, 0, labelT1)
	set(96, v.Temp, 100)
	s.oximeter(p, head, set, v)
	s.gases(p, head, set, v)
	for _, at := range [...]int{heartRateECGAt, heartRateMaxAt, heartRateMinAt} {
		set(at, math.NaN(), 1)
	}
	return p
}

// ecg returns the status of the ECG.
func (s *Simulator) ecg(v sim.Vitals, now time.Duration) uint32 {
	const status = sourceECG1 << 3
	switch {
	case v.ECGStatus&vital.SensorOff != 0:
		return status | allChannelsOff
	case math.IsNaN(v.HeartRate) && !math.IsNaN(s.source.ECG(now)):
		return status | bitAsystole
	}
	return status
}

// pulseOf returns the pulse rate that goes with a systolic pressure. The lead or the
// finger whose rate it is may be off.
func pulseOf(v sim.Vitals, systolic float64) float64 {
	switch {
	case math.IsNaN(systolic):
		return systolic
	case math.IsNaN(v.HeartRate):
		return v.PulseRate
	}
	return v.HeartRate
}

func (s *Simulator) oximeter(p []byte, head func(int, uint32, int16), set func(int, float64, float64), v sim.Vitals) {
	head(122, 0, 0)
	if v.Status&(vital.SensorOff|vital.SensorDisconnected) != 0 {
		return
	}
	set(128, v.SpO2, 100)
	set(130, v.PulseRate, 1)
	set(132, v.Perfusion, 100)
}

func (s *Simulator) gases(p []byte, head func(int, uint32, int16), set func(int, float64, float64), v sim.Vitals) {
	var apnea uint32
	if v.RespRate == 0 {
		apnea = 1 << 2
	}
	if !math.IsNaN(v.EtCO2) {
		head(136, apnea, 1)
		set(142, percent(v.EtCO2), 100)
		set(144, 0, 100)
		set(146, v.RespRate, 1)
		set(148, ambient, 10)
	}
	head(150, 0, 0)
	set(156, 35, 100)
	set(158, 40, 100)
	head(182, 2<<8, 0) // body temperature, saturated
	set(188, v.RespRate, 1)
	set(190, 20, 100)
	set(192, 5, 100)
	set(194, 18, 100)
	set(196, simTidal+10, 10)
	set(198, simTidal, 10)
	set(200, 37, 100)
	set(202, simTidal*v.RespRate/1000, 100)
}

// percent returns what a partial pressure in mmHg is of the ambient pressure.
func percent(mmHg float64) float64 { return 100 * mmHg / ambient }

func (s *Simulator) sendWaves(dst []byte, from time.Duration) []byte {
	var data []byte
	var offsets []int
	for _, k := range s.waves {
		offsets = append(offsets, len(data))
		data = s.samples(data, waveOf(k), from)
	}
	r := append(s.head(typeWaves, from+simWave*simTick, offsets, s.waves), data...)
	put16(r, int16(len(r)))
	s.fresh = false
	return appendFrame(dst, r)
}

// samples appends a second of a wave.
func (s *Simulator) samples(dst []byte, w *wave, from time.Duration) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	put16(dst[at:], int16(w.hz))
	if s.fresh {
		dst[at+2] = waveGap
	}
	if w.lead > 0 && s.source.Vitals(from).ECGStatus&vital.SensorOff != 0 {
		dst[at+2] |= waveLeadOff
	}
	scale := math.Pow10(-int(w.exp))
	for i := range w.hz {
		x := math.Round(s.sample(w.sub, from+time.Duration(i)*time.Second/time.Duration(w.hz)) * scale)
		if math.IsNaN(x) {
			x = invalid
		}
		n := int16(max(invalid, min(x, math.MaxInt16)))
		dst = append(dst, byte(n), byte(uint16(n)>>8))
	}
	return dst
}

func (s *Simulator) sample(k byte, at time.Duration) float64 {
	breath := s.source.Resp(at)
	switch k {
	case 1:
		return s.source.ECG(at)
	case 4:
		return s.source.Pressure(at)
	case 8:
		return 10 * s.source.Pleth(at)
	case 9:
		return percent(s.source.CO2(at))
	case 13:
		return 5 + 15*breath
	case 14:
		const step = 20 * time.Millisecond
		return (s.source.Resp(at+step) - breath) / step.Seconds() * simTidal * 60 / 1000
	}
	return 100 + breath
}
