package sim

import (
	"math"
	"sort"
)

// beatTimes finds the heart beats in an ECG or a pleth, in seconds. It is a
// plain detector in the manner of Pan and Tompkins (IEEE Trans. BME 32(3),
// 1985): slope, square, average over a window, an adaptive threshold and a dead
// time. It is meant for replay, not for diagnosis.
func beatTimes(s *Signal, hz float64, window, dead float64, rising bool) []float64 {
	e := slopes(s, hz, rising)
	e = average(e, max(1, int(window*hz)))
	var beats []float64
	level, quiet, height := startLevel(e, hz), 0.0, 0.0
	for i := 1; i+1 < len(e); i++ {
		if e[i] < e[i-1] || e[i] < e[i+1] || e[i] == 0 {
			continue // not a peak
		}
		at := (float64(i) - window*hz/2) / hz
		if n := len(beats); n > 0 && at-beats[n-1] < dead {
			if e[i] > height { // the same beat, now at its steepest
				beats[n-1], height = at, e[i]
			}
			continue
		}
		if n := len(beats); n > 0 && at-beats[n-1] > 2.5 {
			level = math.Min(level, e[i]) // nothing for long: believe smaller ones
		}
		if e[i] < quiet+0.35*(level-quiet) {
			quiet += 0.125 * (e[i] - quiet)
			continue
		}
		level += 0.125 * (math.Min(e[i], 2*level) - level)
		beats, height = append(beats, at), e[i]
	}
	return beats
}

// startLevel is the highest energy of a typical second: the median over the
// first seconds, so that one artifact does not set it.
func startLevel(e []float64, hz float64) float64 {
	var tops []float64
	for step := max(1, int(2*hz)); len(e) > 0 && len(tops) < 15; {
		part := e[:min(step, len(e))]
		top := 0.0
		for _, x := range part {
			top = math.Max(top, x)
		}
		tops = append(tops, top)
		e = e[len(part):]
	}
	if len(tops) == 0 {
		return 0
	}
	sort.Float64s(tops)
	return tops[len(tops)/2]
}

// slopes returns the squared slope over 10 ms to either side; rising leaves
// falling slopes out, so that a pulse counts once.
func slopes(s *Signal, hz float64, rising bool) []float64 {
	d := max(1, int(0.01*hz))
	e := make([]float64, len(s.Samples))
	for i := d; i+d < len(e); i++ {
		x := s.Value(i+d) - s.Value(i-d)
		if math.IsNaN(x) || rising && x < 0 {
			continue
		}
		e[i] = x * x
	}
	return e
}

// average returns the mean of the last n values at each place.
func average(x []float64, n int) []float64 {
	y := make([]float64, len(x))
	sum := 0.0
	for i := range x {
		sum += x[i]
		if i >= n {
			sum -= x[i-n]
		}
		y[i] = math.Max(0, sum) / float64(n)
	}
	return y
}

// breathTimes finds where breathing in passes the middle, in seconds: once between
// two times at which a wave from lo to hi is low.
func breathTimes(s *Signal, hz, lo, hi float64) []float64 {
	const low, middle, dead = 0.35, 0.5, 1.0
	var breaths []float64
	out := false
	for i := range s.Samples {
		switch x := (s.Value(i) - lo) / (hi - lo); {
		case x < low:
			out = true
		case x >= middle && out:
			out = false
			if at := float64(i) / hz; len(breaths) == 0 || at-breaths[len(breaths)-1] >= dead {
				breaths = append(breaths, at)
			}
		}
	}
	return breaths
}

// rateAt returns how often a minute something came, over the intervals that ended
// in the window of seconds before t; NaN if there was none.
func rateAt(times []float64, t, window float64) float64 {
	end := sort.SearchFloat64s(times, math.Nextafter(t, math.Inf(1)))
	start := sort.SearchFloat64s(times, t-window)
	if end-start < 2 {
		return math.NaN()
	}
	return 60 * float64(end-start-1) / (times[end-1] - times[start])
}

// phase returns how far what is between two of the times has come at t, 0 to 1.
func phase(times []float64, t float64) float64 {
	next := sort.SearchFloat64s(times, math.Nextafter(t, math.Inf(1)))
	if next == 0 || next == len(times) {
		return 0.99 // before the first and after the last: at rest
	}
	return (t - times[next-1]) / (times[next] - times[next-1])
}

// percentiles returns the values that 0.5 % and 99.5 % of all lie below.
func percentiles(x []float64) (lo, hi float64) {
	if len(x) == 0 {
		return 0, 1
	}
	sort.Float64s(x)
	lo, hi = x[len(x)/200], x[len(x)-1-len(x)/200]
	if !(hi > lo) {
		hi = lo + 1
	}
	return lo, hi
}
