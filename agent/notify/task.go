package notify

import (
	"sync/atomic"
	"time"
)

// Task knows since when a goroutine is at its work. Times are monotonic: a machine
// that was suspended, or whose clock was set, is not stuck. The zero value waits for
// something to do.
type Task struct {
	since atomic.Pointer[time.Time] // nil: it waits for something to do
}

// Enter says that there is something to do now.
func (t *Task) Enter() { now := time.Now(); t.since.Store(&now) }

// Leave says that it is done.
func (t *Task) Leave() { t.since.Store(nil) }

// For returns how long the task has been at it; 0: it waits for something to do.
func (t *Task) For(now time.Time) time.Duration {
	since := t.since.Load()
	if since == nil {
		return 0
	}
	return max(1, now.Sub(*since))
}
