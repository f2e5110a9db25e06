package sim

import (
	"math"
	"sort"
)

// course is a value that goes from one level to another, and on to the next, each
// time fast at first and slower towards the end, as bodies do. It is 0 before the
// first piece. Its integral is exact, so that a rate can be counted up.
type course []piece

type piece struct {
	from   float64 // seconds
	value  float64 // there
	target float64
	tau    float64 // seconds, above 0
	sum    float64 // the integral up to from
}

// turn makes the value go to target from a time on. Pieces that had not begun by
// then are dropped: what was going to happen does not.
func (c course) turn(from, target, tau float64) course {
	for len(c) > 0 && c[len(c)-1].from >= from {
		c = c[:len(c)-1]
	}
	return append(c, piece{from: from, value: c.at(from), target: target, tau: tau, sum: c.integral(from)})
}

// stop goes to 1 or back to 0, each in a time of its own.
func (c course) stop(from float64, stops bool, tau, back float64) course {
	if stops {
		return c.turn(from, 1, tau)
	}
	return c.turn(from, 0, back)
}

func (c course) find(t float64) *piece {
	i := sort.Search(len(c), func(i int) bool { return c[i].from > t }) - 1
	if i < 0 {
		return nil
	}
	return &c[i]
}

func (c course) at(t float64) float64 {
	p := c.find(t)
	if p == nil {
		return 0
	}
	return p.target + (p.value-p.target)*math.Exp((p.from-t)/p.tau)
}

// integral is from the beginning of time to t.
func (c course) integral(t float64) float64 {
	p := c.find(t)
	if p == nil {
		return 0
	}
	return p.sum + p.target*(t-p.from) + (p.value-p.target)*p.tau*(1-math.Exp((p.from-t)/p.tau))
}

// spans turn what would be counted if nothing ever stopped into what is counted.
type spans []span

type span struct {
	from   float64 // seconds
	offset float64
	most   float64 // where counting stops; +Inf where it does not
}

func (s spans) find(t float64) int {
	return sort.Search(len(s), func(i int) bool { return s[i].from > t }) - 1
}

func (s spans) of(t, free float64) float64 {
	i := s.find(t)
	if i < 0 {
		return free
	}
	return math.Min(free+s[i].offset, s[i].most)
}

// stopped reports whether counting has stopped at t, or is about to.
func (s spans) stopped(t float64) bool {
	i := s.find(t)
	return i >= 0 && !math.IsInf(s[i].most, 1)
}

// next begins a span at a time at which free would have been counted. One that
// stops runs on to the next place that is a whole number and rest.
func (s spans) next(from, free float64, stops bool, rest float64) spans {
	now, most := s.of(from, free), math.Inf(1)
	if stops {
		const rounding = 1e-9 // who is there already stays there
		most = math.Ceil(now-rest-rounding) + rest
	}
	return append(s, span{from: from, offset: now - free, most: most})
}
