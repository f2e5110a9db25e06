package seal

import (
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Anchor is what an anchor message says.
type Anchor struct {
	Site string              // name of the site the device is enrolled at, 1 to MaxSite bytes
	Boot uint64              // counts the anchors of this device; never repeats, never falls
	Salt [keys.SaltSize]byte // from a random generator, anew for every anchor; not all zero

	// Commitment binds the content keys. Begin computes it.
	Commitment [keys.SecretSize]byte

	EpochShift uint8          // L; 0 is DefaultEpochShift when sealing
	Suite      keys.Algorithm // content encryption; 0 is AlgChaCha20Poly1305 when sealing
	Heartbeat  uint32         // ms: the device says something at least this often; 0: no promise

	Clock    Clock      // wall clock at the anchor, if there is one
	Beacon   Beacon     // the newest beacon heard; all zero: none
	Previous Checkpoint // of the chain before; zero EID: none

	// The key source: recipients of the wrapped content secret, or, if there are
	// none, the generation of the pre-shared key.
	Recipients []Recipient
	Generation uint32

	Flags Flags
}

// Flags of an anchor.
type Flags uint32

// Flags.
const (
	FlagTest         Flags = 1 << 0 // not a patient: simulator or test bench
	FlagWeakEntropy  Flags = 1 << 1 // the salt comes from a stand-in for a random generator
	FlagSealedAtEdge Flags = 1 << 2 // sealed by a gateway on behalf of a legacy sensor

	knownFlags = FlagTest | FlagWeakEntropy | FlagSealedAtEdge
)

// Clock ties the anchor to wall time. The zero value means that the device has
// no clock.
type Clock struct {
	UnixMilli int64  // ms since 1970-01-01 UTC, 1 to 2^53
	Error     uint32 // ms: the true time is within ± this; NoBound: nobody knows
}

// NoBound is the Error of a clock that nothing keeps in step.
const NoBound = 1<<32 - 1

// IsZero reports whether there is no clock.
func (c Clock) IsZero() bool { return c.UnixMilli == 0 }

// Checkpoint is a state of a chain.
type Checkpoint struct {
	EID  EID
	Seq  uint64 // of the newest message, 0 for the anchor itself
	Head Head
}

// Recipient is the content secret wrapped to one recipient: a COSE_recipient in
// the key encryption mode of draft-ietf-cose-hpke. Slices alias the message they
// were parsed from.
type Recipient struct {
	Algorithm    keys.Algorithm
	KeyID        keys.KeyID // of the recipient's key
	Encapsulated []byte     // enc of HPKE: 32 bytes for X25519, 1,120 for X-Wing
	Wrapped      []byte     // 48 bytes
}

// valid holds what is sealed and what is parsed to the same ranges, so that a
// Sealer never signs what a receiver refuses.
func (a *Anchor) valid() bool {
	for i := range a.Recipients {
		if !a.Recipients[i].valid() {
			return false
		}
	}
	return a.Site != "" && len(a.Site) <= MaxSite && utf8.ValidString(a.Site) &&
		a.Boot > 0 && a.Salt != [keys.SaltSize]byte{} &&
		a.EpochShift <= MaxEpochShift &&
		a.Clock.UnixMilli >= 0 && a.Clock.UnixMilli <= maxUnixMilli &&
		a.Previous.Seq <= MaxSeq && len(a.Recipients) <= MaxRecipients &&
		a.Generation <= keys.MaxGeneration && a.Flags&^knownFlags == 0 &&
		(len(a.Recipients) == 0 || a.Generation == 0) &&
		(a.Suite == keys.AlgChaCha20Poly1305 || a.Suite == keys.AlgA256GCM)
}

// append appends the payload of the anchor message.
func (a *Anchor) append(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 14)
	dst = cbor.AppendUint(dst, kindAnchor)
	dst = cbor.AppendUint(dst, version)
	dst = cbor.AppendText(dst, a.Site)
	dst = cbor.AppendUint(dst, a.Boot)
	dst = cbor.AppendBytes(dst, a.Salt[:])
	dst = cbor.AppendBytes(dst, a.Commitment[:])
	dst = cbor.AppendUint(dst, uint64(a.EpochShift))
	dst = cbor.AppendInt(dst, int64(a.Suite))
	dst = cbor.AppendUint(dst, uint64(a.Heartbeat))
	if a.Clock.IsZero() {
		dst = cbor.AppendNull(dst)
	} else {
		dst = cbor.AppendArray(dst, 2)
		dst = cbor.AppendInt(dst, a.Clock.UnixMilli)
		dst = cbor.AppendUint(dst, uint64(a.Clock.Error))
	}
	if a.Beacon == (Beacon{}) {
		dst = cbor.AppendNull(dst)
	} else {
		dst = cbor.AppendBytes(dst, a.Beacon[:])
	}
	if a.Previous.EID == (EID{}) {
		dst = cbor.AppendNull(dst)
	} else {
		dst = cbor.AppendArray(dst, 3)
		dst = cbor.AppendBytes(dst, a.Previous.EID[:])
		dst = cbor.AppendUint(dst, a.Previous.Seq)
		dst = cbor.AppendBytes(dst, a.Previous.Head[:])
	}
	if len(a.Recipients) == 0 {
		dst = cbor.AppendUint(dst, uint64(a.Generation))
	} else {
		dst = cbor.AppendArray(dst, len(a.Recipients))
		for i := range a.Recipients {
			dst = a.Recipients[i].append(dst)
		}
	}
	return cbor.AppendUint(dst, uint64(a.Flags))
}

