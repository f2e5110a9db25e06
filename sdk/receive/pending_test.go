package receive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func TestPending(t *testing.T) {
	d, other := newDevice(t, 1), newDevice(t, 2)
	g := newRig(t, d, other)
	anchor := d.begin()
	m := d.readings(3)
	for _, x := range m {
		if res := g.send(x); !res.Pending || res.Verdict != 0 {
			t.Fatalf("%+v", res)
		}
	}
	g.send(m[1]) // again, as after a reconnect
	if s, out := g.r.Stats(), g.out.take(); s.Pending != 3 || g.acks != 4 || len(out) != 0 {
		t.Fatalf("%d pending, %d acknowledged, lines %q", s.Pending, g.acks, out)
	}
	if missing := g.r.AnchorMissing(g.now.Add(20 * time.Second)); missing != 20*time.Second {
		t.Errorf("an anchor has been missing for %v", missing)
	}
	g.restart()
	g.want(receive.Valid, anchor)
	g.wantLines("valid anchor; valid 1; valid 2; valid 3")
	if missing := g.r.AnchorMissing(g.now); missing != 0 {
		t.Errorf("an anchor has been missing for %v", missing)
	}
	if s := g.r.Stats(); s.Pending != 0 || g.acks != 5 {
		t.Errorf("%d pending, %d acknowledged, want 0, 5", s.Pending, g.acks)
	}
	other.begin()
	g.send(other.reading(1))
	if next := g.r.Next(); !next.Equal(g.now.Add(time.Minute)) {
		t.Errorf("next deadline %v", next)
	}
	g.tick(time.Minute - 1)
	g.wantLines("")
	g.tick(1)
	g.wantLines("cannot open")
	if g.acks != 6 {
		t.Errorf("%d acknowledged, want 6", g.acks)
	}
}

// TestPendingWhileAway stops the receiver for a night, or sets its clock meanwhile:
// the anchor that is waited for could not come, so no time has passed.
func TestPendingWhileAway(t *testing.T) {
	for _, away := range []time.Duration{12 * time.Hour, -12 * time.Hour} {
		d, other := newDevice(t, 1), newDevice(t, 2)
		g := newRig(t, d, other)
		anchor := d.begin()
		other.begin()
		g.send(d.reading(1))
		g.send(other.reading(1))
		g.tick(40 * time.Second)
		g.r.Close()
		g.now = g.now.Add(away)
		g.open()
		g.tick(19 * time.Second)
		g.wantLines("")
		g.want(receive.Valid, anchor)
		g.wantLines("valid anchor; valid 1")
		g.tick(time.Second)
		g.wantLines("cannot open")
	}
}

func TestPendingBound(t *testing.T) {
	d, other := newDevice(t, 1), newDevice(t, 2)
	g := newRig(t, d, other)
	g.r.Close()
	g.conf.PendingMessages, g.conf.PendingBytes = 64, 1<<20
	g.open()
	other.begin()
	g.send(other.reading(1))
	d.begin()
	for i := range 200 {
		g.send(d.reading(i))
		if s := g.r.Stats(); s.Pending > 64 {
			t.Fatalf("%d messages are pending", s.Pending)
		}
	}
	s := g.r.Stats()
	if s.Pending != 64 || s.Verdicts[receive.CannotOpen] != 137 || g.acks != 201 {
		t.Errorf("%d pending, %d refused, %d acknowledged", s.Pending, s.Verdicts[receive.CannotOpen], g.acks)
	}
	for _, l := range g.lines() {
		if l.Device != d.kid().String() {
			t.Errorf("the flood of one device drove out a message of another: %+v", l)
		}
	}
	wave := vital.Batch{}
	w := wave.AddWave()
	w.Code, w.Rate, w.Factor, w.Coding = vital.Pleth, vital.Int(75), vital.Int(1), vital.CodingInt16
	w.Samples = make([]int32, 15000)
	for range 64 {
		g.send(d.batch(&wave))
		if s := g.r.Stats(); s.PendingBytes > 1<<20 {
			t.Fatalf("%d bytes are pending", s.PendingBytes)
		}
	}
}

