package capnostream

const (
	begin   = 0x85
	escape  = 0x80
	bodyMax = 255 // what a length can say
)

// frames cuts the stream into messages.
type frames struct {
	body      [bodyMax]byte // code and payload
	n         int
	length    int // -1: not there yet
	check     byte
	open      bool
	escaped   bool
	stray     bool // in a run of bytes that belong to nothing
	good, bad uint64
}

// next takes a byte. It returns code and payload of a message whose check is right,
// good until the next call.
func (f *frames) next(b byte) []byte {
	switch {
	case b == begin:
		f.drop()
		f.open, f.escaped, f.stray = true, false, false
		f.n, f.length, f.check = 0, -1, 0
		return nil
	case !f.open:
		if !f.stray {
			f.bad++
		}
		f.stray = true
		return nil
	case f.escaped && b != 0 && b != begin-escape, !f.escaped && b == escape:
		if f.escaped = !f.escaped; !f.escaped {
			f.drop()
			f.stray = true
		}
		return nil
	case f.escaped:
		b += escape
		f.escaped = false
	}
	return f.put(b)
}

// put takes a byte without its escape.
func (f *frames) put(b byte) []byte {
	switch {
	case f.length < 0:
		f.length = int(b)
		f.check = b
		if b == 0 {
			f.drop()
			f.stray = true
		}
	case f.n < f.length:
		f.body[f.n] = b
		f.n++
		f.check ^= b
	default:
		f.open = false
		if b != f.check {
			f.bad++
			return nil
		}
		f.good++
		return f.body[:f.n]
	}
	return nil
}

func (f *frames) drop() {
	if f.open {
		f.open = false
		f.bad++
	}
}

func (f *frames) flush() {
	f.drop()
	f.stray = false
}

// appendMessage appends a message, escaped.
func appendMessage(dst []byte, code byte, payload ...byte) []byte {
	check := byte(len(payload)+1) ^ code
	dst = appendEscaped(append(dst, begin), byte(len(payload)+1), code)
	for _, b := range payload {
		check ^= b
	}
	return appendEscaped(appendEscaped(dst, payload...), check)
}

func appendEscaped(dst []byte, p ...byte) []byte {
	for _, b := range p {
		if b == begin || b == escape {
			dst = append(dst, escape, b-escape)
		} else {
			dst = append(dst, b)
		}
	}
	return dst
}
