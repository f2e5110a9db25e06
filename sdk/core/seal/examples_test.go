package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// coseExample is a file of github.com/cose-wg/Examples, as far as it is used.
type coseExample struct {
	name  string
	Input struct {
		Plaintext string
		Sign0     struct {
			Key struct {
				X, Y string
				XHex string `json:"x_hex"`
			}
			External string
		}
		Encrypted struct {
			External string
			Unsent   struct {
				IV string `json:"IV_hex"`
			}
			Unprotected struct {
				PartialIV string `json:"partialIV_hex"`
			}
		}
	}
	Intermediates struct {
		ToBeSigned string `json:"ToBeSign_hex"`
		CEK        string `json:"CEK_hex"`
	}
	Output struct{ CBOR string }
}

// coseExamples reads them all, from the folder of shared data beside the module.
func coseExamples(t *testing.T) map[string]*coseExample {
	t.Helper()
	root := filepath.Join("..", "..", "..", "..", "shared", "vectors", "cose-wg-Examples")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("shared data absent: %v", err)
	}
	found := map[string]*coseExample{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var x coseExample
		if err := json.Unmarshal(text, &x); err != nil {
			return nil // a list of keys, or of another shape: not a message
		}
		x.name, _ = filepath.Rel(root, path)
		x.name = strings.TrimSuffix(filepath.ToSlash(x.name), ".json")
		if x.Output.CBOR != "" {
			found[x.name] = &x
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("reading %s: %d examples, %v", root, len(found), err)
	}
	return found
}

