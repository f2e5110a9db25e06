package firmware

import (
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// chain is what is sealed under the current anchor, and when the next is due.
type chain struct {
	begun    bool
	refusing error // why no chain could be begun
	retry    uint64
	backoff  uint64

	anchor   seal.Anchor // fields, because pointers passed on escape
	secret   [keys.SecretSize]byte
	salt     [keys.SaltSize]byte
	previous seal.Checkpoint

	origin   uint64 // uptime that times under the anchor count from
	since    uint64 // uptime when it was begun
	sealed   uint64 // uptime when something was sealed last
	recorded uint64 // readings sealed under it
	messages uint64 // sealed since Open

	tokens  int    // chains that may be begun early
	refills uint64 // uptime when there was one token more
}

// When chains are begun anew.
const (
	day       = 24 * 60 * 60 * 1000
	lead      = 5000 // ms before the anchor that its origin lies: waves begin before they are recorded
	tolerance = 2000 // ms that the gateway's clock may slide against ours

	// Beacons and times come over a line that anybody may hold: what they make the
	// device write to flash is bounded to a few at once and 96 a day.
	burst  = 4
	refill = 15 * 60 * 1000

	firstRetry = 10 * 1000
	lastRetry  = 60 * 60 * 1000

	maxAnchor = 400 // bytes of an anchor with a pre-shared key and the longest site
)

// needsAnchor reports whether a chain is to be begun now.
func (s *Sensor) needsAnchor(now uint64) bool {
	c := &s.chain
	if now < c.retry || s.link.Room(link.TypeAnchor) < maxAnchor {
		return false
	}
	t, at, heard := s.link.Time()
	if !c.begun {
		return c.refusing != nil || heard || c.messages > 0 || now >= uint64(s.config.Patience)
	}
	if now-c.since >= day {
		return true
	}
	return heard && s.news(&t, at, now) && c.mayHurry(now)
}

// news reports whether a time message says what the anchor does not: a beacon, a
// first time of day, or another one than the anchor's.
func (s *Sensor) news(t *link.Time, at, now uint64) bool {
	c := &s.chain
	if t.Beacon != [16]byte{} && seal.Beacon(t.Beacon) != c.anchor.Beacon {
		return true
	}
	if t.UnixMilli == 0 {
		return false
	}
	if c.anchor.Clock.IsZero() {
		return true
	}
	slide := int64(t.UnixMilli) - c.anchor.Clock.UnixMilli - int64(at-c.origin)
	bound := tolerance + drift(at-min(at, c.since))
	return slide > bound || slide < -bound
}

// drift is how many ms two clocks may have moved apart after ms: 200 parts in a
// million, twice what a poor crystal does.
func drift(ms uint64) int64 { return int64(ms/5000) + 1 }

func (c *chain) mayHurry(now uint64) bool {
	for c.tokens < burst && now-c.refills >= refill {
		c.tokens++
		c.refills += refill
	}
	return c.tokens > 0
}

// spend takes a token for a chain begun while another runs.
func (c *chain) spend(now uint64) {
	if c.tokens == burst {
		c.refills = now
	}
	if c.tokens > 0 {
		c.tokens--
	}
}

// anchor begins a chain. When that fails, nothing is sealed until it succeeds.
func (s *Sensor) anchor(now uint64) {
	c := &s.chain
	if c.begun {
		c.spend(now)
		c.previous = s.sealer.Checkpoint()
	} else if c.messages == 0 {
		c.tokens, c.refills = burst, now
	}
	c.begun = false
	if err := s.begin(now); err != nil {
		s.sealer.End()
		c.refuse(now, err)
		s.link.Log(link.LevelError, err.Error())
		return
	}
	c.begun, c.refusing, c.backoff = true, nil, 0
	c.since, c.sealed, c.recorded = now, now, 0
	c.messages++
	// Kept for the next start only, which does without it if it must.
	_ = s.starts.log.note(s.sealer.Checkpoint().Head)
}

func (c *chain) refuse(now uint64, err error) {
	c.refusing = err
	c.backoff = min(max(2*c.backoff, firstRetry), lastRetry)
	c.retry = now + c.backoff
}

// begin makes an anchor and queues it. Nothing of it leaves before the counter
// is durable and the key is gone.
func (s *Sensor) begin(now uint64) error {
	c := &s.chain
	last := c.salt
	if err := s.config.Entropy.Fill(c.salt[:]); err != nil || stuck(&c.salt, &last) {
		return errEntropy
	}
	boot, generation, err := s.starts.next(&c.salt, &c.secret)
	if err != nil {
		return err
	}
	c.origin = s.open.oldest(now)
	c.origin -= min(c.origin, lead)
	c.anchor = seal.Anchor{
		Site: s.starts.site, Boot: boot, Salt: c.salt, Generation: generation,
		Heartbeat: s.config.Heartbeat, Previous: c.previous, Flags: s.config.Flags,
	}
	if s.config.Entropy.Weak() {
		c.anchor.Flags |= seal.FlagWeakEntropy
	}
	if t, at, heard := s.link.Time(); heard {
		c.anchor.Beacon = seal.Beacon(t.Beacon)
		c.anchor.Clock = clockAt(&t, at, c.origin, now)
	}
	message, err := s.sealer.Begin(s.out[:0], &c.anchor, &c.secret)
	c.secret = [keys.SecretSize]byte{}
	if err != nil {
		return err
	}
	return s.link.Queue(link.TypeAnchor, message)
}

// clockAt returns the wall time at the uptime origin, from a time message that
// arrived at the uptime at; none if it does not say.
func clockAt(t *link.Time, at, origin, now uint64) seal.Clock {
	unix := int64(t.UnixMilli) + int64(origin) - int64(at)
	if t.UnixMilli == 0 || t.UnixMilli > 1<<53 || unix < 1 || unix > 1<<53 {
		return seal.Clock{}
	}
	c := seal.Clock{UnixMilli: unix, Error: t.Error}
	if wrong := uint64(t.Error) + uint64(drift(now-min(now, min(at, origin)))); c.Error != seal.NoBound {
		c.Error = uint32(min(wrong, seal.NoBound-1))
	}
	return c
}

// sealBatch seals b and queues the message, if there is room for it now beside
// what is kept free. b keeps its times of uptime.
func (s *Sensor) sealBatch(b *vital.Batch, now uint64, free int) bool {
	shift(b, -s.chain.origin)
	payload, err := b.Append(s.payload[:0])
	shift(b, s.chain.origin)
	if err != nil {
		s.open.giveUp(b) // times that no batch can span: not to be had by recording in order
		return false
	}
	if len(payload)+maxOverhead+free > s.link.Room(link.TypeSealed) {
		return false
	}
	message, err := s.sealer.Seal(s.out[:0], payload)
	clear(payload)
	if err == nil {
		err = s.link.Queue(link.TypeSealed, message)
	}
	if err != nil {
		// The chain is at its end, or a message that does not leave is a gap in it.
		s.chain.begun = false
		s.chain.previous = s.sealer.Checkpoint()
		return false
	}
	s.chain.sealed = now
	s.chain.recorded += uint64(b.Len())
	s.chain.messages++
	return true
}
