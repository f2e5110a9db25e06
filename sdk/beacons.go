package sdk

import (
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
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

func (p *Pipeline) beaconConfig() mqtt.Config {
	var retained *time.Timer // ends when the retained ones have come
	return mqtt.Config{
		Broker: p.conf.Broker, ClientID: p.gateway.Name + "_beacons", Credentials: p.credentials(),
		MaxInbound: p.receipts.maxInbound(), MaxBackoff: p.conf.periods.backoff,
		OnState: func(s mqtt.State) {
			p.receipts.heard(s)
			if retained != nil {
				retained.Stop() // of a connection that is gone
			}
			if s.Connected {
				retained = time.AfterFunc(retainedWait, func() {
					p.listen(true)
					signal(p.heardC)
					p.hurry()
				})
			} else {
				p.listen(false)
			}
		},
	}
}

// listen notes whether beacons are heard.
func (p *Pipeline) listen(listens bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listens = listens
	if !listens && p.deafSince.IsZero() {
		p.deafSince = time.Now()
	}
}

// answering reports whether beacons are heard, so that the anchors of the next cycle
// echo them; answered notes that these are stored.
func (p *Pipeline) answering() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listens
}

func (p *Pipeline) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listens {
		p.deafSince = time.Time{}
	}
}

// deaf reports whether beacons are not heard or not echoed yet, but may be soon: they
// were a while ago, or the connection that publishes has just been made.
func (p *Pipeline) deaf(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := p.deafSince
	if p.connection.Since.After(since) {
		since = p.connection.Since
	}
	return !p.closed && !p.deafSince.IsZero() && now.Sub(since) < deafWait
}

const (
	// beaconWait is how long a pipeline that has never heard a beacon waits for
	// one at its start: what is sealed before it is echoed, a receiver that is new
	// refuses. Readings are taken meanwhile.
	beaconWait = 3 * time.Second

	// deafWait is how long a backlog waits for the connection that brings beacons,
	// from when that was lost on or the one that publishes is there: twice as long as
	// a broker that is back may take to be tried again.
	deafWait = 30 * time.Second

	// retainedWait is how long after a subscription retained messages may take.
	retainedWait = 300 * time.Millisecond
)

// awaitBeacon waits for the first beacon, if none was ever heard. Close has it
// wait on as long as it has time itself: a first run that is short would be
// refused as a whole otherwise.
func (p *Pipeline) awaitBeacon() {
	if p.state.beacon() != (seal.Beacon{}) {
		return
	}
	timer := time.NewTimer(beaconWait)
	defer timer.Stop()
	select {
	case <-p.heardC:
	case <-timer.C:
	case <-p.silent: // nobody listens
	case <-p.hasty:
	}
}

// heardBeacon takes a receiver's beacon. It comes through the broker unsigned: all it
// can cause is a fresh anchor that echoes it.
func (p *Pipeline) heardBeacon(m mqtt.Received) {
	var b seal.Beacon
	if len(m.Payload) != 0 && len(m.Payload) != len(b) {
		return
	}
	copy(b[:], m.Payload)
	p.mu.Lock()
	p.beacons = hear(p.beacons, m.Topic, b)
	p.mu.Unlock()
	signal(p.heardC)
	for _, c := range p.allCarriers() {
		signal(c.heard)
	}
	p.wake()
}

// nextBeacon returns the beacon for the next anchor of a device, and whether a
// receiver waits for it.
func (p *Pipeline) nextBeacon(e *echoes) (b seal.Beacon, due bool) {
	last := p.state.beacon()
	p.mu.Lock()
	defer p.mu.Unlock()
	return e.next(p.beacons, last)
}
