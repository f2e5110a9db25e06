package receive

import (
	"errors"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// arrival is an authentic message of a registered device.
type arrival struct {
	*Message
	since time.Time // when it first came
	held  *held     // nil: it comes now
	dir   Device
	kid   keys.KeyID
	seal.Verified
}

// judge judges one message, which first came at since, and is held or comes now.
func (w *work) judge(m *Message, since time.Time, h *held) Result {
	if w.err != nil {
		return Result{}
	}
	envelope, err := seal.Parse(m.Payload)
	if err != nil {
		return w.reject(m, m.Device, "", Malformed, "not a sealed message")
	}
	kid := envelope.KeyID()
	if m.Site != "" && m.Site != w.r.conf.Site {
		return w.reject(m, kid, "", WrongSite, "its topic is of another site")
	}
	if m.Device != (keys.KeyID{}) && m.Device != kid {
		return w.reject(m, kid, "", WrongDevice, "its topic is of device "+m.Device.String())
	}
	dir, ok := w.r.conf.Directory.Lookup(kid)
	if !ok {
		return w.reject(m, kid, "", WrongDevice, "the device is not registered")
	}
	verified, err := w.r.verifier.Verify(envelope, &dir.Key)
	switch {
	case errors.Is(err, seal.ErrWrongKey):
		return w.reject(m, kid, dir.Name, WrongDevice, "the device is registered with another key or algorithm")
	case err != nil:
		return w.reject(m, kid, dir.Name, BadSignature, "the signature does not verify")
	}
	a := &arrival{Message: m, since: since, held: h, dir: dir, kid: kid, Verified: verified}
	d := w.device(kid)
	if d == nil {
		return Result{}
	}
	if name := (chainName{kid, a.EID()}); !slices.Contains(w.judged, name) {
		w.judged = append(w.judged, name)
	}
	// An old message cannot be told from one made with a stolen key, so from the
	// moment of revocation all are refused.
	switch w.r.clock.status(&dir, w.now) {
	case revoked:
		return w.refuse(a, Revoked, "the device's key is revoked")
	case expired:
		return w.refuse(a, Revoked, "the device's enrolment has expired")
	}
	return w.authentic(a, d)
}

func (w *work) authentic(a *arrival, d *device) Result {
	if verdict, refused := d.verdictOf(a.EID()); refused && !(a.Kind() == seal.KindAnchor && d.mayReturn(a.EID(), verdict)) {
		return w.refuse(a, verdict, "its chain is refused")
	}
	switch a.Kind() {
	case seal.KindAnchor:
		return w.anchor(a, d)
	case seal.KindGrant:
		return w.grant(a, d)
	}
	return w.sealed(a, d)
}

// sealed judges a batch by its chain.
func (w *work) sealed(a *arrival, d *device) Result {
	if _, retired := d.retired[a.EID()]; retired {
		return w.refuse(a, Replay, "its chain is over and no longer kept")
	}
	c, known := d.chains[a.EID()]
	if !known || a.held == nil && w.r.pending.isReady(a.kid, a.EID()) {
		return w.hold(a)
	}
	if c.received.Contains(a.Seq()) {
		verdict, reason := w.again(a, d, c)
		return w.refuse(a, verdict, reason)
	}
	if reason, ok := c.fits(&a.Verified); !ok {
		return w.refuse(a, Fork, reason)
	}
	return w.take(a, w.touch(a.kid), c)
}

// again judges a message whose sequence number was received before.
func (w *work) again(a *arrival, d *device, c *chain) (Verdict, string) {
	const forked = "another message has this sequence number"
	before, recent := d.recall(a.EID(), a.Seq())
	if head, known := c.head(a.Seq()); known && head != a.Head() || recent && before.head != a.Head() {
		return Fork, forked
	}
	if !recent {
		return Replay, "received long ago"
	}
	if w.r.clock.ran(w.now).Milliseconds()-before.ran > w.r.conf.DuplicateWindow.Milliseconds() {
		return Replay, "received too long ago for a repetition by the broker"
	}
	return Duplicate, "received before"
}

// take opens a message that is new and fits, and takes it in.
func (w *work) take(a *arrival, d *device, c *chain) Result {
	verdict, reason := w.open(a, d)
	if w.err != nil {
		return Result{}
	}
	newest := c.received.Max()
	gap, fills := c.add(&a.Verified)
	d.remember(&a.Verified, w.r.clock.ran(w.now))
	// Only what moves the newest chain on proves that the device still speaks: a
	// hoard of withheld messages must not. Nor must what nobody can read, unless
	// this receiver reads nothing.
	if c.eid == d.newest && a.Seq() > newest && (verdict == Valid || w.r.conf.Secrets == nil) {
		w.heard(a, d)
	}
	if gap.Last != 0 {
		w.gap(a, c.eid, gap, "")
	}
	if fills {
		rec := a.record(w, Filled)
		rec.First, rec.Last = a.Seq(), a.Seq()
		w.record(rec, true)
	}
	if verdict != Valid {
		rec := a.record(w, verdict)
		rec.Reason = reason
		w.record(rec, true) // each: it counts as received
		w.ack(a.Message)
		return a.result(verdict, reason)
	}
	w.readings(a, d, c)
	w.ack(a.Message)
	if fills {
		return a.result(Filled, "")
	}
	return a.result(Valid, "")
}

// open opens a message and decodes it into the receiver's batch.
func (w *work) open(a *arrival, d *device) (Verdict, string) {
	r := w.r
	opener, reason, err := w.opener(d, a.EID(), &a.dir.Key)
	switch {
	case err != nil:
		w.err = err
		return CannotOpen, ""
	case opener == nil:
		return CannotOpen, reason
	}
	if r.plain, err = opener.Open(r.plain[:0], a.Verified); err != nil {
		r.plain = r.plain[:0]
		return CannotOpen, "it does not open under its anchor's keys"
	}
	if err := r.batch.Decode(r.plain); err != nil {
		return Malformed, "its content is not a batch of readings"
	}
	return Valid, ""
}

// maxDropGaps bounds the gaps that one message can have reported as dropped: a
// hostile device could name 2,048 gaps in each of a thousand records, and fill
// the memory. The records themselves are shown, all of them.
const maxDropGaps = 256

// readings writes what the batch says.
func (w *work) readings(a *arrival, d *device, c *chain) {
	b := &w.r.batch
	c.setLabel(a.Seq(), b.Label)
	// An interval from before is not what the device promises now.
	if n := len(b.Heartbeats); n > 0 && c.eid == d.newest && a.Seq() == c.received.Max() {
		d.interval = b.Heartbeats[n-1].Interval
	}
	rec := a.record(w, Valid)
	rec.Clock, rec.Test, rec.Label = c.clock, c.test, c.labelAt(a.Seq())
	rec.Batch = b
	if b.Len() > 0 {
		w.record(rec, true)
	} else {
		w.count(a.kid, true, Valid)
	}
	left := maxDropGaps
	for i := range b.Drops {
		drop := &b.Drops[i]
		missing, known := d.chains[seal.EID(drop.EID)]
		if !known || drop.To == 0 {
			continue
		}
		for _, m := range missing.missing(max(drop.From, 1), drop.To) {
			if left--; left < 0 {
				return
			}
			w.gap(a, missing.eid, m, "dropped by the device: "+drop.Reason.String())
		}
	}
}

func (w *work) gap(a *arrival, eid seal.EID, missing seal.Interval, reason string) {
	rec := a.record(w, Gap)
	rec.EID, rec.Seq = eid, 0
	rec.First, rec.Last, rec.Reason = missing.First, missing.Last, reason
	w.record(rec, true)
}

// heard notes a sign of life.
func (w *work) heard(a *arrival, d *device) {
	d.spoke, d.heard = true, w.now.UnixMilli()
	d.changes.state = true
	if d.silent {
		d.silent = false
		rec := a.record(w, Resumed)
		rec.Seq = 0
		w.record(rec, true)
	}
}

// refuse writes why an authentic message is not shown.
func (w *work) refuse(a *arrival, verdict Verdict, reason string) Result {
	rec := a.record(w, verdict)
	rec.Reason = reason
	w.limited(rec, true)
	w.ack(a.Message)
	return a.result(verdict, reason)
}

// reject writes why a message that is not authentic is not shown. Nothing that
// it says is believed; kid is whom it names.
func (w *work) reject(m *Message, kid keys.KeyID, name string, verdict Verdict, reason string) Result {
	_, registered := w.r.conf.Directory.Lookup(kid)
	w.limited(&Record{
		Meta:   Meta{Verdict: verdict, Site: w.r.conf.Site, Device: kid, Name: name, Received: m.Received},
		Reason: reason,
	}, registered)
	w.ack(m)
	return Result{Verdict: verdict, Device: kid, Reason: reason}
}

// record returns a record about a, in the memory of the one before.
func (a *arrival) record(w *work, verdict Verdict) *Record {
	w.r.rec = Record{
		Meta: Meta{Verdict: verdict, Site: w.r.conf.Site, Device: a.kid, Name: a.dir.Name, Seq: a.Seq(), Received: a.Received},
		EID:  a.EID(),
	}
	return &w.r.rec
}

func (a *arrival) result(verdict Verdict, reason string) Result {
	return Result{Verdict: verdict, Device: a.kid, EID: a.EID(), Seq: a.Seq(), Reason: reason}
}
