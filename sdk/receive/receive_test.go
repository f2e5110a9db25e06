package receive_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

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

const errBrittle = textError("disk is full")
