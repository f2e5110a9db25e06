package identity_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	fxcbor "github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

func TestEachRecipientOpens(t *testing.T) {
	r := newRig(t)
	c := r.begin(r.load("bed-1"))
	message := c.seal("spo2 97")
	for i, want := range []struct {
		name string
		alg  keys.Algorithm
		enc  int
	}{{"station", keys.AlgXWingKE, 1120}, {"legacy", keys.AlgHPKE4KE, 32}} {
		entry := c.anchor.Recipients[i]
		if entry.Algorithm != want.alg || len(entry.Encapsulated) != want.enc || len(entry.Wrapped) != 48 {
			t.Errorf("entry of %s: algorithm %d, enc of %d bytes", want.name, entry.Algorithm, len(entry.Encapsulated))
		}
		secret, err := r.receiver(want.name).Keyring.ContentSecret(c.begun)
		if err != nil || secret != c.secret {
			t.Errorf("%s: wrong secret, %v", want.name, err)
			continue
		}
		opener, err := seal.NewOpener(c.begun, &secret)
		r.must(err)
		if got, err := opener.Open(nil, message); err != nil || string(got) != "spo2 97" {
			t.Errorf("%s opens %q, %v", want.name, got, err)
		}
	}
	if c.anchor.Site != "ward-3" || c.anchor.Boot != 1 {
		t.Errorf("anchor of site %q, boot %d", c.anchor.Site, c.anchor.Boot)
	}
}

// A site with the same names is another site: its station opens nothing here.
func TestOthersDoNotOpen(t *testing.T) {
	r, other := newRig(t), newRig(t)
	for _, name := range []string{"bed-1", "mcu-1"} {
		c := r.begin(r.load(name))
		for _, who := range []string{"station", "legacy"} {
			if secret, err := other.receiver(who).Keyring.ContentSecret(c.begun); !errors.Is(err, identity.ErrNotRecipient) || secret != [32]byte{} {
				t.Errorf("%s of another site, device %s: %v", who, name, err)
			}
		}
		if _, err := (identity.Keyring{}).ContentSecret(c.begun); !errors.Is(err, identity.ErrNotRecipient) {
			t.Errorf("empty keyring: %v", err)
		}
	}
}

// Whatever of an anchor is changed, by a signer who does not know the secret but
// reuses its wrapping, the wrapped secret opens no more. seal.NewOpener must
// never see a secret then.
func TestWrappedSecretIsBound(t *testing.T) {
	r := newRig(t)
	flip := func(b []byte, i int) []byte {
		b = slices.Clone(b)
		b[i] ^= 1
		return b
	}
	d := r.load("bed-1")
	for name, alter := range map[string]func(*seal.Anchor){
		"boot": func(a *seal.Anchor) { a.Boot++ },
		"salt": func(a *seal.Anchor) { a.Salt[0] ^= 1 },
		"suite": func(a *seal.Anchor) {
			a.Suite = keys.AlgA256GCM
		},
		"wrapped": func(a *seal.Anchor) {
			for i := range a.Recipients {
				a.Recipients[i].Wrapped = flip(a.Recipients[i].Wrapped, 5)
			}
		},
		"tag": func(a *seal.Anchor) {
			for i := range a.Recipients {
				a.Recipients[i].Wrapped = flip(a.Recipients[i].Wrapped, 47)
			}
		},
		"enc": func(a *seal.Anchor) {
			for i := range a.Recipients {
				a.Recipients[i].Encapsulated = flip(a.Recipients[i].Encapsulated, 9)
			}
		},
		"enc of zeros": func(a *seal.Anchor) {
			for i := range a.Recipients {
				a.Recipients[i].Encapsulated = make([]byte, len(a.Recipients[i].Encapsulated))
			}
		},
		"enc too short": func(a *seal.Anchor) {
			for i := range a.Recipients {
				a.Recipients[i].Encapsulated = a.Recipients[i].Encapsulated[1:]
			}
		},
	} {
		c := r.begin(d, alter)
		for _, who := range []string{"station", "legacy"} {
			if secret, err := r.receiver(who).Keyring.ContentSecret(c.begun); !errors.Is(err, identity.ErrUnwrap) || secret != [32]byte{} {
				t.Errorf("%s changed, %s: %v, want ErrUnwrap", name, who, err)
			}
		}
	}
}

