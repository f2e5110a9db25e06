package intellivue_test

import (
	"encoding/binary"
	"fmt"
)

// raw builds a message: an int is two bytes, a uint32 four, a string and bytes are
// themselves.
func raw(parts ...any) []byte {
	var p []byte
	for _, x := range parts {
		switch x := x.(type) {
		case int:
			p = binary.BigEndian.AppendUint16(p, uint16(x))
		case uint32:
			p = binary.BigEndian.AppendUint32(p, x)
		case string:
			p = append(p, x...)
		case []byte:
			p = append(p, x...)
		default:
			panic(fmt.Sprintf("%T", x)) // the tests' own mistake
		}
	}
	return p
}

// sized puts a length before it.
func sized(parts ...any) []byte {
	p := raw(parts...)
	return raw(len(p), p)
}

// list puts a count and a length before the elements.
func list(elements ...[]byte) []byte {
	var p []byte
	for _, e := range elements {
		p = append(p, e...)
	}
	return raw(len(elements), len(p), p)
}

func attr(kind int, parts ...any) []byte { return raw(kind, sized(parts...)) }

// obj is an object in a result.
func obj(handle int, attributes ...[]byte) []byte { return raw(handle, list(attributes...)) }

// check is the frame check sequence, bit by bit.
func check(p []byte) uint16 {
	crc := uint16(0xffff)
	for _, b := range p {
		for i := range 8 {
			low := (crc ^ uint16(b>>i)) & 1
			crc = crc >> 1 & 0x7fff
			if low != 0 {
				crc ^= 0x8408
			}
		}
	}
	return ^crc
}

// frame makes a frame of a payload.
func frame(parts ...any) []byte {
	body := raw(0x1101, sized(parts...))
	crc := check(body)
	out := []byte{0xc0}
	for _, b := range append(body, byte(crc), byte(crc>>8)) {
		if b == 0xc0 || b == 0xc1 || b == 0x7d {
			out = append(out, 0x7d)
			b ^= 0x20
		}
		out = append(out, b)
	}
	return append(out, 0xc1)
}

// operation is a remote operation.
func operation(kind, invoke, command int, parts ...any) []byte {
	return frame(0xe100, 2, kind, sized(invoke, command, sized(parts...)))
}

const (
	numerics = 6
	waves    = 9
	system   = 0x21
	alarms   = 0x36
)

var never = raw(uint32(0xffffffff), uint32(0xffffffff)) // an absolute time

// body is the data of a result of an extended poll.
func body(class, sequence int, at uint32, objects ...[]byte) []byte {
	return raw(0x21, 0, 0, 0xf13b, sized(1, sequence, at, never, 1, class, 0, list(raw(0, list(objects...)))))
}

// result is a result that came by itself.
func result(class, sequence int, at uint32, objects ...[]byte) []byte {
	return operation(2, 1, 7, body(class, sequence, at, objects...))
}

// linked is one of several messages of a result: part 1 is the first, 3 the last
// of those that are linked.
func linked(part, n, class int, objects ...[]byte) []byte {
	return frame(0xe100, 2, 5, sized(part<<8|n, 1, 7, sized(body(class, 1, 8000, objects...))))
}

// single is the result of a single poll.
func single(class int, at uint32, objects ...[]byte) []byte {
	return operation(2, 1, 7, raw(0x21, 0, 0, 0x0c16, sized(1, at, never, 1, class, 0, list(raw(0, list(objects...))))))
}

// value is a numeric's observed value.
func value(physio, state, unit int, x uint32) []byte { return raw(physio, state, unit, x) }

func numeric(physio, state, unit int, x uint32) []byte {
	return result(numerics, 1, 8000, obj(1, attr(0x0950, value(physio, state, unit, x))))
}

// shape describes a wave of 16-bit samples at a rate of 8000 ÷ period.
func shape(period uint32, significant int) [][]byte {
	return [][]byte{attr(0x098d, period), attr(0x096d, 8, 16<<8|significant, 0x3000)}
}

// array is an observed value of a wave.
func array(physio, state int, samples ...int) []byte {
	var p []byte
	for _, s := range samples {
		p = raw(p, s)
	}
	return raw(physio, state, sized(p))
}

// alarm is an entry of an alarm list.
func alarm(source, code, kind, state int, text string) []byte {
	var p []byte
	for _, r := range text {
		p = raw(p, int(r))
	}
	return raw(source, code, kind, state, alarms, 0, 1, 516, sized(1, uint32(0), 0, 0, sized(p, 0)))
}
