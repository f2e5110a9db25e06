package bbraun

const (
	soh = 0x01 // a message begins
	stx = 0x02 // its text begins
	etx = 0x03 // the text ends, and with it the answer
	eot = 0x04 // the message ends
	ack = 0x06
	nak = 0x15 // the last block again
	etb = 0x17 // the text ends; the answer has more blocks
	rs  = 0x1e // between two quadruples

	frameMax = 16384 // bytes as sent; a pump with every parameter has about 4,000
	bedMax   = 15
	headLen  = 7 // SOH, five digits, STX
	tailLen  = 7 // ETX or ETB, five digits, EOT
	suffix   = "/1/1>"
)

// message is a block whose length and sum are right. Its slices are good until
// the next byte.
type message struct {
	bed, text []byte
	more      bool // ETB: another block follows
}

// outcome is what a byte completed.
type outcome uint8

const (
	nothing outcome = iota
	whole
	corrupt // a message to its end, and it is wrong
)

// stuffing is whether the device doubles letters. Only a message with one of the
// letters d and e tells.
type stuffing uint8

const (
	unknown stuffing = iota
	stuffed
	unstuffed
)

// frames cuts the stream into messages.
type frames struct {
	buf, plain []byte
	open       bool
	stray      bool // in a run of bytes that belong to nothing
	style      stuffing
	good, bad  uint64
}

func (f *frames) next(b byte) (message, outcome) {
	switch {
	case b == soh:
		f.drop()
		f.buf, f.open, f.stray = append(f.buf[:0], b), true, false
	case !f.open:
		if b != ack && b != nak && !f.stray { // those of a recording of both sides
			f.bad++
			f.stray = true
		}
	case len(f.buf) == frameMax:
		f.drop()
		f.stray = true
	default:
		if f.buf = append(f.buf, b); b == eot {
			return f.end()
		}
	}
	return message{}, nothing
}

func (f *frames) end() (message, outcome) {
	f.open = false
	plain, ok := destuff(f.plain[:0], f.buf)
	f.plain = plain
	m, right := parse(plain)
	if ok && right {
		if len(plain) != len(f.buf) {
			f.style = stuffed
		}
		f.good++
		return m, whole
	}
	if m, right = parse(f.buf); right { // stuffing is switched off at the device
		f.style = unstuffed
		f.good++
		return m, whole
	}
	f.bad++
	return message{}, corrupt
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

// parse checks a message without stuffing: SOH, its length, STX, bed, "/1/1>",
// text, ETX or ETB, its sum, EOT.
func parse(p []byte) (m message, ok bool) {
	n := len(p)
	if n < headLen+1+len(suffix)+tailLen || p[0] != soh || p[headLen-1] != stx || p[n-1] != eot {
		return m, false
	}
	length, ok1 := number(p[1 : headLen-1])
	sum, ok2 := number(p[n-tailLen+1 : n-1])
	end := p[n-tailLen]
	if !ok1 || !ok2 || length != n || sum != sumOf(p[:n-tailLen+1]) || end != etx && end != etb {
		return m, false
	}
	body := p[headLen : n-tailLen]
	bed := bedLen(body)
	if bed == 0 {
		return m, false
	}
	return message{body[:bed], body[bed+len(suffix):], end == etb}, true
}

// bedLen returns the length of the bed's name, 0 if the text does not begin with
// a name and what must follow. The name may have slashes of its own.
func bedLen(body []byte) int {
	for i, c := range body {
		if c == '>' {
			n := i + 1 - len(suffix)
			if n < 1 || n > bedMax || string(body[n:i+1]) != suffix {
				return 0
			}
			return n
		}
		if !inBed(c) {
			return 0
		}
	}
	return 0
}

// inBed reports whether a bed's name may have the character: 47 to 57 and 65 to
// 122. None of them ends the name, or stands in a request.
func inBed(c byte) bool { return c >= '/' && c <= '9' || c >= 'A' && c <= 'z' }

// number reads five digits.
func number(p []byte) (n int, ok bool) {
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func sumOf(p []byte) int {
	var sum byte
	for _, b := range p {
		sum += b
	}
	return int(sum)
}

// destuff appends p from the left: EX is D, EE is E, and so in small letters. ok
// is false if an E is followed by something else.
func destuff(dst, p []byte) (out []byte, ok bool) {
	for i := 0; i < len(p); i++ {
		b := p[i]
		if b != 'E' && b != 'e' {
			dst = append(dst, b)
			continue
		}
		i++
		switch {
		case i < len(p) && p[i] == b:
			dst = append(dst, b)
		case i < len(p) && p[i] == b+'X'-'E':
			dst = append(dst, b-1)
		default:
			return dst, false
		}
	}
	return dst, true
}

// appendStuffed appends p with D as EX and E as EE, and so in small letters.
func appendStuffed(dst, p []byte) []byte {
	for _, b := range p {
		switch b {
		case 'D', 'd':
			dst = append(dst, b+1, b+'X'-'D')
		case 'E', 'e':
			dst = append(dst, b, b)
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// appendMessage appends a message without stuffing.
func appendMessage(dst, bed, text []byte, end byte) []byte {
	at := len(dst)
	n := headLen + len(bed) + len(suffix) + len(text) + tailLen
	dst = append(appendNumber(append(dst, soh), n), stx)
	dst = append(append(append(dst, bed...), suffix...), text...)
	dst = append(dst, end)
	return append(appendNumber(dst, sumOf(dst[at:])), eot)
}

// appendNumber appends five digits.
func appendNumber(dst []byte, n int) []byte {
	for d := 10000; d > 0; d /= 10 {
		dst = append(dst, '0'+byte(n/d%10))
	}
	return dst
}
