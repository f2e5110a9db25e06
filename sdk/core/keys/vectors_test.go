package keys_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// vectors returns the path of a file of test vectors that nobody here wrote.
func vectors(t *testing.T, name string) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("this file's own path is not known")
	}
	dir := filepath.Join(filepath.Dir(file), "../../../../shared/vectors")
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		t.Skip("shared data absent: " + dir)
	}
	return filepath.Join(dir, name)
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(vectors(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// hexBytes is a byte string written as hexadecimal digits in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// wycheproof is the part of Wycheproof's schemas that is read here.
type wycheproof struct {
	TestGroups []struct {
		KeySize   int `json:"keySize"`
		TagSize   int `json:"tagSize"`
		PublicKey struct {
			PK           hexBytes `json:"pk"`
			Uncompressed hexBytes `json:"uncompressed"`
		} `json:"publicKey"`
		Tests []struct {
			ID                             int    `json:"tcId"`
			Result                         string `json:"result"`
			Msg, Sig                       hexBytes
			IKM, Salt, Info, OKM, Key, Tag hexBytes
			Size                           int
		}
	} `json:"testGroups"`
}

func TestWycheproofEd25519(t *testing.T) {
	checkSignatures(t, "wycheproof/ed25519_test.json", keys.AlgEd25519, 151)
}

func checkSignatures(t *testing.T, name string, alg keys.Algorithm, want int) {
	t.Helper()
	var file wycheproof
	readJSON(t, name, &file)
	ran := 0
	for _, g := range file.TestGroups {
		raw := []byte(g.PublicKey.PK)
		if alg == keys.AlgESP256 {
			raw = g.PublicKey.Uncompressed[1:]
		}
		key, err := keys.NewPublicKey(alg, raw)
		if err != nil {
			t.Errorf("key %x: %v", raw, err)
			continue
		}
		for _, v := range g.Tests {
			ran++
			if got := key.Verify(v.Msg, v.Sig); got != (v.Result == "valid") {
				t.Errorf("test %d: verified %v, want %s", v.ID, got, v.Result)
			}
		}
	}
	if ran != want {
		t.Errorf("ran %d tests, want %d", ran, want)
	}
}

func TestWycheproofHMAC(t *testing.T) {
	var file wycheproof
	readJSON(t, "wycheproof/hmac_sha256_test.json", &file)
	ran := 0
	for _, g := range file.TestGroups {
		if g.KeySize > 64*8 {
			continue // longer than a block: hmac takes no such key
		}
		for _, v := range g.Tests {
			if len(v.Msg) > keys.MaxInfo {
				continue
			}
			ran++
			mac := keys.HMAC(v.Key, v.Msg)
			if got := bytes.Equal(mac[:g.TagSize/8], v.Tag); got != (v.Result == "valid") {
				t.Errorf("test %d: matches %v, want %s", v.ID, got, v.Result)
			}
		}
	}
	if ran < 100 {
		t.Errorf("only %d tests fit", ran)
	}
}

func TestWycheproofHKDF(t *testing.T) {
	var file wycheproof
	readJSON(t, "wycheproof/hkdf_sha256_test.json", &file)
	ran := 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			if len(v.Salt) > 64 || len(v.IKM) > keys.MaxInfo || len(v.Info) > keys.MaxInfo || v.Result != "valid" {
				continue
			}
			ran++
			got := keys.HKDF(v.IKM, v.Salt, v.Info)
			if n := min(32, len(v.OKM)); !bytes.Equal(got[:n], v.OKM[:n]) {
				t.Errorf("test %d: %x, want %x", v.ID, got[:n], v.OKM[:n])
			}
		}
	}
	if ran < 50 {
		t.Errorf("only %d tests fit", ran)
	}
}

// One rule for Ed25519 everywhere. Libraries accept between 208 and 826 of these
// edge cases; Go's accepts 208, and so must every build of this package.
func TestEd25519EdgeCases(t *testing.T) {
	var cases []struct {
		Number   int
		Key, Sig hexBytes
		Msg      string
	}
	readJSON(t, "CCTV/ed25519/ed25519vectors.json", &cases)
	accepted := 0
	for _, c := range cases {
		key, err := keys.NewPublicKey(keys.AlgEd25519, c.Key)
		if err != nil {
			t.Fatalf("case %d: %v", c.Number, err)
		}
		if key.Verify([]byte(c.Msg), c.Sig) {
			accepted++
		}
	}
	if len(cases) != 914 || accepted != 208 {
		t.Errorf("accepted %d of %d, want 208 of 914", accepted, len(cases))
	}
}

// Lines of the file: seed and public key, public key, message, signature and
// message. The first three are the tests of RFC 8032, section 7.1.
func TestEd25519Signatures(t *testing.T) {
	f, err := os.Open(vectors(t, "go-stdlib/ed25519-sign.input.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	ran := 0
	for ; lines.Scan(); ran++ {
		fields := strings.Split(lines.Text(), ":")
		var b [4][]byte
		for i := range b {
			if b[i], err = hex.DecodeString(fields[i]); err != nil {
				t.Fatal(err)
			}
		}
		seed := [32]byte(b[0][:32])
		key := keys.NewEd25519(&seed)
		public := key.Public()
		sig, err := key.Sign([]byte("prefix"), b[2])
		if err != nil || !bytes.Equal(public.Bytes(), b[1]) || !bytes.Equal(sig[6:], b[3][:64]) {
			t.Fatalf("line %d: public key %x, signature %x, %v", ran+1, public.Bytes(), sig[6:], err)
		}
		if key.Seed() != seed || !public.Verify(b[2], sig[6:]) || public.Verify(append(b[2], 0), sig[6:]) {
			t.Fatalf("line %d: seed or verification is wrong", ran+1)
		}
	}
	if lines.Err() != nil || ran != 128 {
		t.Errorf("read %d lines, %v; want 128", ran, lines.Err())
	}
}
