package microcrypto

// scalar is a number in eight little-endian words; modulo the order L of the base
// point where a function says so. The constants order, orderInverse, montgomeryR
// and montgomeryRR are generated.
type scalar [8]uint32

// montgomery sets s to a*b/2^256 modulo L, from 0 to L-1, for any a and for b
// below L.
func (s *scalar) montgomery(a, b *scalar) {
	var t [9]uint32 // below a + L
	for _, x := range b {
		u := uint64(a[0])*uint64(x) + uint64(t[0])
		m := uint32(u) * orderInverse
		v := uint64(m)*uint64(order[0]) + uint64(uint32(u)) // a multiple of 2^32
		for j := 1; j < 8; j++ {
			u = uint64(a[j])*uint64(x) + uint64(t[j]) + u>>32
			v = uint64(m)*uint64(order[j]) + uint64(uint32(u)) + v>>32
			t[j-1] = uint32(v)
		}
		u = uint64(t[8]) + u>>32 + v>>32
		t[7], t[8] = uint32(u), uint32(u>>32)
	}
	copy(s[:], t[:8]) // below 2L
	s.subtractOrder()
	clear(t[:])
}

// subtractOrder subtracts L from s if s is L or more.
func (s *scalar) subtractOrder() {
	var d scalar
	borrow := d.minusOrder(s)
	for i := range s { // borrow: s was below L
		s[i] = d[i] ^ (d[i]^s[i])&-borrow
	}
	clear(d[:])
}

// minusOrder sets s to a - L modulo 2^256 and returns 1 if a is below L, else 0.
func (s *scalar) minusOrder(a *scalar) (borrow uint32) {
	for i := range s {
		x := uint64(a[i]) - uint64(order[i]) - uint64(borrow)
		s[i], borrow = uint32(x), uint32(x>>63)
	}
	return borrow
}

// addModOrder sets s to s + a modulo L, both below L.
func (s *scalar) addModOrder(a *scalar) {
	s.addMasked(a, ^uint32(0))
	s.subtractOrder()
}

// addMasked sets s to s + a if mask is all ones, for a sum below 2^256, and leaves
// it if mask is 0.
func (s *scalar) addMasked(a *scalar, mask uint32) {
	x := uint64(0)
	for i := range s {
		x += uint64(s[i]) + uint64(a[i]&mask)
		s[i] = uint32(x)
		x >>= 32
	}
}

// reduce sets s to a modulo L.
func (s *scalar) reduce(a *scalar) { s.montgomery(a, &montgomeryR) }

// setHash sets s to the number of 512 bits that a hash is, modulo L.
func (s *scalar) setHash(sum *[SHA512Size]byte) {
	var low, high scalar
	low.setBytes(sum[:32])
	high.setBytes(sum[32:])
	s.reduce(&low)
	high.montgomery(&high, &montgomeryRR) // times 2^256
	s.addModOrder(&high)
	clear(low[:])
	clear(high[:])
}

// setBytes sets s to 32 little-endian bytes.
func (s *scalar) setBytes(b []byte) {
	for i := range s {
		s[i] = uint32LE(b[4*i:])
	}
}

func (s *scalar) putBytes(b []byte) {
	for i, x := range s {
		putUint32LE(b[4*i:], x)
	}
}

// bit returns bit i, for i below 256.
func (s *scalar) bit(i int) uint32 { return s[i>>5&7] >> (i & 31) & 1 }
