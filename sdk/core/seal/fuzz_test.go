package seal_test

import (
	"bytes"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// resign signs the payload of a message anew: a key with the id that a fuzzer
// came up with cannot be had.
func resign(t testing.TB, d *device, message []byte) (seal.Verified, bool) {
	t.Helper()
	if _, err := seal.Parse(message); err != nil {
		return seal.Verified{}, false
	}
	_, _, payload := split(t, message)
	return d.verify(t, d.outer(payload).forge(t, d.key)), true
}

// split takes a message that Parse has accepted apart.
func split(t testing.TB, message []byte) (protected, unprotected, payload []byte) {
	t.Helper()
	var m sign1
	if err := strictCBOR(t).Unmarshal(message, &m); err != nil {
		t.Fatalf("fxamacker/cbor refuses %x: %v", message, err)
	}
	return m.Protected, m.Unprotected, m.Payload
}

// encode writes what is authentic in v again, without the package under test.
func encode(t testing.TB, v *seal.Verified, payload []byte) []byte {
	t.Helper()
	switch v.Kind() {
	case seal.KindAnchor:
		a, err := v.Anchor()
		if err != nil {
			t.Fatal(err)
		}
		return array(anchorItems(&a)...)
	case seal.KindGrant:
		g, err := v.Grant()
		if err != nil {
			t.Fatal(err)
		}
		return appendGrant(&g)
	}
	var b batch
	if err := strictCBOR(t).Unmarshal(payload, &b); err != nil {
		t.Fatalf("fxamacker/cbor refuses batch %x: %v", payload, err)
	}
	if len(b.Encrypt0.Ciphertext) <= keys.TagSize {
		t.Fatalf("accepted a ciphertext of %d bytes", len(b.Encrypt0.Ciphertext))
	}
	eid, prev := v.EID(), v.Prev()
	p := parts{eid: eid[:], prev: prev[:], ciphertext: b.Encrypt0.Ciphertext,
		encProtected: b.Encrypt0.Protected, encUnprotected: partialIV(seqBytes(v.Seq())...), signature: []byte{}}
	p.forge(t, nil)
	return p.payload
}

// FuzzParse: Parse accepts one encoding of a message and no other.
func FuzzParse(f *testing.F) {
	for _, v := range readVectors(f) {
		if m := v.hex(f, "message"); len(m) < 4096 {
			f.Add(m)
		}
	}
	d := newDevice(1)
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := seal.Parse(message)
		if err != nil {
			if verdict(t, err) != "malformed" && verdict(t, err) != "too-large" {
				t.Fatalf("Parse fails with %v", err)
			}
			return
		}
		protected, unprotected, payload := split(t, message)
		if !bytes.Equal(unprotected, []byte{0xa0}) {
			t.Fatalf("accepted an unprotected header %x", unprotected)
		}
		id := e.KeyID()
		if !bytes.Equal(protected, header(keys.AlgEd25519, id[:])) && !bytes.Equal(protected, header(keys.AlgESP256, id[:])) {
			t.Fatalf("accepted a protected header %x", protected)
		}
		v, _ := resign(t, d, message)
		again := parts{tag: []byte{0xd2}, protected: protected, unprotected: unprotected,
			payload: encode(t, &v, payload), signature: message[len(message)-keys.SignatureSize:]}
		if got := again.forge(t, nil); !bytes.Equal(got, message) {
			t.Fatalf("accepted\n%x\nwhich is written as\n%x", message, got)
		}
	})
}

// FuzzOpen reads payloads signed by a device that has lost its mind: whatever it
// signs, only what was sealed in this chain opens.
func FuzzOpen(f *testing.F) {
	d := newDevice(1)
	d.anchor.EpochShift = 2
	anchor := d.begin(f)
	sealed := map[string]string{}
	for i := range byte(9) {
		message := d.seal(f, []byte{i, i})
		_, _, payload := split(f, message)
		sealed[string(payload)] = string([]byte{i, i})
		f.Add(payload)
	}
	for _, v := range readVectors(f) {
		if m := v.hex(f, "message"); v.get("expect") == "valid" && len(m) < 4096 {
			_, _, payload := split(f, m)
			f.Add(payload)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 4096 {
			return
		}
		e, err := seal.Parse(d.outer(payload).forge(t, d.key))
		if err != nil {
			return
		}
		var verifier seal.Verifier
		v, err := verifier.Verify(e, &d.public)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.opener(t, anchor).Open(nil, v)
		want, known := sealed[string(payload)]
		if known != (err == nil) || (known && string(got) != want) {
			t.Fatalf("%x opens to %x, %v; sealed: %v", payload, got, err, known)
		}
	})
}
