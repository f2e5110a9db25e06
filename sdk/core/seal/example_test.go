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

// A receiver signs how far it has a chain; the gateway that sent it reads what it
// may let go of.
func ExampleAppendReceipt() {
	var seed [keys.SecretSize]byte
	rand.Read(seed[:])
	receiver := keys.NewEd25519(&seed)
	message, err := seal.AppendReceipt(nil, receiver, &seal.Receipt{
		Site: "north", Gateway: "gw-1", Receiver: "station",
		Chains: []seal.ReceivedChain{{
			Device:     keys.KeyID{0x5b},
			Checkpoint: seal.Checkpoint{EID: seal.EID{1}, Seq: 300, Head: seal.Head{2}},
			Missing:    []seal.Interval{{First: 17, Last: 20}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	registered := receiver.Public() // from the roster, by the receiver's name
	receipt, err := seal.ReadReceipt(message, &registered)
	if err != nil {
		log.Fatal(err)
	}
	if receipt.Site != "north" || receipt.Gateway != "gw-1" || receipt.Receiver != "station" {
		log.Fatal("of another place")
	}
	chain := receipt.Chains[0]
	fmt.Println(chain.Received(16), chain.Received(17), chain.Received(300), chain.Received(301))
	// Output: true false true false
}
