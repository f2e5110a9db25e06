//go:build !tinygo

package seal_test

// Tests that need a key on P-256, which the build for microcontrollers refuses.

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

func TestAlgorithmConfusion(t *testing.T) {
	ed, es := newDevice(1), newDeviceWith(2, newDetP256(t, [32]byte{1}))
	var zero keys.PublicKey
	for _, d := range []*device{ed, es} {
		anchor := d.begin(t)
		id := d.public.ID()
		for _, alg := range []keys.Algorithm{keys.AlgEd25519, keys.AlgESP256} {
			p := d.batch(t, &anchor, 1, anchor.Head(), []byte("x"))
			p.protected = header(alg, id[:])
			e, err := seal.Parse(p.forge(t, d.key))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []keys.PublicKey{ed.public, es.public, zero} {
				var verifier seal.Verifier
				_, err := verifier.Verify(e, &key)
				right := key == d.public && alg == d.public.Algorithm()
				if right != (err == nil) || (!right && !errors.Is(err, seal.ErrWrongKey)) {
					t.Errorf("key of algorithm %d, header %d, registered %d: %v", d.public.Algorithm(), alg, key.Algorithm(), err)
				}
			}
		}
	}
	var verifier seal.Verifier
	if _, err := verifier.Verify(seal.Envelope{}, &zero); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("no envelope and no key: %v, want ErrWrongKey", err)
	}
}

// TestTwinSignature: (r, n-s) verifies wherever (r, s) does, so whoever carries a
// message can change its bytes. It must not become another message by that.
func TestTwinSignature(t *testing.T) {
	d := newDeviceWith(2, newDetP256(t, [32]byte{1}))
	anchor := d.begin(t)
	var seen seal.Intervals
	for i := range 3 {
		message := d.seal(t, []byte{byte(i)})
		v := d.verify(t, message)
		other := append(bytes.Clone(message[:len(message)-64]), twin(message[len(message)-64:])...)
		w := d.verify(t, other)
		if bytes.Equal(message, other) {
			t.Fatal("the twin is the same")
		}
		if v.Head() != w.Head() || v.EID() != w.EID() || v.Seq() != w.Seq() {
			t.Errorf("message %d and its twin have heads %x and %x", v.Seq(), v.Head(), w.Head())
		}
		if !seen.Add(v.Seq()) || seen.Add(w.Seq()) {
			t.Errorf("the twin of message %d counts as another", v.Seq())
		}
	}
	// An anchor's twin names the same chain.
	d.anchor.Boot, d.anchor.Salt[0] = d.anchor.Boot+1, 99
	message, err := d.sealer.Begin(nil, &d.anchor, &d.secret)
	if err != nil {
		t.Fatal(err)
	}
	v := d.verify(t, message)
	w := d.verify(t, append(bytes.Clone(message[:len(message)-64]), twin(message[len(message)-64:])...))
	if v.EID() != w.EID() || v.Head() != w.Head() || v.EID() == anchor.EID() {
		t.Errorf("an anchor and its twin name %v and %v", v.EID(), w.EID())
	}
}

func TestVectorsAreMadeAgain(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	b := makeVectors(t)
	if t.Failed() {
		return
	}
	if *update {
		b.write()
		return
	}
	names := map[string]bool{}
	for _, v := range b.vectors {
		names[v.name] = true
		got, err := os.ReadFile(filepath.Join(vectorDir, v.name+".txt"))
		if err != nil {
			t.Error(err)
		} else if !b.isRandom[v.name] && !bytes.Equal(got, v.text()) {
			t.Errorf("%s is made as\n%s\nthe file is\n%s", v.name, v.text(), got)
		}
	}
	for _, v := range readVectors(t) {
		if !names[v.name] {
			t.Errorf("%s is in testdata and not made", v.name)
		}
	}
}
