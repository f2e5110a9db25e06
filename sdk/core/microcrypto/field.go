package microcrypto

// element is a number modulo p = 2^255 - 19: nine limbs of 29 bits, the highest
// of 23. (Ten limbs of 25.5 bits are more usual; nine need 81 products for 100,
// and 29 bits leave room to add without a carry.)
//
// An element is reduced when its limbs are below 2^29, the highest below 2^23,
// but limb 1 may exceed 2^29 by 2^17 and limb 0 by 2^12. Products are reduced. A
// sum of two reduced elements has limbs up to 2^30 and a bit, a difference up to
// 3*2^29: mul takes a sum or difference with a sum, and square takes a sum, since
// nine products of 2^30.6 and 2^30.1 stay below 2^64. Any other result of add and
// sub goes through carry first.
//
// The operations are not inlined, and a point is not set as a whole: LLVM explores
// no more than 100 uses of a pointer when it asks whether the pointer escapes. A
// function over points would have more, and TinyGo put its points on the heap.
type element [9]uint32

const (
	mask29 = 1<<29 - 1
	mask23 = 1<<23 - 1
	// fold is 2^261 modulo p: what the columns above the ninth count.
	fold = 19 << 6
)

// set sets e to a small number.
//
//go:noinline
func (e *element) set(x uint32) {
	clear(e[:])
	e[0] = x
}

// add sets e to a + b. (Unrolled, as others are: compilers for size leave loops as
// they are.)
//
//go:noinline
func (e *element) add(a, b *element) {
	e[0], e[1], e[2] = a[0]+b[0], a[1]+b[1], a[2]+b[2]
	e[3], e[4], e[5] = a[3]+b[3], a[4]+b[4], a[5]+b[5]
	e[6], e[7], e[8] = a[6]+b[6], a[7]+b[7], a[8]+b[8]
}

// sub sets e to a - b, for a reduced b: a + 2p - b.
//
//go:noinline
func (e *element) sub(a, b *element) {
	const p0, p1, p8 = 1<<30 - 38, 1<<30 - 2, 1<<24 - 2
	e[0], e[1], e[2] = a[0]+p0-b[0], a[1]+p1-b[1], a[2]+p1-b[2]
	e[3], e[4], e[5] = a[3]+p1-b[3], a[4]+p1-b[4], a[5]+p1-b[5]
	e[6], e[7], e[8] = a[6]+p1-b[6], a[7]+p1-b[7], a[8]+p8-b[8]
}

// carry reduces e.
//
//go:noinline
func (e *element) carry() {
	c := uint32(0)
	for i := range 8 {
		c += e[i]
		e[i] = c & mask29
		c >>= 29
	}
	c += e[8]
	e[8] = c & mask23
	e[0] += c >> 23 * 19
}

// mul sets e to a * b. The conversions stand here and not in a function, so that
// every compiler sees products of 32 bits.
//
//go:noinline
func (e *element) mul(a, b *element) {
	a0, a1, a2, a3, a4, a5, a6, a7, a8 := uint64(a[0]), uint64(a[1]), uint64(a[2]),
		uint64(a[3]), uint64(a[4]), uint64(a[5]), uint64(a[6]), uint64(a[7]), uint64(a[8])
	b0, b1, b2, b3, b4, b5, b6, b7, b8 := uint64(b[0]), uint64(b[1]), uint64(b[2]),
		uint64(b[3]), uint64(b[4]), uint64(b[5]), uint64(b[6]), uint64(b[7]), uint64(b[8])

	t := a1*b8 + a2*b7 + a3*b6 + a4*b5 + a5*b4 + a6*b3 + a7*b2 + a8*b1
	h0 := t & mask29
	t = t>>29 + a2*b8 + a3*b7 + a4*b6 + a5*b5 + a6*b4 + a7*b3 + a8*b2
	h1 := t & mask29
	t = t>>29 + a3*b8 + a4*b7 + a5*b6 + a6*b5 + a7*b4 + a8*b3
	h2 := t & mask29
	t = t>>29 + a4*b8 + a5*b7 + a6*b6 + a7*b5 + a8*b4
	h3 := t & mask29
	t = t>>29 + a5*b8 + a6*b7 + a7*b6 + a8*b5
	h4 := t & mask29
	t = t>>29 + a6*b8 + a7*b7 + a8*b6
	h5 := t & mask29
	t = t>>29 + a7*b8 + a8*b7
	h6 := t & mask29
	t = t>>29 + a8*b8
	h7 := t & mask29
	h8 := uint64(uint32(t >> 29))

	t = h0*fold + a0*b0
	h0 = t & mask29
	t = t>>29 + h1*fold + a0*b1 + a1*b0
	h1 = t & mask29
	t = t>>29 + h2*fold + a0*b2 + a1*b1 + a2*b0
	h2 = t & mask29
	t = t>>29 + h3*fold + a0*b3 + a1*b2 + a2*b1 + a3*b0
	h3 = t & mask29
	t = t>>29 + h4*fold + a0*b4 + a1*b3 + a2*b2 + a3*b1 + a4*b0
	h4 = t & mask29
	t = t>>29 + h5*fold + a0*b5 + a1*b4 + a2*b3 + a3*b2 + a4*b1 + a5*b0
	h5 = t & mask29
	t = t>>29 + h6*fold + a0*b6 + a1*b5 + a2*b4 + a3*b3 + a4*b2 + a5*b1 + a6*b0
	h6 = t & mask29
	t = t>>29 + h7*fold + a0*b7 + a1*b6 + a2*b5 + a3*b4 + a4*b3 + a5*b2 + a6*b1 + a7*b0
	h7 = t & mask29
	t = t>>29 + h8*fold + a0*b8 + a1*b7 + a2*b6 + a3*b5 + a4*b4 + a5*b3 + a6*b2 + a7*b1 + a8*b0
	h8 = t & mask23
	t = t>>23*19 + h0 // what exceeds bit 255 counts 19
	e[0], e[1] = uint32(t)&mask29, uint32(h1)+uint32(t>>29)
	e[2], e[3], e[4], e[5] = uint32(h2), uint32(h3), uint32(h4), uint32(h5)
	e[6], e[7], e[8] = uint32(h6), uint32(h7), uint32(h8)
}

