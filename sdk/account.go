package sdk

import (
	"errors"
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// store puts an envelope into the outbox. At the bound, and where the disk has too
// little left for others, the oldest data make room, and each device that loses
// some signs for it; the drop and the account of it become durable in one commit.
// It returns the record's id.
func (p *Pipeline) store(r outbox.Record) (uint64, error) {
	looked := false
	for {
		id, err := p.queue.Append(r)
		switch {
		case errors.Is(err, outbox.ErrUncommitted), errors.Is(err, outbox.ErrHeadroom) && !looked:
			looked = looked || errors.Is(err, outbox.ErrHeadroom) // a commit looks at the disk anew
			if err := p.commitAll(); err != nil {
				return 0, err
			}
		case errors.Is(err, outbox.ErrFull), errors.Is(err, outbox.ErrHeadroom):
			if dropErr := p.dropOldest(); errors.Is(dropErr, errNoRoom) {
				return 0, fmt.Errorf("%w: %w", dropErr, err)
			} else if dropErr != nil {
				return 0, dropErr
			}
		default:
			return id, err
		}
	}
}

var errNoRoom = errors.New("outbox has no data left that may be dropped")

// dropOldest commits before and after: before, because an account that was
// signed and then found no room would be a gap that nothing explains.
func (p *Pipeline) dropOldest() error {
	if err := p.commitAll(); err != nil {
		return err
	}
	dropped, err := p.queue.DropOldest(p.account)
	switch {
	case err != nil:
		return err
	case !dropped:
		return errNoRoom
	}
	return p.commitAll()
}

// noteLow logs when the disk of the outbox has too little left for others, and
// when it has enough again.
func (p *Pipeline) noteLow() {
	s := p.queue.Stats()
	switch {
	case s.Low && !p.low:
		p.log.Warn("little is left on the disk: the outbox does not grow, and the oldest readings go first",
			"bytes", s.DiskFree, "files", s.DiskInodes)
	case p.low && !s.Low:
		p.log.Info("there is room on the disk again", "bytes", s.DiskFree, "files", s.DiskInodes)
	}
	p.low = s.Low
}

// account signs for what is about to be dropped.
func (p *Pipeline) account(ranges []outbox.Range) ([]outbox.Record, error) {
	var records []outbox.Record
	for _, lost := range ranges {
		p.log.Warn("no room in the outbox: the oldest readings are dropped",
			"device", keys.KeyID(lost.Device), "first", lost.From, "last", lost.To)
		d := p.deviceByKey(lost.Device)
		if d == nil { // it seals for itself, or is no longer configured: the gateway says that it lost it
			var err error
			if d, err = p.ownAtWork(); err != nil {
				p.log.Error("the loss is not signed for", "device", keys.KeyID(lost.Device), "error", err)
				continue
			}
		}
		record, err := d.chain.signForLoss(lost)
		if err != nil {
			return nil, err
		}
		if record != nil {
			records = append(records, *record)
		}
	}
	return records, nil
}

// maxOwed bounds the losses that wait for a chain to sign for them.
const maxOwed = 256

// signForLoss seals a record of a loss, ahead of whatever the chain is at. With
// no chain to seal under, the loss is kept for the next one.
func (c *chain) signForLoss(lost outbox.Range) (*outbox.Record, error) {
	drop := vital.Dropped{
		Reason: vital.DropStore, Count: lost.Count, EID: lost.Anchor, From: lost.From, To: lost.To,
	}
	var message []byte
	err := errNoRoom
	if c.begun {
		drop.Time = c.span.origin.since(time.Now())
		b := vital.Batch{Label: c.span.label, Drops: []vital.Dropped{drop}}
		var payload []byte
		if payload, err = b.Append(nil); err != nil {
			return nil, err
		}
		message, err = c.sealer.Seal(nil, payload)
	}
	if err != nil {
		if len(c.owed) < maxOwed {
			c.owed = append(c.owed, drop)
		}
		return nil, nil
	}
	return c.record(outbox.Dropped, c.topicEvent, message), nil
}

// admit puts what was refused or lost without a signature so far into the open
// batch. d.mu is held.
func (d *Device) admit(now time.Time, owed []vital.Dropped) {
	drops := &d.now.open.Drops
	for _, drop := range owed {
		drop.Time = d.now.origin.since(now)
		*drops = append(*drops, drop)
	}
	if d.refused > 0 {
		*drops = append(*drops, vital.Dropped{
			Time: d.now.origin.since(now), Reason: vital.DropBound, Count: d.refused,
		})
		d.refused = 0
	}
}