// TestCOSEExamplesAreNoEnvelopes: COSE allows much that VSE-1 does not. None of
// the working group's messages is one of ours, alone or as the ciphertext in a
// batch that a device signed.
func TestCOSEExamplesAreNoEnvelopes(t *testing.T) {
	d := newDevice(1)
	examples := coseExamples(t)
	for name, x := range examples {
		message, err := hex.DecodeString(x.Output.CBOR)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Parse(message); !errors.Is(err, seal.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
		enc0 := bytes.TrimPrefix(message, []byte{0xd0})
		for _, payload := range [][]byte{message, array([]byte("\x4812345678"), []byte("\x500123456789abcdef"), enc0)} {
			if _, err := seal.Parse(d.outer(payload).forge(t, d.key)); !errors.Is(err, seal.ErrMalformed) {
				t.Errorf("%s, signed by a device: %v, want ErrMalformed", name, err)
			}
		}
	}
	t.Logf("%d messages refused", len(examples))
}

// TestCOSESignatureExamples runs our Sig_structure and our keys over the
// signatures that share an equation with ours. Verified says whether the
// equation holds; whether the frame around it is acceptable is Parse's to say,
// and above it refuses every one.
func TestCOSESignatureExamples(t *testing.T) {
	examples := coseExamples(t)
	for _, x := range []struct {
		name     string
		alg      keys.Algorithm
		verified bool
		why      string
	}{
		{"eddsa-examples/eddsa-sig-01", keys.AlgEd25519, true, "Ed25519"},
		{"ecdsa-examples/ecdsa-sig-01", keys.AlgESP256, true, "P-256, SHA-256"},
		{"sign1-tests/sign-pass-01", keys.AlgESP256, false, "alg unprotected, and an empty map signed as no bytes"},
		{"sign1-tests/sign-pass-02", keys.AlgESP256, true, "external data"},
		{"sign1-tests/sign-pass-03", keys.AlgESP256, true, "untagged"},
		{"sign1-tests/sign-fail-01", keys.AlgESP256, true, "another tag, which is not signed"},
		{"sign1-tests/sign-fail-02", keys.AlgESP256, false, "signature changed"},
		{"sign1-tests/sign-fail-03", keys.AlgESP256, false, "alg changed to -999"},
		{"sign1-tests/sign-fail-04", keys.AlgESP256, false, "alg changed to text"},
		{"sign1-tests/sign-fail-06", keys.AlgESP256, false, "protected label added"},
		{"sign1-tests/sign-fail-07", keys.AlgESP256, false, "protected label removed"},
		{"ecdsa-examples/ecdsa-sig-04", keys.AlgESP256, false, "P-256 with SHA-512"},
	} {
		if !slices.Contains(signatures, x.alg) {
			continue
		}
		e := examples[x.name]
		if e == nil {
			t.Errorf("%s is missing", x.name)
			continue
		}
		m := looseItems(t, e, 4)
		tbs := seal.AppendSigStructure(nil, m[0], string(unhex(t, e.Input.Sign0.External)))
		tbs = append(tbs, m[2]...)
		if got := strings.ToUpper(hex.EncodeToString(tbs)); x.verified && got != e.Intermediates.ToBeSigned {
			t.Errorf("%s: to be signed is\n%s, want\n%s", x.name, got, e.Intermediates.ToBeSigned)
		}
		key, err := keys.NewPublicKey(x.alg, e.publicKey(t))
		if err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if got := key.Verify(tbs, content(t, m[3])); got != x.verified {
			t.Errorf("%s (%s): verified is %v", x.name, x.why, got)
		}
	}
	// Other curves: there is no such key.
	for name, alg := range map[string]keys.Algorithm{
		"ecdsa-examples/ecdsa-sig-02": keys.AlgESP256, // P-384
		"ecdsa-examples/ecdsa-sig-03": keys.AlgESP256, // P-521
		"eddsa-examples/eddsa-sig-02": keys.AlgEd25519,
	} {
		if _, err := keys.NewPublicKey(alg, examples[name].publicKey(t)); err == nil {
			t.Errorf("%s: its key is taken for one of algorithm %d", name, alg)
		}
	}
}

// TestCOSEEncryptExamples runs our Enc_structure over Encrypt0 messages.
func TestCOSEEncryptExamples(t *testing.T) {
	examples := coseExamples(t)
	for name, opens := range map[string]bool{
		"chacha-poly-examples/chacha-poly-enc-01": true, // the AAD in its file is stale, the ciphertext is right
		"aes-gcm-examples/aes-gcm-enc-01":         true,
		"aes-gcm-examples/aes-gcm-enc-02":         true,
		"aes-gcm-examples/aes-gcm-enc-03":         true,
		"aes-gcm-examples/aes-gcm-enc-04":         false, // tag changed
		"encrypted-tests/enc-pass-01":             false, // alg unprotected, and an empty map authenticated as no bytes
		"encrypted-tests/enc-pass-02":             true,  // external data
		"encrypted-tests/enc-pass-03":             true,  // untagged, alg unprotected
		"encrypted-tests/enc-fail-02":             false, // tag changed
		"encrypted-tests/enc-fail-03":             false, // alg changed to -999
		"encrypted-tests/enc-fail-04":             false, // alg changed to text
		"encrypted-tests/enc-fail-06":             false, // protected label added
		"encrypted-tests/enc-fail-07":             false, // protected label removed
	} {
		e := examples[name]
		if e == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		m := looseItems(t, e, 3)
		aad := seal.AppendEncStart(nil, m[0])
		external, err := cbor.Marshal(unhex(t, e.Input.Encrypted.External))
		if err != nil {
			t.Fatal(err)
		}
		aad = append(aad, external...)
		var unprotected map[int]any
		if err := cbor.Unmarshal(m[1], &unprotected); err != nil {
			t.Fatal(err)
		}
		suite := keys.AlgA256GCM
		if strings.HasPrefix(name, "chacha") {
			suite = keys.AlgChaCha20Poly1305
		}
		aead := newAEAD(t, suite, unhex(t, e.Intermediates.CEK))
		got, err := aead.Open(nil, unprotected[5].([]byte), content(t, m[2]), aad)
		if opens != (err == nil) || (opens && string(got) != e.Input.Plaintext) {
			t.Errorf("%s opens to %q, %v, want %v", name, got, err, opens)
		}
	}
}

// TestCOSEPartialIV: the example shows the rule (with another AEAD) and the nonce
// that it gives; its context IV ends in the zeros that the Partial IV fills.
func TestCOSEPartialIV(t *testing.T) {
	e := coseExamples(t)["RFC8152/Appendix_C_4_2"]
	partial, nonce := unhex(t, e.Input.Encrypted.Unprotected.PartialIV), unhex(t, e.Input.Encrypted.Unsent.IV)
	iv := append(bytes.Clone(nonce[:len(nonce)-len(partial)]), make([]byte, len(partial))...)
	if got := xorPartialIV(iv, partial); !bytes.Equal(got, nonce) {
		t.Errorf("nonce is %x, want %x", got, nonce)
	}
}

// looseItems takes a message apart whatever its tag.
func looseItems(t *testing.T, e *coseExample, n int) []cbor.RawMessage {
	t.Helper()
	message := unhex(t, e.Output.CBOR)
	var tag cbor.RawTag
	if message[0]>>5 == 6 {
		if err := cbor.Unmarshal(message, &tag); err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		message = tag.Content
	}
	var items []cbor.RawMessage
	if err := cbor.Unmarshal(message, &items); err != nil || len(items) != n {
		t.Fatalf("%s: %d items, %v", e.name, len(items), err)
	}
	return items
}

func content(t *testing.T, item cbor.RawMessage) (b []byte) {
	t.Helper()
	if err := cbor.Unmarshal(item, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func (e *coseExample) publicKey(t *testing.T) []byte {
	t.Helper()
	k := &e.Input.Sign0.Key
	if k.XHex != "" {
		return unhex(t, k.XHex)
	}
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	y, err2 := base64.RawURLEncoding.DecodeString(k.Y)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return append(x, y...)
}
