package seal

import (
	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Envelope is a message that is well formed and nothing more. All it tells is
// which key to verify it with.
type Envelope struct {
	alg       keys.Algorithm
	kid       keys.KeyID
	protected []byte // with its head
	payload   []byte
	signature []byte
	body      body
}

// body is what the payload of a message says. It is reached through Verified.
type body struct {
	kind       Kind
	eid        EID // of a batch and a grant
	prev       Head
	seq        uint64
	encHeader  []byte // with its head
	suite      keys.Algorithm
	ciphertext []byte
}

// Parse reads a message, which the Envelope aliases. Errors are ErrTooLarge and
// ErrMalformed; what Parse accepts has exactly one encoding.
func Parse(message []byte) (Envelope, error) {
	e, err := parseSign1(message)
	if err != nil {
		return Envelope{}, err
	}
	if e.body, err = parseBody(e.payload); err != nil {
		return Envelope{}, err
	}
	return e, nil
}

// parseSign1 reads what stands around a payload.
func parseSign1(message []byte) (Envelope, error) {
	if len(message) > MaxMessage {
		return Envelope{}, ErrTooLarge
	}
	var e Envelope
	r := cbor.NewReader(message)
	if r.Tag() != tagSign1 {
		r.Fail(ErrMalformed)
	}
	r.ArrayLen(4)
	start := r.Offset()
	e.parseProtected(r.Bytes())
	e.protected = message[start:r.Offset()]
	r.MapLen(0)
	e.payload = r.Bytes()
	e.signature = r.BytesLen(keys.SignatureSize)
	if r.Done() != nil || (e.alg != keys.AlgEd25519 && e.alg != keys.AlgESP256) {
		return Envelope{}, ErrMalformed
	}
	return e, nil
}

// KeyID returns the id of the key that the message says it is signed with. It
// is not authentic: use it to find the key, then Verify.
func (e *Envelope) KeyID() keys.KeyID { return e.kid }

// parseProtected leaves alg zero when the header is not {1: alg, 4: kid}.
func (e *Envelope) parseProtected(header []byte) {
	r := cbor.NewReader(header)
	r.MapLen(2)
	if r.Uint() != headerAlg {
		r.Fail(ErrMalformed)
	}
	alg := keys.Algorithm(r.IntRange(-1<<31, 1<<31-1))
	if r.Uint() != headerKid {
		r.Fail(ErrMalformed)
	}
	kid := r.BytesLen(len(e.kid))
	if r.Done() == nil {
		e.alg, e.kid = alg, keys.KeyID(kid)
	}
}

func parseBody(payload []byte) (body, error) {
	r := cbor.NewReader(payload)
	n := r.Array()
	if r.NextIsBytes() {
		return parseBatch(payload)
	}
	switch kind := r.Uint(); {
	case r.Err() != nil:
	case kind == kindAnchor && n == 14:
		_, err := parseAnchor(payload)
		return body{kind: KindAnchor}, err
	case kind == kindGrant && n == 5:
		g, err := parseGrant(payload)
		return body{kind: KindGrant, eid: g.EID}, err
	}
	return body{}, ErrMalformed
}

func parseBatch(payload []byte) (body, error) {
	b := body{kind: KindBatch}
	r := cbor.NewReader(payload)
	r.ArrayLen(3)
	copy(b.eid[:], r.BytesLen(eidSize))
	copy(b.prev[:], r.BytesLen(headSize))
	r.ArrayLen(3)
	start := r.Offset()
	header := r.Bytes()
	b.encHeader = payload[start:r.Offset()]
	r.MapLen(1)
	if r.Uint() != headerPartialIV {
		r.Fail(ErrMalformed)
	}
	iv := r.Bytes()
	b.ciphertext = r.Bytes()
	if len(iv) < 1 || len(iv) > 5 || iv[0] == 0 || len(b.ciphertext) <= keys.TagSize {
		r.Fail(ErrMalformed)
	}
	for _, x := range iv {
		b.seq = b.seq<<8 | uint64(x)
	}
	h := cbor.NewReader(header)
	h.MapLen(1)
	if h.Uint() != headerAlg {
		h.Fail(ErrMalformed)
	}
	b.suite = keys.Algorithm(h.UintMax(1<<31 - 1))
	known := b.suite == keys.AlgChaCha20Poly1305 || b.suite == keys.AlgA256GCM
	if r.Done() != nil || h.Done() != nil || !known {
		return body{}, ErrMalformed
	}
	return b, nil
}

// Verifier verifies envelopes. The zero value is ready; it holds the memory
// that verifying needs, so that it allocates nothing once grown. It is used by
// one goroutine.
type Verifier struct{ toBeSigned []byte }

// Verify returns what is authentic in e if key signed it. The key is the one
// that is registered for the device: its id and its algorithm must be those of
// the envelope (ErrWrongKey), and the signature must verify (ErrBadSignature).
func (v *Verifier) Verify(e Envelope, key *keys.PublicKey) (Verified, error) {
	var err error
	if v.toBeSigned, err = e.authenticate(v.toBeSigned[:0], key, contextVSE); err != nil {
		return Verified{}, err
	}
	digest := sum256(v.toBeSigned)
	verified := Verified{envelope: e, head: Head(digest[:headSize])}
	if e.body.kind == KindAnchor {
		verified.envelope.body.eid = EID(digest[:eidSize])
	}
	return verified, nil
}

// authenticate appends what is signed, with this external_aad, to dst and returns
// it if key signed it: ErrWrongKey, ErrBadSignature.
func (e *Envelope) authenticate(dst []byte, key *keys.PublicKey, external string) ([]byte, error) {
	if e.alg == 0 || key.Algorithm() != e.alg || key.ID() != e.kid {
		return dst, ErrWrongKey
	}
	dst = appendSigStructure(dst, e.protected, external)
	dst = cbor.AppendBytes(dst, e.payload)
	if !key.Verify(dst, e.signature) {
		return dst, ErrBadSignature
	}
	return dst, nil
}

// Verified is an authentic message. The zero value is none: its Kind is 0. Like
// the Envelope it aliases the message, which must not change while it is in use.
type Verified struct {
	envelope Envelope
	head     Head
}

// Kind returns the kind of the message.
func (v *Verified) Kind() Kind { return v.envelope.body.kind }

// KeyID returns the id of the device that signed it.
func (v *Verified) KeyID() keys.KeyID { return v.envelope.kid }

// EID returns the chain that the message begins (an anchor) or belongs to.
func (v *Verified) EID() EID { return v.envelope.body.eid }

// Seq returns the sequence number: 1 and up for a batch, 0 for an anchor, and 0
// for a grant, which is outside the chain.
func (v *Verified) Seq() uint64 { return v.envelope.body.seq }

// Prev returns the head of the chain before a batch; all zero for the others.
func (v *Verified) Prev() Head { return v.envelope.body.prev }

// Head returns the head of the chain at this message. Two messages of one chain
// with one sequence number and two heads are a fork.
func (v *Verified) Head() Head { return v.head }

// Anchor returns what an anchor says; ErrKind for another kind. Slices alias the
// message.
func (v *Verified) Anchor() (Anchor, error) {
	if v.Kind() != KindAnchor {
		return Anchor{}, ErrKind
	}
	return parseAnchor(v.envelope.payload)
}

// Grant returns what a grant says; ErrKind for another kind. Slices alias the
// message.
func (v *Verified) Grant() (Grant, error) {
	if v.Kind() != KindGrant {
		return Grant{}, ErrKind
	}
	return parseGrant(v.envelope.payload)
}
