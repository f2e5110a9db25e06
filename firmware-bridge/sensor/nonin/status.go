package nonin

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// Bits of STATUS in formats 2 and 7.
const (
	statusFrame        = 0x80 // always set
	statusDisconnected = 0x40 // OEM III; reserved in the 9560
	statusArtifact     = 0x20
	statusOutOfTrack   = 0x10
	statusSensorAlarm  = 0x08 // finger out
	statusRed          = 0x04 // low perfusion
	statusGreen        = 0x02 // good perfusion; both: marginal
	statusSync         = 0x01
)

// Bits of the first and fourth bytes of format 8.
const (
	df8Frame        = 0x80
	df8OutOfTrack   = 0x20
	df8LowPerfusion = 0x10
	df8Marginal     = 0x08
	df8Artifact     = 0x04
	df8SensorAlarm  = 0x08 // byte 4
	df8LowBattery   = 0x01 // byte 4
)

const (
	stat2LowBattery = 0x01
	rateMissing     = 511
	spo2Missing     = 127
	absent          = vital.SensorOff | vital.SensorDisconnected // no number, whatever is sent
)

// statusOf translates one STATUS byte.
func statusOf(b byte) (s vital.Status) {
	if b&statusDisconnected != 0 {
		s |= vital.SensorDisconnected
	}
	if b&statusArtifact != 0 {
		s |= vital.SignalErratic | vital.Questionable
	}
	if b&statusOutOfTrack != 0 {
		s |= vital.SignalSearching | vital.Questionable
	}
	if b&statusSensorAlarm != 0 {
		s |= vital.SensorOff
	}
	switch b & (statusRed | statusGreen) {
	case statusRed:
		s |= vital.SignalLowPerfusion | vital.Questionable
	case statusRed | statusGreen:
		s |= vital.SignalLowPerfusion
	}
	return s
}

// rate appends a pulse rate of 9 bits.
func rate(dst *vital.Batch, v int, s vital.Status) {
	value, s := checked(v, v == rateMissing, false, s)
	dst.Numerics = append(dst.Numerics, vital.Numeric{
		Code: vital.PulseRate, Unit: vital.BeatsPerMinute, Value: value, Status: s,
	})
}

// saturation appends an SpO2 of 7 bits. Above 100 it is no saturation.
func saturation(dst *vital.Batch, v int, s vital.Status) {
	value, s := checked(v, v == spo2Missing, v > 100, s)
	dst.Numerics = append(dst.Numerics, vital.Numeric{
		Code: vital.SpO2, Unit: vital.Percent, Value: value, Status: s,
	})
}

// checked returns the number, or NaN and NotAvailable in place of Questionable.
func checked(v int, missing, wrong bool, s vital.Status) (vital.Decimal, vital.Status) {
	if wrong && !missing {
		s |= vital.Invalid
	}
	if missing || wrong || s&absent != 0 {
		return vital.NaN, s&^vital.Questionable | vital.NotAvailable
	}
	return vital.Int(v), s
}

// battery remembers the low battery bit and tells when it changes.
type battery struct{ low bool }

func (b *battery) set(dst *vital.Batch, low bool) {
	if low == b.low {
		return
	}
	b.low = low
	state := vital.AlertEnded
	if low {
		state = vital.AlertPresent
	}
	dst.Alerts = append(dst.Alerts, vital.Alert{
		Kind: vital.Technical, Priority: vital.PriorityLow, State: state,
		Value: vital.NaN, Limit: vital.NaN, Text: "low battery",
	})
}
