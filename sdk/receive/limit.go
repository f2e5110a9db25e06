package receive

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Refusals may come by the thousand a second from whoever can publish at the
// broker, or repeat what others have: of each kind the first few have a Record
// each, and then one a while says how many there were. Strangers share theirs, so
// that made-up names make neither records nor memory.
const (
	refusalBurst = 64
	refusalEvery = 10 * time.Second
)

// kind is what is limited together.
type kind struct {
	kid     keys.KeyID // zero: of strangers
	verdict Verdict
}

// limit says how many records there may be of a kind.
type limit struct {
	spent  int       // of refusalBurst
	refill time.Time // when one of those spent comes back
	held   Record    // the newest that has no record; Count is how many they are
}

// allow reports whether there may be one more now.
func (l *limit) allow(now time.Time) bool {
	for l.spent > 0 && !now.Before(l.refill) {
		l.spent--
		l.refill = l.refill.Add(refusalEvery)
	}
	if l.spent == refusalBurst {
		return false
	}
	if l.spent == 0 {
		l.refill = now.Add(refusalEvery)
	}
	l.spent++
	return true
}

// limited writes a record of a message that is refused and was not taken in, or
// holds it back.
func (w *work) limited(rec *Record, registered bool) {
	if w.err != nil {
		return
	}
	w.count(rec.Device, registered, rec.Verdict)
	of := kind{verdict: rec.Verdict}
	if registered {
		of.kid = rec.Device
	}
	w.changeLimits()
	l := w.r.limits[of]
	rec.Count = l.held.Count + 1
	if l.held = *rec; l.allow(w.now) {
		l.held = Record{}
		w.write(rec)
	} else if rec.Count == 1 {
		w.r.nudge()
	}
	w.r.limits[of] = l
}

// changeLimits keeps what the limits were, for when the work fails.
func (w *work) changeLimits() {
	if w.limits == nil {
		w.limits = maps.Clone(w.r.limits)
	}
}

// held writes what was held back for long enough, or all of it, and lets go of
// limits that nothing counts against.
func (w *work) held(all bool) {
	kinds := slices.SortedFunc(maps.Keys(w.r.limits), func(a, b kind) int {
		return cmp.Or(slices.Compare(a.kid[:], b.kid[:]), cmp.Compare(a.verdict, b.verdict))
	})
	for _, of := range kinds {
		l := w.r.limits[of]
		if !all && w.now.Before(l.refill) {
			continue
		}
		w.changeLimits()
		if l.held.Count > 0 {
			l.allow(w.now)
			w.write(&l.held)
			l.held = Record{}
		}
		if w.r.limits[of] = l; !w.now.Before(l.refill.Add((refusalBurst - 1) * refusalEvery)) {
			delete(w.r.limits, of)
		}
	}
}
