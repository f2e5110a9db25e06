package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// ErrRefused says that a message is not one that a Carrier may carry: it is not
// the device's own, or not such as it seals. What is wrong with it follows.
var ErrRefused = errors.New("vitalseal: message refused")

// Carrier carries what one device sealed for itself. The gateway verifies it with
// the device's public key, keeps and publishes it, and can neither read nor alter
// it: it has none of the device's secrets. All methods may be called from any
// goroutine.
type Carrier struct {
	pipeline *Pipeline
	name     string
	heard    chan struct{} // signalled at each beacon

	mu       sync.Mutex
	kid      keys.KeyID // of the device that has the name in the roster
	verifier seal.Verifier
	waiting  []carried
	cost     int // of what waits, in bytes
	count    uint64
	refused  uint64
	last     time.Time
	closed   bool

	carried Carried // the newest that was taken

	echoes echoes
	told   seal.Beacon // what the device is to echo
}

// Carried is how far the messages of a device that seals for itself have come: the
// newest that was taken. Zero: not known.
type Carried struct {
	EID  seal.EID // of the chain; zero: not known
	Seq  uint64
	Head seal.Head
	Boot uint64 // of the newest anchor
}

// carried is a message that waits to be stored.
type carried struct {
	record outbox.Record
	anchor *carriedAnchor // nil for a batch
	prev   seal.Head
	head   seal.Head
}

// carriedAnchor is what is remembered of an anchor besides its message.
type carriedAnchor struct {
	check  seal.Checkpoint
	boot   uint64
	beacon seal.Beacon
}

// carriedCost is what a message that waits takes beside its bytes.
const carriedCost = 256

// Carrier returns the carrier for a device of this gateway that seals for itself:
// its public key is in the roster, and its identity is not at the gateway. A
// second call with the same name returns the same. One that the gateway seals for
// is refused, since only one of the two can be who it says; see Device.
func (p *Pipeline) Carrier(name string) (*Carrier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	for _, c := range p.carriers {
		if c.name == name {
			return c, nil
		}
	}
	here, err := p.gateway.HasDevice(name)
	if err != nil {
		return nil, err
	}
	if here {
		return nil, &hintError{
			fmt.Sprintf("vitalseal: device %q does not seal for itself: its keys are at this gateway", name),
			"have the gateway seal what it says, or enrol the sensor's own key at the site",
		}
	}
	c := &Carrier{pipeline: p, name: name, heard: make(chan struct{}, 1)}
	if _, err := c.device(time.Now()); err != nil {
		return nil, err
	}
	p.carriers = append(p.carriers, c)
	return c, nil
}

// Name returns the name that the device has in the roster.
func (c *Carrier) Name() string { return c.name }

// Device returns the device's entry in the roster as it is now. A device that is
// revoked, expired or not of this gateway is an error.
func (c *Carrier) Device() (identity.Device, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.device(time.Now())
}

// device is Device. When the name has passed to another key, what was remembered
// of the one before is not that of this one. c.mu is held, or c is new.
func (c *Carrier) device(now time.Time) (identity.Device, error) {
	p := c.pipeline
	roster := p.roster.at(now)
	d, ok := roster.DeviceNamed(c.name)
	switch status := p.roster.status(&d, roster.Issued, now); {
	case !ok:
		return d, &hintError{fmt.Sprintf("vitalseal: device %q is not in the roster", c.name), "add it at the site, and copy the gateway's directory here again"}
	case d.Gateway != p.gateway.Name:
		return d, &hintError{fmt.Sprintf("vitalseal: device %q belongs to gateway %q", c.name, d.Gateway), "add a device of this gateway at the site"}
	case status != identity.Valid:
		return d, fmt.Errorf("%w: device %q (%v) is %v", ErrRefused, c.name, d.KeyID, status)
	}
	if c.kid != d.KeyID {
		c.kid, c.echoes, c.told, c.carried = d.KeyID, echoes{}, seal.Beacon{}, Carried{}
	}
	return d, nil
}

