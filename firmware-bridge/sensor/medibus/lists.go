package medibus

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// The lists of values that a device is asked for.
const (
	measured = iota
	lowLimits
	highLimits
	set
	lists
)

// list is what was in a list of values.
type list struct {
	seen, now [256]bool // by quantity.same
	last      [256]vital.Decimal
	code      [256]byte // the code that it last came under
}

// value returns the last value of a code, NaN if there is none.
func (l *list) value(code byte) vital.Decimal {
	if !l.seen[code] {
		return vital.NaN
	}
	return l.last[code]
}

// quantityOf returns what a code in a list means.
func quantityOf(which int, code byte) quantity {
	switch which {
	case set:
		return settings[code]
	case measured:
		return page1[code]
	}
	q := page1[code]
	if q.topic == noTopic || q.topic > limited {
		return quantity{}
	}
	n := byte(nLimitLow)
	if which == highLimits {
		n = nLimitHigh
	}
	q.code = private(n + byte(q.topic))
	return q
}

// values reads a list of values, and tells which of those seen before are
// missing.
func (d *Decoder) values(dst *vital.Batch, which int, body []byte) bool {
	width := 6
	if which == set {
		width = 7
	}
	if len(body)%width != 0 {
		return false
	}
	for p := body; len(p) > 0; p = p[width:] {
		if _, ok := hexByte(p); !ok {
			return false
		}
	}
	for p := body; len(p) > 0; p = p[width:] {
		code, _ := hexByte(p)
		d.value(dst, which, code, p[2:width])
	}
	d.missing(dst, which)
	return true
}

func (d *Decoder) value(dst *vital.Batch, which int, code byte, text []byte) {
	q := quantityOf(which, code)
	if q.code == 0 {
		return
	}
	l := &d.lists[which]
	v, ok := parseValue(text)
	if ok && v == vital.NaN {
		return // blanks: not there
	}
	l.seen[q.same], l.now[q.same], l.code[q.same] = true, true, code
	var s vital.Status
	if which == measured {
		s = d.status[q.topic]
		d.latest[q.topic] = q.same
	}
	if !ok {
		s |= vital.Invalid
	} else {
		v.Exponent += q.shift
	}
	l.last[q.same] = v
	emit(dst, &q, v, s)
}

// missing gives what is not in the list any more.
func (d *Decoder) missing(dst *vital.Batch, which int) {
	l := &d.lists[which]
	for code := range l.seen {
		if l.seen[code] && !l.now[code] {
			q := quantityOf(which, l.code[code])
			var s vital.Status
			if which == measured {
				s = d.status[q.topic]
			}
			l.last[code] = vital.NaN
			emit(dst, &q, vital.NaN, s)
		}
		l.now[code] = false
	}
}

// absent is a sensor that cannot give a number.
const absent = vital.SensorDisconnected | vital.SensorOff | vital.EquipmentMalfunction

func emit(dst *vital.Batch, q *quantity, v vital.Decimal, s vital.Status) {
	if v == vital.NaN || s&absent != 0 {
		v, s = vital.NaN, s&^vital.Questionable|vital.NotAvailable
	}
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: q.code, Unit: q.unit, Value: v, Status: s})
}

// parseValue reads a number in a field padded with blanks, also between a minus
// and the digits. Blanks alone are NaN. ok is false for anything else.
func parseValue(p []byte) (v vital.Decimal, ok bool) {
	var digits [8]byte
	n, minus, blank := 0, false, false
	for _, c := range p {
		switch {
		case c == ' ':
			blank = n > 0
		case c == '-' && !minus && n == 0:
			minus = true
		case (c >= '0' && c <= '9' || c == '.') && !blank && n < len(digits):
			digits[n] = c
			n++
		default:
			return vital.NaN, false
		}
	}
	if n == 0 {
		return vital.NaN, !minus
	}
	return decimalOf(digits[:n], minus)
}

// decimalOf reads digits with at most one point, which may come first but not last.
func decimalOf(digits []byte, minus bool) (vital.Decimal, bool) {
	m, point := 0, -1
	for i, c := range digits {
		if c == '.' {
			if point >= 0 || i == len(digits)-1 {
				return vital.NaN, false
			}
			point = i
			continue
		}
		m = m*10 + int(c-'0')
	}
	if minus {
		m = -m
	}
	exponent := 0
	if point >= 0 {
		exponent = point + 1 - len(digits)
	}
	return vital.Dec(m, int8(exponent)), true
}
