package sdk

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// span is what a device records under one origin and one label. Where either
// changes, a new span begins in the same step, so that no reading is ever sealed
// with the label or under the clock of another moment. The committer seals the
// spans of a device in order, each under a chain of its own.
type span struct {
	origin origin
	label  string

	open     *vital.Batch
	alerts   []vital.Alert
	marks    []mark // ends of offers among them
	cost     int    // of what is open
	recorded uint64 // readings, since the span began
	taken    bool   // the committer has it: it gets a chain, and is not changed any more
}

// spanCost is what a span that waits takes of the bound.
const spanCost = 1 << 10

func newSpan(now time.Time, lead time.Duration, label string) *span {
	return &span{origin: newOrigin(now, lead), label: label, open: new(vital.Batch)}
}

func (s *span) empty() bool { return s.open.Len() == 0 && len(s.alerts) == 0 && len(s.marks) == 0 }

// split begins a new span. d.mu is held.
func (d *Device) split(now time.Time, label string) { d.splitBefore(now, originLead, label) }

// splitBefore begins a new span whose times count from lead before now.
func (d *Device) splitBefore(now time.Time, lead time.Duration, label string) {
	if !d.now.empty() || d.now.taken {
		d.ended = append(d.ended, d.now)
		d.cost += spanCost
	}
	set := d.now.origin.stepped(now)
	d.now = newSpan(now, lead, label)
	if set { // whatever begins the span, it is the first under the new clock
		d.now.open.Events = append(d.now.open.Events, vital.Event{Time: d.now.origin.since(now), Kind: vital.EventClockStep})
	}
}

// reach begins a new span if at lies before the origin of this one, so that what
// a sensor kept while its gateway was away gets its true time. It reaches as far
// back as any span does: there is one such span, not one for each batch. d.mu is
// held.
func (d *Device) reach(at, now time.Time) {
	if o := d.now.origin; at.Before(o.at) && o.lead < maxLead {
		d.splitBefore(now, maxLead, d.now.label)
	}
}

// followClock begins a new span when the wall clock has been set or the machine
// was suspended, and says so in it. d.mu is held, and was when now was read: a time
// from before the clock was set, compared after one from then, is a clock set back.
func (d *Device) followClock(now time.Time) {
	if d.now.origin.stepped(now) {
		d.split(now, d.now.label)
	}
}
