package alaris

const (
	begin   = '!'
	bar     = '|'
	cr      = '\r'
	textMax = 256
	crcLen  = 4
)

// frames cuts the stream into replies.
type frames struct {
	buf       []byte // after the exclamation mark
	open      bool
	stray     bool // in a run of bytes that belong to nothing
	good, bad uint64
}

// next takes a byte. It returns the text of a reply whose CRC is right, good until
// the next call.
func (f *frames) next(b byte) []byte {
	switch {
	case b == begin:
		f.drop()
		f.buf, f.open, f.stray = f.buf[:0], true, false
	case f.open && b == cr:
		return f.end()
	case f.open && (b < ' ' || b > '~' || len(f.buf) == textMax):
		f.drop()
		f.stray = true
	case f.open:
		f.buf = append(f.buf, b)
	case b != '\n' && b != cr && !f.stray:
		f.bad++
		f.stray = true
	}
	return nil
}

func (f *frames) end() []byte {
	f.open = false
	n := len(f.buf) - crcLen - 1
	var right [crcLen]byte
	if n < 1 || f.buf[n] != bar || string(appendHex(right[:0], crc(f.buf[:n]))) != string(f.buf[n+1:]) {
		f.bad++
		return nil
	}
	f.good++
	return f.buf[:n]
}

func (f *frames) drop() {
	if f.open {
		f.open = false
		f.bad++
	}
}

// crc is CRC-16/CCITT-FALSE: polynomial 1021, from FFFF, most significant bit first.
func crc(p []byte) uint16 {
	sum := uint16(0xffff)
	for _, b := range p {
		sum ^= uint16(b) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

func appendHex(dst []byte, n uint16) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, digits[n>>12], digits[n>>8&15], digits[n>>4&15], digits[n&15])
}
