package keys

import "crypto/ed25519"

// Signer signs as one device.
type Signer interface {
	// Public returns the key that verifies what Sign signs.
	Public() PublicKey
	// Sign appends SignatureSize bytes to dst: the signature of message.
	Sign(dst, message []byte) ([]byte, error)
}

// Ed25519 is a software signing key.
type Ed25519 struct {
	private hidden[ed25519.PrivateKey]
	public  PublicKey
}

// NewEd25519 returns the key with the given seed (RFC 8032, section 5.1.5),
// which must come from a cryptographic random generator.
func NewEd25519(seed *[SecretSize]byte) *Ed25519 {
	private := ed25519.NewKeyFromSeed(seed[:])
	k := &Ed25519{private: hide(private)}
	k.public.alg = AlgEd25519
	copy(k.public.raw[:], private[SecretSize:])
	return k
}

// Public implements Signer.
func (k *Ed25519) Public() PublicKey { return k.public }

// Sign implements Signer. It does not fail.
func (k *Ed25519) Sign(dst, message []byte) ([]byte, error) {
	return append(dst, ed25519.Sign(*k.private(), message)...), nil
}

// Seed returns the seed, to be stored. It is the only door to the secret.
func (k *Ed25519) Seed() [SecretSize]byte { return [SecretSize]byte((*k.private())[:SecretSize]) }
