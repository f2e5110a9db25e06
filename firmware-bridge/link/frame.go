package link

const (
	// MaxFrame is the size in bytes of the longest frame, its type and its CRC
	// counted, before COBS.
	MaxFrame = 4096
	// MinFrame is the size that every end takes.
	MinFrame = 64
	// MaxWire is how many bytes the longest frame has on the wire: WireLen(MaxFrame - CRCSize).
	MaxWire = 1 + MaxFrame + (MaxFrame+cobsRun-1)/cobsRun + 1
	// CRCSize is the length of the CRC at the end of a frame.
	CRCSize = 4
)

const (
	delimiter = 0x00
	cobsRun   = 254  // the most bytes that one COBS block holds
	cobsFull  = 0xff // code of a block of 254 bytes that no zero follows
)

// WireLen returns how many bytes a frame of n bytes, without its CRC, has on
// the wire at most: a byte more for each 254 begun, and the two delimiters.
func WireLen(n int) int {
	n += CRCSize
	return 1 + n + (n+cobsRun-1)/cobsRun + 1
}

// AppendFrame appends a frame, given without its CRC, as it goes over the wire:
// 00 COBS(frame || crc) 00. It does not check the length against MaxFrame.
func AppendFrame(dst, frame []byte) []byte {
	var e encoder
	e.begin(dst)
	e.write(frame)
	return e.end()
}

// encoder makes a frame byte by byte, so that nothing needs to hold it before it
// is encoded.
type encoder struct {
	dst  []byte
	code int // index in dst of the code of the open block; -1: none
	crc  uint32
}

// begin starts a frame that is appended to dst.
func (e *encoder) begin(dst []byte) {
	e.dst, e.crc = append(dst, delimiter), crcInit
	e.open()
}

// open starts a block; its code is written when it is complete.
func (e *encoder) open() {
	e.code = len(e.dst)
	e.dst = append(e.dst, 1)
}

// stuff appends one byte in COBS.
func (e *encoder) stuff(b byte) {
	if e.dst[e.code] == cobsFull {
		e.open() // only now: a frame does not end in an empty block that it does not need
	}
	if b == delimiter {
		e.open()
		return
	}
	e.dst = append(e.dst, b)
	e.dst[e.code]++
}

func (e *encoder) byte(b byte) {
	e.crc = crcByte(e.crc, b)
	e.stuff(b)
}

func (e *encoder) write(p []byte) {
	for _, b := range p {
		e.byte(b)
	}
}

func (e *encoder) uint32(n uint32) {
	for shift := 24; shift >= 0; shift -= 8 {
		e.byte(byte(n >> shift))
	}
}

func (e *encoder) uint64(n uint64) {
	e.uint32(uint32(n >> 32))
	e.uint32(uint32(n))
}

// end appends the CRC and the delimiter and returns the slice that begin was
// given, longer.
func (e *encoder) end() []byte {
	crc := e.crc ^ crcInit
	for shift := 24; shift >= 0; shift -= 8 {
		e.stuff(byte(crc >> shift))
	}
	return append(e.dst, delimiter)
}
