package main

import (
	"bytes"
	"fmt"
	"math/big"
)

// The comb of baseTable: a scalar of 256 signed bits is laid out in teeth of
// spacing tables*columns bits each, and each table holds the sums of its teeth.
const (
	teeth   = 4
	tables  = 4
	columns = 16
)

var (
	one   = big.NewInt(1)
	prime = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	// curveD is -121665/121666 (RFC 8032, section 5.1).
	curveD = div(big.NewInt(-121665), big.NewInt(121666))
	// base is the base point: y is 4/5, x is even.
	base = basePoint()
	// groupOrder is L, 2^252 and a bit.
	groupOrder = order()
)

// point is an affine point of -x^2 + y^2 = 1 + d x^2 y^2.
type point struct{ x, y *big.Int }

func mod(x *big.Int) *big.Int      { return new(big.Int).Mod(x, prime) }
func mul(x, y *big.Int) *big.Int   { return mod(new(big.Int).Mul(x, y)) }
func plus(x, y *big.Int) *big.Int  { return mod(new(big.Int).Add(x, y)) }
func minus(x, y *big.Int) *big.Int { return mod(new(big.Int).Sub(x, y)) }
func div(x, y *big.Int) *big.Int   { return mul(x, new(big.Int).ModInverse(mod(y), prime)) }

func order() *big.Int {
	l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return l.SetBit(l, 252, 1)
}

func basePoint() point {
	y := div(big.NewInt(4), big.NewInt(5))
	yy := mul(y, y)
	x := new(big.Int).ModSqrt(div(minus(yy, one), plus(mul(curveD, yy), one)), prime)
	if x.Bit(0) == 1 {
		x = minus(new(big.Int), x)
	}
	return point{x, y}
}

func (p point) add(q point) point {
	xy := mul(mul(p.x, q.x), mul(p.y, q.y))
	x := plus(mul(p.x, q.y), mul(p.y, q.x))
	y := plus(mul(p.y, q.y), mul(p.x, q.x))
	return point{div(x, plus(one, mul(curveD, xy))), div(y, minus(one, mul(curveD, xy)))}
}

func (p point) negate() point { return point{minus(new(big.Int), p.x), p.y} }

// shift returns 2^n p.
func (p point) shift(n int) point {
	for range n {
		p = p.add(p)
	}
	return p
}

// entry returns entry i of a table: the highest tooth of the table, and every
// lower one added where its bit of i is set and subtracted where it is not.
func entry(table, i int) point {
	tooth := func(t int) point { return base.shift((t*tables + table) * columns) }
	sum := tooth(teeth - 1)
	for t := range teeth - 1 {
		p := tooth(t)
		if i>>t&1 == 0 {
			p = p.negate()
		}
		sum = sum.add(p)
	}
	return sum
}

// writeBaseTable writes the table as one string constant, which TinyGo leaves in
// flash.
func writeBaseTable(b *bytes.Buffer) {
	fmt.Fprintf(b, `// The comb over the base point of Ed25519: combTables tables of combEntries points.
const (
	combTeeth   = %d
	combTables  = %d
	combColumns = %d
	combEntries = 1 << (combTeeth - 1)
)

// baseTable holds the points T[j][i] = sum over t of s(t) 2^(combColumns (combTables t + j)) B,
// with s(t) = 1 for the highest t, and else 1 where bit t of i is set and -1 where
// it is not. A point is y+x, y-x and 2dxy, 32 bytes each, little-endian.
const baseTable = "" +`, teeth, tables, columns)
	for j := range tables {
		fmt.Fprintf(b, "\n// table %d", j)
		for i := range 1 << (teeth - 1) {
			p := entry(j, i)
			for k, coordinate := range []*big.Int{
				plus(p.y, p.x), minus(p.y, p.x), mul(big.NewInt(2), mul(curveD, mul(p.x, p.y))),
			} {
				b.WriteString("\n\"")
				for i := range 32 {
					fmt.Fprintf(b, "\\x%02x", byte(new(big.Int).Rsh(coordinate, uint(8*i)).Uint64()))
				}
				b.WriteString("\"")
				if j < tables-1 || i < 1<<(teeth-1)-1 || k < 2 {
					b.WriteString(" +")
				}
			}
		}
	}
	b.WriteString("\n\n")
}

// writeScalars writes the constants of arithmetic modulo the order of the base
// point (RFC 8032, section 5.1).
func writeScalars(b *bytes.Buffer) {
	word := new(big.Int).Lsh(one, 32)
	inverse := new(big.Int).ModInverse(groupOrder, word)
	r := new(big.Int).Lsh(one, 256)
	rr := new(big.Int).Mul(r, r)
	fmt.Fprintf(b, "// orderInverse is -1/L modulo 2^32.\nconst orderInverse = %#x\n\n", inverse.Sub(word, inverse))
	b.WriteString("// order is L, the order of the base point; montgomeryR is 2^256 modulo L and\n" +
		"// montgomeryRR its square.\nvar (\n")
	for _, v := range []struct {
		name string
		x    *big.Int
	}{{"order", groupOrder}, {"montgomeryR", r.Mod(r, groupOrder)}, {"montgomeryRR", rr.Mod(rr, groupOrder)}} {
		fmt.Fprintf(b, "%s = scalar{", v.name)
		for i := range 8 {
			fmt.Fprintf(b, "%#x,", uint32(new(big.Int).Rsh(v.x, uint(32*i)).Uint64()))
		}
		b.WriteString("}\n")
	}
	b.WriteString(")\n\n")
}

// writeElements writes the constants of the curve in the limbs of element.
func writeElements(b *bytes.Buffer) {
	b.WriteString("// curveD is d, curve2D is 2d and squareRootOfMinusOne is 2^((p-1)/4).\nvar (\n")
	quarter := new(big.Int).Rsh(prime, 2)
	for _, v := range []struct {
		name string
		x    *big.Int
	}{
		{"curveD", curveD}, {"curve2D", plus(curveD, curveD)},
		{"squareRootOfMinusOne", new(big.Int).Exp(big.NewInt(2), quarter, prime)},
	} {
		fmt.Fprintf(b, "%s = element{", v.name)
		for i := range 9 {
			fmt.Fprintf(b, "%#x,", uint32(new(big.Int).Rsh(v.x, uint(29*i)).Uint64())&(1<<29-1))
		}
		b.WriteString("}\n")
	}
	b.WriteString(")\n")
}
