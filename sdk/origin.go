package sdk

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// origin is the moment that times under an anchor count from, on the monotonic
// clock, and what the wall clock said then.
type origin struct {
	at    time.Time     // with its monotonic reading
	lead  time.Duration // how long before its making it lies
	wall  time.Time     // the same moment without it
	clock seal.Clock
}

const (
	// originLead is how long before its making an origin lies: bytes may have
	// arrived, and a wave's first sample does lie, before the anchor is made.
	originLead = time.Minute

	// maxLead is how long before its making an origin lies where a sensor kept
	// readings while its gateway was away, and how old they can be.
	maxLead = 24 * time.Hour
)

// clockFloor is the earliest wall time that is believed: before it, a gateway
// without a battery-backed clock has simply not been told the time yet.
var clockFloor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clockTolerance is how far the wall clock may slide against the monotonic one
// under one anchor before the chain is begun anew with what it says now. A
// suspended machine shows in the same way: its monotonic clock stood still.
const clockTolerance = 2 * time.Second

func newOrigin(now time.Time, lead time.Duration) origin {
	o := origin{at: now.Add(-lead), lead: lead}
	o.wall = o.at.Round(0)
	if now.After(clockFloor) {
		o.clock = seal.Clock{UnixMilli: o.at.UnixMilli(), Error: clockError()}
	}
	return o
}

// made returns when the origin was made.
func (o origin) made() time.Time { return o.at.Add(o.lead) }

// since returns the milliseconds from the origin to t, 0 for a time before it.
func (o origin) since(t time.Time) uint64 { return uint64(max(0, t.Sub(o.at).Milliseconds())) }

// stepped reports whether the wall clock has been set, or the machine was
// suspended, since the origin; or whether there was no wall time then and is now.
func (o origin) stepped(now time.Time) bool {
	if o.clock.IsZero() {
		return now.After(clockFloor)
	}
	slide := now.Round(0).Sub(o.wall) - now.Sub(o.at)
	return slide > clockTolerance || slide < -clockTolerance
}
