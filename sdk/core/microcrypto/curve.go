package microcrypto

// point is a point of the curve of Ed25519, -x^2 + y^2 = 1 + d x^2 y^2, in
// extended coordinates (Hisil, Wong, Carter, Dawson 2008): x = X/Z, y = Y/Z,
// xy = T/Z. All four are reduced.
type point struct {
	x, y, z, t element
	a, b, c    element // scratch: a variable of a function would be zeroed at every call
}

// addend is an affine point made ready to be added: y+x, y-x and 2dxy.
type addend struct {
	sum, difference, product element

	masks [combEntries]uint32 // scratch
}

// setIdentity sets p to the neutral point (0, 1).
func (p *point) setIdentity() {
	p.x.set(0)
	p.y.set(1)
	p.z.set(1)
	p.t.set(0)
}

// erase overwrites p, scratch included.
func (p *point) erase() {
	p.setIdentity()
	p.a.set(0)
	p.b.set(0)
	p.c.set(0)
}

// add sets p to p + q. The formulas are complete: they hold for all points.
func (p *point) add(q *addend) {
	p.a.sub(&p.y, &p.x)
	p.a.mul(&p.a, &q.difference)
	p.b.add(&p.y, &p.x)
	p.b.mul(&p.b, &q.sum)
	p.c.mul(&p.t, &q.product)
	p.z.add(&p.z, &p.z)
	p.x.sub(&p.b, &p.a) // E
	p.y.add(&p.b, &p.a) // H
	p.a.sub(&p.z, &p.c) // F
	p.a.carry()
	p.b.add(&p.z, &p.c) // G, up to 3*2^29
	p.complete()
}

// double sets p to 2p.
func (p *point) double() {
	p.c.add(&p.x, &p.y)
	p.c.square(&p.c) // (X+Y)^2
	p.a.square(&p.x)
	p.b.square(&p.y)
	p.z.square(&p.z)
	p.y.add(&p.a, &p.b) // H
	p.x.sub(&p.y, &p.c) // E
	p.x.carry()
	p.b.sub(&p.a, &p.b) // G
	p.a.add(&p.z, &p.z)
	p.a.add(&p.a, &p.b) // F
	p.a.carry()
	p.complete()
}

// complete sets p to (E F, G H, F G, E H), with E in p.x, H in p.y, F in p.a and G
// in p.b.
func (p *point) complete() {
	p.t.mul(&p.x, &p.y)
	p.x.mul(&p.x, &p.a)
	p.y.mul(&p.b, &p.y)
	p.z.mul(&p.b, &p.a)
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
	q.erase()
}

// selectBase sets q to the point whose digits are the bits of index, of which the
// table holds those with the highest set: the others are their negatives. All
// entries of the table are read.
func (q *addend) selectBase(table int, index uint32) {
	negative := index>>(combTeeth-1) - 1 // all ones if the highest digit is -1
	index = (index ^ negative) % combEntries
	for i := range q.masks { // all ones for the entry wanted
		q.masks[i] = uint32(int32((uint32(i)^index)-1) >> 31)
	}
	entries := baseTable[table*combEntries*entrySize : (table+1)*combEntries*entrySize]
	q.sum.selectFrom(entries, &q.masks)
	q.difference.selectFrom(entries[32:], &q.masks)
	q.product.selectFrom(entries[64:], &q.masks)
	q.sum.swap(&q.difference, negative)
	q.product.negateIf(negative)
}

// erase overwrites q.
func (q *addend) erase() {
	q.sum.set(0)
	q.difference.set(0)
	q.product.set(0)
	clear(q.masks[:])
}

// entrySize is the size of an entry of baseTable in bytes.
const entrySize = 3 * 32

// selectFrom sets e to the one of combEntries elements, the first 32 bytes of
// every entry, whose mask is all ones; the other masks are 0.
func (e *element) selectFrom(entries string, masks *[combEntries]uint32) {
	e.setWords(
		selectWord(entries, 0, masks), selectWord(entries, 1, masks),
		selectWord(entries, 2, masks), selectWord(entries, 3, masks),
		selectWord(entries, 4, masks), selectWord(entries, 5, masks),
		selectWord(entries, 6, masks), selectWord(entries, 7, masks))
}

// selectWord returns word k of what selectFrom selects.
func selectWord(entries string, k int, masks *[combEntries]uint32) uint32 {
	s := entries[4*k : 4*k+7*entrySize+4]
	return uint32LEString(s)&masks[0] |
		uint32LEString(s[entrySize:])&masks[1] |
		uint32LEString(s[2*entrySize:])&masks[2] |
		uint32LEString(s[3*entrySize:])&masks[3] |
		uint32LEString(s[4*entrySize:])&masks[4] |
		uint32LEString(s[5*entrySize:])&masks[5] |
		uint32LEString(s[6*entrySize:])&masks[6] |
		uint32LEString(s[7*entrySize:])&masks[7]
}
