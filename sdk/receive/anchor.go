package receive

import (
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// anchor judges the beginning of a chain.
//
// A chain is believed when its boot counter is above all others, or when a chain
// that is believed names it as the one before: then it was missed, and its
// anchor comes late. An earlier anchor that the broker has kept may come before
// the one that vouches for it, since retained messages have no order; it waits.
//
// Where a beacon is required, vouching is not enough for a chain from before it
// was echoed, unless its own anchor echoes it too: a recording of that chain is as authentic as the chain, and the
// lost state is what told them apart. See Config.AcceptPast.
func (w *work) anchor(a *arrival, d *device) Result {
	anchor, err := a.Anchor()
	if err != nil {
		return w.refuse(a, Malformed, "not an anchor")
	}
	c, known := d.chains[a.EID()]
	_, retired := d.retired[a.EID()]
	switch {
	case known && !c.begunBy(a.Head()): // EIDs are short enough for a device to find two
		return w.refuse(a, Fork, "another anchor has the name of its chain")
	case known || retired: // it is retained: each subscription brings it again
		w.count(a.kid, true, Duplicate)
		w.ack(a.Message)
		return a.result(Duplicate, "")
	case anchor.Site != w.r.conf.Site:
		return w.quarantine(a, WrongSite, "its anchor is of another site")
	case d.first == 0 && w.r.conf.RequireBeacon && anchor.Beacon != w.r.beacon:
		// The device may not have heard the beacon yet: no alarm before its time.
		if !w.overdue(a) {
			return w.hold(a)
		}
		return w.quarantine(a, Rollback, "its anchor does not echo the beacon of this receiver")
	case anchor.Boot > d.highest:
		return w.begin(a, &anchor)
	case d.hasBoot(anchor.Boot):
		return w.quarantine(a, Rollback, "its boot counter has been used")
	case d.successor(a.EID()) != nil && (anchor.Boot >= d.floor || anchor.Beacon == w.r.beacon || w.r.conf.AcceptPast):
		return w.begin(a, &anchor)
	case d.successor(a.EID()) != nil: // the device's own, and no clone's
		return w.quarantine(a, Replay, "it is from before the device echoed the beacon, and may have been received before")
	case (a.Retained || anchor.Boot < d.floor) && !w.overdue(a):
		return w.hold(a) // one that vouches for it may come
	}
	return w.quarantine(a, Rollback, "its boot counter is not above the highest")
}

// quarantine refuses a chain for good.
func (w *work) quarantine(a *arrival, verdict Verdict, reason string) Result {
	if d := w.touch(a.kid); d != nil {
		d.refuse(a.EID(), verdict)
	}
	w.mayBeJudged(a.kid, a.EID())
	return w.refuse(a, verdict, reason)
}

// begin takes in a chain.
func (w *work) begin(a *arrival, anchor *seal.Anchor) Result {
	d := w.touch(a.kid)
	if d == nil {
		return Result{}
	}
	c := newChain(&a.Verified, anchor)
	if d.first == 0 && w.r.conf.RequireBeacon {
		d.floor = c.boot
	}
	if anchor.Boot > d.highest {
		w.heard(a, d)
	}
	d.release(c.eid)
	if next := d.successor(c.eid); next != nil {
		if next.previous.Seq > 0 { // see chain.close
			c.end = next.previous
		}
		if next.reported {
			c.high = c.end.Seq
		}
	}
	d.accept(c, a.Payload, w.r.conf.Chains)
	rec := a.record(w, Valid)
	rec.Event, rec.Boot, rec.Clock, rec.Test = "anchor", c.boot, c.clock, c.test
	w.record(rec, true)
	w.before(a, d, c)
	w.mayBeJudged(a.kid, a.EID())
	w.ack(a.Message)
	return a.result(Valid, "")
}

// before compares what the anchor of c says about the chain before it with what
// was received of that.
func (w *work) before(a *arrival, d *device, c *chain) {
	end := c.previous
	// What was before the first anchor of a device is not missing, and says nothing
	// about it: nobody listened.
	_, known := d.chains[end.EID]
	if end.EID == (seal.EID{}) || c.boot <= d.first && !known {
		return
	}
	// Only the newest chain can be a clone's here. An older one is believed because a
	// later one names it, and what it names was refused for its order of arrival.
	if verdict, _ := d.verdictOf(end.EID); verdict == Rollback && c.eid == d.newest {
		w.fork(a, "it goes on from a chain that is refused")
		return
	}
	if p, known := d.chains[end.EID]; known {
		w.touch(a.kid)
		tail, contradiction := p.close(end, d)
		if contradiction != "" {
			w.fork(a, contradiction)
		}
		if tail.Last != 0 {
			w.gap(a, p.eid, tail, "the next anchor says so")
		}
		return
	}
	_, retired := d.retired[end.EID]
	if retired {
		return
	}
	c.reported = true
	if end.Seq > 0 {
		w.gap(a, end.EID, seal.Interval{First: 1, Last: end.Seq}, "the next anchor says so")
	}
}

// fork reports that two histories of the device exist, on the evidence of an
// anchor that is itself accepted.
func (w *work) fork(a *arrival, reason string) {
	rec := a.record(w, Fork)
	rec.Reason = reason
	w.record(rec, true)
}
