package keys

// HKDF (RFC 5869) for the one shape that is needed: SHA-256 and at most 32 bytes
// of output, so that Expand is a single HMAC. By hand because crypto/hkdf needs
// Go 1.24 and allocates at every step of the ratchet, and because two
// hashes over a stack buffer fit a microcontroller. The tests hold it against
// crypto/hkdf and Wycheproof.

// maxInfo bounds the info of an expansion. The longest is the ratchet's, 42 bytes;
// a longer one than maxInfo would be cut, so every caller builds its info in a
// buffer of this size from parts of fixed size.
const maxInfo = 96

// hmac sets mac to HMAC-SHA-256(key, message || last), for a key of at most 64
// bytes and a message of at most maxInfo.
func hmac(mac *[32]byte, key, message []byte, last ...byte) {
	var inner [64 + maxInfo + 1]byte
	var outer [64 + 32]byte
	for i := range 64 {
		inner[i], outer[i] = 0x36, 0x5c
	}
	for i, b := range key {
		inner[i] ^= b
		outer[i] ^= b
	}
	n := 64 + copy(inner[64:], message)
	n += copy(inner[n:], last)
	sum := sum256(inner[:n])
	copy(outer[64:], sum[:])
	*mac = sum256(outer[:])
	clear(inner[:])
	clear(outer[:])
}

// extract sets prk to HKDF-Extract(salt, ikm).
func extract(prk *[32]byte, salt, ikm []byte) { hmac(prk, salt, ikm) }

// expand sets out to the first 32 bytes of HKDF-Expand(prk, info).
func expand(out *[32]byte, prk *[32]byte, info []byte) { hmac(out, prk[:], info, 1) }
