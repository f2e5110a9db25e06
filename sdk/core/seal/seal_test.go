package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// device is a sealing device with fixed keys; rigs in this package vary one
// thing at a time.
type device struct {
	key    keys.Signer
	public keys.PublicKey
	sealer *seal.Sealer
	anchor seal.Anchor
	secret [32]byte
}

func newDevice(n byte) *device {
	seed := [32]byte{n}
	return newDeviceWith(n, keys.NewEd25519(&seed))
}

func newDeviceWith(n byte, signer keys.Signer) *device {
	d := &device{key: signer, secret: [32]byte{n, 1}}
	d.public = d.key.Public()
	d.sealer = seal.NewSealer(d.key)
	d.anchor = seal.Anchor{Site: "ward-3", Boot: 1, Salt: [16]byte{n, 2}, Heartbeat: 30000}
	return d
}

func (d *device) begin(t testing.TB) seal.Verified {
	t.Helper()
	message, err := d.sealer.Begin(nil, &d.anchor, &d.secret)
	if err != nil {
		t.Fatal(err)
	}
	return d.verify(t, message)
}

func (d *device) verify(t testing.TB, message []byte) seal.Verified {
	t.Helper()
	e, err := seal.Parse(message)
	if err != nil {
		t.Fatalf("parsing %x: %v", message, err)
	}
	var verifier seal.Verifier
	v, err := verifier.Verify(e, &d.public)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (d *device) seal(t testing.TB, payload []byte) []byte {
	t.Helper()
	message, err := d.sealer.Seal(nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func (d *device) opener(t testing.TB, anchor seal.Verified) *seal.Opener {
	t.Helper()
	o, err := seal.NewOpener(anchor, &d.secret)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestSealAndOpen(t *testing.T) {
	for _, suite := range suites {
		d := newDevice(1)
		d.anchor.Suite = suite
		d.anchor.EpochShift = 3
		anchor := d.begin(t)
		opener := d.opener(t, anchor)
		prev := anchor.Head()
		for i := range uint64(600) {
			payload := bytes.Repeat([]byte{byte(i)}, 1+int(i))
			v := d.verify(t, d.seal(t, payload))
			if v.Kind() != seal.KindBatch || v.Seq() != i+1 || v.EID() != anchor.EID() || v.Prev() != prev {
				t.Fatalf("message %d: kind %v, seq %d, eid %v, prev %x", i+1, v.Kind(), v.Seq(), v.EID(), v.Prev())
			}
			prev = v.Head()
			got, err := opener.Open(nil, v)
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("message %d opens to %x, %v", i+1, got, err)
			}
		}
	}
}

func TestOpenInAnyOrder(t *testing.T) {
	d := newDevice(1)
	d.anchor.EpochShift = 2
	anchor := d.begin(t)
	var messages [][]byte
	for i := range 64 {
		messages = append(messages, d.seal(t, []byte{byte(i)}))
	}
	opener := d.opener(t, anchor)
	for step := 1; step < 64; step += 2 {
		for i := range messages {
			at := i * step % len(messages)
			got, err := opener.Open(nil, d.verify(t, messages[at]))
			if err != nil || len(got) != 1 || got[0] != byte(at) {
				t.Fatalf("step %d: message %d opens to %x, %v", step, at+1, got, err)
			}
		}
	}
}

// TestOverhead holds the sizes that FORMAT.md states.
func TestOverhead(t *testing.T) {
	d := newDevice(1)
	d.anchor.EpochShift = 32
	anchor := d.begin(t)
	for _, x := range []struct {
		seq        uint64
		size, want int
	}{
		{1, 1, 139}, {1, 13, 140}, {1, 64, 140}, {1 << 8, 64, 141}, {1 << 16, 64, 142},
		{1, 2048, 142}, {seal.MaxSeq, 64, 144}, {seal.MaxSeq, 2048, 146},
	} {
		m := d.batch(t, &anchor, x.seq, anchor.Head(), make([]byte, x.size)).forge(t, d.key)
		if got := len(m) - x.size; got != x.want {
			t.Errorf("message %d of %d bytes costs %d more, want %d", x.seq, x.size, got, x.want)
		}
	}
	if got := len(d.seal(t, make([]byte, 64))) - 64; got != 140 {
		t.Errorf("the Sealer's first message of 64 bytes costs %d more, want 140", got)
	}
}

func TestSealerRefuses(t *testing.T) {
	d := newDevice(1)
	if _, err := d.sealer.Seal(nil, []byte{1}); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("sealing without an anchor: %v", err)
	}
	d.begin(t)
	for _, size := range []int{0, seal.MaxPayload + 1} {
		if _, err := d.sealer.Seal(nil, make([]byte, size)); !errors.Is(err, seal.ErrPayload) {
			t.Errorf("sealing %d bytes: %v", size, err)
		}
	}
	if got := d.sealer.Checkpoint().Seq; got != 0 {
		t.Errorf("a refused payload used sequence number %d", got)
	}
	if message := d.seal(t, make([]byte, seal.MaxPayload)); len(message) > seal.MaxMessage {
		t.Errorf("the largest payload makes a message of %d bytes", len(message))
	}
	d.sealer.End()
	if _, err := d.sealer.Seal(nil, []byte{1}); !errors.Is(err, seal.ErrNoAnchor) {
		t.Errorf("sealing after the end: %v", err)
	}
}

func TestSealAndOpenAllocateNothing(t *testing.T) {
	d := newDevice(1)
	d.anchor.EpochShift = 20
	opener := d.opener(t, d.begin(t))
	payload := make([]byte, 256)
	message := make([]byte, 0, 1024)
	plain := make([]byte, 0, 1024)
	var verifier seal.Verifier
	allocs := testing.AllocsPerRun(200, func() {
		m, err := d.sealer.Seal(message, payload)
		if err != nil {
			t.Fatal(err)
		}
		e, err := seal.Parse(m)
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifier.Verify(e, &d.public)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := opener.Open(plain, v); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("sealing, verifying and opening: %v allocations, want 0", allocs)
	}
}
