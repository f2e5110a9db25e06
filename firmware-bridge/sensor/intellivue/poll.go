package intellivue

import (
	"math/bits"
	"slices"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// reply is what the head of a poll's result says.
type reply struct {
	class    uint16
	single   bool
	sequence uint16 // 0: the answer to a request, or single
	at       uint32 // the monitor's running time in 1/8 ms
}

// id is an object's: its context and handle.
type id uint32

// wholeContexts reports whether lists within lists are as long as they say.
func wholeContexts(r reader, n int) bool {
	for range n {
		r.u16()
		m, observations := r.list()
		for range m {
			observations.u16()
			k, attributes := observations.list()
			if observations.bad || !wholeAttributes(attributes, k) {
				return false
			}
		}
		if observations.bad || r.bad {
			return false
		}
	}
	return !r.bad
}

func wholeAttributes(r reader, n int) bool {
	for range n {
		if r.attribute(); r.bad {
			return false
		}
	}
	return !r.bad
}

// contexts reads the list of a result, which is whole.
func (d *Decoder) contexts(dst *vital.Batch, reply *reply, r reader, n int) {
	for range n {
		context := r.u16()
		m, observations := r.list()
		for range m {
			handle := observations.u16()
			k, attributes := observations.list()
			d.observation(dst, reply, id(context)<<16|id(handle), attributes, k)
		}
	}
}

// observation reads the attributes of one object: what describes it first.
func (d *Decoder) observation(dst *vital.Batch, reply *reply, object id, attributes reader, n int) {
	switch reply.class {
	case classMDS:
		d.mds.attributes(dst, attributes, n)
	case classAlerts:
		d.alerts.attributes(dst, attributes, n)
	case classNumeric:
		for r, i := attributes, 0; i < n; i++ {
			if kind, v := r.attribute(); kind == attrMetric {
				d.limits.describe(object, v)
			}
		}
		if d.limits.find(object) < 0 {
			d.numerics(dst, attributes, n)
		}
	case classWave:
		d.wave(dst, reply, object, attributes, n)
	}
}

// limits are the numerics that are no measurements but limits of alarms.
type limits struct {
	objects [64]id
	n       int // how many; when all are in use, the last is replaced
}

const (
	metricLen     = 12
	categoryLimit = 130
)

// describe reads a metric's specification. A handle can be given to another object.
func (l *limits) describe(object id, v reader) {
	if len(v.p) != metricLen {
		return
	}
	v.u32() // update period
	at, limit := l.find(object), v.u16() == categoryLimit
	switch {
	case limit && at < 0:
		l.n = min(l.n+1, len(l.objects))
		l.objects[l.n-1] = object
	case !limit && at >= 0:
		l.n--
		l.objects[at] = l.objects[l.n]
	}
}

// find returns where the object is, or -1.
func (l *limits) find(object id) int { return slices.Index(l.objects[:l.n], object) }

const numericLen = 10

func (d *Decoder) numerics(dst *vital.Batch, r reader, n int) {
	for range n {
		switch kind, v := r.attribute(); kind {
		case attrNumeric:
			if len(v.p) == numericLen {
				d.numeric(dst, &v)
			}
		case attrNumerics:
			m, values := v.list()
			if v.bad || len(values.p) != m*numericLen {
				continue
			}
			for range m {
				d.numeric(dst, &values)
			}
		}
	}
}

func (d *Decoder) numeric(dst *vital.Batch, r *reader) {
	physio, state, unit := r.u16(), r.u16(), r.u16()
	value, status := d.checked(float(r.u32()), state)
	if physio == 0 {
		return
	}
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: code(physio), Unit: unitOf(unit), Value: value, Status: status})
}

// checked takes the number away where there is none, or one that is meaningless.
func (d *Decoder) checked(value vital.Decimal, state uint16) (vital.Decimal, vital.Status) {
	status := d.status(state)
	if status&(vital.NotAvailable|vital.Invalid) != 0 {
		value = vital.NaN
	} else if value == vital.NaN {
		status |= vital.NotAvailable
	}
	return value, status
}

// status turns a measurement state, which has its first bit at the upper end, round.
func (d *Decoder) status(state uint16) vital.Status {
	s := vital.Status(bits.Reverse16(state & stateMask))
	if d.mds.mode&modeDemo != 0 {
		s |= vital.DemoData
	}
	return s
}

// stateMask has the bits that a measurement state defines.
const stateMask = 0xfce3

// float reads a FLOAT: an exponent of eight bits and a mantissa of 24. The mantissa
// that is reserved is no number either.
func float(x uint32) vital.Decimal {
	switch m := int32(x<<8) >> 8; m {
	case 0x7fffff, -0x7fffff:
		return vital.NaN
	case -0x800000:
		return vital.NRes
	case 0x7ffffe:
		return vital.PosInf
	case -0x7ffffe:
		return vital.NegInf
	default:
		return vital.Decimal{Mantissa: m, Exponent: int8(x >> 24)}
	}
}

// code is that of partition 2, where Philips' numbers are those of the standard.
func code(physio uint16) vital.Code { return vital.Code(2<<16 | uint32(physio)) }

func unitOf(unit uint16) vital.Unit {
	if unit == 0 {
		return 0
	}
	return vital.Unit(4<<16 | uint32(unit))
}
