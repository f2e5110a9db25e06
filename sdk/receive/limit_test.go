package receive_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// TestFloodOfRefusals has forged, repeated and strange messages come by the
// thousand: they make few records, whose counts add up to what there was, and what
// is the device's own is shown as ever.
func TestFloodOfRefusals(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	first := d.reading(0)
	g.want(receive.Valid, first)
	forged := append([]byte(nil), first...)
	forged[len(forged)-1] ^= 1
	strange := make([]*device, 50)
	for i := range strange {
		strange[i] = newDevice(t, byte(100+i))
	}
	const n, seconds = 1000, 200
	g.lines()
	lines, counted, shown := 0, map[string]uint64{}, 0
	take := func() {
		t.Helper()
		for _, l := range g.lines() {
			if l.Verdict == "valid" {
				shown++
				continue
			}
			lines++
			counted[l.Verdict] += max(l.Count, 1)
		}
	}
	for i := range n {
		g.want(receive.BadSignature, forged)
		g.want(receive.Duplicate, first)
		g.want(receive.Malformed, []byte("x"))
		g.want(receive.WrongDevice, strange[i%len(strange)].begin())
		m := g.message(first)
		m.Device = keys.KeyID{1, byte(i), byte(i >> 8)} // as a topic may have it
		if res := g.handle(m); res.Verdict != receive.WrongDevice {
			t.Fatal(res.Verdict)
		}
		if i%(n/seconds) == 0 {
			g.tick(time.Second)
			first = d.reading(i) // or it would be a replay
			g.want(receive.Valid, first)
		}
		take()
	}
	if most := 5 * (64 + seconds/10 + 1); lines > most {
		t.Errorf("%d lines of refusals, want %d at most", lines, most)
	}
	t.Logf("%d refusals in %d s: %d lines", 5*n, seconds, lines)
	if shown != seconds {
		t.Errorf("%d readings shown, want %d", shown, seconds)
	}
	held := lines
	g.tick(10 * time.Second)
	take()
	g.tick(time.Hour)
	take()
	for v, want := range map[receive.Verdict]uint64{
		receive.BadSignature: n, receive.Duplicate: n, receive.Malformed: n, receive.WrongDevice: 2 * n,
	} {
		if got := g.r.Stats().Verdicts[v]; got != want || counted[v.String()] != want {
			t.Errorf("%v: %d in the lines, %d in the statistics, want %d", v, counted[v.String()], got, want)
		}
	}
	if lines == held {
		t.Error("nothing was held back: this test is of no use")
	}
	for range 64 {
		g.want(receive.BadSignature, forged)
	}
	if got := g.lines(); len(got) != 64 {
		t.Errorf("%d lines after a quiet hour, want one each", len(got))
	}
	for range 7 {
		g.want(receive.BadSignature, forged)
	}
	g.wantLines("")
	g.restart()
	if got := g.lines(); len(got) != 1 || got[0].Count != 7 {
		t.Errorf("at the end: %+v", got)
	}
}

// TestRefusalsOfAFailingSink has the sink fail while refusals are held back: none
// is counted twice.
func TestRefusalsOfAFailingSink(t *testing.T) {
	g := newRig(t)
	sink := &failing{Lines: receive.NewLines(&g.out)}
	g.conf.Sink = sink
	g.restart()
	for range 70 {
		g.want(receive.Malformed, nil)
	}
	if got := g.lines(); len(got) != 64 {
		t.Fatalf("%d lines", len(got))
	}
	sink.fails = true
	g.now = g.now.Add(10 * time.Second)
	for range 3 {
		if err := g.r.Tick(g.now); !errors.Is(err, errFailing) {
			t.Fatal(err)
		}
		if _, err := g.r.Handle(context.Background(), g.message(nil)); !errors.Is(err, errFailing) {
			t.Fatal(err)
		}
	}
	sink.fails = false
	g.out.take()
	g.tick(0)
	if got := g.lines(); len(got) != 1 || got[0].Count != 6 {
		t.Errorf("%+v", got)
	}
}

const errFailing = textError("the sink fails")

type failing struct {
	*receive.Lines
	fails bool
}

func (f *failing) Sync() error {
	if f.fails {
		return errFailing
	}
	return f.Lines.Sync()
}