// Carry takes an anchor or a batch that the device sealed. It is verified before
// anything else is done with it, and is on disk when Sync returns. What is not
// the device's, or is revoked, altered, or neither anchor nor batch, is
// ErrRefused, and nothing has changed. ErrFull says that too much waits for the
// disk: bring it again.
//
// Messages come in the order in which they were sealed, each once: a batch follows
// the message that was carried last, and an anchor has a greater boot counter than
// those before. Any other is ErrRefused, so that somebody on the wire who plays an
// old one again, or holds one back, does not have the device told that something was
// carried which was not. Continue says what comes first.
func (c *Carrier) Carry(message []byte) error {
	now := time.Now()
	c.mu.Lock()
	err := c.carry(message, now)
	if errors.Is(err, ErrRefused) {
		c.refused++
	}
	c.mu.Unlock()
	if err == nil {
		c.pipeline.wake()
	}
	return err
}

func (c *Carrier) carry(message []byte, now time.Time) error {
	if c.closed {
		return ErrClosed
	}
	d, err := c.device(now)
	if err != nil {
		return err
	}
	m, err := c.verify(message, &d)
	if err != nil {
		return fmt.Errorf("%w: from device %q: %w", ErrRefused, c.name, err)
	}
	next, err := c.follow(&m)
	if err != nil {
		return fmt.Errorf("%w: from device %q: %w", ErrRefused, c.name, err)
	}
	cost := len(message) + carriedCost
	if c.cost+cost > c.pipeline.conf.MaxWaiting || m.anchor != nil && c.pipeline.state.crowded(d.KeyID) {
		return ErrFull
	}
	c.cost += cost
	c.count++
	c.last = now
	c.carried = next
	c.waiting = append(c.waiting, m)
	if m.anchor != nil {
		c.echoes.echoed(m.anchor.beacon)
	}
	return nil
}

var (
	errGrant    = errors.New("it is a grant, which a sensor does not make")
	errOtherOne = errors.New("its anchor is of another site")
	errOldChain = errors.New("it is an anchor from before the newest")
	errNotNext  = errors.New("it does not follow what was carried last")
)

// Continue says which message the next one follows, where the caller has the device
// send again from an earlier one (after a restart, say), and remembers what Last said
// then. Before it is called, and with a Carried that has no EID, that is not known:
// any batch is taken until there is an anchor, but for those of chains that are known
// to have ended, and any anchor with a boot counter above Boot or, if that is 0,
// not below the newest that is known.
func (c *Carrier) Continue(from Carried) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.carried = from
}

// Last returns the newest message that Carry took.
func (c *Carrier) Last() Carried {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.carried
}

// follow returns how far the messages have come with m, if it follows what was
// carried last. c.mu is held.
func (c *Carrier) follow(m *carried) (next Carried, err error) {
	last, eid, seq := c.carried, seal.EID(m.record.Anchor), m.record.Seq
	next = Carried{EID: eid, Seq: seq, Head: m.head, Boot: last.Boot}
	if m.anchor != nil {
		next.Boot = m.anchor.boot
		if last == (Carried{}) && c.pipeline.state.oldAnchor(m.record.Device, eid, next.Boot) ||
			last != (Carried{}) && next.Boot <= last.Boot {
			return next, errOldChain
		}
		return next, nil
	}
	if last.EID == (seal.EID{}) {
		if c.pipeline.state.endedChain(m.record.Device, eid) {
			return last, errNotNext
		}
		return last, nil
	}
	if eid != last.EID || seq != last.Seq+1 || m.prev != last.Head {
		return last, errNotNext
	}
	return next, nil
}

