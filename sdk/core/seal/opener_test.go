package seal_test

import (
	"errors"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

var visitor = seal.Recipient{
	Algorithm: keys.AlgHPKE4KE, KeyID: keys.KeyID{9},
	Encapsulated: make([]byte, 32), Wrapped: make([]byte, 48),
}

// grant makes d's next grant and returns it with the secret it wraps.
func (d *device) grant(t testing.TB) (seal.Verified, [32]byte) {
	t.Helper()
	_, secret, err := d.sealer.GrantSecret()
	if err != nil {
		t.Fatal(err)
	}
	message, err := d.sealer.Grant(nil, visitor)
	if err != nil {
		t.Fatal(err)
	}
	return d.verify(t, message), secret
}

func TestGrantOpensFromItsEpochOn(t *testing.T) {
	d := newDevice(1)
	d.anchor.EpochShift = 2
	anchor := d.begin(t)
	var messages [][]byte
	for i := range byte(9) {
		messages = append(messages, d.seal(t, []byte{i}))
	}
	grant, secret := d.grant(t) // message 9 is in epoch 2: from message 8 on
	for i := range byte(9) {
		messages = append(messages, d.seal(t, []byte{9 + i}))
	}
	if grant.Kind() != seal.KindGrant || grant.EID() != anchor.EID() || grant.Seq() != 0 {
		t.Fatalf("grant is a %v of %v with seq %d", grant.Kind(), grant.EID(), grant.Seq())
	}
	opener, err := seal.NewGrantOpener(anchor, grant, &secret)
	if err != nil {
		t.Fatal(err)
	}
	// Forwards and backwards: what is before the grant stays shut in any order.
	for _, backwards := range []bool{false, true} {
		for i := range messages {
			at := i
			if backwards {
				at = len(messages) - 1 - i
			}
			got, err := opener.Open(nil, d.verify(t, messages[at]))
			if at+1 < 8 && !errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("message %d, before the grant, opens to %x, %v", at+1, got, err)
			}
			if at+1 >= 8 && (err != nil || len(got) != 1 || int(got[0]) != at) {
				t.Errorf("message %d opens to %x, %v", at+1, got, err)
			}
		}
	}
	// The granted secret is not the anchor's, and does not become one.
	if _, err := seal.NewOpener(anchor, &secret); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("the grant's secret as the anchor's: %v, want ErrCommitment", err)
	}
	if _, err := seal.NewGrantOpener(anchor, grant, &d.secret); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("the anchor's secret as the grant's: %v, want ErrCommitment", err)
	}
	// Nor does an opener that pretends the secret belongs to an earlier epoch.
	ratchet, err := keys.NewRatchet(d.anchor.Suite, d.public.ID(), &d.anchor.Salt, 0, &secret)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq < 8; seq++ {
		if ratchet.Epoch() < uint32(seq>>2) {
			if err := ratchet.Seek(uint32(seq >> 2)); err != nil {
				t.Fatal(err)
			}
		}
		p := d.batch(t, &anchor, seq, seal.Head{}, []byte{1})
		if got, err := ratchet.Open(nil, seq, p.ciphertext, p.aad()); err == nil {
			t.Errorf("the granted secret opens message %d of before to %x", seq, got)
		}
	}
}

func TestGrantsOfAnotherChain(t *testing.T) {
	a, b := newDevice(1), newDevice(2)
	a.anchor.EpochShift, b.anchor.EpochShift = 1, 1
	anchorA, anchorB := a.begin(t), b.begin(t)
	for range 3 {
		a.seal(t, []byte{1})
		b.seal(t, []byte{1})
	}
	grant, secret := a.grant(t)
	if _, err := seal.NewGrantOpener(anchorB, grant, &secret); !errors.Is(err, seal.ErrWrongAnchor) {
		t.Errorf("grant of A under anchor of B: %v, want ErrWrongAnchor", err)
	}
	if err := b.opener(t, anchorB).CheckGrant(grant); !errors.Is(err, seal.ErrWrongAnchor) {
		t.Errorf("grant of A checked by an opener of B: %v, want ErrWrongAnchor", err)
	}
	if _, err := seal.NewGrantOpener(grant, grant, &secret); !errors.Is(err, seal.ErrKind) {
		t.Errorf("a grant as an anchor: %v, want ErrKind", err)
	}
	if _, err := seal.NewGrantOpener(anchorA, anchorA, &secret); !errors.Is(err, seal.ErrKind) {
		t.Errorf("an anchor as a grant: %v, want ErrKind", err)
	}
	if _, err := a.opener(t, anchorA).Open(nil, grant); !errors.Is(err, seal.ErrKind) {
		t.Errorf("opening a grant: %v, want ErrKind", err)
	}
}

