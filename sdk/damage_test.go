package sdk_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// TestDamageIsSignedFor flips a bit of the outbox between two runs: one envelope
// is lost, the gateway says so in a signed event, the device says which, and all
// else arrives.
func TestDamageIsSignedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		last   bool // in the segment that Open reads, not in one that is read to be published
		closed bool // the report is looked for after Close
	}{
		{"found when published", false, false},
		{"found by Open", true, false},
		{"found while Close drains", false, true},
		{"found by Open, then closed", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := sdktest.NewWard(t, "oximeter")
			conf := w.Config()
			conf.MaxStored, conf.Heartbeat = 1<<20, time.Hour // no heartbeat is what is damaged
			got := w.Receive()
			p := w.Open(conf)
			d := w.Device(p, "oximeter")
			must(t, d.Record(spo2(0)))
			got.Until("the first", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
			w.Broker.Stop()
			n := 1
			more := func(count int) {
				for range count {
					must(t, d.Record(spo2(n)))
					n++
					must(t, p.Sync(context.Background())) // an envelope each
				}
			}
			more(400)
			w.CloseAtOnce(p)
			rot(t, conf.Data, tt.last)

			w.Broker.Start()
			if !tt.closed {
				conf.Heartbeat = time.Second // else nothing has the committer look
			}
			p = w.Open(conf)
			d = w.Device(p, "oximeter")
			more(20)
			told := func(f *sdktest.Found) bool {
				return f.Events[vital.EventDamage] > 0 && signed(f.Drops, vital.DropCorrupt) > 0 && len(f.Numerics) >= n-1
			}
			if !tt.closed {
				got.Until("the report", told)
			}
			w.Close(p)
			got.Until("the report and the rest", told)
			got.Look(func(f *sdktest.Found) {
				if f.Events[vital.EventDamage] != 1 || signed(f.Drops, vital.DropCorrupt) != 1 || len(f.Numerics) != n-1 {
					t.Errorf("%d readings of %d, %d damaged by events, drops %v", len(f.Numerics), n, f.Events[vital.EventDamage], f.Drops)
				}
				for _, drop := range f.Drops {
					if drop.From == 0 || drop.From != drop.To {
						t.Errorf("the drop names envelopes %d to %d, want one", drop.From, drop.To)
					}
				}
				if f.Verdicts[receive.Gap] == 0 {
					t.Errorf("no gap: verdicts %v", f.Verdicts)
				}
			})
		})
	}
}

// rot flips a bit amid the first or the last segment of data.
func rot(t *testing.T, dir string, last bool) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "d-*.seg"))
	must(t, err)
	if len(names) < 2 {
		t.Fatalf("segments %q, want two at least", names)
	}
	name := names[0]
	if last {
		name = names[len(names)-1]
	}
	b, err := os.ReadFile(name)
	must(t, err)
	b[2000] ^= 4
	must(t, os.WriteFile(name, b, 0o600))
}
