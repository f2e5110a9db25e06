package outbox_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// fromEnv is a number that a longer run sets.
func fromEnv(t testing.TB, name string, or uint64) uint64 {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return or
	}
	n, err := strconv.ParseUint(v, 0, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// The power goes at any moment of work and of recovery, and the disk keeps of
// what was not synced what it likes: see disk and the keep rules. What was
// committed is there, once, under its id; nothing else is there but what was
// appended, or acknowledged a moment ago. OUTBOX_CUTS sets the number of cuts,
// OUTBOX_SEED repeats a run.
func TestPowerCut(t *testing.T) {
	cuts := int(fromEnv(t, "OUTBOX_CUTS", 300))
	seed := fromEnv(t, "OUTBOX_SEED", rand.Uint64())
	t.Logf("OUTBOX_SEED=%d", seed)
	start := time.Now()
	rng := rand.New(rand.NewPCG(seed, 0))
	l := newLedger(t, rng, t.TempDir())
	chmod(t, l.cfg.Dir)
	l.boot()
	for l.seen.cuts < cuts {
		l.what = "OUTBOX_SEED=" + strconv.FormatUint(seed, 10) + ", cut " + strconv.Itoa(l.seen.cuts)
		l.disk.power = l.disk.calls + 1 + rng.IntN(150)
		for !l.disk.dead {
			if err := l.step(); err != nil && !l.disk.dead {
				l.fatal("the disk works and the outbox says: %v", err)
			}
		}
		l.crash(rng.IntN(rules))
		if rng.IntN(20) == 0 {
			l.probe()
		}
	}
	l.stop()
	s := l.seen
	t.Logf("%d cuts (%d during recovery), %d records, %d acknowledged, %d drops, %d probes of the reserve, %v: 0 lost, 0 doubled; "+
		"%d sent again, %d kept without a promise, %d torn tails, %d of what was never promised counted as corrupt",
		s.cuts, s.recoveryCuts, s.records, s.acked, s.drops, s.probes, time.Since(start).Round(time.Millisecond), s.again, s.kept, s.torn, s.corrupt)
}

func chmod(t testing.TB, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}
