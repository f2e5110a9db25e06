package sdk

import (
	"fmt"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// chain seals for one device and puts what it sealed into the outbox. Its
// methods are called by the committer only, but for renewError.
//
// A step that fails leaves everything where it was: what is being sealed stays
// in alerts, sealing and piece, a message that could not be stored (an anchor
// among them) stays in unsent, and the next cycle goes on from there.
type chain struct {
	pipeline *Pipeline
	device   *Device
	identity *identity.DeviceIdentity
	sealer   *seal.Sealer

	span     *span // whose entries are being sealed
	begun    bool  // the chain is the span's
	recorded uint64
	next     *prepared // for the next chain
	retry    time.Time // when a chain that could not be renewed is tried again
	echoes   echoes
	spoke    time.Time // when it last sealed something

	alerts  []vital.Alert
	sealing *vital.Batch // taken from the span, not yet all sealed
	piece   vital.Batch  // cut from sealing, being sealed
	pending bool         // piece is not sealed yet
	payload []byte
	unsent  *outbox.Record
	decides *Progress // what unsent decides about offers; nil: nothing

	marks    []mark    // ends of offers in alerts and sealing
	alertAt  int       // how many of the alerts that were taken are sealed
	finished *Progress // what piece decides
	noting   noting
	owing    owing

	topicData, topicEvent string

	mu     sync.Mutex
	failed error // why the chain could not be renewed
}

// prepared is an anchor that has its boot counter, and its secret.
type prepared struct {
	anchor seal.Anchor
	secret [keys.SecretSize]byte
}

// renewError returns why the chain could not be renewed, nil if it could.
func (c *chain) renewError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// cycle seals all that was recorded before it and puts it into the outbox, and what
// is owed beside it if it is time to, or if the cycle is the last.
func (c *chain) cycle(now time.Time, last bool) error {
	if err := c.finish(); err != nil {
		return err
	}
	c.renewIfDue(now)
	for more := true; more; {
		var some bool
		some, more = c.take()
		if !some && more {
			continue // nothing was recorded: no chain is needed
		}
		if err := c.finish(); err != nil {
			return err
		}
	}
	if err := c.account(now, last); err != nil {
		return err
	}
	if now.Sub(c.spoke) >= c.pipeline.conf.Heartbeat {
		return c.heartbeat(now)
	}
	return nil
}

// take takes what the oldest span has, once all before it is sealed. It reports
// whether that is anything, and whether there are more spans.
func (c *chain) take() (some, more bool) {
	d := c.device
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followClock(time.Now())
	s := d.now
	if more = len(d.ended) > 0; more {
		s = d.ended[0]
		d.ended = d.ended[:copy(d.ended, d.ended[1:])]
		d.cost -= spanCost
	}
	if c.span != s {
		c.span, c.begun = s, false
	}
	s.taken = true
	some = !s.empty()
	c.sealing.Reset()
	c.sealing, s.open = s.open, c.sealing
	c.alerts, s.alerts, c.alertAt = s.alerts, c.alerts[:0], 0
	c.marks, s.marks = s.marks, c.marks[:0]
	d.cost -= s.cost
	c.recorded, s.cost = s.recorded, 0
	return some, more
}

// finish begins the chain of the span if it has none, and seals all that was
// taken: the alerts, each in a message of its own, then the batch in as many
// messages as it needs.
func (c *chain) finish() error {
	if err := c.storeUnsent(); err != nil {
		return err
	}
	if c.span == nil {
		return nil
	}
	if !c.begun {
		if err := c.begin(); err != nil {
			return err
		}
	}
	var single vital.Batch
	for len(c.alerts) > 0 {
		single.Alerts = append(single.Alerts[:0], c.alerts[0])
		if err := c.seal(&single, outbox.Alert, c.topicEvent, c.decidesAlert()); err != nil {
			return err
		}
		c.alerts = c.alerts[:copy(c.alerts, c.alerts[1:])]
		c.alertAt++
		if err := c.storeUnsent(); err != nil {
			return err
		}
	}
	for c.pending || c.cut() {
		c.pending = true
		if err := c.seal(&c.piece, outbox.Data, c.topicData, c.finished); err != nil {
			return err
		}
		c.pending, c.finished = false, nil
		if err := c.storeUnsent(); err != nil {
			return err
		}
	}
	return nil
}

// heartbeat seals the word that the device is alive and has nothing to say.
func (c *chain) heartbeat(now time.Time) error {
	b := vital.Batch{Heartbeats: []vital.Heartbeat{{
		Time:     c.span.origin.since(now),
		Interval: uint32(c.pipeline.conf.Heartbeat.Milliseconds()), Recorded: c.recorded,
	}}}
	if err := c.seal(&b, outbox.Data, c.topicEvent, nil); err != nil {
		return err
	}
	return c.storeUnsent()
}

// seal seals b as one message, which it leaves in unsent. A chain that is at its
// end, or whose signer failed, is begun anew for the same span, so that times in
// b stay true. The label goes into every message: they may arrive in any order,
// and a reading that is shown without its bed is worse than a few bytes.
func (c *chain) seal(b *vital.Batch, class outbox.Class, topic string, decides *Progress) error {
	b.Label = c.span.label
	payload, err := b.Append(c.payload[:0])
	if err != nil {
		c.refuse(b, err)
		if decides != nil {
			c.intend(*decides, c.noting.lastID)
		}
		return nil
	}
	c.payload = payload
	message, err := c.sealer.Seal(nil, payload)
	if err != nil {
		if err := c.begin(); err != nil {
			return err
		}
		if message, err = c.sealer.Seal(nil, payload); err != nil {
			return fmt.Errorf("seal for %s: %w", c.device.kid, err)
		}
	}
	c.spoke = time.Now()
	c.unsent, c.decides = c.record(class, topic, message), decides
	return nil
}

// record returns the outbox's record of the message that was sealed last.
func (c *chain) record(class outbox.Class, topic string, message []byte) *outbox.Record {
	check := c.sealer.Checkpoint()
	c.pipeline.receipts.sealed(check, c.device.kid)
	return &outbox.Record{
		Class: class, Device: c.device.kid, Anchor: check.EID, Seq: check.Seq, Topic: topic, Payload: message,
	}
}

// refuse accounts for a batch that cannot be encoded, which validation should
// have kept out: it is counted and a signed record says so, instead of standing
// in the way of all that follows.
func (c *chain) refuse(b *vital.Batch, err error) {
	count := uint64(b.Len() - len(b.Drops))
	c.pipeline.log.Error("readings refused: they cannot be encoded", "device", c.device.kid, "count", count, "error", err)
	for _, drop := range b.Drops {
		c.owing.owe(drop)
	}
	c.device.mu.Lock()
	c.device.refused += count
	c.device.lost += count
	c.device.mu.Unlock()
}

// storeUnsent puts the message that waits into the outbox, making room by
// dropping the oldest data where that is allowed. A commit that a crash cuts short
// may store any part of it: of those that decide about offers each has one to itself.
func (c *chain) storeUnsent() error {
	if c.unsent == nil {
		return nil
	}
	if c.decides != nil && c.noting.intent != nil {
		if err := c.pipeline.commitAll(); err != nil {
			return err
		}
	}
	id, err := c.pipeline.store(*c.unsent, c.device)
	if err != nil {
		return err
	}
	if c.decides != nil {
		c.intend(*c.decides, id)
	}
	c.unsent, c.decides = nil, nil
	return nil
}

// renewRetry is how long a chain that could not be renewed is used on before the
// next attempt.
const renewRetry = 10 * time.Second

// renewIfDue begins a new span, and with it a new chain, when the one in use is
// old or a receiver waits for its beacon. The anchor is prepared first: while
// that fails (a roster that cannot be read), the old chain is as safe as it was,
// and sealing under it goes on.
func (c *chain) renewIfDue(now time.Time) {
	if c.span == nil || now.Before(c.retry) {
		return
	}
	_, due := c.pipeline.nextBeacon(&c.echoes)
	due = due && c.echoes.allow(now)
	if !due && now.Sub(c.span.origin.made()) < c.pipeline.conf.Renew {
		return
	}
	err := c.prepare()
	if before := c.setFailed(err); err != nil && (before == nil || before.Error() != err.Error()) {
		c.pipeline.log.Error("the chain cannot be renewed: the one before is used on", "device", c.device.kid, "error", err)
	}
	if err != nil {
		c.retry = now.Add(renewRetry)
		return
	}
	if due {
		c.echoes.spend(now)
	}
	d := c.device
	d.mu.Lock()
	defer d.mu.Unlock()
	d.split(time.Now(), d.now.label)
}

// setFailed notes why the chain could not be renewed and returns what it was.
func (c *chain) setFailed(err error) (before error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.failed = c.failed, err
	return before
}

// prepare readies the anchor of the next chain: a boot counter that is on disk
// before it is used, a fresh salt, and a content secret wrapped to the
// recipients or derived from the pre-shared key.
func (c *chain) prepare() error {
	if c.next != nil {
		return nil
	}
	p := &prepared{anchor: seal.Anchor{
		Suite: c.pipeline.conf.Suite, Flags: c.flags(),
		Heartbeat: uint32(c.pipeline.conf.Heartbeat.Milliseconds()),
	}}
	var err error
	if p.secret, err = c.identity.PrepareAnchor(&p.anchor); err != nil {
		clear(p.secret[:])
		return fmt.Errorf("begin a chain for %s: %w", c.device.kid, err)
	}
	c.next = p
	return nil
}

// flags returns those of the configuration. What the gateway says of itself is
// sealed where it is made.
func (c *chain) flags() seal.Flags {
	if c.device.name == c.pipeline.gateway.Name {
		return c.pipeline.conf.Flags &^ seal.FlagSealedAtEdge
	}
	return c.pipeline.conf.Flags
}

// begin begins the chain of the span, its anchor ahead of all sealed under it.
// When any of it fails, nothing is sealed. A receiver that waits for its beacon
// gets an anchor at once.
func (c *chain) begin() error {
	for {
		if err := c.beginOne(); err != nil {
			return err
		}
		now := time.Now()
		if _, due := c.pipeline.nextBeacon(&c.echoes); !due || !c.echoes.allow(now) {
			return nil
		}
		c.echoes.spend(now)
	}
}

func (c *chain) beginOne() error {
	if err := c.prepare(); err != nil {
		return err
	}
	p := c.next
	c.next, c.begun = nil, false
	defer p.erase()
	p.anchor.Clock, p.anchor.Previous = c.span.origin.clock, c.sealer.Checkpoint()
	if p.anchor.Previous.EID == (seal.EID{}) {
		p.anchor.Previous = c.pipeline.state.checkpoint(c.device.kid)
	}
	p.anchor.Beacon, _ = c.pipeline.nextBeacon(&c.echoes)
	message, err := c.sealer.Begin(nil, &p.anchor, &p.secret)
	if err != nil {
		return fmt.Errorf("begin a chain for %s: %w", c.device.kid, err)
	}
	c.begun, c.spoke = true, time.Now()
	c.echoes.echoed(p.anchor.Beacon)
	check := c.sealer.Checkpoint()
	c.pipeline.beganChain(c.device.kid, check, message, p.anchor.Beacon)
	c.unsent, c.decides = c.record(outbox.Anchor, c.pipeline.anchorTopic(c.device.kid, check.EID), message), nil
	c.unsent.Retain = true
	return c.storeUnsent()
}

func (p *prepared) erase() {
	if p != nil {
		clear(p.secret[:])
	}
}

func (c *chain) topics() {
	c.topicData = c.pipeline.topic(mqtt.KindData, c.device.kid)
	c.topicEvent = c.pipeline.topic(mqtt.KindEvent, c.device.kid)
}

// end erases the keys and gives the identity free.
func (c *chain) end() error {
	c.sealer.End()
	c.next.erase()
	return c.identity.Close()
}
