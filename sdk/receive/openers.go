package receive

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// openers keeps the content keys of the chains used last.
type openers struct {
	max     int
	entries []openerEntry // used last comes last
}

type openerEntry struct {
	kid    keys.KeyID
	eid    seal.EID
	opener *seal.Opener // nil: there is none, see reason
	reason string
	again  time.Time // when to try anew, of one without opener
}

// retryOpener is how long it is taken for granted that a chain does not open: its
// key may come later, as with the roster that adds a device.
const retryOpener = time.Minute

func (o *openers) find(kid keys.KeyID, eid seal.EID) *openerEntry {
	for i := len(o.entries) - 1; i >= 0; i-- {
		e := o.entries[i]
		if e.eid != eid || e.kid != kid {
			continue
		}
		if last := len(o.entries) - 1; i != last {
			copy(o.entries[i:], o.entries[i+1:])
			o.entries[last] = e
		}
		return &o.entries[len(o.entries)-1]
	}
	return nil
}

func (o *openers) put(e openerEntry) {
	o.forget(e.kid, e.eid)
	o.entries = append(o.entries, e)
	if len(o.entries) > o.max {
		o.remove(0)
	}
}

func (o *openers) forget(kid keys.KeyID, eid seal.EID) {
	for i := range o.entries {
		if o.entries[i].eid == eid && o.entries[i].kid == kid {
			o.remove(i)
			return
		}
	}
}

func (o *openers) remove(i int) {
	if opener := o.entries[i].opener; opener != nil {
		opener.Erase()
	}
	o.entries = slices.Delete(o.entries, i, i+1)
}

func (o *openers) erase() {
	for len(o.entries) > 0 {
		o.remove(len(o.entries) - 1)
	}
}

// opener returns the opener of a chain of d, or nil and why there is none. An
// error says that this cannot be told now.
func (w *work) opener(d *device, eid seal.EID, key *keys.PublicKey) (*seal.Opener, string, error) {
	if e := w.r.openers.find(d.kid, eid); e != nil && (e.opener != nil || w.now.Before(e.again)) {
		return e.opener, e.reason, nil
	}
	opener, reason, err := w.newOpener(d, eid, key)
	if err != nil {
		return nil, "", err
	}
	w.r.openers.put(openerEntry{d.kid, eid, opener, reason, w.now.Add(retryOpener)})
	return opener, reason, nil
}

func (w *work) newOpener(d *device, eid seal.EID, key *keys.PublicKey) (*seal.Opener, string, error) {
	if w.r.conf.Secrets == nil {
		return nil, "this receiver has no recipient key", nil
	}
	anchor, err := w.stored(d, eid, key, bucketAnchors, d.changes.anchors)
	if err != nil || anchor.Kind() != seal.KindAnchor {
		return nil, "its anchor is not in the state", err
	}
	opener, reason, err := w.anchorOpener(anchor)
	if err != nil || opener != nil {
		return opener, reason, err
	}
	grant, err := w.stored(d, eid, key, bucketGrants, d.changes.grants)
	if err != nil || grant.Kind() != seal.KindGrant {
		return nil, reason, err
	}
	return w.grantOpener(anchor, grant)
}

// stored reads back a message of the chain eid and verifies it again, so that a
// state that was tampered with gives nothing; zero if there is none.
func (w *work) stored(d *device, eid seal.EID, key *keys.PublicKey, bucket []byte, unsaved map[seal.EID][]byte) (seal.Verified, error) {
	message := unsaved[eid]
	if message == nil {
		var err error
		if message, err = w.r.state.get(bucket, chainKey(d.kid, eid)); err != nil {
			return seal.Verified{}, fmt.Errorf("receive: state: %w", err)
		}
	}
	envelope, err := seal.Parse(message)
	if err != nil {
		return seal.Verified{}, nil
	}
	v, err := w.r.verifier.Verify(envelope, key)
	if err != nil || v.EID() != eid {
		return seal.Verified{}, nil
	}
	return v, nil
}

