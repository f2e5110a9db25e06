//go:build !tinygo

package keys_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

func testP256(t *testing.T) *keys.P256 {
	t.Helper()
	key, err := keys.NewP256(&[32]byte{31: 7})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestCOSEKeyOfP256(t *testing.T) {
	key := testP256(t).Public()
	checkCOSEKey(t, key, map[int]any{1: 2, -1: 1, -2: key.Bytes()[:32], -3: key.Bytes()[32:]})
}

// The example of RFC 9679, section 6, is an EC2 key on P-256.
func TestThumbprintOfRFC9679(t *testing.T) {
	x, _ := hex.DecodeString("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d")
	y, _ := hex.DecodeString("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c")
	key, err := keys.NewPublicKey(keys.AlgESP256, slices.Concat(x, y))
	if err != nil {
		t.Fatal(err)
	}
	if id := key.ID(); id.String() != "496bd8afadf307e5" {
		t.Errorf("id %v, want the beginning of the RFC's thumbprint, 496bd8afadf307e5", id)
	}
}

func TestP256(t *testing.T) {
	key := testP256(t)
	public := key.Public()
	message := []byte("spo2 97")
	sig, err := key.Sign([]byte("prefix"), message)
	if err != nil || len(sig) != 6+keys.SignatureSize {
		t.Fatalf("signature of %d bytes, %v", len(sig), err)
	}
	if !public.Verify(message, sig[6:]) || public.Verify(message[1:], sig[6:]) || public.Verify(message, sig[7:]) {
		t.Error("verification is wrong")
	}
	if scalar, err := key.Scalar(); err != nil || scalar != [32]byte{31: 7} {
		t.Error("the scalar does not come back")
	}
	for _, scalar := range [][32]byte{{}, [32]byte(bytes.Repeat([]byte{0xff}, 32))} {
		if _, err := keys.NewP256(&scalar); err == nil {
			t.Errorf("scalar %x is accepted", scalar)
		}
	}
}

func TestWycheproofP256(t *testing.T) {
	checkSignatures(t, "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json", keys.AlgESP256, 262)
}

func TestPrintingShowsNoScalar(t *testing.T) {
	secret := printable
	k, err := keys.NewP256(&secret)
	if err != nil {
		t.Fatal(err)
	}
	checkPrinting(t, k)
	checkPrinting(t, *k)
}
