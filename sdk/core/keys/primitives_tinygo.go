//go:build tinygo

package keys

// The primitives of a microcontroller, which has neither room nor heap for the
// standard library's: see package microcrypto.
//
// Two things are refused here rather than half supported. ECDSA of the standard
// library does not fit, and a secure element does its own; AES without hardware
// leaks its key through the time it takes, or costs more than ChaCha20.

import "github.com/vitalseal/vitalseal/sdk/core/microcrypto"

func sum256(data []byte) [32]byte { return microcrypto.Sum256(data) }

// aead is the AEAD under one key. The zero value has none.
type aead struct{ cipher microcrypto.ChaCha20Poly1305 }

// supported reports whether this build has the suite.
func supported(suite Algorithm) bool { return suite == AlgChaCha20Poly1305 }

// setKey sets suite and key; the key is copied.
func (a *aead) setKey(_ Algorithm, key *[SecretSize]byte) error {
	a.cipher.SetKey(key)
	return nil
}

func (a *aead) seal(dst []byte, nonce *[NonceSize]byte, plaintext, aad []byte) []byte {
	return a.cipher.Seal(dst, nonce, plaintext, aad)
}

func (a *aead) open(dst []byte, nonce *[NonceSize]byte, ciphertext, aad []byte) ([]byte, bool) {
	return a.cipher.Open(dst, nonce, ciphertext, aad)
}

// ed25519Key is an expanded private key and the seed it was made from.
type ed25519Key struct {
	from [SecretSize]byte
	key  microcrypto.Ed25519
}

func (k *ed25519Key) setSeed(seed *[SecretSize]byte) {
	k.from = *seed
	k.key.SetSeed(seed)
}

func (k *ed25519Key) seed() [SecretSize]byte { return k.from }

func (k *ed25519Key) public() [32]byte { return k.key.Public() }

func (k *ed25519Key) sign(dst, message []byte) []byte {
	var sig [SignatureSize]byte
	k.key.Sign(&sig, message)
	return append(dst, sig[:]...)
}

func verifyEd25519(public *[32]byte, message, sig []byte) bool {
	return microcrypto.VerifyEd25519(public, message, (*[SignatureSize]byte)(sig))
}

func onP256([]byte) bool { return false }

func verifyP256(*[64]byte, []byte, []byte) bool { return false }
