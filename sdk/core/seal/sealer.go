package seal

import (
	"crypto/sha256"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// maxProtected is the length in bytes of the longest {1: alg, 4: kid}.
const maxProtected = 16

// Sealer seals as one device. It is used by one goroutine, and its memory grows
// to the size of the largest message and then no more: Seal allocates nothing.
// (Built with TinyGo 0.41 the libraries' SHA-256 and ChaCha20-Poly1305 take some
// 560 bytes a message; Seal's own code takes none there either.)
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

	ratchet    *keys.Ratchet // nil: no chain
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
	s := &Sealer{signer: signer, kid: public.ID()}
	s.self = s
	s.protected = appendProtected(nil, public.Algorithm(), s.kid)
	return s
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
	ratchet, err := keys.NewRatchet(anchor.Suite, s.kid, &anchor.Salt, 0, secret)
	if err != nil {
		return nil, err
	}
	ratchet.Commitment(&anchor.Commitment)
	s.End()
	s.toBeSigned = appendSigStart(s.toBeSigned[:0], s.protected)
	payload := anchor.append(nil) // MaxRecipients of the largest kind stay below MaxMessage
	s.toBeSigned = cbor.AppendBytes(s.toBeSigned, payload)
	dst, err = s.sign(dst, len(payload))
	if err != nil {
		ratchet.Erase()
		return nil, err
	}
	digest := sha256.Sum256(s.toBeSigned)
	s.check = Checkpoint{EID: EID(digest[:eidSize]), Head: Head(digest[:headSize])}
	s.ratchet, s.epochShift, s.granting = ratchet, anchor.EpochShift, 0
	s.boot, s.salt = anchor.Boot, anchor.Salt
	s.encHeader = appendEncHeader(s.encHeader[:0], anchor.Suite)
	return dst, nil
}

// End erases the content keys. Seal returns ErrNoAnchor until the next Begin.
func (s *Sealer) End() {
	if s.ratchet != nil && s.self == s {
		s.ratchet.Erase()
		s.ratchet = nil
	}
}

// Seal appends to dst the message that seals payload (1 to MaxPayload bytes).
//
// ErrPayload leaves the chain as it was. ErrExhausted says that the chain is at
// its end. When the signer fails, the sequence number and its nonce are used up
// and the chain has ended: begin a new one.
func (s *Sealer) Seal(dst, payload []byte) ([]byte, error) {
	if s.ratchet == nil || s.self != s {
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
	ratchet := s.ratchet
	s.ratchet = nil
	size := s.appendBatch(ratchet, seq, payload)
	dst, err := s.sign(dst, size)
	if err != nil {
		ratchet.Erase()
		return nil, err
	}
	s.ratchet = ratchet
	digest := sha256.Sum256(s.toBeSigned)
	s.check.Seq = seq
	s.check.Head = Head(digest[:headSize])
	return dst, nil
}

// appendBatch writes the Sig_structure of a batch and returns the size of its
// payload. Every length is known before the first byte, so nothing moves.
func (s *Sealer) appendBatch(ratchet *keys.Ratchet, seq uint64, payload []byte) int {
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
	s.toBeSigned = ratchet.Seal(b, seq, payload, s.aad)
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
	dst = cbor.AppendArray(cbor.AppendTag(dst, tagSign1), 4)
	dst = append(dst, s.protected...)
	dst = cbor.AppendMap(dst, 0)
	dst = cbor.AppendBytes(dst, s.toBeSigned[len(s.toBeSigned)-size:])
	return cbor.AppendBytes(dst, s.signature), nil
}

// GrantSecret returns what a grant from the current epoch on needs: the epoch
// and its content secret, to be wrapped to the new recipient. The epoch must be
// 1 or later (ErrAnchor): to grant a whole chain, name the recipient in its
// anchor.
func (s *Sealer) GrantSecret() (epoch uint32, secret [keys.SecretSize]byte, err error) {
	if s.ratchet == nil || s.self != s {
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
	if s.ratchet == nil || s.self != s {
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
	var buf [maxProtected]byte
	h := cbor.AppendMap(buf[:0], 2)
	h = cbor.AppendInt(cbor.AppendUint(h, headerAlg), int64(alg))
	h = cbor.AppendBytes(cbor.AppendUint(h, headerKid), kid[:])
	return cbor.AppendBytes(dst, h)
}

// appendEncHeader appends the protected header {1: suite} as a byte string.
func appendEncHeader(dst []byte, suite keys.Algorithm) []byte {
	var buf [8]byte
	h := cbor.AppendMap(buf[:0], 1)
	h = cbor.AppendInt(cbor.AppendUint(h, headerAlg), int64(suite))
	return cbor.AppendBytes(dst, h)
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
