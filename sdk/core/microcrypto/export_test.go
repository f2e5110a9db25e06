package microcrypto

// What the tests of arithmetic need: elements as limbs and scalars as words.

type (
	Element = element
	Scalar  = scalar
)

// Limbs of an element's operations; see element for what each takes.
func (e *element) Mul(a, b *element)  { e.mul(a, b) }
func (e *element) Square(a *element)  { e.square(a) }
func (e *element) Add(a, b *element)  { e.add(a, b) }
func (e *element) Sub(a, b *element)  { e.sub(a, b) }
func (e *element) Carry()             { e.carry() }
func (e *element) Invert(a *element)  { e.invert(a) }
func (e *element) Words(w *[8]uint32) { e.words(w) }
func (e *element) NegateIf(m uint32)  { e.negateIf(m) }
func (e *element) SetWords(w *[8]uint32) {
	e.setWords(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
}

func (s *scalar) Montgomery(a, b *scalar)       { s.montgomery(a, b) }
func (s *scalar) Reduce(a *scalar)              { s.reduce(a) }
func (s *scalar) SetHash(sum *[SHA512Size]byte) { s.setHash(sum) }
func (s *scalar) AddModOrder(a *scalar)         { s.addModOrder(a) }

// MulBase sets b to the encoding of s times the base point.
func MulBase(b *[32]byte, s *scalar) { signPoint(b, s) }

// SelectBase returns a point of the table as its three coordinates.
func SelectBase(table int, index uint32) [3]element {
	var q addend
	q.selectBase(table, index)
	return [3]element{q.sum, q.difference, q.product}
}
