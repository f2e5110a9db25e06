package microcrypto_test

import (
	"bytes"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

// checkAEAD seals and opens one message, into new memory and in place, and holds
// all of it against x/crypto.
func checkAEAD(t *testing.T, key *[32]byte, nonce *[12]byte, plaintext, aad []byte) {
	t.Helper()
	oracle, err := chacha20poly1305.New(key[:])
	if err != nil {
		t.Fatal(err)
	}
	want := oracle.Seal([]byte("before"), nonce[:], plaintext, aad)
	var c microcrypto.ChaCha20Poly1305
	c.SetKey(key)
	if got := c.Seal([]byte("before"), nonce, plaintext, aad); !bytes.Equal(got, want) {
		t.Fatalf("sealed %d bytes with %d: %x, want %x", len(plaintext), len(aad), got, want)
	}
	inPlace := append(make([]byte, 0, len(want)), plaintext...)
	inPlace = c.Seal(inPlace[:0], nonce, inPlace, aad)
	if !bytes.Equal(inPlace, want[6:]) {
		t.Fatalf("sealed %d bytes in place: %x, want %x", len(plaintext), inPlace, want[6:])
	}
	got, ok := c.Open([]byte("before"), nonce, inPlace, aad)
	if !ok || !bytes.Equal(got[6:], plaintext) || string(got[:6]) != "before" {
		t.Fatalf("opened %x, %v; want %x", got, ok, plaintext)
	}
	if got, ok = c.Open(inPlace[:0], nonce, inPlace, aad); !ok || !bytes.Equal(got, plaintext) {
		t.Fatalf("opened in place %x, %v; want %x", got, ok, plaintext)
	}
}

func TestAEAD(t *testing.T) {
	r := newRand(t)
	for n := range 301 {
		for _, m := range []int{0, n % 17, 300 - n} {
			key, nonce := [32]byte(randomBytes(r, 32)), [12]byte(randomBytes(r, 12))
			checkAEAD(t, &key, &nonce, randomBytes(r, n), randomBytes(r, m))
		}
	}
}

// TestAEADExtremes has the largest limbs that Poly1305 can see, and the smallest.
func TestAEADExtremes(t *testing.T) {
	for _, b := range []byte{0, 1, 0xfb, 0xff} {
		fill := bytes.Repeat([]byte{b}, 1024)
		checkAEAD(t, (*[32]byte)(fill), (*[12]byte)(fill), fill, fill)
	}
}

func TestAEADRefuses(t *testing.T) {
	r := newRand(t)
	key, nonce := [32]byte(randomBytes(r, 32)), [12]byte(randomBytes(r, 12))
	var c microcrypto.ChaCha20Poly1305
	c.SetKey(&key)
	plaintext, aad := randomBytes(r, 59), randomBytes(r, 40)
	sealed := c.Seal(nil, &nonce, plaintext, aad)
	memory := make([]byte, len(plaintext))
	refused := func(what string, i int, ciphertext, aad []byte) {
		t.Helper()
		if out, ok := c.Open(memory[:0], &nonce, ciphertext, aad); ok || out != nil {
			t.Errorf("%s %d: opened", what, i)
		}
	}
	for i := range 8 * len(sealed) {
		sealed[i/8] ^= 1 << (i % 8)
		refused("bit", i, sealed, aad)
		sealed[i/8] ^= 1 << (i % 8)
	}
	for i := range 8 * len(aad) {
		aad[i/8] ^= 1 << (i % 8)
		refused("bit of the AAD", i, sealed, aad)
		aad[i/8] ^= 1 << (i % 8)
	}
	for i := range sealed {
		refused("length", i, sealed[:i], aad)
	}
	if !bytes.Equal(memory, make([]byte, len(plaintext))) {
		t.Errorf("plaintext of a refused message was written: %x", memory)
	}
	c.Erase()
	refused("erased", 0, sealed, aad)
}

func FuzzAEAD(f *testing.F) {
	f.Add([]byte("key"), []byte("nonce"), []byte("plaintext"), []byte("aad"))
	f.Fuzz(func(t *testing.T, k, n, plaintext, aad []byte) {
		var key [32]byte
		var nonce [12]byte
		copy(key[:], k)
		copy(nonce[:], n)
		checkAEAD(t, &key, &nonce, plaintext, aad)
	})
}

func TestAEADAllocatesNothing(t *testing.T) {
	var c microcrypto.ChaCha20Poly1305
	c.SetKey(&[32]byte{1})
	var nonce [12]byte
	buf, aad := make([]byte, 100, 200), make([]byte, 10)
	var h microcrypto.SHA256
	var sum [32]byte
	if allocs := testing.AllocsPerRun(100, func() {
		sealed := c.Seal(buf[:0], &nonce, buf[:100], aad)
		if _, ok := c.Open(sealed[:0], &nonce, sealed, aad); !ok {
			panic("does not open")
		}
		h.Reset()
		h.Write(buf)
		h.Sum(&sum)
	}); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}
