package sim

import (
	"math"
	"math/rand/v2"
)

// drift is a value that wanders about a base: a sum of slow sines, so that it
// can be integrated exactly.
type drift struct {
	base float64
	sine [3]struct{ amp, omega, phase float64 }
}

// newDrift draws a base from lo to hi and sines that together stay within span.
func newDrift(r *rand.Rand, lo, hi, span float64) drift {
	d := drift{base: lo + (hi-lo)*r.Float64()}
	for i := range d.sine {
		period := []float64{900, 170, 45}[i] * (0.7 + 0.6*r.Float64())
		d.sine[i].amp = span / 3 * (0.4 + 0.6*r.Float64())
		d.sine[i].omega = 2 * math.Pi / period
		d.sine[i].phase = 2 * math.Pi * r.Float64()
	}
	return d
}

func (d *drift) at(t float64) float64 {
	y := d.base
	for _, s := range d.sine {
		y += s.amp * math.Sin(s.omega*t+s.phase)
	}
	return y
}

func (d *drift) integral(t float64) float64 {
	y := d.base * t
	for _, s := range d.sine {
		y -= s.amp / s.omega * math.Cos(s.omega*t+s.phase)
	}
	return y
}
