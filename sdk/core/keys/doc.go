// Package keys holds the keys of one device in software: the signing key, the
// pre-shared key of a microcontroller, and the ratchet of content keys that an
// envelope is encrypted with.
//
// The terms are those of COSE (RFC 9052, RFC 9053, RFC 9864):
//
//   - A KeyID (kid) is the first 8 bytes of the COSE_Key thumbprint (RFC 9679) of
//     a device's public key. It names the device on the wire.
//   - A Signer signs as one device. Ed25519 and P256 do it in software; a TPM or a
//     secure element satisfies the same interface.
//   - A PreSharedKey derives the content secret of an anchor where the device
//     cannot afford public-key encryption. A TPM's HMAC key satisfies it too.
//   - A Ratchet is the chain of content secrets under one anchor. It moves forward
//     only and erases what it leaves behind, so that a seized gateway does not
//     open what it has already sent.
//
// There is one rule for Ed25519 everywhere, that of Go's crypto/ed25519:
// libraries disagree on hundreds of edge cases, and two receivers must not.
//
// Nothing here has a String method, and no error names key material.
package keys
