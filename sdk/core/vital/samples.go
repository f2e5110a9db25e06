package vital

import "math/bits"

const (
	firstRice  = 8  // Rice parameter of the first sample
	firstLevel = 32 // model.level after it
	riceEscape = 24 // this many ones announce a number in full
	fullBits   = 34 // of that number, see zigzag
)

// fits reports whether every sample is a two's complement number of n bits.
func fits(samples []int32, n uint) bool {
	var over [4]int32 // four chains of dependent operations in place of one
	for ; len(samples) >= 8; samples = samples[8:] {
		v := (*[8]int32)(samples)
		over[0] |= (v[0] ^ v[0]>>31) | (v[4] ^ v[4]>>31)
		over[1] |= (v[1] ^ v[1]>>31) | (v[5] ^ v[5]>>31)
		over[2] |= (v[2] ^ v[2]>>31) | (v[6] ^ v[6]>>31)
		over[3] |= (v[3] ^ v[3]>>31) | (v[7] ^ v[7]>>31)
	}
	for _, s := range samples {
		over[0] |= s ^ s>>31
	}
	return uint32(over[0]|over[1]|over[2]|over[3])>>(n-1) == 0
}

// model foretells each sample on the straight line through the two before it,
// and the size of the error from the errors before.
//
// The first sample is foretold as the one that means nought, the second as the
// first: a trace far from zero costs nothing at its start. The Rice parameter
// follows the signal, because a trace is quiet between its beats: on real ECG
// one parameter for a whole second takes up to a third more.
type model struct {
	s1, s2  int64  // the last sample, the one before
	level   uint64 // twice the mean of the last residuals
	started bool
}

func newModel(zero int32) model { return model{s1: int64(zero), s2: int64(zero)} }

func (m *model) next() int64 { return 2*m.s1 - m.s2 }

// parameter returns the Rice parameter of the next residual, at most 33.
func (m *model) parameter() uint {
	if !m.started {
		return firstRice
	}
	return uint(bits.Len64(m.level >> 2))
}

func (m *model) push(s int64, residual uint64) {
	if !m.started {
		m.s1, m.s2, m.level, m.started = s, s, firstLevel, true
		return
	}
	m.s1, m.s2 = s, m.s1
	m.level += residual - m.level>>1
}

// zigzag maps a difference to a number that is small if the difference is: 0, -1,
// 1, -2 to 0, 1, 2, 3. The second difference of 32-bit samples gives at most
// 2^34 - 4.
func zigzag(d int64) uint64 { return uint64(d<<1 ^ d>>63) }

func unzigzag(z uint64) int64 { return int64(z>>1) ^ -int64(z&1) }

// fixedCoding returns the shortest coding of fixed width that keeps samples, and
// its length in bytes; ok is false if there is none.
func fixedCoding(samples []int32) (c Coding, size int, ok bool) {
	switch {
	case fits(samples, 12):
		c = Coding12Bit
	case fits(samples, 16):
		c = CodingInt16
	default:
		return CodingRice, 0, false
	}
	return c, codedLen(c, len(samples)), true
}

// codedLen returns the length in bytes of n samples in a coding of fixed width.
func codedLen(c Coding, n int) int {
	if c == Coding12Bit {
		return (n*12 + 7) / 8
	}
	return n * 2
}

// appendInt16 grows dst once and writes four samples a turn: it is what a raw
// wave costs beside its encryption, and the compiler then checks bounds once.
func appendInt16(dst []byte, samples []int32) []byte {
	start, size := len(dst), 2*len(samples)
	dst = grow(dst, size)
	out := dst[start : start+size]
	for len(samples) >= 4 && len(out) >= 8 {
		v, to := (*[4]int32)(samples), (*[8]byte)(out)
		// One number of 64 bits, which the compiler stores at once.
		n := uint64(uint16(v[0]))<<48 | uint64(uint16(v[1]))<<32 | uint64(uint16(v[2]))<<16 | uint64(uint16(v[3]))
		to[0], to[1], to[2], to[3] = byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32)
		to[4], to[5], to[6], to[7] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		samples, out = samples[4:], out[8:]
	}
	for i, s := range samples {
		out[2*i], out[2*i+1] = byte(s>>8), byte(s)
	}
	return dst
}

// grow returns dst longer by n bytes of any content.
func grow(dst []byte, n int) []byte {
	if free := cap(dst) - len(dst); free < n {
		dst = append(dst, make([]byte, n)...)
		return dst
	}
	return dst[:len(dst)+n]
}

func append12Bit(dst []byte, samples []int32) []byte {
	for ; len(samples) >= 2; samples = samples[2:] {
		a, b := samples[0], samples[1]
		dst = append(dst, byte(a>>4), byte(a<<4)|byte(b>>8)&0x0f, byte(b))
	}
	if len(samples) == 1 {
		dst = append(dst, byte(samples[0]>>4), byte(samples[0]<<4))
	}
	return dst
}

