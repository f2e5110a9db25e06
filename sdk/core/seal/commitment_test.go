package seal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/big"
	"testing"

	"golang.org/x/crypto/chacha20"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// TestTwoKeys is the attack that the commitment is for. A hostile device makes
// one batch that opens under two content secrets, CS and CS', to two different
// readings: ChaCha20-Poly1305 does not commit to its key. It signs it, and wraps
// CS to one recipient and CS' to the other. The anchor commits to CS, so the
// second recipient refuses before it opens anything.
func TestTwoKeys(t *testing.T) {
	d := newDevice(1)
	anchor := d.begin(t)
	secrets := [2][32]byte{d.secret, {0xbb, 1}}
	const seq = 5
	p := d.batch(t, &anchor, seq, seal.Head{1}, []byte("x")) // for its headers
	var found [2]onetime
	for i := range secrets {
		key, nonce := contentKey(t, d.public.ID(), &d.anchor.Salt, &secrets[i], seq)
		found[i] = newOnetime(t, key, nonce)
	}
	want := [2]string{"heart rate is 72", "heart rate is 180"}
	p.ciphertext = twoKeyCiphertext(t, p.aad(), &found, want)

	// The attack works on the AEAD: both secrets open the ciphertext.
	for i := range secrets {
		ratchet, err := keys.NewRatchet(keys.AlgChaCha20Poly1305, d.public.ID(), &d.anchor.Salt, 0, &secrets[i])
		if err != nil {
			t.Fatal(err)
		}
		got, err := ratchet.Open(nil, seq, p.ciphertext, p.aad())
		if err != nil || !bytes.Contains(got, []byte(want[i])) {
			t.Fatalf("the forged ciphertext opens under secret %d to %q, %v: the attack is wrong", i, got, err)
		}
	}
	// It does not work on the envelope.
	v := d.verify(t, p.forge(t, d.key))
	if _, err := d.opener(t, anchor).Open(nil, v); err != nil {
		t.Errorf("the committed secret: %v", err)
	}
	if _, err := seal.NewOpener(anchor, &secrets[1]); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("the second secret: %v, want ErrCommitment", err)
	}
}

// onetime is a ChaCha20 stream and the Poly1305 key of one message.
type onetime struct {
	stream []byte // from block 1 on
	r, s   *big.Int
}

func newOnetime(t *testing.T, key [32]byte, nonce [12]byte) onetime {
	t.Helper()
	c, err := chacha20.NewUnauthenticatedCipher(key[:], nonce[:])
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 64+256)
	c.XORKeyStream(out, out)
	rBytes := bytes.Clone(out[:16])
	for _, i := range []int{3, 7, 11, 15} {
		rBytes[i] &= 15
	}
	for _, i := range []int{4, 8, 12} {
		rBytes[i] &= 252
	}
	return onetime{stream: out[64:], r: littleEndian(rBytes), s: littleEndian(out[16:32])}
}

func littleEndian(b []byte) *big.Int {
	b = bytes.Clone(b)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return new(big.Int).SetBytes(b)
}

var prime1305 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 130), big.NewInt(5))

// twoKeyCiphertext makes a ciphertext and tag that open under both streams.
// Block 0 and 1 carry one reading under each key (under the other they are noise),
// block 2 is the unknown of a linear equation: the two Poly1305 sums, plus their
// s, have to be equal. The unknown must fit into a block of 16 bytes, a
// chance of about 1 in 4 and more, so block 3 counts until it does.
func twoKeyCiphertext(t *testing.T, aad []byte, k *[2]onetime, want [2]string) []byte {
	t.Helper()
	const size = 6 * 16 // 2 blocks for each reading, the unknown, the counter
	c := make([]byte, size)
	for i := range want {
		for j := range want[i] {
			c[32*i+j] = want[i][j] ^ k[i].stream[32*i+j]
		}
	}
	const unknown, counter = 64, 80
	for n := range uint64(1 << 16) {
		clear(c[unknown : unknown+16])
		binary.LittleEndian.PutUint64(c[counter:], n)
		// tag_i = poly_i + x r_i^e + s_i mod 2^128, where x is the unknown
		// block; e counts the blocks from it to the end.
		var sum, coefficient [2]*big.Int
		for i := range k {
			sum[i], coefficient[i] = poly1305(aad, c, unknown, k[i].r)
		}
		for carry := int64(-4); carry <= 4; carry++ {
			rhs := new(big.Int).Sub(sum[1], sum[0])
			rhs.Add(rhs, new(big.Int).Sub(k[1].s, k[0].s))
			rhs.Add(rhs, new(big.Int).Lsh(big.NewInt(carry), 128))
			lhs := new(big.Int).Sub(coefficient[0], coefficient[1])
			lhs.Mod(lhs, prime1305)
			x := rhs.Mul(rhs, lhs.ModInverse(lhs, prime1305))
			x.Mod(x, prime1305)
			if x.BitLen() > 128 {
				continue
			}
			block := x.FillBytes(make([]byte, 16))
			for i := range block {
				c[unknown+i] = block[15-i]
			}
			tag := [2][]byte{fullTag(aad, c, &k[0]), fullTag(aad, c, &k[1])}
			if bytes.Equal(tag[0], tag[1]) {
				return append(c, tag[0]...)
			}
			clear(c[unknown : unknown+16])
		}
	}
	t.Fatal("no ciphertext opens under both keys")
	return nil
}

// poly1305 evaluates the sum of RFC 8439, section 2.8, over the associated data
// and the ciphertext, modulo 2^130-5, and returns with it what the block at the
// given place in c is multiplied by.
func poly1305(aad, c []byte, at int, r *big.Int) (sum, coefficient *big.Int) {
	var data []byte
	data = append(data, aad...)
	data = append(data, make([]byte, (16-len(data)%16)%16)...)
	at += len(data)
	data = append(data, c...)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(aad)))
	data = binary.LittleEndian.AppendUint64(data, uint64(len(c)))
	sum, coefficient = new(big.Int), big.NewInt(0)
	for i := 0; i < len(data); i += 16 {
		block := littleEndian(data[i : i+16])
		block.SetBit(block, 128, 1)
		sum.Mod(sum.Mul(sum.Add(sum, block), r), prime1305)
		if i == at {
			coefficient.SetInt64(1)
		}
		coefficient.Mod(coefficient.Mul(coefficient, r), prime1305)
	}
	return sum, coefficient
}

func fullTag(aad, c []byte, k *onetime) []byte {
	sum, _ := poly1305(aad, c, 0, k.r)
	sum.Add(sum, k.s)
	sum.And(sum, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
	b := sum.FillBytes(make([]byte, 16))
	for i, j := 0, 15; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

func TestWrongSecretIsRefused(t *testing.T) {
	d := newDevice(1)
	anchor := d.begin(t)
	for i := range 256 {
		secret := d.secret
		secret[i/8] ^= 1 << (i % 8)
		if _, err := seal.NewOpener(anchor, &secret); !errors.Is(err, seal.ErrCommitment) {
			t.Fatalf("secret with bit %d flipped: %v, want ErrCommitment", i, err)
		}
	}
}
