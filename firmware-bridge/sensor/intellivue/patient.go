package intellivue

import (
	"math"
	"time"
	"unicode/utf16"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// simObject is an object as it is sent: a handle and a list of attributes.
type simObject struct {
	handle     uint16
	attributes writer
}

// simAttributes builds a list of attributes.
type simAttributes struct {
	w    writer
	n    uint16
	from int
}

func newAttributes() *simAttributes {
	a := new(simAttributes)
	a.w.u16(0)
	a.from = a.w.open()
	return a
}

func (a *simAttributes) begin(kind uint16) int {
	a.n++
	a.w.u16(kind)
	return a.w.open()
}

func (a *simAttributes) short(kind, value uint16) {
	at := a.begin(kind)
	a.w.u16(value)
	a.w.close(at)
}

func (a *simAttributes) long(kind uint16, value uint32) {
	at := a.begin(kind)
	a.w.u32(value)
	a.w.close(at)
}

func (a *simAttributes) done() writer {
	a.w.close(a.from)
	a.w[0], a.w[1] = byte(a.n>>8), byte(a.n)
	return a.w
}

// describe returns the objects of a poll.
func (s *Simulator) describe(p *simPoll, now time.Duration) []simObject {
	switch p.class {
	case classMDS:
		var w writer
		s.system(&w, now, true)
		return []simObject{{1, w}}
	case classAlerts:
		return []simObject{{2, s.alarms(p.group, now)}}
	case classNumeric:
		return s.values(p.group, now)
	}
	return s.shapes(now)
}

// system appends the attributes of the monitor itself; the product's in the
// answer to a poll.
func (s *Simulator) system(w *writer, now time.Duration, product bool) {
	a := newAttributes()
	at := a.begin(attrModel)
	label(&a.w, "Philips\x00")
	label(&a.w, "M8007A")
	a.w.close(at)
	a.short(attrMode, modeMonitoring)
	at = a.begin(attrTimeAbs)
	date := simClock.Add(now)
	for _, x := range []int{date.Year() / 100, date.Year() % 100, int(date.Month()), date.Day(), date.Hour(), date.Minute(), date.Second(), 0} {
		a.w.u8(byte(x/10<<4 | x%10))
	}
	a.w.close(at)
	a.long(attrTimeRel, s.running(now))
	if product {
		at = a.begin(attrProduct)
		a.w.u16(2)
		list := a.w.open()
		a.w.u16(specSerial, componentSelf)
		label(&a.w, "DE12345678")
		a.w.u16(specSoftware, componentSW)
		label(&a.w, "G.01.70")
		a.w.close(list)
		a.w.close(at)
	}
	w.u8(a.done()...)
}

func label(w *writer, text string) {
	at := w.open()
	w.u8([]byte(text)...)
	w.close(at)
}

// simNumeric is one value of an object; objects with several are compound.
type simNumeric struct {
	code     vital.Code
	unit     vital.Unit
	exponent int
	value    func(sim.Vitals) float64
}

const mmHg = vital.MmHg

var simNumerics = [...][]simNumeric{
	{{vital.HeartRate, vital.BeatsPerMinute, 0, func(v sim.Vitals) float64 { return v.HeartRate }}},
	{{vital.SpO2, vital.Percent, 0, func(v sim.Vitals) float64 { return v.SpO2 }}},
	{{149538, vital.BeatsPerMinute, 0, func(v sim.Vitals) float64 { return v.PulseRate }}},
	{{vital.PerfusionIndex, vital.NoUnit, -1, func(v sim.Vitals) float64 { return v.Perfusion }}},
	{{vital.RespRate, vital.BreathsPerMinute, 0, func(v sim.Vitals) float64 { return v.RespRate }}},
	{{vital.Temp, vital.Celsius, -1, func(v sim.Vitals) float64 { return v.Temp }}},
	{{vital.NIBPSystolic, mmHg, 0, func(v sim.Vitals) float64 { return v.Systolic }},
		{vital.NIBPDiastolic, mmHg, 0, func(v sim.Vitals) float64 { return v.Diastolic }},
		{vital.NIBPMean, mmHg, 0, func(v sim.Vitals) float64 { return v.Mean }}},
}

// values returns the numerics: values, or what describes them.
func (s *Simulator) values(group uint16, now time.Duration) []simObject {
	var objects []simObject
	v := s.source.Vitals(now)
	for i, object := range simNumerics {
		a := newAttributes()
		if group != groupValues {
			describeMetric(a, object[0].code)
		}
		if group != groupStatic {
			appendValues(a, object, v)
		}
		objects = append(objects, simObject{uint16(0x100 + i), a.done()})
	}
	return objects
}

func describeMetric(a *simAttributes, c vital.Code) {
	at := a.begin(attrMetric)
	a.w.u32(ticks)
	a.w.u16(1, 0x4000, 0, 0) // measured, periodic
	a.w.close(at)
	a.long(0x0924, uint32(c)) // label
	at = a.begin(0x0927)      // label string
	a.w.u16(12)
	for _, r := range "METRIC" {
		a.w.u16(uint16(r))
	}
	a.w.close(at)
	a.short(0x0911, 2) // colour
}

func appendValues(a *simAttributes, object []simNumeric, v sim.Vitals) {
	kind := uint16(attrNumeric)
	if len(object) > 1 {
		kind = attrNumerics
	}
	at := a.begin(kind)
	if len(object) > 1 {
		a.w.u16(uint16(len(object)), uint16(len(object)*numericLen))
	}
	for _, n := range object {
		x, state := n.value(v), uint16(0)
		value := uint32(0x7fffff)
		if math.IsNaN(x) || offPatient(n.code, v) {
			state = 0xa000 // invalid and unavailable
		} else {
			value = uint32(uint8(int8(n.exponent)))<<24 | uint32(int32(math.Round(x*math.Pow10(-n.exponent))))&0xffffff
		}
		a.w.u16(n.code.Term(), state, uint16(n.unit))
		a.w.u32(value)
	}
	a.w.close(at)
}

// offPatient reports whether a value is the oximeter's, whose sensor is off.
func offPatient(c vital.Code, v sim.Vitals) bool {
	off := v.Status&(vital.SensorOff|vital.SensorDisconnected) != 0
	return off && (c == vital.SpO2 || c == 149538 || c == vital.PerfusionIndex)
}

// alarms returns the attributes of the alert monitor. The codes of alerts are made
// up: no public source names them.
func (s *Simulator) alarms(group uint16, now time.Duration) writer {
	v := s.source.Vitals(now)
	a := newAttributes()
	if group != groupStatic {
		var patient, technical []simAlarm
		if v.SpO2 < 90 {
			patient = append(patient, simAlarm{vital.SpO2.Term(), 0x0400, "\ue40d\ue40d SpO₂ LOW"})
		}
		if v.RespRate == 0 {
			patient = append(patient, simAlarm{vital.RespRate.Term(), 0x0400, "\ue40d\ue40d\ue40d APNEA"})
		}
		switch {
		case v.ECGStatus&vital.SensorOff != 0:
			technical = append(technical, simAlarm{vital.ECG.Term(), 0x0001, "LEADS OFF"})
		case math.IsNaN(v.HeartRate) && !math.IsNaN(s.source.ECG(now)):
			patient = append(patient, simAlarm{vital.HeartRate.Term(), 0x0400, "\ue40d\ue40d\ue40d ASYSTOLE"})
		}
		if v.Status&(vital.SensorOff|vital.SensorDisconnected) != 0 {
			technical = append(technical, simAlarm{vital.SpO2.Term(), 0x0001, "SpO₂ SENSOR OFF"})
		}
		if v.LowBattery {
			technical = append(technical, simAlarm{0, 0x0002, "BATTERY LOW"})
		}
		appendAlarms(a, attrPatient, patient)
		appendAlarms(a, attrTechnical, technical)
	} else {
		a.short(0x0921, 2) // handle
	}
	return a.done()
}

type simAlarm struct {
	source, kind uint16
	text         string
}

func appendAlarms(a *simAttributes, kind uint16, alarms []simAlarm) {
	at := a.begin(kind)
	a.w.u16(uint16(len(alarms)))
	list := a.w.open()
	for i, x := range alarms {
		a.w.u16(x.source, 0x0010, x.kind, 0, classAlerts, 0, 2, infoText)
		info := a.w.open()
		a.w.u16(uint16(i), 0, 0, 0, 0)
		text := a.w.open()
		a.w.u16(utf16.Encode([]rune(x.text))...)
		a.w.u16(0)
		a.w.close(text)
		a.w.close(info)
	}
	a.w.close(list)
	a.w.close(at)
}

// simWave is a wave that there is.
type simWave struct {
	period, samples uint32
	bits            uint8
	unit            vital.Unit
	least, most     uint32 // FLOAT
	upper           uint16
	value           func(sim.Source, time.Duration) float64 // in parts of upper, NaN: none
}

func simWaveOf(physio uint16) simWave {
	switch physio {
	case vital.ECGLeadII.Term(): // -40.96 to 40.955 mV
		return simWave{16, 128, 14, vital.Millivolt, 0xfdff6000, 0xfd009ffb, 0x3fff,
			func(s sim.Source, at time.Duration) float64 { return (s.ECG(at) + 40.96) / 81.915 }}
	case vital.Pleth.Term():
		return simWave{64, 32, 12, vital.NoUnit, 0x7fffff, 0x7fffff, 0x0fff, sim.Source.Pleth}
	}
	return simWave{128, 16, 12, vital.Ohm, 0xff000000 | -6&0xffffff, 0xff000000 | 19, 0x0fff,
		func(s sim.Source, at time.Duration) float64 { return s.Resp(at) }}
}

func simHandle(physio uint16) uint16 { return 0x200 + physio&0xff }

// shapes returns what describes each wave.
func (s *Simulator) shapes(time.Duration) []simObject {
	var objects []simObject
	for _, physio := range s.wanted {
		a := newAttributes()
		describeWave(a, physio)
		objects = append(objects, simObject{simHandle(physio), a.done()})
	}
	return objects
}

func describeWave(a *simAttributes, physio uint16) {
	w := simWaveOf(physio)
	a.long(attrPeriod, w.period)
	at := a.begin(attrArraySpec)
	a.w.u16(uint16(w.samples))
	a.w.u8(16, w.bits)
	a.w.u16(0x3000)
	a.w.close(at)
	at = a.begin(attrFixed)
	a.w.u16(1, 4, fixedInvalid, 0x8000)
	a.w.close(at)
	a.short(attrUnit, uint16(w.unit))
	at = a.begin(attrScale)
	a.w.u32(w.least, w.most)
	a.w.u16(0, w.upper)
	a.w.close(at)
}

// arrays returns the samples that began at a time, and now and then what describes
// one of the waves.
func (s *Simulator) arrays(p *simPoll, at time.Duration) []simObject {
	var objects []simObject
	v := s.source.Vitals(at)
	for i, physio := range s.wanted {
		a := newAttributes()
		if p.sequence%simContext == 0 && int(p.sequence/simContext)%len(s.wanted) == i {
			describeWave(a, physio)
		}
		w := simWaveOf(physio)
		value := a.begin(attrArray)
		state := uint16(0)
		if physio == vital.Pleth.Term() && offPatient(vital.SpO2, v) || physio == vital.ECGLeadII.Term() && v.ECGStatus&vital.SensorOff != 0 {
			state = 0x2000
		}
		a.w.u16(physio, state)
		data := a.w.open()
		for k := range w.samples {
			a.w.u16(simSample(w, w.value(s.source, at+time.Duration(k*w.period)*125*time.Microsecond)))
		}
		a.w.close(data)
		a.w.close(value)
		objects = append(objects, simObject{simHandle(physio), a.done()})
	}
	return objects
}

func simSample(w simWave, part float64) uint16 {
	if math.IsNaN(part) {
		return 0x8000
	}
	return uint16(math.Round(max(0, min(1, part)) * float64(w.upper)))
}
