package microcrypto

// Sizes of ChaCha20-Poly1305 in bytes.
const (
	KeySize   = 32
	NonceSize = 12
	TagSize   = 16
)

// ChaCha20Poly1305 is the AEAD of RFC 8439 under one key. Messages have less than
// 2^38 bytes.
type ChaCha20Poly1305 struct{ key [8]uint32 }

// SetKey sets the key; the key is copied.
func (c *ChaCha20Poly1305) SetKey(key *[KeySize]byte) {
	for i := range c.key {
		c.key[i] = uint32LE(key[4*i:])
	}
}

// Erase overwrites the key.
func (c *ChaCha20Poly1305) Erase() { c.key = [8]uint32{} }

// Seal appends the ciphertext of plaintext and its tag to dst. The memory that it
// appends to is plaintext's own (dst is plaintext[:0]) or has none in common with
// it.
func (c *ChaCha20Poly1305) Seal(dst []byte, nonce *[NonceSize]byte, plaintext, aad []byte) []byte {
	dst, out := extend(dst, len(plaintext)+TagSize)
	var cipher chacha20
	var mac poly1305
	c.begin(&cipher, &mac, nonce)
	ciphertext := out[:len(plaintext)]
	cipher.xor(ciphertext, plaintext)
	var tag [TagSize]byte
	authenticate(&mac, &tag, ciphertext, aad)
	copy(out[len(plaintext):], tag[:])
	cipher = chacha20{}
	return dst
}

// Open appends the plaintext of ciphertext to dst and returns true, or returns
// false if the ciphertext is not authentic, and then has written nothing. As for
// Seal, dst may be ciphertext[:0].
func (c *ChaCha20Poly1305) Open(dst []byte, nonce *[NonceSize]byte, ciphertext, aad []byte) ([]byte, bool) {
	if len(ciphertext) < TagSize {
		return nil, false
	}
	var cipher chacha20
	var mac poly1305
	c.begin(&cipher, &mac, nonce)
	n := len(ciphertext) - TagSize
	var tag [TagSize]byte
	authenticate(&mac, &tag, ciphertext[:n], aad)
	if !Equal(tag[:], ciphertext[n:]) {
		cipher = chacha20{}
		return nil, false
	}
	dst, out := extend(dst, n)
	cipher.xor(out, ciphertext[:n])
	cipher = chacha20{}
	return dst, true
}

// begin sets the cipher to encrypt, and the authenticator to its one-time key: the
// first half of block 0.
func (c *ChaCha20Poly1305) begin(cipher *chacha20, mac *poly1305, nonce *[NonceSize]byte) {
	cipher.reset(&c.key, nonce)
	var block [16]uint32
	cipher.block(&block)
	mac.reset((*[8]uint32)(block[:8]))
	clear(block[:])
}

func authenticate(mac *poly1305, tag *[TagSize]byte, ciphertext, aad []byte) {
	mac.write(aad)
	mac.write(ciphertext)
	m, n := uint64(len(aad)), uint64(len(ciphertext))
	mac.block(uint32(m), uint32(m>>32), uint32(n), uint32(n>>32))
	mac.sum(tag)
}

// Equal reports whether a and b are equal, in a time that depends on their
// lengths alone.
func Equal(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	var diff byte
	for i := range a {
		diff |= a[i] ^ b[i]
	}
	return diff == 0
}

// extend returns dst with n more bytes, and those bytes.
func extend(dst []byte, n int) (all, more []byte) {
	size := len(dst) + n
	if cap(dst) < size {
		grown := make([]byte, size)
		copy(grown, dst)
		dst = grown
	}
	all = dst[:size]
	return all, all[size-n:]
}
