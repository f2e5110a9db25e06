package vital

import "errors"

// Decimal is a number as its device sent it: Mantissa × 10^Exponent, digits
// kept, so that 98.0 (980, -1) and 98 (98, 0) stay two different statements.
//
// The range is that of the FLOAT type of IEEE 11073-20601: a mantissa of 24
// bits, of which five values are not numbers (NaN, NRes, PosInf, NegInf and one
// reserved), and an exponent of 8 bits. The zero value is the number 0.
type Decimal struct {
	Mantissa int32
	Exponent int8
}

// Mantissa limits and the special values of IEEE 11073-20601, 24-bit two's
// complement sign-extended to 32 bits.
const (
	MaxMantissa = 1<<23 - 3 // 8,388,605
	MinMantissa = -MaxMantissa

	mantissaNaN      = 1<<23 - 1    // 0x7FFFFF
	mantissaPosInf   = 1<<23 - 2    // 0x7FFFFE
	mantissaNRes     = -1 << 23     // 0x800000
	mantissaReserved = -1<<23 + 1   // 0x800001
	mantissaNegInf   = -(1<<23 - 2) // 0x800002
)

// The values that are not numbers. A reading that is absent is NaN with the
// status NotAvailable, never zero.
var (
	NaN    = Decimal{Mantissa: mantissaNaN}    // not a number: absent or invalid
	NRes   = Decimal{Mantissa: mantissaNRes}   // not at this resolution
	PosInf = Decimal{Mantissa: mantissaPosInf} // above the measurable range
	NegInf = Decimal{Mantissa: mantissaNegInf} // below the measurable range
)

// ErrDecimal reports text or digits that no Decimal holds.
var ErrDecimal = errors.New("vital: not a decimal number of at most seven digits")

// Int returns the whole number n, which must be within ±8,388,605; beyond, it
// returns PosInf or NegInf rather than a wrong number.
func Int(n int) Decimal { return Dec(n, 0) }

// Dec returns mantissa × 10^exponent: Dec(366, -1) is 36.6. A mantissa that
// does not fit gives PosInf or NegInf.
func Dec(mantissa int, exponent int8) Decimal {
	switch {
	case mantissa > MaxMantissa:
		return PosInf
	case mantissa < MinMantissa:
		return NegInf
	}
	return Decimal{int32(mantissa), exponent}
}

// IsNumber reports whether d is a number rather than one of the special values.
func (d Decimal) IsNumber() bool {
	return d.Mantissa >= MinMantissa && d.Mantissa <= MaxMantissa
}

// valid reports whether d can be encoded: a number, or a special value with
// exponent 0 (so that each has one encoding).
func (d Decimal) valid() bool {
	if d.IsNumber() {
		return true
	}
	switch d.Mantissa {
	case mantissaNaN, mantissaNRes, mantissaPosInf, mantissaNegInf:
		return d.Exponent == 0
	}
	return false
}

// ParseDecimal reads an optional sign, digits, an optional point and an
// optional e-notation exponent, and keeps the digits: "03.60" is 360 × 10^-2.
// At most seven significant digits fit; more are ErrDecimal, never rounded.
func ParseDecimal(s []byte) (Decimal, error) {
	i, neg := 0, false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	m, digits, exp, point := 0, 0, 0, false
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		m = m*10 + int(c-'0')
		if m > MaxMantissa {
			return Decimal{}, ErrDecimal
		}
		digits++
		if point {
			exp--
		}
	}
	if digits == 0 {
		return Decimal{}, ErrDecimal
	}
	if i < len(s) {
		e, ok := parseExponent(s[i:])
		if !ok {
			return Decimal{}, ErrDecimal
		}
		exp += e
	}
	if exp < -128 || exp > 127 {
		return Decimal{}, ErrDecimal
	}
	if neg {
		m = -m
	}
	return Decimal{int32(m), int8(exp)}, nil
}

func parseExponent(s []byte) (int, bool) {
	if len(s) < 2 || (s[0] != 'e' && s[0] != 'E') {
		return 0, false
	}
	s = s[1:]
	neg := s[0] == '-'
	if s[0] == '-' || s[0] == '+' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 3 {
		return 0, false
	}
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

// AppendText appends d as a JSON number with exactly the digits it was sent
// with, or "NaN", "NRes", "+INF" or "-INF", which JSON does not have.
func (d Decimal) AppendText(dst []byte) []byte {
	switch d.Mantissa {
	case mantissaNaN, mantissaReserved:
		return append(dst, "NaN"...)
	case mantissaNRes:
		return append(dst, "NRes"...)
	case mantissaPosInf:
		return append(dst, "+INF"...)
	case mantissaNegInf:
		return append(dst, "-INF"...)
	}
	m := d.Mantissa
	if m < 0 {
		dst, m = append(dst, '-'), -m
	}
	var buf [10]byte
	digits := appendUint(buf[:0], uint32(m))
	switch e := int(d.Exponent); {
	case e == 0:
		return append(dst, digits...)
	case e > 0 || e < -9:
		dst = append(append(dst, digits...), 'e')
		if e < 0 {
			dst, e = append(dst, '-'), -e
		}
		return appendUint(dst, uint32(e))
	default:
		return appendPoint(dst, digits, -e)
	}
}

// appendPoint writes digits with places of them after the point: (5, 2) is 0.05.
func appendPoint(dst, digits []byte, places int) []byte {
	whole := len(digits) - places
	if whole <= 0 {
		dst = append(dst, '0', '.')
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	dst = append(dst, '.')
	return append(dst, digits[whole:]...)
}

func appendUint(dst []byte, n uint32) []byte {
	var buf [10]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return append(dst, buf[i:]...)
		}
	}
}
