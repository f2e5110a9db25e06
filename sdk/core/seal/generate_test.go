package seal_test

import (
	"crypto/hpke"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// book collects vectors.
type book struct {
	t        *testing.T
	vectors  []*vector
	isRandom map[string]bool // hangs on what HPKE drew, which another Go may draw otherwise
}

func hexField(name string, b []byte) field { return field{name, hex.EncodeToString(b)} }

// add appends a vector of a message by d; a valid one also gets the description
// of what it says.
func (b *book) add(name, expect, must, comment string, d *device, fields ...field) *vector {
	b.t.Helper()
	v := &vector{name: name, fields: []field{{"expect", expect}, {"MUST", must}, {"comment", comment},
		{"alg", strconv.Itoa(int(d.public.Algorithm()))}, hexField("key", d.public.Bytes())}}
	v.fields = append(v.fields, fields...)
	verified, _, err := v.run(b.t)
	if got := verdict(b.t, err); got != expect {
		b.t.Errorf("%s is %s, meant to be %s", name, got, expect)
	}
	if err == nil {
		v.fields = append(v.fields, described(b.t, &verified)...)
	}
	b.vectors = append(b.vectors, v)
	b.isRandom[name] = d.anchor.Recipients != nil
	return v
}

// chain is a device and the chain it has begun, as the vectors tell of it.
type chain struct {
	*device
	message []byte // the anchor's
	anchor  seal.Verified
}

func (b *book) begin(d *device) *chain {
	b.t.Helper()
	message, err := d.sealer.Begin(nil, &d.anchor, &d.secret)
	if err != nil {
		b.t.Fatal(err)
	}
	return &chain{d, message, d.verify(b.t, message)}
}

// read returns the fields that a receiver of m needs.
func (c *chain) read(m []byte, more ...field) []field {
	return append([]field{hexField("secret", c.secret[:]), hexField("anchor", c.message), hexField("message", m)}, more...)
}

// makeVectors makes all vectors, from fixed keys.
func makeVectors(t *testing.T) *book {
	b := &book{t: t, isRandom: map[string]bool{}}
	ward := b.pskAnchor()
	b.batches(ward)
	full := b.fullAnchor(ward)
	b.grants(full)
	b.longIVs()
	b.framing(ward)
	b.headers(ward, full)
	b.brokenBatches(ward)
	b.brokenAnchors(ward, full)
	b.wrongKeys(ward, full)
	return b
}

func (b *book) write() {
	if err := os.RemoveAll(vectorDir); err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range b.vectors {
		if err := os.WriteFile(filepath.Join(vectorDir, v.name+".txt"), v.text(), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

func count32(first byte) (x [32]byte) {
	for i := range x {
		x[i] = first + byte(i)
	}
	return x
}

func count16(first byte) (x [16]byte) {
	y := count32(first)
	copy(x[:], y[:])
	return x
}

// pskAnchor begins the chain that most vectors belong to: Ed25519,
// ChaCha20-Poly1305, pre-shared key at generation 3.
func (b *book) pskAnchor() *chain {
	seed, psk := count32(0), count32(0x80)
	d := newDeviceWith(1, keys.NewEd25519(&seed))
	d.anchor = seal.Anchor{Site: "north", Boot: 7, Salt: count16(0x40), Heartbeat: 30000, Generation: 3}
	key, err := keys.NewSoftwarePSK(d.public.ID(), 0, &psk)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := key.Advance(3); err != nil {
		b.t.Fatal(err)
	}
	if err := key.ContentSecret(&d.secret, d.public.ID(), 7, &d.anchor.Salt); err != nil {
		b.t.Fatal(err)
	}
	c := b.begin(d)
	b.add("anchor-psk", "valid", "12 15", "pre-shared key, Ed25519, ChaCha20-Poly1305; psk is K_dev[0] and the anchor names generation 3",
		d, hexField("psk", psk[:]), hexField("secret", d.secret[:]), hexField("message", c.message))
	return c
}

func (b *book) batches(c *chain) {
	first := []byte("heart rate 72")
	m := c.seal(b.t, first)
	b.add("batch-first", "valid", "16", "first message of a chain; what a payload says is not this format's",
		c.device, c.read(m, hexField("payload", first))...)
	b.add("batch-unread", "valid", "12", "without content keys a message verifies all the same",
		c.device, hexField("anchor", c.message), hexField("message", m))
	for seq := 2; seq < 260; seq++ {
		payload := []byte{byte(seq >> 8), byte(seq)}
		m := c.seal(b.t, payload)
		if seq == 2 || seq >= 255 && seq <= 257 {
			b.add(fmt.Sprintf("batch-seq-%d", seq), "valid", "16 17", "epochs have 256 messages: 255 is in epoch 0, 256 in epoch 1",
				c.device, c.read(m, hexField("payload", payload))...)
		}
	}
	overhead := len(c.batch(b.t, &c.anchor, 300, seal.Head{1}, make([]byte, 1<<14)).forge(b.t, c.key)) - 1<<14
	for extra, expect := range []string{"valid", "too-large"} {
		payload := make([]byte, seal.MaxMessage-overhead+extra)
		m := c.batch(b.t, &c.anchor, 300, seal.Head{1}, payload).forge(b.t, c.key)
		fields := c.read(m)
		if expect == "valid" {
			fields = append(fields, hexField("payload", payload))
		}
		b.add(fmt.Sprintf("size-%d", len(m)), expect, "1", "largest message, and one byte more", c.device, fields...)
	}
}

// fullAnchor begins a chain that uses everything: ESP256, A256GCM, a clock, a
// beacon, the chain before, X25519 and X-Wing recipients.
func (b *book) fullAnchor(before *chain) *chain {
	d := newDeviceWith(2, newDetP256(b.t, count32(1)))
	d.secret = count32(0xc0)
	d.anchor = seal.Anchor{
		Site: "süd", Boot: 1 << 40, Salt: count16(0x50), EpochShift: 2, Suite: keys.AlgA256GCM,
		Clock: seal.Clock{UnixMilli: 1790000000123, Error: 250}, Beacon: seal.Beacon(count16(0x60)),
		Previous: before.sealer.Checkpoint(), Flags: seal.FlagTest | seal.FlagSealedAtEdge,
	}
	extra := seal.AnchorContext(nil, d.public.ID(), d.anchor.Boot, &d.anchor.Salt)
	x25519 := b.wrap(keys.AlgHPKE4KE, 1, d.anchor.Suite, extra, &d.secret)
	xwing := b.wrap(keys.AlgXWingKE, 2, d.anchor.Suite, extra, &d.secret)
	d.anchor.Recipients = []seal.Recipient{x25519.Recipient, xwing.Recipient}
	c := b.begin(d)
	b.add("anchor-recipients", "valid", "9 15", "ESP256, A256GCM, clock, beacon, chain before, X25519 and X-Wing recipients; recipient-n is the private key of the n-th",
		d, hexField("secret", d.secret[:]), hexField("recipient-1", x25519.private),
		hexField("recipient-2", xwing.private), hexField("message", c.message))
	payload := []byte("sealed with A256GCM")
	b.add("batch-a256gcm-esp256", "valid", "12 16", "the other suite and the other signature",
		d, c.read(d.seal(b.t, payload), hexField("payload", payload))...)
	return c
}

type wrapped struct {
	seal.Recipient
	private []byte
}

func (b *book) wrap(alg keys.Algorithm, n byte, suite keys.Algorithm, extra []byte, secret *[32]byte) wrapped {
	b.t.Helper()
	ikm := count32(n)
	private, err := kemOf(alg).DeriveKeyPair(ikm[:])
	if err != nil {
		b.t.Fatal(err)
	}
	w := wrapped{Recipient: seal.Recipient{Algorithm: alg, KeyID: keys.KeyID{n, 0xee}}}
	info := w.AppendInfo(nil, suite, extra)
	enc, sender, err := hpke.NewSender(private.PublicKey(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		b.t.Fatal(err)
	}
	w.Encapsulated = enc
	if w.Wrapped, err = sender.Seal(nil, secret[:]); err != nil {
		b.t.Fatal(err)
	}
	if w.private, err = private.Bytes(); err != nil {
		b.t.Fatal(err)
	}
	return w
}

func (b *book) grants(c *chain) {
	early := c.seal(b.t, []byte("before the grant"))
	for range 3 {
		c.seal(b.t, []byte("in between"))
	}
	epoch, secret, err := c.sealer.GrantSecret()
	if err != nil {
		b.t.Fatal(err)
	}
	extra := seal.GrantContext(nil, c.public.ID(), c.anchor.EID(), epoch)
	w := b.wrap(keys.AlgHPKE4KE, 3, c.anchorSuite(b.t), extra, &secret)
	grant, err := c.sealer.Grant(nil, w.Recipient)
	if err != nil {
		b.t.Fatal(err)
	}
	g := c.verify(b.t, grant)
	granted := []field{hexField("secret", secret[:]), hexField("anchor", c.message)}
	b.add("grant", "valid", "10 15", "from epoch 1 (message 4) on, to an X25519 recipient; secret is CS_1",
		c.device, append(granted, hexField("recipient-1", w.private), hexField("message", grant))...)
	granted = append(granted, hexField("grant", grant))
	late := []byte("after the grant")
	m := c.seal(b.t, late)
	b.add("grant-opens", "valid", "17", "a grantee opens its epoch and later ones", c.device,
		append(granted, hexField("message", m), hexField("payload", late))...)
	b.add("grant-too-early", "cannot-open", "17", "message 2 is of epoch 0, before the grant", c.device,
		append(granted, hexField("message", early))...)
	other := count32(9)
	b.add("grant-other-secret", "commitment", "15", "a grant commits to CS_1 by itself; this is another secret", c.device,
		hexField("secret", other[:]), hexField("anchor", c.message), hexField("message", grant))
	b.brokenGrants(c, g, secret)
}

func (c *chain) anchorSuite(t testing.TB) keys.Algorithm {
	t.Helper()
	a, err := c.anchor.Anchor()
	if err != nil {
		t.Fatal(err)
	}
	return a.Suite
}

// longIVs uses epochs of 2^32 messages to reach Partial IVs of every length.
func (b *book) longIVs() {
	d := newDevice(3)
	d.anchor.EpochShift, d.anchor.Site = 32, "north"
	c := b.begin(d)
	for _, seq := range []uint64{0xff, 0x100, 0xffff, 0x10000, 0xffffff, 0x1000000, 0xffffffff, 0x100000000, seal.MaxSeq} {
		payload := []byte(fmt.Sprint(seq))
		m := c.batch(b.t, &c.anchor, seq, seal.Head(count16(1)), payload).forge(b.t, c.key)
		b.add(fmt.Sprintf("batch-iv-%x", seq), "valid", "7 16 17", "Partial IV of "+strconv.Itoa(len(seqBytes(seq)))+" bytes; epochs of 2^32 messages",
			d, c.read(m, hexField("payload", payload))...)
	}
	d = newDevice(4)
	d.anchor.EpochShift, d.anchor.Site = 1, "north"
	c = b.begin(d)
	last := c.batch(b.t, &c.anchor, 2*keys.MaxEpochs-1, seal.Head{1}, []byte("last"))
	b.add("epoch-last", "valid", "17", "last message of a chain with epochs of 2", d,
		c.read(last.forge(b.t, c.key), hexField("payload", []byte("last")))...)
	past := c.batch(b.t, &c.anchor, 2*keys.MaxEpochs, seal.Head{1}, []byte("past"))
	b.add("epoch-65536", "cannot-open", "17", "epoch 65536: a chain ends before it", d, c.read(past.forge(b.t, c.key))...)
}
