package sdk

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// origin is the moment that times under an anchor count from, on the monotonic
// clock, and what the wall clock said then.
type origin struct {
	at    time.Time // with its monotonic reading
	clock seal.Clock
}

// clockFloor is the earliest wall time that is believed: before it, a gateway
// without a battery-backed clock has simply not been told the time yet.
var clockFloor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clockTolerance is how far the wall clock may slide against the monotonic one
// under one anchor before the chain is begun anew with what it says now. A
// suspended machine shows in the same way: its monotonic clock stood still.
const clockTolerance = 2 * time.Second

func newOrigin(now time.Time) origin {
	o := origin{at: now}
	if now.After(clockFloor) {
		o.clock = seal.Clock{UnixMilli: now.UnixMilli(), Error: clockError()}
	}
	return o
}

// since returns the milliseconds from the origin to t, 0 for a time before it.
func (o origin) since(t time.Time) uint64 { return uint64(max(0, t.Sub(o.at).Milliseconds())) }

// stepped reports whether the wall clock has been set, or the machine was
// suspended, since the origin; or whether there was no wall time then and is now.
func (o origin) stepped(now time.Time) bool {
	if o.clock.IsZero() {
		return now.After(clockFloor)
	}
	wall := now.Round(0).Sub(o.at.Round(0)) // without the monotonic readings
	slide := wall - now.Sub(o.at)
	return slide > clockTolerance || slide < -clockTolerance
}
