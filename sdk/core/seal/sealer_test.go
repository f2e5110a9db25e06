package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// brokenSigner signs until it is told how to fail, and keeps all it was shown.
type brokenSigner struct {
	keys.Signer
	mode string // "", "error", "short" or "panic"
	seen [][]byte
}

func (s *brokenSigner) Sign(dst, message []byte) ([]byte, error) {
	s.seen = append(s.seen, bytes.Clone(message))
	switch s.mode {
	case "error":
		return nil, errors.New("secure element is gone")
	case "short":
		return append(dst, 1, 2, 3), nil
	case "panic":
		panic("secure element driver")
	}
	return s.Signer.Sign(dst, message)
}

// usedNonces counts how often each nonce of each chain stood in what the signer
// was shown: eid and Partial IV name it.
func (s *brokenSigner) usedNonces(t *testing.T) map[string]int {
	t.Helper()
	used := map[string]int{}
	for _, m := range s.seen {
		r := cbor.NewReader(m)
		r.ArrayLen(4)
		r.Text(10)
		r.Bytes()
		r.Bytes()
		p := cbor.NewReader(r.Bytes())
		p.Array()
		if !p.NextIsBytes() {
			continue
		}
		eid := p.Bytes()
		p.Bytes()
		p.ArrayLen(3)
		p.Bytes()
		p.MapLen(1)
		p.Uint()
		used[string(eid)+string(p.Bytes())]++
		p.Bytes()
		if err := errors.Join(p.Done(), r.Done()); err != nil {
			t.Fatal(err)
		}
	}
	return used
}

func TestNonceNeverRepeatsWhenSigningFails(t *testing.T) {
	for _, mode := range []string{"error", "short", "panic"} {
		t.Run(mode, func(t *testing.T) {
			seed := [32]byte{7}
			signer := &brokenSigner{Signer: keys.NewEd25519(&seed)}
			d := newDeviceWith(7, signer)
			d.begin(t)
			d.seal(t, []byte("one"))
			before := d.sealer.Checkpoint()

			signer.mode = mode
			if message, err := sealRecovering(d.sealer, []byte("two")); err == nil {
				t.Fatalf("sealed %x", message)
			}
			signer.mode = ""
			for range 3 {
				if _, err := d.sealer.Seal(nil, []byte("three")); !errors.Is(err, seal.ErrNoAnchor) {
					t.Fatalf("sealing after a failed signature: %v, want ErrNoAnchor", err)
				}
			}
			if got := d.sealer.Checkpoint(); got != before {
				t.Errorf("checkpoint moved to %v without a message", got)
			}
			d.anchor.Boot++
			d.anchor.Salt[0]++
			d.begin(t)
			d.seal(t, []byte("again"))
			used := signer.usedNonces(t)
			if len(used) != 3 {
				t.Errorf("%d nonces were used, want 3", len(used))
			}
			for name, n := range used {
				if n != 1 {
					t.Errorf("nonce %x was used %d times", name, n)
				}
			}
		})
	}
}

func sealRecovering(s *seal.Sealer, payload []byte) (message []byte, err error) {
	defer func() {
		if recover() != nil {
			message, err = nil, errors.New("panic")
		}
	}()
	return s.Seal(nil, payload)
}

func TestBeginWhenSigningFails(t *testing.T) {
	seed := [32]byte{7}
	signer := &brokenSigner{Signer: keys.NewEd25519(&seed), mode: "error"}
	d := newDeviceWith(7, signer)
	if _, err := d.sealer.Begin(nil, &d.anchor, &d.secret); err == nil {
		t.Fatal("an unsigned anchor")
	}
	if _, err := d.sealer.Seal(nil, []byte{1}); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("sealing under an anchor that was never signed: %v", err)
	}
	signer.mode = ""
	d.begin(t)
	d.seal(t, []byte{1})

	// Nor does the chain before go on: its keys are erased.
	signer.mode = "error"
	d.anchor.Boot, d.anchor.Salt[0] = 2, 99
	if _, err := d.sealer.Begin(nil, &d.anchor, &d.secret); err == nil {
		t.Fatal("an unsigned anchor")
	}
	if _, err := d.sealer.Seal(nil, []byte{1}); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("sealing after an anchor that could not be signed: %v, want ErrNoAnchor", err)
	}
}

