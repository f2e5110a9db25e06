package main

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"sync"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/scripts/bedside/wire"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// linkTap reads along on the wire, as anybody can: which data frames the sensor
// sends, and which of them the gateway acknowledges.
type linkTap struct {
	ledger *ledger

	mu       sync.Mutex
	belongs  keys.PublicKey // of the device that belongs on the line; zero: one without a key
	decoders [2]link.Decoder
	frames   map[frameName][]id
	acked    map[uint32]uint32 // of a session: all below is acknowledged
	session  uint32            // of sensor 0, the newest
	next     uint32            // in it: one more than the highest number seen
	first    []byte            // the frame that was seen first in it
	welcome  link.Welcome      // the newest
	verifier seal.Verifier
}

// frameName names a data frame.
type frameName struct{ session, seq uint32 }

func newLinkTap(l *ledger, belongs keys.PublicKey) *linkTap {
	t := &linkTap{
		ledger: l, belongs: belongs, frames: map[frameName][]id{}, acked: map[uint32]uint32{},
	}
	for i := range t.decoders {
		t.decoders[i].Reset(make([]byte, link.MaxFrame))
	}
	return t
}

// tap implements wire.Tap.
func (t *linkTap) tap(fromSensor bool, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := &t.decoders[0]
	if !fromSensor {
		d = &t.decoders[1]
	}
	for len(p) > 0 {
		var frame []byte
		if frame, p = d.Next(p); frame == nil {
			continue
		}
		if fromSensor {
			t.said(frame)
		} else {
			t.answered(frame)
		}
	}
}

var _ wire.Tap = (*linkTap)(nil).tap

// said takes a frame of a sensor.
func (t *linkTap) said(frame []byte) {
	if hello, err := link.ParseHello(frame); err == nil {
		t.hello(&hello)
	}
	d, err := link.ParseData(frame)
	if err != nil {
		return
	}
	name := frameName{d.Session, d.Seq}
	if _, again := t.frames[name]; again {
		return
	}
	ids := t.identify(&d)
	t.frames[name] = ids
	t.ledger.make(ids...)
	if d.Session != t.session {
		return
	}
	t.next = max(t.next, d.Seq+1)
	if t.first == nil && len(ids) > 0 {
		t.first = link.AppendFrame(nil, frame)
	}
}

func (t *linkTap) hello(h *link.Hello) {
	var belongs link.KeyID // of a device without a key
	if t.belongs != (keys.PublicKey{}) {
		belongs = link.KeyID(t.belongs.ID())
	}
	if h.KeyID == belongs && h.Session != t.session {
		t.session, t.next, t.first = h.Session, h.Base, nil
	}
}

// answered takes a frame of the gateway.
func (t *linkTap) answered(frame []byte) {
	if w, err := link.ParseWelcome(frame); err == nil {
		t.welcome = w
	}
	a, err := link.ParseAck(frame)
	if err != nil {
		return
	}
	for ; t.acked[a.Session] < a.Next; t.acked[a.Session]++ {
		t.ledger.ack(t.frames[frameName{a.Session, t.acked[a.Session]}]...)
	}
}

// identify returns the ids of what is in a data frame. The other sensor is one that
// sends none: it is never accepted.
func (t *linkTap) identify(d *link.Data) []id {
	switch d.Type {
	case link.TypeSealed:
		return t.identifySealed(d.Body)
	case link.TypeReadings:
		var b vital.Batch
		if b.Decode(d.Body) == nil {
			return identifyPlain(&b)
		}
	}
	return nil
}

// identifySealed returns the one id of a sealed message.
func (t *linkTap) identifySealed(message []byte) []id {
	e, err := seal.Parse(message)
	if err != nil {
		return nil
	}
	v, err := t.verifier.Verify(e, &t.belongs)
	if err != nil {
		return nil
	}
	return []id{sealedID(v.EID(), v.Seq())}
}

func sealedID(eid seal.EID, seq uint64) id {
	return id{0, fmt.Sprintf("%v/%d", eid, seq)}
}

// identifyPlain returns the ids of readings that have no number of their own: their
// values. A second of a wave is as good as a number.
func identifyPlain(b *vital.Batch) []id {
	var ids []id
	for _, n := range b.Numerics {
		ids = append(ids, id{0, fmt.Sprintf("%v=%v,%v", n.Code, n.Value, n.Status)})
	}
	for i := range b.Waves {
		w := &b.Waves[i]
		hash := fnv.New64a()
		for _, s := range w.Samples {
			_ = binary.Write(hash, binary.BigEndian, s) // a hash takes everything
		}
		ids = append(ids, id{0, fmt.Sprintf("%v~%x", w.Code, hash.Sum64())})
	}
	return ids
}

// identifyReceived returns the ids of what came out of the receiver as the readings
// of the device on the line.
func identifyReceived(sealed bool) func(r *receive.Record) []id {
	return func(r *receive.Record) []id {
		switch {
		case r.Name != deviceName:
			return nil // what the gateway says of itself
		case sealed:
			return []id{sealedID(r.EID, r.Seq)}
		}
		return identifyPlain(r.Batch)
	}
}

// now returns the session of sensor 0 and the number that its next frame has.
func (t *linkTap) now() (session, next uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.session, t.next
}

// challengeOf returns the newest challenge of the gateway to a session.
func (t *linkTap) challengeOf(session uint32) (challenge [32]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.welcome.Session == session {
		challenge = t.welcome.Challenge
	}
	return challenge
}

// replayed returns the first frame with readings in the session of sensor 0.
func (t *linkTap) replayed() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first
}
