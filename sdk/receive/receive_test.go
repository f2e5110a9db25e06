package receive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func TestReading(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	g.now = start.Add(2 * time.Second)
	g.want(receive.Valid, d.batch(&vital.Batch{Label: "bed-7", Numerics: []vital.Numeric{
		{Time: 1500, Code: vital.SpO2, Unit: vital.Percent, Value: vital.Dec(980, -1), Status: vital.SensorOff},
	}}))
	got := g.lines()
	if len(got) != 2 || got[0].Event != "anchor" || got[0].Boot != 101 {
		t.Fatalf("lines %+v", got)
	}
	l := got[1]
	if l.Verdict != "valid" || l.Site != site || l.Device != d.kid().String() || l.DeviceName != "bed 7" || l.Seq != 1 ||
		l.Time != "2026-11-22T08:00:01.500Z" || l.TimeQuality != "clock" || l.TimeError != 50 ||
		l.Received != "2026-11-22T08:00:02.000Z" || l.Code != 150456 || l.RefID != "MDC_PULS_OXIM_SAT_O2" ||
		*l.Value != "98.0" || *l.Unit != "%" || !slices.Equal(l.Status, []string{"sensor-off"}) || l.Label != "bed-7" {
		t.Errorf("line %+v, value %v, unit %v", l, *l.Value, *l.Unit)
	}
	if g.acks != 2 {
		t.Errorf("%d messages acknowledged, want 2", g.acks)
	}
}

func TestNoClock(t *testing.T) {
	d := newDevice(t, 1)
	d.tweak = func(a *seal.Anchor) { a.Clock, a.Flags = seal.Clock{}, seal.FlagTest }
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	g.now = start.Add(time.Minute)
	g.want(receive.Valid, d.reading(98))
	got := g.lines()
	if !got[0].Test {
		t.Errorf("line %+v", got[0])
	}
	if l := got[1]; l.Time != "2026-11-22T08:01:00.000Z" || l.TimeQuality != "received" || !l.Test {
		t.Errorf("line %+v", l)
	}
}

// TestLabel has a label hold for all later messages of its chain, in whatever
// order they come, across a restart, and not for the next chain.
func TestLabel(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	one := vital.Batch{Numerics: []vital.Numeric{{Value: vital.Int(1)}}}
	labelled := one
	labelled.Label = "bed-7"
	m := [][]byte{d.batch(&one), d.batch(&labelled), d.batch(&one), d.batch(&one)}
	labelled.Label = "bed-8"
	m = append(m, d.batch(&labelled))
	g.lines()
	for i, want := range []string{"", "bed-7", "bed-7"} {
		g.send(m[[]int{2, 1, 3}[i]])
		got := g.lines()
		if l := got[len(got)-1]; l.Label != want {
			t.Errorf("message %d: label %q, want %q", i, l.Label, want)
		}
	}
	g.restart()
	g.send(m[4])
	g.send(m[0])
	g.send(d.begin())
	g.send(d.batch(&one))
	var labels []string
	for _, l := range g.lines() {
		if l.Value != nil {
			labels = append(labels, l.Label)
		}
	}
	if !slices.Equal(labels, []string{"bed-8", "", ""}) {
		t.Errorf("labels %q", labels)
	}
}

// TestGaps is a table of arrivals: sequence numbers in order of arrival, and
// what is written.
func TestGaps(t *testing.T) {
	for _, test := range []struct {
		arrive string
		want   string
	}{
		{"1 2 3", "valid 1; valid 2; valid 3"},
		{"1 3", "valid 1; gap 2-2; valid 3"},
		{"4", "gap 1-3; valid 4"},
		{"1 4 2 3", "valid 1; gap 2-3; valid 4; filled 2-2; valid 2; filled 3-3; valid 3"},
		{"1 4 3 6", "valid 1; gap 2-3; valid 4; filled 3-3; valid 3; gap 5-5; valid 6"},
		{"3 1 2 4", "gap 1-2; valid 3; filled 1-1; valid 1; filled 2-2; valid 2; valid 4"},
		{"1 1 2 1", "valid 1; duplicate; valid 2; duplicate"},
		{"2 1 1", "gap 1-1; valid 2; filled 1-1; valid 1; duplicate"},
	} {
		t.Run(test.arrive, func(t *testing.T) {
			d := newDevice(t, 1)
			g := newRig(t, d)
			g.send(d.begin())
			g.lines()
			messages := d.readings(8)
			for _, f := range strings.Fields(test.arrive) {
				g.send(messages[f[0]-'1'])
			}
			g.wantLines(test.want)
		})
	}
}

