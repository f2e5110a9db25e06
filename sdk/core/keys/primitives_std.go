//go:build !tinygo

package keys

// The primitives of a host, which has room: the standard library's and x/crypto's,
// in assembly where the processor has it. primitives_tinygo.go is the other half;
// nothing else in this package knows which of the two is built.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha256"

	"golang.org/x/crypto/chacha20poly1305"
)

func sum256(data []byte) [32]byte { return sha256.Sum256(data) }

// aead is the AEAD of one suite under one key. The zero value has none.
type aead struct{ cipher cipher.AEAD }

// supported reports whether this build has the suite.
func supported(suite Algorithm) bool { return suite == AlgChaCha20Poly1305 || suite == AlgA256GCM }

// setKey sets suite and key; the key is copied.
func (a *aead) setKey(suite Algorithm, key *[SecretSize]byte) (err error) {
	if suite != AlgA256GCM {
		a.cipher, err = chacha20poly1305.New(key[:])
		return err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return err
	}
	a.cipher, err = cipher.NewGCM(block)
	return err
}

func (a *aead) seal(dst []byte, nonce *[NonceSize]byte, plaintext, aad []byte) []byte {
	return a.cipher.Seal(dst, nonce[:], plaintext, aad)
}

func (a *aead) open(dst []byte, nonce *[NonceSize]byte, ciphertext, aad []byte) ([]byte, bool) {
	out, err := a.cipher.Open(dst, nonce[:], ciphertext, aad)
	return out, err == nil
}

// ed25519Key is an expanded private key.
type ed25519Key struct{ private ed25519.PrivateKey }

func (k *ed25519Key) setSeed(seed *[SecretSize]byte) { k.private = ed25519.NewKeyFromSeed(seed[:]) }

func (k *ed25519Key) seed() [SecretSize]byte { return [SecretSize]byte(k.private[:SecretSize]) }

func (k *ed25519Key) public() [32]byte { return [32]byte(k.private[SecretSize:]) }

func (k *ed25519Key) sign(dst, message []byte) []byte {
	return append(dst, ed25519.Sign(k.private, message)...)
}

func verifyEd25519(public *[32]byte, message, sig []byte) bool {
	return ed25519.Verify(public[:], message, sig)
}
