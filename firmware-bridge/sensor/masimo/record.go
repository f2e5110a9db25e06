package masimo

import (
	"bytes"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const serialMax = 32

// Fields that are read.
const (
	fieldSPO2 = 1 << iota
	fieldBPM
	fieldPI
	fieldSN
	fieldALARM
	fieldEXC
)

// record is one line.
type record struct {
	fields  uint
	spo2    vital.Decimal
	bpm     vital.Decimal
	pi      vital.Decimal
	serial  []byte
	alarm   uint32
	exc     uint32
	ignored int
}

func (r *record) has(f uint) bool { return r.fields&f != 0 }

const stamp = "00/00/00 00:00:00" // a digit for each 0

// parse reads a line; false means that it is none of ASCII1.
func (r *record) parse(text []byte) bool {
	if len(text) <= len(stamp) || !stamped(text[:len(stamp)]) || text[len(stamp)] != ' ' {
		return false
	}
	for text = text[len(stamp):]; ; {
		text = bytes.TrimLeft(text, " ")
		if len(text) == 0 {
			return r.has(fieldSPO2 | fieldBPM)
		}
		end := bytes.IndexByte(text, ' ')
		if end < 0 {
			end = len(text)
		}
		key, value, ok := bytes.Cut(text[:end], []byte("="))
		if !ok || len(key) == 0 || !r.field(string(key), value) {
			return false
		}
		text = text[end:]
	}
}

func stamped(text []byte) bool {
	for i, c := range text {
		if stamp[i] == '0' && (c < '0' || c > '9') || stamp[i] != '0' && c != stamp[i] {
			return false
		}
	}
	return true
}

func (r *record) field(key string, value []byte) bool {
	var f uint
	ok := true
	switch key {
	case "SPO2":
		f = fieldSPO2
		r.spo2, ok = number(value, 100)
	case "BPM":
		f = fieldBPM
		r.bpm, ok = number(value, 999)
	case "PI":
		f = fieldPI
		r.pi, ok = number(value, 100)
	case "SN":
		f, r.serial = fieldSN, value
		ok = printable(value)
	case "ALARM":
		f = fieldALARM
		r.alarm, ok = hex(value)
	case "EXC":
		f = fieldEXC
		r.exc, ok = hex(value)
	default:
		r.ignored++
	}
	again := f != 0 && r.has(f)
	r.fields |= f
	return ok && !again
}

// number reads a value from 0 to top with at least two digits, as the device
// pads all. "-" anywhere is NaN.
func number(value []byte, top int) (vital.Decimal, bool) {
	value = bytes.TrimSuffix(value, []byte("%"))
	if bytes.IndexByte(value, '-') >= 0 {
		return vital.NaN, onlyOf(value, "-.+0123456789")
	}
	if len(value) < 2 || !onlyOf(value, ".0123456789") {
		return vital.NaN, false
	}
	if len(value) == 2 && value[0] == '0' { // 09 was 097 before a digit was lost
		return vital.NaN, false
	}
	d, err := vital.ParseDecimal(value)
	if err != nil || d.Exponent < -4 {
		return vital.NaN, false
	}
	for e := d.Exponent; e < 0; e++ {
		top *= 10
	}
	return d, int(d.Mantissa) <= top
}

func onlyOf(value []byte, set string) bool {
	for _, c := range value {
		if bytes.IndexByte([]byte(set), c) < 0 {
			return false
		}
	}
	return true
}

// printable reports whether value can be a serial number.
func printable(value []byte) bool {
	for _, c := range value {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(value) > 0 && len(value) <= serialMax
}

// hex reads four to seven hexadecimal digits.
func hex(value []byte) (n uint32, ok bool) {
	if len(value) < 4 || len(value) > 7 {
		return 0, false
	}
	for _, c := range value {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint32(c)
	}
	return n, true
}

func (r *record) emit(dst *vital.Batch) {
	s := statusOf(r.exc)
	if r.has(fieldSPO2) {
		emit(dst, vital.SpO2, vital.Percent, r.spo2, s)
	}
	if r.has(fieldBPM) {
		emit(dst, vital.PulseRate, vital.BeatsPerMinute, r.bpm, s)
	}
	if r.has(fieldPI) {
		emit(dst, vital.PerfusionIndex, vital.Percent, r.pi, s)
	}
}

func emit(dst *vital.Batch, code vital.Code, unit vital.Unit, value vital.Decimal, s vital.Status) {
	if value == vital.NaN || s&absent != 0 {
		value, s = vital.NaN, s&^vital.Questionable|vital.NotAvailable
	}
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: code, Unit: unit, Value: value, Status: s})
}
