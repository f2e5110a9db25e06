package microcrypto

// poly1305 is the authenticator of RFC 8439, section 2.5, for messages that are
// padded with zeros to blocks of 16 bytes, as the AEAD's are. Numbers modulo
// 2^130 - 5 are five limbs of 26 bits.
type poly1305 struct {
	r, h [5]uint32
	s    [4]uint32 // added at the end, modulo 2^128
}

const mask26 = 1<<26 - 1

// reset sets the one-time key: r and s, little-endian words.
func (p *poly1305) reset(key *[8]uint32) {
	r0, r1, r2, r3 := key[0]&0x0fffffff, key[1]&0x0ffffffc, key[2]&0x0ffffffc, key[3]&0x0ffffffc
	p.r = [5]uint32{
		r0 & mask26,
		(r0>>26 | r1<<6) & mask26,
		(r1>>20 | r2<<12) & mask26,
		(r2>>14 | r3<<18) & mask26,
		r3 >> 8,
	}
	p.h = [5]uint32{}
	p.s = [4]uint32{key[4], key[5], key[6], key[7]}
}

// write takes in data and the zeros that pad it to whole blocks.
func (p *poly1305) write(data []byte) {
	for len(data) >= 16 {
		p.block(uint32LE(data), uint32LE(data[4:]), uint32LE(data[8:]), uint32LE(data[12:]))
		data = data[16:]
	}
	if len(data) > 0 {
		var last [16]byte
		copy(last[:], data)
		p.block(uint32LE(last[:]), uint32LE(last[4:]), uint32LE(last[8:]), uint32LE(last[12:]))
	}
}

// block sets h to (h + block + 2^128) r, each limb below 2^26 but limb 1, which
// may exceed it by 2^12.
func (p *poly1305) block(m0, m1, m2, m3 uint32) {
	h0 := uint64(p.h[0] + m0&mask26)
	h1 := uint64(p.h[1] + (m0>>26|m1<<6)&mask26)
	h2 := uint64(p.h[2] + (m1>>20|m2<<12)&mask26)
	h3 := uint64(p.h[3] + (m2>>14|m3<<18)&mask26)
	h4 := uint64(p.h[4] + (m3>>8 | 1<<24))
	r0, r1, r2, r3, r4 := uint64(p.r[0]), uint64(p.r[1]), uint64(p.r[2]), uint64(p.r[3]), uint64(p.r[4])
	s1, s2, s3, s4 := uint64(p.r[1]*5), uint64(p.r[2]*5), uint64(p.r[3]*5), uint64(p.r[4]*5)

	// Five products of 27 and 29 bits each: far from 64.
	t := h0*r0 + h1*s4 + h2*s3 + h3*s2 + h4*s1
	p.h[0] = uint32(t) & mask26
	t = t>>26 + h0*r1 + h1*r0 + h2*s4 + h3*s3 + h4*s2
	p.h[1] = uint32(t) & mask26
	t = t>>26 + h0*r2 + h1*r1 + h2*r0 + h3*s4 + h4*s3
	p.h[2] = uint32(t) & mask26
	t = t>>26 + h0*r3 + h1*r2 + h2*r1 + h3*r0 + h4*s4
	p.h[3] = uint32(t) & mask26
	t = t>>26 + h0*r4 + h1*r3 + h2*r2 + h3*r1 + h4*r0
	p.h[4] = uint32(t) & mask26
	t = t>>26*5 + uint64(p.h[0])
	p.h[0] = uint32(t) & mask26
	p.h[1] += uint32(t >> 26)
}

// sum sets tag, and erases what it was made from.
func (p *poly1305) sum(tag *[TagSize]byte) {
	h := &p.h
	for i := range 9 { // twice around, so that every limb is below 2^26
		j := i % 5
		carry := h[j] >> 26
		h[j] &= mask26
		if j == 4 {
			h[0] += carry * 5
		} else {
			h[j+1] += carry
		}
	}
	var g [5]uint32 // h + 5 - 2^130, which is h - p
	carry := uint32(5)
	for i := range h {
		carry += h[i]
		g[i] = carry & mask26
		carry >>= 26
	}
	mask := -carry // all ones if h >= p
	for i := range h {
		h[i] ^= (h[i] ^ g[i]) & mask
	}
	words := [4]uint32{h[0] | h[1]<<26, h[1]>>6 | h[2]<<20, h[2]>>12 | h[3]<<14, h[3]>>18 | h[4]<<8}
	sum := uint64(0)
	for i := range words {
		sum += uint64(words[i]) + uint64(p.s[i])
		putUint32LE(tag[4*i:], uint32(sum))
		sum >>= 32
	}
	*p = poly1305{}
}
