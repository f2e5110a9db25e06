package agent

import (
	"context"
	"errors"
	"log/slog"
	"strconv"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// handler is what a linked port makes of what its sensor says. It implements
// link.GatewayHandler; linked.mu is held.
type handler struct{ *linked }

// Hello implements link.GatewayHandler.
func (h handler) Hello(m *link.Hello) link.Reason {
	reason, kind := h.judge(m)
	if reason != 0 {
		h.refuse(kind, keys.KeyID(m.KeyID).String())
	}
	return reason
}

// judge returns why a device is refused, for it and for receivers; 0: it may prove
// itself.
func (h handler) judge(m *link.Hello) (link.Reason, vital.EventKind) {
	want := link.CapSealed
	if h.device != nil {
		want = link.CapPlain
	}
	if (m.KeyID == link.KeyID{}) {
		if h.device == nil || m.Capabilities&want == 0 {
			return link.ReasonMode, vital.EventWrongDevice
		}
		return 0, 0
	}
	expected, err := h.key()
	_, status := h.pipeline.Lookup(keys.KeyID(m.KeyID))
	switch {
	case status != identity.Valid, err != nil && keys.KeyID(m.KeyID) == expected:
		return link.ReasonUnknown, vital.EventUnknownDevice
	case keys.KeyID(m.KeyID) != expected:
		return link.ReasonOther, vital.EventWrongDevice
	case m.Capabilities&want == 0:
		return link.ReasonMode, vital.EventWrongDevice
	}
	return 0, 0
}

// Proof implements link.GatewayHandler.
func (h handler) Proof(m *link.Hello, message, signature []byte) link.Reason {
	entry, status := h.pipeline.Lookup(keys.KeyID(m.KeyID))
	if status == identity.Valid && entry.PublicKey.Verify(message, signature) {
		return 0
	}
	h.refuse(vital.EventImpostor, keys.KeyID(m.KeyID).String())
	return link.ReasonSignature
}

// Begin implements link.GatewayHandler.
func (h handler) Begin(m *link.Hello) (next uint32, known bool) {
	h.log.Info("the device is there", "key", keys.KeyID(m.KeyID), "firmware", strconv.QuoteToASCII(string(m.Firmware)))
	if text := string(m.Firmware); text != "" {
		h.report(vital.EventIdentified, 0, text)
	}
	return h.resume(m)
}

// resume goes on where the session is on disk, if it is known and the sensor still
// keeps what comes there.
func (h handler) resume(m *link.Hello) (next uint32, known bool) {
	stored := h.stored
	same := stored.Session == m.Session && stored.KeyID == m.KeyID
	goesOn := same && stored.Next-m.Base <= link.MaxWindow
	if h.session = stored; !same {
		h.session = linkSession{KeyID: m.KeyID, Session: m.Session}
		if stored.Alerts.Session == m.Session {
			h.session.Alerts = stored.Alerts
		}
	}
	if !goesOn {
		h.session.Next = m.Base
	}
	if h.carrier != nil {
		h.session.Carried = h.resumeCarrying(m, goesOn)
		h.carrier.Continue(h.session.Carried)
	}
	return h.session.Next, goesOn
}

// firstFrame is the number of the first frame of a session.
const firstFrame = 1

// resumeCarrying returns what the messages of a sensor that seals for itself follow.
// A session begins with an anchor; a sensor that was elsewhere meanwhile, and whose
// first frames went there, is in the middle of a chain that nobody knows here.
func (h handler) resumeCarrying(m *link.Hello, goesOn bool) sdk.Carried {
	if goesOn {
		return h.stored.Carried
	}
	last := h.carrier.Last()
	if last == (sdk.Carried{}) && h.stored.KeyID == m.KeyID {
		last = h.stored.Carried
	}
	if m.Base != firstFrame {
		return sdk.Carried{Boot: last.Boot}
	}
	return last
}

// Data implements link.GatewayHandler.
func (h handler) Data(d *link.Data) bool {
	var err error
	switch {
	case (h.device != nil) != (d.Type == link.TypeReadings):
		err = errMode
	case h.device != nil:
		err = h.readings(d)
	default:
		err = h.carry(d)
	}
	switch {
	case errors.Is(err, sdk.ErrFull), errors.Is(err, sdk.ErrClosed):
		h.fill(err)
		signal(h.takes)
		return false
	case errors.Is(err, errReadings):
		h.refuseFrame(err)
	case err != nil: // somebody's who found a way to write on the line: the sensor's own comes again
		h.refuseFrame(err)
		if _, gone := h.key(); gone != nil {
			h.gateway.Hangup() // revoked meanwhile
		}
		return false
	}
	signal(h.takes)
	return true
}

// carry has a sealed frame carried.
func (h handler) carry(d *link.Data) error {
	if err := h.carrier.Carry(d.Body); err != nil {
		return err
	}
	h.session.Next, h.session.Carried = d.Seq+1, h.carrier.Last()
	return nil
}

var (
	errMode     = errors.New("it is plain where sealed is expected, or the reverse")
	errReadings = errors.New("it holds no readings")
)

// refuseFrame says that a frame was not the device's own, or not such as it sends.
func (h handler) refuseFrame(err error) {
	h.notices.why = err
	h.refuse(vital.EventRefused, "")
}

// Heartbeat implements link.GatewayHandler.
func (h handler) Heartbeat(b *link.Heartbeat) {
	if b.Dropped <= h.session.Dropped {
		return
	}
	lost := b.Dropped - h.session.Dropped
	if h.device != nil {
		drop := vital.Batch{Drops: []vital.Dropped{{Reason: vital.DropSensor, Count: uint64(lost)}}}
		session := h.session
		session.Dropped = b.Dropped
		if h.offer(h.arrived, &drop, session, 0) != nil {
			return // the next heartbeat says it again
		}
		signal(h.takes)
	}
	h.session.Dropped = b.Dropped
	h.log.Warn("the sensor could not keep readings", "count", lost)
}

// levels are the log's own, by the link's.
var levels = [...]int{link.LevelDebug: -4, link.LevelInfo: 0, link.LevelWarn: 4, link.LevelError: 8}

// Log implements link.GatewayHandler. A line is the sensor's word and quoted; a
// flood is counted.
func (h handler) Log(m *link.Log) {
	if n := h.notices.lines.take(1, h.arrived); n > 0 {
		level := slog.Level(levels[min(int(m.Level), len(levels)-1)])
		h.log.Log(context.Background(), level, "the sensor says", "text", strconv.QuoteToASCII(string(m.Text)), "lines", n)
	}
}
