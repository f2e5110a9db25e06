package bbraun

import (
	"bytes"
	"fmt"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// pump is what is known of the pump at one address, or of the ComDevice.
type pump struct {
	seen        uint32 // quantities that were told, by the number of the code
	unit        [32]vital.Unit
	alarms      uint16
	code        int  // the last GNERR
	faulty      bool // since that
	told        string
	model, no   [24]byte // of the block being read
	modelN, noN int
	short, long string

	// Of the block being read.
	modes, modesKnown   uint32
	alarm, alarmsKnown  uint16
	anyModes, anyAlarms bool
}

// take reads a parameter.
func (p *pump) take(dst *vital.Batch, q quadruple) {
	what := parameterOf(q.name)
	switch what.kind {
	case numeric, absent16:
		p.number(dst, q, what)
	case coded:
		p.coded(dst, q, what)
	case text:
		p.words(dst, q, what)
	case mode:
		p.anyModes = true
		if on, ok := yes(q.value); ok {
			p.modesKnown |= 1 << what.n
			p.modes |= on << what.n
		}
	case alarm:
		p.anyAlarms = true
		if on, ok := yes(q.value); ok {
			p.alarmsKnown |= 1 << what.n
			p.alarm |= uint16(on) << what.n
		}
	case model:
		p.modelN = copy(p.model[:], bytes.TrimSuffix(q.value, []byte{'\r'}))
	case serial:
		p.noN = copy(p.no[:], q.value)
	}
}

// missing reports whether there is no value, for good or for the moment.
func missing(value []byte) bool {
	return len(value) == 0 || string(value) == "_NV" || string(value) == "_NA"
}

func yes(value []byte) (uint32, bool) {
	if len(value) != 1 || value[0] < '0' || value[0] > '1' {
		return 0, false
	}
	return uint32(value[0] - '0'), true
}

func (p *pump) number(dst *vital.Batch, q quadruple, what parameter) {
	v, s := vital.NaN, vital.NotAvailable
	if !missing(q.value) {
		var err error
		v, err = vital.ParseDecimal(q.value)
		whole, digits := wholePart(q.value)
		switch {
		case err != nil || !digits || whole > what.most:
			v, s = vital.NaN, vital.NotAvailable|vital.Invalid
		case what.kind == absent16 && whole == 65535:
			v = vital.NaN
		default:
			s = 0
		}
	}
	p.seen |= 1 << what.n
	p.unit[what.n] = what.unit
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: codeOf(q.at.x, q.at.y, what.n), Unit: what.unit, Value: v, Status: s})
}

// wholePart reads the digits before the point. A sign or an exponent is not of the
// protocol.
func wholePart(p []byte) (n int, ok bool) {
	before, after, _ := bytes.Cut(p, []byte{'.'})
	if len(before) == 0 || len(before) > 7 || len(after) > 7 {
		return 0, false
	}
	n, ok = number(before)
	_, also := number(after)
	return n, ok && also
}

func (p *pump) coded(dst *vital.Batch, q quadruple, what parameter) {
	e := vital.Enumeration{Code: codeOf(q.at.x, q.at.y, what.n)}
	n, ok := number(q.value)
	switch {
	case missing(q.value):
		e.Status = vital.NotAvailable
	case !ok || len(q.value) > 5 || n > what.most:
		e.Status = vital.NotAvailable | vital.Invalid
	default:
		e.Value = uint32(n)
	}
	dst.Enumerations = append(dst.Enumerations, e)
}

func (p *pump) words(dst *vital.Batch, q quadruple, what parameter) {
	e := vital.Enumeration{Code: codeOf(q.at.x, q.at.y, what.n)}
	kept := &p.short
	if what.n == nLong {
		kept = &p.long
	}
	switch {
	case missing(q.value):
		e.Status = vital.NotAvailable
	case !wellFormed(q.value):
		e.Status = vital.NotAvailable | vital.Invalid
	default:
		if *kept != string(q.value) {
			*kept = string(q.value)
		}
		e.Text = *kept
	}
	dst.Enumerations = append(dst.Enumerations, e)
}

