package sdk

import (
	"errors"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

const (
	retryCommit  = time.Second      // after a commit that failed
	housekeeping = 30 * time.Second // how often old anchors and the state are looked after
	anchorLife   = 24 * time.Hour   // how long an anchor that is done with stays retained
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
		err := p.cycle(now)
		last = now
		if now.Sub(kept) >= housekeeping {
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
// is urgent; it reports whether the pipeline is closing.
func (p *Pipeline) await(last time.Time) (ending bool) {
	idle := time.NewTimer(p.nextHeartbeat(time.Now()))
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
	wait := time.Until(last.Add(p.conf.Every))
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
	timer := time.NewTimer(retryCommit)
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
// wait for it. One device that fails does not keep the others from the disk.
func (p *Pipeline) cycle(now time.Time) error {
	p.mu.Lock()
	waiting := p.syncs
	p.syncs = nil
	p.mu.Unlock()
	var errs []error
	for _, d := range p.allDevices() {
		if err := d.chain.cycle(now); err != nil {
			errs = append(errs, err)
		}
	}
	if err := p.queue.Commit(); err != nil {
		errs = append(errs, err)
	}
	err := errors.Join(errs...)
	for _, done := range waiting {
		done <- err
	}
	p.note(err)
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

// store puts an envelope into the outbox. At the bound the oldest data make
// room, and each device that loses some signs for it; the drop and the account
// of it become durable in one commit.
func (p *Pipeline) store(r outbox.Record) error {
	for {
		_, err := p.queue.Append(r)
		switch {
		case errors.Is(err, outbox.ErrUncommitted):
			if err := p.queue.Commit(); err != nil {
				return err
			}
		case errors.Is(err, outbox.ErrFull):
			if err := p.dropOldest(); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

var errNoRoom = errors.New("outbox is full of what may not be dropped")

func (p *Pipeline) dropOldest() error {
	dropped, err := p.queue.DropOldest(p.account)
	switch {
	case errors.Is(err, outbox.ErrUncommitted):
		return p.queue.Commit()
	case err != nil:
		return err
	case !dropped:
		return errNoRoom
	}
	return p.queue.Commit()
}

// account signs for what is about to be dropped.
func (p *Pipeline) account(ranges []outbox.Range) ([]outbox.Record, error) {
	var records []outbox.Record
	for _, lost := range ranges {
		p.log.Warn("outbox is full: the oldest readings are dropped",
			"device", keys.KeyID(lost.Device), "first", lost.From, "last", lost.To)
		d := p.deviceByKey(lost.Device)
		if d == nil || !d.chain.begun {
			continue // of a device that is no longer configured: nobody here can sign for it
		}
		record, err := d.chain.signForLoss(lost)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

func (c *chain) signForLoss(lost outbox.Range) (outbox.Record, error) {
	b := vital.Batch{Drops: []vital.Dropped{{
		Time: c.origin.since(time.Now()), Reason: vital.DropStore, Count: lost.Count,
		EID: lost.Anchor, From: lost.From, To: lost.To,
	}}}
	payload, err := b.Append(nil)
	if err != nil {
		return outbox.Record{}, err
	}
	message, err := c.sealer.Seal(nil, payload)
	if err != nil {
		return outbox.Record{}, err
	}
	check := c.sealer.Checkpoint()
	return outbox.Record{
		Class: outbox.Dropped, Device: c.device.kid, Anchor: check.EID, Seq: check.Seq,
		Topic: c.topicEvent, Payload: message,
	}, nil
}

// storeAnchor puts an anchor into the outbox and remembers that it is retained
// at the broker.
func (p *Pipeline) storeAnchor(kid keys.KeyID, check seal.Checkpoint, message []byte) error {
	topic := p.anchorTopic(kid, check.EID)
	err := p.store(outbox.Record{
		Class: outbox.Anchor, Device: kid, Anchor: check.EID, Topic: topic, Payload: message, Retain: true,
	})
	if err != nil {
		return err
	}
	return p.state.began(kid, check, time.Now())
}

func (p *Pipeline) anchorTopic(kid keys.KeyID, eid seal.EID) string {
	return mqtt.Topic{
		Kind: mqtt.KindAnchor, Site: p.site, Gateway: p.gateway.Name, Device: kid.String(), EID: eid.String(),
	}.String()
}

// keepHouse clears anchors that nothing needs any more, and stores how far each
// chain has come.
func (p *Pipeline) keepHouse(now time.Time) {
	for _, old := range p.state.superseded(now.Add(-anchorLife)) {
		n, err := p.queue.Pending(old.eid)
		if err != nil || n > 0 {
			continue
		}
		clearing := outbox.Record{
			Class: outbox.Anchor, Device: old.kid, Anchor: old.eid, Topic: p.anchorTopic(old.kid, old.eid), Retain: true,
		}
		if err := p.store(clearing); err != nil {
			p.log.Warn("an old anchor stays retained", "device", old.kid, "error", err)
			continue
		}
		p.state.cleared(old)
	}
	if err := p.saveState(); err != nil {
		p.log.Warn("progress of the chains is not stored", "error", err)
	}
}

func (p *Pipeline) saveState() error {
	for _, d := range p.allDevices() {
		if d.chain.begun {
			p.state.reached(d.kid, d.chain.sealer.Checkpoint())
		}
	}
	return p.state.save()
}