func TestDuplicateAndReplay(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.r.Close()
	g.conf.StatePath += "2"
	g.conf.DuplicateMessages = 4
	g.open()
	g.want(receive.Valid, d.begin())
	m := d.readings(10)
	g.want(receive.Valid, m[0])
	g.now = g.now.Add(15 * time.Minute)
	g.want(receive.Duplicate, m[0])
	g.now = g.now.Add(time.Millisecond)
	g.want(receive.Replay, m[0])
	for _, x := range m[1:5] {
		g.want(receive.Valid, x)
	}
	g.want(receive.Duplicate, m[1])
	g.want(receive.Valid, m[5])
	g.want(receive.Replay, m[1])
	g.restart()
	g.want(receive.Duplicate, m[2])
	g.want(receive.Replay, m[1])
}

// TestFork has a clone of the device seal other messages under the same anchor.
func TestFork(t *testing.T) {
	rigs := func(t *testing.T) (*rig, [][]byte, [][]byte) {
		d := newDevice(t, 1)
		g := newRig(t, d)
		c := d.clone()
		g.want(receive.Valid, d.begin())
		c.begin()
		a, b := d.readings(4), [][]byte{}
		for i := range 4 {
			b = append(b, c.reading(50+i))
		}
		return g, a, b
	}
	t.Run("same number", func(t *testing.T) {
		g, a, b := rigs(t)
		g.want(receive.Valid, a[0])
		g.want(receive.Fork, b[0])
		g.want(receive.Duplicate, a[0])
	})
	t.Run("does not follow", func(t *testing.T) {
		g, a, b := rigs(t)
		g.want(receive.Valid, a[0])
		g.want(receive.Fork, b[1])
		g.want(receive.Valid, a[1])
	})
	t.Run("is not followed", func(t *testing.T) {
		g, a, b := rigs(t)
		g.want(receive.Valid, a[2])
		g.want(receive.Fork, b[1])
		g.want(receive.Filled, a[1])
	})
	t.Run("after a restart", func(t *testing.T) {
		g, a, b := rigs(t)
		g.want(receive.Valid, a[0])
		g.want(receive.Valid, a[2])
		g.restart()
		g.want(receive.Fork, b[0])
		g.want(receive.Fork, b[1])
		g.want(receive.Fork, b[3])
		g.want(receive.Filled, a[1])
	})
	t.Run("other first message", func(t *testing.T) {
		g, a, b := rigs(t)
		g.want(receive.Valid, a[1])
		g.want(receive.Fork, b[0])
		g.want(receive.Filled, a[0])
	})
}

func TestRollback(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	old := d.clone()
	old.boot-- // state from before
	g.want(receive.Valid, d.begin())
	current := d.reading(97)
	oldAnchor := old.begin()
	sameBoot := d.clone()
	sameBoot.boot--
	sameBoot.tweak = func(a *seal.Anchor) { a.Salt[9] = 1 }
	g.want(receive.Rollback, oldAnchor)
	g.want(receive.Rollback, sameBoot.begin())
	for range 2 {
		g.want(receive.Rollback, old.reading(0))
		g.want(receive.Rollback, sameBoot.reading(0))
		g.restart()
	}
	g.want(receive.Rollback, oldAnchor)
	g.want(receive.Valid, current)
	for _, l := range g.lines() {
		if l.Verdict != "valid" && l.Value != nil {
			t.Errorf("line %+v shows a value", l)
		}
	}
	// The clone begins another chain, and cannot hide what that goes on from.
	old.boot = d.boot
	g.lines()
	g.want(receive.Valid, old.begin())
	g.wantLines("valid anchor; fork")
	g.want(receive.Rollback, oldAnchor)
}