// TestPendingCopies has a message that waits come many times over.
func TestPendingCopies(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	anchor, m := d.begin(), d.reading(97)
	for range 100 {
		if res := g.send(m); !res.Pending {
			t.Fatalf("%+v", res)
		}
	}
	if s := g.r.Stats(); g.acks != 100 || s.Pending != 1 {
		t.Errorf("%d of 100 copies acknowledged, %d wait", g.acks, s.Pending)
	}
	g.want(receive.Valid, anchor)
	if g.acks != 101 {
		t.Errorf("%d acknowledged, want 101", g.acks)
	}
}

// TestManyPending has more messages wait than are judged in one transaction: they are
// judged in the order in which they came, before what comes after their anchor, and
// through a restart and a sink that fails amid them.
func TestManyPending(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.r.Close()
	f, err := receive.OpenFile(filepath.Join(t.TempDir(), "lines"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sink := &brittle{File: f}
	g.conf.Sink = sink
	g.conf.StatePath += "2"
	g.open()
	const n = 700
	anchor, early := d.begin(), d.readings(n)
	var messages []receive.Message
	for _, m := range early {
		messages = append(messages, g.message(m))
	}
	if _, err := g.r.HandleBatch(context.Background(), messages); err != nil {
		t.Fatal(err)
	}
	g.restart()
	sink.failAfter(400)
	later := g.message(d.reading(n + 1))
	if _, err := g.r.HandleBatch(context.Background(), []receive.Message{g.message(anchor), later}); err != nil {
		t.Fatal(err)
	}
	if s := g.r.Stats(); s.Pending == 0 || s.Pending > n {
		t.Errorf("%d of %d wait while the sink fails", s.Pending, n)
	}
	if next := g.r.Next(); next.After(g.now) {
		t.Errorf("what is left is to be judged at %v", next)
	}
	g.restart()
	sink.fail = ""
	g.want(0, d.reading(n+2)) // it comes behind those that wait
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := parseLines(t, text)
	for i, l := range lines[1:] {
		if l.Verdict != "valid" || l.Value.String() != itoa(uint64(i+1)) {
			t.Fatalf("line %d: %+v", i, l)
		}
	}
	if s := g.r.Stats(); len(lines) != n+3 || s.Pending != 0 || g.acks != n+3 {
		t.Errorf("%d lines, %d pending, %d acknowledged of %d", len(lines), s.Pending, g.acks, n+3)
	}
}

// TestPendingAnchorIsKept has more messages wait for a voucher than may wait.
func TestPendingAnchorIsKept(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	first := g.message(d.begin())
	first.Retained = true
	early := d.readings(100)
	g.want(receive.Valid, d.begin())
	g.handle(first)
	for _, m := range early {
		g.send(m)
	}
	if s := g.r.Stats().Verdicts; s[receive.Valid] != 102 || s[receive.Rollback] != 0 {
		t.Errorf("counts %v", s)
	}
	g2 := newRig(t, d)
	g2.r.Close()
	g2.conf.RequireBeacon, g2.conf.AcceptPast, g2.conf.PendingMessages = true, true, 64
	g2.conf.StatePath += "2"
	g2.open()
	g2.send(first.Payload)
	for _, m := range early {
		g2.send(m)
	}
	if missing := g2.r.AnchorMissing(g2.now.Add(time.Second)); missing != 0 { // it came, and waits too
		t.Errorf("an anchor has been missing for %v", missing)
	}
	d2 := newDevice(t, 1)
	d2.begin()
	d2.readings(100)
	d2.tweak = func(a *seal.Anchor) { a.Beacon = g2.r.Beacon() }
	g2.want(receive.Valid, d2.begin())
	if s := g2.r.Stats().Verdicts; s[receive.Valid] != 65 || s[receive.CannotOpen] != 37 || s[receive.Rollback] != 0 {
		t.Errorf("counts %v", s)
	}
}

func TestCannotOpen(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	delete(g.ros.psks, d.kid())
	g.want(receive.Valid, d.begin())
	m := d.readings(3)
	g.want(receive.CannotOpen, m[0])
	g.want(receive.CannotOpen, m[2])
	g.wantLines("valid anchor; cannot open; gap 2-2; cannot open")
	g.want(receive.Duplicate, m[0])
	g.ros.psks[d.kid()], _ = keys.NewSoftwarePSK(d.kid(), 0, &[32]byte{66}) // another key: the commitment fails
	g.restart()
	res := g.want(receive.CannotOpen, m[1])
	if !strings.Contains(res.Reason, "commits") {
		t.Errorf("reason %q", res.Reason)
	}
}

// TestKeyComesLater has the key of a device arrive after its first messages, as
// when a roster and a directory of keys are copied one after the other.
func TestKeyComesLater(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	delete(g.ros.psks, d.kid())
	g.want(receive.Valid, d.begin())
	g.want(receive.CannotOpen, d.reading(1))
	g.ros.psks[d.kid()] = d.psk
	g.want(receive.CannotOpen, d.reading(2)) // not asked for each message
	g.now = g.now.Add(time.Minute)
	g.want(receive.Valid, d.reading(3))
}

func TestUnavailable(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	u := &unavailable{roster: g.ros, gone: true}
	g.r.Close()
	g.conf.Secrets = u
	g.open()
	g.want(receive.Valid, d.begin())
	m := d.readings(1)
	g.lines()
	_, err := g.r.Handle(context.Background(), g.message(m[0]))
	if out := g.out.take(); !errors.Is(err, receive.ErrUnavailable) || g.acks != 1 || len(out) != 0 {
		t.Fatalf("%v, %d acknowledged, lines %q", err, g.acks, out)
	}
	u.gone = false
	g.want(receive.Valid, m[0])
	g.wantLines("valid 1")
}

type unavailable struct {
	*roster
	gone bool
}

func (u *unavailable) ContentSecret(a seal.Verified) ([32]byte, error) {
	if u.gone {
		return [32]byte{}, fmt.Errorf("token is unplugged: %w", receive.ErrUnavailable)
	}
	return u.roster.ContentSecret(a)
}

func TestGrant(t *testing.T) {
	d := newDevice(t, 1)
	d.tweak = func(a *seal.Anchor) { a.EpochShift = 1 }
	g := newRig(t, d)
	granted := &grantee{}
	g.r.Close()
	g.conf.Secrets = granted
	g.open()
	g.want(receive.Valid, d.begin())
	early := d.readings(2) // 1 is of epoch 0, 2 of epoch 1
	g.want(receive.CannotOpen, early[0])
	_, secret, err := d.sealer.GrantSecret()
	if err != nil {
		t.Fatal(err)
	}
	granted.secret = secret
	grant, err := d.sealer.Grant(nil, seal.Recipient{Algorithm: keys.AlgHPKE4KE, Encapsulated: make([]byte, 32), Wrapped: make([]byte, 48)})
	if err != nil {
		t.Fatal(err)
	}
	g.want(receive.Valid, grant)
	g.want(receive.Duplicate, grant)
	g.lines()
	g.want(receive.Valid, early[1])
	g.restart()
	g.want(receive.Valid, d.reading(95))
	g.wantLines("valid 2; valid 95")
}

// grantee holds what one grant gives, and nothing of any anchor.
type grantee struct{ secret [32]byte }

func (*grantee) ContentSecret(seal.Verified) ([32]byte, error) {
	return [32]byte{}, errNotARecipient
}

func (s *grantee) GrantSecret(_, _ seal.Verified) ([32]byte, error) { return s.secret, nil }
