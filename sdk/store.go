package sdk

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// ErrNotDurable is what Sync returns when too little is left on the disk: something
// recorded before it is published from memory, and the broker has not acknowledged it
// yet. A power cut loses it.
var ErrNotDurable = errors.New("vitalseal: too little is left on the disk: readings are published from memory, and what the broker has not acknowledged is lost with it")

// store puts an envelope into the outbox. At the bound the oldest data make room, and
// each device that loses some signs for it; the drop and the account of it become
// durable in one commit. It returns the record's id. Data that the disk has no room
// for, because others have filled it, go into the ring while there is a connection to
// publish them on, or where there is nothing to drop.
func (p *Pipeline) store(r outbox.Record, owner any) (id uint64, err error) {
	if r.Class == outbox.Data && !p.ring.empty() {
		return 0, p.keep(r, owner)
	}
	id, err = p.append(r)
	for errors.Is(err, outbox.ErrFull) || errors.Is(err, outbox.ErrHeadroom) {
		if r.Class == outbox.Data && errors.Is(err, outbox.ErrHeadroom) && p.isConnected() {
			return 0, p.keep(r, owner)
		}
		dropErr := p.dropOldest()
		switch {
		case errors.Is(dropErr, errNoRoom) && r.Class == outbox.Data:
			return 0, p.keep(r, owner)
		case errors.Is(dropErr, errNoRoom):
			return 0, fmt.Errorf("%w: %w", dropErr, err)
		case dropErr != nil:
			return 0, dropErr
		}
		id, err = p.append(r)
	}
	if err == nil && r.Class == outbox.Data {
		p.stored = time.Now()
	}
	return id, err
}

