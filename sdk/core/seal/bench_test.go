package seal_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

var benchSizes = []int{64, 256, 1024, 2048}

func benchDevices(b *testing.B) map[string]*device {
	out := map[string]*device{"Ed25519": newDevice(1), "ESP256": newDeviceWith(2, newDetP256(b, [32]byte{1}))}
	for _, d := range out {
		d.anchor.EpochShift = 20
	}
	return out
}

func BenchmarkSeal(b *testing.B) {
	for name, d := range benchDevices(b) {
		d.begin(b)
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				payload, message := make([]byte, size), make([]byte, 0, size+256)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := d.sealer.Seal(message, payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, d := range benchDevices(b) {
		d.begin(b)
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				message := d.seal(b, make([]byte, size))
				var verifier seal.Verifier
				b.ReportAllocs()
				for b.Loop() {
					e, err := seal.Parse(message)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := verifier.Verify(e, &d.public); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for name, suite := range map[string]keys.Algorithm{"ChaCha20Poly1305": keys.AlgChaCha20Poly1305, "A256GCM": keys.AlgA256GCM} {
		d := newDevice(1)
		d.anchor.Suite = suite
		opener := d.opener(b, d.begin(b))
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				v, out := d.verify(b, d.seal(b, make([]byte, size))), make([]byte, 0, size)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := opener.Open(out, v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// primitives does with bare primitives what sealing cannot do without: AEAD,
// signature and hash over the same lengths.
type primitives struct {
	private    ed25519.PrivateKey
	ratchet    *keys.Ratchet
	seq        uint64
	aad, tbs   []byte
	ciphertext []byte
	sink       byte
}

func newPrimitives(b testing.TB, d *device, size int) *primitives {
	b.Helper()
	ratchet, err := keys.NewRatchet(keys.AlgChaCha20Poly1305, d.public.ID(), &d.anchor.Salt, 0, &d.secret)
	if err != nil {
		b.Fatal(err)
	}
	seed := [32]byte{1}
	anchor := d.begin(b)
	parts := d.batch(b, &anchor, 1<<16, seal.Head{}, make([]byte, size)) // in mid-run Partial IVs have 2 or 3 bytes
	parts.forge(b, d.key)
	return &primitives{
		private: ed25519.NewKeyFromSeed(seed[:]), ratchet: ratchet, aad: parts.aad(),
		tbs:        toBeSigned(parts.protected, parts.external, parts.payload),
		ciphertext: make([]byte, 0, size+keys.TagSize),
	}
}

func (p *primitives) run(payload []byte) {
	p.seq++
	ciphertext := p.ratchet.Seal(p.ciphertext, p.seq, payload, p.aad)
	signature := ed25519.Sign(p.private, p.tbs)
	digest := sha256.Sum256(p.tbs)
	p.sink ^= ciphertext[0] ^ signature[0] ^ digest[0]
}
