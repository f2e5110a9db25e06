package gedri

const (
	flag    = 0x7e
	control = 0x7d
	cleared = 0x20 // the bit that an escaped byte lacks

	headerLen = 40
	recordMax = 4096 // a record may be 1490 bytes, 24 waves somewhat more
)

// frames cuts a stream at its flags. A flag ends a frame and begins one, so that
// a lost flag costs two frames and no more.
type frames struct {
	buf       []byte
	open      bool
	escaped   bool
	broken    bool
	stray     bool
	good, bad uint64
}

// next takes a byte. It returns the record that it ends, good until the next call.
func (f *frames) next(b byte) []byte {
	switch {
	case b == flag:
		return f.end()
	case !f.open:
		if !f.stray {
			f.bad++
		}
		f.stray = true
	case f.escaped:
		f.escaped = false
		b |= cleared
		if b != flag && b != control {
			f.broken = true
		}
		f.put(b)
	case b == control:
		f.escaped = true
	default:
		f.put(b)
	}
	return nil
}

func (f *frames) put(b byte) {
	if len(f.buf) > recordMax {
		f.broken = true
		return
	}
	f.buf = append(f.buf, b)
}

func (f *frames) end() []byte {
	record := f.buf
	broken := f.broken || f.escaped
	began := f.open && (len(record) > 0 || f.escaped)
	f.buf, f.open, f.escaped, f.broken, f.stray = f.buf[:0], true, false, false, false
	if !began {
		return nil
	}
	n := len(record) - 1
	if broken || n < headerLen || sumOf(record[:n]) != record[n] || int(le16(record)) != n {
		f.bad++
		return nil
	}
	f.good++
	return record[:n]
}

func (f *frames) flush() {
	if f.open && (len(f.buf) > 0 || f.escaped) {
		f.bad++
	}
	*f = frames{buf: f.buf[:0], good: f.good, bad: f.bad}
}

func sumOf(p []byte) (sum byte) {
	for _, b := range p {
		sum += b
	}
	return sum
}

func le16(p []byte) int16 { return int16(uint16(p[0]) | uint16(p[1])<<8) }

func le32(p []byte) uint32 {
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}

// appendFrame appends a record with its sum, escaped, between flags.
func appendFrame(dst, record []byte) []byte {
	dst = append(dst, flag)
	for _, b := range record {
		dst = appendEscaped(dst, b)
	}
	return append(appendEscaped(dst, sumOf(record)), flag)
}

func appendEscaped(dst []byte, b byte) []byte {
	if b == flag || b == control {
		return append(dst, control, b&^cleared)
	}
	return append(dst, b)
}

// Types of records and sub-records.
const (
	typeNumbers = 0
	typeWaves   = 1

	subRequest   = 0
	subDisplayed = 1
	subEnd       = 0xff

	subMax     = 8
	numbersLen = 278
	waveHeader = 6
)

// header is what is read of a record's first 40 bytes.
type header struct {
	level byte
	plug  uint16
	time  uint32
	kind  int16
}

func headerOf(record []byte) header {
	return header{level: record[3], plug: uint16(le16(record[4:])), time: le32(record[6:]), kind: le16(record[14:])}
}

// sub returns the type and the bytes from sub-record i on; ok is false at the end of
// the list. Bytes are nil if the record does not reach that far.
func sub(record []byte, i int) (kind byte, p []byte, ok bool) {
	if i == subMax {
		return 0, nil, false
	}
	at := 16 + 3*i
	kind = record[at+2]
	if kind == subEnd {
		return 0, nil, false
	}
	offset := int(le16(record[at:]))
	if offset < 0 || headerLen+offset > len(record) {
		return kind, nil, true
	}
	return kind, record[headerLen+offset:], true
}
