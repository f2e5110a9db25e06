//go:build !tinygo

package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math/big"
)

// P256 is a software signing key on P-256, for tests and for sites whose
// devices share one algorithm with their secure elements. On microcontrollers
// ECDSA is the secure element's; the standard library's does not fit there.
type P256 struct {
	private hidden[ecdsa.PrivateKey]
	public  PublicKey
}

// NewP256 returns the key with the given private scalar, 32 bytes big-endian,
// from 1 to the order of the curve less one.
func NewP256(scalar *[SecretSize]byte) (*P256, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		return nil, errors.New("keys: not a private key on P-256")
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, errors.New("keys: not a private key on P-256")
	}
	k := &P256{private: hide(*private)}
	k.public.alg = AlgESP256
	copy(k.public.raw[:], point[1:])
	return k, nil
}

// Public implements Signer.
func (k *P256) Public() PublicKey { return k.public }

// Sign implements Signer: r || s over SHA-256 of the message.
func (k *P256) Sign(dst, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, k.private(), digest[:])
	if err != nil {
		return nil, errors.New("keys: signing on P-256 failed")
	}
	var sig [SignatureSize]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return append(dst, sig[:]...), nil
}

// Scalar returns the private scalar, to be stored. It is the only door to the
// secret.
func (k *P256) Scalar() ([SecretSize]byte, error) {
	raw, err := k.private().Bytes()
	if err != nil || len(raw) != SecretSize {
		return [SecretSize]byte{}, errors.New("keys: private key on P-256 cannot be exported")
	}
	return [SecretSize]byte(raw), nil
}

func parseP256(raw []byte) (*ecdsa.PublicKey, error) {
	point := make([]byte, 0, 65)
	point = append(append(point, 4), raw...)
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

func onP256(raw []byte) bool {
	_, err := parseP256(raw)
	return err == nil
}

func verifyP256(raw *[64]byte, message, sig []byte) bool {
	key, err := parseP256(raw[:])
	if err != nil {
		return false
	}
	digest := sha256.Sum256(message)
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	return ecdsa.Verify(key, digest[:], r, s)
}