// A device that signs another's wrapped secret into its own anchor does not make
// recipients use it.
func TestStolenWrapping(t *testing.T) {
	r := newRig(t)
	_, err := r.site.AddDevice("gw-1", "bed-2", identity.DeviceOptions{})
	r.must(err)
	victim := r.begin(r.load("bed-1"))
	thief := r.begin(r.load("bed-2"), func(a *seal.Anchor) {
		a.Boot, a.Salt, a.Recipients = victim.anchor.Boot, victim.anchor.Salt, victim.anchor.Recipients
	})
	_, err = r.receiver("station").Keyring.ContentSecret(thief.begun)
	wantError(t, err, identity.ErrUnwrap)
}

// A device that wraps different secrets to its recipients, to show them
// different vitals, is found out by the commitment.
func TestDifferentSecretsForRecipients(t *testing.T) {
	r := newRig(t)
	d := r.load("bed-1")
	c := r.begin(d, func(a *seal.Anchor) {
		recipients, err := d.Recipients()
		r.must(err)
		other, err := identity.Wrap(recipients[1:], a, d.KeyID, &[32]byte{66})
		r.must(err)
		a.Recipients[1] = other[0]
	})
	secret, err := r.receiver("legacy").Keyring.ContentSecret(c.begun)
	if err != nil || secret != [32]byte{66} {
		t.Fatalf("the other secret does not open: %v", err)
	}
	if _, err := seal.NewOpener(c.begun, &secret); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("opener: %v, want ErrCommitment", err)
	}
}

