package seal_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

func (b *book) brokenGrants(c *chain, v seal.Verified, secret [32]byte) {
	for _, x := range []struct {
		name, expect, must, comment string
		change                      func(*seal.Grant)
	}{
		{"grant-epoch-0", "malformed", "10", "epoch 0 is the whole chain", func(g *seal.Grant) { g.Epoch = 0 }},
		{"grant-epoch-65536", "malformed", "10", "no chain has this epoch", func(g *seal.Grant) { g.Epoch = keys.MaxEpochs }},
		{"grant-wrapped-short", "malformed", "10", "a wrapped secret has 48 bytes", func(g *seal.Grant) { g.Recipient.Wrapped = make([]byte, 47) }},
		{"grant-other-chain", "wrong-anchor", "13", "the EID is not this anchor's", func(g *seal.Grant) { g.EID[0] ^= 1 }},
		{"grant-commitment-altered", "commitment", "15", "signed, but the commitment is to another secret",
			func(g *seal.Grant) { g.Commitment[31] ^= 1 }},
	} {
		g, err := v.Grant()
		if err != nil {
			b.t.Fatal(err)
		}
		x.change(&g)
		m := c.outer(appendGrant(&g)).forge(b.t, c.key)
		b.add(x.name, x.expect, x.must, x.comment, c.device,
			hexField("secret", secret[:]), hexField("anchor", c.message), hexField("message", m))
	}
}

// framing breaks the CBOR and COSE around a batch without touching what is signed.
func (b *book) framing(c *chain) {
	m := c.good(b.t).forge(b.t, c.key)
	inner := m[3 : 3+len(header(keys.AlgEd25519, make([]byte, 8)))]
	edit := func(name, must, comment, old, new string) {
		oldBytes, newBytes := unhex(b.t, old), unhex(b.t, new)
		if !bytes.Contains(m, oldBytes) {
			b.t.Fatalf("%s: %s is not in %x", name, old, m)
		}
		b.add(name, "malformed", must, comment, c.device, c.read(bytes.Replace(m, oldBytes, newBytes, 1))...)
	}
	edit("cbor-long-head", "2", "length of the protected header in two bytes", "4d", "580d")
	edit("cbor-long-tag", "2", "tag 18 in two bytes", "d284", "d81284")
	edit("cbor-long-array", "2", "array of four with a two-byte head", "d284", "d29804")
	edit("cbor-reserved-head", "2", "additional information 28", "d284", "d29c")
	chunked := "5f4d" + hex.EncodeToString(inner) + "ff"
	edit("cbor-indefinite-string", "2", "protected header of indefinite length", "4d"+hex.EncodeToString(inner), chunked)
	b.add("cbor-indefinite-array", "malformed", "2", "array of indefinite length", c.device,
		c.read(append(append([]byte{0xd2, 0x9f}, m[2:]...), 0xff))...)
	b.add("cbor-trailing", "malformed", "2", "one byte after the message", c.device, c.read(append(bytes.Clone(m), 0))...)
	b.add("cbor-truncated", "malformed", "2", "last byte missing", c.device, c.read(m[:len(m)-1])...)
	b.add("cbor-empty", "malformed", "2", "two bytes only", c.device, c.read(m[:2])...)
	b.add("cose-untagged", "malformed", "3", "no tag", c.device, c.read(m[1:])...)
	edit("cose-other-tag", "3", "tag 16, COSE_Encrypt0", "d284", "d084")
	edit("cose-five-items", "3", "array of five", "d284", "d285")
	b.add("cose-detached", "malformed", "3", "payload null", c.device,
		c.read(append(append(bytes.Clone(m[:17]), 0xf6), m[len(m)-66:]...))...)
	for _, n := range []int{0, 63, 65, 72} {
		p := c.good(b.t)
		p.signature = make([]byte, n)
		b.add(fmt.Sprintf("signature-%d-bytes", n), "malformed", "3", "a signature has 64 bytes", c.device, c.read(p.forge(b.t, c.key))...)
	}
}

