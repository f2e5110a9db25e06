package receive

import (
	"bytes"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// held is an authentic message that cannot be judged yet: one whose anchor has
// not come, or an anchor for which another has to vouch. It is not acknowledged,
// so that the broker has it still when the receiver stops.
type held struct {
	message Message // Payload is a copy
	kid     keys.KeyID
	head    seal.Head
	anchor  bool
	since   time.Time
}

// hold keeps a message until its anchor comes, unless it has waited too long.
func (w *work) hold(a *arrival) Result {
	if w.overdue(a) {
		return w.refuse(a, CannotOpen, "its anchor has not come")
	}
	r := w.r
	for i, h := range r.pending {
		if h.kid == a.kid && h.head == a.Head() {
			// The broker keeps the newer copy, as after a reconnect; the older one must
			// not hold a place in its window, or one message, sent again and again,
			// would fill the window and keep all other devices waiting.
			w.ack(&h.message)
			both := *h
			both.message.Ack = a.Ack
			r.pending[i] = &both
			return w.waits(a)
		}
	}
	h := &held{message: *a.Message, kid: a.kid, head: a.Head(), anchor: a.Kind() == seal.KindAnchor, since: a.since}
	h.message.Payload = bytes.Clone(a.Payload)
	i, _ := slices.BinarySearchFunc(r.pending, h.since, func(h *held, t time.Time) int {
		if h.since.After(t) {
			return 1
		}
		return -1
	})
	r.pending = slices.Insert(r.pending, i, h)
	r.nudge()
	w.bound()
	if !slices.Contains(r.pending, h) {
		return a.result(CannotOpen, "too many messages wait for their anchor")
	}
	return w.waits(a)
}

func (w *work) waits(a *arrival) Result {
	res := a.result(0, "")
	res.Pending = true
	return res
}

func (w *work) overdue(a *arrival) bool { return w.now.Sub(a.since) >= w.r.conf.PendingTimeout }

// bound gives up messages until the rest is within bounds: those of the device
// that holds most, the oldest first.
func (w *work) bound() {
	r := w.r
	for w.err == nil && (len(r.pending) > r.conf.PendingMessages || r.pendingBytes() > r.conf.PendingBytes) {
		i := r.mostHeld()
		h := r.pending[i]
		r.pending = slices.Delete(slices.Clone(r.pending), i, i+1)
		w.message(&h.message, time.Time{}) // long overdue
	}
}

// mostHeld returns the index of the oldest message of the device that holds most
// bytes. Anchors go last: without one, all under it is lost.
func (r *Receiver) mostHeld() int {
	sizes := map[keys.KeyID]int{}
	for _, h := range r.pending {
		sizes[h.kid] += len(h.message.Payload)
	}
	most := 0
	for i, h := range r.pending {
		m := r.pending[most]
		if sizes[h.kid] > sizes[m.kid] || h.kid == m.kid && m.anchor && !h.anchor {
			most = i
		}
	}
	return most
}

func (r *Receiver) pendingBytes() (n int) {
	for _, h := range r.pending {
		n += len(h.message.Payload)
	}
	return n
}

// retryHeld judges anew what is held of the devices that ask for it, until
// nothing changes any more. Each round either takes a chain in, refuses one, or
// is the last.
func (w *work) retryHeld() {
	for w.err == nil && len(w.retry) > 0 {
		kid := w.retry[0]
		w.retry = w.retry[1:]
		w.judgeHeld(func(h *held) bool { return h.kid == kid })
	}
}

// judgeHeld takes out what matches and judges it again; what still cannot be
// judged is held again.
func (w *work) judgeHeld(match func(*held) bool) {
	var again, rest []*held
	for _, h := range w.r.pending {
		if match(h) {
			again = append(again, h)
		} else {
			rest = append(rest, h)
		}
	}
	w.r.pending = rest
	for _, h := range again {
		w.message(&h.message, h.since)
	}
}