// TestBeginRefusesRepeats: with the salt of the anchor before, and the secret of
// a caller that forgot to draw a new one, every nonce would be used twice.
func TestBeginRefusesRepeats(t *testing.T) {
	d := newDevice(1)
	d.begin(t)
	d.seal(t, []byte("one"))
	for name, change := range map[string]func(*seal.Anchor){
		"the same anchor":        func(a *seal.Anchor) {},
		"boot counts up only":    func(a *seal.Anchor) { a.Boot++ },
		"salt is fresh only":     func(a *seal.Anchor) { a.Salt[0]++ },
		"boot counts down":       func(a *seal.Anchor) { a.Boot--; a.Salt[0]++ },
		"salt was never drawn":   func(a *seal.Anchor) { a.Boot++; a.Salt = [16]byte{} },
		"no boot record at all":  func(a *seal.Anchor) { a.Boot = 0; a.Salt[0]++ },
		"no salt and no counter": func(a *seal.Anchor) { a.Boot, a.Salt = 0, [16]byte{} },
	} {
		anchor := d.anchor
		change(&anchor)
		if _, err := d.sealer.Begin(nil, &anchor, &d.secret); !errors.Is(err, seal.ErrAnchor) {
			t.Errorf("%s: %v, want ErrAnchor", name, err)
		}
	}
	before := d.sealer.Checkpoint()
	d.seal(t, []byte("two"))
	if after := d.sealer.Checkpoint(); after.EID != before.EID || after.Seq != 2 {
		t.Errorf("after refused anchors the chain is %v, want to go on from %v", after, before)
	}
}

func TestBeginRefusesAnchorsOutOfRange(t *testing.T) {
	recipient := func(enc, wrapped int) []seal.Recipient {
		return []seal.Recipient{{Algorithm: keys.AlgHPKE4KE,
			Encapsulated: make([]byte, enc), Wrapped: make([]byte, wrapped)}}
	}
	for name, change := range map[string]func(*seal.Anchor){
		"no site":              func(a *seal.Anchor) { a.Site = "" },
		"site too long":        func(a *seal.Anchor) { a.Site = string(bytes.Repeat([]byte("s"), 65)) },
		"site is not UTF-8":    func(a *seal.Anchor) { a.Site = "ward \xff" },
		"suite":                func(a *seal.Anchor) { a.Suite = keys.AlgEd25519 },
		"epoch shift":          func(a *seal.Anchor) { a.EpochShift = 33 },
		"clock before 1970":    func(a *seal.Anchor) { a.Clock.UnixMilli = -1 },
		"clock beyond 2^53":    func(a *seal.Anchor) { a.Clock.UnixMilli = 1<<53 + 1 },
		"previous seq":         func(a *seal.Anchor) { a.Previous = seal.Checkpoint{EID: seal.EID{1}, Seq: seal.MaxSeq + 1} },
		"generation":           func(a *seal.Anchor) { a.Generation = keys.MaxGeneration + 1 },
		"both key sources":     func(a *seal.Anchor) { a.Generation, a.Recipients = 1, recipient(32, 48) },
		"too many recipients":  func(a *seal.Anchor) { a.Recipients = make([]seal.Recipient, 17) },
		"nothing encapsulated": func(a *seal.Anchor) { a.Recipients = recipient(0, 48) },
		"encapsulated too big": func(a *seal.Anchor) { a.Recipients = recipient(1121, 48) },
		"wrapped too short":    func(a *seal.Anchor) { a.Recipients = recipient(32, 47) },
		"unknown flag":         func(a *seal.Anchor) { a.Flags = 8 },
	} {
		d := newDevice(1)
		change(&d.anchor)
		if message, err := d.sealer.Begin(nil, &d.anchor, &d.secret); !errors.Is(err, seal.ErrAnchor) {
			t.Errorf("%s: %x, %v, want ErrAnchor", name, message, err)
		}
	}
}

