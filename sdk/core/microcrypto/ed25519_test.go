package microcrypto_test

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"strconv"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

// checkEd25519 makes a key and a signature and holds them against crypto/ed25519.
func checkEd25519(t *testing.T, seed *[32]byte, message []byte) (public [32]byte, sig [64]byte) {
	t.Helper()
	oracle := ed25519.NewKeyFromSeed(seed[:])
	var k microcrypto.Ed25519
	k.SetSeed(seed)
	if public = k.Public(); !bytes.Equal(public[:], oracle[32:]) {
		t.Fatalf("seed %x: public key %x, want %x", *seed, public, oracle[32:])
	}
	k.Sign(&sig, message)
	if want := ed25519.Sign(oracle, message); !bytes.Equal(sig[:], want) {
		t.Fatalf("seed %x, message %x: signature %x, want %x", *seed, message, sig, want)
	}
	return public, sig
}

// TestEd25519 makes random signatures, 2,000 or as many as MICROCRYPTO_SIGNATURES
// says. A million take about four minutes.
func TestEd25519(t *testing.T) {
	count := 2000
	if s := os.Getenv("MICROCRYPTO_SIGNATURES"); s != "" {
		var err error
		if count, err = strconv.Atoi(s); err != nil {
			t.Fatalf("MICROCRYPTO_SIGNATURES: %v", err)
		}
	}
	r := newRand(t)
	for n := range count {
		seed := [32]byte(randomBytes(r, 32))
		checkEd25519(t, &seed, randomBytes(r, n%301))
	}
	t.Logf("%d signatures equal", count)
}

// TestVerify holds verdicts on signatures, and on what was altered in them,
// against crypto/ed25519's.
func TestVerify(t *testing.T) {
	r := newRand(t)
	for n := range 20 {
		seed := [32]byte(randomBytes(r, 32))
		message := randomBytes(r, n)
		public, sig := checkEd25519(t, &seed, message)
		checkVerdict(t, &public, message, &sig, true)
		checkVerdict(t, &public, append(message, 0), &sig, false)
		for range 20 {
			bit := r.Uint64() % (96 * 8)
			p, s := public, sig
			if bit < 64*8 {
				s[bit/8] ^= 1 << (bit % 8)
			} else {
				p[bit/8-64] ^= 1 << (bit % 8)
			}
			checkVerdict(t, &p, message, &s, false)
		}
	}
}

func checkVerdict(t *testing.T, public *[32]byte, message []byte, sig *[64]byte, want bool) {
	t.Helper()
	got := microcrypto.VerifyEd25519(public, message, sig)
	if oracle := ed25519.Verify(public[:], message, sig[:]); got != want || oracle != want {
		t.Fatalf("key %x, message %x, signature %x: verifies %v, oracle %v, want %v", *public, message, *sig, got, oracle, want)
	}
}

// TestVerifyEdgeCases: libraries differ on these; here the verdict is
// crypto/ed25519's on every one.
func TestVerifyEdgeCases(t *testing.T) {
	var cases []struct {
		Key, Sig hexBytes
		Msg      string
	}
	readJSON(t, "CCTV/ed25519/ed25519vectors.json", &cases)
	accepted := 0
	for i, c := range cases {
		got := microcrypto.VerifyEd25519((*[32]byte)(c.Key), []byte(c.Msg), (*[64]byte)(c.Sig))
		if want := ed25519.Verify(ed25519.PublicKey(c.Key), []byte(c.Msg), c.Sig); got != want {
			t.Errorf("case %d: verifies %v, want %v", i, got, want)
		}
		if got {
			accepted++
		}
	}
	if len(cases) != 914 || accepted != 208 {
		t.Errorf("accepted %d of %d, want 208 of 914", accepted, len(cases))
	}
}

func FuzzEd25519(f *testing.F) {
	f.Add([]byte("seed"), []byte("message"))
	f.Fuzz(func(t *testing.T, s, message []byte) {
		var seed [32]byte
		copy(seed[:], s)
		public, sig := checkEd25519(t, &seed, message)
		checkVerdict(t, &public, message, &sig, true)
	})
}

// FuzzVerify is about keys and signatures that nobody made.
func FuzzVerify(f *testing.F) {
	public, sig := []byte(ed25519.NewKeyFromSeed(make([]byte, 32))[32:]), make([]byte, 64)
	f.Add(public, []byte("message"), sig)
	f.Add(bytes.Repeat([]byte{0xff}, 32), []byte{}, append([]byte{1}, make([]byte, 63)...))
	f.Add(append([]byte{1}, make([]byte, 31)...), []byte{}, append([]byte{1}, make([]byte, 63)...))
	f.Fuzz(func(t *testing.T, p, message, s []byte) {
		var public [32]byte
		var sig [64]byte
		copy(public[:], p)
		copy(sig[:], s)
		got := microcrypto.VerifyEd25519(&public, message, &sig)
		if want := ed25519.Verify(public[:], message, sig[:]); got != want {
			t.Errorf("key %x, message %x, signature %x: verifies %v, want %v", public, message, sig, got, want)
		}
	})
}

func TestEd25519AllocatesNothing(t *testing.T) {
	var k microcrypto.Ed25519
	seed, message := [32]byte{1}, make([]byte, 200)
	var sig [64]byte
	if allocs := testing.AllocsPerRun(10, func() {
		k.SetSeed(&seed)
		k.Sign(&sig, message)
		public := k.Public()
		if !microcrypto.VerifyEd25519(&public, message, &sig) {
			panic("does not verify")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
	k.Erase()
	if k != (microcrypto.Ed25519{}) {
		t.Error("an erased key is not zero")
	}
}

func BenchmarkSign(b *testing.B) {
	var k microcrypto.Ed25519
	k.SetSeed(&[32]byte{1})
	message := make([]byte, 180)
	var sig [64]byte
	for b.Loop() {
		k.Sign(&sig, message)
	}
}