// TestRetainedAnchors has the broker deliver kept anchors in any order, to a
// receiver that knows none of them.
func TestRetainedAnchors(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {2, 0, 1}, {1, 0, 2}, {0, 2, 1}, {1, 2, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			d := newDevice(t, 1)
			g := newRig(t, d)
			var anchors, last [][]byte
			for range 3 {
				anchors = append(anchors, d.begin())
				last = append(last, d.readings(2)...)
			}
			for _, i := range order {
				m := g.message(anchors[i])
				m.Retained = true
				g.handle(m)
			}
			for _, m := range last {
				if res := g.send(m); res.Verdict != receive.Valid && res.Verdict != receive.Filled {
					t.Errorf("%+v", res)
				}
			}
			if g.acks != 9 {
				t.Errorf("%d acknowledged, want 9", g.acks)
			}
			for _, a := range anchors {
				g.want(receive.Duplicate, a)
			}
		})
	}
	t.Run("nobody vouches", func(t *testing.T) {
		d := newDevice(t, 1)
		g := newRig(t, d)
		old := d.clone()
		old.boot -= 5
		g.want(receive.Valid, d.begin())
		m := g.message(old.begin())
		m.Retained = true
		if res := g.handle(m); !res.Pending {
			t.Fatalf("%+v", res)
		}
		if res := g.send(old.reading(1)); !res.Pending {
			t.Fatalf("%+v", res)
		}
		g.lines()
		g.tick(time.Minute)
		g.wantLines("rollback; rollback")
		if g.acks != 3 {
			t.Errorf("%d acknowledged, want 3", g.acks)
		}
	})
}

// TestReversedAnchors has a broker, without any key, deliver the anchor of the
// newest chain first, then the oldest, then the one between: no clone may be
// reported, and once the oldest is offered again all must be readable.
func TestReversedAnchors(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	var anchors [][]byte
	var messages [][]byte
	for range 3 {
		anchors = append(anchors, d.begin())
		messages = append(messages, d.readings(2)...)
	}
	g.want(receive.Valid, anchors[2])
	g.want(receive.Rollback, anchors[0]) // by all that is known
	g.restart()
	g.lines()
	g.want(receive.Valid, anchors[1])
	g.wantLines("valid anchor; gap 1-2")
	g.restart()
	g.want(receive.Valid, anchors[0])
	g.want(receive.Duplicate, anchors[0])
	for _, m := range messages {
		if res := g.send(m); res.Verdict != receive.Valid && res.Verdict != receive.Filled {
			t.Errorf("%+v", res)
		}
	}
	for _, l := range g.lines() {
		if l.Verdict == "fork" {
			t.Errorf("line %+v", l)
		}
	}
}

