package seal

import (
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Opener opens the batches of one chain. It is used by one goroutine.
//
// Messages come in any order, so an Opener keeps the ratchet where it began and
// two that move: one follows live data and one a backlog.
type Opener struct {
	kid        keys.KeyID
	eid        EID
	head       Head // of the anchor
	suite      keys.Algorithm
	epochShift uint8

	base    *keys.Ratchet // at the earliest epoch that opens
	live    *keys.Ratchet
	backlog *keys.Ratchet // nil until needed
	aad     []byte
}

// NewOpener returns the Opener of the chain that anchor begins, with the content
// secret CS_0 that the caller unwrapped or derived. A secret that is not the one
// the anchor commits to is ErrCommitment.
func NewOpener(anchor Verified, secret *[keys.SecretSize]byte) (*Opener, error) {
	a, err := anchor.Anchor()
	if err != nil {
		return nil, err
	}
	return newOpener(anchor, &a, 0, secret, &a.Commitment)
}

// NewGrantOpener returns the Opener for the part of a chain that grant opens,
// with the content secret CS_j that the caller unwrapped. Grant and anchor must
// be of one device and one chain (ErrWrongAnchor).
func NewGrantOpener(anchor, grant Verified, secret *[keys.SecretSize]byte) (*Opener, error) {
	a, err := anchor.Anchor()
	if err != nil {
		return nil, err
	}
	g, err := grant.Grant()
	if err != nil {
		return nil, err
	}
	if g.EID != anchor.EID() || grant.KeyID() != anchor.KeyID() {
		return nil, ErrWrongAnchor
	}
	return newOpener(anchor, &a, g.Epoch, secret, &g.Commitment)
}

func newOpener(anchor Verified, a *Anchor, epoch uint32, secret, want *[keys.SecretSize]byte) (*Opener, error) {
	base, err := keys.NewRatchet(a.Suite, anchor.KeyID(), &a.Salt, epoch, secret)
	if err != nil {
		return nil, err
	}
	if err := checkCommitment(base, want); err != nil {
		base.Erase()
		return nil, err
	}
	return &Opener{
		kid: anchor.KeyID(), eid: anchor.EID(), head: anchor.Head(), suite: a.Suite,
		epochShift: a.EpochShift, base: base, live: base.Clone(),
	}, nil
}

// CheckGrant reports whether grant commits to the content secret that this
// Opener's own gives at that epoch; ErrCommitment if not. A grantee cannot tell,
// but whoever the anchor names can: a device that grants another secret is about
// to show its recipients different vitals. Grants of another chain are
// ErrWrongAnchor, and of an epoch before this Opener's base ErrCannotOpen.
func (o *Opener) CheckGrant(grant Verified) error {
	g, err := grant.Grant()
	if err != nil {
		return err
	}
	if g.EID != o.eid || grant.KeyID() != o.kid {
		return ErrWrongAnchor
	}
	if g.Epoch < o.base.Epoch() {
		return ErrCannotOpen
	}
	ratchet := o.base.Clone()
	defer ratchet.Erase()
	if err := ratchet.Seek(g.Epoch); err != nil {
		return err
	}
	return checkCommitment(ratchet, &g.Commitment)
}

func checkCommitment(ratchet *keys.Ratchet, want *[keys.SecretSize]byte) error {
	var got [keys.SecretSize]byte
	ratchet.Commitment(&got)
	if !equal(&got, want) {
		return ErrCommitment
	}
	return nil
}

// Open appends the payload of a batch to dst, whose memory must not be the
// message's. A message of another chain is
// ErrWrongAnchor, and so is a first message that does not follow the anchor: EIDs
// are short, and this is where two anchors that share one part. A message that
// does not decrypt, or comes before the epoch of a grant, is ErrCannotOpen.
func (o *Opener) Open(dst []byte, v Verified) ([]byte, error) {
	b := &v.envelope.body
	if b.kind != KindBatch {
		return nil, ErrKind
	}
	if v.KeyID() != o.kid || b.eid != o.eid || b.suite != o.suite ||
		(b.seq == 1 && b.prev != o.head) {
		return nil, ErrWrongAnchor
	}
	ratchet, err := o.at(b.seq >> o.epochShift)
	if err != nil {
		return nil, err
	}
	o.aad = appendAAD(o.aad[:0], b.encHeader, v.envelope.protected, b.eid, b.prev)
	out, err := ratchet.Open(dst, b.seq, b.ciphertext, o.aad)
	if err != nil {
		return nil, ErrCannotOpen
	}
	return out, nil
}

// at returns a ratchet at the given epoch: the live one if it can move there,
// else the one for the backlog, which starts anew from the base when it has
// already passed.
func (o *Opener) at(epoch uint64) (*keys.Ratchet, error) {
	if epoch < uint64(o.base.Epoch()) || epoch >= keys.MaxEpochs {
		return nil, ErrCannotOpen
	}
	j := uint32(epoch)
	if j >= o.live.Epoch() {
		return o.live, o.live.Seek(j)
	}
	if o.backlog == nil || j < o.backlog.Epoch() {
		if o.backlog != nil {
			o.backlog.Erase()
		}
		o.backlog = o.base.Clone()
	}
	return o.backlog, o.backlog.Seek(j)
}

// Erase overwrites the secrets; the Opener opens nothing afterwards.
func (o *Opener) Erase() {
	o.base.Erase()
	o.live.Erase()
	if o.backlog != nil {
		o.backlog.Erase()
	}
}
