package intellivue

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// Bits of an alert's type: the patient's in the upper byte, technical below.
const (
	typeLow    = 0x0101
	typeMedium = 0x0202
	typeHigh   = 0x0404

	stateLatched = 0x2000

	infoText = 516 // what comes with an alert ends with a text

	maxAlerts = 128
)

// alert is one that is present.
type alert struct {
	kind     vital.AlertKind
	source   uint16
	code     uint16
	object   object
	text     string
	priority vital.Priority
	state    vital.AlertState
	seen     bool // in the list that is being read
}

// alerts are those present. A list says which: what is not in it any more has
// ended. Of more than maxAlerts at a time those that came first are told.
type alerts struct {
	present []alert
	text    []byte // of the entry being read
}

func (a *alerts) attributes(dst *vital.Batch, r reader, n int) {
	for range n {
		switch kind, v := r.attribute(); kind {
		case attrPatient:
			a.list(dst, vital.Physiological, v)
		case attrTechnical:
			a.list(dst, vital.Technical, v)
		}
	}
}

// list reads a list if it is whole.
func (a *alerts) list(dst *vital.Batch, kind vital.AlertKind, v reader) {
	n, entries := v.list()
	for r, i := entries, 0; i < n; i++ {
		if entry(&r); r.bad {
			return
		}
	}
	if v.bad || entries.bad {
		return
	}
	for range n {
		x, text := entry(&entries)
		x.kind = kind
		a.text = appendText(a.text[:0], text)
		if x.priority != vital.PriorityNone {
			a.tell(dst, &x)
		}
	}
	a.end(dst, kind)
}

// entry takes an entry of a list, and its text in UTF-16.
func entry(r *reader) (x alert, text []byte) {
	x.source, x.code = r.u16(), r.u16()
	kind, state := r.u16(), r.u16()
	x.object = r.object()
	info := r.u16()
	v := r.part()
	switch {
	case kind&typeHigh != 0:
		x.priority = vital.PriorityHigh
	case kind&typeMedium != 0:
		x.priority = vital.PriorityMedium
	case kind&typeLow != 0:
		x.priority = vital.PriorityLow
	}
	if state&stateLatched != 0 {
		x.state = vital.AlertLatched
	}
	if info == infoText {
		v.take(10) // instance, text id, priority, flags
		s := v.part()
		text = s.p
	}
	return x, text
}

// tell appends an alert that is new or has changed.
func (a *alerts) tell(dst *vital.Batch, x *alert) {
	was := a.find(x, true)
	if was == nil {
		was = a.find(x, false)
	}
	if was == nil {
		if len(a.present) == maxAlerts {
			return
		}
		x.text, x.seen = string(a.text), true
		a.present = append(a.present, *x)
		dst.Alerts = append(dst.Alerts, x.told(x.state))
		return
	}
	was.seen = true
	if was.priority == x.priority && was.state == x.state && was.text == string(a.text) {
		return
	}
	was.priority, was.state, was.text = x.priority, x.state, string(a.text)
	dst.Alerts = append(dst.Alerts, was.told(was.state))
}

// find returns one of the same origin that was not in this list yet, with the same
// text if that is asked for.
func (a *alerts) find(x *alert, same bool) *alert {
	for i := range a.present {
		p := &a.present[i]
		if !p.seen && p.kind == x.kind && p.source == x.source && p.code == x.code && p.object == x.object &&
			(!same || p.text == string(a.text)) {
			return p
		}
	}
	return nil
}

// end tells of the alerts of a kind that were not in its list.
func (a *alerts) end(dst *vital.Batch, kind vital.AlertKind) {
	kept := a.present[:0]
	for _, x := range a.present {
		if x.kind == kind && !x.seen {
			dst.Alerts = append(dst.Alerts, x.told(vital.AlertEnded))
			continue
		}
		x.seen = false
		kept = append(kept, x)
	}
	clear(a.present[len(kept):])
	a.present = kept
}

func (x *alert) told(state vital.AlertState) vital.Alert {
	return vital.Alert{Source: x.metric(), Kind: x.kind, Priority: x.priority, State: state, Value: vital.NaN, Limit: vital.NaN, Text: x.text}
}

// metric is the source if it is a metric that is known: the last bit of an alert's
// code says whether it is, or an object.
func (x *alert) metric() vital.Code {
	if c := code(x.source); x.code&1 == 0 && c.RefID() != "" {
		return c
	}
	return 0
}
