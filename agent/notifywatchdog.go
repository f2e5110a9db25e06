package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/sdk"
)

// watchdog looks whether the agent gets on, and tells the service manager so. It
// has no word of its own: one is sent after each round, and a round ends only when
//
//   - a status.Report was made anew, for which every part of the pipeline and of each
//     sensor gave its lock;
//   - something was committed to disk since the round before or, where nothing
//     was, the committer has answered a Sync. An answer may be an error: a disk
//     that refuses is reported, and killing the agent would not mend it;
//   - nobody who handles what came from a port has been at it for too long.
//
// So a write that hangs, a lock that is not given back and a decoder that does not
// return keep the word from being sent.
type watchdog struct {
	service Service
	all     *gathering
	sync    func(context.Context) error
	log     *slog.Logger

	committed uint64 // the most envelopes that were ever counted; the round's own

	mu    sync.Mutex
	begun time.Time // when the round began that goes on; zero: none does
}

// defaultWatchdog is what rounds go by where nobody watches.
const defaultWatchdog = 2 * time.Minute

// period is how long a round may take, and the pause between two.
func (w *watchdog) period() time.Duration {
	if w.service.Watchdog == 0 {
		return defaultWatchdog / 4
	}
	return w.service.Watchdog / 4
}

// run goes its rounds until ctx ends.
func (w *watchdog) run(ctx context.Context) {
	said := ""
	for ok := true; ok; ok = sleep(ctx, w.period()) {
		w.mark(time.Now())
		err := w.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil { // the next round begins where this one did: it has not ended
			w.log.Error("the agent is stuck", "error", err)
			continue
		}
		w.mark(time.Time{})
		if err := w.feed(ctx); errorText(err) != said {
			said = errorText(err)
			w.log.Warn("the service manager is not told", "error", err)
		}
	}
}

// mark notes when a round began, unless the one before has not ended; zero: it has.
func (w *watchdog) mark(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun.IsZero() || now.IsZero() {
		w.begun = now
	}
}

// round returns when there was progress everywhere, or says where there is none.
func (w *watchdog) round(ctx context.Context) error {
	if err := w.all.fresh(ctx); err != nil {
		return err
	}
	if !w.grown() {
		if err := w.sync(ctx); ctx.Err() != nil || errors.Is(err, sdk.ErrClosed) {
			return errors.Join(err, ctx.Err())
		}
	}
	return w.handlers(time.Now())
}

// grown reports whether more envelopes are known to have been stored than ever.
// What is stored waits, is acknowledged or was dropped, and only a commit makes the
// sum grow.
func (w *watchdog) grown() bool {
	w.all.mu.Lock()
	s := &w.all.newest
	sum := s.Outbox.Waiting + s.Broker.Acknowledged + s.Outbox.Dropped
	w.all.mu.Unlock()
	grown := sum > w.committed
	w.committed = max(w.committed, sum)
	return grown
}

func (w *watchdog) handlers(now time.Time) (err error) {
	for _, s := range w.all.sensors {
		if at := s.busy.at(now); at > w.period() {
			err = errors.Join(err, fmt.Errorf("sensor %q is at the same bytes for %v", s.conf.Device, at.Round(time.Millisecond)))
		}
	}
	return err
}

// feed sends the word, and how the agent is.
func (w *watchdog) feed(ctx context.Context) error {
	if w.service.Socket == "" {
		return nil
	}
	s := w.all.report(ctx)
	fields := []string{"STATUS=" + s.Summary()}
	if w.service.Watchdog > 0 {
		fields = append(fields, "WATCHDOG=1")
	}
	return w.service.tell(fields...)
}

// stuck is what a status.Report says of a round that does not end.
func (w *watchdog) stuck(now time.Time) []status.Problem {
	w.mu.Lock()
	begun := w.begun
	w.mu.Unlock()
	if begun.IsZero() || now.Sub(begun) < w.period() {
		return []status.Problem{}
	}
	p := status.Problem{Severity: status.Broken, What: "agent", Since: begun, Why: "it is stuck: nothing is sealed or stored",
		Hint: "does the disk answer? see the kernel's log; then restart the agent"}
	if err := w.handlers(now); err != nil {
		p.Why = "it is stuck: " + err.Error()
		p.Hint = "report this with the log; then restart the agent"
	}
	return []status.Problem{p}
}

// sleep reports whether the time has passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
