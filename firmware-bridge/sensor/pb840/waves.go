package pb840

import (
	"bytes"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	waveHz  = 50
	waveMax = 50 // samples of a wave
	places  = 2  // decimal places of a sample
)

// lineKind is what a line of the waveform port is.
type lineKind uint8

const (
	noWave lineKind = iota
	inside
	outside // a sample, and not of a breath
)

// breath is the one being sent.
type breath struct {
	on             bool
	flow, pressure [waveMax]int32
	n              int
}

func (b *breath) line(dst *vital.Batch, p []byte) lineKind {
	switch {
	case string(bytes.TrimRight(p, " ")) == "BE":
		b.end(dst)
		return inside
	case begins(p):
		b.end(dst)
		b.on = true
		return inside
	}
	first, second, ok := bytes.Cut(p, []byte{','})
	flow, ok1 := sample(first)
	pressure, ok2 := sample(bytes.TrimSpace(second))
	switch {
	case !ok || !ok1 || !ok2:
		b.give(dst) // a sample may have been lost
		return noWave
	case !b.on:
		return outside
	}
	b.flow[b.n], b.pressure[b.n] = flow, pressure
	if b.n++; b.n == waveMax {
		b.give(dst)
	}
	return inside
}

// begins reports whether a line is "BS, S:number,".
func begins(p []byte) bool {
	rest, ok := bytes.CutPrefix(p, []byte("BS,"))
	if !ok {
		return false
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte("S:"))
	if !ok {
		return false
	}
	no, end := bytes.CutSuffix(bytes.TrimRight(rest, " "), []byte{','})
	for _, c := range no {
		end = end && c >= '0' && c <= '9'
	}
	return end && len(no) > 0 && len(no) <= 10
}

// sample reads a number as hundredths; ok is false if it has more places.
func sample(p []byte) (n int32, ok bool) {
	p, minus := bytes.CutPrefix(p, []byte{'-'})
	whole, part, point := bytes.Cut(p, []byte{'.'})
	if len(whole) == 0 || len(whole) > 4 || len(part) > places || point && len(part) == 0 {
		return 0, false
	}
	for _, digits := range [...][]byte{whole, part} {
		for _, c := range digits {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int32(c-'0')
		}
	}
	for range places - len(part) {
		n *= 10
	}
	if minus {
		n = -n
	}
	return n, true
}

// end gives what there is of a breath.
func (b *breath) end(dst *vital.Batch) {
	b.give(dst)
	b.on = false
}

func (b *breath) give(dst *vital.Batch) {
	if b.n == 0 {
		return
	}
	give(dst, flow, vital.LitrePerMinute, b.flow[:b.n])
	give(dst, airway, vital.CmH2O, b.pressure[:b.n])
	b.n = 0
}

func give(dst *vital.Batch, code vital.Code, unit vital.Unit, samples []int32) {
	w := dst.AddWave()
	w.Code, w.Unit, w.Rate = code, unit, vital.Int(waveHz)
	w.Factor, w.Divisor = vital.Dec(1, -places), 1
	w.Samples = append(w.Samples, samples...)
}
