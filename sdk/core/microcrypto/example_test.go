package microcrypto_test

import (
	"fmt"

	"github.com/vitalseal/vitalseal/sdk/core/microcrypto"
)

func Example() {
	seed := [microcrypto.SeedSize]byte{1} // of a random generator
	var key microcrypto.Ed25519
	key.SetSeed(&seed)
	message := []byte("pulse 71")
	var sig [microcrypto.SignatureSize]byte
	key.Sign(&sig, message)
	public := key.Public()
	fmt.Println(microcrypto.VerifyEd25519(&public, message, &sig))

	var aead microcrypto.ChaCha20Poly1305
	aead.SetKey(&seed)
	var nonce [microcrypto.NonceSize]byte // never used twice with one key
	sealed := aead.Seal(nil, &nonce, message, nil)
	opened, ok := aead.Open(nil, &nonce, sealed, nil)
	fmt.Printf("%s, %v, %d bytes more\n", opened, ok, len(sealed)-len(message))
	// Output:
	// true
	// pulse 71, true, 16 bytes more
}