// square sets e to a * a.
//
//go:noinline
func (e *element) square(a *element) {
	a0, a1, a2, a3, a4, a5, a6, a7, a8 := uint64(a[0]), uint64(a[1]), uint64(a[2]),
		uint64(a[3]), uint64(a[4]), uint64(a[5]), uint64(a[6]), uint64(a[7]), uint64(a[8])
	d0, d1, d2, d3, d4, d5, d6, d7 := uint64(a[0]<<1), uint64(a[1]<<1), uint64(a[2]<<1),
		uint64(a[3]<<1), uint64(a[4]<<1), uint64(a[5]<<1), uint64(a[6]<<1), uint64(a[7]<<1)

	t := d1*a8 + d2*a7 + d3*a6 + d4*a5
	h0 := t & mask29
	t = t>>29 + d2*a8 + d3*a7 + d4*a6 + a5*a5
	h1 := t & mask29
	t = t>>29 + d3*a8 + d4*a7 + d5*a6
	h2 := t & mask29
	t = t>>29 + d4*a8 + d5*a7 + a6*a6
	h3 := t & mask29
	t = t>>29 + d5*a8 + d6*a7
	h4 := t & mask29
	t = t>>29 + d6*a8 + a7*a7
	h5 := t & mask29
	t = t>>29 + d7*a8
	h6 := t & mask29
	t = t>>29 + a8*a8
	h7 := t & mask29
	h8 := uint64(uint32(t >> 29))

	t = h0*fold + a0*a0
	h0 = t & mask29
	t = t>>29 + h1*fold + d0*a1
	h1 = t & mask29
	t = t>>29 + h2*fold + d0*a2 + a1*a1
	h2 = t & mask29
	t = t>>29 + h3*fold + d0*a3 + d1*a2
	h3 = t & mask29
	t = t>>29 + h4*fold + d0*a4 + d1*a3 + a2*a2
	h4 = t & mask29
	t = t>>29 + h5*fold + d0*a5 + d1*a4 + d2*a3
	h5 = t & mask29
	t = t>>29 + h6*fold + d0*a6 + d1*a5 + d2*a4 + a3*a3
	h6 = t & mask29
	t = t>>29 + h7*fold + d0*a7 + d1*a6 + d2*a5 + d3*a4
	h7 = t & mask29
	t = t>>29 + h8*fold + d0*a8 + d1*a7 + d2*a6 + d3*a5 + a4*a4
	h8 = t & mask23
	t = t>>23*19 + h0 // what exceeds bit 255 counts 19
	e[0], e[1] = uint32(t)&mask29, uint32(h1)+uint32(t>>29)
	e[2], e[3], e[4], e[5] = uint32(h2), uint32(h3), uint32(h4), uint32(h5)
	e[6], e[7], e[8] = uint32(h6), uint32(h7), uint32(h8)
}

// squareTimes sets e to a^(2^n), for n of 1 or more.
func (e *element) squareTimes(a *element, n int) {
	e.square(a)
	for range n - 1 {
		e.square(e)
	}
}

