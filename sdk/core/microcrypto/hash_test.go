package microcrypto_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"math/rand/v2"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

// newRand returns a random generator and says its seed.
func newRand(t testing.TB) *rand.ChaCha8 {
	t.Helper()
	seed := [32]byte{byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())}
	t.Logf("seed %x", seed[:4])
	return rand.NewChaCha8(seed)
}

func randomBytes(r *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	return b
}

// TestHashes writes messages of every length in pieces of every kind.
func TestHashes(t *testing.T) {
	r := newRand(t)
	var h256 microcrypto.SHA256
	var h512 microcrypto.SHA512
	for n := range 601 {
		m := randomBytes(r, n)
		h256.Reset()
		h512.Reset()
		for rest := m; len(rest) > 0; {
			k := min(len(rest), int(r.Uint64()%200))
			h256.Write(rest[:k])
			h512.Write(rest[:k])
			rest = rest[k:]
		}
		var got256 [32]byte
		var got512 [64]byte
		h256.Sum(&got256)
		h512.Sum(&got512)
		if got256 != sha256.Sum256(m) || microcrypto.Sum256(m) != got256 {
			t.Fatalf("SHA-256 of %d bytes is %x", n, got256)
		}
		if got512 != sha512.Sum512(m) {
			t.Fatalf("SHA-512 of %d bytes is %x", n, got512)
		}
	}
}

func FuzzHashes(f *testing.F) {
	f.Add([]byte("abc"), uint16(1))
	f.Add(bytes.Repeat([]byte{0xff}, 300), uint16(128))
	f.Fuzz(func(t *testing.T, m []byte, cut uint16) {
		k := int(cut) % (len(m) + 1)
		var h256 microcrypto.SHA256
		h256.Reset()
		h256.Write(m[:k])
		h256.Write(m[k:])
		var got256 [32]byte
		h256.Sum(&got256)
		if got256 != sha256.Sum256(m) {
			t.Errorf("SHA-256: %x", got256)
		}
		var h512 microcrypto.SHA512
		h512.Reset()
		h512.Write(m[:k])
		h512.Write(m[k:])
		var got512 [64]byte
		h512.Sum(&got512)
		if got512 != sha512.Sum512(m) {
			t.Errorf("SHA-512: %x", got512)
		}
	})
}
