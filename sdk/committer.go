package sdk

import (
	"errors"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// commits is the goroutine that seals and stores. While one commit is on its way
// to the disk, readings gather for the next: a quiet line has no delay, and a
// busy one pays one signature and one flush for many readings.
func (p *Pipeline) commits() {
	defer close(p.commit)
	p.awaitBeacon()
	var last, kept time.Time
	for {
		ending := p.await(last)
		now := time.Now()
		p.signForDamage(now)
		answering := p.answering()
		err := p.cycle(now, ending)
		if answering && err == nil {
			p.answered()
		}
		p.noteRoom(now)
		last = now
		if now.Sub(kept) >= p.conf.periods.housekeeping {
			p.keepHouse(now)
			kept = now
		}
		if ending {
			return
		}
		if err != nil {
			p.pause()
		}
	}
}

// await returns when there is something to do, at most once in Every unless it
// is urgent, a heartbeat is due, something is owed or nobody has looked for damage
// for a while; it reports whether the pipeline is closing.
func (p *Pipeline) await(last time.Time) (ending bool) {
	heartbeat := time.Now().Add(p.nextHeartbeat(time.Now()))
	idle := time.NewTimer(min(time.Until(heartbeat), p.nextLook()))
	defer idle.Stop()
	select {
	case <-p.wakes:
	case <-p.urgent:
		return false
	case <-idle.C:
		return false
	case <-p.final:
		return true
	}
	wait := min(time.Until(last.Add(p.conf.Every)), time.Until(heartbeat))
	if p.conf.Every == 0 || wait <= 0 {
		return false
	}
	batch := time.NewTimer(wait)
	defer batch.Stop()
	select {
	case <-batch.C:
	case <-p.urgent:
	case <-p.final:
		return true
	}
	return false
}

// pause keeps a disk that fails from being hammered; a Sync waits for it too.
func (p *Pipeline) pause() {
	timer := time.NewTimer(p.conf.periods.retryCommit)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.final:
	}
	p.wake()
}

func (p *Pipeline) nextHeartbeat(now time.Time) time.Duration {
	next := p.conf.Heartbeat
	for _, d := range p.allDevices() {
		next = min(next, d.chain.spoke.Add(p.conf.Heartbeat).Sub(now))
	}
	return max(next, 0)
}

// cycle seals what every device has, commits once for all, and answers those who
// wait for it. One device that fails does not keep the others from the disk. The last
// cycle also says what is not due yet.
func (p *Pipeline) cycle(now time.Time, last bool) error {
	p.mu.Lock()
	waiting := p.syncs
	p.syncs = nil
	p.mu.Unlock()
	var all []error
	failed := map[any]error{} // by *Device or *Carrier
	fail := func(who any, err error) {
		if err != nil {
			failed[who] = err
			all = append(all, err)
		}
	}
	p.settle()
	fail(nil, p.moveToDisk(false))
	for _, d := range p.allDevices() {
		fail(d, d.chain.cycle(now, last))
	}
	for _, c := range p.allCarriers() {
		fail(c, c.cycle(now))
	}
	commit := p.commitAll()
	err := errors.Join(append(all, commit)...)
	p.note(err) // before anybody is answered, who may ask Stats for the reason
	for _, w := range waiting {
		answer := err
		if w.of != nil {
			answer = errors.Join(failed[w.of], commit)
		}
		if answer == nil && p.ring.holds(w.of) {
			answer = ErrNotDurable
		}
		w.done <- answer
	}
	return err
}

// note keeps the error for Stats and Close, and logs when it changes.
func (p *Pipeline) note(err error) {
	p.mu.Lock()
	before := p.commitErr
	p.commitErr = err
	p.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		p.log.Error("readings wait: they cannot be sealed or stored", "error", err)
	case err == nil && before != nil:
		p.log.Info("sealing and storing again")
	}
}

func (p *Pipeline) commitError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.commitErr
}

func (p *Pipeline) allDevices() []*Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.devices)
}

func (p *Pipeline) allCarriers() []*Carrier {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.carriers)
}

// beganChain remembers that an anchor is retained at the broker, before it is. A
// disk that does not take that note does not keep readings from being sealed: it
// is written with the next.
func (p *Pipeline) beganChain(kid keys.KeyID, check seal.Checkpoint, message []byte, beacon seal.Beacon) {
	p.state.heard(beacon)
	p.state.began(kid, check, message, time.Now())
	p.saveState()
}

// topic returns the topic of what a device seals, but for anchors.
func (p *Pipeline) topic(kind mqtt.Kind, kid keys.KeyID) string {
	return mqtt.Topic{Kind: kind, Site: p.site, Gateway: p.gateway.Name, Device: kid.String()}.String()
}

func (p *Pipeline) anchorTopic(kid keys.KeyID, eid seal.EID) string {
	return mqtt.Topic{
		Kind: mqtt.KindAnchor, Site: p.site, Gateway: p.gateway.Name, Device: kid.String(), EID: eid.String(),
	}.String()
}

// keepHouse clears anchors that nothing needs any more: nothing waits under them, nor
// under an older one of their device, which those after it vouch for. They are
// forgotten only when the messages that clear them are on disk.
func (p *Pipeline) keepHouse(now time.Time) {
	var cleared []oldAnchor
	var needed keys.KeyID // the device of which an anchor is needed
	for _, old := range p.state.superseded(now.Add(-p.conf.periods.anchorLife)) {
		if old.kid == needed || p.needs(old) {
			needed = old.kid
			continue
		}
		_, err := p.store(outbox.Record{
			Class: outbox.Anchor, Device: old.kid, Anchor: old.eid, Topic: p.anchorTopic(old.kid, old.eid), Retain: true,
		}, nil)
		if err != nil {
			p.log.Warn("an old anchor stays retained", "device", old.kid, "error", err)
			continue
		}
		cleared = append(cleared, old)
	}
	if len(cleared) > 0 && p.commitAll() == nil {
		for _, old := range cleared {
			p.state.cleared(old)
		}
	}
	p.saveState()
}

// needs reports whether something waits under an anchor, the anchor itself included,
// or a receiver has not signed for something.
func (p *Pipeline) needs(a oldAnchor) bool {
	n, err := p.queue.Pending(a.eid)
	return err != nil || n > 0 || p.receipts.lacks(chainID{a.kid, a.eid})
}

// anchorsAgain returns the anchors that a receiver needs for what the outbox has,
// for a broker that was killed may have forgotten what it had acknowledged: of each
// device those from the oldest on under which something waits, since each vouches
// for the one before it, and the newest of those that the roster has here.
func (p *Pipeline) anchorsAgain() []mqtt.Message {
	var all []mqtt.Message
	var needed keys.KeyID // the device of which all from now on are needed
	for _, a := range p.state.anchors() {
		switch {
		case a.kid == needed:
		case p.needs(a.oldAnchor):
			needed = a.kid
		case !a.newest || !p.isHere(a.kid):
			continue
		}
		if a.message != nil {
			all = append(all, mqtt.Message{Topic: p.anchorTopic(a.kid, a.eid), Payload: a.message, Retain: true})
		}
	}
	return all
}

// isHere reports whether the roster has a device at this gateway.
func (p *Pipeline) isHere(kid keys.KeyID) bool {
	d, status := p.Lookup(kid)
	return status == identity.Valid && d.Gateway == p.gateway.Name
}

// saveState stores the state if it changed.
func (p *Pipeline) saveState() {
	if err := p.state.save(); err != nil {
		p.log.Warn("the state of the chains is not stored", "error", err)
	}
}
