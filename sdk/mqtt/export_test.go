package mqtt

import "time"

// Backoff lets tests inject the randomness.
func Backoff(shortest, longest time.Duration, random func(int64) int64) (next func() time.Duration, lasted func(time.Duration)) {
	b := &backoff{min: shortest, max: longest, random: random}
	return b.next, b.lasted
}
