package nellcor

import (
	"bytes"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const identityMax = 64

// limitOf says which limit an alert is of.
type limitOf uint8

const (
	noLimit limitOf = iota
	spo2Low
	spo2High
	rateLow
	rateHigh
)

// limits are those of the last header; known only if told.
type limits struct {
	known  bool
	values [4]int // in the order of limitOf
}

func (l *limits) of(which limitOf) vital.Decimal {
	if !l.known || which == noLimit {
		return vital.NaN
	}
	return vital.Int(l.values[which-1])
}

// version reads "NAME VERSION n CRC:c SpO2 Limit: a-b% PR Limit: c-dBPM", and the line
// of the interactive mode that begins likewise.
func (d *Decoder) version(dst *vital.Batch, text []byte) bool {
	rest := text
	name := next(&rest)
	if name == nil || string(next(&rest)) != "VERSION" {
		return false
	}
	version, crc := next(&rest), next(&rest)
	if string(crc) == "INFO" {
		crc = next(&rest)
	}
	if !printable(name) || !printable(version) || !printable(crc) || !bytes.HasPrefix(crc, []byte("CRC:")) ||
		len(bytes.Trim(version, "0123456789.")) > 0 {
		return false
	}
	d.identify(dst, name, version, crc[len("CRC:"):])
	var l limits
	if l.parse(rest) {
		d.limits = l
		for i, v := range l.values {
			unit := vital.Percent
			if i >= 2 {
				unit = vital.BeatsPerMinute
			}
			numeric(dst, vital.Private(pSpO2Low+uint16(i)), unit, reading{value: vital.Int(v)})
		}
	}
	return true
}

func printable(p []byte) bool {
	for _, c := range p {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(p) > 0 && len(p) <= identityMax/4
}

// identify tells who the device is, if that is new.
func (d *Decoder) identify(dst *vital.Batch, name, version, crc []byte) {
	var id [identityMax]byte
	n := copy(id[:], name)
	n += copy(id[n:], " ")
	n += copy(id[n:], version)
	n += copy(id[n:], " CRC ")
	n += copy(id[n:], crc)
	if n == d.nameN && id == d.name {
		return
	}
	d.name, d.nameN = id, n
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: "Nellcor " + string(id[:n])})
}

// parse reads "SpO2 Limit: a-b% PR Limit: c-dBPM"; there may be a blank before a and
// behind the dash.
func (l *limits) parse(p []byte) bool {
	l.known = cut(&p, "SpO2 Limit:") && pair(&p, l.values[:2]) && cut(&p, "%") &&
		cut(&p, "PR Limit:") && pair(&p, l.values[2:]) && cut(&p, "BPM")
	return l.known
}

// cut takes blanks and then the text off the beginning.
func cut(p *[]byte, text string) (ok bool) {
	*p, ok = bytes.CutPrefix(bytes.TrimLeft(*p, " "), []byte(text))
	return ok
}

// pair reads two numbers with a dash between them.
func pair(p *[]byte, v []int) bool { return whole(p, &v[0]) && cut(p, "-") && whole(p, &v[1]) }

// whole reads a number of up to four digits.
func whole(p *[]byte, v *int) bool {
	q := bytes.TrimLeft(*p, " ")
	n := 0
	for *v = 0; n < len(q) && digit(q[n]); n++ {
		*v = *v*10 + int(q[n]-'0')
		if n == 4 {
			return false
		}
	}
	*p = q[n:]
	return n > 0
}

// modes reads "ADULT 0SAT-S SPO2 RESP MODE: NORMAL".
func (d *Decoder) modes(dst *vital.Batch, text []byte) bool {
	rest := text
	who, seconds := next(&rest), 0
	if !whole(&rest, &seconds) || !cut(&rest, "SAT-S") || !cut(&rest, "SPO2 RESP MODE:") {
		return false
	}
	newborn, fast := string(who) == "NEO", cut(&rest, "FAST")
	if !newborn && string(who) != "ADULT" || !fast && !cut(&rest, "NORMAL") {
		return false
	}
	numeric(dst, vital.Private(pSatSeconds), vital.Second, reading{value: vital.Int(seconds)})
	enumeration(dst, pLimits, newborn, "ADULT", "NEO")
	enumeration(dst, pResponse, fast, "NORMAL", "FAST")
	return true
}

func enumeration(dst *vital.Batch, code uint16, second bool, names ...string) {
	e := vital.Enumeration{Code: vital.Private(code), Text: names[0]}
	if second {
		e.Value, e.Text = 1, names[1]
	}
	dst.Enumerations = append(dst.Enumerations, e)
}

// known reports whether a line is one that says nothing: the names of the columns, and
// the menu of the interactive mode.
func known(text []byte) bool {
	text = bytes.TrimSpace(text)
	if rest := text; string(next(&rest)) == "TIME" {
		for _, want := range []string{"%SPO2", "BPM", "PA", "Status"} {
			if string(next(&rest)) != want {
				return false
			}
		}
		return next(&rest) == nil
	}
	switch string(text) {
	case "Command?", "NPB-595   Interactive Mode", "1) Dump Instrument Info", "2) Set Date and Time",
		"3) Dump Trend", "4) Dump Error Log", "0) Exit Interactive Mode", "":
		return true
	}
	return false
}
