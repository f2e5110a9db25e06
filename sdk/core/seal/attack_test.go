package seal_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// receiver reads what a ward's receiver would: any message, for devices that it
// knows, under the anchor that it has.
type receiver struct {
	known    []keys.PublicKey
	verifier seal.Verifier
	opener   *seal.Opener
}

// read returns the error of the first step that refuses.
func (r *receiver) read(message []byte) (seal.Verified, []byte, error) {
	e, err := seal.Parse(message)
	if err != nil {
		return seal.Verified{}, nil, err
	}
	for i := range r.known {
		if r.known[i].ID() != e.KeyID() {
			continue
		}
		v, err := r.verifier.Verify(e, &r.known[i])
		if err != nil || v.Kind() != seal.KindBatch {
			return v, nil, err
		}
		payload, err := r.opener.Open(nil, v)
		return v, payload, err
	}
	return seal.Verified{}, nil, seal.ErrWrongKey
}

// targets are messages of every kind and both algorithms, with a receiver that
// accepts each.
func targets(t *testing.T) map[string]struct {
	message []byte
	receiver
} {
	t.Helper()
	out := map[string]struct {
		message []byte
		receiver
	}{}
	devices := []*device{newDevice(1)}
	if slices.Contains(signatures, keys.AlgESP256) {
		devices = append(devices, newDeviceWith(2, newDetP256(t, [32]byte{1})))
	}
	for _, d := range devices {
		name := "Ed25519 "
		if d.public.Algorithm() == keys.AlgESP256 {
			name = "ESP256 "
		}
		d.anchor.EpochShift, d.anchor.Beacon, d.anchor.Recipients = 1, seal.Beacon{1}, []seal.Recipient{visitor}
		d.anchor.Clock = seal.Clock{UnixMilli: 1790000000000, Error: 100}
		message, err := d.sealer.Begin(nil, &d.anchor, &d.secret)
		if err != nil {
			t.Fatal(err)
		}
		r := receiver{known: []keys.PublicKey{d.public}, opener: d.opener(t, d.verify(t, message))}
		d.seal(t, []byte("one"))
		batch := d.seal(t, []byte("two"))
		if _, _, err := d.sealer.GrantSecret(); err != nil {
			t.Fatal(err)
		}
		grant, err := d.sealer.Grant(nil, visitor)
		if err != nil {
			t.Fatal(err)
		}
		for kind, m := range map[string][]byte{"anchor": message, "batch": batch, "grant": grant} {
			if _, _, err := r.read(m); err != nil {
				t.Fatalf("%s%s: %v", name, kind, err)
			}
			out[name+kind] = struct {
				message []byte
				receiver
			}{m, r}
		}
	}
	return out
}

func TestEveryBitMatters(t *testing.T) {
	for name, x := range targets(t) {
		for i := range 8 * len(x.message) {
			m := bytes.Clone(x.message)
			m[i/8] ^= 0x80 >> (i % 8)
			if _, payload, err := x.read(m); err == nil {
				t.Errorf("%s with bit %d flipped is accepted: %q", name, i, payload)
			}
		}
	}
}

func TestEveryByteMatters(t *testing.T) {
	for name, x := range targets(t) {
		m := x.message
		for n := range m {
			if _, _, err := x.read(m[:n]); !errors.Is(err, seal.ErrMalformed) {
				t.Errorf("the first %d bytes of %s: %v, want ErrMalformed", n, name, err)
			}
			if _, _, err := x.read(m[n+1:]); !errors.Is(err, seal.ErrMalformed) {
				t.Errorf("%s without its first %d bytes: %v, want ErrMalformed", name, n+1, err)
			}
			for _, in := range []byte{0, 0x80, 0xff, m[n]} {
				long := append(append(bytes.Clone(m[:n]), in), m[n:]...)
				if _, payload, err := x.read(long); err == nil {
					t.Errorf("%s with %#x put in at %d is accepted: %q", name, in, n, payload)
				}
			}
		}
		for b := range 256 {
			if _, _, err := x.read(append(bytes.Clone(m), byte(b))); !errors.Is(err, seal.ErrMalformed) {
				t.Errorf("%s and %#x: %v, want ErrMalformed", name, b, err)
			}
		}
		if _, _, err := x.read(append(bytes.Clone(m), m...)); !errors.Is(err, seal.ErrMalformed) {
			t.Errorf("%s twice: %v, want ErrMalformed", name, err)
		}
	}
}

