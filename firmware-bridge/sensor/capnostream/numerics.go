package capnostream

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// Offsets in the payload of the numerics.
const (
	atEtCO2       = 4
	atFiCO2       = 5
	atRate        = 6
	atSpO2        = 7
	atPulse       = 8
	atCO2Alarms   = 13
	atSpO2Alarms  = 14
	atEtHigh      = 16
	atEtLow       = 17
	atRateHigh    = 18
	atRateLow     = 19
	atFiHigh      = 20
	atSpO2High    = 21
	atSpO2Low     = 22
	atPulseHigh   = 23
	atPulseLow    = 24
	atUnit        = 25
	atExtended    = 26
	numericsLen   = 27
	spo2Shift     = 8  // of the SpO2 alarms among all
	extendedShift = 16 // of the extended CO2 status
)

// condition is a bit that the numerics tell.
type condition struct {
	bit      uint32
	text     string
	kind     vital.AlertKind
	priority vital.Priority
	of       vital.Code
	value    int // offset, 0 is none
	limit    int
}

const (
	noPulse      = 1 << 0 << spo2Shift
	sensorOff    = 1 << 5 << spo2Shift
	disconnected = 1 << 6 << spo2Shift
	calibration  = 1 << 0 << extendedShift
	flow         = 1 << 1 << extendedShift
	pumpOff      = 1 << 2 << extendedShift
	battery      = 1 << 7 << extendedShift
)

var conditions = [...]condition{
	{1 << 0, "no breath", vital.Physiological, vital.PriorityHigh, rateCO2, 0, 0},
	{1 << 1, "EtCO2 high", vital.Physiological, vital.PriorityMedium, vital.EtCO2, atEtCO2, atEtHigh},
	{1 << 2, "EtCO2 low", vital.Physiological, vital.PriorityMedium, vital.EtCO2, atEtCO2, atEtLow},
	{1 << 3, "RR high", vital.Physiological, vital.PriorityMedium, rateCO2, atRate, atRateHigh},
	{1 << 4, "RR low", vital.Physiological, vital.PriorityMedium, rateCO2, atRate, atRateLow},
	{1 << 5, "FiCO2 high", vital.Physiological, vital.PriorityMedium, InspiredCO2, atFiCO2, atFiHigh},
	{noPulse, "pulse not found", vital.Technical, vital.PriorityLow, vital.SpO2, 0, 0},
	{1 << 1 << spo2Shift, "SpO2 high", vital.Physiological, vital.PriorityMedium, vital.SpO2, atSpO2, atSpO2High},
	{1 << 2 << spo2Shift, "SpO2 low", vital.Physiological, vital.PriorityHigh, vital.SpO2, atSpO2, atSpO2Low},
	{1 << 3 << spo2Shift, "pulse rate high", vital.Physiological, vital.PriorityMedium, vital.PulseRate, atPulse, atPulseHigh},
	{1 << 4 << spo2Shift, "pulse rate low", vital.Physiological, vital.PriorityMedium, vital.PulseRate, atPulse, atPulseLow},
	{sensorOff, "SpO2 sensor off patient", vital.Technical, vital.PriorityLow, vital.SpO2, 0, 0},
	{disconnected, "SpO2 sensor disconnected", vital.Technical, vital.PriorityLow, vital.SpO2, 0, 0},
	{calibration, "check calibration", vital.Technical, vital.PriorityLow, vital.EtCO2, 0, 0},
	{flow, "check flow", vital.Technical, vital.PriorityLow, vital.EtCO2, 0, 0},
	{pumpOff, "pump off", vital.Technical, vital.PriorityLow, vital.EtCO2, 0, 0},
	{battery, "battery low", vital.Technical, vital.PriorityLow, 0, 0, 0},
}

func (d *Decoder) numerics(dst *vital.Batch, p []byte) {
	if d.unit != p[atUnit] {
		d.endRun(dst)
	}
	d.unit = p[atUnit]
	on := uint32(p[atCO2Alarms]) | uint32(p[atSpO2Alarms])<<spo2Shift | uint32(p[atExtended])<<extendedShift
	co2, oximeter := co2Status(d.fast), vital.Status(0)
	if on&calibration != 0 {
		co2 |= vital.Questionable
	}
	if on&flow != 0 {
		co2 |= vital.SignalPoor
	}
	if on&pumpOff != 0 {
		co2 |= vital.SensorOff
	}
	if on&noPulse != 0 {
		oximeter |= vital.SignalSearching
	}
	if on&sensorOff != 0 {
		oximeter |= vital.SensorOff
	}
	if on&disconnected != 0 {
		oximeter |= vital.SensorDisconnected
	}
	pressure := p[atUnit] == unitMmHg
	d.emit(dst, on, vital.EtCO2, vital.MmHg, p[atEtCO2], co2, pressure)
	d.emit(dst, on, InspiredCO2, vital.MmHg, p[atFiCO2], co2, pressure)
	d.emit(dst, on, rateCO2, vital.BreathsPerMinute, p[atRate], co2, true)
	d.emit(dst, on, vital.SpO2, vital.Percent, p[atSpO2], oximeter, p[atSpO2] <= 100 || p[atSpO2] == none)
	d.emit(dst, on, vital.PulseRate, vital.BeatsPerMinute, p[atPulse], oximeter, true)
	d.alerts(dst, p, on)
}

// emit gives a number; possible is false for one that cannot be, or whose unit is not
// known.
func (d *Decoder) emit(dst *vital.Batch, on uint32, code vital.Code, unit vital.Unit, b byte, s vital.Status, possible bool) {
	v := vital.Int(int(b))
	for i := range conditions {
		c := &conditions[i]
		if on&c.bit != 0 && c.kind == vital.Physiological && c.of == code {
			s |= vital.InAlarm
		}
	}
	switch {
	case b == none || s&absent != 0:
		v, s = vital.NaN, s&^vital.Questionable|vital.NotAvailable
	case !possible && code == vital.SpO2:
		v, s = vital.NaN, s|vital.Invalid|vital.NotAvailable
	case !possible:
		v, s = vital.NaN, s|vital.NotAvailable
	}
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: code, Unit: unit, Value: v, Status: s})
}

// alerts tells which conditions began and ended.
func (d *Decoder) alerts(dst *vital.Batch, p []byte, on uint32) {
	changed := on ^ d.alarms
	d.alarms = on
	for i := range conditions {
		c := &conditions[i]
		if changed&c.bit == 0 {
			continue
		}
		a := vital.Alert{Source: c.of, Kind: c.kind, Priority: c.priority, State: vital.AlertEnded, Value: vital.NaN, Limit: vital.NaN, Text: c.text}
		if on&c.bit != 0 {
			a.State = vital.AlertPresent
		}
		if co2 := c.of == vital.EtCO2 || c.of == InspiredCO2; !co2 || d.unit == unitMmHg {
			a.Value, a.Limit = given(p, c.value), given(p, c.limit)
		}
		dst.Alerts = append(dst.Alerts, a)
	}
}

func given(p []byte, at int) vital.Decimal {
	if at == 0 || p[at] == none {
		return vital.NaN
	}
	return vital.Int(int(p[at]))
}
