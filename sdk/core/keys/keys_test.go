package keys_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	fxcbor "github.com/fxamacker/cbor/v2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// encode is the oracle for what this package encodes by hand.
func encode(t *testing.T, v any) []byte {
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

func TestCOSEKeyAndID(t *testing.T) {
	ed := keys.NewEd25519(&[32]byte{1}).Public()
	checkCOSEKey(t, ed, map[int]any{1: 1, -1: 6, -2: ed.Bytes()})
}

func checkCOSEKey(t *testing.T, key keys.PublicKey, cose map[int]any) {
	t.Helper()
	want := encode(t, cose)
	if got := key.AppendCOSEKey(nil); !bytes.Equal(got, want) {
		t.Errorf("COSE_Key %x, want %x", got, want)
	}
	sum := sha256.Sum256(want)
	id := key.ID()
	if !bytes.Equal(id[:], sum[:8]) || id.String() != hex.EncodeToString(sum[:8]) {
		t.Errorf("id %v, want %x", id, sum[:8])
	}
}

func TestPublicKeyRefuses(t *testing.T) {
	ed := keys.NewEd25519(&[32]byte{1}).Public()
	for name, test := range map[string]struct {
		alg keys.Algorithm
		raw []byte
	}{
		"no algorithm":     {0, ed.Bytes()},
		"EdDSA, unpinned":  {-8, ed.Bytes()},
		"short Ed25519":    {keys.AlgEd25519, ed.Bytes()[:31]},
		"long Ed25519":     {keys.AlgEd25519, make([]byte, 64)},
		"Ed25519 as P-256": {keys.AlgESP256, ed.Bytes()},
		"off the curve":    {keys.AlgESP256, bytes.Repeat([]byte{1}, 64)},
		"zero point":       {keys.AlgESP256, make([]byte, 64)},
	} {
		if _, err := keys.NewPublicKey(test.alg, test.raw); !errors.Is(err, keys.ErrPublicKey) {
			t.Errorf("%s: %v, want ErrPublicKey", name, err)
		}
	}
	var zero keys.PublicKey
	if zero.Verify(nil, make([]byte, 64)) || zero.Bytes() != nil || zero.Algorithm() != 0 {
		t.Error("the zero key verifies, or has bytes or an algorithm")
	}
}

var (
	testKID  = keys.KeyID{1, 2, 3, 4, 5, 6, 7, 8}
	testSalt = [keys.SaltSize]byte{9, 10, 11}
	testCS   = [keys.SecretSize]byte{12, 13, 14}
)

func newRatchet(t testing.TB, suite keys.Algorithm, epoch uint32) *keys.Ratchet {
	t.Helper()
	r, err := keys.NewRatchet(suite, testKID, &testSalt, epoch, &testCS)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// derive is an independent derivation, from the specification: crypto/hkdf over
// what fxamacker/cbor encodes.
func derive(t *testing.T, suite keys.Algorithm, secret []byte, label string, n int) []byte {
	t.Helper()
	info := encode(t, []any{testKID[:], testSalt[:], int64(suite), label, n})
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRatchetAgainstSpecification(t *testing.T) {
	for _, suite := range suites() {
		secret := testCS[:]
		r := newRatchet(t, suite, 0)
		for epoch := range uint32(5) {
			if err := r.Seek(epoch); err != nil {
				t.Fatal(err)
			}
			if got := r.Secret(); !bytes.Equal(got[:], secret) {
				t.Fatalf("suite %d: CS_%d is wrong", suite, epoch)
			}
			var commitment [32]byte
			r.Commitment(&commitment)
			if want := derive(t, suite, secret, "Commit", 32); !bytes.Equal(commitment[:], want) {
				t.Errorf("suite %d: commitment of epoch %d is wrong", suite, epoch)
			}
			seq := uint64(0xa1b2c3d4e5) + uint64(epoch)
			checkSeal(t, r, suite, secret, seq)
			secret = derive(t, suite, secret, "Next", 32)
		}
	}
}

func checkSeal(t *testing.T, r *keys.Ratchet, suite keys.Algorithm, secret []byte, seq uint64) {
	t.Helper()
	aead := newAEAD(t, suite, derive(t, suite, secret, "Key", 32))
	nonce := derive(t, suite, secret, "IV", 12)
	for i := range 8 {
		nonce[11-i] ^= byte(seq >> (8 * i))
	}
	plain, aad := []byte("pulse 71"), []byte("context")
	want := aead.Seal(nil, nonce, plain, aad)
	sealed := r.Seal(nil, seq, plain, aad)
	if !bytes.Equal(sealed, want) {
		t.Fatalf("suite %d, seq %d: %x, want %x", suite, seq, sealed, want)
	}
	if got, err := r.Open(nil, seq, sealed, aad); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opens to %q, %v", got, err)
	}
	sealed[0] ^= 1
	for _, err := range []error{
		second(r.Open(nil, seq, sealed, aad)),
		second(r.Open(nil, seq+1, want, aad)),
		second(r.Open(nil, seq, want, aad[1:])),
		second(r.Open(nil, seq, nil, aad)),
	} {
		if !errors.Is(err, keys.ErrOpen) {
			t.Errorf("altered: %v, want ErrOpen", err)
		}
	}
}

func second(_ []byte, err error) error { return err }

// newAEAD is the oracle for what this package encrypts.
func newAEAD(t *testing.T, suite keys.Algorithm, key []byte) cipher.AEAD {
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

// suites are those that this build has.
func suites() (list []keys.Algorithm) {
	for _, suite := range []keys.Algorithm{keys.AlgChaCha20Poly1305, keys.AlgA256GCM} {
		if keys.Supported(suite) {
			list = append(list, suite)
		}
	}
	return list
}

func TestRatchetMovesForwardOnly(t *testing.T) {
	r := newRatchet(t, keys.AlgChaCha20Poly1305, 3)
	if err := r.Seek(9); err != nil || r.Epoch() != 9 {
		t.Fatalf("epoch %d, %v", r.Epoch(), err)
	}
	for epoch, want := range map[uint32]error{8: keys.ErrErased, 0: keys.ErrErased, keys.MaxEpochs: keys.ErrEpoch, 9: nil} {
		if err := r.Seek(epoch); !errors.Is(err, want) || r.Epoch() != 9 {
			t.Errorf("to epoch %d: %v, want %v; at epoch %d", epoch, err, want, r.Epoch())
		}
	}
	straight := newRatchet(t, keys.AlgChaCha20Poly1305, 3)
	for epoch := range uint32(10) {
		if err := straight.Seek(max(3, epoch)); err != nil {
			t.Fatal(err)
		}
	}
	if straight.Secret() != r.Secret() {
		t.Error("six steps of one and one step of six differ")
	}
	if _, err := keys.NewRatchet(keys.AlgChaCha20Poly1305, testKID, &testSalt, keys.MaxEpochs, &testCS); !errors.Is(err, keys.ErrEpoch) {
		t.Errorf("beginning at the end: %v, want ErrEpoch", err)
	}
	for _, suite := range []keys.Algorithm{0, 1, keys.AlgEd25519} {
		if _, err := keys.NewRatchet(suite, testKID, &testSalt, 0, &testCS); !errors.Is(err, keys.ErrSuite) {
			t.Errorf("suite %d: %v, want ErrSuite", suite, err)
		}
	}
}

// Whoever seizes the memory of a device finds no key of what it sent before.
// What is in memory is read through fmt, which sees unexported fields.
func TestRatchetErases(t *testing.T) {
	r := newRatchet(t, keys.AlgChaCha20Poly1305, 0)
	old := r.Secret()
	trace := strings.Trim(fmt.Sprint(old), "[]")
	if !strings.Contains(r.Memory(), trace) {
		t.Fatal("the current secret is not where the test looks for it")
	}
	if err := r.Seek(1); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.Memory(), trace) {
		t.Error("the secret of epoch 0 is in memory at epoch 1")
	}
	trace = strings.Trim(fmt.Sprint(r.Secret()), "[]")
	r.Erase()
	if strings.Contains(r.Memory(), trace) || r.Secret() != [32]byte{} {
		t.Error("the secret is in memory after Erase")
	}
	if err := r.Seek(1); !errors.Is(err, keys.ErrErased) {
		t.Errorf("moving after Erase: %v, want ErrErased", err)
	}
}

// A secret that is printed by mistake, with whatever verb, does not show.
func TestPrintingShowsNoSecret(t *testing.T) {
	secret := printable
	r, err := keys.NewRatchet(keys.AlgChaCha20Poly1305, testKID, &testSalt, 0, &secret)
	if err != nil {
		t.Fatal(err)
	}
	psk, ed := newPSK(t, 0, secret), keys.NewEd25519(&secret)
	type holder struct{ a, b, c any }
	for _, v := range []any{r, *r, psk, *psk, ed, *ed, holder{r, psk, ed}, &holder{*r, *psk, *ed}} {
		checkPrinting(t, v)
	}
}

// printable is a secret that is easily seen in print.
var printable = [32]byte(bytes.Repeat([]byte{0xa7}, 32))

func checkPrinting(t *testing.T, v any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%p"} {
		text := strings.ToLower(fmt.Sprintf(verb, v))
		for _, trace := range []string{"167 167", "a7a7", "a7 a7", "0xa7, 0xa7", `\xa7\xa7`} {
			if strings.Contains(text, trace) {
				t.Errorf("%s of %T shows the secret: %.80s", verb, v, text)
			}
		}
	}
}

func newPSK(t testing.TB, generation uint32, key [32]byte) *keys.SoftwarePSK {
	t.Helper()
	k, err := keys.NewSoftwarePSK(testKID, generation, &key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPreSharedKeyAgainstSpecification(t *testing.T) {
	key := bytes.Repeat([]byte{0x42}, 32)
	k := newPSK(t, 0, [32]byte(key))
	for g := range uint32(5) {
		if got := k.Key(); k.Generation() != g || !bytes.Equal(got[:], key) {
			t.Fatalf("K_dev[%d] is wrong, or it is generation %d", g, k.Generation())
		}
		info := encode(t, []any{"VSE1", testKID[:], uint64(1)<<40 + 5, g})
		want, err := hkdf.Key(sha256.New, key, testSalt[:], string(info), 32)
		if err != nil {
			t.Fatal(err)
		}
		var got [32]byte
		if err := k.ContentSecret(&got, testKID, 1<<40+5, &testSalt); err != nil || !bytes.Equal(got[:], want) {
			t.Errorf("CS_0 of generation %d is wrong (%v)", g, err)
		}
		if key, err = hkdf.Key(sha256.New, key, nil, string(encode(t, []any{"VSE1", testKID[:], "next", g + 1})), 32); err != nil {
			t.Fatal(err)
		}
		if err := k.Next(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPreSharedKeyMovesForwardOnly(t *testing.T) {
	k := newPSK(t, 7, [32]byte{1})
	before := strings.Trim(fmt.Sprint(k.Key()), "[]")
	if err := k.Advance(20); err != nil || k.Generation() != 20 {
		t.Fatalf("generation %d, %v", k.Generation(), err)
	}
	if strings.Contains(k.Memory(), before) {
		t.Error("the key of generation 7 is in memory at generation 20")
	}
	for _, g := range []uint32{19, 0, keys.MaxGeneration + 1} {
		if err := k.Advance(g); !errors.Is(err, keys.ErrGeneration) || k.Generation() != 20 {
			t.Errorf("to generation %d: %v, want ErrGeneration", g, err)
		}
	}
	var cs [32]byte
	if err := k.ContentSecret(&cs, keys.KeyID{1}, 1, &testSalt); err == nil || cs != [32]byte{} {
		t.Errorf("the key of another device: %v", err)
	}
	if err := newPSK(t, keys.MaxGeneration, [32]byte{1}).Next(); !errors.Is(err, keys.ErrGeneration) {
		t.Errorf("after the last generation: %v", err)
	}
	if _, err := keys.NewSoftwarePSK(testKID, keys.MaxGeneration+1, &[32]byte{}); !errors.Is(err, keys.ErrGeneration) {
		t.Errorf("out of range: %v", err)
	}
}

func TestAllocations(t *testing.T) {
	r := newRatchet(t, keys.AlgChaCha20Poly1305, 0)
	k := newPSK(t, 0, [32]byte{1})
	public := keys.NewEd25519(&[32]byte{1}).Public()
	buf := make([]byte, 0, 256)
	plain := make([]byte, 64)
	sealed := r.Seal(nil, 1, plain, nil)
	var out [32]byte
	for name, f := range map[string]func(){
		"Seal":          func() { r.Seal(buf, 1, plain, nil) },
		"Open":          func() { _, _ = r.Open(buf, 1, sealed, nil) },
		"Commitment":    func() { r.Commitment(&out) },
		"ContentSecret": func() { _ = k.ContentSecret(&out, testKID, 1, &testSalt) },
		"Next":          func() { _ = k.Next() },
		"ID":            func() { public.ID() },
		"AppendHex":     func() { testKID.AppendHex(buf) },
	} {
		if n := testing.AllocsPerRun(50, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

// An erased key gives no content secret, and above all not that of zeros.
func TestErasedPSK(t *testing.T) {
	kid := keys.KeyID{1}
	k, err := keys.NewSoftwarePSK(kid, 3, &[32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	k.Erase()
	err = k.ContentSecret(new([32]byte), kid, 1, &[16]byte{1})
	if !errors.Is(err, keys.ErrGeneration) || !errors.Is(k.Next(), keys.ErrGeneration) ||
		!errors.Is(k.Advance(4), keys.ErrGeneration) || k.Key() != [32]byte{} {
		t.Errorf("an erased key works: %v", err)
	}
}

// TestRatchetReset: a ratchet that has been used, erased or never made becomes the
// one that NewRatchet returns, and a refused Reset changes nothing.
func TestRatchetReset(t *testing.T) {
	used, erased := newRatchet(t, keys.AlgChaCha20Poly1305, 7), newRatchet(t, keys.AlgChaCha20Poly1305, 0)
	erased.Erase()
	for i, r := range []*keys.Ratchet{used, erased, new(keys.Ratchet)} {
		for _, suite := range suites() {
			if err := r.Reset(suite, testKID, &testSalt, 2, &testCS); err != nil {
				t.Fatal(err)
			}
			want := newRatchet(t, suite, 2).Seal(nil, 5, []byte("pulse 71"), nil)
			if got := r.Seal(nil, 5, []byte("pulse 71"), nil); r.Epoch() != 2 || !bytes.Equal(got, want) {
				t.Errorf("ratchet %d, suite %d: epoch %d, sealed %x, want %x", i, suite, r.Epoch(), got, want)
			}
		}
		before := r.Memory()
		if err := r.Reset(-1, keys.KeyID{}, &testSalt, 0, &[32]byte{}); !errors.Is(err, keys.ErrSuite) {
			t.Errorf("unknown suite: %v", err)
		}
		if err := r.Reset(keys.AlgChaCha20Poly1305, keys.KeyID{}, &testSalt, keys.MaxEpochs, &[32]byte{}); !errors.Is(err, keys.ErrEpoch) {
			t.Errorf("epoch out of range: %v", err)
		}
		if r.Memory() != before || r.Epoch() != 2 {
			t.Error("a refused Reset changed the ratchet")
		}
	}
}

// TestSealAfterErase: never a message under a key of zeros.
func TestSealAfterErase(t *testing.T) {
	r := newRatchet(t, keys.AlgChaCha20Poly1305, 0)
	r.Erase()
	defer func() {
		if recover() == nil {
			t.Error("an erased ratchet seals")
		}
	}()
	r.Seal(nil, 1, []byte("pulse 71"), nil)
}
