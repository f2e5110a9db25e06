package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/sdk"
)

// progress looks whether the agent gets on, in rounds that feed a watchdog. A round
// ends only when
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
type progress struct {
	watchdog notify.Watchdog
	all      *gathering
	sync     func(context.Context) error

	committed uint64 // the most envelopes that were ever counted; the round's own
}

// watchProgress makes one that goes no rounds yet.
func watchProgress(service notify.Service, all *gathering, sync func(context.Context) error, log *slog.Logger) *progress {
	p := &progress{all: all, sync: sync}
	w := &p.watchdog
	w.Service, w.Round, w.Logger = service, p.round, log
	w.Summary = func(ctx context.Context) string {
		r := all.report(ctx)
		return r.Summary()
	}
	return p
}

// round returns when there was progress everywhere, or says where there is none.
func (p *progress) round(ctx context.Context) error {
	if err := p.all.fresh(ctx); err != nil {
		return err
	}
	if !p.grown() {
		if err := p.sync(ctx); ctx.Err() != nil || errors.Is(err, sdk.ErrClosed) {
			return errors.Join(err, ctx.Err())
		}
	}
	return p.handlers(time.Now())
}

// grown reports whether more envelopes are known to have been stored than ever.
// What is stored waits, is acknowledged or was dropped, and only a commit makes the
// sum grow.
func (p *progress) grown() bool {
	p.all.mu.Lock()
	s := &p.all.newest
	sum := s.Outbox.Waiting + s.Broker.Acknowledged + s.Outbox.Dropped
	p.all.mu.Unlock()
	grown := sum > p.committed
	p.committed = max(p.committed, sum)
	return grown
}

func (p *progress) handlers(now time.Time) (err error) {
	for _, s := range p.all.sensors {
		if at := s.busy.For(now); at > p.watchdog.Period() {
			err = errors.Join(err, fmt.Errorf("sensor %q is at the same bytes for %v", s.conf.Device, at.Round(time.Millisecond)))
		}
	}
	return err
}

// stuck is what a report says of a round that does not end.
func (p *progress) stuck(now time.Time) []status.Problem {
	begun, stuck := p.watchdog.Stuck(now)
	if !stuck {
		return []status.Problem{}
	}
	problem := status.Problem{Severity: status.Broken, What: "agent", Since: begun, Why: "it is stuck: nothing is sealed or stored",
		Hint: "does the disk answer? see the kernel's log; then restart the agent"}
	if err := p.handlers(now); err != nil {
		problem.Why = "it is stuck: " + err.Error()
		problem.Hint = "report this with the log; then restart the agent"
	}
	return []status.Problem{problem}
}
