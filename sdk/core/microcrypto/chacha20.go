package microcrypto

import "math/bits"

// chacha20 is the cipher of RFC 8439, section 2.4: the words of its state.
type chacha20 struct{ state [16]uint32 }

// reset sets the key, the nonce and a block counter of 0.
func (c *chacha20) reset(key *[8]uint32, nonce *[NonceSize]byte) {
	s := &c.state
	s[0], s[1], s[2], s[3] = 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574
	copy(s[4:], key[:])
	s[12] = 0
	s[13], s[14], s[15] = uint32LE(nonce[:]), uint32LE(nonce[4:]), uint32LE(nonce[8:])
}

// xor sets dst to src XOR the key stream from the next block on; a block that is
// not used to its end is not continued. The two are of one length, and are the
// same memory or have none in common.
func (c *chacha20) xor(dst, src []byte) {
	var stream [16]uint32
	for len(src) > 0 {
		c.block(&stream)
		n := min(len(src), 64)
		xorWords(dst[:n], src[:n], &stream)
		dst, src = dst[n:], src[n:]
	}
	clear(stream[:])
}

func xorWords(dst, src []byte, stream *[16]uint32) {
	i := 0
	for ; len(src) >= 4 && len(dst) >= 4; i++ {
		putUint32LE(dst, uint32LE(src)^stream[i&15])
		dst, src = dst[4:], src[4:]
	}
	for k := range src {
		dst[k] = src[k] ^ byte(stream[i&15]>>(8*k))
	}
}

// block sets out to the next block of the key stream.
func (c *chacha20) block(out *[16]uint32) {
	*out = c.state
	for range 10 {
		for i := range 4 {
			quarterRound(out, i, i+4, i+8, i+12)
		}
		for i := range 4 {
			quarterRound(out, i, 4+(i+1)&3, 8+(i+2)&3, 12+(i+3)&3)
		}
	}
	for i := range out {
		out[i] += c.state[i]
	}
	c.state[12]++
}

func quarterRound(s *[16]uint32, i, j, k, l int) {
	a, b, c, d := s[i&15], s[j&15], s[k&15], s[l&15]
	a += b
	d = bits.RotateLeft32(d^a, 16)
	c += d
	b = bits.RotateLeft32(b^c, 12)
	a += b
	d = bits.RotateLeft32(d^a, 8)
	c += d
	b = bits.RotateLeft32(b^c, 7)
	s[i&15], s[j&15], s[k&15], s[l&15] = a, b, c, d
}
