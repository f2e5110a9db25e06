package receive

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// held is an authentic message that cannot be judged yet: one whose anchor has
// not come, or an anchor for which another has to vouch. It is in the state, and
// acknowledged: the broker sends only so much ahead, and the anchor that is waited
// for may be behind that.
type held struct {
	id       uint64 // in the state; they grow in the order of arrival
	kid      keys.KeyID
	eid      seal.EID
	head     seal.Head
	anchor   bool
	retained bool
	since    time.Time // when it first came
	received time.Time
	size     int

	payload []byte // until it is in the state
	gone    bool
}

type heldKey struct {
	kid  keys.KeyID
	head seal.Head
}

// pending is all that is held. Of what is in the state it has no payloads.
type pending struct {
	order  []*held // oldest first; some are gone
	byHead map[heldKey]*held
	bytes  int
	next   uint64  // id
	ready  []ready // what is held for these may be judged now
}

// ready is a chain whose messages may be judged, from an id on.
type ready struct {
	chainName
	from uint64
}

func newPending() pending { return pending{byHead: map[heldKey]*held{}, next: 1} }

func (p *pending) count() int { return len(p.byHead) }

func (p *pending) add(h *held) {
	p.order = append(p.order, h)
	p.byHead[heldKey{h.kid, h.head}] = h
	p.bytes += h.size
	p.next = max(p.next, h.id+1)
}

func (p *pending) remove(h *held) {
	h.gone = true
	delete(p.byHead, heldKey{h.kid, h.head})
	p.bytes -= h.size
}

// restore undoes remove.
func (p *pending) restore(h *held) {
	h.gone = false
	p.byHead[heldKey{h.kid, h.head}] = h
	p.bytes += h.size
}

// AnchorMissing returns for how long a message has been waiting for an anchor that has
// not come at all; 0: none waits. A broker that retains it can be asked for it.
func (r *Receiver) AnchorMissing(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	came := map[chainName]bool{}
	for _, h := range r.pending.order {
		if h.anchor && !h.gone {
			came[chainName{h.kid, h.eid}] = true // it waits, for one that vouches for it
		}
	}
	for _, h := range r.pending.order { // oldest first
		if !h.gone && !came[chainName{h.kid, h.eid}] {
			return max(now.Sub(h.since), 1)
		}
	}
	return 0
}

// compact lets go of what is gone, once that is the greater part.
func (p *pending) compact() {
	if len(p.order) > 2*len(p.byHead) {
		p.order = slices.DeleteFunc(p.order, func(h *held) bool { return h.gone })
	}
}

// oldest returns the message that has waited longest, nil if none waits.
func (p *pending) oldest() *held {
	for _, h := range p.order {
		if !h.gone {
			return h
		}
	}
	return nil
}

// mostHeld returns the oldest message of the device that holds most bytes. Anchors
// go last: without one, all under it is lost.
func (p *pending) mostHeld() (most *held) {
	sizes := map[keys.KeyID]int{}
	for _, h := range p.byHead {
		sizes[h.kid] += h.size
	}
	for _, h := range p.order {
		switch {
		case h.gone:
		case most == nil, sizes[h.kid] > sizes[most.kid], h.kid == most.kid && most.anchor && !h.anchor:
			most = h
		}
	}
	return most
}

