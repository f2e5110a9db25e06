// Package seal is the envelope VSE-1: it encrypts and signs what one device has
// to say, and verifies and opens it again. FORMAT.md beside this file is the
// normative layout.
//
// The vocabulary:
//
//   - An anchor begins a chain. It is signed and not encrypted, says which boot of
//     the device it belongs to, commits to the content keys, and carries them
//     wrapped to each recipient or names the generation of a pre-shared key. Its
//     hash is the chain's name, the EID.
//   - A batch is one encrypted and signed message under an anchor, with a sequence
//     number from 1 and, in prev, the hash of the message before it.
//   - A grant opens an anchor to one more recipient from some epoch on.
//   - The head of a chain is the hash of its newest message.
//   - A receipt is not an envelope: a receiver signs with it how far it has the
//     chains of a gateway, which can let go of what is received.
//
// A device seals:
//
//	sealer := seal.NewSealer(signer)
//	message, err := sealer.Begin(nil, &anchor, &secret)
//	message, err = sealer.Seal(nil, payload)
//
// A receiver goes one way only, and each step returns the type that the next
// one needs, so that content before verification does not compile:
//
//	envelope, err := seal.Parse(message)              // names a key, proves nothing
//	verified, err := verifier.Verify(envelope, &key)  // authentic
//	payload, err := opener.Open(nil, verified)        // readable
//
// Nothing here reads a clock or a random generator, starts a goroutine, or keeps
// a reference to a caller's slice longer than a comment says.
package seal
