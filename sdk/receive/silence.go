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
	unheard  bool // no chain was ever accepted of it
	never    bool // and it is expected: heard is since when
}

// deadline returns when the device becomes silent; ok is false if it does not.
func (p *presence) deadline(c *Config) (t time.Time, ok bool) {
	switch {
	case p.silent:
		return time.Time{}, false
	case p.never:
		return p.heard.Add(c.NeverHeard), true
	case p.interval == 0:
		return time.Time{}, false
	}
	return p.heard.Add(time.Duration(c.SilenceFactor * float64(p.interval) * float64(time.Millisecond))), true
}

// expectEvery is how often the directory is asked whom it expects.
const expectEvery = 30 * time.Second

// expect begins to wait for devices that ought to speak and were never heard, and
// waits no longer for those that need not any more.
func (r *Receiver) expect(now time.Time) {
	dir, ok := r.conf.Directory.(Expecter)
	if !ok || now.Before(r.expectAgain) {
		return
	}
	r.expectAgain = now.Add(expectEvery)
	expected := map[keys.KeyID]bool{}
	for _, kid := range dir.Expected() {
		expected[kid] = true
		p := r.presence[kid]
		if p == nil {
			p = &presence{unheard: true}
			r.presence[kid] = p
		}
		if p.unheard && !p.never {
			p.heard, p.never = now, true
		}
	}
	for kid, p := range r.presence {
		p.never = p.never && expected[kid]
	}
}

// Tick reports devices that have become silent, and gives up messages whose
// anchor has not come. Call it at the time that Next names, or every second.
func (r *Receiver) Tick(now time.Time) error {
	return r.work(now, func(w *work) {
		w.judgeHeld(0, func(h *held) bool { return now.Sub(h.since) >= r.conf.PendingTimeout })
		w.judgeReady()
		w.held(false)
		r.expect(now)
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
		if t, ok := p.deadline(&r.conf); ok {
			earlier(t)
		}
	}
	if !r.expectAgain.IsZero() {
		earlier(r.expectAgain)
	}
	for _, l := range r.limits {
		if l.held.Count > 0 {
			earlier(l.refill)
		}
	}
	if h := r.pending.oldest(); h != nil {
		earlier(h.since.Add(r.conf.PendingTimeout))
		if len(r.pending.ready) > 0 {
			earlier(h.since)
		}
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
		if t, ok := r.presence[kid].deadline(&r.conf); ok && !now.Before(t) {
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
	p := w.r.presence[kid]
	since := w.now.Sub(p.heard).Round(time.Millisecond)
	reason := fmt.Sprintf("nothing new in %v, promised every %v", since, time.Duration(d.interval)*time.Millisecond)
	if p.never {
		reason = fmt.Sprintf("never heard, expected for %v", since)
	}
	w.record(&Record{
		Meta:   Meta{Verdict: Silent, Site: w.r.conf.Site, Device: kid, Name: dir.Name, Received: w.now},
		EID:    d.newest,
		Reason: reason,
	}, true)
}
