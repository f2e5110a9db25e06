package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"math/big"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// sign1 and batch are our messages as fxamacker/cbor knows them.
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected cbor.RawMessage
	Payload     []byte
	Signature   []byte
}

type batch struct {
	_        struct{} `cbor:",toarray"`
	EID      []byte
	Prev     []byte
	Encrypt0 struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected map[int][]byte
		Ciphertext  []byte
	}
}

// strictCBOR decodes one item without duplicate keys, of definite length.
func strictCBOR(t testing.TB) cbor.DecMode {
	t.Helper()
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

func deterministic(t testing.TB) cbor.EncMode {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

// coseVerifier lends go-cose an algorithm that it does not know: v1.3.0 has -8
// and -7, not the fully specified -19 and -9 of RFC 9864. go-cose decodes the
// message, compares the header's algorithm with Algorithm, and makes the
// Sig_structure; the equation is crypto/ed25519's or crypto/ecdsa's.
type coseVerifier struct{ key keys.PublicKey }

func (v coseVerifier) Algorithm() cose.Algorithm { return cose.Algorithm(v.key.Algorithm()) }

func (v coseVerifier) Verify(content, signature []byte) error {
	raw := v.key.Bytes()
	ok := false
	switch v.key.Algorithm() {
	case keys.AlgEd25519:
		ok = ed25519.Verify(raw, content, signature)
	case keys.AlgESP256:
		digest := sha256.Sum256(content)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, raw...))
		if err != nil {
			return err
		}
		ok = ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	if !ok {
		return cose.ErrVerification
	}
	return nil
}

// TestGoCOSEVerifies: every valid vector verifies through veraison/go-cose with
// external data 'VSE1', and with no other; none with a bad signature does.
func TestGoCOSEVerifies(t *testing.T) {
	verified := map[string]int{}
	for _, v := range readVectors(t) {
		var m cose.Sign1Message
		if err := m.UnmarshalCBOR(v.hex(t, "message")); err != nil {
			if expect := v.get("expect"); expect != "malformed" && expect != "too-large" {
				t.Errorf("%s: go-cose does not decode what is %s: %v", v.name, expect, err)
			}
			continue
		}
		err := m.Verify([]byte("VSE1"), coseVerifier{v.key(t)})
		switch v.get("expect") {
		case "bad-signature":
			if err == nil {
				t.Errorf("%s: go-cose accepts the signature", v.name)
			}
		case "wrong-key":
			if err == nil {
				t.Errorf("%s: go-cose accepts another key or algorithm", v.name)
			}
		case "valid":
			verified[v.get("alg")]++
			if err != nil {
				t.Errorf("%s: go-cose: %v", v.name, err)
			}
			for _, other := range []string{"", "VSE2", "VSE1 "} {
				if err := m.Verify([]byte(other), coseVerifier{v.key(t)}); err == nil {
					t.Errorf("%s: verifies with external data %q", v.name, other)
				}
			}
		}
	}
	if len(verified) != len(signatures) {
		t.Errorf("verified %v, want some of every algorithm", verified)
	}
}

// TestIndependentOpening decrypts every batch vector that opens with crypto/hkdf,
// fxamacker/cbor, x/crypto and crypto/aes, nothing of this module but the numbers
// in the vector.
func TestIndependentOpening(t *testing.T) {
	opened := map[keys.Algorithm]int{}
	for _, v := range readVectors(t) {
		if v.get("expect") != "valid" || !v.has("payload") || v.has("grant") {
			continue
		}
		anchor := v.context(t, "anchor")
		a, err := anchor.Anchor()
		if err != nil {
			t.Fatal(err)
		}
		var m sign1
		var b batch
		if err := errors.Join(strictCBOR(t).Unmarshal(v.hex(t, "message"), &m), strictCBOR(t).Unmarshal(m.Payload, &b)); err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		partial := b.Encrypt0.Unprotected[6]
		epoch := new(big.Int).SetBytes(partial)
		epoch.Rsh(epoch, uint(a.EpochShift))
		secret := v.hex(t, "secret")
		for range epoch.Uint64() {
			secret = expand(t, secret, anchor.KeyID(), a.Salt[:], a.Suite, "Next", 32)
		}
		key := expand(t, secret, anchor.KeyID(), a.Salt[:], a.Suite, "Key", 32)
		nonce := xorPartialIV(expand(t, secret, anchor.KeyID(), a.Salt[:], a.Suite, "IV", 12), partial)
		external, err := deterministic(t).Marshal([]any{"VSE1", m.Protected, b.EID, b.Prev})
		if err != nil {
			t.Fatal(err)
		}
		aad, err := deterministic(t).Marshal([]any{"Encrypt0", b.Encrypt0.Protected, external})
		if err != nil {
			t.Fatal(err)
		}
		got, err := newAEAD(t, a.Suite, key).Open(nil, nonce, b.Encrypt0.Ciphertext, aad)
		if err != nil || !bytes.Equal(got, v.hex(t, "payload")) {
			t.Errorf("%s opens to %x, %v, want %s", v.name, got, err, v.get("payload"))
		}
		opened[a.Suite]++
	}
	if len(opened) != len(suites) {
		t.Errorf("opened %v, want some of every suite", opened)
	}
}

func newAEAD(t testing.TB, suite keys.Algorithm, key []byte) cipher.AEAD {
	t.Helper()
	if suite == keys.AlgChaCha20Poly1305 {
		aead, err := chacha20poly1305.New(key)
		if err != nil {
			t.Fatal(err)
		}
		return aead
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// TestFxamackerEncodesTheSame: every valid message, and what is nested in it,
// decodes to any and re-encodes in core deterministic mode to the same bytes.
func TestFxamackerEncodesTheSame(t *testing.T) {
	n := 0
	for _, v := range readVectors(t) {
		if v.get("expect") != "valid" {
			continue
		}
		n++
		message := v.hex(t, "message")
		var m sign1
		if err := strictCBOR(t).Unmarshal(message, &m); err != nil {
			t.Fatal(err)
		}
		nested := [][]byte{message, m.Protected, m.Payload}
		var b batch
		if v.get("kind") == "batch" {
			if err := strictCBOR(t).Unmarshal(m.Payload, &b); err != nil {
				t.Fatal(err)
			}
			nested = append(nested, b.Encrypt0.Protected)
		}
		for _, in := range nested {
			var item any
			if err := strictCBOR(t).Unmarshal(in, &item); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			out, err := deterministic(t).Marshal(item)
			if err != nil || !bytes.Equal(out, in) {
				t.Errorf("%s: %x re-encodes to %x, %v", v.name, in, out, err)
			}
		}
	}
	if n == 0 {
		t.Error("no valid vectors")
	}
}

// TestRecipientInfo holds AppendInfo against fxamacker's encoding of the
// Recipient_structure.
func TestRecipientInfo(t *testing.T) {
	device, salt, eid := keys.KeyID{1}, [16]byte{2}, seal.EID{3}
	r := seal.Recipient{Algorithm: keys.AlgXWingKE, KeyID: keys.KeyID{4}}
	anchor := [...]any{"VSE1", device[:], uint64(1 << 33), salt[:]}
	grant := [...]any{"VSE1", device[:], eid[:], uint32(300)}
	for _, x := range []struct {
		context any
		got     []byte
	}{
		{anchor, seal.AnchorContext(nil, device, 1<<33, &salt)},
		{grant, seal.GrantContext(nil, device, eid, 300)},
	} {
		context, err := deterministic(t).Marshal(x.context)
		if err != nil || !bytes.Equal(x.got, context) {
			t.Errorf("context is %x, want %x, %v", x.got, context, err)
		}
		protected, err := deterministic(t).Marshal(map[int]any{1: -65791, 4: r.KeyID[:]})
		if err != nil {
			t.Fatal(err)
		}
		want, err := deterministic(t).Marshal([]any{"HPKE Recipient", 24, protected, context})
		if got := r.AppendInfo(nil, keys.AlgChaCha20Poly1305, x.got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("info is %x, want %x, %v", got, want, err)
		}
	}
}