func TestGrantRefuses(t *testing.T) {
	d := newDevice(1)
	if _, err := d.sealer.Grant(nil, visitor); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("granting without an anchor: %v", err)
	}
	d.anchor.EpochShift = 1
	d.begin(t)
	d.seal(t, []byte{1})
	if _, _, err := d.sealer.GrantSecret(); !errors.Is(err, seal.ErrAnchor) {
		t.Errorf("the secret of epoch 0, which is the whole chain: %v, want ErrAnchor", err)
	}
	if _, err := d.sealer.Grant(nil, visitor); !errors.Is(err, seal.ErrAnchor) {
		t.Errorf("granting epoch 0: %v, want ErrAnchor", err)
	}
	d.seal(t, []byte{1})
	if _, err := d.sealer.Grant(nil, visitor); !errors.Is(err, seal.ErrAnchor) {
		t.Errorf("granting a secret that nobody asked for: %v, want ErrAnchor", err)
	}
	if _, _, err := d.sealer.GrantSecret(); err != nil {
		t.Fatal(err)
	}
	d.seal(t, []byte{1})
	d.seal(t, []byte{1}) // epoch 2: what was wrapped is the secret of epoch 1
	if _, err := d.sealer.Grant(nil, visitor); !errors.Is(err, seal.ErrAnchor) {
		t.Errorf("granting an epoch whose secret was not handed out: %v, want ErrAnchor", err)
	}
	d.grant(t)
	if _, err := d.sealer.Grant(nil, seal.Recipient{}); !errors.Is(err, seal.ErrAnchor) {
		t.Errorf("granting to nobody: %v, want ErrAnchor", err)
	}
}

// TestCheckGrant: a grant to another secret than the chain's own is a device's
// attempt to show two recipients different vitals.
func TestCheckGrant(t *testing.T) {
	d := newDevice(1)
	d.anchor.EpochShift = 1
	anchor := d.begin(t)
	for range 7 {
		d.seal(t, []byte{1})
	}
	opener := d.opener(t, anchor)
	grant, secret := d.grant(t)
	if err := opener.CheckGrant(grant); err != nil {
		t.Errorf("an honest grant: %v", err)
	}
	g, err := grant.Grant()
	if err != nil {
		t.Fatal(err)
	}
	g.Commitment[5] ^= 1
	forged := d.verify(t, d.outer(appendGrant(&g)).forge(t, d.key))
	if err := opener.CheckGrant(forged); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("a grant to another secret: %v, want ErrCommitment", err)
	}
	if err := opener.CheckGrant(anchor); !errors.Is(err, seal.ErrKind) {
		t.Errorf("an anchor as a grant: %v, want ErrKind", err)
	}
	late, err := seal.NewGrantOpener(anchor, grant, &secret)
	if err != nil {
		t.Fatal(err)
	}
	g.Epoch--
	early := d.verify(t, d.outer(appendGrant(&g)).forge(t, d.key))
	if err := late.CheckGrant(early); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("a grant from before one's own: %v, want ErrCannotOpen", err)
	}
}

// TestFirstMessageFollowsItsAnchor: an EID has 8 bytes, so a device that wants to can
// find two anchors with the same one (2^32 tries); the 16 bytes of the head in the
// first message part them.
func TestFirstMessageFollowsItsAnchor(t *testing.T) {
	d := newDevice(1)
	anchor := d.begin(t)
	opener := d.opener(t, anchor)
	head := anchor.Head()
	head[15] ^= 1
	v := d.verify(t, d.batch(t, &anchor, 1, head, []byte("x")).forge(t, d.key))
	if got, err := opener.Open(nil, v); !errors.Is(err, seal.ErrWrongAnchor) {
		t.Errorf("a first message after another anchor opens to %q, %v, want ErrWrongAnchor", got, err)
	}
	v = d.verify(t, d.batch(t, &anchor, 2, head, []byte("x")).forge(t, d.key))
	if _, err := opener.Open(nil, v); err != nil {
		t.Errorf("a later message: %v", err)
	}
}

// TestOpenerReachesEveryEpoch goes between the far ends of a chain, so that both
// positions of the ratchet move and the backlog starts anew.
func TestOpenerReachesEveryEpoch(t *testing.T) {
	d := newDevice(1)
	d.anchor.EpochShift = 4
	anchor := d.begin(t)
	opener := d.opener(t, anchor)
	last := uint64(keys.MaxEpochs<<4 - 1)
	for _, seq := range []uint64{1, last, 2, 15, 16, last - 1, 17, 40, 16, 1 << 19, 3, last} {
		prev := anchor.Head()
		v := d.verify(t, d.batch(t, &anchor, seq, prev, seqBytes(seq)).forge(t, d.key))
		got, err := opener.Open(nil, v)
		if err != nil || string(got) != string(seqBytes(seq)) {
			t.Errorf("message %d opens to %x, %v", seq, got, err)
		}
	}
	v := d.verify(t, d.batch(t, &anchor, last+1, anchor.Head(), []byte{1}).forge(t, d.key))
	if got, err := opener.Open(nil, v); !errors.Is(err, seal.ErrCannotOpen) {
		t.Errorf("a message after the last epoch opens to %x, %v, want ErrCannotOpen", got, err)
	}
}

func TestErasedOpenerOpensNothing(t *testing.T) {
	d := newDevice(1)
	d.anchor.EpochShift = 1
	anchor := d.begin(t)
	opener := d.opener(t, anchor)
	var vs []seal.Verified
	for range 6 {
		vs = append(vs, d.verify(t, d.seal(t, []byte{1})))
	}
	for _, at := range []int{5, 0} { // live and backlog
		if _, err := opener.Open(nil, vs[at]); err != nil {
			t.Fatal(err)
		}
	}
	opener.Erase()
	for i, v := range vs {
		if got, err := opener.Open(nil, v); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("message %d opens to %x, %v after Erase", i+1, got, err)
		}
	}
}