func TestMissingTail(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.send(d.begin())
	m := d.readings(5)
	g.send(m[0])
	g.send(m[1])
	g.lines()
	second := d.begin()
	unseen := d.readings(3)
	third := d.begin()
	g.want(receive.Valid, third) // the second anchor is missing altogether
	g.wantLines("valid anchor; gap 1-3")
	late := g.message(second)
	late.Retained = true
	g.handle(late)
	g.wantLines("valid anchor; gap 3-5")
	for _, x := range append(m[2:], unseen...) {
		g.want(receive.Filled, x)
	}
	g.lines()
	if s := g.r.Stats().Devices[0]; s.Boot != 103 || s.Missing != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCheckpointForks(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.send(d.begin())
	m := d.readings(3)
	for _, x := range m {
		g.want(receive.Valid, x)
	}
	check := d.sealer.Checkpoint()
	g.lines()
	d.tweak = func(a *seal.Anchor) { a.Previous = check; a.Previous.Head[0] ^= 1 }
	g.want(receive.Valid, d.begin())
	g.wantLines("valid anchor; fork")
	first := d.readings(4)
	g.want(receive.Valid, first[0])
	short := d.sealer.Checkpoint()
	short.Seq = 2 // the device does not know that it sealed more
	d.tweak = func(a *seal.Anchor) { a.Previous = short }
	g.want(receive.Valid, first[1])
	g.want(receive.Valid, first[2])
	g.lines()
	g.want(receive.Valid, d.begin())
	g.wantLines("valid anchor; fork")
	g.want(receive.Fork, first[3])
}

// TestPowerCut has a device begin anew without knowing how far it had come: what
// it sealed is shown, and no clone reported.
func TestPowerCut(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.send(d.begin())
	atAnchor := d.sealer.Checkpoint()
	m := d.readings(5)
	g.want(receive.Valid, m[0])
	g.want(receive.Valid, m[1])
	d.tweak = func(a *seal.Anchor) { a.Previous = atAnchor }
	g.lines()
	g.want(receive.Valid, d.begin())
	g.wantLines("valid anchor")
	g.want(receive.Valid, m[2]) // was on the gateway's disk
	g.restart()
	g.want(receive.Valid, m[4])
	g.want(receive.Filled, m[3])
	g.want(receive.Valid, d.reading(97))
	// Anchors of which the first comes last.
	other := newDevice(t, 1)
	other.boot += 50
	first := other.begin()
	atAnchor = other.sealer.Checkpoint()
	late := other.reading(97)
	other.tweak = func(a *seal.Anchor) { a.Previous = atAnchor }
	g.want(receive.Valid, other.begin())
	g.want(receive.Valid, first)
	g.want(receive.Valid, late)
	// It is the beginning that is named, and no other.
	atAnchor = other.sealer.Checkpoint()
	atAnchor.Seq, atAnchor.Head[0] = 0, atAnchor.Head[0]^1
	g.lines()
	g.want(receive.Valid, other.begin())
	g.wantLines("valid anchor; fork")
}

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
	if s, out := g.r.Stats(), g.out.take(); s.Pending != 3 || g.acks != 1 || len(out) != 0 {
		t.Fatalf("%d pending, %d acknowledged, lines %q", s.Pending, g.acks, out)
	}
	g.want(receive.Valid, anchor)
	g.wantLines("valid anchor; valid 1; valid 2; valid 3")
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

func TestPendingBound(t *testing.T) {
	d, other := newDevice(t, 1), newDevice(t, 2)
	g := newRig(t, d, other)
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
	if s.Pending != 64 || s.Verdicts[receive.CannotOpen] != 137 || g.acks != 137 {
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

// TestPendingCopies has a message that waits come many times over: only one copy
// may hold a place in the broker's window.
func TestPendingCopies(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	anchor, m := d.begin(), d.reading(97)
	for range 100 {
		if res := g.send(m); !res.Pending {
			t.Fatalf("%+v", res)
		}
	}
	if g.acks != 99 {
		t.Errorf("%d of 100 copies acknowledged, want 99", g.acks)
	}
	g.want(receive.Valid, anchor)
	if g.acks != 101 {
		t.Errorf("%d acknowledged, want 101", g.acks)
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
	g2.conf.RequireBeacon, g2.conf.AcceptPast = true, true
	g2.conf.StatePath += "2"
	g2.open()
	g2.send(first.Payload)
	for _, m := range early {
		g2.send(m)
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

func TestNoReadingsInside(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	g.lines()
	g.want(receive.Malformed, d.raw([]byte("SpO2=98")))
	got := g.lines()
	if short(got) != "malformed" || got[0].Seq != 1 {
		t.Errorf("%+v", got)
	}
	g.want(receive.Valid, d.reading(98)) // the chain goes on
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

func TestDropped(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.send(d.begin())
	m := d.readings(6)
	g.send(m[0])
	g.send(m[3])
	g.lines()
	eid := d.sealer.Checkpoint().EID
	g.want(receive.Valid, d.batch(&vital.Batch{Drops: []vital.Dropped{{Reason: vital.DropStore, Count: 4, EID: eid, From: 2, To: 5}}}))
	got := g.lines()
	if short(got) != "gap 5-6; valid dropped; gap 2-3; gap 5-5" || got[2].Reason != "dropped by the device: store-full" {
		t.Errorf("%s: %+v", short(got), got)
	}
}

func TestSilence(t *testing.T) {
	d := newDevice(t, 1)
	d.tweak = func(a *seal.Anchor) { a.Heartbeat = 10_000 }
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	m := d.readings(4)
	g.lines()
	g.tick(19 * time.Second)
	g.want(receive.Valid, m[0])
	g.tick(19 * time.Second)
	g.wantLines("valid 1")
	g.want(receive.Duplicate, m[0]) // proves nothing
	g.lines()
	g.tick(time.Second)
	g.wantLines("silent")
	g.tick(time.Hour)
	g.restart()
	g.tick(time.Hour)
	g.wantLines("")
	g.want(receive.Valid, m[1])
	g.wantLines("resumed; valid 2")
	// A heartbeat with another interval.
	g.want(receive.Valid, m[3])
	g.want(receive.Valid, d.batch(&vital.Batch{Heartbeats: []vital.Heartbeat{{Interval: 1000}}}))
	g.lines()
	g.tick(time.Second)
	g.want(receive.Filled, m[2]) // withheld until now: no sign of life either
	g.lines()
	g.tick(time.Second)
	g.wantLines("silent")
	g.want(receive.Valid, d.reading(1))
	g.lines()
	g.now = g.now.Add(time.Hour)
	g.restart() // while nobody listened there was no silence
	g.tick(time.Second)
	g.wantLines("")
	g.tick(time.Second)
	g.wantLines("silent")
}

func TestRunReportsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, 1)
		d.tweak = func(a *seal.Anchor) { a.Heartbeat = 5000 }
		g := newRig(t, d)
		g.r.Close()
		g.conf.Clock = nil
		g.open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.r.Run(ctx) }()
		synctest.Wait()
		m := g.message(d.begin())
		m.Received = time.Time{}
		g.handle(m)
		g.lines()
		time.Sleep(9_999 * time.Millisecond) // of the bubble's clock
		synctest.Wait()
		g.wantLines("")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		g.wantLines("silent")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		g.r.Close()
	})
}

// TestBeacon has a receiver lose its state and be shown what it had received.
func TestBeacon(t *testing.T) {
	lose := func(t *testing.T) (g *rig, d *device, anchor []byte, m [][]byte) {
		d = newDevice(t, 1)
		g = newRig(t, d)
		anchor, m = d.begin(), d.readings(2)
		g.want(receive.Valid, anchor)
		g.want(receive.Valid, m[0])
		before := g.r.Beacon()
		g.restart()
		if g.r.Beacon() != before || before == (seal.Beacon{}) {
			t.Fatal("the beacon is not kept")
		}
		g.r.Close()
		if err := os.Remove(g.conf.StatePath); err != nil {
			t.Fatal(err)
		}
		g.conf.RequireBeacon = true
		g.open()
		if g.r.Beacon() == before {
			t.Fatal("a new state has the old beacon")
		}
		d.tweak = func(a *seal.Anchor) { a.Beacon = before }
		g.lines()
		return g, d, anchor, m
	}
	echo := func(g *rig, d *device) []byte {
		d.tweak = func(a *seal.Anchor) { a.Beacon = g.r.Beacon() }
		defer func() { d.tweak = nil }()
		return d.begin()
	}
	hold := func(g *rig, messages ...[]byte) {
		g.t.Helper()
		for _, m := range messages {
			if res := g.send(m); !res.Pending {
				g.t.Fatalf("%+v", res)
			}
		}
	}
	t.Run("recording before the echo", func(t *testing.T) {
		g, d, anchor, m := lose(t)
		hold(g, anchor, m[0])
		g.wantLines("")
		g.want(receive.Valid, echo(g, d))
		g.wantLines("valid anchor; replay; replay")
		g.want(receive.Replay, m[1])
		g.want(receive.Valid, d.reading(96))
		g.restart()
		g.want(receive.Replay, m[1])
		g.want(receive.Valid, d.begin()) // the boot counter is enough from here
	})
	t.Run("recording after the echo", func(t *testing.T) {
		g, d, anchor, m := lose(t)
		d.begin() // sealed while nobody listened
		g.want(receive.Valid, echo(g, d))
		g.lines()
		hold(g, anchor, m[0])
		g.want(receive.Valid, d.reading(96))
		g.tick(time.Minute)
		g.wantLines("valid 96; rollback; rollback")
	})
	t.Run("no echo", func(t *testing.T) {
		g, d, anchor, m := lose(t)
		hold(g, anchor, m[0], d.begin(), d.reading(1)) // the second echoes the lost beacon
		g.tick(time.Minute)
		g.wantLines("rollback; rollback; rollback; rollback")
		g.want(receive.Valid, echo(g, d))
		g.lines()
		g.want(receive.Rollback, m[1])
	})
	t.Run("past accepted", func(t *testing.T) {
		g, d, anchor, m := lose(t)
		g.r.Close()
		g.conf.AcceptPast = true
		g.open()
		hold(g, anchor, m[0])
		g.want(receive.Valid, echo(g, d))
		g.wantLines("valid anchor; valid anchor; valid 1")
	})
}

// TestEchoingAnchorsInAnyOrder has three chains echo the beacon of a new receiver,
// and a broker deliver their anchors in any order: all three are younger than the
// receiver's state, and all must be readable.
func TestEchoingAnchorsInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {2, 0, 1}, {1, 0, 2}, {0, 2, 1}, {1, 2, 0}} {
		d := newDevice(t, 1)
		g := newRig(t, d)
		g.r.Close()
		g.conf.RequireBeacon = true
		g.open()
		d.tweak = func(a *seal.Anchor) { a.Beacon = g.r.Beacon() }
		var anchors, messages [][]byte
		for range 3 {
			anchors = append(anchors, d.begin())
			messages = append(messages, d.reading(97))
		}
		for _, i := range order {
			m := g.message(anchors[i])
			m.Retained = true
			g.handle(m)
		}
		for i, m := range messages {
			if res := g.send(m); res.Verdict != receive.Valid && res.Verdict != receive.Filled {
				t.Errorf("order %v, chain %d: %+v", order, i, res)
			}
		}
	}
}

