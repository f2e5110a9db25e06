package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Watchdog goes rounds and feeds the service manager's watchdog after each that ends
// well. Set its fields before Run.
type Watchdog struct {
	Service Service

	// Round returns nil when there was progress everywhere since the one before, or
	// says where there is none. It may wait for progress until its context ends.
	Round func(context.Context) error

	// Summary is the line that the manager shows for the agent.
	Summary func(context.Context) string

	// Logger is told of rounds that fail, and when the manager cannot be told.
	// Default: nothing is logged.
	Logger *slog.Logger

	mu    sync.Mutex
	begun time.Time // when the round began that goes on; zero: none does
}

// unwatched is what rounds go by where nobody watches.
const unwatched = 2 * time.Minute

// Period is how long a round may take, and the pause between two: a quarter of the
// time that the manager gives, or 30 s.
func (w *Watchdog) Period() time.Duration {
	if w.Service.Watchdog == 0 {
		return unwatched / 4
	}
	return w.Service.Watchdog / 4
}

// Run goes its rounds until ctx ends.
func (w *Watchdog) Run(ctx context.Context) {
	if w.Logger == nil {
		w.Logger = slog.New(slog.DiscardHandler)
	}
	said := ""
	for ok := true; ok; ok = pause(ctx, w.Period()) {
		w.mark(time.Now())
		err := w.Round(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil { // the next round begins where this one did: it has not ended
			w.Logger.Error("the agent is stuck", "error", err)
			continue
		}
		w.mark(time.Time{})
		said = w.feed(ctx, said)
	}
}

// mark notes when a round began, unless the one before has not ended; zero: it has.
func (w *Watchdog) mark(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun.IsZero() || now.IsZero() {
		w.begun = now
	}
}

// Stuck returns since when no round has ended that should have, and whether there is
// such a one.
func (w *Watchdog) Stuck(now time.Time) (since time.Time, stuck bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun.IsZero() || now.Sub(w.begun) < w.Period() {
		return time.Time{}, false
	}
	return w.begun, true
}

// feed sends the word, and how the agent is. That it is ready is said each time, for a
// manager that has no room for a word drops it, and one that is never told ends the
// agent. It returns why it could not, and logs what was not said the last time.
func (w *Watchdog) feed(ctx context.Context, said string) string {
	if w.Service.Socket == "" {
		return ""
	}
	fields := []string{"READY=1", "STATUS=" + w.Summary(ctx)}
	if w.Service.Watchdog > 0 {
		fields = append(fields, "WATCHDOG=1")
	}
	err := w.Service.Tell(fields...)
	if err == nil {
		return ""
	}
	if err.Error() != said {
		w.Logger.Warn("the service manager is not told", "error", err)
	}
	return err.Error()
}

// pause reports whether the time has passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
