package identity_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// DHKEM(X25519, HKDF-SHA256) with HKDF-SHA256 and ChaCha20Poly1305: RFC 9180,
// A.2. The file has a digest of ciphertexts only, so the key schedule is written
// out below, held against the digest, and gives a ciphertext to unwrap.
func TestRFC9180Vector(t *testing.T) {
	var all []struct {
		KEM    int      `json:"kem_id"`
		KDF    int      `json:"kdf_id"`
		AEAD   int      `json:"aead_id"`
		Info   hexBytes `json:"info"`
		Secret hexBytes `json:"skRm"`
		Public hexBytes `json:"pkRm"`
		Enc    hexBytes `json:"enc"`
		Digest hexBytes `json:"encryptions_accumulated"`
	}
	if err := json.Unmarshal(vectors(t, "go-stdlib/hpke-rfc9180.json"), &all); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, v := range all {
		if v.KEM != 0x20 || v.KDF != 1 || v.AEAD != 3 {
			continue
		}
		ran++
		key, nonce := schedule(t, v.Secret, v.Public, v.Enc, v.Info)
		if got := digest(t, key, nonce); !bytes.Equal(got, v.Digest) {
			t.Fatalf("digest of a thousand ciphertexts is %x, want %x", got, v.Digest)
		}
		aead, err := chacha20poly1305.New(key)
		if err != nil {
			t.Fatal(err)
		}
		secret := bytes.Repeat([]byte{7}, 32)
		got, err := identity.UnwrapWith(keys.AlgHPKE4KE, v.Secret, v.Info, v.Enc, aead.Seal(nil, nonce, secret, nil))
		if err != nil || !bytes.Equal(got, secret) {
			t.Errorf("unwraps %x, %v", got, err)
		}
	}
	if ran != 1 {
		t.Errorf("ran %d vectors, want 1", ran)
	}
}

// schedule is RFC 9180, sections 4.1 (Decap) and 5.1 (KeySchedule, base mode).
func schedule(t *testing.T, private, public, enc, info []byte) (key, nonce []byte) {
	t.Helper()
	sk, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := ecdh.X25519().NewPublicKey(enc)
	if err != nil {
		t.Fatal(err)
	}
	dh, err := sk.ECDH(pk)
	if err != nil {
		t.Fatal(err)
	}
	kem := labelled{t, "KEM\x00\x20"}
	shared := kem.expand(kem.extract(nil, "eae_prk", dh), "shared_secret", slices.Concat(enc, public), 32)
	hpke := labelled{t, "HPKE\x00\x20\x00\x01\x00\x03"}
	context := slices.Concat([]byte{0}, hpke.extract(nil, "psk_id_hash", nil), hpke.extract(nil, "info_hash", info))
	secret := hpke.extract(shared, "secret", nil)
	return hpke.expand(secret, "key", context, 32), hpke.expand(secret, "base_nonce", context, 12)
}

type labelled struct {
	t     *testing.T
	suite string
}

func (l labelled) extract(salt []byte, label string, ikm []byte) []byte {
	prk, err := hkdf.Extract(sha256.New, slices.Concat([]byte("HPKE-v1"+l.suite+label), ikm), salt)
	if err != nil {
		l.t.Fatal(err)
	}
	return prk
}

func (l labelled) expand(prk []byte, label string, info []byte, n int) []byte {
	out, err := hkdf.Expand(sha256.New, prk, string([]byte{0, byte(n)})+"HPKE-v1"+l.suite+label+string(info), n)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// digest seals a thousand random messages, as Go's own test draws them.
func digest(t *testing.T, key, base []byte) []byte {
	t.Helper()
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		t.Fatal(err)
	}
	source, sink := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	draw := func() []byte {
		var n [1]byte
		_, _ = io.ReadFull(source, n[:])
		b := make([]byte, n[0])
		_, _ = io.ReadFull(source, b)
		return b
	}
	for seq := range 1000 {
		nonce := bytes.Clone(base)
		nonce[10] ^= byte(seq >> 8)
		nonce[11] ^= byte(seq)
		aad, plain := draw(), draw()
		_, _ = sink.Write(aead.Seal(nil, nonce, plain, aad))
	}
	out := make([]byte, 16)
	_, _ = sink.Read(out)
	return out
}
