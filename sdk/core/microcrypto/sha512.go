package microcrypto

import "math/bits"

// Sizes of SHA-512 in bytes.
const (
	SHA512Size      = 64
	sha512BlockSize = 128
)

// SHA512 is a hash in the making (FIPS 180-4). Call Reset before the first Write.
// A message has less than 2^61 bytes.
type SHA512 struct {
	state  [8]uint64
	length uint64 // bytes written
	block  [sha512BlockSize]byte
}

// Reset begins a new hash.
func (h *SHA512) Reset() {
	h.length = 0
	h.state = [8]uint64{
		0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
		0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
	}
}

// Write adds data to what is hashed.
func (h *SHA512) Write(data []byte) {
	filled := int(h.length % sha512BlockSize)
	h.length += uint64(len(data))
	for len(data) > 0 {
		n := copy(h.block[filled:], data)
		data = data[n:]
		filled += n
		if filled == sha512BlockSize {
			h.compress()
			filled = 0
		}
	}
}

// Sum sets sum to the hash of what was written, and ends it: Reset comes next.
func (h *SHA512) Sum(sum *[SHA512Size]byte) {
	filled := int(h.length % sha512BlockSize)
	h.block[filled] = 0x80
	clear(h.block[filled+1:])
	if filled >= sha512BlockSize-16 {
		h.compress()
		clear(h.block[:])
	}
	putUint64BE(h.block[sha512BlockSize-8:], h.length<<3)
	h.compress()
	for i, x := range h.state {
		putUint64BE(sum[8*i:], x)
	}
	clear(h.block[:])
	clear(h.state[:])
}

// compress takes in one block.
func (h *SHA512) compress() {
	var w [16]uint64 // the message schedule, of which 16 words are live
	for i := range w {
		w[i] = uint64BE(h.block[8*i:])
	}
	a, b, c, d := h.state[0], h.state[1], h.state[2], h.state[3]
	e, f, g, k := h.state[4], h.state[5], h.state[6], h.state[7]
	for i := 0; i < 80; i++ {
		if i >= 16 {
			x, y := w[(i+1)&15], w[(i+14)&15]
			s0 := bits.RotateLeft64(x, -1) ^ bits.RotateLeft64(x, -8) ^ x>>7
			s1 := bits.RotateLeft64(y, -19) ^ bits.RotateLeft64(y, -61) ^ y>>6
			w[i&15] += s0 + w[(i+9)&15] + s1
		}
		t := k + (bits.RotateLeft64(e, -14) ^ bits.RotateLeft64(e, -18) ^ bits.RotateLeft64(e, -41)) +
			(g ^ e&(f^g)) + sha512K[i] + w[i&15]
		u := (bits.RotateLeft64(a, -28) ^ bits.RotateLeft64(a, -34) ^ bits.RotateLeft64(a, -39)) +
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