// finish gives what the block said in several parameters. p may be nil.
func (p *pump) finish(dst *vital.Batch, at address) {
	if p == nil {
		return
	}
	if p.anyModes {
		e := vital.Enumeration{Code: codeOf(at.x, at.y, nModes), Value: p.modesKnown<<16 | p.modes}
		if p.modesKnown == 0 {
			e.Status = vital.NotAvailable
		}
		dst.Enumerations = append(dst.Enumerations, e)
	}
	p.identify(dst, at)
	if p.anyAlarms {
		p.tellAlarms(dst, at)
	}
	p.modes, p.modesKnown, p.alarm, p.alarmsKnown = 0, 0, 0, 0
	p.anyModes, p.anyAlarms, p.modelN, p.noN = false, false, 0, 0
}

// identify tells of a pump that is new.
func (p *pump) identify(dst *vital.Batch, at address) {
	name, no := p.model[:p.modelN], p.no[:p.noN]
	if len(name) == 0 || missing(name) || !printable(name) || !printable(no) {
		return
	}
	if n := len(name); len(p.told) == n+1+len(no) && p.told[:n] == string(name) && p.told[n+1:] == string(no) {
		return
	}
	p.told = string(name) + "/" + string(no)
	words := fmt.Sprintf("B. Braun pump %s: %s", at, name)
	if !missing(no) {
		words += fmt.Sprintf(", serial number %s", no)
	}
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: words})
}

func (p *pump) tellAlarms(dst *vital.Batch, at address) {
	changed := (p.alarm ^ p.alarms) & p.alarmsKnown
	for n := range alarmTexts {
		bit := uint16(1) << n
		if changed&bit == 0 {
			continue
		}
		priority := vital.PriorityHigh
		if preAlarms&bit != 0 {
			priority = vital.PriorityLow
		}
		state := vital.AlertEnded
		if p.alarm&bit != 0 {
			state = vital.AlertPresent
		}
		alert(dst, at, priority, state, alarmTexts[n])
	}
	p.alarms = p.alarms&^p.alarmsKnown | p.alarm
}

func alert(dst *vital.Batch, at address, priority vital.Priority, state vital.AlertState, words string) {
	a := vital.Alert{Kind: vital.Technical, Priority: priority, State: state, Value: vital.NaN, Limit: vital.NaN, Text: words}
	if at != (address{}) {
		a.Source = codeOf(at.x, at.y, nRate)
		a.Text = fmt.Sprintf("pump %s: %s", at, words)
	}
	dst.Alerts = append(dst.Alerts, a)
}

// absent says that the pump has no values any more, and ends its alarms: nobody
// knows of them.
func (p *pump) absent(dst *vital.Batch, at address) {
	for n := range p.unit {
		if p.seen&(1<<n) != 0 {
			dst.Numerics = append(dst.Numerics, vital.Numeric{
				Code: codeOf(at.x, at.y, byte(n)), Unit: p.unit[n], Value: vital.NaN, Status: vital.NotAvailable,
			})
		}
	}
	p.seen = 0
	p.alarm, p.alarmsKnown = 0, 0xffff
	p.tellAlarms(dst, at)
	p.alarmsKnown = 0
}

// fail begins a fault; another one ends the last.
func (p *pump) fail(dst *vital.Batch, at address, code int) {
	if p.faulty && p.code == code {
		return
	}
	p.healthy(dst, at)
	p.faulty, p.code = true, code
	alert(dst, at, vital.PriorityMedium, vital.AlertPresent, faultText(code))
}

// healthy ends the fault.
func (p *pump) healthy(dst *vital.Batch, at address) {
	if p.faulty {
		p.faulty = false
		alert(dst, at, vital.PriorityMedium, vital.AlertEnded, faultText(p.code))
	}
}

func faultText(code int) string {
	switch {
	case code == errNone:
		return "no pumps"
	case code == errRemoved:
		return "removed"
	case code < 0:
		return "error"
	}
	return fmt.Sprintf("error %d", code)
}