// hold keeps a message until its anchor comes, unless it has waited too long.
func (w *work) hold(a *arrival) Result {
	if w.overdue(a) {
		return w.refuse(a, CannotOpen, "its anchor has not come")
	}
	if a.held != nil {
		return w.waits(a)
	}
	p := &w.r.pending
	if _, again := p.byHead[heldKey{a.kid, a.Head()}]; again { // as after a reconnect
		w.ack(a.Message)
		return w.waits(a)
	}
	h := &held{
		id: p.next, kid: a.kid, eid: a.EID(), head: a.Head(), anchor: a.Kind() == seal.KindAnchor, retained: a.Retained,
		since: a.since, received: a.Received, size: len(a.Payload), payload: slices.Clone(a.Payload),
	}
	p.add(h)
	w.parked = append(w.parked, h)
	w.ack(a.Message)
	w.r.nudge()
	w.bound()
	if h.gone {
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

// bound gives up messages until the rest is within bounds.
func (w *work) bound() {
	p := &w.r.pending
	for w.err == nil && (p.count() > w.r.conf.PendingMessages || p.bytes > w.r.conf.PendingBytes) {
		w.judgeAgain(p.mostHeld(), time.Time{}) // long overdue
	}
}

// judgeAgain judges a message that is held. What still cannot be judged stays.
func (w *work) judgeAgain(h *held, since time.Time) {
	payload := h.payload
	if payload == nil {
		var err error
		if payload, err = w.r.state.get(bucketWaiting, waitingKey(h.id)); err != nil {
			w.err = cmp.Or(w.err, fmt.Errorf("receive: state: %w", err))
			return
		}
		payload = payload[min(len(payload), heldHead):]
	}
	m := &Message{Device: h.kid, Payload: payload, Received: h.received, Retained: h.retained}
	if res := w.judge(m, since, h); w.err == nil && !res.Pending {
		w.r.pending.remove(h)
		w.unparked = append(w.unparked, h)
	}
}

// What of those that are held is judged in one transaction, so that neither the
// memory of the sink nor the time it takes grows with their number.
const (
	maxReady      = 256
	maxReadyBytes = 64 << 10
)

// mayBeJudged has what is held for a chain judged anew.
func (w *work) mayBeJudged(kid keys.KeyID, eid seal.EID) {
	if w.r.pending.count() > 0 {
		w.r.pending.ready = append(w.r.pending.ready, ready{chainName: chainName{kid, eid}})
	}
}

// judgeReady judges anew what is held for the chains that ask for it, and the anchors
// of their devices, until nothing changes any more or it is enough for one
// transaction. Each round either takes a chain in, refuses one, or is the last.
func (w *work) judgeReady() {
	p := &w.r.pending
	for w.err == nil && len(p.ready) > 0 {
		chain := p.ready[0]
		next, more := w.judgeHeld(chain.from, func(h *held) bool { return h.kid == chain.kid && (h.eid == chain.eid || h.anchor) })
		if more {
			p.ready[0].from = next
			return
		}
		p.ready = p.ready[1:]
	}
}

// judgeHeld judges anew what matches, from an id on, oldest first. If there is more of
// it than is judged in one transaction, next is the id to go on from.
func (w *work) judgeHeld(from uint64, match func(*held) bool) (next uint64, more bool) {
	for _, h := range w.r.pending.order { // what is held meanwhile is not looked at
		if h.gone || h.id < from || !match(h) {
			continue
		}
		if w.retried >= maxReady || w.retriedBytes >= maxReadyBytes {
			return h.id, true
		}
		w.retried++
		w.retriedBytes += h.size
		if w.judgeAgain(h, h.since); w.err != nil {
			return h.id, true
		}
	}
	return 0, false
}

// isReady reports whether messages of a chain are to be judged before those that
// come now.
func (p *pending) isReady(kid keys.KeyID, eid seal.EID) bool {
	return slices.ContainsFunc(p.ready, func(r ready) bool { return r.chainName == chainName{kid, eid} })
}

// undoPending takes back what a transaction did to what is held.
func (w *work) undoPending(before []ready) {
	p := &w.r.pending
	for _, h := range w.unparked {
		p.restore(h)
	}
	for _, h := range w.parked {
		p.remove(h)
	}
	p.ready = before
	p.compact()
}

// Of a message that is held, the state has its kind, its times, the chain and the
// head, and then the message.
const heldHead = 1 + 2*8 + 8 + 8 + 16

const (
	heldAnchor   = 1
	heldRetained = 2
)

func waitingKey(id uint64) []byte { return appendBig(nil, id) }

// append appends the message for the state. What says how long it has waited is how
// long receivers had run when it came: nothing arrives at one that does not run.
func (h *held) append(dst []byte, c *clock) []byte {
	var flags byte
	if h.anchor {
		flags |= heldAnchor
	}
	if h.retained {
		flags |= heldRetained
	}
	dst = append(dst, flags)
	dst = appendBig(dst, uint64(c.ran(h.since).Milliseconds()))
	dst = appendBig(dst, uint64(h.received.UnixMilli()))
	dst = append(append(append(dst, h.kid[:]...), h.eid[:]...), h.head[:]...)
	return append(dst, h.payload...)
}

func readHeld(key, b []byte, c *clock, now time.Time) (*held, error) {
	if len(key) != 8 || len(b) <= heldHead || big(key) == math.MaxUint64 {
		return nil, errState
	}
	h := &held{
		id: big(key), anchor: b[0]&heldAnchor != 0, retained: b[0]&heldRetained != 0,
		received: time.UnixMilli(int64(big(b[9:]))), size: len(b) - heldHead,
	}
	waited := c.ran(now) - time.Duration(big(b[1:]))*time.Millisecond
	h.since = now.Add(-max(waited, 0))
	copy(h.kid[:], b[17:])
	copy(h.eid[:], b[25:])
	copy(h.head[:], b[33:])
	return h, nil
}

// restorePending reads what is held from the state. Whether any of it may be judged
// is found out by trying.
func (r *Receiver) restorePending(now time.Time) error {
	r.pending = newPending()
	err := r.state.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketWaiting).ForEach(func(k, v []byte) error {
			h, err := readHeld(k, v, &r.clock, now)
			if err != nil {
				return err
			}
			r.pending.add(h)
			if !r.pending.isReady(h.kid, h.eid) {
				r.pending.ready = append(r.pending.ready, ready{chainName: chainName{h.kid, h.eid}})
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("receive: messages that wait in the state: %w", err)
	}
	return nil
}

// storePending brings the bucket up to date with a transaction.
func storePending(tx *bbolt.Tx, parked, unparked []*held, c *clock) error {
	bucket := tx.Bucket(bucketWaiting)
	for _, h := range unparked {
		if err := bucket.Delete(waitingKey(h.id)); err != nil {
			return err
		}
	}
	for _, h := range parked {
		if h.gone {
			continue
		}
		if err := bucket.Put(waitingKey(h.id), h.append(nil, c)); err != nil {
			return err
		}
	}
	return nil
}