// good returns the parts of a valid batch.
func (c *chain) good(t testing.TB) *parts {
	return c.batch(t, &c.anchor, 300, seal.Head(count16(1)), []byte("seventy-two"))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// headers signs batches whose COSE headers are not what they must be.
func (b *book) headers(c, full *chain) {
	id := c.public.ID()
	kid := hex.EncodeToString(id[:])
	for _, x := range []struct{ name, comment, protected string }{
		{"header-extra-label", "content type beside alg and kid", "a3 01 32 03 00 04 48" + kid},
		{"header-crit", "a critical label", "a3 01 32 02 81 04 04 48" + kid},
		{"header-order", "kid before alg", "a2 04 48" + kid + "01 32"},
		{"header-duplicate-alg", "alg twice", "a2 01 32 01 32"},
		{"header-duplicate-kid", "a third pair that repeats kid", "a3 01 32 04 48" + kid + "04 48" + kid},
		{"header-no-kid", "no kid", "a1 01 32"},
		{"header-no-alg", "no alg", "a1 04 48" + kid},
		{"header-empty", "an empty map", "a0"},
		{"header-nothing", "a string of no bytes, COSE's other empty header", ""},
		{"header-kid-7", "kid of 7 bytes", "a2 01 32 04 47" + kid[:14]},
		{"header-kid-9", "kid of 9 bytes", "a2 01 32 04 49" + kid + "00"},
		{"header-alg-eddsa", "alg -8, EdDSA of any curve", "a2 01 27 04 48" + kid},
		{"header-alg-es256", "alg -7, ECDSA of any curve", "a2 01 26 04 48" + kid},
		{"header-alg-es512", "alg -36", "a2 01 38 23 04 48" + kid},
		{"header-alg-mac", "alg 5, HMAC", "a2 01 05 04 48" + kid},
		{"header-alg-text", "alg as text", "a2 01 67 45 64 32 35 35 31 39 04 48" + kid},
		{"header-alg-long", "alg with a longer head than it needs", "a2 01 38 12 00 04 48" + kid},
		{"header-trailing", "bytes after the map", "a2 01 32 04 48" + kid + "00"},
	} {
		p := c.good(b.t)
		p.protected = unhex(b.t, x.protected)
		b.add(x.name, "malformed", "4", x.comment, c.device, c.read(p.forge(b.t, c.key))...)
	}
	for _, x := range []struct{ name, comment, unprotected string }{
		{"unprotected-kid", "kid in the unprotected header", "a1 04 48" + kid},
		{"unprotected-alg", "alg in the unprotected header", "a1 01 32"},
		{"unprotected-private", "a private label with a value", "a1 3a 00 01 00 00 00"},
		{"unprotected-array", "not a map", "80"},
		{"unprotected-null", "null", "f6"},
	} {
		p := c.good(b.t)
		p.unprotected = unhex(b.t, x.unprotected)
		b.add(x.name, "malformed", "5", x.comment, c.device, c.read(p.forge(b.t, c.key))...)
	}
	for _, x := range []struct {
		name, comment string
		payload       []byte
	}{
		{"payload-empty", "no payload", []byte{}},
		{"payload-map", "a map", []byte{0xa0}},
		{"payload-text", "text", []byte("\x65hello")},
		{"payload-kind-2", "kind 2", array([]byte{2}, []byte{1})},
		{"payload-bare-encrypt0", "COSE_Encrypt0 without eid and prev", array(cbor.AppendBytes(nil, encHeader(24)), partialIV(1), cbor.AppendBytes(nil, make([]byte, 20)))},
	} {
		b.add(x.name, "malformed", "6", x.comment, c.device, c.read(c.outer(x.payload).forge(b.t, c.key))...)
	}
	swapped := full.good(b.t)
	fullID := full.public.ID()
	swapped.protected = header(keys.AlgEd25519, fullID[:])
	b.add("algorithm-swapped", "wrong-key", "11", "header says Ed25519, the registered key is ESP256", full.device, full.read(swapped.forge(b.t, full.key))...)
	p := c.good(b.t)
	p.protected = header(keys.AlgESP256, id[:])
	b.add("algorithm-swapped-back", "wrong-key", "11", "header says ESP256, the registered key is Ed25519", c.device, c.read(p.forge(b.t, c.key))...)
}

// brokenBatches signs batches that are not what they must be inside.
func (b *book) brokenBatches(c *chain) {
	type row struct {
		name, expect, must, comment string
		change                      func(*parts)
	}
	enc := func(s string) func(*parts) {
		return func(p *parts) { p.encProtected = unhex(b.t, s) }
	}
	iv := func(s string) func(*parts) {
		return func(p *parts) { p.encUnprotected = unhex(b.t, s) }
	}
	for _, x := range []row{
		{"batch-iv-empty", "malformed", "7", "Partial IV of no bytes", iv("a1 06 40")},
		{"batch-iv-zero", "malformed", "7", "Partial IV 0, which is the anchor's", iv("a1 06 41 00")},
		{"batch-iv-leading-zero", "malformed", "7", "Partial IV with a leading zero", iv("a1 06 43 00 01 2c")},
		{"batch-iv-6-bytes", "malformed", "7", "Partial IV of 6 bytes", iv("a1 06 46 01 00 00 00 00 00")},
		{"batch-iv-number", "malformed", "7", "Partial IV as a number", iv("a1 06 19 01 2c")},
		{"batch-full-iv", "malformed", "7", "IV instead of a Partial IV", iv("a1 05 4c 00 00 00 00 00 00 00 00 00 00 00 01")},
		{"batch-iv-and-kid", "malformed", "7", "a second unprotected label", iv("a2 04 41 01 06 42 01 2c")},
		{"batch-suite-aes128", "malformed", "7", "A128GCM", enc("a1 01 01")},
		{"batch-suite-missing", "malformed", "7", "no content encryption algorithm", enc("a0")},
		{"batch-suite-extra", "malformed", "7", "a second protected label", enc("a2 01 18 18 03 00")},
		{"batch-suite-long", "malformed", "7", "24 with a longer head than it needs", enc("a1 01 19 00 18")},
		{"batch-suite-trailing", "malformed", "7", "a byte after the protected map", enc("a1 01 18 18 00")},
		{"batch-suite-label", "malformed", "7", "label 2 where alg belongs", enc("a1 02 18 18")},
		{"batch-suite-negative", "malformed", "7", "a negative algorithm", enc("a1 01 32")},
		{"batch-no-content", "malformed", "7", "a tag and no ciphertext", func(p *parts) { p.ciphertext = p.ciphertext[:16] }},
		{"batch-eid-7", "malformed", "7", "EID of 7 bytes", func(p *parts) { p.eid = p.eid[:7] }},
		{"batch-prev-15", "malformed", "7", "prev of 15 bytes", func(p *parts) { p.prev = p.prev[:15] }},
		{"batch-other-eid", "wrong-anchor", "13", "EID of another chain", func(p *parts) { p.eid = bytes.Repeat([]byte{9}, 8) }},
		{"batch-other-suite", "wrong-anchor", "13", "A256GCM under an anchor that says ChaCha20-Poly1305", enc("a1 01 03")},
		{"batch-prev-altered", "cannot-open", "16", "signed, but the ciphertext was made after another message", func(p *parts) { p.prev = bytes.Repeat([]byte{9}, 16) }},
		{"batch-seq-altered", "cannot-open", "16", "signed, but the ciphertext was made with another sequence number", iv("a1 06 42 01 2d")},
		{"batch-tag-altered", "cannot-open", "16", "signed, but the last bit of the tag is wrong", func(p *parts) { p.ciphertext[len(p.ciphertext)-1] ^= 1 }},
		{"batch-other-context", "bad-signature", "12", "signed with the external_aad 'VSE2'", func(p *parts) { p.external = "VSE2" }},
		{"batch-no-context", "bad-signature", "12", "signed with an empty external_aad", func(p *parts) { p.external = "" }},
	} {
		p := c.good(b.t)
		x.change(p)
		b.add(x.name, x.expect, x.must, x.comment, c.device, c.read(p.forge(b.t, c.key))...)
	}
	p := c.batch(b.t, &c.anchor, 1, seal.Head(count16(1)), []byte("x"))
	b.add("batch-first-after-another", "wrong-anchor", "14", "message 1 does not follow the anchor", c.device, c.read(p.forge(b.t, c.key))...)
	other := count32(9)
	m := c.good(b.t).forge(b.t, c.key)
	b.add("batch-other-secret", "commitment", "15", "the content secret is not the one the anchor commits to", c.device,
		hexField("secret", other[:]), hexField("anchor", c.message), hexField("message", m))
	m[len(m)-70] ^= 1
	b.add("batch-altered", "bad-signature", "12", "one bit of the ciphertext's tag on the way", c.device, c.read(m)...)
}

// brokenAnchors signs anchors out of range.
func (b *book) brokenAnchors(c, full *chain) {
	for _, x := range []struct {
		name, must, comment string
		item                int
		value               string // replaces the item; "-" drops it
	}{
		{"anchor-kind-grant", "6", "the shape of an anchor and the kind of a grant", 0, "01"},
		{"anchor-version-2", "6", "version 2", 1, "02"},
		{"anchor-version-0", "6", "version 0", 1, "00"},
		{"anchor-13-items", "6", "flags missing", 13, "-"},
		{"anchor-site-empty", "8", "site of no bytes", 2, "60"},
		{"anchor-site-65", "8", "site of 65 bytes", 2, "7841" + strings.Repeat("61", 65)},
		{"anchor-site-utf8", "8", "site is not UTF-8", 2, "62 c3 28"},
		{"anchor-site-bytes", "8", "site as a byte string", 2, "45 6e 6f 72 74 68"},
		{"anchor-boot-0", "8", "boot 0", 3, "00"},
		{"anchor-boot-negative", "8", "boot -1", 3, "20"},
		{"anchor-salt-15", "8", "salt of 15 bytes", 4, "4f" + strings.Repeat("01", 15)},
		{"anchor-salt-zero", "8", "salt all zero: nobody drew it", 4, "50" + strings.Repeat("00", 16)},
		{"anchor-commitment-31", "8", "commitment of 31 bytes", 5, "581f" + strings.Repeat("01", 31)},
		{"anchor-shift-33", "8", "L = 33", 6, "1821"},
		{"anchor-suite-1", "8", "A128GCM", 7, "01"},
		{"anchor-heartbeat", "8", "heartbeat of 2^32 ms", 8, "1b0000000100000000"},
		{"anchor-clock-0", "9", "clock 0 where null belongs", 9, "82 00 00"},
		{"anchor-clock-negative", "8", "clock before 1970", 9, "82 20 00"},
		{"anchor-clock-far", "8", "clock beyond 2^53 ms", 9, "82 1b 00 20 00 00 00 00 00 01 00"},
		{"anchor-clock-float", "8", "clock as a floating-point number", 9, "82 fb 42 7a 0a 00 00 00 00 00 00"},
		{"anchor-clock-undefined", "9", "undefined instead of null", 9, "f7"},
		{"anchor-beacon-zero", "9", "a beacon of zeros where null belongs", 10, "50" + strings.Repeat("00", 16)},
		{"anchor-beacon-8", "8", "beacon of 8 bytes", 10, "48" + strings.Repeat("01", 8)},
		{"anchor-previous-zero", "9", "a previous EID of zeros where null belongs", 11, "83 48 0000000000000000 01 50" + strings.Repeat("01", 16)},
		{"anchor-previous-seq", "8", "previous sequence number 2^40", 11, "83 48 0100000000000000 1b0000010000000000 50" + strings.Repeat("01", 16)},
		{"anchor-source-empty", "9", "no recipient and no generation", 12, "80"},
		{"anchor-source-null", "9", "null instead of a generation", 12, "f6"},
		{"anchor-generation", "9", "generation 2^20 + 1", 12, "1a00100001"},
		{"anchor-flags-8", "8", "an unknown flag", 13, "08"},
	} {
		a, err := c.anchor.Anchor()
		if err != nil {
			b.t.Fatal(err)
		}
		items := anchorItems(&a)
		if x.value == "-" {
			items = items[:x.item]
		} else {
			items[x.item] = unhex(b.t, x.value)
		}
		m := c.outer(array(items...)).forge(b.t, c.key)
		b.add(x.name, "malformed", x.must, x.comment, c.device, hexField("secret", c.secret[:]), hexField("message", m))
	}
	b.brokenRecipients(full)
	a, err := c.anchor.Anchor()
	if err != nil {
		b.t.Fatal(err)
	}
	a.Commitment[0] ^= 1
	m := c.outer(array(anchorItems(&a)...)).forge(b.t, c.key)
	b.add("anchor-commitment-altered", "commitment", "15", "signed, but the commitment is to another secret", c.device,
		hexField("secret", c.secret[:]), hexField("message", m))
}

func (b *book) brokenRecipients(c *chain) {
	a, err := c.anchor.Anchor()
	if err != nil {
		b.t.Fatal(err)
	}
	good := appendRecipient(nil, &a.Recipients[0])
	for _, x := range []struct{ name, comment, old, new string }{
		{"recipient-header-trailing", "a byte after the protected map", "83 4e a2 01 18 32 04 48 01ee000000000000", "83 4f a2 01 18 32 04 48 01ee000000000000 00"},
		{"recipient-header-extra", "a third protected label", "83 4e a2 01 18 32 04 48 01ee000000000000", "83 50 a3 01 18 32 04 48 01ee000000000000 05 00"},
		{"recipient-header-order", "kid before alg", "a2 01 18 32 04 48 01ee000000000000", "a2 04 48 01ee000000000000 01 18 32"},
		{"recipient-header-text", "alg as text", "83 4e a2 01 18 32", "83 4e a2 01 61 61"},
		{"recipient-header-count", "a map of one pair, and two in it", "83 4e a2", "83 4e a1"},
		{"recipient-header-label", "label 5 where kid belongs", "32 04 48", "32 05 48"},
		{"recipient-kid-unprotected", "a second unprotected label", "a1 23 58 20", "a2 04 41 01 23 58 20"},
		{"recipient-ek-label", "label -5 where -4 belongs", "a1 23 58 20", "a1 24 58 20"},
		{"recipient-nested", "a recipient of the recipient", "83 4e", "84 4e"},
	} {
		old := unhex(b.t, x.old)
		if !bytes.Contains(good, old) {
			b.t.Fatalf("%s: %x is not in %x", x.name, old, good)
		}
		items := anchorItems(&a)
		items[12] = append([]byte{0x81}, bytes.Replace(good, old, unhex(b.t, x.new), 1)...)
		m := c.outer(array(items...)).forge(b.t, c.key)
		b.add(x.name, "malformed", "9", x.comment, c.device, hexField("secret", c.secret[:]), hexField("message", m))
	}
	for _, x := range []struct {
		name, comment string
		change        func([]seal.Recipient) []seal.Recipient
	}{
		{"recipient-wrapped-47", "a wrapped secret has 48 bytes", func(r []seal.Recipient) []seal.Recipient { r[0].Wrapped = r[0].Wrapped[:47]; return r }},
		{"recipient-ek-empty", "nothing encapsulated", func(r []seal.Recipient) []seal.Recipient { r[0].Encapsulated = nil; return r }},
		{"recipient-ek-1121", "more encapsulated than any algorithm gives", func(r []seal.Recipient) []seal.Recipient { r[1].Encapsulated = make([]byte, 1121); return r }},
		{"recipient-17", "17 recipients", func(r []seal.Recipient) []seal.Recipient {
			many := make([]seal.Recipient, 17)
			for i := range many {
				many[i] = r[0]
			}
			return many
		}},
	} {
		a, err := c.anchor.Anchor()
		if err != nil {
			b.t.Fatal(err)
		}
		a.Recipients = x.change(a.Recipients)
		m := c.outer(array(anchorItems(&a)...)).forge(b.t, c.key)
		b.add(x.name, "malformed", "9", x.comment, c.device, hexField("secret", c.secret[:]), hexField("message", m))
	}
}

func (b *book) wrongKeys(c, full *chain) {
	other := newDevice(9)
	m := c.good(b.t).forge(b.t, c.key)
	b.add("key-of-another-device", "wrong-key", "11", "read with the key of another device", other, hexField("message", m))
	id := other.public.ID()
	p := c.good(b.t)
	p.protected = header(keys.AlgEd25519, id[:])
	b.add("kid-of-another-device", "bad-signature", "12", "names another device, signed with the wrong key", other, hexField("message", p.forge(b.t, c.key)))
	mine := c.good(b.t)
	p = other.outer(nil)
	p.eid, p.prev, p.encProtected, p.encUnprotected, p.ciphertext = mine.eid, mine.prev, mine.encProtected, mine.encUnprotected, mine.ciphertext
	stolen := p.forge(b.t, other.key)
	b.add("stolen-ciphertext", "valid", "11", "a ciphertext signed as another device's: authentic as that device's, and of no chain that device began", other, hexField("message", stolen))
	b.add("stolen-ciphertext-read", "wrong-anchor", "13", "the same, read under the anchor it was stolen from", other,
		append(c.read(stolen), hexField("anchor-key", c.public.Bytes()))...)
	ed := c.good(b.t)
	ed.forge(b.t, c.key)
	ed.signature = addOrder(ed.signature)
	b.add("signature-s-plus-order", "bad-signature", "12", "Ed25519 with S + L: the same point, another encoding", c.device, c.read(ed.forge(b.t, c.key))...)
	es := full.good(b.t)
	es.forge(b.t, full.key)
	es.signature = twin(es.signature)
	b.add("signature-esp256-twin", "valid", "18", "(r, n-s) verifies too; eid and head are the same as with (r, s)", full.device, full.read(es.forge(b.t, full.key))...)
	zero := full.good(b.t)
	zero.signature = make([]byte, 64)
	b.add("signature-esp256-zero", "bad-signature", "12", "ESP256 with r = s = 0", full.device, full.read(zero.forge(b.t, full.key))...)
}

// addOrder adds the order of the Ed25519 group to S, little-endian.
func addOrder(sig []byte) []byte {
	order := []byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	out := bytes.Clone(sig)
	carry := 0
	for i, o := range order {
		carry += int(out[32+i]) + int(o)
		out[32+i] = byte(carry)
		carry >>= 8
	}
	return out
}
