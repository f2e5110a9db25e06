package mqtt

import "time"

// backoff is exponential with full jitter: the wait is uniform between 0 and a
// bound that doubles with each failure, from the first retry on, so that a
// broker's restart does not bring every gateway back in the same second.
type backoff struct {
	min, max time.Duration
	random   func(n int64) int64 // uniform in [0, n)
	failures int
}

// next gives the wait after one more failure.
func (b *backoff) next() time.Duration {
	bound := b.min
	for range b.failures {
		if bound >= b.max/2 {
			bound = b.max
			break
		}
		bound *= 2
	}
	b.failures++
	return time.Duration(b.random(int64(bound) + 1))
}

// lasted is told how long a connection held. Only one that held for max counts
// as health: a broker that accepts and drops at once must not be stormed.
func (b *backoff) lasted(d time.Duration) {
	if d >= b.max {
		b.failures = 0
	}
}
