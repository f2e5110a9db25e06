package nellcor

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// codes are the status codes of a line, a bit for each of the table.
type codes uint16

// statusCodes are those with a meaning.
var statusCodes = [...]struct {
	name     string
	status   vital.Status
	alert    string // text; empty: none
	kind     vital.AlertKind
	priority vital.Priority
	source   vital.Code
	limit    limitOf
}{
	{name: "AO", status: vital.AlarmOff},
	{name: "AS", alert: "alarm silenced", kind: vital.Advisory},
	{name: "LB", alert: "low battery", kind: vital.Technical, priority: vital.PriorityLow},
	{name: "LM", status: vital.SignalNonPulsatile | vital.SensorInterference | vital.Questionable,
		alert: "loss of pulse, interference", source: vital.PulseRate},
	{name: "LP", status: vital.SignalNonPulsatile | vital.Questionable, alert: "loss of pulse", source: vital.PulseRate},
	{name: "MO", status: vital.SensorInterference | vital.Questionable},
	{name: "PH", alert: "pulse rate high", source: vital.PulseRate, limit: rateHigh},
	{name: "PL", alert: "pulse rate low", source: vital.PulseRate, limit: rateLow},
	{name: "PS", status: vital.SignalSearching | vital.Questionable},
	{name: "SH", alert: "saturation high", source: vital.SpO2, limit: spo2High},
	{name: "SL", alert: "saturation low", source: vital.SpO2, limit: spo2Low},
	{name: "SD", status: vital.SensorDisconnected, alert: "sensor disconnected", kind: vital.Technical, priority: vital.PriorityLow},
	{name: "SO", status: vital.SensorOff, alert: "sensor off", kind: vital.Technical, priority: vital.PriorityLow},
}

func codeOf(word []byte) codes {
	for i, c := range statusCodes {
		if c.name == string(word) {
			return 1 << i
		}
	}
	return 0
}

func (c codes) status() (s vital.Status) {
	for i, x := range statusCodes {
		if c&(1<<i) != 0 {
			s |= x.status
		}
	}
	return s
}

// alerts tells which codes are new and which are gone.
func (d *Decoder) alerts(dst *vital.Batch, now codes, spo2, rate vital.Decimal) {
	changed := now ^ d.active
	d.active = now
	if changed == 0 {
		return
	}
	for i, c := range statusCodes {
		if changed&(1<<i) == 0 || c.alert == "" {
			continue
		}
		a := vital.Alert{Source: c.source, Kind: c.kind, Priority: c.priority, Value: vital.NaN, Limit: d.limits.of(c.limit), Text: c.alert}
		if now&(1<<i) == 0 {
			a.State = vital.AlertEnded
		}
		switch c.source {
		case vital.SpO2:
			a.Value = spo2
		case vital.PulseRate:
			a.Value = rate
		}
		dst.Alerts = append(dst.Alerts, a)
	}
}
