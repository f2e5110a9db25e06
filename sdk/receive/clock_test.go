package receive_test

import (
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

const year = 365 * 24 * time.Hour

// clockRig is a rig whose wall clock can be set.
type clockRig struct {
	*rig
	off time.Duration
}

func newClockRig(t *testing.T, devices ...*device) *clockRig {
	t.Helper()
	g := &clockRig{rig: newRig(t, devices...)}
	g.now = time.Now()
	g.conf.Clock = func() time.Time { return sdktest.MovedClock(t, g.now, g.off) }
	g.restart()
	return g
}

func (g *clockRig) tick(d time.Duration) {
	g.t.Helper()
	g.now = g.now.Add(d)
	if err := g.r.Tick(g.conf.Clock()); err != nil {
		g.t.Fatal(err)
	}
}

// want has the message come at the time that the clock says.
func (g *clockRig) want(verdict receive.Verdict, payload []byte) {
	g.t.Helper()
	m := g.message(payload)
	m.Received = g.conf.Clock()
	if res := g.handle(m); res.Verdict != verdict {
		g.t.Fatalf("clock off by %v: verdict %q (%s), want %q", g.off, res.Verdict, res.Reason, verdict)
	}
}

// steps are where the clock is set to, one after the other.
var steps = []time.Duration{20 * year, -30 * year, 0, 8 * time.Hour, -8 * time.Hour, 100 * year, 0}

// TestClockIsSet sets the receiver's clock by years and back: nothing falls silent
// that speaks, what is silent is found on time, a repetition stays one and a replay
// too, what waits for its anchor waits on, and nothing is lost.
func TestClockIsSet(t *testing.T) {
	d, quiet, late := newDevice(t, 1), newDevice(t, 2), newDevice(t, 3)
	for _, each := range []*device{d, quiet} {
		each.tweak = func(a *seal.Anchor) { a.Heartbeat = 10_000 }
	}
	g := newClockRig(t, d, quiet, late)
	g.want(receive.Valid, d.begin())
	first := d.reading(0)
	g.want(receive.Valid, first)
	for i, off := range steps {
		g.want(receive.Valid, quiet.begin())
		before := d.reading(2*i + 1)
		g.want(receive.Valid, before)
		anchor, waits := late.begin(), late.reading(i)
		g.want(0, waits)
		g.lines()
		g.off = off
		g.tick(9 * time.Second)
		g.wantLines("") // no silence, and nothing given up
		g.want(receive.Duplicate, before)
		g.want(receive.Valid, d.reading(2*i+2))
		g.tick(10 * time.Second)
		g.want(receive.Valid, d.reading(1000+i))
		if got := short(g.lines()); got != "duplicate; valid "+itoa(uint64(2*i+2))+"; valid "+itoa(uint64(1000+i)) {
			t.Fatalf("clock off by %v: %s", off, got)
		}
		g.tick(time.Second) // twenty since quiet spoke
		g.wantLines("silent")
		g.want(receive.Valid, anchor)
		if i%3 == 2 {
			g.restart()
		}
	}
	g.want(receive.Duplicate, first)
	for range 20 { // a quarter of an hour, in which d speaks
		g.tick(time.Minute)
		g.want(receive.Valid, d.reading(0))
	}
	g.off = -30 * year
	g.want(receive.Replay, first)
	g.restart()
	g.want(receive.Replay, first)
	if s := g.r.Stats(); s.Verdicts[receive.Replay] != 1 || s.Pending != 0 {
		t.Errorf("%+v", s.Verdicts)
	}
}

// TestAwayReceiverSeesNoReplay has what a broker repeats come to a receiver that did
// not run for a month.
func TestAwayReceiverSeesNoReplay(t *testing.T) {
	d := newDevice(t, 1)
	g := newClockRig(t, d)
	g.want(receive.Valid, d.begin())
	m := d.reading(1)
	g.want(receive.Valid, m)
	if err := g.r.Close(); err != nil {
		t.Fatal(err)
	}
	g.now = g.now.Add(30 * 24 * time.Hour)
	g.open()
	g.want(receive.Duplicate, m)
	g.tick(16 * time.Minute)
	g.want(receive.Replay, m)
}

// TestClockAndRoster has enrolments end when they do and not because the clock is
// set, and revocations hold whatever the clock says.
func TestClockAndRoster(t *testing.T) {
	d := newDevice(t, 1)
	g := newClockRig(t, d)
	issued := g.now.Round(0)
	entry := func(change func(*receive.Device)) {
		e := receive.Device{Key: d.key.Public(), Issued: issued}
		change(&e)
		g.ros.devices[d.kid()] = e
	}
	g.want(receive.Valid, d.begin())
	n := 0
	want := func(v receive.Verdict, off time.Duration) {
		t.Helper()
		g.off = off
		n++
		g.want(v, d.reading(n))
	}
	entry(func(e *receive.Device) { e.NotAfter = issued.Add(time.Hour) })
	want(receive.Valid, 0)
	want(receive.Valid, 20*year)
	want(receive.Valid, -20*year)
	g.now = g.now.Add(2 * time.Hour)
	want(receive.Revoked, 0)
	want(receive.Revoked, 20*year)
	want(receive.Valid, -20*year) // the clock that is set may be the right one
	entry(func(e *receive.Device) { e.Revoked = issued.Add(time.Hour) })
	for _, off := range []time.Duration{0, -20 * year, 20 * year} {
		want(receive.Revoked, off)
	}
	entry(func(e *receive.Device) { e.Revoked = issued.Add(year) })
	want(receive.Valid, -20*year)
	want(receive.Revoked, 2*year)

	// Without a clock at boot: the roster's date is a bound, until the time is told.
	g.off = -50 * year
	g.restart()
	entry(func(e *receive.Device) { e.Revoked = issued })
	want(receive.Revoked, -50*year)
	entry(func(e *receive.Device) { e.NotAfter = issued.Add(-time.Second) })
	want(receive.Revoked, -50*year)
	entry(func(e *receive.Device) { e.NotAfter = issued.Add(time.Hour) })
	want(receive.Valid, -50*year)
	want(receive.Revoked, 0) // two hours have passed, and now it knows
	want(receive.Revoked, 0)
}