func TestWrapRefuses(t *testing.T) {
	anchor := &seal.Anchor{Boot: 1}
	good := identity.RecipientKey{Name: "x", X25519: append([]byte{9}, make([]byte, 31)...)}
	if _, err := identity.Wrap([]identity.RecipientKey{good}, anchor, keys.KeyID{}, &[32]byte{}); err != nil {
		t.Errorf("a good key: %v", err)
	}
	for name, to := range map[string][]identity.RecipientKey{
		"nobody":          nil,
		"seventeen":       slices.Repeat([]identity.RecipientKey{good}, 17),
		"no key":          {{Name: "x"}},
		"short key":       {{Name: "x", X25519: make([]byte, 31)}},
		"low-order point": {{Name: "x", X25519: make([]byte, 32)}},
		"short X-Wing":    {{Name: "x", X25519: good.X25519, XWing: make([]byte, 1215)}},
	} {
		if _, err := identity.Wrap(to, anchor, keys.KeyID{}, &[32]byte{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestGrant(t *testing.T) {
	r := newRig(t)
	d := r.load("bed-1")
	c := r.begin(d)
	late, err := r.site.AddRecipient("late", identity.RecipientOptions{})
	r.must(err)
	first := c.seal("one")
	c.seal("two") // epoch 1 begins: the rig's epochs have two messages
	epoch, secret, err := c.sealer.GrantSecret()
	r.must(err)
	wrapped, err := identity.WrapGrant(late, d.KeyID, c.anchor.Suite, c.begun.EID(), epoch, &secret)
	r.must(err)
	message, err := c.sealer.Grant(nil, wrapped)
	r.must(err)
	grant := c.verify(message)
	keyring := r.receiver("late").Keyring

	_, err = keyring.ContentSecret(c.begun)
	wantError(t, err, identity.ErrNotRecipient)
	_, err = r.receiver("station").Keyring.GrantSecret(c.begun, grant)
	wantError(t, err, identity.ErrNotRecipient)
	got, err := keyring.GrantSecret(c.begun, grant)
	if err != nil || got != secret {
		t.Fatalf("wrong secret, %v", err)
	}
	opener, err := seal.NewGrantOpener(c.begun, grant, &got)
	r.must(err)
	if plain, err := opener.Open(nil, c.seal("three")); err != nil || string(plain) != "three" {
		t.Errorf("opens %q, %v", plain, err)
	}
	if _, err := opener.Open(nil, first); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("before the grant: %v, want ErrCannotOpen", err)
	}

	next := r.begin(d)
	_, err = keyring.GrantSecret(next.begun, grant)
	wantError(t, err, seal.ErrWrongAnchor)
	_, err = keyring.GrantSecret(grant, grant)
	wantError(t, err, seal.ErrKind)
	_, err = keyring.ContentSecret(grant)
	wantError(t, err, seal.ErrKind)
	// A wrapping for one epoch does not pass as that of another.
	wrong, err := identity.WrapGrant(late, d.KeyID, c.anchor.Suite, c.begun.EID(), epoch+7, &secret)
	r.must(err)
	message, err = c.sealer.Grant(nil, wrong)
	r.must(err)
	_, err = keyring.GrantSecret(c.begun, c.verify(message))
	wantError(t, err, identity.ErrUnwrap)
}

func TestPreSharedSecrets(t *testing.T) {
	r := newRig(t)
	d := r.load("mcu-1")
	keyring := r.receiver("station").Keyring
	var chains []*chain
	for range 4 {
		chains = append(chains, r.begin(d))
	}
	// Backwards: a backlog from before a restart still opens.
	for i, c := range slices.Backward(chains) {
		if c.anchor.Generation != uint32(i) || len(c.anchor.Recipients) != 0 {
			t.Errorf("chain %d is of generation %d with %d recipients", i, c.anchor.Generation, len(c.anchor.Recipients))
		}
		secret, err := keyring.ContentSecret(c.begun)
		if err != nil || secret != c.secret {
			t.Fatalf("chain %d: wrong secret, %v", i, err)
		}
		opener, err := seal.NewOpener(c.begun, &secret)
		r.must(err)
		if got, err := opener.Open(nil, c.seal("x")); err != nil || string(got) != "x" {
			t.Errorf("chain %d opens %q, %v", i, got, err)
		}
	}
	// Once forgotten, earlier generations open no more, from the disk neither.
	r.must(keyring.Forget(d.KeyID, 3))
	r.must(keyring.Forget(d.KeyID, 3))
	wantError(t, keyring.Forget(d.KeyID, 2), keys.ErrGeneration)
	wantError(t, keyring.Forget(keys.KeyID{1}, 2), identity.ErrNotRecipient)
	for _, k := range []identity.Keyring{keyring, r.receiver("station").Keyring} {
		_, err := k.ContentSecret(chains[2].begun)
		wantError(t, err, keys.ErrGeneration)
		if secret, err := k.ContentSecret(chains[3].begun); err != nil || secret != chains[3].secret {
			t.Errorf("generation 3: wrong secret, %v", err)
		}
	}
	// A device of the pre-shared mode added later is picked up with the roster.
	receiver := r.receiver("station")
	_, err := r.site.AddDevice("gw-1", "mcu-2", identity.DeviceOptions{PreShared: true})
	r.must(err)
	c := r.begin(r.load("mcu-2"))
	_, err = receiver.Keyring.ContentSecret(c.begun)
	wantError(t, err, identity.ErrNotRecipient)
	_, err = receiver.ReadRoster()
	r.must(err)
	if secret, err := receiver.Keyring.ContentSecret(c.begun); err != nil || secret != c.secret {
		t.Errorf("the new device's secret is wrong: %v", err)
	}
}

// The ids of recipients are thumbprints of COSE_Keys as fxamacker encodes them.
func TestRecipientKeyIDs(t *testing.T) {
	mode, err := fxcbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	x25519, xwing := bytes.Repeat([]byte{3}, 32), bytes.Repeat([]byte{5}, 1216)
	for alg, test := range map[keys.Algorithm]struct {
		public []byte
		cose   map[int]any
	}{
		keys.AlgHPKE4KE: {x25519, map[int]any{1: 1, -1: 4, -2: x25519}},
		keys.AlgXWingKE: {xwing, map[int]any{1: 7, 3: -65791, -1: xwing}},
	} {
		encoded, err := mode.Marshal(test.cose)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(encoded)
		if got := identity.RecipientKeyID(alg, test.public); !bytes.Equal(got[:], sum[:8]) {
			t.Errorf("algorithm %d: id %v, want %x", alg, got, sum[:8])
		}
	}
}
