package mqtt

import (
	"bufio"
	"context"
	"io"
	"time"
)

// Backoff lets tests inject the randomness.
func Backoff(shortest, longest, away time.Duration, random func(int64) int64) (next func(reached bool) time.Duration, lasted func(time.Duration)) {
	b := &backoff{min: shortest, max: longest, away: away, random: random}
	return b.next, b.lasted
}

// Redial runs attempt as a Publisher of c runs its connections, until it says that
// it is done. The connection that attempt had has held for up, and err is why it
// has not, or no longer.
func Redial(ctx context.Context, c Config, random func(int64) int64, attempt func() (done bool, up time.Duration, err error)) error {
	s, err := c.settings()
	if err != nil {
		return err
	}
	s.random = random
	return s.redial(ctx, func() outcome {
		done, up, err := attempt()
		return outcome{finished: done, up: up, err: s.classify(err, nil)}
	})
}

// Guarded is what paho gets to read of what a broker sends.
func Guarded(broker io.Reader, maxInbound, filters, window int) io.Reader {
	return &guard{
		in: bufio.NewReader(broker), maxInbound: maxInbound, filters: filters,
		slots: make(chan struct{}, window), dead: make(chan struct{}),
	}
}
