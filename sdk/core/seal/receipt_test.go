package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// station is the receiver that signs in these tests; its key is no device's.
func station() *keys.Ed25519 {
	seed := count32(0x20)
	return keys.NewEd25519(&seed)
}

// chainOf returns a chain of which all up to seq is received.
func chainOf(device, eid byte, seq uint64) seal.ReceivedChain {
	return seal.ReceivedChain{
		Device:     keys.KeyID{device},
		Checkpoint: seal.Checkpoint{EID: seal.EID{eid}, Seq: seq, Head: seal.Head(count16(device + eid + 1))},
	}
}

func receiptOf(chains ...seal.ReceivedChain) *seal.Receipt {
	return &seal.Receipt{Site: "north", Gateway: "gw-1", Receiver: "station", Chains: chains}
}

// fullReceipt has an entry of each kind.
func fullReceipt() *seal.Receipt {
	whole, gaps, lost := chainOf(1, 1, 300), chainOf(1, 2, 70_000), chainOf(2, 1, seal.MaxSeq)
	gaps.Missing = []seal.Interval{{First: 1, Last: 1}, {First: 3, Last: 3}, {First: 256, Last: 69_999}}
	lost.GivenUp = seal.Interval{First: 5, Last: 900}
	lost.Missing = []seal.Interval{{First: 902, Last: 910}}
	over, begun := chainOf(3, 1, 12), chainOf(4, 1, 0)
	over.Refused = true
	never := seal.ReceivedChain{Device: keys.KeyID{5}, Checkpoint: seal.Checkpoint{EID: seal.EID{9}}, Refused: true}
	return receiptOf(whole, gaps, lost, over, begun, never)
}

// describedReceipt states what a receipt says, as a vector does.
func describedReceipt(r *seal.Receipt) []field {
	fs := []field{{"site", r.Site}, {"gateway", r.Gateway}, {"receiver", r.Receiver}, {"chains", strconv.Itoa(len(r.Chains))}}
	for i := range r.Chains {
		c := &r.Chains[i]
		line := fmt.Sprintf("%v %v %d %x", c.Device, c.EID, c.Seq, c.Head)
		for _, m := range c.Missing {
			line += fmt.Sprintf(" missing %d-%d", m.First, m.Last)
		}
		if c.GivenUp != (seal.Interval{}) {
			line += fmt.Sprintf(" given up %d-%d", c.GivenUp.First, c.GivenUp.Last)
		}
		if c.Refused {
			line += " refused"
		}
		fs = append(fs, field{"chain-" + strconv.Itoa(i+1), line})
	}
	return fs
}

// receiptItems encodes the six items of a receipt's payload without the package
// under test.
func receiptItems(r *seal.Receipt) [][]byte {
	var chains [][]byte
	for i := range r.Chains {
		chains = append(chains, array(chainItems(&r.Chains[i])...))
	}
	return [][]byte{{2}, {1}, cbor.AppendText(nil, r.Site), cbor.AppendText(nil, r.Gateway),
		cbor.AppendText(nil, r.Receiver), array(chains...)}
}

func chainItems(c *seal.ReceivedChain) [][]byte {
	head, givenUp, refused := []byte{0xf6}, []byte{0xf6}, []byte{0xf4}
	if c.Head != (seal.Head{}) {
		head = cbor.AppendBytes(nil, c.Head[:])
	}
	var missing [][]byte
	for _, m := range c.Missing {
		missing = append(missing, cbor.AppendUint(nil, m.First), cbor.AppendUint(nil, m.Last))
	}
	if c.GivenUp != (seal.Interval{}) {
		givenUp = array(cbor.AppendUint(nil, c.GivenUp.First), cbor.AppendUint(nil, c.GivenUp.Last))
	}
	if c.Refused {
		refused = []byte{0xf5}
	}
	return [][]byte{cbor.AppendBytes(nil, c.Device[:]), cbor.AppendBytes(nil, c.EID[:]), cbor.AppendUint(nil, c.Seq),
		head, array(missing...), givenUp, refused}
}

// receiptParts returns the parts of a receipt of station with this payload.
func receiptParts(payload []byte) *parts {
	public := station().Public()
	id := public.ID()
	return &parts{tag: []byte{0xd2}, protected: header(keys.AlgEd25519, id[:]), unprotected: []byte{0xa0},
		payload: payload, external: "VSE1 RECEIPT"}
}

