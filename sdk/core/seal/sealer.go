package seal

import (
	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Bounds, in bytes, of what Grow makes room for: all that is signed of a batch but
// its payload, the longest AAD, and all that is signed of an anchor without
// recipients.
const (
	maxOverhead = 128
	maxAAD      = 96
	maxAnchor   = 320
)

// Sealer seals as one device. It is used by one goroutine, and its memory grows
// to the size of the largest message and then no more: Begin and Seal allocate
// nothing, on a microcontroller too. Grow has it grow at once.
//
// There is no way to resume a chain. A Sealer that starts anew begins a new one
// with a fresh salt, so that a nonce cannot repeat even where storage was rolled
// back. A copy of a Sealer would be the same chain once more, nonces included: it
// seals nothing, with ErrNoAnchor.
type Sealer struct {
	self      *Sealer // as NewSealer made it, to tell a copy
	signer    keys.Signer
	kid       keys.KeyID
	protected []byte // the protected header as a byte string, head included

	begun      bool          // there is a chain
	ratchet    *keys.Ratchet // erased where there is none
	epochShift uint8
	encHeader  []byte // <<{1: suite}>>, head included
	boot       uint64 // of the newest anchor
	salt       [keys.SaltSize]byte
	granting   uint32     // the epoch of the last GrantSecret
	check      Checkpoint // of the newest message

	toBeSigned []byte
	aad        []byte
	signature  []byte
}

// NewSealer returns a Sealer for the device whose key signer holds.
func NewSealer(signer keys.Signer) *Sealer {
	public := signer.Public()
	s := &Sealer{signer: signer, kid: public.ID(), ratchet: new(keys.Ratchet)}
	s.self = s
	s.protected = appendProtected(nil, public.Algorithm(), s.kid)
	return s
}

// Grow makes room for payloads of up to n bytes and for anchors of a pre-shared
// key, so that no later Begin or Seal takes memory for them, for a dst with
// capacity enough. A microcontroller calls it once.
func (s *Sealer) Grow(n int) {
	s.toBeSigned = grow(s.toBeSigned, max(n+maxOverhead, maxAnchor))
	s.aad = grow(s.aad, max(maxAAD, maxAnchor))
	s.signature = grow(s.signature, keys.SignatureSize)
	s.encHeader = grow(s.encHeader, 8)
}

func grow(b []byte, n int) []byte {
	if cap(b) >= n {
		return b
	}
	return append(make([]byte, 0, n), b...)
}

// KeyID returns the id of the device.
func (s *Sealer) KeyID() keys.KeyID { return s.kid }

// Checkpoint returns the state of the chain: its name, the sequence number of
// its newest message (0: the anchor) and its head.
func (s *Sealer) Checkpoint() Checkpoint { return s.check }

// Begin begins a chain: it completes anchor (suite, epoch shift, commitment),
// appends its message to dst, and erases the content keys of the chain before.
// The secret is CS_0, 32 bytes from a cryptographic random generator which the
// anchor's recipients hold wrapped, or which the pre-shared key gives; it is
// copied, and the caller erases its own.
//
// An anchor out of range, or one that repeats the salt of the anchor before or
// does not count its boot up, is ErrAnchor, and the Sealer goes on as before. If
// the signer fails, there is no chain afterwards.
func (s *Sealer) Begin(dst []byte, anchor *Anchor, secret *[keys.SecretSize]byte) ([]byte, error) {
	if s.self != s {
		return nil, ErrNoAnchor
	}
	if anchor.Suite == 0 {
		anchor.Suite = keys.AlgChaCha20Poly1305
	}
	if anchor.EpochShift == 0 {
		anchor.EpochShift = DefaultEpochShift
	}
	if !anchor.valid() || anchor.Boot <= s.boot || anchor.Salt == s.salt {
		return nil, ErrAnchor
	}
	if err := s.ratchet.Reset(anchor.Suite, s.kid, &anchor.Salt, 0, secret); err != nil {
		return nil, err
	}
	s.begun = false // the chain before has lost its keys
	s.ratchet.Commitment(&anchor.Commitment)
	s.toBeSigned = appendSigStart(s.toBeSigned[:0], s.protected)
	payload := anchor.append(s.aad[:0]) // MaxRecipients of the largest kind stay below MaxMessage
	s.aad = payload
	s.toBeSigned = cbor.AppendBytes(s.toBeSigned, payload)
	dst, err := s.sign(dst, len(payload))
	if err != nil {
		s.ratchet.Erase()
		return nil, err
	}
	digest := sum256(s.toBeSigned)
	s.check = Checkpoint{EID: EID(digest[:eidSize]), Head: Head(digest[:headSize])}
	s.begun, s.epochShift, s.granting = true, anchor.EpochShift, 0
	s.boot, s.salt = anchor.Boot, anchor.Salt
	s.encHeader = appendEncHeader(s.encHeader[:0], anchor.Suite)
	return dst, nil
}

// End erases the content keys. Seal returns ErrNoAnchor until the next Begin.
func (s *Sealer) End() {
	if s.self == s {
		s.ratchet.Erase()
		s.begun = false
	}
}

// Seal appends to dst the message that seals payload (1 to MaxPayload bytes).
//
// ErrPayload leaves the chain as it was. ErrExhausted says that the chain is at
// its end. When the signer fails, the sequence number and its nonce are used up
// and the chain has ended: begin a new one.
func (s *Sealer) Seal(dst, payload []byte) ([]byte, error) {
	if !s.begun || s.self != s {
		return nil, ErrNoAnchor
	}
	if len(payload) == 0 || len(payload) > MaxPayload {
		return nil, ErrPayload
	}
	seq := s.check.Seq + 1
	epoch := seq >> s.epochShift
	if seq > MaxSeq || epoch >= keys.MaxEpochs {
		return nil, ErrExhausted
	}
	if err := s.ratchet.Seek(uint32(epoch)); err != nil {
		return nil, err
	}
	// From here to the end there is no chain: a signer that panics, and a caller
	// that recovers, must not find this nonce unused.
	s.begun = false
	size := s.appendBatch(seq, payload)
	dst, err := s.sign(dst, size)
	if err != nil {
		s.ratchet.Erase()
		return nil, err
	}
	s.begun = true
	digest := sum256(s.toBeSigned)
	s.check.Seq = seq
	s.check.Head = Head(digest[:headSize])
	return dst, nil
}

// appendBatch writes the Sig_structure of a batch and returns the size of its
// payload. Every length is known before the first byte, so nothing moves.
func (s *Sealer) appendBatch(seq uint64, payload []byte) int {
	ivSize := partialIVSize(seq)
	cipherSize := len(payload) + keys.TagSize
	size := 1 + (1 + eidSize) + (1 + headSize) +
		1 + len(s.encHeader) + (3 + ivSize) + cbor.HeadLen(uint64(cipherSize)) + cipherSize

	b := appendSigStart(s.toBeSigned[:0], s.protected)
	b = cbor.AppendBytesHead(b, size)
	b = cbor.AppendArray(b, 3)
	b = cbor.AppendBytes(b, s.check.EID[:])
	b = cbor.AppendBytes(b, s.check.Head[:])
	b = cbor.AppendArray(b, 3)
	b = append(b, s.encHeader...)
	b = cbor.AppendUint(cbor.AppendMap(b, 1), headerPartialIV)
	b = cbor.AppendBytesHead(b, ivSize)
	for i := ivSize - 1; i >= 0; i-- {
		b = append(b, byte(seq>>(8*i)))
	}
	b = cbor.AppendBytesHead(b, cipherSize)
	s.aad = appendAAD(s.aad[:0], s.encHeader, s.protected, s.check.EID, s.check.Head)
	s.toBeSigned = s.ratchet.Seal(b, seq, payload, s.aad)
	return size
}

// sign signs s.toBeSigned, whose last size bytes are the message's payload, and
// appends the message.
func (s *Sealer) sign(dst []byte, size int) ([]byte, error) {
	var err error
	s.signature, err = s.signer.Sign(s.signature[:0], s.toBeSigned)
	if err != nil {
		return nil, err
	}
	if len(s.signature) != keys.SignatureSize {
		return nil, ErrBadSignature
	}
	return appendSign1(dst, s.protected, s.toBeSigned[len(s.toBeSigned)-size:], s.signature), nil
}

// appendSign1 appends a COSE_Sign1 (RFC 9052, section 4.2); protected is encoded
// as a byte string.
func appendSign1(dst, protected, payload, signature []byte) []byte {
	dst = cbor.AppendArray(cbor.AppendTag(dst, tagSign1), 4)
	dst = append(dst, protected...)
	dst = cbor.AppendMap(dst, 0)
	dst = cbor.AppendBytes(dst, payload)
	return cbor.AppendBytes(dst, signature)
}

// GrantSecret returns what a grant from the current epoch on needs: the epoch
// and its content secret, to be wrapped to the new recipient. The epoch must be
// 1 or later (ErrAnchor): to grant a whole chain, name the recipient in its
// anchor.
func (s *Sealer) GrantSecret() (epoch uint32, secret [keys.SecretSize]byte, err error) {
	if !s.begun || s.self != s {
		return 0, secret, ErrNoAnchor
	}
	if s.ratchet.Epoch() == 0 {
		return 0, secret, ErrAnchor
	}
	s.granting = s.ratchet.Epoch()
	return s.granting, s.ratchet.Secret(), nil
}

// Grant appends the message that grants the current epoch and all later ones to
// recipient, who holds what GrantSecret returned. It is not part of the chain.
// When the epoch has moved since GrantSecret, so that the recipient was given
// the secret of an earlier one, or the recipient is out of range, it is
// ErrAnchor: call GrantSecret again.
func (s *Sealer) Grant(dst []byte, recipient Recipient) ([]byte, error) {
	if !s.begun || s.self != s {
		return nil, ErrNoAnchor
	}
	if s.granting == 0 || s.granting != s.ratchet.Epoch() || !recipient.valid() {
		return nil, ErrAnchor
	}
	g := Grant{EID: s.check.EID, Epoch: s.ratchet.Epoch(), Recipient: recipient}
	s.ratchet.Commitment(&g.Commitment)
	payload := g.append(nil)
	s.toBeSigned = appendSigStart(s.toBeSigned[:0], s.protected)
	s.toBeSigned = cbor.AppendBytes(s.toBeSigned, payload)
	return s.sign(dst, len(payload))
}

// appendProtected appends the protected header {1: alg, 4: kid} as a byte string.
func appendProtected(dst []byte, alg keys.Algorithm, kid keys.KeyID) []byte {
	dst = cbor.AppendBytesHead(dst, 1+1+algorithmLen(alg)+1+1+len(kid))
	dst = cbor.AppendMap(dst, 2)
	dst = cbor.AppendInt(cbor.AppendUint(dst, headerAlg), int64(alg))
	return cbor.AppendBytes(cbor.AppendUint(dst, headerKid), kid[:])
}

// appendEncHeader appends the protected header {1: suite} as a byte string.
func appendEncHeader(dst []byte, suite keys.Algorithm) []byte {
	dst = cbor.AppendBytesHead(dst, 1+1+algorithmLen(suite))
	dst = cbor.AppendMap(dst, 1)
	return cbor.AppendInt(cbor.AppendUint(dst, headerAlg), int64(suite))
}

// algorithmLen returns the length in bytes of the encoding of alg.
func algorithmLen(alg keys.Algorithm) int {
	if alg < 0 {
		alg = ^alg
	}
	return cbor.HeadLen(uint64(alg))
}

// appendSigStart appends a Sig_structure (RFC 9052, section 4.4) up to its last
// item, the payload: ["Signature1", protected, 'VSE1', payload].
func appendSigStart(dst, protected []byte) []byte {
	return appendSigStructure(dst, protected, contextVSE)
}

func appendSigStructure(dst, protected []byte, external string) []byte {
	dst = cbor.AppendArray(dst, 4)
	dst = cbor.AppendText(dst, contextSign)
	dst = append(dst, protected...)
	dst = cbor.AppendBytesHead(dst, len(external))
	return append(dst, external...)
}

// appendAAD appends the Enc_structure (RFC 9052, section 5.3) of a batch:
// ["Encrypt0", <<{1: suite}>>, <<["VSE1", <<prot>>, eid, prev]>>].
func appendAAD(dst, encHeader, protected []byte, eid EID, prev Head) []byte {
	dst = appendEncStart(dst, encHeader)
	dst = cbor.AppendBytesHead(dst, 1+1+len(contextVSE)+len(protected)+1+eidSize+1+headSize)
	dst = cbor.AppendArray(dst, 4)
	dst = cbor.AppendText(dst, contextVSE)
	dst = append(dst, protected...)
	dst = cbor.AppendBytes(dst, eid[:])
	return cbor.AppendBytes(dst, prev[:])
}

// appendEncStart appends an Enc_structure up to its last item, external_aad.
func appendEncStart(dst, encHeader []byte) []byte {
	dst = cbor.AppendArray(dst, 3)
	dst = cbor.AppendText(dst, contextEncrypt)
	return append(dst, encHeader...)
}

// partialIVSize returns the number of bytes of the shortest big-endian encoding
// of seq, which is 1 or more.
func partialIVSize(seq uint64) int {
	n := 1
	for seq >>= 8; seq != 0; seq >>= 8 {
		n++
	}
	return n
}
