package microcrypto

// VerifyEd25519 reports whether sig is the signature of message under the public
// key, by the rule of Go's crypto/ed25519: S is below L, the key decodes (y may be
// p or more), and R is, byte for byte, the encoding of S B - k A. It works on
// public data and is not constant-time.
func VerifyEd25519(public *[32]byte, message []byte, sig *[SignatureSize]byte) bool {
	var s, k, scratch scalar
	s.setBytes(sig[32:])
	if scratch.minusOrder(&s) == 0 {
		return false
	}
	var q addend
	if !q.setNegated(public) {
		return false
	}
	k.challenge(sig, public, message)
	var r [32]byte
	subtractedPoint(&r, &s, &k, &q)
	return Equal(r[:], sig[:32])
}

// subtractedPoint sets b to the encoding of s B + k q: a bit of k at a time, and
// the bits of s in the comb's order after it.
func subtractedPoint(b *[32]byte, s, k *scalar, q *addend) {
	var p, sum point
	p.setIdentity()
	for i := 252; i >= 0; i-- {
		p.double()
		if k.bit(i) == 1 {
			p.add(q)
		}
	}
	sum.mulBase(s)
	sum.addPoint(&p)
	sum.encode(b)
}

// addPoint sets p to p + q, by making q affine.
func (p *point) addPoint(q *point) {
	var a addend
	q.z.invert(&q.z)
	q.x.mul(&q.x, &q.z)
	q.y.mul(&q.y, &q.z)
	a.setAffine(&q.x, &q.y)
	p.add(&a)
}

// setAffine sets q to the point (x, y), both reduced.
func (q *addend) setAffine(x, y *element) {
	q.sum.add(y, x)
	q.sum.carry()
	q.difference.sub(y, x)
	q.difference.carry()
	q.product.mul(x, y)
	q.product.mul(&q.product, &curve2D)
}

// setNegated sets q to the negative of the point that b encodes (RFC 8032, section
// 5.1.3), and reports whether b encodes one.
func (q *addend) setNegated(b *[32]byte) bool {
	var w scalar
	var x, y, u, v element
	w.setBytes(b[:])
	y.setWords(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
	one := element{1}
	u.square(&y)
	v.mul(&u, &curveD)
	v.add(&v, &one)
	v.carry()
	u.sub(&u, &one)
	u.carry()
	if !x.squareRootRatio(&u, &v) {
		return false
	}
	if x.odd() == w[7]>>31 { // the sign asked for is the one to negate
		x.negate()
	}
	q.setAffine(&x, &y)
	return true
}

// squareRootRatio sets e to a square root of u/v, or reports that there is none:
// u v^3 (u v^7)^((p-5)/8), times the square root of -1 where that is the root of
// -u/v.
func (e *element) squareRootRatio(u, v *element) bool {
	var v3, t, x element
	v3.square(v)
	v3.mul(&v3, v)
	t.square(&v3)
	t.mul(&t, v)
	t.mul(&t, u) // u v^7
	x.power250(&v3, &t)
	x.squareTimes(&x, 2)
	x.mul(&x, &t) // to the 2^252 - 3
	v3.square(v)
	v3.mul(&v3, v)
	x.mul(&x, &v3)
	x.mul(&x, u)
	t.square(&x)
	t.mul(&t, v)
	*e = x
	if t.equal(u) {
		return true
	}
	e.mul(e, &squareRootOfMinusOne)
	t.negate()
	return t.equal(u)
}

// negate sets a reduced e to -e, reduced.
func (e *element) negate() {
	var zero element
	e.sub(&zero, e)
	e.carry()
}

func (e *element) equal(f *element) bool {
	var v, w [8]uint32
	e.words(&v)
	f.words(&w)
	return v == w
}

func (e *element) odd() uint32 {
	var w [8]uint32
	e.words(&w)
	return w[0] & 1
}
