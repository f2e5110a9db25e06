package sdk

import (
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

const (
	// maxBeacons bounds the receivers whose beacons are remembered.
	maxBeacons = 16

	// Beacons come through the broker unsigned. All that one can cause is a fresh
	// anchor, and so that a broker that makes them up does not wear out the
	// gateway, only the first few cause one at once and then one a minute.
	beaconBurst  = 4
	beaconPeriod = time.Minute
)

// heardBeacon is the newest beacon of one receiver.
type heardBeacon struct {
	topic  string
	beacon seal.Beacon
}

// hear takes the beacon of a receiver into a list, which it returns; zero means
// that the receiver has none any more. The one heard last comes last.
func hear(list []heardBeacon, topic string, b seal.Beacon) []heardBeacon {
	at := slices.IndexFunc(list, func(h heardBeacon) bool { return h.topic == topic })
	if at >= 0 && list[at].beacon == b {
		return list
	}
	if at >= 0 {
		list = slices.Delete(list, at, at+1)
	}
	if b == (seal.Beacon{}) {
		return list
	}
	if len(list) == maxBeacons {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, heardBeacon{topic, b})
}

// echoes is what one device has echoed since the pipeline was opened. An anchor
// has room for one beacon, so two receivers are answered with two anchors.
type echoes struct {
	beacons []seal.Beacon // oldest first
	spent   int           // of beaconBurst
	refill  time.Time     // when one of those spent comes back
}

// next returns the beacon for the next anchor, and whether one is due: a beacon
// that this device has not echoed. Of those it has, the one echoed longest ago
// is next; with none heard, the fallback.
func (e *echoes) next(heard []heardBeacon, fallback seal.Beacon) (b seal.Beacon, due bool) {
	b, at := fallback, maxBeacons
	for _, h := range heard {
		i := slices.Index(e.beacons, h.beacon)
		if i < 0 {
			return h.beacon, true
		}
		if i < at {
			b, at = h.beacon, i
		}
	}
	return b, false
}

func (e *echoes) echoed(b seal.Beacon) {
	if b == (seal.Beacon{}) {
		return
	}
	if i := slices.Index(e.beacons, b); i >= 0 {
		e.beacons = slices.Delete(e.beacons, i, i+1)
	}
	if len(e.beacons) == maxBeacons {
		e.beacons = slices.Delete(e.beacons, 0, 1)
	}
	e.beacons = append(e.beacons, b)
}

// allow reports whether a beacon may cause one more anchor now.
func (e *echoes) allow(now time.Time) bool {
	for e.spent > 0 && !now.Before(e.refill) {
		e.spent--
		e.refill = e.refill.Add(beaconPeriod)
	}
	return e.spent < beaconBurst
}

// spend notes an anchor that a beacon caused.
func (e *echoes) spend(now time.Time) {
	if e.spent == 0 {
		e.refill = now.Add(beaconPeriod)
	}
	e.spent++
}
