package microcrypto_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

func checkEd25519(t *testing.T, seed *[32]byte, message []byte) {
	t.Helper()
	oracle := ed25519.NewKeyFromSeed(seed[:])
	var k microcrypto.Ed25519
	k.SetSeed(seed)
	public := k.Public()
	if !bytes.Equal(public[:], oracle[32:]) {
		t.Fatalf("seed %x: public key %x, want %x", *seed, public, oracle[32:])
	}
	var sig [64]byte
	k.Sign(&sig, message)
	if want := ed25519.Sign(oracle, message); !bytes.Equal(sig[:], want) {
		t.Fatalf("seed %x, message %x: signature %x, want %x", *seed, message, sig, want)
	}
}

func TestEd25519(t *testing.T) {
	r := newRand(t)
	for n := range 2000 {
		seed := [32]byte(randomBytes(r, 32))
		checkEd25519(t, &seed, randomBytes(r, n%301))
	}
}