// power250 sets e to a^(2^250 - 1) and a11 to a^11.
func (e *element) power250(a11, a *element) {
	var t, u element
	t.square(a)           // 2
	u.squareTimes(&t, 2)  // 8
	u.mul(&u, a)          // 9
	a11.mul(&u, &t)       // 11
	t.square(a11)         // 22
	t.mul(&t, &u)         // 2^5 - 1
	u.squareTimes(&t, 5)  //
	t.mul(&t, &u)         // 2^10 - 1
	u.squareTimes(&t, 10) //
	u.mul(&u, &t)         // 2^20 - 1
	e.squareTimes(&u, 20) //
	e.mul(e, &u)          // 2^40 - 1
	e.squareTimes(e, 10)  //
	t.mul(&t, e)          // 2^50 - 1
	e.squareTimes(&t, 50) //
	e.mul(e, &t)          // 2^100 - 1
	u.squareTimes(e, 100) //
	e.mul(e, &u)          // 2^200 - 1
	e.squareTimes(e, 50)  //
	e.mul(e, &t)          // 2^250 - 1
}

// invert sets e to 1/a, and 0 for 0: a^(p-2), and p - 2 is 2^255 - 21.
func (e *element) invert(a *element) {
	var a11 element
	e.power250(&a11, a)
	e.squareTimes(e, 5)
	e.mul(e, &a11)
}

// setWords sets e to a number of 255 bits in little-endian words; the highest bit
// is left out.
//
//go:noinline
func (e *element) setWords(w0, w1, w2, w3, w4, w5, w6, w7 uint32) {
	e[0] = w0 & mask29
	e[1] = (w0>>29 | w1<<3) & mask29
	e[2] = (w1>>26 | w2<<6) & mask29
	e[3] = (w2>>23 | w3<<9) & mask29
	e[4] = (w3>>20 | w4<<12) & mask29
	e[5] = (w4>>17 | w5<<15) & mask29
	e[6] = (w5>>14 | w6<<18) & mask29
	e[7] = (w6>>11 | w7<<21) & mask29
	e[8] = w7 >> 8 & mask23
}

// words sets w to the number from 0 to p-1, for an e that is reduced or a sum or
// difference of such.
func (e *element) words(w *[8]uint32) {
	x := *e
	x.carry()
	x.carry()
	x.carry() // below 2^255 now
	over := uint32(19)
	for i := range 8 {
		over = (over + x[i]) >> 29
	}
	x[0] += 19 * ((over + x[8]) >> 23) // p or more: subtract it as 19 - 2^255
	x.carryOut()
	w[0] = x[0] | x[1]<<29
	w[1] = x[1]>>3 | x[2]<<26
	w[2] = x[2]>>6 | x[3]<<23
	w[3] = x[3]>>9 | x[4]<<20
	w[4] = x[4]>>12 | x[5]<<17
	w[5] = x[5]>>15 | x[6]<<14
	w[6] = x[6]>>18 | x[7]<<11
	w[7] = x[7]>>21 | x[8]<<8
}

// carryOut is carry that drops what exceeds bit 255.
func (e *element) carryOut() {
	c := uint32(0)
	for i := range 8 {
		c += e[i]
		e[i] = c & mask29
		c >>= 29
	}
	e[8] = (e[8] + c) & mask23
}

// swap exchanges e and f if mask is all ones, and does not if it is 0.
//
//go:noinline
func (e *element) swap(f *element, mask uint32) {
	e[0], f[0] = swapped(e[0], f[0], mask)
	e[1], f[1] = swapped(e[1], f[1], mask)
	e[2], f[2] = swapped(e[2], f[2], mask)
	e[3], f[3] = swapped(e[3], f[3], mask)
	e[4], f[4] = swapped(e[4], f[4], mask)
	e[5], f[5] = swapped(e[5], f[5], mask)
	e[6], f[6] = swapped(e[6], f[6], mask)
	e[7], f[7] = swapped(e[7], f[7], mask)
	e[8], f[8] = swapped(e[8], f[8], mask)
}

func swapped(a, b, mask uint32) (uint32, uint32) {
	x := (a ^ b) & mask
	return a ^ x, b ^ x
}

// negateIf sets a reduced e to 2p - e if mask is all ones, and leaves it if mask is
// 0: it adds -2e and 2p or nothing.
//
//go:noinline
func (e *element) negateIf(mask uint32) {
	const p0, p1, p8 = 1<<30 - 38, 1<<30 - 2, 1<<24 - 2
	e[0] += (p0 - e[0]<<1) & mask
	e[1] += (p1 - e[1]<<1) & mask
	e[2] += (p1 - e[2]<<1) & mask
	e[3] += (p1 - e[3]<<1) & mask
	e[4] += (p1 - e[4]<<1) & mask
	e[5] += (p1 - e[5]<<1) & mask
	e[6] += (p1 - e[6]<<1) & mask
	e[7] += (p1 - e[7]<<1) & mask
	e[8] += (p8 - e[8]<<1) & mask
}
