package receive_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// life is one receiver from an empty state on, and what it has to show.
type life struct {
	*rig
	echoed bool        // a chain was begun that echoes its beacon
	want   map[int]int // readings by the chains since then: 1 each
	shown  map[int]int
}

// beginLife has a receiver with a new state take the place of the one before.
func beginLife(t *testing.T, d *device) *life {
	g := newRig(t, d)
	g.r.Close()
	g.conf.StatePath += "2"
	g.conf.RequireBeacon = true
	g.conf.PendingMessages, g.conf.PendingBytes, g.conf.PendingTimeout = 1<<20, 1<<30, 1<<40*time.Microsecond
	g.open()
	return &life{rig: g, want: map[int]int{}, shown: map[int]int{}}
}

// TestTwoReceiversLoseTheirState has two receivers of one device, each of which
// may lose its state between two chains or be restarted with it. Each is given all
// that was ever sealed, shuffled, doubled, again and again. From an empty state on a
// receiver shows each reading sealed since its beacon was echoed once, and nothing
// that was sealed before: it might have been shown in the life before.
func TestTwoReceiversLoseTheirState(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("RECEIVE_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	d := newDevice(t, 1)
	receivers := []*life{beginLife(t, d), beginLife(t, d)}
	var box [][]byte
	n, lives, restarts, deliveries := 0, 2, 0, 0
	for range 18 {
		for i, l := range receivers {
			switch rng.IntN(6) {
			case 0:
				l.check(t, seed)
				receivers[i], lives = beginLife(t, d), lives+1
			case 1, 2:
				l.restart()
				restarts++
			}
		}
		// The device echoes one beacon that it hears, or none.
		var beacon seal.Beacon
		if i := rng.IntN(3); i < 2 {
			beacon = receivers[i].r.Beacon()
			receivers[i].echoed = true
		}
		d.tweak = func(a *seal.Anchor) { a.Beacon = beacon }
		box = append(box, d.begin())
		for range rng.IntN(8) {
			n++
			box = append(box, d.reading(n))
			for _, l := range receivers {
				if l.echoed {
					l.want[n] = 1
				}
			}
		}
		for _, l := range receivers {
			for range 2 { // all of it, and all of it again
				for _, i := range rng.Perm(len(box)) {
					if _, err := l.r.Handle(context.Background(), l.message(box[i])); err != nil {
						t.Fatal(err)
					}
					deliveries++
				}
			}
		}
	}
	for _, l := range receivers {
		l.check(t, seed)
	}
	t.Logf("%d readings, %d messages delivered %d times, %d states, %d restarts", n, len(box), deliveries, lives, restarts)
}

// check counts what was lost, doubled, and shown although it is old.
func (l *life) check(t *testing.T, seed uint64) {
	t.Helper()
	for _, line := range l.lines() {
		if line.Value != nil {
			value, err := line.Value.Int64()
			if err != nil {
				t.Fatal(err)
			}
			l.shown[int(value)]++
		}
	}
	lost, doubled, old := 0, 0, 0
	for v := range l.want {
		if l.shown[v] == 0 {
			lost++
		}
	}
	for v, times := range l.shown {
		if times > 1 {
			doubled++
		}
		if l.want[v] == 0 {
			old++
		}
	}
	if lost+doubled+old > 0 {
		t.Errorf("seed %d: of %d readings %d lost, %d doubled, and %d shown from before the beacon", seed, len(l.want), lost, doubled, old)
	}
}
