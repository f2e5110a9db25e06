package seal_test

import (
	"crypto/rand"
	"fmt"
	"log"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// A device begins a chain and seals; a receiver that knows the device's public
// key and shares its content secret parses, verifies and opens.
func Example() {
	// The device. Keys, salt and secret come from a random generator; how the
	// secret reaches the receiver is the anchor's key source.
	var seed, secret [keys.SecretSize]byte
	anchor := seal.Anchor{Site: "north", Boot: 1, Heartbeat: 30_000}
	for _, b := range [][]byte{seed[:], secret[:], anchor.Salt[:]} {
		rand.Read(b)
	}
	signer := keys.NewEd25519(&seed)
	sealer := seal.NewSealer(signer)
	anchorMessage, err := sealer.Begin(nil, &anchor, &secret)
	if err != nil {
		log.Fatal(err)
	}
	message, err := sealer.Seal(nil, []byte("heart rate 72"))
	if err != nil {
		log.Fatal(err)
	}

	// The receiver. Its register of devices says which key belongs to a key id.
	register := map[keys.KeyID]keys.PublicKey{sealer.KeyID(): signer.Public()}
	var verifier seal.Verifier
	verify := func(message []byte) seal.Verified {
		envelope, err := seal.Parse(message)
		if err != nil {
			log.Fatal(err)
		}
		key := register[envelope.KeyID()]
		verified, err := verifier.Verify(envelope, &key)
		if err != nil {
			log.Fatal(err)
		}
		return verified
	}
	opener, err := seal.NewOpener(verify(anchorMessage), &secret)
	if err != nil {
		log.Fatal(err)
	}
	verified := verify(message)
	payload, err := opener.Open(nil, verified)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %d: %s\n", verified.Kind(), verified.Seq(), payload)

	message[len(message)-1] ^= 1
	envelope, err := seal.Parse(message)
	if err != nil {
		log.Fatal(err)
	}
	key := register[envelope.KeyID()]
	_, err = verifier.Verify(envelope, &key)
	fmt.Println(err)
	// Output:
	// batch 1: heart rate 72
	// seal: signature does not verify
}
