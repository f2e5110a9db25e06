package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

const (
	minRestart = time.Second
	maxRestart = time.Minute
)

// supervise keeps a sensor going until ctx ends: whatever fails is tried again,
// after a pause that doubles.
func supervise(ctx context.Context, log *slog.Logger, attempt func(context.Context) error) {
	for pause := minRestart; ; pause = min(2*pause, maxRestart) {
		err := contained(log, func() error { return attempt(ctx) })
		if ctx.Err() != nil {
			return
		}
		log.Error("sensor is not being read", "error", err, "retry", pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// contained makes an error of a panic. What it panicked with is not logged: it may
// hold a reading.
func contained(log *slog.Logger, do func() error) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			log.Error("sensor failed", "panic", fmt.Sprintf("%T", failure), "stack", string(debug.Stack()))
			err = errors.New("the sensor's code failed: see the stack above")
		}
	}()
	return do()
}

// signal wakes who waits on c, now or the next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
