package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware/tinygo/bedside"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// checker verifies and opens what one device sends, and holds it against what it
// must be. It is a link.GatewayHandler.
type checker struct {
	device   keys.PublicKey
	psk      *keys.SoftwarePSK
	verifier seal.Verifier
	opener   *seal.Opener
	batch    vital.Batch
	payload  []byte
	err      error

	session, next uint32
	boot          uint64
	seq           uint64
	head          seal.Head
	weak          bool

	messages, anchors, readings, samples, alerts, beats int
	sealedBytes                                         int
	counter                                             int // the next value it must have
	dropped                                             uint64
}

func newChecker(seed, psk [32]byte) (*checker, error) {
	key := keys.NewEd25519(&seed)
	c := &checker{device: key.Public()}
	var err error
	c.psk, err = keys.NewSoftwarePSK(c.device.ID(), 0, &psk)
	return c, err
}

func (c *checker) Hello(h *link.Hello) link.Reason {
	if h.KeyID != link.KeyID(c.device.ID()) {
		return c.refuse(link.ReasonUnknown)
	}
	return 0
}

func (c *checker) Proof(_ *link.Hello, message, signature []byte) link.Reason {
	if !c.device.Verify(message, signature) {
		return c.refuse(link.ReasonSignature)
	}
	return 0
}

// refuse says no to a sensor that is not the one in the flash file.
func (c *checker) refuse(r link.Reason) link.Reason {
	c.err = fmt.Errorf("sensor is refused for reason %d", r)
	return r
}

func (c *checker) Begin(h *link.Hello) (uint32, bool) {
	known := c.session == h.Session
	if !known {
		c.session, c.next = h.Session, h.Base
	}
	return c.next, known
}

func (c *checker) Heartbeat(*link.Heartbeat) {}

func (c *checker) Log(l *link.Log) { fmt.Printf("sensor says: %q\n", l.Text) }

func (c *checker) Data(d *link.Data) bool {
	if c.err != nil {
		return false
	}
	if c.err = c.take(d.Body); c.err != nil {
		c.err = fmt.Errorf("data frame %d: %w", d.Seq, c.err)
		return false
	}
	c.next = d.Seq + 1
	c.messages++
	c.sealedBytes += len(d.Body)
	return true
}

func (c *checker) take(message []byte) error {
	e, err := seal.Parse(message)
	if err != nil {
		return err
	}
	v, err := c.verifier.Verify(e, &c.device)
	if err != nil {
		return err
	}
	if v.Kind() == seal.KindAnchor {
		return c.anchor(v)
	}
	if c.opener == nil {
		return errors.New("no anchor came before")
	}
	if v.Seq() != c.seq+1 || v.Prev() != c.head {
		return fmt.Errorf("message %d does not follow %d", v.Seq(), c.seq)
	}
	c.seq, c.head = v.Seq(), v.Head()
	if c.payload, err = c.opener.Open(c.payload[:0], v); err != nil {
		return err
	}
	if err := c.batch.Decode(c.payload); err != nil {
		return err
	}
	return c.read()
}

func (c *checker) anchor(v seal.Verified) error {
	a, err := v.Anchor()
	if err != nil {
		return err
	}
	if a.Boot <= c.boot {
		return fmt.Errorf("boot %d after %d", a.Boot, c.boot)
	}
	if err := c.psk.Advance(a.Generation); err != nil {
		return err
	}
	var secret [keys.SecretSize]byte
	if err := c.psk.ContentSecret(&secret, c.device.ID(), a.Boot, &a.Salt); err != nil {
		return err
	}
	if c.opener, err = seal.NewOpener(v, &secret); err != nil {
		return err
	}
	c.boot, c.seq, c.head = a.Boot, 0, v.Head()
	c.weak = a.Flags&seal.FlagWeakEntropy != 0
	c.anchors++
	return nil
}

// read counts the readings and checks the counter among them.
func (c *checker) read() error {
	for _, n := range c.batch.Numerics {
		if n.Code != bedside.Counter {
			continue
		}
		if int(n.Value.Mantissa) < c.counter || int(n.Value.Mantissa) > c.counter && len(c.batch.Drops) == 0 {
			return fmt.Errorf("the counter is %d after %d", n.Value.Mantissa, c.counter-1)
		}
		c.counter = int(n.Value.Mantissa) + 1
	}
	for i := range c.batch.Waves {
		c.samples += len(c.batch.Waves[i].Samples)
	}
	for _, d := range c.batch.Drops {
		c.dropped += d.Count
	}
	c.readings += c.batch.Len()
	c.alerts += len(c.batch.Alerts)
	c.beats += len(c.batch.Heartbeats)
	return nil
}

func (c *checker) report(took time.Duration) error {
	fmt.Printf("verified: %d messages (%d anchors, %d bytes each) in %v: %d readings, %d samples, %d alerts, %d heartbeats, counter to %d, %d dropped by the sensor, weak entropy flagged: %v\n",
		c.messages, c.anchors, c.sealedBytes/max(c.messages, 1), took.Round(time.Millisecond), c.readings, c.samples, c.alerts, c.beats, c.counter, c.dropped, c.weak)
	return nil
}
