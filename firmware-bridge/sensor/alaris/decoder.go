package alaris

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// DefaultInterval is the time between two questions for the state of the infusion.
const DefaultInterval = 2 * time.Second

// Private codes.
const (
	family    = 10 << 8
	nInfused  = 1
	nPressure = 2
	nMode     = 3
)

// noPressure stands for a pressure that is not measured.
const noPressure = "-50.00"

// Config is what a decoder can be told. The zero value is a good one.
type Config struct {
	Interval time.Duration // between two questions; default: DefaultInterval
}

// Decoder reads what a pump sends, and is the host's side of the line. Make one with
// New.
type Decoder struct {
	frames   frames
	host     host
	serial   string
	protocol string
	told     string // the identification
	mode     string
	alarm    string // that is present
}

// New returns a decoder.
func New(cfg Config) (*Decoder, error) {
	interval := cfg.Interval
	if interval == 0 {
		interval = DefaultInterval
	}
	if interval < 0 {
		return nil, fmt.Errorf("alaris: interval %v is negative", interval)
	}
	return &Decoder{host: host{interval: interval}}, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		text := d.frames.next(b)
		if text == nil {
			continue
		}
		if !d.reply(dst, text) {
			d.frames.good--
			d.frames.bad++
		}
	}
}

// Flush ends the stream. What was known of the pump is forgotten, but who it is.
func (d *Decoder) Flush(*vital.Batch) {
	d.frames.drop()
	d.frames.stray = false
	d.alarm = ""
}

// Frames counts replies, as the package comment says.
func (d *Decoder) Frames() (good, bad uint64) { return d.frames.good, d.frames.bad }

// reply reads the answer to a question; false if it has not the form of one. What
// else a pump says is right, and not read.
func (d *Decoder) reply(dst *vital.Batch, text []byte) bool {
	command, rest, values := bytes.Cut(text, []byte{'^'})
	switch string(command) {
	case "INST_SERIALNO", "COMMS_PROTOCOL":
		if !values {
			return true // our own question, in a recording of both sides
		}
		kept := &d.protocol
		if command[0] == 'I' {
			kept = &d.serial
		}
		keep(kept, rest)
		d.host.reply(command)
		d.identify(dst)
	case "INF":
		if !values {
			return true
		}
		if !d.infusion(dst, rest) {
			return false
		}
		d.host.reply(command)
	}
	return true
}

func keep(s *string, p []byte) {
	if *s != string(p) {
		*s = string(p)
	}
}

// identify tells of a pump that is new, once everything that it says of itself is
// there.
func (d *Decoder) identify(dst *vital.Batch) {
	if d.serial == "" || d.protocol == "" || d.told == d.serial+"^"+d.protocol {
		return
	}
	d.told = d.serial + "^" + d.protocol
	words := clip(fmt.Sprintf("Alaris pump %s, %s", d.serial, d.protocol))
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: words})
}

func clip(s string) string { return s[:min(len(s), vital.MaxText)] }

// Fields of the answer to INF, after the command.
const (
	fieldSerial = iota
	fieldAlarm
	fieldMode
	fieldRate
	fieldRateUnit
	fieldDrug
	fieldVolume
	fieldVolumeUnit
	fieldPressure
	fieldPressureUnit
	infFields // more may follow
)

func (d *Decoder) infusion(dst *vital.Batch, rest []byte) bool {
	var f [infFields][]byte
	more := true
	for i := range f {
		if !more {
			return false
		}
		f[i], rest, more = bytes.Cut(rest, []byte{'^'})
		f[i] = bytes.TrimSpace(f[i])
	}
	if string(f[fieldSerial]) != d.serial && len(f[fieldSerial]) > 0 { // another pump
		keep(&d.serial, f[fieldSerial])
		d.identify(dst)
	}
	pressure := f[fieldPressure]
	if string(pressure) == noPressure {
		pressure = nil
	}
	number(dst, vital.InfusionRate, vital.MillilitrePerHour, f[fieldRate], string(f[fieldRateUnit]) == "ml/h")
	number(dst, vital.Private(family|nInfused), vital.Millilitre, f[fieldVolume], string(f[fieldVolumeUnit]) == "ml")
	number(dst, vital.Private(family|nPressure), vital.MmHg, pressure, string(f[fieldPressureUnit]) == "mmHg")
	d.state(dst, f[fieldMode], f[fieldAlarm])
	return true
}

// number reads digits with at most one point; only a pressure has a sign.
func number(dst *vital.Batch, code vital.Code, unit vital.Unit, text []byte, known bool) {
	n := vital.Numeric{Code: code, Unit: unit, Value: vital.NaN, Status: vital.NotAvailable}
	if len(text) > 0 && known {
		v, err := vital.ParseDecimal(text)
		if err != nil || bytes.ContainsAny(text, "eE+") || v.Mantissa < 0 && unit != vital.MmHg {
			n.Status |= vital.Invalid
		} else {
			n.Value, n.Status = v, 0
		}
	}
	dst.Numerics = append(dst.Numerics, n)
}

// state gives the mode, and the alarm when it changes.
func (d *Decoder) state(dst *vital.Batch, mode, alarm []byte) {
	if mode = mode[:min(len(mode), vital.MaxText)]; d.mode != string(mode) {
		d.mode = string(mode)
	}
	e := vital.Enumeration{Code: vital.Private(family | nMode), Text: d.mode}
	if d.mode == "" {
		e.Status = vital.NotAvailable
	}
	dst.Enumerations = append(dst.Enumerations, e)
	if string(alarm) == "-" {
		alarm = nil
	}
	if alarm = alarm[:min(len(alarm), vital.MaxText)]; d.alarm == string(alarm) {
		return
	}
	d.raise(dst, vital.AlertEnded)
	d.alarm = string(alarm)
	d.raise(dst, vital.AlertPresent)
}

func (d *Decoder) raise(dst *vital.Batch, state vital.AlertState) {
	if d.alarm != "" {
		dst.Alerts = append(dst.Alerts, vital.Alert{
			Source: vital.InfusionRate, Kind: vital.Technical, Priority: vital.PriorityHigh, State: state,
			Value: vital.NaN, Limit: vital.NaN, Text: d.alarm,
		})
	}
}
