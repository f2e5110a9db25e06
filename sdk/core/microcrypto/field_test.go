package microcrypto_test

import (
	"math/big"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

var (
	one   = big.NewInt(1)
	prime = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	order = func() *big.Int {
		l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
		return l.SetBit(l, 252, 1)
	}()
)

// value returns the number that the limbs stand for.
func value(e *microcrypto.Element) *big.Int {
	sum := new(big.Int)
	for i, x := range e {
		sum.Add(sum, new(big.Int).Lsh(big.NewInt(int64(x)), uint(29*i)))
	}
	return sum
}

func number(words []uint32) *big.Int {
	sum := new(big.Int)
	for i, x := range words {
		sum.Add(sum, new(big.Int).Lsh(big.NewInt(int64(x)), uint(32*i)))
	}
	return sum
}

// Bounds of the limbs of a reduced element, as the comment on element states them:
// what the arithmetic may be given, and what it must give.
var reduced = microcrypto.Element{
	1<<29 - 1 + 1<<12, 1<<29 - 1 + 1<<17, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<23 - 1,
}

func checkReduced(t *testing.T, what string, e *microcrypto.Element) {
	t.Helper()
	for i := range e {
		if e[i] > reduced[i] {
			t.Fatalf("%s: limb %d is %#x, above %#x", what, i, e[i], reduced[i])
		}
	}
}

func checkEqual(t *testing.T, what string, e *microcrypto.Element, want *big.Int) {
	t.Helper()
	want = new(big.Int).Mod(want, prime)
	if got := new(big.Int).Mod(value(e), prime); got.Cmp(want) != 0 {
		t.Fatalf("%s is %x, want %x", what, got, want)
	}
	var w [8]uint32
	e.Words(&w)
	if got := number(w[:]); got.Cmp(want) != 0 {
		t.Fatalf("%s has words %x, want %x", what, got, want)
	}
}

// elements returns reduced elements: the extremes of every limb, numbers close to
// 0, p and 2^255, and random ones.
func elements(t *testing.T) (list []microcrypto.Element) {
	list = append(list, reduced, microcrypto.Element{}, microcrypto.Element{1})
	for i := range reduced {
		e := microcrypto.Element{}
		e[i] = reduced[i]
		list = append(list, e)
		e = reduced
		e[i] = 0
		list = append(list, e)
	}
	for d := range uint32(40) { // p - 21 to 2^255 + 18
		e := microcrypto.Element{1<<29 - 40 + d, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<29 - 1, 1<<23 - 1}
		list = append(list, e)
	}
	r := newRand(t)
	for range 60 {
		var e microcrypto.Element
		for i := range e {
			e[i] = uint32(r.Uint64() % uint64(reduced[i]+1))
			if r.Uint64()%4 == 0 {
				e[i] = reduced[i]
			}
		}
		list = append(list, e)
	}
	return list
}

// TestField holds every operation against math/big, for what it may be given at
// most: differences with sums.
func TestField(t *testing.T) {
	list := elements(t)
	for i := range list {
		for k := range list {
			a, b := &list[i], &list[k]
			x, y := value(a), value(b)
			var sum, difference, e microcrypto.Element
			sum.Add(a, b)
			checkEqual(t, "sum", &sum, new(big.Int).Add(x, y))
			difference.Sub(a, b)
			checkEqual(t, "difference", &difference, new(big.Int).Sub(x, y))
			e.Mul(a, b)
			checkReduced(t, "product", &e)
			checkEqual(t, "product", &e, new(big.Int).Mul(x, y))
			e.Mul(&difference, &sum)
			checkReduced(t, "difference times sum", &e)
			checkEqual(t, "difference times sum", &e, new(big.Int).Mul(value(&difference), value(&sum)))
			e.Square(&sum)
			checkReduced(t, "square of a sum", &e)
			checkEqual(t, "square of a sum", &e, new(big.Int).Mul(value(&sum), value(&sum)))
			for _, z := range []*microcrypto.Element{&sum, &difference} {
				e.Add(z, &difference)
				e.Carry()
				checkReduced(t, "carried", &e)
				checkEqual(t, "carried", &e, new(big.Int).Add(value(z), value(&difference)))
			}
		}
	}
	for i := range list {
		e := list[i]
		e.Mul(&e, &e) // in place
		checkEqual(t, "square in place", &e, new(big.Int).Mul(value(&list[i]), value(&list[i])))
		e.Invert(&list[i])
		want := new(big.Int).Exp(value(&list[i]), new(big.Int).Sub(prime, big.NewInt(2)), prime)
		checkEqual(t, "inverse", &e, want)
		for _, mask := range []uint32{0, 1<<32 - 1} {
			e = list[i]
			e.NegateIf(mask)
			want := value(&list[i])
			if mask != 0 {
				want.Neg(want)
			}
			checkEqual(t, "negative", &e, want)
		}
	}
}

// scalars returns numbers of 256 bits at the edges of 0, L, 2L, 2^252 to 2^256, and
// random ones.
func scalars(t *testing.T) (list []microcrypto.Scalar) {
	set := func(x *big.Int) {
		if x.Sign() < 0 || x.BitLen() > 256 {
			return
		}
		var s microcrypto.Scalar
		for i := range s {
			s[i] = uint32(new(big.Int).Rsh(x, uint(32*i)).Uint64())
		}
		list = append(list, s)
	}
	edges := []*big.Int{new(big.Int), order, new(big.Int).Lsh(order, 1), new(big.Int).Lsh(order, 3)}
	for i := uint(251); i <= 256; i++ {
		edges = append(edges, new(big.Int).Lsh(one, i))
	}
	for _, x := range edges {
		for d := int64(-2); d <= 2; d++ {
			set(new(big.Int).Add(x, big.NewInt(d)))
		}
	}
	r := newRand(t)
	for range 50 {
		set(new(big.Int).SetBytes(randomBytes(r, 32)))
	}
	return list
}

func TestScalars(t *testing.T) {
	list := scalars(t)
	inverse := new(big.Int).ModInverse(new(big.Int).Lsh(one, 256), order)
	check := func(what string, s *microcrypto.Scalar, want *big.Int) {
		t.Helper()
		want.Mod(want, order)
		if got := number(s[:]); got.Cmp(want) != 0 {
			t.Fatalf("%s is %x, want %x", what, got, want)
		}
	}
	for _, a := range list {
		var reducedA microcrypto.Scalar
		reducedA.Reduce(&a)
		check("a modulo L", &reducedA, number(a[:]))
		for _, b := range list {
			var s, sum microcrypto.Scalar
			s.Reduce(&b)
			sum = reducedA
			sum.AddModOrder(&s)
			check("sum", &sum, new(big.Int).Add(number(a[:]), number(b[:])))
			s.Montgomery(&a, &s)
			want := new(big.Int).Mul(number(a[:]), number(b[:]))
			check("product", &s, want.Mul(want, inverse))

			var hash [64]byte
			for i := range 8 {
				for k := range 4 {
					hash[4*i+k], hash[32+4*i+k] = byte(a[i]>>(8*k)), byte(b[i]>>(8*k))
				}
			}
			s.SetHash(&hash)
			want = new(big.Int).Lsh(number(b[:]), 256)
			check("hash", &s, want.Add(want, number(a[:])))
		}
	}
}
