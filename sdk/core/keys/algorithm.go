package keys

// Algorithm is an identifier from IANA's registry of COSE algorithms.
type Algorithm int32

// The algorithms of the envelope, each with the document that registers it. This
// file is the only place where the numbers stand.
const (
	AlgEd25519          Algorithm = -19 // RFC 9864: Ed25519, fully specified
	AlgESP256           Algorithm = -9  // RFC 9864: ECDSA, P-256, SHA-256
	AlgChaCha20Poly1305 Algorithm = 24  // RFC 9053, section 4.3: 256-bit key, 128-bit tag
	AlgA256GCM          Algorithm = 3   // RFC 9053, section 4.1

	// AlgHPKE4KE is HPKE-4-KE of draft-ietf-cose-hpke: key encryption with
	// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20Poly1305. The number
	// is the one the draft assumes; it is not final until the RFC is.
	AlgHPKE4KE Algorithm = 50

	// AlgXWingKE is HPKE key encryption with X-Wing (ML-KEM-768 + X25519),
	// HKDF-SHA256 and ChaCha20Poly1305. COSE has not assigned a number; this
	// one is from the range for private use (below -65536).
	AlgXWingKE Algorithm = -65791
)

// SignatureSize is the length of a signature of every signing algorithm here:
// Ed25519, and ESP256 as r || s (RFC 9053, section 2.1).
const SignatureSize = 64

// SecretSize is the length of a content secret, a pre-shared key, a content key
// and an Ed25519 seed.
const SecretSize = 32

// KeyID names a device: the first 8 bytes of the SHA-256 thumbprint of its public
// COSE_Key (RFC 9679).
type KeyID [8]byte

// AppendHex appends the 16 lower-case hexadecimal digits of the id.
func (id KeyID) AppendHex(dst []byte) []byte {
	const digits = "0123456789abcdef"
	for _, b := range id {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// String returns the id as 16 lower-case hexadecimal digits, as in topics.
func (id KeyID) String() string { return string(id.AppendHex(nil)) }
