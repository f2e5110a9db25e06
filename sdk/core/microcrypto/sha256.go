package microcrypto

import "math/bits"

// Sizes of SHA-256 in bytes.
const (
	SHA256Size      = 32
	sha256BlockSize = 64
)

// SHA256 is a hash in the making (FIPS 180-4). Call Reset before the first Write.
type SHA256 struct {
	state  [8]uint32
	length uint64 // bytes written
	block  [sha256BlockSize]byte
}

// Sum256 returns the SHA-256 hash of data.
func Sum256(data []byte) (sum [SHA256Size]byte) {
	var h SHA256
	h.Reset()
	h.Write(data)
	h.Sum(&sum)
	return sum
}

// Reset begins a new hash.
func (h *SHA256) Reset() {
	h.length = 0
	h.state = [8]uint32{
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	}
}

// Write adds data to what is hashed.
func (h *SHA256) Write(data []byte) {
	filled := int(h.length % sha256BlockSize)
	h.length += uint64(len(data))
	for len(data) > 0 {
		n := copy(h.block[filled:], data)
		data = data[n:]
		filled += n
		if filled == sha256BlockSize {
			h.compress()
			filled = 0
		}
	}
}

// Sum sets sum to the hash of what was written, and ends it: Reset comes next.
func (h *SHA256) Sum(sum *[SHA256Size]byte) {
	filled := int(h.length % sha256BlockSize)
	h.block[filled] = 0x80
	clear(h.block[filled+1:])
	if filled >= sha256BlockSize-8 {
		h.compress()
		clear(h.block[:])
	}
	putUint64BE(h.block[sha256BlockSize-8:], h.length<<3)
	h.compress()
	for i, x := range h.state {
		putUint32BE(sum[4*i:], x)
	}
	clear(h.block[:])
	clear(h.state[:])
}

// compress takes in one block.
func (h *SHA256) compress() {
	var w [16]uint32 // the message schedule, of which 16 words are live
	for i := range w {
		w[i] = uint32BE(h.block[4*i:])
	}
	a, b, c, d := h.state[0], h.state[1], h.state[2], h.state[3]
	e, f, g, k := h.state[4], h.state[5], h.state[6], h.state[7]
	for i := 0; i < 64; i++ {
		if i >= 16 {
			x, y := w[(i+1)&15], w[(i+14)&15]
			s0 := bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3
			s1 := bits.RotateLeft32(y, -17) ^ bits.RotateLeft32(y, -19) ^ y>>10
			w[i&15] += s0 + w[(i+9)&15] + s1
		}
		t := k + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) +
			(g ^ e&(f^g)) + sha256K[i&63] + w[i&15]
		u := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) +
			(a&b | c&(a|b))
		k, g, f, e, d, c, b, a = g, f, e, d+t, c, b, a, t+u
	}
	h.state[0] += a
	h.state[1] += b
	h.state[2] += c
	h.state[3] += d
	h.state[4] += e
	h.state[5] += f
	h.state[6] += g
	h.state[7] += k
	clear(w[:])
}