// TestSplices crosses every part of a message of one device and chain with every
// part of another's. The forger has no signing key.
func TestSplices(t *testing.T) {
	a, b := newDevice(1), newDevice(2)
	anchorA, anchorB := a.begin(t), b.begin(t)
	again := newDevice(1) // the same device, another chain
	again.anchor.Boot, again.anchor.Salt[3], again.secret[9] = 2, 1, 1
	anchorC := again.begin(t)
	origins := []func() *parts{
		func() *parts { return a.batch(t, &anchorA, 5, seal.Head{1}, []byte("seventy-two")) },
		func() *parts { return b.batch(t, &anchorB, 5, seal.Head{1}, []byte("one hundred")) },
		func() *parts { return again.batch(t, &anchorC, 5, seal.Head{1}, []byte("sixty-six")) },
		func() *parts { return a.batch(t, &anchorA, 6, seal.Head{2}, []byte("zero")) },
	}
	signers := []keys.Signer{a.key, b.key, again.key, a.key}
	r := receiver{known: []keys.PublicKey{a.public, b.public}, opener: a.opener(t, anchorA)}
	for i, x := range origins {
		for j, y := range origins {
			if i == j {
				continue
			}
			for mask := 1; mask < 1<<6-1; mask++ {
				p, q := x(), y()
				p.forge(t, signers[i])
				q.forge(t, signers[j])
				p.payload = nil
				for k, swap := range []func(){
					func() { p.protected = q.protected }, func() { p.eid = q.eid }, func() { p.prev = q.prev },
					func() { p.encUnprotected = q.encUnprotected }, func() { p.ciphertext = q.ciphertext },
					func() { p.signature = q.signature },
				} {
					if mask>>k&1 == 1 {
						swap()
					}
				}
				message := p.forge(t, nil)
				if bytes.Equal(message, x().forge(t, signers[i])) || bytes.Equal(message, y().forge(t, signers[j])) {
					continue // what was swapped was the same
				}
				if v, payload, err := r.read(message); err == nil {
					t.Errorf("origins %d and %d, parts %06b: accepted as message %d, %q", i, j, mask, v.Seq(), payload)
				}
			}
		}
	}
}

// TestStolenCiphertext: a second device, with its own key registered, signs a
// first one's ciphertext as its own. It is authentic as the thief's, and opens
// under nobody's anchor, even where the thief knows the content secret.
func TestStolenCiphertext(t *testing.T) {
	victim, thief := newDevice(1), newDevice(2)
	anchor := victim.begin(t)
	thief.anchor, thief.secret = victim.anchor, victim.secret
	thiefs := thief.begin(t)
	mine := victim.batch(t, &anchor, 5, seal.Head{1}, []byte("seventy-two"))
	for name, eid := range map[string]seal.EID{"victim's": anchor.EID(), "thief's": thiefs.EID()} {
		p := thief.outer(nil)
		p.eid, p.prev, p.encProtected, p.encUnprotected, p.ciphertext = eid[:], mine.prev, mine.encProtected, mine.encUnprotected, mine.ciphertext
		v := thief.verify(t, p.forge(t, thief.key))
		if got, err := victim.opener(t, anchor).Open(nil, v); err == nil {
			t.Errorf("%s eid: opens under the victim's anchor to %q", name, got)
		}
		if got, err := thief.opener(t, thiefs).Open(nil, v); err == nil {
			t.Errorf("%s eid: opens under the thief's anchor to %q", name, got)
		}
	}
}

// TestRecipientCannotForge: whoever holds the content keys can encrypt, and not
// sign.
func TestRecipientCannotForge(t *testing.T) {
	d := newDevice(1)
	anchor := d.begin(t)
	recipient := newDevice(9)
	message := d.batch(t, &anchor, 1, anchor.Head(), []byte("zero")).forge(t, recipient.key)
	r := receiver{known: []keys.PublicKey{d.public, recipient.public}, opener: d.opener(t, anchor)}
	if _, _, err := r.read(message); !errors.Is(err, seal.ErrBadSignature) {
		t.Errorf("encrypted by a recipient, signed with its own key: %v, want ErrBadSignature", err)
	}
}

// TestZeroValues: nothing authentic can be had from values that no message made.
func TestZeroValues(t *testing.T) {
	var v seal.Verified
	if v.Kind() != 0 || v.Kind().String() != "" {
		t.Errorf("the zero Verified is a %q", v.Kind())
	}
	if _, err := v.Anchor(); !errors.Is(err, seal.ErrKind) {
		t.Errorf("anchor of nothing: %v", err)
	}
	if _, err := v.Grant(); !errors.Is(err, seal.ErrKind) {
		t.Errorf("grant of nothing: %v", err)
	}
	if _, err := seal.NewOpener(v, new([32]byte)); !errors.Is(err, seal.ErrKind) {
		t.Errorf("opener of nothing: %v", err)
	}
	d := newDevice(1)
	opener := d.opener(t, d.begin(t))
	if _, err := opener.Open(nil, v); !errors.Is(err, seal.ErrKind) {
		t.Errorf("opening nothing: %v", err)
	}
}
