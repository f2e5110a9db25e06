package sdk

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// account signs for what is about to be dropped, each device for its own.
func (p *Pipeline) account(ranges []outbox.Range) ([]outbox.Record, error) {
	var losers []*Device
	lost := map[*Device][]vital.Dropped{}
	for _, r := range ranges {
		d := p.deviceByKey(r.Device)
		if d == nil { // it seals for itself, or is no longer configured: the gateway says that it lost it
			var err error
			if d, err = p.ownAtWork(); err != nil {
				p.log.Error("the loss is not signed for", "device", keys.KeyID(r.Device), "first", r.From, "last", r.To, "error", err)
				continue
			}
		}
		if lost[d] == nil {
			losers = append(losers, d)
		}
		lost[d] = append(lost[d], droppedRange(vital.DropStore, r))
	}
	var records []outbox.Record
	for _, d := range losers {
		signed, err := d.chain.signNow(lost[d])
		if err != nil {
			return nil, err
		}
		records = append(records, signed...)
	}
	return records, nil
}

func droppedRange(reason vital.DropReason, r outbox.Range) vital.Dropped {
	return vital.Dropped{Reason: reason, Count: r.Count, EID: r.Anchor, From: r.From, To: r.To}
}

// maxAccount is how many losses one message names.
const maxAccount = 256

// signNow seals records of losses, ahead of whatever the chain is at. With no chain
// to seal under, they are owed.
func (c *chain) signNow(lost []vital.Dropped) (records []outbox.Record, err error) {
	var envelopes uint64
	for i := range lost {
		envelopes += lost[i].Count
	}
	c.pipeline.log.Warn("no room in the outbox: the oldest readings are dropped", "device", c.device.kid, "envelopes", envelopes)
	for len(lost) > 0 {
		some := lost[:min(len(lost), maxAccount)]
		record, err := c.signFor(some)
		if err != nil {
			return nil, err
		}
		if record == nil {
			break
		}
		records = append(records, *record)
		lost = lost[len(some):]
	}
	for _, drop := range lost {
		c.owing.owe(drop)
	}
	return records, nil
}

// signFor returns a record of losses; nil: there is nothing to seal with.
func (c *chain) signFor(lost []vital.Dropped) (*outbox.Record, error) {
	if !c.begun {
		return nil, nil
	}
	b := vital.Batch{Label: c.span.label, Drops: lost}
	for i := range lost {
		lost[i].Time = c.span.origin.since(time.Now())
	}
	payload, err := b.Append(nil)
	if err != nil {
		return nil, err
	}
	message, err := c.sealer.Seal(nil, payload)
	if err != nil {
		return nil, nil
	}
	return c.record(outbox.Dropped, c.topicEvent, message), nil
}

// owing is what a chain has yet to sign for in an account of its own: readings that
// were refused, envelopes that were lost otherwise than by being dropped from the
// outbox, and what the gateway says of its store.
//
// Accounts are never dropped. So that a flood of hours does not fill the outbox with
// them, they are few: one a second while alerts and accounts leave as they come; else
// each waits twice as long as the one before, and says what has summed up.
type owing struct {
	drops  []vital.Dropped
	events []noticed
	last   time.Time // of the newest account
	pause  time.Duration
}

// noticed is an event whose time is not yet counted from the origin of a chain.
type noticed struct {
	event vital.Event
	at    time.Time
}

const (
	minAccountPause = time.Second
	maxAccountPause = 10 * time.Minute

	// maxOwed bounds the losses of one chain that are named one by one.
	maxOwed = 256
)

func (o *owing) empty() bool { return len(o.drops) == 0 && len(o.events) == 0 }

// owe adds a loss. What is lost of one chain, one after another, is one loss. Beyond
// maxOwed the newest of the same chain is widened, and its count says how many of
// those it spans are lost.
func (o *owing) owe(lost vital.Dropped) {
	var same *vital.Dropped
	for i := len(o.drops) - 1; i >= 0 && same == nil; i-- {
		if d := &o.drops[i]; d.Reason == lost.Reason && d.EID == lost.EID {
			same = d
		}
	}
	if same == nil || lost.To != 0 && lost.From != same.To+1 && len(o.drops) < maxOwed {
		o.drops = append(o.drops, lost)
		return
	}
	same.From, same.To, same.Count = min(same.From, lost.From), max(same.To, lost.To), same.Count+lost.Count
}

// say adds an event. Beyond maxOwed the count of the newest of its kind grows.
func (o *owing) say(e vital.Event, at time.Time) {
	if len(o.events) >= maxOwed {
		for i := len(o.events) - 1; i >= 0; i-- {
			if same := &o.events[i].event; same.Kind == e.Kind {
				same.Count = uint32(min(uint64(same.Count)+uint64(e.Count), math.MaxUint32))
				return
			}
		}
	}
	o.events = append(o.events, noticed{e, at})
}

// due reports whether there is an account to seal. idle says that all alerts and
// accounts before it have left.
func (o *owing) due(now time.Time, idle func() bool) bool {
	waited := now.Sub(o.last)
	switch {
	case o.empty() || waited < min(minAccountPause, o.pause):
		return false
	case waited >= 2*o.pause || idle():
		o.pause = minAccountPause
	case waited >= o.pause:
		o.pause = min(2*o.pause, maxAccountPause)
	default:
		return false
	}
	return true
}

// account seals what is owed, if it is time to or if it is the last time.
func (c *chain) account(now time.Time, last bool) error {
	c.admit()
	if c.owing.empty() || !last && !c.owing.due(now, c.pipeline.urgentAway) {
		return nil
	}
	if !c.begun {
		if err := c.begin(); err != nil {
			return err
		}
	}
	c.owing.last = now
	for drops, events := len(c.owing.drops), len(c.owing.events); drops > 0 || events > 0; {
		b := c.owing.batch(c.span.origin, now, min(drops, maxAccount), min(events, maxAccount))
		if err := c.seal(&b, outbox.Dropped, c.topicEvent, nil); err != nil {
			return err
		}
		drops, events = drops-len(b.Drops), events-len(b.Events)
		c.owing.drops = c.owing.drops[:copy(c.owing.drops, c.owing.drops[len(b.Drops):])]
		c.owing.events = c.owing.events[:copy(c.owing.events, c.owing.events[len(b.Events):])]
		if err := c.storeUnsent(); err != nil {
			return err
		}
	}
	return nil
}

// batch returns the first of what is owed.
func (o *owing) batch(from origin, now time.Time, drops, events int) (b vital.Batch) {
	for _, d := range o.drops[:drops] {
		d.Time = from.since(now)
		b.Drops = append(b.Drops, d)
	}
	for _, n := range o.events[:events] {
		n.event.Time = from.since(n.at)
		b.Events = append(b.Events, n.event)
	}
	return b
}

// admit takes over what the device has refused.
func (c *chain) admit() {
	d := c.device
	d.mu.Lock()
	refused := d.refused
	d.refused = 0
	d.mu.Unlock()
	if refused > 0 {
		c.owing.owe(vital.Dropped{Reason: vital.DropBound, Count: refused})
	}
}

// urgentAway reports whether all alerts, anchors and accounts have left the outbox.
func (p *Pipeline) urgentAway() bool { return p.queue.Stats().Urgent == 0 }
