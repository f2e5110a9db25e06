package keys

import "fmt"

// What the vectors for HKDF and HMAC need of hkdf.go.

// MaxInfo is the longest message that HMAC takes.
const MaxInfo = maxInfo

// HMAC returns HMAC-SHA-256 for a key of at most 64 bytes.
func HMAC(key, message []byte) (mac [32]byte) {
	hmac(&mac, key, message)
	return mac
}

// HKDF returns the first 32 bytes of HKDF-SHA-256.
func HKDF(ikm, salt, info []byte) (okm [32]byte) {
	var prk [32]byte
	extract(&prk, salt, ikm)
	expand(&okm, &prk, info)
	return okm
}

// Supported reports whether this build has the suite.
func Supported(suite Algorithm) bool { return supported(suite) }

// Memory prints what the ratchet holds, for tests of erasure.
func (r *Ratchet) Memory() string { return fmt.Sprint(*r.keys()) }

// Memory prints what the key holds.
func (k *SoftwarePSK) Memory() string { return fmt.Sprint(*k.key()) }
