package keys

// Signer signs as one device.
type Signer interface {
	// Public returns the key that verifies what Sign signs.
	Public() PublicKey
	// Sign appends SignatureSize bytes to dst: the signature of message.
	Sign(dst, message []byte) ([]byte, error)
}

// Ed25519 is a software signing key.
type Ed25519 struct {
	private hidden[ed25519Key]
	public  PublicKey
}

// NewEd25519 returns the key with the given seed (RFC 8032, section 5.1.5),
// which must come from a cryptographic random generator.
func NewEd25519(seed *[SecretSize]byte) *Ed25519 {
	k := &Ed25519{private: hide(ed25519Key{})}
	k.private().setSeed(seed)
	public := k.private().public()
	k.public.alg = AlgEd25519
	copy(k.public.raw[:], public[:])
	return k
}

// Public implements Signer.
func (k *Ed25519) Public() PublicKey { return k.public }

// Sign implements Signer. It does not fail.
func (k *Ed25519) Sign(dst, message []byte) ([]byte, error) {
	return k.private().sign(dst, message), nil
}

// Seed returns the seed, to be stored. It is the only door to the secret.
func (k *Ed25519) Seed() [SecretSize]byte { return k.private().seed() }
