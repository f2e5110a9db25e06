package identity_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	fxcbor "github.com/fxamacker/cbor/v2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// vectors reads a file of test vectors that nobody here wrote.
func vectors(t *testing.T, name string) []byte {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("this file's own path is not known")
	}
	dir := filepath.Join(filepath.Dir(file), "../../../shared/vectors")
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		t.Skip("shared data absent: " + dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// X-Wing with HKDF-SHA256 and ChaCha20Poly1305, from the working group's vectors
// and from the copy in Go's tree.
func TestXWingVectors(t *testing.T) {
	const xwing = 0x647a
	for _, test := range []struct {
		file string
		kem  int
		alg  keys.Algorithm
	}{
		{"hpke-pq/test-vectors.json", xwing, keys.AlgXWingKE},
		{"go-stdlib/hpke-pq.json", xwing, keys.AlgXWingKE},
	} {
		var all []struct {
			KEM         int      `json:"kem_id"`
			KDF         int      `json:"kdf_id"`
			AEAD        int      `json:"aead_id"`
			Info        hexBytes `json:"info"`
			Secret      hexBytes `json:"skRm"`
			Public      hexBytes `json:"pkRm"`
			Enc         hexBytes `json:"enc"`
			Key         hexBytes `json:"key"`
			Nonce       hexBytes `json:"base_nonce"`
			Encryptions []struct {
				AAD   hexBytes `json:"aad"`
				CT    hexBytes `json:"ct"`
				Plain hexBytes `json:"pt"`
			} `json:"encryptions"`
		}
		if err := json.Unmarshal(vectors(t, test.file), &all); err != nil {
			t.Fatal(err)
		}
		ran := 0
		for _, v := range all {
			if v.KEM != test.kem || v.KDF != 1 || v.AEAD != 3 {
				continue
			}
			ran++
			// The vectors bind an aad, which COSE-HPKE leaves empty: their key and
			// nonce give the ciphertext of the same plaintext without one.
			aead, err := chacha20poly1305.New(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			first := v.Encryptions[0]
			if got := aead.Seal(nil, v.Nonce, first.Plain, first.AAD); !bytes.Equal(got, first.CT) {
				t.Fatalf("%s: key and nonce are not those of the ciphertext", test.file)
			}
			bare := aead.Seal(nil, v.Nonce, first.Plain, nil)
			got, err := identity.UnwrapWith(test.alg, v.Secret, v.Info, v.Enc, bare)
			if err != nil || !bytes.Equal(got, first.Plain) {
				t.Errorf("%s: opens %x, %v", test.file, got, err)
			}
			if _, err := identity.UnwrapWith(test.alg, v.Secret, v.Info, v.Enc, first.CT); err == nil {
				t.Errorf("%s: opens with an aad that was not given", test.file)
			}
			if _, err := identity.UnwrapWith(test.alg, v.Secret, v.Info[1:], v.Enc, bare); err == nil {
				t.Errorf("%s: opens with another info", test.file)
			}
		}
		if ran == 0 {
			t.Errorf("%s: no vector of this suite", test.file)
		}
	}
}

// coseRecipient is a COSE_recipient with raw headers.
type coseRecipient struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int]any
	Wrapped     []byte
}

type coseEncrypt struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int][]byte
	Ciphertext  []byte
	Recipients  []coseRecipient
}

// The HPKE-4-KE vectors of draft-ietf-cose-hpke: the content key unwraps on the
// path of a Keyring, and the message opens under it. Those that bind an aad of
// HPKE, which this format never does, are refused.
func TestCOSEHPKEVectors(t *testing.T) {
	var private []byte
	var name string
	opened, refused := 0, 0
	for line := range strings.Lines(string(vectors(t, "cose-hpke/testvectors.txt"))) {
		line = strings.TrimSpace(line)
		if key, ok := strings.CutPrefix(line, "HPKE-4-KE COSE_Key:: "); ok {
			private = coseKeyPrivate(t, key)
			continue
		}
		if strings.HasPrefix(line, "HPKE-") {
			name = line
		}
		text, ok := strings.CutPrefix(line, "Ciphertext: ")
		if !ok || !strings.HasPrefix(name, "HPKE-4-KE with") {
			continue
		}
		plain, err := openCOSE(t, text, name, private)
		switch {
		case strings.Contains(name, "external hpke aad"):
			refused++
			if err == nil {
				t.Errorf("%s: opens without the aad", name)
			}
		default:
			opened++
			if err != nil || string(plain) != "hpke test payload" {
				t.Errorf("%s: %q, %v", name, plain, err)
			}
		}
	}
	if opened != 4 || refused != 4 {
		t.Errorf("opened %d and refused %d vectors, want 4 and 4", opened, refused)
	}
}

func coseKeyPrivate(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var key map[int]any
	if err := fxcbor.Unmarshal(raw, &key); err != nil {
		t.Fatal(err)
	}
	return key[-4].([]byte)
}

func openCOSE(t *testing.T, text, name string, private []byte) ([]byte, error) {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var m coseEncrypt
	if err := fxcbor.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	r := m.Recipients[0]
	var extra, external []byte
	if strings.Contains(name, "external info") {
		extra = []byte("external-info")
	}
	if strings.Contains(name, "with external aad") {
		external = []byte("external-aad")
	}
	var protected map[int]int
	if err := fxcbor.Unmarshal(m.Protected, &protected); err != nil {
		t.Fatal(err)
	}
	info := marshal(t, []any{"HPKE Recipient", protected[1], r.Protected, orEmpty(extra)})
	key, err := identity.UnwrapWith(keys.AlgHPKE4KE, private, info, r.Unprotected[-4].([]byte), r.Wrapped)
	if err != nil {
		return nil, err
	}
	aead, err := contentCipher(protected[1], key)
	if err != nil {
		t.Fatal(err)
	}
	aad := marshal(t, []any{"Encrypt", m.Protected, orEmpty(external)})
	return aead.Open(nil, m.Unprotected[5], m.Ciphertext, aad)
}

func orEmpty(b []byte) []byte { return append([]byte{}, b...) }

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	mode, err := fxcbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	data, err := mode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// AppendInfo of the core encodes what the vectors were opened with.
func TestRecipientStructure(t *testing.T) {
	r := seal.Recipient{Algorithm: keys.AlgHPKE4KE, KeyID: keys.KeyID{1, 2, 3}}
	protected := marshal(t, map[int]any{1: 50, 4: r.KeyID[:]})
	want := marshal(t, []any{"HPKE Recipient", 24, protected, []byte("extra")})
	if got := r.AppendInfo(nil, keys.AlgChaCha20Poly1305, []byte("extra")); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func contentCipher(alg int, key []byte) (cipher.AEAD, error) {
	if alg == 24 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
