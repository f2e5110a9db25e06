package main

import (
	"bytes"
	"os"
	"testing"
)

// TestTables makes the tables again and compares them with those in the package.
func TestTables(t *testing.T) {
	want, err := source()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../tables.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("tables.go is not what its generator writes: run go generate")
	}
}

// TestCurve checks the generator's arithmetic against what RFC 8032 says.
func TestCurve(t *testing.T) {
	const baseX = "15112221349535400772501151409588531511454012693041857206046113283949847762202"
	if got := base.x.String(); got != baseX {
		t.Errorf("base point has x %s, want %s", got, baseX)
	}
	onCurve := func(p point) bool {
		xx, yy := mul(p.x, p.x), mul(p.y, p.y)
		return minus(yy, xx).Cmp(plus(one, mul(curveD, mul(xx, yy)))) == 0
	}
	for table := range tables {
		for i := range 1 << (teeth - 1) {
			if !onCurve(entry(table, i)) {
				t.Errorf("entry %d of table %d is not on the curve", i, table)
			}
		}
	}
	// L times the base point is the neutral point.
	p, sum := base, point{minus(one, one), one}
	for i := range groupOrder.BitLen() {
		if groupOrder.Bit(i) == 1 {
			sum = sum.add(p)
		}
		p = p.add(p)
	}
	if sum.x.Sign() != 0 || sum.y.Cmp(one) != 0 {
		t.Errorf("L B is (%v, %v)", sum.x, sum.y)
	}
}
