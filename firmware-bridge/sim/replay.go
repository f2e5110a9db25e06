package sim

import (
	"errors"
	"math"
	"strings"
	"time"
)

// breathWindow is over how many seconds a respiration rate is averaged.
const breathWindow = 16.0

// ReplayConfig says what to replay. Record or Numerics must be there.
type ReplayConfig struct {
	Record   *Record      // waves; nil: none
	Numerics *Numerics    // numbers; nil: none but the heart rate, which comes from the beats
	Beats    []Annotation // beats of Record; nil: found in the ECG, or in the pleth
	Fill     Source       // answers for what is not recorded; nil: no value, flat wave
}

// Replay is a Source that plays a recording, over and over.
//
// Waves are interpolated between the recorded samples; the pleth and the
// respiration are stretched so that the middle 99 % of the record fills the
// device's range. Numbers come from the numerics, each row valid until the
// next; without numerics heart rate and pulse rate come from the beats of the
// last 8 seconds, the respiration rate from the breaths of the last 16, and nothing
// else has a value. A record without a pleth but with beats has a pleth drawn at
// those beats, a model and not a recording: DrawnPleth tells. Where Fill gives
// pressures or CO2, their waves too go by the record's beats and breaths.
type Replay struct {
	cfg              ReplayConfig
	ecg, pleth, resp *Signal
	pressure, co2    *Signal
	plethLo, plethHi float64
	respLo, respHi   float64
	beats, breaths   []float64 // seconds
}

// NewReplay prepares a recording for replay.
func NewReplay(cfg ReplayConfig) (*Replay, error) {
	r := &Replay{cfg: cfg}
	if cfg.Record == nil && cfg.Numerics == nil {
		return nil, errors.New("sim: replay needs a record or numerics")
	}
	if cfg.Record == nil {
		return r, nil
	}
	if cfg.Record.Frames == 0 || !(cfg.Record.Hz > 0) {
		return nil, errors.New("sim: replay: the record has no samples")
	}
	r.ecg = cfg.Record.Signal("II", "MLII", "ECG", "I", "V", "V5", "V1", "V2", "AVR", "III")
	r.pleth = cfg.Record.Signal("PLETH", "PPG")
	r.resp = cfg.Record.Signal("RESP")
	r.pressure = inMmHg(cfg.Record.Signal("ABP", "ART", "AOP", "UAP", "P1"))
	r.co2 = inMmHg(cfg.Record.Signal("CO2"))
	r.plethLo, r.plethHi = spread(r.pleth)
	r.respLo, r.respHi = spread(r.resp)
	r.findBeats()
	if r.resp != nil {
		r.breaths = breathTimes(r.resp, cfg.Record.Hz, r.respLo, r.respHi)
	}
	return r, nil
}

func (r *Replay) findBeats() {
	hz := r.cfg.Record.Hz
	switch {
	case r.cfg.Beats != nil:
		for _, a := range r.cfg.Beats {
			if a.Beat() {
				r.beats = append(r.beats, float64(a.Sample)/hz)
			}
		}
	case r.ecg != nil && hz >= 60:
		r.beats = beatTimes(r.ecg, hz, 0.1, 0.25, false)
	case r.pleth != nil && hz >= 20:
		r.beats = beatTimes(r.pleth, hz, 0.15, 0.3, true)
	}
}

// DrawnPleth reports whether the pleth is drawn at the beats because none was
// recorded.
func (r *Replay) DrawnPleth() bool { return r.pleth == nil && len(r.beats) > 1 }

// Duration returns the time after which the replay begins anew.
func (r *Replay) Duration() time.Duration {
	if r.cfg.Record != nil {
		return r.cfg.Record.Duration()
	}
	return r.cfg.Numerics.Duration()
}

func (r *Replay) wrap(at time.Duration) time.Duration {
	if d := r.Duration(); d > 0 {
		return at % d
	}
	return 0
}

// Vitals returns the numbers recorded for, or derived at, the time.
func (r *Replay) Vitals(at time.Duration) Vitals {
	v := NoVitals()
	in := r.wrap(at)
	if n := r.cfg.Numerics; n != nil {
		if d := n.Duration(); r.cfg.Record != nil && d > 0 {
			in = at % d // the numerics have a length of their own
		}
		v.HeartRate, v.PulseRate = n.Value(in, "HR"), n.Value(in, "PULSE", "PR")
		v.SpO2, v.RespRate = n.Value(in, "SpO2"), n.Value(in, "RESP", "RR")
		v.Temp, v.Perfusion = n.Value(in, "TEMP"), n.Value(in, "PI")
		v.Systolic = n.Value(in, "NBPSys", "ABPSys")
		v.Diastolic = n.Value(in, "NBPDias", "ABPDias")
		v.Mean = n.Value(in, "NBPMean", "ABPMean")
		v.ArterialSystolic, v.ArterialDiastolic = n.Value(in, "ABPSys"), n.Value(in, "ABPDias")
		v.ArterialMean, v.EtCO2 = n.Value(in, "ABPMean"), n.Value(in, "EtCO2", "CO2")
	} else if len(r.beats) > 0 {
		v.HeartRate = rateAt(r.beats, in.Seconds(), rateWindow)
		v.PulseRate = v.HeartRate
	}
	if r.cfg.Numerics == nil && len(r.breaths) > 0 {
		v.RespRate = rateAt(r.breaths, in.Seconds(), breathWindow)
	}
	if r.cfg.Fill != nil {
		fill(&v, r.cfg.Fill.Vitals(at))
	}
	return v
}

