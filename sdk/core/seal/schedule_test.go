package seal_test

import (
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// expand is the key schedule of FORMAT.md made from crypto/hkdf and fxamacker/cbor.
func expand(t testing.TB, secret []byte, kid keys.KeyID, salt []byte, suite keys.Algorithm, label string, n int) []byte {
	t.Helper()
	info, err := cbor.Marshal([]any{kid[:], salt, suite, label, n})
	if err != nil {
		t.Fatal(err)
	}
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// contentKey returns K_0 of ChaCha20-Poly1305 and the nonce of a message.
func contentKey(t testing.TB, kid keys.KeyID, salt *[16]byte, secret *[32]byte, seq uint64) (key [32]byte, nonce [12]byte) {
	t.Helper()
	key = [32]byte(expand(t, secret[:], kid, salt[:], keys.AlgChaCha20Poly1305, "Key", 32))
	nonce = [12]byte(xorPartialIV(expand(t, secret[:], kid, salt[:], keys.AlgChaCha20Poly1305, "IV", 12), seqBytes(seq)))
	return key, nonce
}

// xorPartialIV is the rule of RFC 9052, section 3.1: the Partial IV is padded on
// the left and XORed into the IV.
func xorPartialIV(iv, partial []byte) []byte {
	out := append([]byte(nil), iv...)
	for i, b := range partial {
		out[len(out)-len(partial)+i] ^= b
	}
	return out
}