const receiptDir = "testdata/receipts"

// makeReceipts makes all vectors of receipts, from fixed keys.
func makeReceipts(t *testing.T) (all []*vector) {
	public := station().Public()
	add := func(name, expect, must, comment string, message []byte) {
		t.Helper()
		v := &vector{name: name, fields: []field{{"expect", expect}, {"MUST", must}, {"comment", comment},
			{"alg", strconv.Itoa(int(public.Algorithm()))}, hexField("key", public.Bytes()), hexField("message", message)}}
		r, err := seal.ReadReceipt(message, &public)
		if got := verdict(t, err); got != expect {
			t.Errorf("%s is %s, meant to be %s", name, got, expect)
		}
		if err == nil {
			v.fields = append(v.fields, describedReceipt(&r)...)
		}
		all = append(all, v)
	}
	valid := func(name, comment string, r *seal.Receipt) []byte {
		t.Helper()
		message, err := seal.AppendReceipt(nil, station(), r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		add(name, "valid", "37", comment, message)
		return message
	}
	one := chainOf(1, 1, 300)
	first := valid("receipt", "all up to message 300 of one chain", receiptOf(one))
	valid("receipt-full", "whole, with gaps, with a run given up, refused with and without a beginning, the anchor alone", fullReceipt())
	valid("receipt-none", "no chain", receiptOf())
	broken := func(name, must, comment string, payload []byte) {
		t.Helper()
		add(name, "malformed", must, comment, receiptParts(payload).forge(t, station()))
	}
	brokenReceipts(broken)
	framedReceipts(t, add, first)
	return all
}

// framedReceipts breaks what stands around the payload of a receipt.
func framedReceipts(t *testing.T, add func(name, expect, must, comment string, message []byte), good []byte) {
	payload := array(receiptItems(receiptOf(chainOf(1, 1, 300)))...)
	frame := func(name, expect, must, comment string, change func(*parts)) {
		p := receiptParts(payload)
		change(p)
		add(name, expect, must, comment, p.forge(t, station()))
	}
	add("receipt-too-large", "too-large", "33", "32,769 bytes", append(bytes.Clone(good), make([]byte, seal.MaxMessage+1-len(good))...))
	frame("receipt-trailing", "malformed", "34", "one byte after the message", func(p *parts) { p.tail = []byte{0} })
	frame("receipt-long-tag", "malformed", "34", "tag 18 in two bytes", func(p *parts) { p.tag = []byte{0xd8, 0x12} })
	frame("receipt-untagged", "malformed", "34", "no tag", func(p *parts) { p.tag = nil })
	frame("receipt-unprotected", "malformed", "34", "kid in the unprotected header", func(p *parts) {
		p.unprotected = append([]byte{0xa1, 0x04, 0x48}, p.protected[len(p.protected)-8:]...)
	})
	frame("receipt-header-type", "malformed", "34", "a content type beside alg and kid", func(p *parts) {
		kid := p.protected[len(p.protected)-9:]
		p.protected = append([]byte{0xa3, 0x01, 0x32, 0x03, 0x00, 0x04}, kid...)
	})
	frame("receipt-signature-63", "malformed", "34", "a signature has 64 bytes", func(p *parts) { p.signature = make([]byte, 63) })
	frame("receipt-other-key", "wrong-key", "35", "the header names a key that is not registered for this receiver",
		func(p *parts) { p.protected = header(keys.AlgEd25519, make([]byte, 8)) })
	frame("receipt-other-algorithm", "wrong-key", "35", "the header says ESP256, the registered key is Ed25519", func(p *parts) {
		p.protected = header(keys.AlgESP256, p.protected[len(p.protected)-8:])
	})
	frame("receipt-signed-as-envelope", "bad-signature", "36", "external_aad 'VSE1'", func(p *parts) { p.external = "VSE1" })
	frame("receipt-signed-as-roster", "bad-signature", "36", "external_aad 'VITALSEAL ROSTER'", func(p *parts) { p.external = "VITALSEAL ROSTER" })
	add("receipt-altered", "bad-signature", "36", "301 in the place of 300", bytes.Replace(good, []byte{0x19, 0x01, 0x2c}, []byte{0x19, 0x01, 0x2d}, 1))
	frame("receipt-unsigned-malformed", "bad-signature", "36", "nothing is read before the signature verifies", func(p *parts) {
		p.payload, p.signature = []byte{0xa0}, make([]byte, keys.SignatureSize)
	})
}

// brokenReceipts signs payloads that are not what they must be.
func brokenReceipts(broken func(name, must, comment string, payload []byte)) {
	one := chainOf(1, 1, 300)
	items := func(change func(items [][]byte) [][]byte) []byte {
		return array(change(receiptItems(receiptOf(one)))...)
	}
	set := func(i int, item []byte) []byte {
		return items(func(x [][]byte) [][]byte { x[i] = item; return x })
	}
	broken("receipt-kind-anchor", "37", "kind 0", set(0, []byte{0}))
	broken("receipt-version-2", "37", "version 2", set(1, []byte{2}))
	broken("receipt-5-items", "37", "five items", items(func(x [][]byte) [][]byte { return x[:5] }))
	broken("receipt-payload-trailing", "37", "a byte after the array", append(set(0, []byte{2}), 0))
	broken("receipt-map", "37", "a map", []byte{0xa0})
	for i, name := range []string{"site", "gateway", "receiver"} {
		broken("receipt-"+name+"-empty", "37", "no "+name, set(2+i, []byte{0x60}))
		broken("receipt-"+name+"-65", "37", "a "+name+" of 65 bytes", set(2+i, cbor.AppendText(nil, strings.Repeat("a", 65))))
	}
	broken("receipt-site-utf8", "37", "a site that is not UTF-8", set(2, []byte{0x61, 0xff}))
	broken("receipt-site-bytes", "37", "the site as a byte string", set(2, []byte("\x45north")))
	broken("receipt-chains-null", "37", "null for no chains", set(5, []byte{0xf6}))
	many := receiptOf()
	for i := range seal.MaxReceiptChains + 1 {
		c := seal.ReceivedChain{Refused: true}
		c.EID = seal.EID{byte(i >> 8), byte(i)}
		many.Chains = append(many.Chains, c)
	}
	broken("receipt-513-chains", "37", "more than 512 chains", array(receiptItems(many)...))
	whole := func(chains ...seal.ReceivedChain) []byte { return array(receiptItems(receiptOf(chains...))...) }
	broken("receipt-chain-twice", "38", "one chain twice", whole(one, one))
	broken("receipt-chain-order", "38", "chains in descending order of eid", whole(chainOf(1, 2, 3), chainOf(1, 1, 3)))
	broken("receipt-device-order", "38", "devices in descending order", whole(chainOf(2, 1, 3), chainOf(1, 1, 3)))
	chain := func(i int, item []byte) []byte {
		c := chainItems(&one)
		c[i] = item
		return set(5, array(array(c...)))
	}
	broken("receipt-chain-6-items", "37", "a chain of six items", set(5, array(array(chainItems(&one)[:6]...))))
	broken("receipt-device-7", "37", "a device of 7 bytes", chain(0, []byte("\x471234567")))
	broken("receipt-eid-9", "37", "an eid of 9 bytes", chain(1, []byte("\x49123456789")))
	broken("receipt-seq-2-40", "37", "a number that no chain reaches", chain(2, cbor.AppendUint(nil, seal.MaxSeq+1)))
	broken("receipt-seq-negative", "37", "seq -1", chain(2, []byte{0x20}))
	broken("receipt-seq-long", "37", "seq 300 in five bytes", chain(2, []byte{0x1a, 0, 0, 1, 0x2c}))
	broken("receipt-head-15", "37", "a head of 15 bytes", chain(3, []byte("\x4f123456789012345")))
	broken("receipt-head-zero", "37", "a head of zeros in the place of null", chain(3, cbor.AppendBytes(nil, make([]byte, 16))))
	broken("receipt-head-null", "39", "no head, and not refused", chain(3, []byte{0xf6}))
	broken("receipt-refused-1", "37", "refused as a number", chain(6, []byte{1}))
	broken("receipt-missing-odd", "37", "a run without an end", chain(4, array([]byte{1})))
	broken("receipt-given-up-zero", "37", "[0, 0] in the place of null", chain(5, array([]byte{0}, []byte{0})))
	broken("receipt-given-up-one", "37", "a run without an end", chain(5, array([]byte{1})))
	brokenRuns(func(name, comment string, change func(*seal.ReceivedChain)) {
		c := one
		change(&c)
		broken("receipt-"+name, "39", comment, whole(c))
	})
}

// brokenRuns changes chains so that what they say cannot be.
func brokenRuns(broken func(name, comment string, change func(*seal.ReceivedChain))) {
	missing := func(runs ...seal.Interval) func(*seal.ReceivedChain) {
		return func(c *seal.ReceivedChain) { c.Missing = runs }
	}
	broken("missing-anchor", "the anchor missing", missing(seal.Interval{First: 0, Last: 3}))
	broken("missing-seq", "the message of the head missing", missing(seal.Interval{First: 5, Last: 300}))
	broken("missing-backwards", "a run that ends before it begins", missing(seal.Interval{First: 6, Last: 5}))
	broken("missing-order", "runs in descending order", missing(seal.Interval{First: 9, Last: 9}, seal.Interval{First: 5, Last: 5}))
	broken("missing-joined", "two runs that are one", missing(seal.Interval{First: 5, Last: 5}, seal.Interval{First: 6, Last: 9}))
	var many []seal.Interval
	for i := range uint64(seal.MaxMissing + 1) {
		many = append(many, seal.Interval{First: 2*i + 1, Last: 2*i + 1})
	}
	broken("missing-65", "more than 64 runs", missing(many...))
	broken("given-up-anchor", "the anchor given up", func(c *seal.ReceivedChain) { c.GivenUp = seal.Interval{First: 0, Last: 2} })
	broken("given-up-seq", "the message of the head given up", func(c *seal.ReceivedChain) { c.GivenUp = seal.Interval{First: 2, Last: 300} })
	broken("given-up-backwards", "a run that ends before it begins", func(c *seal.ReceivedChain) { c.GivenUp = seal.Interval{First: 3, Last: 2} })
	broken("given-up-missing", "given up and missing", func(c *seal.ReceivedChain) {
		c.GivenUp, c.Missing = seal.Interval{First: 2, Last: 9}, []seal.Interval{{First: 10, Last: 11}}
	})
	broken("refused-seq", "refused without a head, but up to 300", func(c *seal.ReceivedChain) { c.Head, c.Refused = seal.Head{}, true })
	broken("refused-missing", "refused without a head, but with a gap", func(c *seal.ReceivedChain) {
		c.Head, c.Seq, c.Refused, c.Missing = seal.Head{}, 0, true, []seal.Interval{{First: 1, Last: 1}}
	})
}

func TestReceiptVectors(t *testing.T) {
	for _, v := range vectorsIn(t, receiptDir) {
		t.Run(v.name, func(t *testing.T) {
			key := v.key(t)
			message := v.hex(t, "message")
			r, err := seal.ReadReceipt(message, &key)
			if got := verdict(t, err); got != v.get("expect") {
				t.Fatalf("%s (%v), want %s: %s", got, err, v.get("expect"), v.get("comment"))
			}
			if _, err := seal.Parse(message); err == nil {
				t.Error("it is an envelope too")
			}
			named, shape := seal.ReceiptKeyID(message)
			switch v.get("expect") {
			case "valid":
				if shape != nil || named != key.ID() {
					t.Errorf("ReceiptKeyID: %v, %v", named, shape)
				}
			case "malformed", "too-large":
				if shape == nil {
					t.Error("ReceiptKeyID takes it for a receipt")
				}
			}
			if v.get("expect") != "valid" {
				return
			}
			for _, f := range describedReceipt(&r) {
				if got := v.get(f.name); got != f.value {
					t.Errorf("%s is %q, the vector says %q", f.name, f.value, got)
				}
			}
			if again, err := seal.AppendReceipt(nil, station(), &r); err != nil || !bytes.Equal(again, message) {
				t.Errorf("it is written again as %x, %v", again, err)
			}
		})
	}
}

func TestReceiptVectorsAreMadeAgain(t *testing.T) {
	made := makeReceipts(t)
	if t.Failed() {
		return
	}
	if *update {
		if err := errors.Join(os.RemoveAll(receiptDir), os.MkdirAll(receiptDir, 0o755)); err != nil {
			t.Fatal(err)
		}
		for _, v := range made {
			if err := os.WriteFile(filepath.Join(receiptDir, v.name+".txt"), v.text(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	stored := vectorsIn(t, receiptDir)
	if len(stored) != len(made) {
		t.Errorf("%d files, %d are made", len(stored), len(made))
	}
	for _, v := range made {
		i := slices.IndexFunc(stored, func(s *vector) bool { return s.name == v.name })
		if i < 0 || !bytes.Equal(stored[i].text(), v.text()) {
			t.Errorf("%s is made as\n%s", v.name, v.text())
		}
	}
}

// TestReceiptRefuses: what a reader refuses is not signed either.
func TestReceiptRefuses(t *testing.T) {
	count := 0
	refuse := func(name string, r *seal.Receipt) {
		t.Helper()
		count++
		if b, err := seal.AppendReceipt([]byte{1}, station(), r); !errors.Is(err, seal.ErrReceipt) || b != nil {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
	refuse("zero", &seal.Receipt{})
	for i, name := range []string{"", strings.Repeat("a", 65), "\xff"} {
		for j := range 3 {
			r := fullReceipt()
			*[]*string{&r.Site, &r.Gateway, &r.Receiver}[j] = name
			refuse(fmt.Sprintf("name %d of %d", i, j), r)
		}
	}
	refuse("twice", receiptOf(chainOf(1, 1, 1), chainOf(1, 1, 1)))
	refuse("order", receiptOf(chainOf(2, 1, 1), chainOf(1, 1, 1)))
	refuse("seq", receiptOf(chainOf(1, 1, seal.MaxSeq+1)))
	brokenRuns(func(name, _ string, change func(*seal.ReceivedChain)) {
		c := chainOf(1, 1, 300)
		change(&c)
		refuse(name, receiptOf(c))
	})
	many := receiptOf()
	for i := range seal.MaxReceiptChains + 1 {
		c := chainOf(1, 1, 1)
		c.EID = seal.EID{byte(i >> 8), byte(i)}
		many.Chains = append(many.Chains, c)
	}
	refuse("chains", many)
	t.Logf("%d receipts refused", count)

	large := receiptOf()
	for i := range seal.MaxReceiptChains {
		c := chainOf(1, 1, 1<<32)
		c.EID = seal.EID{byte(i >> 8), byte(i)}
		for j := range uint64(seal.MaxMissing) {
			c.Missing = append(c.Missing, seal.Interval{First: 2*j + 1, Last: 2*j + 1})
		}
		large.Chains = append(large.Chains, c)
	}
	if b, err := seal.AppendReceipt([]byte{1}, station(), large); !errors.Is(err, seal.ErrTooLarge) || b != nil {
		t.Errorf("%d bytes, %v, want ErrTooLarge", len(b), err)
	}
}

// TestReceiptIsNoEnvelope: no signature of one is worth anything as the other's,
// whoever's the key is.
func TestReceiptIsNoEnvelope(t *testing.T) {
	d := newDevice(1)
	d.begin(t)
	receipt, err := seal.AppendReceipt(nil, d.key, fullReceipt())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Parse(receipt); !errors.Is(err, seal.ErrMalformed) {
		t.Errorf("a receipt parses as an envelope: %v", err)
	}
	if _, err := seal.ReadReceipt(d.seal(t, []byte("x")), &d.public); !errors.Is(err, seal.ErrBadSignature) {
		t.Errorf("a batch is read as a receipt: %v", err)
	}
	// The payload of one with the signature of the other, both ways.
	_, _, payload := split(t, d.seal(t, []byte("y")))
	p := d.outer(payload)
	p.external = "VSE1 RECEIPT"
	e, err := seal.Parse(p.forge(t, d.key))
	if err != nil {
		t.Fatal(err)
	}
	var verifier seal.Verifier
	if _, err := verifier.Verify(e, &d.public); !errors.Is(err, seal.ErrBadSignature) {
		t.Errorf("a batch signed as a receipt verifies: %v", err)
	}
	if _, err := seal.ReadReceipt(p.forge(t, d.key), &d.public); !errors.Is(err, seal.ErrMalformed) {
		t.Errorf("a batch signed as a receipt is read as one: %v", err)
	}
}

// TestReceiptAltered flips every bit.
func TestReceiptAltered(t *testing.T) {
	public := station().Public()
	good, err := seal.AppendReceipt(nil, station(), fullReceipt())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(good) {
		message := bytes.Clone(good)
		message[i/8] ^= 1 << (i % 8)
		if r, err := seal.ReadReceipt(message, &public); err == nil || r.Site != "" || r.Chains != nil {
			t.Fatalf("bit %d altered: %+v, %v", i, r, err)
		}
	}
	var zero keys.PublicKey
	if _, err := seal.ReadReceipt(good, &zero); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("without a key: %v", err)
	}
}

func TestReceivedChain(t *testing.T) {
	c := chainOf(1, 1, 20)
	c.GivenUp = seal.Interval{First: 2, Last: 4}
	c.Missing = []seal.Interval{{First: 7, Last: 7}, {First: 10, Last: 12}}
	var never seal.ReceivedChain
	never.Refused = true
	for _, x := range []struct {
		name     string
		chain    seal.ReceivedChain
		received string // of the numbers 0 to 22: R received, x refused, . may yet come
	}{
		{"with gaps", c, "RRxxxRR.RR...RRRRRRRR.."},
		{"refused", func() seal.ReceivedChain { r := c; r.Refused = true; return r }(), "RRxxxRRxRRxxxRRRRRRRRxx"},
		{"never begun", never, "xxxxxxxxxxxxxxxxxxxxxxx"},
		{"zero", seal.ReceivedChain{}, "......................."},
		{"anchor alone", chainOf(1, 1, 0), "R......................"},
	} {
		var got []byte
		for seq := range uint64(len(x.received)) {
			switch {
			case x.chain.Received(seq) && x.chain.Refuses(seq):
				t.Errorf("%s: %d is both received and refused", x.name, seq)
			case x.chain.Received(seq):
				got = append(got, 'R')
			case x.chain.Refuses(seq):
				got = append(got, 'x')
			default:
				got = append(got, '.')
			}
		}
		if string(got) != x.received {
			t.Errorf("%s: %s, want %s", x.name, got, x.received)
		}
	}
}

// TestReceiptSize: what a receipt costs on the wire, as FORMAT.md has it.
func TestReceiptSize(t *testing.T) {
	empty, err := seal.AppendReceipt(nil, station(), receiptOf())
	if err != nil {
		t.Fatal(err)
	}
	one, err := seal.AppendReceipt(nil, station(), receiptOf(chainOf(1, 1, 60_000), chainOf(2, 1, 60_000)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d bytes without a chain", len(empty)); !strings.Contains(string(text), want) {
		t.Errorf("FORMAT.md does not say %q", want)
	}
	if want := fmt.Sprintf("and %d for each", (len(one)-len(empty))/2); !strings.Contains(string(text), want) {
		t.Errorf("FORMAT.md does not say %q", want)
	}
}

// FuzzReadReceipt: a payload that is accepted has one encoding, and what it says
// is in range.
func FuzzReadReceipt(f *testing.F) {
	for _, v := range vectorsIn(f, receiptDir) {
		if m := v.hex(f, "message"); len(m) < 4096 {
			f.Add(m, false)
			if v.get("expect") == "valid" {
				_, _, payload := split(f, m)
				f.Add(payload, true)
			}
		}
	}
	public := station().Public()
	f.Fuzz(func(t *testing.T, in []byte, isPayload bool) {
		message := in
		if isPayload {
			message = receiptParts(in).forge(t, station())
		}
		r, err := seal.ReadReceipt(message, &public)
		if err != nil {
			verdict(t, err)
			return
		}
		if again := receiptParts(array(receiptItems(&r)...)).forge(t, station()); !bytes.Equal(again, message) {
			t.Fatalf("accepted\n%x\nwhich is written as\n%x", message, again)
		}
		if again, err := seal.AppendReceipt(nil, station(), &r); err != nil || !bytes.Equal(again, message) {
			t.Fatalf("accepted %+v, which AppendReceipt makes %x, %v", r, again, err)
		}
	})
}
