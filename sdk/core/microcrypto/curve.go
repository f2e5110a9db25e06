package microcrypto

// point is a point of the curve of Ed25519, -x^2 + y^2 = 1 + d x^2 y^2, in
// extended coordinates (Hisil, Wong, Carter, Dawson 2008): x = X/Z, y = Y/Z,
// xy = T/Z. All four are reduced.
type point struct{ x, y, z, t element }

// addend is an affine point made ready to be added.
type addend struct{ sum, difference, product element } // y+x, y-x, 2dxy

// setIdentity sets p to the neutral point (0, 1).
func (p *point) setIdentity() {
	*p = point{}
	p.y[0], p.z[0] = 1, 1
}

// add sets p to p + q. The formulas are complete: they hold for all points.
func (p *point) add(q *addend) {
	var a, b, c, d element
	a.sub(&p.y, &p.x)
	a.mul(&a, &q.difference)
	b.add(&p.y, &p.x)
	b.mul(&b, &q.sum)
	c.mul(&p.t, &q.product)
	d.add(&p.z, &p.z)
	p.x.sub(&b, &a) // E
	p.y.add(&b, &a) // H
	b.sub(&d, &c)   // F
	b.carry()
	a.add(&d, &c) // G, up to 3*2^29
	p.complete(&b, &a)
}

// double sets p to 2p.
func (p *point) double() {
	var a, b, c element
	c.add(&p.x, &p.y)
	c.square(&c) // (X+Y)^2
	a.square(&p.x)
	b.square(&p.y)
	p.z.square(&p.z)
	p.y.add(&a, &b)    // H
	p.x.sub(&p.y, &c)  // E
	p.x.carry()        //
	a.sub(&a, &b)      // G
	b.add(&p.z, &p.z)  //
	b.add(&b, &a)      // F
	b.carry()          //
	p.complete(&b, &a) //
}

// complete sets p to (E F, G H, F G, E H), with E in p.x and H in p.y.
func (p *point) complete(f, g *element) {
	p.t.mul(&p.x, &p.y)
	p.x.mul(&p.x, f)
	p.y.mul(g, &p.y)
	p.z.mul(g, f)
}

// encode sets b to the encoding of RFC 8032, section 5.1.2: y, and the lowest bit
// of x.
func (p *point) encode(b *[32]byte) {
	var x, y [8]uint32
	p.z.invert(&p.z)
	p.x.mul(&p.x, &p.z)
	p.y.mul(&p.y, &p.z)
	p.x.words(&x)
	p.y.words(&y)
	y[7] |= x[0] << 31
	(*scalar)(&y).putBytes(b[:])
}

// mulBase sets p to s times the base point, for s below L, by the comb of
// baseTable.
//
// The comb wants digits that are 1 or -1 and never 0, so that no addition is a
// special case. An odd s is the sum of 256 such digits: bit i of (s + 2^256 - 1)/2
// says whether digit i is 1, and that number is s/2 with the highest bit set. An
// even s is made odd with L, which does not change the point.
func (p *point) mulBase(s *scalar) {
	digits := *s
	digits.addMasked(&order, s[0]&1-1)
	for i := range 7 {
		digits[i] = digits[i]>>1 | digits[i+1]<<31
	}
	digits[7] = digits[7]>>1 | 1<<31

	var q addend
	p.setIdentity()
	for column := combColumns - 1; column >= 0; column-- {
		if column < combColumns-1 {
			p.double()
		}
		for table := range combTables {
			bit := column + combColumns*table
			index := uint32(0)
			for tooth := range combTeeth {
				index |= digits.bit(bit+combColumns*combTables*tooth) << tooth
			}
			q.selectBase(table, index)
			p.add(&q)
		}
	}
	clear(digits[:])
	q = addend{}
}

// selectBase sets q to the point whose digits are the bits of index, of which the
// table holds those with the highest set: the others are their negatives. All
// entries of the table are read.
func (q *addend) selectBase(table int, index uint32) {
	negative := index>>(combTeeth-1) - 1 // all ones if the highest digit is -1
	index = (index ^ negative) % combEntries
	entries := baseTable[table*combEntries*96 : (table+1)*combEntries*96]
	q.sum.selectWords(entries, index)
	q.difference.selectWords(entries[32:], index)
	q.product.selectWords(entries[64:], index)
	q.sum.swap(&q.difference, negative)
	var zero, minus element
	minus.sub(&zero, &q.product)
	q.product.swap(&minus, negative)
}

// selectWords sets e to entry number index, of which entries holds the first of
// 32 bytes in every 96.
func (e *element) selectWords(entries string, index uint32) {
	var w [8]uint32
	for i := range uint32(combEntries) {
		mask := uint32(int32((i^index)-1) >> 31) // all ones if they are equal
		entry := entries[i*96 : i*96+32]
		for k := range w {
			w[k] |= uint32LEString(entry[4*k:4*k+4]) & mask
		}
	}
	e.setWords(&w)
}
