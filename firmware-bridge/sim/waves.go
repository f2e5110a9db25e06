package sim

import "math"

// pulse draws one pulse: a systolic peak and a dicrotic wave. b counts beats.
func pulse(b float64) float64 {
	f := b - math.Floor(b)
	return math.Min(1, bump(f, 0.24, 0.10)+0.4*bump(f, 0.55, 0.13)+0.08*bump(f, 0.8, 0.15))
}

// Mean of arterial over a beat.
const arterialMean = 0.3538

// arterial draws the pressure in an artery over one beat, from 0 (diastolic) to 1
// (systolic): a steep rise, the run-off, and the notch of the closing valve.
func arterial(b float64) float64 {
	const rise, decay = 0.12, 2.2
	f := b - math.Floor(b)
	if f < rise {
		return 0.5 - 0.5*math.Cos(math.Pi*f/rise)
	}
	end := math.Exp(-decay)
	runoff := (math.Exp(-decay*(f-rise)/(1-rise)) - end) / (1 - end)
	return runoff - 0.06*bump(f, 0.36, 0.03) + 0.08*bump(f, 0.42, 0.05)
}

// heartbeat draws lead II around the R wave that is s seconds off, in mV: P, Q, R,
// S and T as five bumps. beat is the length of a beat in seconds; where beats are
// short, P and T come closer, and the QRS complex stays as wide as it is.
func heartbeat(s, beat float64) float64 {
	const short = 0.6 // seconds
	near := math.Min(1, beat/short)
	t := 0.3 * math.Sqrt(math.Max(beat, short)) * near
	return 0.12*bump(s, -0.16*near, 0.025*near) - 0.1*bump(s, -0.03, 0.01) + 1.1*bump(s, 0, 0.011) -
		0.25*bump(s, 0.03, 0.012) + 0.28*bump(s, t, 0.05*near)
}

// capnogram draws the CO2 in the breathed gas over one breath, from 0 to 1 at the
// end of breathing out. b counts breaths, as Resp does.
func capnogram(b float64) float64 {
	const out, in = 0.25, 0.75 // where breathing out and in begin
	const dead, steep, plateau, wash = 0.08, 0.08, 0.9, 0.05
	f := b - math.Floor(b)
	switch {
	case f < out+dead: // also while breathing in
		return 0
	case f < out+dead+steep:
		return plateau * smooth((f-out-dead)/steep)
	case f <= in:
		return plateau + (1-plateau)*(f-out-dead-steep)/(in-out-dead-steep)
	}
	return 1 - smooth((f-in)/wash)
}

// smooth goes from 0 at x = 0 to 1 at x = 1.
func smooth(x float64) float64 {
	x = clamp(x)
	return x * x * (3 - 2*x)
}

func bump(x, centre, width float64) float64 {
	d := (x - centre) / width
	return math.Exp(-d * d)
}

func clamp(x float64) float64 { return math.Max(0, math.Min(1, x)) }
