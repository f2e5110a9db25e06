package outbox_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// Every byte of every file of a small outbox (two lanes, sealed segments and
// those being written, acknowledgements, summaries, a spare file), changed one
// at a time: never a panic or a wrong record, at most the record it is in is
// lost and then counted and reported, and the outbox goes on. OUTBOX_STRIDE=1
// takes every byte, more than each run of the tests has time for.
func TestEveryByte(t *testing.T) {
	stride := int(fromEnv(t, "OUTBOX_STRIDE", 211))
	seed := fromEnv(t, "OUTBOX_SEED", rand.Uint64())
	t.Logf("OUTBOX_SEED=%d", seed)
	l := newLedger(t, rand.New(rand.NewPCG(seed, 3)), t.TempDir())
	chmod(t, l.cfg.Dir)
	l.boot()
	for n := range 60 { // two sealed segments of data, one of alerts
		for _, class := range []outbox.Class{outbox.Data, outbox.Data, outbox.Alert} {
			if _, err := l.append(class, 900+n); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.commit(); err != nil {
			t.Fatal(err)
		}
	}
	total := len(l.entries)
	l.stop()
	image := l.disk
	runs, lost, counted := 0, 0, 0
	for _, name := range slices.Sorted(maps.Keys(image.names)) {
		for at := l.rng.IntN(stride); at < len(image.names[name].data); at += stride {
			d := newDisk(l.rng)
			for other, f := range image.names {
				b := slices.Clone(f.data)
				if other == name {
					b[at] ^= byte(1 + l.rng.IntN(255))
				}
				c := &inode{number: f.number, data: b, medium: b}
				d.names[other], d.durable[other] = c, c
			}
			cfg := l.cfg
			cfg.FS = d
			q := open(t, cfg)
			there := 0
			for _, r := range waiting(t, q) {
				number(t, r) // and that it is whole
				there++
			}
			st := q.Stats()
			reported := 0
			for _, damage := range q.TakeDamage() {
				reported += max(int(damage.Records), 1)
			}
			missing := total - there
			if missing > 1 || missing > 0 && reported == 0 || int(st.Corrupt) > missing {
				t.Fatalf("OUTBOX_SEED=%d: byte %d of %q: %d of %d records are there, %d reported: %+v", seed, at, name, there, total, reported, st)
			}
			lost += missing
			counted += int(st.Corrupt) + st.Torn
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			runs++
		}
	}
	t.Logf("%d bytes changed, %d records of %d lost one at a time, %d counted; no other is missing or wrong", runs, lost, total, counted)
}
