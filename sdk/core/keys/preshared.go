package keys

import (
	"errors"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
)

// MaxGeneration bounds the generations of a pre-shared key, and with them the
// work of a receiver that catches up with one. A device that starts a hundred
// times a day lasts 28 years.
const MaxGeneration = 1 << 20

// ErrGeneration reports a generation that has been erased or lies out of range.
var ErrGeneration = errors.New("keys: generation of the pre-shared key is erased or out of range")

// PreSharedKey is the source of content secrets of a device without public-key
// encryption.
type PreSharedKey interface {
	// Generation returns g, the generation in use.
	Generation() uint32
	// ContentSecret sets cs to CS_0 of the anchor with this salt and boot counter.
	ContentSecret(cs *[SecretSize]byte, kid KeyID, boot uint64, salt *[SaltSize]byte) error
}

// SoftwarePSK is a pre-shared key held in memory: K_dev[g].
//
//	CS_0       = HKDF(K_dev[g], boot salt, ["VSE1", kid, boot, g])
//	K_dev[g+1] = HKDF(K_dev[g], "", ["VSE1", kid, "next", g+1])
//
// At every start the device stores the next generation, derives its content
// secret from this one, and erases this one before it seals for the first time:
// neither its disk nor its memory then gives the secret again.
type SoftwarePSK struct {
	kid        KeyID
	generation uint32
	key        hidden[[SecretSize]byte]
	scratch    [maxInfo]byte // a field because TinyGo puts what is appended to on the heap
}

// NewSoftwarePSK returns the key of one device at one generation; the key is
// copied.
func NewSoftwarePSK(kid KeyID, generation uint32, key *[SecretSize]byte) (*SoftwarePSK, error) {
	if generation > MaxGeneration {
		return nil, ErrGeneration
	}
	return &SoftwarePSK{kid: kid, generation: generation, key: hide(*key)}, nil
}

// Clone returns a key of its own at the same generation: an assignment would
// share one secret between two.
func (k *SoftwarePSK) Clone() *SoftwarePSK {
	return &SoftwarePSK{kid: k.kid, generation: k.generation, key: hide(*k.key())}
}

// Generation implements PreSharedKey.
func (k *SoftwarePSK) Generation() uint32 { return k.generation }

// ContentSecret implements PreSharedKey. A kid other than the key's own is
// refused: a pre-shared key belongs to one device.
func (k *SoftwarePSK) ContentSecret(cs *[SecretSize]byte, kid KeyID, boot uint64, salt *[SaltSize]byte) error {
	if k.generation > MaxGeneration {
		return ErrGeneration
	}
	if kid != k.kid {
		return errors.New("keys: pre-shared key of another device")
	}
	var prk [SecretSize]byte
	info := k.info(k.scratch[:0])
	info = cbor.AppendUint(info, boot)
	info = cbor.AppendUint(info, uint64(k.generation))
	extract(&prk, salt[:], k.key()[:])
	expand(cs, &prk, info)
	clear(prk[:])
	return nil
}

// Next moves to generation g+1 and erases g. The caller stores Key and
// Generation before it seals anything.
func (k *SoftwarePSK) Next() error {
	if k.generation >= MaxGeneration {
		return ErrGeneration
	}
	var prk, next [SecretSize]byte
	info := k.info(k.scratch[:0])
	info = cbor.AppendText(info, "next")
	info = cbor.AppendUint(info, uint64(k.generation)+1)
	extract(&prk, nil, k.key()[:])
	expand(&next, &prk, info)
	*k.key() = next
	k.generation++
	clear(prk[:])
	clear(next[:])
	return nil
}

// Advance moves to the given generation, as a receiver does to follow a device.
// An earlier one is ErrGeneration.
func (k *SoftwarePSK) Advance(generation uint32) error {
	if generation < k.generation || generation > MaxGeneration {
		return ErrGeneration
	}
	for k.generation < generation {
		if err := k.Next(); err != nil {
			return err
		}
	}
	return nil
}

// Erase overwrites the key. No content secret comes from it afterwards: asking is
// ErrGeneration.
func (k *SoftwarePSK) Erase() {
	*k.key() = [SecretSize]byte{}
	k.generation = MaxGeneration + 1
}

// Key returns the key of the current generation, to be stored. It is the only
// door to the secret.
func (k *SoftwarePSK) Key() [SecretSize]byte { return *k.key() }

func (k *SoftwarePSK) info(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 4)
	dst = cbor.AppendText(dst, "VSE1")
	return cbor.AppendBytes(dst, k.kid[:])
}
