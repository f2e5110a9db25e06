package lines

import (
	"bytes"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// value reads the value of field f, -1 if it is not mapped. False means that
// the line is bad.
func (d *Decoder) value(f int, text []byte) bool {
	if f < 0 {
		d.extra++
		return true
	}
	if d.seen&d.alike(f) != 0 {
		return false
	}
	d.seen |= 1 << f
	to := &d.fields[f]
	n := vital.Numeric{Code: to.code, Unit: to.unit}
	if d.isMissing(text) {
		n.Value, n.Status = vital.NaN, vital.NotAvailable
		d.found = append(d.found, n)
		return true
	}
	var ok bool
	if n.Value, ok = to.number(text); !ok {
		return false
	}
	if to.unit == vital.Percent && !isPercentage(n.Value) {
		n.Value, n.Status = vital.NaN, vital.NotAvailable|vital.Invalid
	}
	d.found = append(d.found, n)
	return true
}

// alike returns the bits of the fields that mean the same metric by well-known
// names: hr and heartrate in one line are one too many.
func (d *Decoder) alike(f int) (bits uint64) {
	if !d.usual {
		return 1 << f
	}
	for i := range d.fields {
		if d.fields[i].code == d.fields[f].code {
			bits |= 1 << i
		}
	}
	return bits
}

func (d *Decoder) isMissing(text []byte) bool {
	bare := bytes.TrimSuffix(text, []byte{'%'})
	for _, m := range d.missing {
		if len(m) == len(text) && bytes.EqualFold(text, []byte(m)) ||
			len(m) == len(bare) && bytes.EqualFold(bare, []byte(m)) {
			return true
		}
	}
	return false
}

func (f *field) number(text []byte) (vital.Decimal, bool) {
	if f.suffix != "" {
		text = bytes.TrimSuffix(text, []byte(f.suffix))
	}
	text = bytes.TrimSuffix(text, []byte{'%'})
	v, err := vital.ParseDecimal(text)
	if err != nil {
		return v, false
	}
	e := int(v.Exponent) + int(f.exp)
	if e < -128 || e > 127 {
		return v, false
	}
	v.Exponent = int8(e)
	return v, true
}

// isPercentage reports whether v is within 0 to 100.
func isPercentage(v vital.Decimal) bool {
	if v.Mantissa <= 0 || v.Exponent < -7 {
		return v.Mantissa == 0 || v.Mantissa > 0
	}
	top := int64(100)
	m := int64(v.Mantissa)
	for e := v.Exponent; e < 0; e++ {
		top *= 10
	}
	for e := v.Exponent; e > 0; e-- {
		if m *= 10; m > top {
			return false
		}
	}
	return m <= top
}
