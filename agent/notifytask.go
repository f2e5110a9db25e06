package agent

import (
	"sync/atomic"
	"time"
)

// task knows since when a goroutine is at its work. Times are monotonic: a machine
// that was suspended, or whose clock was set, is not stuck.
type task struct {
	begun time.Time    // what since counts from
	since atomic.Int64 // ns, at least 1; 0: it waits for something to do
}

func (t *task) enter() { t.since.Store(max(1, int64(time.Since(t.begun)))) }
func (t *task) leave() { t.since.Store(0) }

// at returns how long it has been at it; 0: it waits for something to do.
func (t *task) at(now time.Time) time.Duration {
	since := t.since.Load()
	if since == 0 {
		return 0
	}
	return max(1, now.Sub(t.begun)-time.Duration(since))
}
