package medibus

const (
	soh = 0x01 // a reply begins
	etx = 0x03 // a text ends
	cr  = 0x0d
	dc1 = 0x11 // stop sending
	dc3 = 0x13 // go on
	nak = 0x15 // in place of the code: the command was corrupt
	can = 0x18 // abort, and send the command again
	esc = 0x1b // a command begins

	realtimeFlag = 0x80

	replyMax   = 3846 // "must not exceed 3845 bytes", and one to notice
	commandMax = 257  // ESC, code, 251 of argument, sum, CR
)

// frame is a reply or a command on its way in, from SOH or ESC on.
type frame struct {
	buf  []byte
	open bool
}

func (f *frame) begin(b byte) {
	f.buf, f.open = append(f.buf[:0], b), true
}

// frames cuts the slow protocol into replies and commands. A command may stand
// in a reply; all that can be told of the rest is that it belongs to neither.
type frames struct {
	reply, command frame
	stray          bool // in a run of bytes that belong to nothing
	good, bad      uint64
}

// next takes a byte below 80. It returns a frame without its end that has the
// right sum, good until the next call.
func (f *frames) next(b byte) []byte {
	switch b {
	case soh:
		f.drop(&f.command)
		f.drop(&f.reply)
		f.reply.begin(b)
	case esc:
		f.drop(&f.command)
		f.command.begin(b)
	case cr:
		return f.end()
	default:
		f.put(b)
		return nil
	}
	f.stray = false
	return nil
}

func (f *frames) put(b byte) {
	in, limit := &f.reply, replyMax
	if f.command.open {
		in, limit = &f.command, commandMax
	}
	switch {
	case !in.open:
		if !f.stray {
			f.bad++
		}
		f.stray = true
	case len(in.buf) == limit:
		f.drop(in)
		f.stray = true
	default:
		in.buf = append(in.buf, b)
	}
}

func (f *frames) end() []byte {
	in := &f.reply
	if f.command.open {
		in = &f.command
	}
	if !in.open {
		if !f.stray {
			f.bad++
		}
		f.stray = false
		return nil
	}
	in.open = false
	if !summed(in.buf) {
		f.bad++
		return in.buf[:1] // the caller may want to say so
	}
	f.good++
	return in.buf[:len(in.buf)-2]
}

func (f *frames) drop(in *frame) {
	if in.open {
		in.open = false
		f.bad++
	}
}

func (f *frames) flush() {
	f.drop(&f.command)
	f.drop(&f.reply)
	f.stray = false
}

// summed checks a frame that has at least a code.
func summed(p []byte) bool {
	n := len(p) - 2
	if n < 2 {
		return false
	}
	sum, ok := hexByte(p[n:])
	return ok && sum == sumOf(p[:n])
}

func sumOf(p []byte) (sum byte) {
	for _, b := range p {
		sum += b
	}
	return sum
}

// hexByte reads two upper-case digits.
func hexByte(p []byte) (byte, bool) {
	hi, ok := hexDigit(p[0])
	lo, also := hexDigit(p[1])
	return hi<<4 | lo, ok && also
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

const hexDigits = "0123456789ABCDEF"

func appendHex(dst []byte, b byte) []byte {
	return append(dst, hexDigits[b>>4], hexDigits[b&15])
}

// appendFrame appends a reply or a command.
func appendFrame(dst []byte, first, code byte, data ...byte) []byte {
	at := len(dst)
	dst = append(append(dst, first, code), data...)
	return append(appendHex(dst, sumOf(dst[at:])), cr)
}