func TestManyChains(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.r.Close()
	g.conf.Chains = 3
	g.open()
	var anchors, messages [][]byte
	for range 5 {
		anchors = append(anchors, d.begin())
		messages = append(messages, d.readings(2)...)
		g.want(receive.Valid, anchors[len(anchors)-1])
		g.want(receive.Valid, messages[len(messages)-2])
	}
	g.restart()
	g.want(receive.Duplicate, anchors[0])
	g.want(receive.Replay, messages[0])
	g.want(receive.Replay, messages[1]) // never seen, and no longer to be told apart
	g.want(receive.Filled, messages[5])
}

// TestManyGaps has a device make more gaps than the state will hold.
func TestManyGaps(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.send(d.begin())
	m := d.readings(2 * 2051)
	var odd []receive.Message
	for i := 1; i < len(m); i += 2 {
		odd = append(odd, g.message(m[i]))
	}
	if _, err := g.r.HandleBatch(context.Background(), odd); err != nil {
		t.Fatal(err)
	}
	g.want(receive.Replay, m[0])
	g.want(receive.Filled, m[len(m)-2])
	g.restart()
	g.want(receive.Filled, m[len(m)-4])
	if s := g.r.Stats(); s.Devices[0].Missing > 2048 {
		t.Errorf("%d gaps are kept", s.Devices[0].Missing)
	}
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

func TestOpenRefuses(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	second := g.conf
	if _, err := receive.Open(second); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second receiver on one state: %v", err)
	}
	g.r.Close()
	other := g.conf
	other.Site = "ward-4"
	if _, err := receive.Open(other); err == nil || !strings.Contains(err.Error(), `"ward-3"`) {
		t.Errorf("a state of another site: %v", err)
	}
	if err := os.Chmod(g.conf.StatePath, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := receive.Open(g.conf); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a state that others can read: %v", err)
	}
	for name, change := range map[string]func(*receive.Config){
		"site":      func(c *receive.Config) { c.Site = "" },
		"directory": func(c *receive.Config) { c.Directory = nil },
		"sink":      func(c *receive.Config) { c.Sink = nil },
		"path":      func(c *receive.Config) { c.StatePath = "" },
		"bound":     func(c *receive.Config) { c.Chains = -1 },
	} {
		c := g.conf
		change(&c)
		if _, err := receive.Open(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := g.r.Handle(context.Background(), receive.Message{}); err == nil {
		t.Error("a closed receiver handles messages")
	}
}

// TestFailingSink has the sink fail at each of its calls; nothing may take
// effect, and the same message is valid afterwards.
func TestFailingSink(t *testing.T) {
	for _, at := range []string{"write", "sync", "mark"} {
		t.Run(at, func(t *testing.T) {
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
			anchor, m := d.begin(), d.readings(2)
			if res := g.send(m[0]); !res.Pending {
				t.Fatal(res)
			}
			sink.fail = at
			if _, err := g.r.Handle(context.Background(), g.message(anchor)); !errors.Is(err, errBrittle) {
				t.Fatal(err)
			}
			if s := g.r.Stats(); g.acks != 0 || s.Pending != 1 || s.Verdicts != (receive.Counts{}) {
				t.Fatalf("%d acknowledged, stats %+v", g.acks, s)
			}
			sink.fail = ""
			g.want(receive.Valid, anchor)
			g.want(receive.Valid, m[1])
			text, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			if got := short(parseLines(t, text)); got != "valid anchor; valid 1; valid 2" {
				t.Errorf("lines %s", got)
			}
		})
	}
}

const errBrittle = textError("disk is full")

type brittle struct {
	*receive.File
	fail string
}

func (b *brittle) Write(r *receive.Record) error {
	if b.fail == "write" {
		return errBrittle
	}
	return b.File.Write(r)
}

func (b *brittle) Sync() error {
	if err := b.File.Sync(); b.fail != "sync" {
		return err
	}
	return errBrittle
}

func (b *brittle) Mark() ([]byte, error) {
	if b.fail == "mark" {
		return nil, errBrittle
	}
	return b.File.Mark()
}
