package microcrypto_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

// readJSON reads a file of test vectors that nobody here wrote.
func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("this file's own path is not known")
	}
	dir := filepath.Join(filepath.Dir(file), "../../../../shared/vectors")
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		t.Skip("shared data absent: " + dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// hexBytes is a byte string written as hexadecimal digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// unhex is for digits written in this source.
func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type wycheproof struct {
	TestGroups []struct {
		KeySize, IVSize, TagSize int
		PublicKey                struct{ PK hexBytes }
		Tests                    []struct {
			ID                              int `json:"tcId"`
			Result                          string
			Key, IV, AAD, Msg, CT, Tag, Sig hexBytes
		}
	}
}

func TestWycheproofAEAD(t *testing.T) {
	var file wycheproof
	readJSON(t, "wycheproof/chacha20_poly1305_test.json", &file)
	ran := 0
	for _, g := range file.TestGroups {
		if g.IVSize != 96 {
			continue // does not compile here: nonces are [12]byte
		}
		for _, v := range g.Tests {
			ran++
			var c microcrypto.ChaCha20Poly1305
			c.SetKey((*[32]byte)(v.Key))
			nonce := (*[12]byte)(v.IV)
			sealed := append(append([]byte(nil), v.CT...), v.Tag...)
			plaintext, ok := c.Open(nil, nonce, sealed, v.AAD)
			if ok != (v.Result == "valid") || ok && !bytes.Equal(plaintext, v.Msg) {
				t.Errorf("test %d: opens %v to %x; want %s", v.ID, ok, plaintext, v.Result)
			}
			if ok && !bytes.Equal(c.Seal(nil, nonce, v.Msg, v.AAD), sealed) {
				t.Errorf("test %d: sealed differently", v.ID)
			}
		}
	}
	if ran != 316 {
		t.Errorf("ran %d tests, want 316", ran)
	}
}

func TestWycheproofEd25519(t *testing.T) {
	var file wycheproof
	readJSON(t, "wycheproof/ed25519_test.json", &file)
	ran := 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			ran++
			ok := len(v.Sig) == microcrypto.SignatureSize &&
				microcrypto.VerifyEd25519((*[32]byte)(g.PublicKey.PK), v.Msg, (*[64]byte)(v.Sig))
			if ok != (v.Result == "valid") {
				t.Errorf("test %d: verifies %v, want %s", v.ID, ok, v.Result)
			}
		}
	}
	if ran != 151 {
		t.Errorf("ran %d tests, want 151", ran)
	}
}

// TestRFC8032 has the tests of RFC 8032, section 7.1, that differ in length: 1, 2,
// 3 and SHA(abc).
func TestRFC8032(t *testing.T) {
	for _, v := range []struct{ seed, public, message, sig string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
			"",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		}, {
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
			"72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		}, {
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
			"af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		}, {
			"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
		},
	} {
		var k microcrypto.Ed25519
		k.SetSeed((*[32]byte)(unhex(t, v.seed)))
		var sig [64]byte
		k.Sign(&sig, unhex(t, v.message))
		public := k.Public()
		if hex.EncodeToString(public[:]) != v.public || hex.EncodeToString(sig[:]) != v.sig {
			t.Errorf("seed %s: public key %x, signature %x", v.seed, public, sig)
		}
		if !microcrypto.VerifyEd25519(&public, unhex(t, v.message), &sig) {
			t.Errorf("seed %s: does not verify", v.seed)
		}
	}
}