// parseAnchor reads an anchor's payload. Recipients' slices alias it.
func parseAnchor(payload []byte) (Anchor, error) {
	var a Anchor
	r := cbor.NewReader(payload)
	r.ArrayLen(14)
	r.UintMax(kindAnchor)
	if r.Uint() != version {
		r.Fail(ErrMalformed)
	}
	a.Site = string(r.Text(MaxSite))
	a.Boot = r.Uint()
	copy(a.Salt[:], r.BytesLen(keys.SaltSize))
	copy(a.Commitment[:], r.BytesLen(keys.SecretSize))
	a.EpochShift = uint8(r.UintMax(MaxEpochShift))
	a.Suite = keys.Algorithm(r.UintMax(1<<31 - 1))
	a.Heartbeat = uint32(r.UintMax(1<<32 - 1))
	if !r.Null() {
		r.ArrayLen(2)
		a.Clock.UnixMilli = r.IntRange(1, maxUnixMilli)
		a.Clock.Error = uint32(r.UintMax(1<<32 - 1))
	}
	if !r.Null() {
		a.Beacon = Beacon(fixed(&r, beaconSize))
	}
	if !r.Null() {
		r.ArrayLen(3)
		a.Previous.EID = EID(fixed(&r, eidSize))
		a.Previous.Seq = r.UintMax(MaxSeq)
		copy(a.Previous.Head[:], r.BytesLen(headSize))
	}
	parseKeySource(&r, &a)
	a.Flags = Flags(r.UintMax(uint64(knownFlags)))
	if r.Done() != nil || !a.valid() {
		return Anchor{}, ErrMalformed
	}
	return a, nil
}

// fixed reads n bytes that are not all zero, since zero stands for "none" and
// is written as null.
func fixed(r *cbor.Reader, n int) []byte {
	b := r.BytesLen(n)
	var or byte
	for _, x := range b {
		or |= x
	}
	if or == 0 {
		r.Fail(ErrMalformed)
		return make([]byte, n)
	}
	return b
}

func parseKeySource(r *cbor.Reader, a *Anchor) {
	if !r.NextIsArray() {
		a.Generation = uint32(r.UintMax(keys.MaxGeneration))
		return
	}
	n := r.Array()
	if n < 1 || n > MaxRecipients {
		r.Fail(ErrMalformed)
		return
	}
	a.Recipients = make([]Recipient, n)
	for i := range a.Recipients {
		a.Recipients[i].parse(r)
	}
}

func (p *Recipient) valid() bool {
	return len(p.Encapsulated) >= 1 && len(p.Encapsulated) <= maxEncapsulated &&
		len(p.Wrapped) == wrappedSize
}

// append appends the COSE_recipient: [<<{1: alg, 4: kid}>>, {-4: ek}, ct].
func (p *Recipient) append(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 3)
	dst = p.appendProtected(dst)
	dst = cbor.AppendMap(dst, 1)
	dst = cbor.AppendInt(dst, headerEK)
	dst = cbor.AppendBytes(dst, p.Encapsulated)
	return cbor.AppendBytes(dst, p.Wrapped)
}

// appendProtected appends the protected header as a byte string.
func (p *Recipient) appendProtected(dst []byte) []byte {
	return appendProtected(dst, p.Algorithm, p.KeyID)
}

func (p *Recipient) parse(r *cbor.Reader) {
	r.ArrayLen(3)
	h := cbor.NewReader(r.Bytes())
	h.MapLen(2)
	if h.Uint() != headerAlg {
		h.Fail(ErrMalformed)
	}
	p.Algorithm = keys.Algorithm(h.IntRange(-1<<31, 1<<31-1))
	if h.Uint() != headerKid {
		h.Fail(ErrMalformed)
	}
	copy(p.KeyID[:], h.BytesLen(len(p.KeyID)))
	if err := h.Done(); err != nil {
		r.Fail(err)
	}
	r.MapLen(1)
	if r.Int() != headerEK {
		r.Fail(ErrMalformed)
	}
	p.Encapsulated = r.Bytes()
	p.Wrapped = r.Bytes()
	if !p.valid() {
		r.Fail(ErrMalformed)
	}
}

// AppendInfo appends what HPKE takes as info when the content secret is wrapped
// for this recipient, the Recipient_structure of draft-ietf-cose-hpke:
//
//	["HPKE Recipient", suite, <<{1: alg, 4: kid}>>, extra]
//
// with extra from AnchorContext or GrantContext, so that a wrapped secret opens
// in the message it was made for and nowhere else. The aad is empty.
func (p *Recipient) AppendInfo(dst []byte, suite keys.Algorithm, extra []byte) []byte {
	dst = cbor.AppendArray(dst, 4)
	dst = cbor.AppendText(dst, contextRecipient)
	dst = cbor.AppendInt(dst, int64(suite))
	dst = p.appendProtected(dst)
	return cbor.AppendBytes(dst, extra)
}

// AnchorContext appends the recipient_extra_info of an anchor:
// ["VSE1", device kid, boot, salt].
func AnchorContext(dst []byte, device keys.KeyID, boot uint64, salt *[keys.SaltSize]byte) []byte {
	dst = cbor.AppendArray(dst, 4)
	dst = cbor.AppendText(dst, contextVSE)
	dst = cbor.AppendBytes(dst, device[:])
	dst = cbor.AppendUint(dst, boot)
	return cbor.AppendBytes(dst, salt[:])
}

// GrantContext appends the recipient_extra_info of a grant:
// ["VSE1", device kid, eid, epoch].
func GrantContext(dst []byte, device keys.KeyID, eid EID, epoch uint32) []byte {
	dst = cbor.AppendArray(dst, 4)
	dst = cbor.AppendText(dst, contextVSE)
	dst = cbor.AppendBytes(dst, device[:])
	dst = cbor.AppendBytes(dst, eid[:])
	return cbor.AppendUint(dst, uint64(epoch))
}
