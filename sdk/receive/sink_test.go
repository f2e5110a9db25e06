package receive_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/receive"
)

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
			if s := g.r.Stats(); g.acks != 1 || s.Pending != 1 || s.Verdicts != (receive.Counts{}) {
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

type brittle struct {
	*receive.File
	fail  string
	after int // writes until it fails; 0: it does not by itself
}

func (b *brittle) failAfter(writes int) { b.after = writes }

func (b *brittle) Write(r *receive.Record) error {
	if b.after > 0 {
		if b.after--; b.after == 0 {
			b.fail = "write"
		}
	}
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