func (w *work) anchorOpener(anchor seal.Verified) (*seal.Opener, string, error) {
	secret, err := w.r.conf.Secrets.ContentSecret(anchor)
	defer clear(secret[:])
	if err != nil {
		return nil, err.Error(), transient(err)
	}
	opener, err := seal.NewOpener(anchor, &secret)
	if err != nil {
		return nil, "the content secret is not the one its anchor commits to", nil
	}
	return opener, "", nil
}

func (w *work) grantOpener(anchor, grant seal.Verified) (*seal.Opener, string, error) {
	secret, err := w.r.conf.Secrets.GrantSecret(anchor, grant)
	defer clear(secret[:])
	if err != nil {
		return nil, err.Error(), transient(err)
	}
	opener, err := seal.NewGrantOpener(anchor, grant, &secret)
	if err != nil {
		return nil, "the content secret is not the one its grant commits to", nil
	}
	return opener, "", nil
}

func transient(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return nil
}

// grant takes in a grant if it opens what this receiver could not open. A grant
// is outside the chain, and a second copy does no harm: it is not reported. One
// that contradicts what this receiver opens with is: see seal.Opener.CheckGrant.
func (w *work) grant(a *arrival, d *device) Result {
	if _, retired := d.retired[a.EID()]; retired {
		return w.quietly(a, Replay)
	}
	if _, known := d.chains[a.EID()]; !known {
		return w.hold(a)
	}
	opener, _, err := w.opener(d, a.EID(), &a.dir.Key)
	if err != nil {
		w.err = err
		return Result{}
	}
	if opener != nil && errors.Is(opener.CheckGrant(a.Verified), seal.ErrCommitment) {
		return w.refuse(a, Fork, otherSecret)
	}
	before, err := w.stored(d, a.EID(), &a.dir.Key, bucketGrants, d.changes.grants)
	if err != nil {
		w.err = err
		return Result{}
	}
	switch held := before.Kind() == seal.KindGrant; {
	case held && !earlier(&a.Verified, &before):
		return w.quietly(a, Duplicate)
	case opener != nil && !held: // the anchor opens all
		return w.quietly(a, Valid)
	}
	return w.tryGrant(a, d, &before)
}

const otherSecret = "the grant is of another content secret than the chain: its recipient would be shown other readings"

// tryGrant keeps a grant that is for this receiver. One that opens more than the
// grant before must agree with it from there on.
func (w *work) tryGrant(a *arrival, d *device, before *seal.Verified) Result {
	opener, err := w.grantedOpener(a, d)
	switch {
	case err != nil:
		w.err = err
		return Result{}
	case opener == nil:
		return w.quietly(a, Valid)
	}
	defer opener.Erase()
	if before.Kind() == seal.KindGrant && errors.Is(opener.CheckGrant(*before), seal.ErrCommitment) {
		return w.refuse(a, Fork, otherSecret)
	}
	d = w.touch(a.kid)
	if d.changes.grants == nil {
		d.changes.grants = map[seal.EID][]byte{}
	}
	d.changes.grants[a.EID()] = bytes.Clone(a.Payload)
	w.r.openers.forget(a.kid, a.EID())
	rec := a.record(w, Valid)
	rec.Event = "grant"
	w.record(rec, true)
	w.ack(a.Message)
	return a.result(Valid, "")
}

func (w *work) quietly(a *arrival, verdict Verdict) Result {
	w.count(a.kid, true, verdict)
	w.ack(a.Message)
	return a.result(verdict, "")
}

// grantedOpener returns the opener that a grant gives, nil if it is for somebody
// else. The caller erases it.
func (w *work) grantedOpener(a *arrival, d *device) (*seal.Opener, error) {
	if w.r.conf.Secrets == nil {
		return nil, nil
	}
	anchor, err := w.stored(d, a.EID(), &a.dir.Key, bucketAnchors, d.changes.anchors)
	if err != nil || anchor.Kind() != seal.KindAnchor {
		return nil, err
	}
	opener, _, err := w.grantOpener(anchor, a.Verified)
	return opener, err
}

// earlier reports whether grant a opens from an earlier epoch than b.
func earlier(a, b *seal.Verified) bool {
	ga, errA := a.Grant()
	gb, errB := b.Grant()
	return errA == nil && errB == nil && ga.Epoch < gb.Epoch
}