func fill(v *Vitals, from Vitals) {
	for _, p := range []struct {
		to   *float64
		from float64
	}{
		{&v.HeartRate, from.HeartRate}, {&v.PulseRate, from.PulseRate}, {&v.SpO2, from.SpO2},
		{&v.Perfusion, from.Perfusion}, {&v.RespRate, from.RespRate}, {&v.Temp, from.Temp},
		{&v.Systolic, from.Systolic}, {&v.Diastolic, from.Diastolic}, {&v.Mean, from.Mean},
		{&v.EtCO2, from.EtCO2}, {&v.ArterialSystolic, from.ArterialSystolic},
		{&v.ArterialDiastolic, from.ArterialDiastolic}, {&v.ArterialMean, from.ArterialMean},
	} {
		if math.IsNaN(*p.to) {
			*p.to = p.from
		}
	}
	v.Status |= from.Status
	v.ECGStatus |= from.ECGStatus
	v.LowBattery = v.LowBattery || from.LowBattery
}

// Pleth returns the recorded pleth, or one drawn at the beats.
func (r *Replay) Pleth(at time.Duration) float64 {
	switch {
	case r.pleth != nil:
		x := r.interpolate(r.pleth, at)
		if math.IsNaN(x) {
			return 0
		}
		return clamp((x - r.plethLo) / (r.plethHi - r.plethLo))
	case len(r.beats) > 1:
		return 0.1 + 0.75*pulse(phase(r.beats, r.wrap(at).Seconds()-transit))
	case r.cfg.Fill != nil:
		return r.cfg.Fill.Pleth(at)
	}
	return 0
}

// ECG returns the recorded ECG in the record's unit, which is mV if the record
// is calibrated, and NaN where it has none.
func (r *Replay) ECG(at time.Duration) float64 {
	if r.ecg == nil {
		if r.cfg.Fill != nil {
			return r.cfg.Fill.ECG(at)
		}
		return math.NaN()
	}
	return r.interpolate(r.ecg, at)
}

// Resp returns the recorded respiration.
func (r *Replay) Resp(at time.Duration) float64 {
	if r.resp == nil {
		if r.cfg.Fill != nil {
			return r.cfg.Fill.Resp(at)
		}
		return 0
	}
	x := r.interpolate(r.resp, at)
	if math.IsNaN(x) {
		return 0
	}
	return clamp((x - r.respLo) / (r.respHi - r.respLo))
}

// Pressure returns the recorded arterial pressure, or one of Fill's height drawn at
// the beats.
func (r *Replay) Pressure(at time.Duration) float64 {
	switch {
	case r.pressure != nil || r.cfg.Fill == nil:
		return r.recorded(r.pressure, at)
	case len(r.beats) < 2:
		return r.cfg.Fill.Pressure(at)
	}
	v := r.cfg.Fill.Vitals(at)
	return v.ArterialDiastolic + (v.ArterialSystolic-v.ArterialDiastolic)*arterial(phase(r.beats, r.wrap(at).Seconds()-arteryDelay))
}

// CO2 returns the recorded CO2, or one of Fill's height drawn at the breaths.
func (r *Replay) CO2(at time.Duration) float64 {
	switch {
	case r.co2 != nil || r.cfg.Fill == nil:
		return r.recorded(r.co2, at)
	case len(r.breaths) < 2:
		return r.cfg.Fill.CO2(at)
	}
	return r.cfg.Fill.Vitals(at).EtCO2 * capnogram(phase(r.breaths, r.wrap(at).Seconds()))
}

func (r *Replay) recorded(s *Signal, at time.Duration) float64 {
	if s == nil {
		return math.NaN()
	}
	return r.interpolate(s, at)
}

// inMmHg returns the signal if its unit is that of pressures here.
func inMmHg(s *Signal) *Signal {
	if s == nil || !strings.EqualFold(s.Unit, "mmHg") {
		return nil
	}
	return s
}

func (r *Replay) interpolate(s *Signal, at time.Duration) float64 {
	pos := r.wrap(at).Seconds() * r.cfg.Record.Hz
	i := int(pos)
	a, b := s.Value(i), s.Value(min(i+1, len(s.Samples)-1))
	return a + (b-a)*(pos-float64(i))
}

// spread returns the values between which 99 % of the samples lie, hi above lo.
func spread(s *Signal) (lo, hi float64) {
	if s == nil {
		return 0, 1
	}
	values := make([]float64, 0, len(s.Samples))
	for i := range s.Samples {
		if x := s.Value(i); !math.IsNaN(x) {
			values = append(values, x)
		}
	}
	return percentiles(values)
}
