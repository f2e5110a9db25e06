package receive_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

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
	for i := range 5 {
		anchors = append(anchors, d.begin())
		messages = append(messages, d.readings(2)...)
		g.want(receive.Valid, anchors[i])
		g.want(receive.Valid, messages[2*i])
		if i != 1 { // of the second chain there is more to come
			g.want(receive.Valid, messages[2*i+1])
		}
	}
	g.restart()
	g.want(receive.Duplicate, anchors[0])
	g.want(receive.Replay, messages[0])
	g.want(receive.Filled, messages[3])
	g.want(receive.Valid, d.begin()) // and the second is complete
	g.want(receive.Replay, messages[3])
}

// TestManyOpenChains has a device begin more chains than are kept while it is cut
// off, and their anchors come first: none of them is given up, up to a bound.
func TestManyOpenChains(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.r.Close()
	g.conf.Chains = 3
	g.open()
	const n = 8 * 3
	var messages [][]byte
	for range n + 1 {
		g.want(receive.Valid, d.begin())
		messages = append(messages, d.reading(95))
	}
	g.want(receive.Replay, messages[0]) // never seen, and no longer to be told apart
	for _, m := range messages[1:n] {
		if res := g.send(m); res.Verdict != receive.Filled {
			t.Fatalf("%+v", res)
		}
	}
	g.want(receive.Valid, messages[n])
}
