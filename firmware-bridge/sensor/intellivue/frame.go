package intellivue

const (
	begin  = 0xc0
	end    = 0xc1
	escape = 0x7d
	bit5   = 0x20 // inverted in the byte after an escape

	protocolID  = 0x11
	messageType = 0x01

	headerLen = 4
	checkLen  = 2

	// maxPayload is four times the MTU of the serial interface: what else a host
	// of a recording may have agreed on fits.
	maxPayload = 4096
)

// frames cuts a stream into frames and checks them.
type frames struct {
	buf       []byte // header, payload and check sequence, without escapes
	in        bool   // between C0 and C1
	escaped   bool
	stray     bool // in a run of bytes that belong to no frame
	good, bad uint64
}

// next takes a byte and returns the payload of the frame that it ended, good until
// the next call.
func (f *frames) next(b byte) []byte {
	switch {
	case b == begin:
		f.drop()
		f.buf, f.in, f.escaped, f.stray = f.buf[:0], true, false, false
	case !f.in:
		f.lost()
		f.stray = b != end
	case b == end && f.escaped: // the sender took it back
		f.in = false
	case b == end:
		f.in = false
		return f.check()
	case b == escape:
		if f.escaped {
			f.drop()
			f.stray = true
		}
		f.escaped = true
	default:
		f.put(b)
	}
	return nil
}

func (f *frames) put(b byte) {
	if len(f.buf) == headerLen+maxPayload+checkLen {
		f.drop()
		f.stray = true
		return
	}
	if f.escaped {
		b ^= bit5
		f.escaped = false
	}
	f.buf = append(f.buf, b)
}

func (f *frames) check() []byte {
	n := len(f.buf) - headerLen - checkLen
	if n < 0 || f.buf[0] != protocolID || f.buf[1] != messageType || int(f.buf[2])<<8|int(f.buf[3]) != n ||
		fcs(f.buf[:headerLen+n]) != uint16(f.buf[headerLen+n])|uint16(f.buf[headerLen+n+1])<<8 {
		f.bad++
		return nil
	}
	f.good++
	return f.buf[headerLen : headerLen+n]
}

// lost counts a run of stray bytes once.
func (f *frames) lost() {
	if !f.stray {
		f.bad++
	}
}

// drop gives up a frame that is not complete.
func (f *frames) drop() {
	if f.in {
		f.in = false
		f.bad++
	}
}

func (f *frames) flush() {
	f.drop()
	f.escaped, f.stray = false, false
}

// fcs is the frame check sequence of RFC 1662 (CRC-16/X-25).
func fcs(p []byte) uint16 { return ^update(0xffff, p) }

func update(crc uint16, p []byte) uint16 {
	for _, b := range p {
		crc = crc>>8 ^ fcsTable[byte(crc)^b]
	}
	return crc
}

var fcsTable = makeTable()

func makeTable() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0x8408
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}

// appendFrame appends payload as a frame.
func appendFrame(dst, payload []byte) []byte {
	header := [headerLen]byte{protocolID, messageType, byte(len(payload) >> 8), byte(len(payload))}
	crc := ^update(update(0xffff, header[:]), payload)
	dst = append(dst, begin)
	dst = appendEscaped(dst, header[:])
	dst = appendEscaped(dst, payload)
	dst = appendEscaped(dst, []byte{byte(crc), byte(crc >> 8)})
	return append(dst, end)
}

func appendEscaped(dst, p []byte) []byte {
	for _, b := range p {
		if b == begin || b == end || b == escape {
			dst = append(dst, escape)
			b ^= bit5
		}
		dst = append(dst, b)
	}
	return dst
}
