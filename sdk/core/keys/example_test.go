package keys_test

import (
	"fmt"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// A ratchet seals under the keys of its epoch, and forgets them when it moves.
func ExampleRatchet() {
	kid := keys.NewEd25519(&[32]byte{1}).Public()
	salt, secret := [keys.SaltSize]byte{2}, [keys.SecretSize]byte{3} // random in earnest
	device, _ := keys.NewRatchet(keys.AlgChaCha20Poly1305, kid.ID(), &salt, 0, &secret)
	receiver, _ := keys.NewRatchet(keys.AlgChaCha20Poly1305, kid.ID(), &salt, 0, &secret)

	sealed := device.Seal(nil, 1, []byte("pulse 71"), nil)
	plain, err := receiver.Open(nil, 1, sealed, nil)
	fmt.Println(string(plain), err)

	fmt.Println(device.Seek(1))
	fmt.Println(device.Seek(0))
	// Output:
	// pulse 71 <nil>
	// <nil>
	// keys: content keys of an earlier epoch have been erased
}
