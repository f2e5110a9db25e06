// Package bedside is a patient made of integers: what a multi-parameter monitor
// would measure, for firmware that has no sensor attached. It follows from its
// seed, and takes no heap.
package bedside

import (
	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Counter is the metric of a number that counts the seconds recorded, from 0, so
// that whoever receives it can tell what is missing and what came twice.
const Counter = vital.Code(1024<<16 | 1) // vital.Private(1)

// What is recorded how often, in ms.
const (
	numericsEvery = 1000
	wavesEvery    = 500
	pressureEvery = 60 * 1000
	episodeEvery  = 5 * 60 * 1000 // a minute after each, oxygen falls for a while

	ecgRate   = 250 // Hz
	plethRate = 75

	late = 5000 // a caller who comes later than this has slept: nothing is made up for it
)

// Patient is the state. New makes one.
type Patient struct {
	random   uint32
	seconds  int
	numerics uint64 // uptime when the next are due
	waves    uint64

	heart, breath, oxygen, warmth int32  // /min, /min, tenths of a percent, hundredths of a degree
	phase                         uint32 // of the heart, 2^16 a beat
	alarm                         bool

	wave    vital.Wave
	samples [ecgRate * wavesEvery / 1000]int32
}

// New returns the patient with the given seed.
func New(seed uint32) *Patient {
	return &Patient{random: seed | 1, heart: 72, breath: 14, oxygen: 975, warmth: 3680}
}

// Record records what is due at an uptime in ms. Call it every 100 ms or so.
func (p *Patient) Record(s *firmware.Sensor, now uint64) error {
	if now > p.numerics+late {
		p.numerics, p.waves = now, now
	}
	for now >= p.waves {
		if err := p.record(s, vital.ECGLeadII, vital.Millivolt, ecgRate, vital.Dec(1, 0), 200); err != nil {
			return err
		}
		if err := p.record(s, vital.Pleth, vital.NoUnit, plethRate, vital.Decimal{}, 0); err != nil {
			return err
		}
		p.phase += uint32(p.heart) * (1 << 16) * wavesEvery / 60000
		p.waves += wavesEvery
	}
	for now >= p.numerics {
		p.live(p.numerics)
		if err := p.measure(s, p.numerics); err != nil {
			return err
		}
		p.numerics += numericsEvery
	}
	return nil
}

// live lets a second pass.
func (p *Patient) live(now uint64) {
	p.heart = p.walk(p.heart, 55, 110, 1)
	p.breath = p.walk(p.breath, 10, 22, 1)
	p.warmth = p.walk(p.warmth, 3640, 3780, 2)
	if since := now % episodeEvery; since >= 60000 && since < 90000 {
		p.oxygen = max(p.oxygen-6, 820)
	} else {
		p.oxygen = min(p.walk(p.oxygen, 820, 990, 2)+3, 990)
	}
}

// walk is a step of a bounded random walk.
func (p *Patient) walk(v, low, high, step int32) int32 {
	p.random ^= p.random << 13
	p.random ^= p.random >> 17
	p.random ^= p.random << 5
	v += (int32(p.random>>16)%3 - 1) * step
	return min(max(v, low), high)
}

func (p *Patient) measure(s *firmware.Sensor, now uint64) error {
	n := [...]vital.Numeric{
		{Code: Counter, Unit: vital.NoUnit, Value: vital.Int(p.seconds)},
		{Code: vital.HeartRate, Unit: vital.BeatsPerMinute, Value: vital.Int(int(p.heart))},
		{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(int(p.oxygen / 10))},
		{Code: vital.RespRate, Unit: vital.BreathsPerMinute, Value: vital.Int(int(p.breath))},
		{Code: vital.TempBody, Unit: vital.Celsius, Value: vital.Dec(int(p.warmth/10), -1)},
		{Code: vital.NIBPSystolic, Unit: vital.MmHg, Value: vital.Int(int(p.heart/2) + 84)},
		{Code: vital.NIBPDiastolic, Unit: vital.MmHg, Value: vital.Int(int(p.heart/3) + 52)},
		{Code: vital.NIBPMean, Unit: vital.MmHg, Value: vital.Int(int(p.heart/3) + 66)},
	}
	count := len(n)
	if now%pressureEvery != 0 {
		count -= 3
	}
	p.seconds++
	for i := range n[:count] {
		n[i].Time = now
		if err := s.Numeric(n[i]); err != nil {
			return err
		}
	}
	return p.alert(s, now)
}

// alert raises an alarm below 88 % and ends it above 90 %.
func (p *Patient) alert(s *firmware.Sensor, now uint64) error {
	state := vital.AlertPresent
	switch {
	case !p.alarm && p.oxygen < 880:
	case p.alarm && p.oxygen > 900:
		state = vital.AlertEnded
	default:
		return nil
	}
	p.alarm = !p.alarm
	return s.Alert(vital.Alert{
		Time: now, Source: vital.SpO2, Priority: vital.PriorityHigh, State: state,
		Value: vital.Int(int(p.oxygen / 10)), Limit: vital.Int(88), Text: "low oxygen saturation",
	})
}

// record records half a second of a wave.
func (p *Patient) record(s *firmware.Sensor, code vital.Code, unit vital.Unit, rate int, factor vital.Decimal, divisor uint32) error {
	n := rate * wavesEvery / 1000
	step := uint32(p.heart) * (1 << 16) / 60 / uint32(rate)
	for i := range n {
		at := p.phase + uint32(i)*step
		if code == vital.Pleth {
			p.samples[i] = at1(plethBeat, at-0x2000) // the pulse comes later than the beat
		} else {
			p.samples[i] = at1(ecgBeat, at)
		}
	}
	p.wave = vital.Wave{
		Time: p.waves, Code: code, Unit: unit, Rate: vital.Int(rate), Factor: factor, Divisor: divisor, Samples: p.samples[:n],
	}
	return s.Wave(&p.wave)
}

// One beat in 32 points, as text so that it stays in flash: '0' is the base line.
const (
	ecgBeat   = "000012321000.\\x5000012455421000000"
	plethBeat = "0028DQ_joqpmhb\\WSQPONLIFB>:741000"
)

// at1 returns the beat at a phase of 2^16 a beat, between its points.
func at1(beat string, phase uint32) int32 {
	i, part := phase>>11&31, int32(phase&0x7ff)
	a, b := int32(beat[i])-'0', int32(beat[(i+1)&31])-'0'
	return 4*a + 4*(b-a)*part/0x800
}