// append is Queue.Append, which commits where that may help.
func (p *Pipeline) append(r outbox.Record) (uint64, error) {
	looked := false
	for {
		id, err := p.queue.Append(r)
		low := errors.Is(err, outbox.ErrHeadroom)
		if !errors.Is(err, outbox.ErrUncommitted) && !(low && !looked) {
			return id, err
		}
		looked = looked || low // a commit looks at the disk anew
		if err := p.commitAll(); err != nil {
			return 0, err
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

// keep puts an envelope into the ring. Where that is full the oldest of all goes: from
// the disk, to which the ring then moves, or from the ring.
func (p *Pipeline) keep(r outbox.Record, owner any) error {
	for !p.ring.fits(len(r.Topic) + len(r.Payload)) {
		err := p.dropOldest()
		if err == nil {
			err = p.moveToDisk(false)
		} else if errors.Is(err, errNoRoom) {
			if !p.giveUp() {
				break // all places are of what is done with
			}
			err = nil
			p.settle()
		}
		if err != nil {
			return err
		}
	}
	if p.ring.put(r, owner, time.Now()) {
		p.log.Error("no room on the disk: readings are published from memory, and a power cut loses those that wait")
		p.say(vital.Event{Kind: vital.EventUnstored})
	}
	return nil
}

// moveToDisk moves what is in the ring to the disk, as far as there is room. Without a
// connection to publish it on, and at the end, older data make room. What is on its way
// to the broker is moved too, and may reach receivers twice, who drop it: nothing else
// would keep the order in which offers are decided.
func (p *Pipeline) moveToDisk(last bool) error {
	for {
		k, ok := p.ring.first()
		if !ok {
			return nil
		}
		d, _ := k.owner.(*Device)
		decides := d != nil && k.decides != nil
		if decides && (k.done || d.chain.noting.intent != nil) { // each has a commit to itself
			if err := p.commitAll(); err != nil {
				return err
			}
		}
		var id uint64
		if !k.done {
			var err error
			id, err = p.append(k.record)
			switch {
			case errors.Is(err, outbox.ErrHeadroom) && p.isConnected() && !last:
				return nil
			case errors.Is(err, outbox.ErrHeadroom), errors.Is(err, outbox.ErrFull):
				if err := p.dropOldest(); errors.Is(err, errNoRoom) {
					return nil
				} else if err != nil {
					return err
				}
				continue
			case err != nil:
				return err
			}
			p.stored = time.Now()
		}
		p.ring.moved()
		if decides {
			d.chain.decided(*k.decides, id)
		}
	}
}

// settle notes what offers come to with what the broker has acknowledged. A record on
// the disk that decides about a device's offers and is not committed goes first.
func (p *Pipeline) settle() {
	settled := p.ring.settle(func(k *kept) bool {
		d, _ := k.owner.(*Device)
		return k.decides == nil || d == nil || d.chain.noting.intent == nil || d.chain.noting.intent.id == 0
	})
	for _, k := range settled {
		if d, _ := k.owner.(*Device); d != nil && k.decides != nil {
			d.chain.decided(*k.decides, 0)
		}
	}
}

// giveUp gives up the oldest envelope in the ring and signs for it.
func (p *Pipeline) giveUp() bool {
	lost, ok := p.ring.giveUp()
	if !ok {
		return false
	}
	d := p.deviceByKey(lost.Device)
	if d == nil {
		var err error
		if d, err = p.ownAtWork(); err != nil {
			p.log.Error("the loss is not signed for", "device", lost.Device, "envelope", lost.Seq, "error", err)
			return true
		}
	}
	d.chain.owing.owe(vital.Dropped{Reason: vital.DropStore, Count: 1, EID: lost.Anchor, From: lost.Seq, To: lost.Seq})
	return true
}

// storedCalm is how long data have to be stored again for the time without room to be
// over: around the bound of the headroom there may be room for some, and again none.
const storedCalm = 10 * time.Second

// noteRoom logs and signs that there is room again, and logs when the disk of the
// outbox has too little left for others, and when it has enough.
func (p *Pipeline) noteRoom(now time.Time) {
	if published, over := p.ring.over(p.stored, now, p.conf.periods.storedCalm); over {
		p.log.Info("readings are stored again", "published", published)
		p.say(vital.Event{Kind: vital.EventStored, Count: uint32(min(published, math.MaxUint32))})
	}
	s := p.queue.Stats()
	switch {
	case s.Low && !p.low:
		p.log.Warn("little is left on the disk: the outbox does not grow", "bytes", s.DiskFree, "files", s.DiskInodes)
	case p.low && !s.Low:
		p.log.Info("there is room on the disk again", "bytes", s.DiskFree, "files", s.DiskInodes)
	}
	p.low = s.Low
}

// say has the gateway sign for something about its store.
func (p *Pipeline) say(e vital.Event) {
	own, err := p.ownAtWork()
	if err != nil {
		p.log.Error("what happens to the store is not signed for", "event", e.Kind, "error", err)
		return
	}
	own.chain.owing.say(e, time.Now())
}

// nextLook is how long the committer may be idle, for all that it has to look at.
func (p *Pipeline) nextLook() time.Duration {
	if !p.ring.empty() {
		return lookAgain
	}
	for _, d := range p.allDevices() {
		if !d.chain.owing.empty() {
			return lookAgain
		}
	}
	return damagePeriod
}

// lookAgain is how often it is tried whether accounts can be said, and whether there is
// room on the disk again.
const lookAgain = time.Second

// lastKept moves to the disk what was published from memory and not acknowledged
// before the end. What finds no room is signed for, and lost.
func (p *Pipeline) lastKept(now time.Time) error {
	if p.ring.empty() {
		return nil
	}
	p.settle()
	err := p.moveToDisk(true)
	lost := 0
	for p.giveUp() {
		lost++
	}
	p.settle()
	_ = p.cycle(now, true) // Close returns its error, by way of commitError
	if lost > 0 {
		return errors.Join(err, fmt.Errorf("%w: %d envelopes are lost, and signed for", ErrNotDurable, lost))
	}
	return err
}