// appendRice gives up with ok false once it has written more than limit bytes.
func appendRice(dst []byte, samples []int32, zero int32, limit int) (out []byte, ok bool) {
	w := bitWriter{dst: dst}
	m := newModel(zero)
	limit += len(dst)
	for _, s := range samples {
		z, k := zigzag(int64(s)-m.next()), m.parameter()
		if q := z >> k; q < riceEscape {
			w.put((1<<(q+1)-2)<<k|z&(1<<k-1), uint(q)+1+k)
		} else {
			w.put(1<<riceEscape-1, riceEscape)
			w.put(z, fullBits)
		}
		m.push(int64(s), z)
		if len(w.dst) > limit {
			return dst, false
		}
	}
	out = w.close()
	return out, len(out) <= limit
}

// bitWriter appends bits, the most significant first.
type bitWriter struct {
	dst []byte
	acc uint64
	n   uint // bits of acc not yet appended, at most 7
}

// put appends the n lowest bits of v; n is at most 57 and v has no others.
func (w *bitWriter) put(v uint64, n uint) {
	w.acc = w.acc<<n | v
	for w.n += n; w.n >= 8; {
		w.n -= 8
		w.dst = append(w.dst, byte(w.acc>>w.n))
	}
}

func (w *bitWriter) close() []byte {
	if w.n > 0 {
		w.dst = append(w.dst, byte(w.acc<<(8-w.n)))
	}
	return w.dst
}

func decodeInt16(dst []int32, in []byte) []int32 {
	for ; len(in) >= 2; in = in[2:] {
		dst = append(dst, int32(int16(uint16(in[0])<<8|uint16(in[1]))))
	}
	return dst
}

func decode12Bit(dst []int32, in []byte) ([]int32, error) {
	for ; len(in) >= 3; in = in[3:] {
		a, b := uint32(in[0])<<4|uint32(in[1])>>4, uint32(in[1])<<8|uint32(in[2])
		dst = append(dst, int32(a<<20)>>20, int32(b<<20)>>20)
	}
	if len(in) == 2 {
		if in[1]&0x0f != 0 {
			return dst, errPadding
		}
		dst = append(dst, int32(uint32(in[0])<<24|uint32(in[1])<<16)>>20)
	}
	return dst, nil
}

// decodeRice appends exactly n samples and refuses input that is shorter or
// longer, a sample beyond 32 bits, and an escape where none was needed.
func decodeRice(dst []int32, in []byte, n int, zero int32) ([]int32, error) {
	r := bitReader{in: in}
	m := newModel(zero)
	for ; n > 0; n-- {
		z, err := r.rice(m.parameter())
		if err != nil {
			return dst, err
		}
		s := unzigzag(z) + m.next()
		if s != int64(int32(s)) {
			return dst, errRange
		}
		dst = append(dst, int32(s))
		m.push(s, z)
	}
	if len(r.in) > 0 || r.n >= 8 {
		return dst, errSamples
	}
	if r.acc != 0 {
		return dst, errPadding
	}
	return dst, nil
}

// bitReader keeps the next n bits at the top of acc; the rest of acc is zero.
type bitReader struct {
	in  []byte
	acc uint64
	n   uint
}

func (r *bitReader) fill() {
	for r.n <= 56 && len(r.in) > 0 {
		r.acc |= uint64(r.in[0]) << (56 - r.n)
		r.in = r.in[1:]
		r.n += 8
	}
}

// get reads n bits, 1 to 57; ok is false if the input ends before.
func (r *bitReader) get(n uint) (v uint64, ok bool) {
	r.fill()
	if n > r.n {
		return 0, false
	}
	v = r.acc >> (64 - n)
	r.acc <<= n
	r.n -= n
	return v, true
}

func (r *bitReader) rice(k uint) (uint64, error) {
	r.fill()
	q := uint(bits.LeadingZeros64(^r.acc))
	if q >= riceEscape {
		return r.escaped(k)
	}
	if _, ok := r.get(q + 1); !ok {
		return 0, errSamples
	}
	if k == 0 {
		return uint64(q), nil
	}
	low, ok := r.get(k)
	if !ok {
		return 0, errSamples
	}
	return uint64(q)<<k | low, nil
}

func (r *bitReader) escaped(k uint) (uint64, error) {
	r.get(riceEscape) // they are there: they were counted
	z, ok := r.get(fullBits)
	switch {
	case !ok:
		return 0, errSamples
	case z>>k < riceEscape:
		return 0, errEscape
	}
	return z, nil
}
