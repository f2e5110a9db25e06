package mqtt

import (
	"bufio"
	"io"
	"time"
)

// Backoff lets tests inject the randomness.
func Backoff(shortest, longest time.Duration, random func(int64) int64) (next func() time.Duration, lasted func(time.Duration)) {
	b := &backoff{min: shortest, max: longest, random: random}
	return b.next, b.lasted
}

// Guarded is what paho gets to read of what a broker sends.
func Guarded(broker io.Reader, maxInbound, filters, window int) io.Reader {
	return &guard{
		in: bufio.NewReader(broker), maxInbound: maxInbound, filters: filters,
		slots: make(chan struct{}, window), dead: make(chan struct{}),
	}
}