// verify returns the record of a message if it is the device's.
func (c *Carrier) verify(message []byte, d *identity.Device) (m carried, err error) {
	envelope, err := seal.Parse(message)
	if err != nil {
		return m, err
	}
	v, err := c.verifier.Verify(envelope, &d.PublicKey)
	if err != nil {
		return m, err
	}
	p := c.pipeline
	m.prev, m.head = v.Prev(), v.Head()
	m.record = outbox.Record{Device: d.KeyID, Anchor: v.EID(), Seq: v.Seq(), Payload: bytes.Clone(message)}
	switch v.Kind() {
	case seal.KindBatch: // what is in it nobody here can tell, so that all are data
		m.record.Class, m.record.Topic = outbox.Data, p.topic(mqtt.KindData, d.KeyID)
		return m, nil
	case seal.KindAnchor:
	default:
		return m, errGrant
	}
	anchor, err := v.Anchor()
	if err != nil {
		return m, err
	}
	if anchor.Site != p.site {
		return m, errOtherOne
	}
	m.record.Class, m.record.Topic, m.record.Retain = outbox.Anchor, p.anchorTopic(d.KeyID, v.EID()), true
	m.anchor = &carriedAnchor{seal.Checkpoint{EID: v.EID(), Head: v.Head()}, anchor.Boot, anchor.Beacon}
	return m, nil
}

// cycle puts what waits into the outbox. It is called by the committer only.
func (c *Carrier) cycle(now time.Time) error {
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 {
			c.mu.Unlock()
			return nil
		}
		m := c.waiting[0] // whose bytes nobody changes
		c.mu.Unlock()
		if m.anchor != nil {
			if c.pipeline.state.carriedChain(m.record.Device, m.anchor, m.record.Payload, now) {
				c.pipeline.receipts.sealed(m.anchor.check, m.record.Device)
			}
			c.pipeline.saveState() // before it leaves
		}
		if _, err := c.pipeline.store(m.record, c); err != nil {
			return err
		}
		if m.anchor == nil {
			c.pipeline.receipts.sealed(seal.Checkpoint{EID: m.record.Anchor, Seq: m.record.Seq}, m.record.Device)
		}
		c.mu.Lock()
		c.waiting = c.waiting[:copy(c.waiting, c.waiting[1:])]
		c.cost -= len(m.record.Payload) + carriedCost
		c.mu.Unlock()
	}
}

// Sync returns when all that Carry took before the call is on disk: a power cut
// after that loses none of it. It says why if it is not, and it goes on waiting.
func (c *Carrier) Sync(ctx context.Context) error { return c.pipeline.sync(ctx, c) }

// Beacon returns the beacon that the device is to echo in a new anchor: one that a
// receiver waits for, or the one that was echoed longest ago; zero if none was
// ever heard. It changes a few times at once and then once a minute at most, so
// that a broker that makes beacons up does not wear out the device.
func (c *Carrier) Beacon() seal.Beacon {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	next, due := c.pipeline.nextBeacon(&c.echoes)
	switch {
	case next == c.told:
	case due && c.echoes.allow(now):
		c.echoes.spend(now)
		c.told = next
	case c.told == seal.Beacon{}:
		c.told = next
	}
	return c.told
}

// BeaconHeard returns a channel that has a value when a beacon was heard since the
// last was taken from it: Beacon may say another then. It is for one reader.
func (c *Carrier) BeaconHeard() <-chan struct{} { return c.heard }

// CarrierStats is about one device that seals for itself.
type CarrierStats struct {
	Name    string
	KeyID   keys.KeyID
	Carried uint64    // messages taken since Open
	Refused uint64    // messages refused since Open
	Last    time.Time // when the newest was taken
}

// Stats returns the state of the carrier now.
func (c *Carrier) Stats() CarrierStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CarrierStats{Name: c.name, KeyID: c.kid, Carried: c.count, Refused: c.refused, Last: c.last}
}

func (c *Carrier) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// hintError is an error with the next step for a person.
type hintError struct{ text, hint string }

func (e *hintError) Error() string { return e.text }
func (e *hintError) Hint() string  { return e.hint }
