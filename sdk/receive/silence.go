package receive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// presence is what silence is judged by, of every device with a state.
type presence struct {
	heard    time.Time // the newest chain moved on, or the receiver was opened
	interval uint32    // ms; 0: no promise
	silent   bool
}

// deadline returns when the device becomes silent; ok is false if it does not.
func (p *presence) deadline(factor float64) (t time.Time, ok bool) {
	if p.interval == 0 || p.silent {
		return time.Time{}, false
	}
	return p.heard.Add(time.Duration(factor * float64(p.interval) * float64(time.Millisecond))), true
}

// Tick reports devices that have become silent, and gives up messages whose
// anchor has not come. Call it at the time that Next names, or every second.
func (r *Receiver) Tick(now time.Time) error {
	return r.work(now, func(w *work) {
		w.judgeHeld(func(h *held) bool { return now.Sub(h.since) >= r.conf.PendingTimeout })
		w.retryHeld()
		w.held(false)
		for _, kid := range r.due(now) {
			w.silence(kid)
		}
	})
}

// Next returns when Tick has something to do, zero if it does not.
func (r *Receiver) Next() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	var next time.Time
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, p := range r.presence {
		if t, ok := p.deadline(r.conf.SilenceFactor); ok {
			earlier(t)
		}
	}
	for _, l := range r.limits {
		if l.held.Count > 0 {
			earlier(l.refill)
		}
	}
	if len(r.pending) > 0 {
		earlier(r.pending[0].since.Add(r.conf.PendingTimeout))
	}
	return next
}

// Run calls Tick at the right times until ctx is over, and then returns nil, or
// until Tick fails.
func (r *Receiver) Run(ctx context.Context) error {
	for {
		wait := time.Hour
		if next := r.Next(); !next.IsZero() {
			wait = min(wait, next.Sub(r.conf.Clock()))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-r.wake:
			timer.Stop()
		case <-timer.C:
			if err := r.Tick(r.conf.Clock()); err != nil {
				return err
			}
		}
	}
}

// nudge tells Run that a deadline may have come nearer.
func (r *Receiver) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// due returns the devices that have become silent by now, in order.
func (r *Receiver) due(now time.Time) []keys.KeyID {
	var due []keys.KeyID
	for _, kid := range slices.SortedFunc(maps.Keys(r.presence), func(a, b keys.KeyID) int { return slices.Compare(a[:], b[:]) }) {
		if t, ok := r.presence[kid].deadline(r.conf.SilenceFactor); ok && !now.Before(t) {
			due = append(due, kid)
		}
	}
	return due
}

// silence reports a silent device, once. One that is no longer registered, or is
// revoked, is not expected to speak.
func (w *work) silence(kid keys.KeyID) {
	if w.err != nil {
		return
	}
	d := w.touch(kid)
	if d == nil || d.silent {
		return
	}
	d.silent, d.changes.state = true, true
	dir, registered := w.r.conf.Directory.Lookup(kid)
	if !registered || w.r.clock.status(&dir, w.now) != enrolled {
		return
	}
	promised := time.Duration(d.interval) * time.Millisecond
	w.record(&Record{
		Meta:   Meta{Verdict: Silent, Site: w.r.conf.Site, Device: kid, Name: dir.Name, Received: w.now},
		EID:    d.newest,
		Reason: fmt.Sprintf("nothing new in %v, promised every %v", w.now.Sub(w.r.presence[kid].heard).Round(time.Millisecond), promised),
	}, true)
}
