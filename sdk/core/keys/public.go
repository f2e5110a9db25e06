package keys

import (
	"errors"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
)

// ErrPublicKey reports bytes that are not a public key of the stated algorithm.
var ErrPublicKey = errors.New("keys: not a public key of that algorithm")

// PublicKey is a device's public signing key together with the one algorithm
// it is registered for; a message that names another does not verify. The zero
// value verifies nothing. PublicKeys are comparable with ==.
type PublicKey struct {
	alg Algorithm
	raw [64]byte // Ed25519: 32 bytes, rest zero. P-256: x || y
}

// NewPublicKey returns the public key with the given bytes: 32 for AlgEd25519,
// 64 (x || y) for AlgESP256, where the point must be on the curve.
func NewPublicKey(alg Algorithm, raw []byte) (PublicKey, error) {
	k := PublicKey{alg: alg}
	switch {
	case alg == AlgEd25519 && len(raw) == SecretSize:
	case alg == AlgESP256 && len(raw) == 64 && onP256(raw):
	default:
		return PublicKey{}, ErrPublicKey
	}
	copy(k.raw[:], raw)
	return k, nil
}

// Algorithm returns the algorithm of the key, 0 for the zero value.
func (k *PublicKey) Algorithm() Algorithm { return k.alg }

// Bytes returns the key: 32 bytes for Ed25519, x || y for P-256, nil for the
// zero value.
func (k *PublicKey) Bytes() []byte {
	switch k.alg {
	case AlgEd25519:
		return append([]byte(nil), k.raw[:32]...)
	case AlgESP256:
		return append([]byte(nil), k.raw[:]...)
	}
	return nil
}

// AppendCOSEKey appends the required parameters of the key as a COSE_Key in
// deterministic encoding, which is what the thumbprint is taken over (RFC 9679,
// section 3): {1: 1 (OKP), -1: 6 (Ed25519), -2: x} or {1: 2 (EC2), -1: 1
// (P-256), -2: x, -3: y}.
func (k *PublicKey) AppendCOSEKey(dst []byte) []byte {
	if k.alg == AlgESP256 {
		dst = cbor.AppendMap(dst, 4)
		dst = cbor.AppendUint(cbor.AppendUint(dst, 1), 2)
		dst = cbor.AppendUint(cbor.AppendInt(dst, -1), 1)
		dst = cbor.AppendBytes(cbor.AppendInt(dst, -2), k.raw[:32])
		return cbor.AppendBytes(cbor.AppendInt(dst, -3), k.raw[32:])
	}
	dst = cbor.AppendMap(dst, 3)
	dst = cbor.AppendUint(cbor.AppendUint(dst, 1), 1)
	dst = cbor.AppendUint(cbor.AppendInt(dst, -1), 6)
	return cbor.AppendBytes(cbor.AppendInt(dst, -2), k.raw[:32])
}

// ID returns the key id: the first 8 bytes of the SHA-256 thumbprint.
func (k *PublicKey) ID() KeyID {
	var buf [80]byte
	sum := sum256(k.AppendCOSEKey(buf[:0]))
	return KeyID(sum[:8])
}

// Verify reports whether sig is the signature of message. A key that is not of
// an algorithm this build supports verifies nothing.
func (k *PublicKey) Verify(message, sig []byte) bool {
	if len(sig) != SignatureSize {
		return false
	}
	switch k.alg {
	case AlgEd25519:
		return verifyEd25519((*[32]byte)(k.raw[:32]), message, sig)
	case AlgESP256:
		return verifyP256(&k.raw, message, sig)
	}
	return false
}
