package sdk

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// damage is what is known to be damaged and not yet signed for. The committer has
// it, and Close once the committer has ended.
type damage struct {
	lost  []outbox.Range // of devices that are not there yet, or not any more
	since time.Time      // the oldest of them
}

const (
	// damagePeriod is how long damage may take to be signed for where there is
	// nothing else to do.
	damagePeriod = time.Minute

	// foundlingPeriod is how long a loss waits for its device to be added. Then the
	// gateway signs for it.
	foundlingPeriod = time.Minute
)

// signForDamage has the gateway say what of its outbox was damaged, and each
// device which of its envelopes were lost with that, as far as it is known. While
// nothing can be stored the outbox keeps its reports, and sums them up.
func (p *Pipeline) signForDamage(now time.Time) {
	if p.commitError() != nil {
		return
	}
	found := p.queue.TakeDamage()
	for i := range found {
		p.reportDamage(&found[i], now)
	}
	p.signForLosses(now, now.Sub(p.damage.since) >= foundlingPeriod)
}

// reportDamage signs an event and notes the losses. What lies between two sound
// envelopes may have been acknowledged, or be an alert, which is stored elsewhere:
// never more is owned up to than was lost.
func (p *Pipeline) reportDamage(d *outbox.Damage, now time.Time) {
	p.log.Error("the outbox is damaged", "kind", d.Kind, "segment", d.Segment, "kept", d.Kept, "envelopes", d.Records, "bytes", d.Bytes)
	if own, err := p.ownAtWork(); err != nil {
		p.log.Error("the damage is not signed for", "error", err)
	} else {
		own.chain.owing.say(vital.Event{Kind: vital.EventDamage, Count: uint32(min(d.Records, math.MaxUint32)), Text: damageText(d)}, now)
	}
	left := d.Records
	for _, r := range d.Ranges {
		if r.Count = min(r.Count, left); r.Count == 0 {
			return
		}
		left -= r.Count
		if len(p.damage.lost) == 0 {
			p.damage.since = now
		}
		p.damage.lost = append(p.damage.lost, r)
	}
}

// damageText fits an event: names of segments have 39 bytes.
func damageText(d *outbox.Damage) string {
	text := d.Kind.String()
	if d.Segment != "" {
		text += " of " + d.Segment
	}
	if d.Kept != "" {
		text += ", kept aside"
	}
	return text[:min(len(text), vital.MaxText)]
}

// signForLosses has each device sign for its own in its next account, and the
// gateway for those of devices that are not there, if it may not wait for them.
func (p *Pipeline) signForLosses(now time.Time, all bool) {
	waiting := p.damage.lost[:0]
	for _, r := range p.damage.lost {
		d := p.deviceByKey(r.Device)
		if d == nil && all {
			var err error
			if d, err = p.ownAtWork(); err != nil {
				p.log.Error("the loss is not signed for", "device", keys.KeyID(r.Device), "first", r.From, "last", r.To, "error", err)
				continue
			}
		}
		if d == nil {
			waiting = append(waiting, r)
			continue
		}
		d.chain.owing.owe(droppedRange(vital.DropCorrupt, r))
	}
	p.damage.lost = waiting
}

// ownAtWork is own for the committer, who ends before what it opens is closed.
func (p *Pipeline) ownAtWork() (*Device, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.own()
}

// lastDamage signs for what was found damaged while the last envelopes were read
// to be published, and reports whether anything was.
func (p *Pipeline) lastDamage(now time.Time) bool {
	found := p.queue.TakeDamage()
	if len(found) == 0 && len(p.damage.lost) == 0 {
		return false
	}
	for i := range found {
		p.reportDamage(&found[i], now)
	}
	p.signForLosses(now, true)
	_ = p.cycle(now, true) // Close returns its error, by way of commitError
	return true
}
