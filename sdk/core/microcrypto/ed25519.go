package microcrypto

// SignatureSize and SeedSize are those of Ed25519 in bytes.
const (
	SignatureSize = 64
	SeedSize      = 32
)

// Ed25519 is a private key (RFC 8032, section 5.1.5).
type Ed25519 struct {
	scalar scalar // s modulo L
	prefix [32]byte
	public [32]byte
}

// SetSeed sets the key to the one with the given seed.
func (k *Ed25519) SetSeed(seed *[SeedSize]byte) {
	var h SHA512
	var sum [SHA512Size]byte
	h.Reset()
	h.Write(seed[:])
	h.Sum(&sum)
	sum[0] &= 0xf8
	sum[31] = sum[31]&0x7f | 0x40
	k.scalar.setBytes(sum[:32])
	k.scalar.reduce(&k.scalar)
	copy(k.prefix[:], sum[32:])
	clear(sum[:])
	var a point
	a.mulBase(&k.scalar)
	a.encode(&k.public)
}

// Public returns the public key.
func (k *Ed25519) Public() [32]byte { return k.public }

// Erase overwrites the key.
func (k *Ed25519) Erase() { *k = Ed25519{} }

// Sign sets sig to the signature of message. The two have no memory in common.
func (k *Ed25519) Sign(sig *[SignatureSize]byte, message []byte) {
	var h SHA512
	var sum [SHA512Size]byte
	var r, s scalar
	h.Reset()
	h.Write(k.prefix[:])
	h.Write(message)
	h.Sum(&sum)
	r.setHash(&sum)
	clear(sum[:])
	signPoint((*[32]byte)(sig[:32]), &r)

	s.challenge(sig, &k.public, message)
	s.montgomery(&s, &k.scalar)
	s.montgomery(&s, &montgomeryRR)
	s.addModOrder(&r)
	s.putBytes(sig[32:])
	clear(r[:])
}

// signPoint sets b to the encoding of r times the base point, in a frame of its
// own: the points are gone from the stack when the next hash needs it.
//
//go:noinline
func signPoint(b *[32]byte, r *scalar) {
	var p point
	p.mulBase(r)
	p.encode(b)
	p.erase()
}

// challenge sets s to the hash of R, the public key and the message, modulo L.
func (s *scalar) challenge(sig *[SignatureSize]byte, public *[32]byte, message []byte) {
	var h SHA512
	var sum [SHA512Size]byte
	h.Reset()
	h.Write(sig[:32])
	h.Write(public[:])
	h.Write(message)
	h.Sum(&sum)
	s.setHash(&sum)
}
