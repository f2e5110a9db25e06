package keys

import (
	"errors"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
)

// Sizes of the AEADs used here, the same for both.
const (
	NonceSize = 12
	TagSize   = 16
	SaltSize  = 16
)

// MaxEpochs is how many times a ratchet may move: what bounds the work that one
// authentic but hostile message can cause. An anchor ends before it.
const MaxEpochs = 1 << 16

// Errors of a Ratchet.
var (
	ErrSuite  = errors.New("keys: content encryption algorithm is not ChaCha20-Poly1305 or A256GCM")
	ErrErased = errors.New("keys: content keys of an earlier epoch have been erased")
	ErrEpoch  = errors.New("keys: epoch is out of range")
	ErrOpen   = errors.New("keys: message does not open under this key")
)

// Ratchet is the chain of content secrets CS_j under one anchor and the AEAD of
// the current epoch j:
//
//	K_j | IV_j | CS_(j+1) = HKDF-Expand(CS_j, [kid, salt, alg, label, length])
//
// with the labels "Key", "IV" and "Next". It holds CS_j for the current j only;
// moving on overwrites it. A Ratchet is used by one goroutine.
type Ratchet struct {
	suite Algorithm
	kid   KeyID
	salt  [SaltSize]byte
	epoch uint32
	keys  hidden[contentKeys]
}

// contentKeys are those of one epoch.
type contentKeys struct {
	secret [SecretSize]byte
	iv     [NonceSize]byte
	aead   aead

	// Fields because what is passed to an interface's method, and with TinyGo what
	// is appended to, escapes to the heap.
	nonce [NonceSize]byte
	info  [maxInfo]byte
}

// NewRatchet returns the ratchet at the given epoch, whose content secret is
// copied.
func NewRatchet(suite Algorithm, kid KeyID, salt *[SaltSize]byte, epoch uint32, secret *[SecretSize]byte) (*Ratchet, error) {
	r := new(Ratchet)
	if err := r.Reset(suite, kid, salt, epoch, secret); err != nil {
		return nil, err
	}
	return r, nil
}

// Reset makes r what NewRatchet returns, in the memory of r, whose secrets it
// overwrites. After ErrSuite or ErrEpoch, r is as it was. The zero value may be
// reset.
func (r *Ratchet) Reset(suite Algorithm, kid KeyID, salt *[SaltSize]byte, epoch uint32, secret *[SecretSize]byte) error {
	if !supported(suite) {
		return ErrSuite
	}
	if epoch >= MaxEpochs {
		return ErrEpoch
	}
	if r.keys == nil {
		r.keys = hide(contentKeys{})
	}
	r.suite, r.kid, r.salt, r.epoch = suite, kid, *salt, epoch
	r.keys().secret = *secret
	return r.rekey()
}

// Clone returns a ratchet of its own at the same epoch.
func (r *Ratchet) Clone() *Ratchet {
	c := *r
	c.keys = hide(*r.keys())
	return &c
}

// Epoch returns j.
func (r *Ratchet) Epoch() uint32 { return r.epoch }

// Commitment sets out to the commitment to the current content secret:
// HKDF-Expand(CS_j, [kid, salt, alg, "Commit", 32]). Neither AEAD here commits
// to its key, so without it one ciphertext could read differently to two
// receivers.
func (r *Ratchet) Commitment(out *[SecretSize]byte) { r.derive(out, "Commit", SecretSize) }

// Secret returns CS_j, to be wrapped in a grant. It is the only door to it.
func (r *Ratchet) Secret() [SecretSize]byte { return r.keys().secret }

// Seek moves to epoch and erases all before it. An earlier epoch is ErrErased.
func (r *Ratchet) Seek(epoch uint32) error {
	switch {
	case epoch >= MaxEpochs:
		return ErrEpoch
	case epoch == r.epoch:
		return nil
	case epoch < r.epoch:
		return ErrErased
	}
	for r.epoch < epoch {
		var next [SecretSize]byte
		r.derive(&next, "Next", SecretSize)
		r.keys().secret = next
		r.epoch++
	}
	return r.rekey()
}

// Erase overwrites the secrets. On a host the AEAD's own copy of the key is left
// to the garbage collector: neither library offers to wipe it.
func (r *Ratchet) Erase() {
	if r.keys != nil {
		*r.keys() = contentKeys{}
	}
	r.epoch = MaxEpochs
}

// Seal appends the ciphertext of plaintext and its tag, under the nonce
// IV_j XOR seq. The caller uses each seq once, in the epoch it belongs to, and
// does not call Seal after Erase.
func (r *Ratchet) Seal(dst []byte, seq uint64, plaintext, aad []byte) []byte {
	if r.epoch >= MaxEpochs {
		panic("keys: Seal after Erase") // a caller's error, or else a key of zeros
	}
	k := r.keys()
	return k.aead.seal(dst, k.nonceFor(seq), plaintext, aad)
}

// Open appends the plaintext, or returns ErrOpen.
func (r *Ratchet) Open(dst []byte, seq uint64, ciphertext, aad []byte) ([]byte, error) {
	if r.epoch >= MaxEpochs {
		return nil, ErrErased
	}
	k := r.keys()
	out, ok := k.aead.open(dst, k.nonceFor(seq), ciphertext, aad)
	if !ok {
		return nil, ErrOpen
	}
	return out, nil
}

func (k *contentKeys) nonceFor(seq uint64) *[NonceSize]byte {
	k.nonce = k.iv
	for i := range 8 {
		k.nonce[NonceSize-1-i] ^= byte(seq >> (8 * i))
	}
	return &k.nonce
}

func (r *Ratchet) rekey() error {
	var key, iv [SecretSize]byte
	r.derive(&key, "Key", SecretSize)
	r.derive(&iv, "IV", NonceSize)
	k := r.keys()
	copy(k.iv[:], iv[:])
	err := k.aead.setKey(r.suite, &key)
	clear(key[:])
	return err
}

func (r *Ratchet) derive(out *[SecretSize]byte, label string, length int) {
	k := r.keys()
	info := cbor.AppendArray(k.info[:0], 5)
	info = cbor.AppendBytes(info, r.kid[:])
	info = cbor.AppendBytes(info, r.salt[:])
	info = cbor.AppendInt(info, int64(r.suite))
	info = cbor.AppendText(info, label)
	info = cbor.AppendUint(info, uint64(length))
	expand(out, &k.secret, info)
}
