package microcrypto_test

import (
	"math/big"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

// affine is a point of the curve in the numbers of math/big: the oracle.
type affine struct{ x, y *big.Int }

func field(x *big.Int) *big.Int    { return x.Mod(x, prime) }
func times(x, y *big.Int) *big.Int { return field(new(big.Int).Mul(x, y)) }
func over(x, y *big.Int) *big.Int {
	return times(x, new(big.Int).ModInverse(field(new(big.Int).Set(y)), prime))
}

var curveD = over(big.NewInt(-121665), big.NewInt(121666))

func (p affine) add(q affine) affine {
	dxy := times(curveD, times(times(p.x, q.x), times(p.y, q.y)))
	x := new(big.Int).Add(times(p.x, q.y), times(p.y, q.x))
	y := new(big.Int).Add(times(p.y, q.y), times(p.x, q.x))
	return affine{over(x, new(big.Int).Add(one, dxy)), over(y, new(big.Int).Sub(one, dxy))}
}

func (p affine) times(n *big.Int) affine {
	sum := affine{new(big.Int), big.NewInt(1)}
	for i := n.BitLen() - 1; i >= 0; i-- {
		if sum = sum.add(sum); n.Bit(i) == 1 {
			sum = sum.add(p)
		}
	}
	return sum
}

func basePoint() affine {
	x, _ := new(big.Int).SetString("15112221349535400772501151409588531511454012693041857206046113283949847762202", 10)
	return affine{x, over(big.NewInt(4), big.NewInt(5))}
}

// TestBaseTable selects every point of every table with both signs.
func TestBaseTable(t *testing.T) {
	base := basePoint()
	for table := range 4 {
		for index := range uint32(16) {
			n := new(big.Int)
			for tooth := range 4 {
				power := new(big.Int).Lsh(one, uint(16*(4*tooth+table)))
				if index>>tooth&1 == 0 {
					power.Neg(power)
				}
				n.Add(n, power)
			}
			p := base.times(n.Mod(n, order))
			got := microcrypto.SelectBase(table, index)
			for i, want := range []*big.Int{
				new(big.Int).Add(p.y, p.x), new(big.Int).Sub(p.y, p.x),
				times(big.NewInt(2), times(curveD, times(p.x, p.y))),
			} {
				checkEqual(t, "coordinate", &got[i], want)
			}
		}
	}
}

// TestMulBase is about scalars that no hash gives: 0, and both sides of every edge.
func TestMulBase(t *testing.T) {
	base := basePoint()
	for _, s := range scalars(t) {
		if number(s[:]).Cmp(order) >= 0 {
			continue
		}
		p := base.times(number(s[:]))
		want := p.y.FillBytes(make([]byte, 32))
		for i := range 16 {
			want[i], want[31-i] = want[31-i], want[i]
		}
		want[31] |= byte(p.x.Bit(0) << 7)
		var got [32]byte
		if microcrypto.MulBase(&got, &s); got != [32]byte(want) {
			t.Errorf("%x times the base point is %x, want %x", number(s[:]), got, want)
		}
	}
}