func TestLargestAnchorParses(t *testing.T) {
	d := newDevice(1)
	d.anchor.Site = string(bytes.Repeat([]byte("s"), seal.MaxSite))
	d.anchor.Clock = seal.Clock{UnixMilli: 1 << 53, Error: 1<<32 - 1}
	d.anchor.Beacon = seal.Beacon{1}
	d.anchor.Boot, d.anchor.Heartbeat, d.anchor.Flags = 1<<64-1, 1<<32-1, 7
	d.anchor.Previous = seal.Checkpoint{EID: seal.EID{1}, Seq: seal.MaxSeq}
	for range seal.MaxRecipients {
		d.anchor.Recipients = append(d.anchor.Recipients, seal.Recipient{
			Algorithm: keys.AlgXWingKE, Encapsulated: make([]byte, 1120), Wrapped: make([]byte, 48)})
	}
	v := d.begin(t)
	a, err := v.Anchor()
	if err != nil || len(a.Recipients) != seal.MaxRecipients || a.Clock != d.anchor.Clock || a.Previous != d.anchor.Previous {
		t.Errorf("the largest anchor reads as %+v, %v", a, err)
	}
}

// idleSigner signs nothing, fast.
type idleSigner struct{ keys.Signer }

func (idleSigner) Sign(dst, _ []byte) ([]byte, error) {
	return append(dst, make([]byte, keys.SignatureSize)...), nil
}

// TestExhausted walks to the last epoch, at two messages an epoch.
func TestExhausted(t *testing.T) {
	d := newDeviceWith(1, idleSigner{newDevice(1).key})
	d.anchor.EpochShift = 1
	if _, err := d.sealer.Begin(nil, &d.anchor, &d.secret); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 512)
	for seq := 1; seq < 2*keys.MaxEpochs; seq++ {
		if _, err := d.sealer.Seal(buf, []byte{1}); err != nil {
			t.Fatalf("message %d: %v", seq, err)
		}
	}
	for range 2 {
		if _, err := d.sealer.Seal(buf, []byte{1}); !errors.Is(err, seal.ErrExhausted) {
			t.Fatalf("message %d: %v, want ErrExhausted", 2*keys.MaxEpochs, err)
		}
	}
}

// TestCopiedSealer seals by a Sealer and by a copy of it, which Go allows: each
// nonce must be used once.
func TestCopiedSealer(t *testing.T) {
	signer := &brokenSigner{Signer: keys.NewEd25519(&[32]byte{1})}
	d := newDeviceWith(1, signer)
	d.begin(t)
	original := d.sealer
	twin := *original
	d.seal(t, []byte("72"))
	if _, err := twin.Seal(nil, []byte("180")); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("a copy seals: %v", err)
	}
	if _, _, err := twin.GrantSecret(); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("a copy grants: %v", err)
	}
	if _, err := twin.Begin(nil, &seal.Anchor{Site: "ward-3", Boot: 99, Salt: [16]byte{9}}, new([32]byte)); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("a copy begins: %v", err)
	}
	twin.End() // must not take the original's keys away either
	d.seal(t, []byte("73"))
	for nonce, n := range signer.usedNonces(t) {
		if n > 1 {
			t.Errorf("nonce %x is used %d times", nonce, n)
		}
	}
}

// TestGrow: the first message is small, a later one as large as was said, and
// nothing is allocated for it. A grown Sealer goes on with its chain.
func TestGrow(t *testing.T) {
	message := make([]byte, 0, 4096)
	allocs := leastAllocs(func() float64 {
		d := newDevice(1)
		anchor := d.begin(t)
		before := d.seal(t, []byte("small"))
		d.sealer.Grow(2048)
		payload := make([]byte, 1024, 2048)
		var last []byte
		allocs := testing.AllocsPerRun(1, func() { // runs it twice, and counts at the second
			var err error
			if last, err = d.sealer.Seal(message[:0], payload); err != nil {
				panic(err)
			}
			payload = payload[:2048]
		})
		opener := d.opener(t, anchor)
		for _, m := range [][]byte{before, last} {
			if _, err := opener.Open(nil, d.verify(t, m)); err != nil {
				t.Error(err)
			}
		}
		return allocs
	})
	// crypto/ed25519 takes a little for a signature; microcrypto takes nothing.
	key, payload := newDevice(1).key, make([]byte, 2048)
	limit := leastAllocs(func() float64 {
		return testing.AllocsPerRun(1, func() {
			if _, err := key.Sign(message[:0], payload); err != nil {
				panic(err)
			}
		})
	})
	if allocs > limit {
		t.Errorf("%v allocations, the signature takes %v", allocs, limit)
	}
}

// leastAllocs is the least of several counts. The counter is the whole process's,
// and the runtime allocates when it likes; what is looked for is in every count.
func leastAllocs(count func() float64) float64 {
	least := count()
	for range 4 {
		least = min(least, count())
	}
	return least
}
