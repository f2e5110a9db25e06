package intellivue

import (
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// codeMode is the private code of the operating mode.
const codeMode = 8<<8 | 1

// Operating modes.
const (
	modeMonitoring = 0x4000
	modeDemo       = 0x2000
	modeService    = 0x1000
	modeStandby    = 0x0002
	modeConfig     = 0x0001
)

// Entries of a production specification.
const (
	specSerial    = 1
	specSoftware  = 4
	componentSelf = 0x0008
	componentSW   = 0x0058
)

// clockSlack is how far the monitor's date may be from its own progress.
const clockSlack = 2

// mds is what the monitor says of itself.
type mds struct {
	manufacturer, model, serial, software string

	mode   uint16
	moded  bool
	dated  bool
	clock  int64  // the last date, in seconds since 1970
	lately uint32 // the running time that goes with it
}

// attributes reads those of the system object, which are whole.
func (m *mds) attributes(dst *vital.Batch, r reader, n int) {
	var date, running reader
	changed := false
	for range n {
		switch kind, v := r.attribute(); kind {
		case attrModel:
			maker, model := v.label(), v.label()
			if !v.bad && len(model) > 0 {
				changed = m.introduced(maker, model) || changed
			}
		case attrProduct:
			changed = m.product(v) || changed
		case attrMode:
			if len(v.p) == 2 {
				m.operating(dst, v.u16())
			}
		case attrTimeAbs:
			date = v
		case attrTimeRel:
			running = v
		}
	}
	if changed {
		dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: m.identity()})
	}
	if len(date.p) == 8 && len(running.p) == 4 {
		m.date(dst, date.p, running.u32())
	}
}

// set reports whether the text is another one. It allocates only then.
func set(text *string, p []byte) bool {
	if *text == string(p) {
		return false
	}
	*text = string(p)
	return true
}

// introduced takes a model; another one has another serial number.
func (m *mds) introduced(maker, model []byte) (changed bool) {
	changed = set(&m.manufacturer, maker)
	if set(&m.model, model) {
		m.serial, m.software = "", ""
		changed = true
	}
	return changed
}

func (m *mds) product(v reader) (changed bool) {
	n, entries := v.list()
	for range n {
		kind, component := entries.u16(), entries.u16()
		text := entries.label()
		if entries.bad {
			break
		}
		switch {
		case len(text) == 0:
		case kind == specSerial && component == componentSelf:
			changed = set(&m.serial, text) || changed
		case kind == specSoftware && component == componentSW:
			changed = set(&m.software, text) || changed
		}
	}
	return changed
}

// identity is at most 4 × maxLabel long in theory, and cut.
func (m *mds) identity() string {
	text := m.model
	if m.manufacturer != "" {
		text = m.manufacturer + " " + text
	}
	if m.serial != "" {
		text = fmt.Sprintf("%s, serial %s", text, m.serial)
	}
	if m.software != "" {
		text = fmt.Sprintf("%s, software %s", text, m.software)
	}
	return text[:min(len(text), vital.MaxText)]
}

func (m *mds) operating(dst *vital.Batch, mode uint16) {
	if m.moded && m.mode == mode {
		return
	}
	m.mode, m.moded = mode, true
	text := "unspecified"
	switch {
	case mode&modeDemo != 0:
		text = "demonstration"
	case mode&modeService != 0:
		text = "service"
	case mode&modeConfig != 0:
		text = "configuration"
	case mode&modeStandby != 0:
		text = "standby"
	case mode&modeMonitoring != 0:
		text = "monitoring"
	}
	dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: vital.Private(codeMode), Value: uint32(mode), Text: text})
}

// date tells what the monitor's date is when it is first seen, and when it goes
// another way than the monitor's running time.
func (m *mds) date(dst *vital.Batch, p []byte, running uint32) {
	at, ok := parseDate(p)
	if !ok {
		return
	}
	if m.dated {
		went := at.Unix() - m.clock
		if off := went - int64(running-m.lately)/ticks; off >= -clockSlack && off <= clockSlack {
			m.clock, m.lately = at.Unix(), running
			return
		}
	}
	m.clock, m.lately, m.dated = at.Unix(), running, true
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventDeviceClock, Text: at.Format("2006-01-02T15:04:05")})
}

// parseDate reads century, year, month, day, hour, minute, second and hundredths,
// two decimal digits in each byte.
func parseDate(p []byte) (time.Time, bool) {
	var v [7]int
	for i := range v {
		hi, lo := int(p[i]>>4), int(p[i]&15)
		if hi > 9 || lo > 9 {
			return time.Time{}, false
		}
		v[i] = hi*10 + lo
	}
	at := time.Date(v[0]*100+v[1], time.Month(v[2]), v[3], v[4], v[5], v[6], 0, time.UTC)
	return at, int(at.Month()) == v[2] && at.Day() == v[3] && at.Hour() == v[4] && at.Minute() == v[5] && at.Second() == v[6]
}
