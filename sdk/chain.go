package sdk

import (
	"fmt"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// chain seals for one device and puts what it sealed into the outbox. Its
// methods are called by the committer only, but for setLabel.
//
// A step that fails leaves everything where it was: what is being sealed stays
// in sealing and piece, an envelope that could not be stored stays in unsent,
// and the next cycle goes on from there.
type chain struct {
	pipeline *Pipeline
	device   *Device
	identity *identity.DeviceIdentity
	sealer   *seal.Sealer

	origin  origin // of the chain; the device's own moves ahead of it in renew
	begun   bool
	beacon  seal.Beacon
	sealing *vital.Batch // taken from the device, not yet all sealed
	piece   vital.Batch  // cut from sealing, being sealed
	pending bool         // piece is not sealed yet
	alerts  []vital.Alert
	payload []byte
	unsent  *outbox.Record
	spoke   time.Time // when it last sealed something

	topicData, topicEvent string

	mu       sync.Mutex
	label    string // wanted
	labelled string // of the chain
	anchor   mqtt.Message
}

func (c *chain) setLabel(label string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.label = label
}

// newLabel returns the label to begin a chain with, if it is another than the
// chain has.
func (c *chain) newLabel() (label string, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.label, c.label != c.labelled
}

// currentAnchor returns the anchor message of the chain, if there is one.
func (c *chain) currentAnchor() (mqtt.Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.anchor, c.anchor.Topic != ""
}

// cycle seals all that is waiting and puts it into the outbox.
func (c *chain) cycle(now time.Time) error {
	if err := c.storeUnsent(); err != nil {
		return err
	}
	if !c.begun {
		if err := c.begin(c.origin, c.pipeline.beaconNow()); err != nil {
			return err
		}
	}
	if c.mustRenew(now) {
		if err := c.renew(now); err != nil {
			return err
		}
	}
	c.take()
	if err := c.sealTaken(); err != nil {
		return err
	}
	if now.Sub(c.spoke) >= c.pipeline.conf.Heartbeat {
		return c.heartbeat(now)
	}
	return nil
}

// take takes the device's open batch once the one before is sealed.
func (c *chain) take() {
	d := c.device
	d.mu.Lock()
	defer d.mu.Unlock()
	c.alerts = append(c.alerts, d.alerts...)
	d.alerts = d.alerts[:0]
	if c.sealing.Len() > 0 || c.sealing.Label != "" || c.pending {
		return
	}
	if d.refused > 0 {
		d.open.Drops = append(d.open.Drops, vital.Dropped{
			Time: d.origin.since(time.Now()), Reason: vital.DropBound, Count: d.refused,
		})
		d.refused = 0
	}
	c.sealing.Reset()
	c.sealing, d.open = d.open, c.sealing
	d.cost = 0
}

// sealTaken seals the alerts that were taken, each in a message of its own, then
// the batch in as many messages as it needs.
func (c *chain) sealTaken() error {
	var single vital.Batch
	for len(c.alerts) > 0 {
		single.Alerts = append(single.Alerts[:0], c.alerts[0])
		if err := c.seal(&single, outbox.Alert, c.topicEvent); err != nil {
			return err
		}
		c.alerts = c.alerts[:copy(c.alerts, c.alerts[1:])]
		if err := c.storeUnsent(); err != nil {
			return err
		}
	}
	for c.pending || cut(&c.piece, c.sealing) {
		c.pending = true
		if err := c.seal(&c.piece, outbox.Data, c.topicData); err != nil {
			return err
		}
		c.pending = false
		if err := c.storeUnsent(); err != nil {
			return err
		}
	}
	return nil
}

// heartbeat seals the word that the device is alive and has nothing to say.
func (c *chain) heartbeat(now time.Time) error {
	d := c.device
	d.mu.Lock()
	beat := vital.Heartbeat{
		Time: c.origin.since(now), Interval: uint32(c.pipeline.conf.Heartbeat.Milliseconds()), Recorded: d.recorded,
	}
	d.mu.Unlock()
	b := vital.Batch{Heartbeats: []vital.Heartbeat{beat}}
	if err := c.seal(&b, outbox.Data, c.topicEvent); err != nil {
		return err
	}
	return c.storeUnsent()
}

// seal seals b as one message, which it leaves in unsent. A chain that is at its
// end, or whose signer failed, is begun anew with the same origin, so that times
// in b stay true.
func (c *chain) seal(b *vital.Batch, class outbox.Class, topic string) error {
	payload, err := b.Append(c.payload[:0])
	if err != nil {
		return c.refuse(b, err)
	}
	c.payload = payload
	message, err := c.sealer.Seal(nil, payload)
	if err != nil {
		if err := c.begin(c.origin, c.beacon); err != nil {
			return err
		}
		if message, err = c.sealer.Seal(nil, payload); err != nil {
			return fmt.Errorf("seal for %s: %w", c.device.kid, err)
		}
	}
	check := c.sealer.Checkpoint()
	c.spoke = time.Now()
	c.unsent = &outbox.Record{
		Class: class, Device: c.device.kid, Anchor: check.EID, Seq: check.Seq, Topic: topic, Payload: message,
	}
	return nil
}

// refuse accounts for a batch that cannot be encoded, which a caller's code or
// unit out of range causes: it is counted and a signed record says so, instead
// of standing in the way of all that follows.
func (c *chain) refuse(b *vital.Batch, err error) error {
	c.pipeline.log.Error("readings refused: they cannot be encoded", "device", c.device.kid, "count", b.Len(), "error", err)
	c.device.mu.Lock()
	c.device.refused += uint64(b.Len())
	c.device.lost += uint64(b.Len())
	c.device.mu.Unlock()
	return nil
}

// storeUnsent puts the envelope that waits into the outbox, making room by
// dropping the oldest data where that is allowed.
func (c *chain) storeUnsent() error {
	if c.unsent == nil {
		return nil
	}
	if err := c.pipeline.store(*c.unsent); err != nil {
		return err
	}
	c.unsent = nil
	return nil
}

func (c *chain) mustRenew(now time.Time) bool {
	_, changed := c.newLabel()
	return changed || now.Sub(c.origin.at) >= c.pipeline.conf.Renew || c.origin.stepped(now) ||
		c.pipeline.beaconNow() != c.beacon
}

// renew ends the chain and begins a new one that counts time from now. The
// device's open batch is taken and its origin moved in one step, so that every
// reading is sealed under the origin that its time counts from.
func (c *chain) renew(now time.Time) error {
	stepped := c.origin.stepped(now)
	if err := c.sealTaken(); err != nil {
		return err
	}
	next := newOrigin(now)
	c.takeAndMove(next)
	if err := c.sealTaken(); err != nil {
		c.putBack()
		return err
	}
	c.origin, c.begun = next, false
	if stepped {
		c.device.mu.Lock()
		c.device.open.Events = append(c.device.open.Events, vital.Event{Kind: vital.EventClockStep})
		c.device.mu.Unlock()
	}
	return c.begin(next, c.pipeline.beaconNow())
}

// takeAndMove takes the open batch and sets the origin of the next in one step.
func (c *chain) takeAndMove(next origin) {
	c.take()
	c.device.mu.Lock()
	c.device.origin, c.device.recorded = next, 0
	c.device.mu.Unlock()
}

// putBack undoes the move of the origin when the old chain could not be
// finished: entries recorded meanwhile are shifted back to the old origin.
func (c *chain) putBack() {
	d := c.device
	d.mu.Lock()
	defer d.mu.Unlock()
	shift := c.origin.since(d.origin.at)
	shiftBatch(d.open, shift)
	for i := range d.alerts {
		d.alerts[i].Time += shift
	}
	d.origin = c.origin
}

func shiftBatch(b *vital.Batch, by uint64) {
	for i := range b.Numerics {
		b.Numerics[i].Time += by
	}
	for i := range b.Waves {
		b.Waves[i].Time += by
	}
	for i := range b.Enumerations {
		b.Enumerations[i].Time += by
	}
	for i := range b.Events {
		b.Events[i].Time += by
	}
	for i := range b.Drops {
		b.Drops[i].Time += by
	}
}

// begin begins a chain: a boot counter that is on disk before it is used, a
// fresh salt, content keys wrapped to the recipients or derived from the
// pre-shared key, and an anchor in the outbox ahead of all sealed under it.
// When any of it fails, nothing is sealed.
func (c *chain) begin(o origin, beacon seal.Beacon) error {
	label, _ := c.newLabel()
	anchor := seal.Anchor{
		Suite: c.pipeline.conf.Suite, Flags: c.pipeline.conf.Flags,
		Heartbeat: uint32(c.pipeline.conf.Heartbeat.Milliseconds()),
		Clock:     o.clock, Beacon: beacon, Previous: c.pipeline.state.checkpoint(c.device.kid),
	}
	if last := c.sealer.Checkpoint(); last.EID != (seal.EID{}) {
		anchor.Previous = last
	}
	secret, err := c.identity.PrepareAnchor(&anchor)
	if err != nil {
		return fmt.Errorf("begin a chain for %s: %w", c.device.kid, err)
	}
	defer clear(secret[:])
	message, err := c.sealer.Begin(nil, &anchor, &secret)
	if err != nil {
		return fmt.Errorf("begin a chain for %s: %w", c.device.kid, err)
	}
	check := c.sealer.Checkpoint()
	if err := c.pipeline.storeAnchor(c.device.kid, check, message); err != nil {
		c.sealer.End()
		return err
	}
	c.origin, c.beacon, c.begun, c.spoke = o, beacon, true, time.Now()
	c.mu.Lock()
	c.labelled = label
	c.anchor = mqtt.Message{Topic: c.pipeline.anchorTopic(c.device.kid, check.EID), Payload: message, Retain: true}
	c.mu.Unlock()
	if label != "" {
		c.device.mu.Lock()
		c.device.open.Label = label
		c.device.mu.Unlock()
	}
	return nil
}

func (c *chain) topics(site, gateway string) {
	t := mqtt.Topic{Kind: mqtt.KindData, Site: site, Gateway: gateway, Device: c.device.kid.String()}
	c.topicData = t.String()
	t.Kind = mqtt.KindEvent
	c.topicEvent = t.String()
}
