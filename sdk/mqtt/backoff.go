package mqtt

import "time"

// backoff is exponential with full jitter: the wait is uniform between 0 and a
// bound that doubles with each failure, from the first retry on, so that a
// broker's restart does not bring every gateway back in the same second.
type backoff struct {
	min, max time.Duration
	away     time.Duration       // bounds waits for a broker that was not reached
	random   func(n int64) int64 // uniform in [0, n)
	failures int
}

// next gives the wait after one more failure. An attempt that did not reach the
// broker has cost it nothing: it is made again sooner, and does not count towards
// longer waits than that.
func (b *backoff) next(reached bool) time.Duration {
	limit := b.max
	if !reached {
		limit = min(b.away, b.max)
	}
	bound := min(b.min, limit)
	for range b.failures {
		if bound >= limit/2 {
			bound = limit
			break
		}
		bound *= 2
	}
	if reached || bound < limit {
		b.failures++
	}
	return time.Duration(b.random(int64(bound) + 1))
}

// lasted is told how long a connection held. Only one that held for max counts
// as health: a broker that accepts and drops at once must not be stormed.
func (b *backoff) lasted(d time.Duration) {
	if d >= b.max {
		b.failures = 0
	}
}
