package main

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPowerCut is a short run of scripts/powercut, and one of an outbox that syncs
// no file, which has to fail. There more than half of the cuts cost something, most
// of those behind a promise, and there are so many that it is never none. The kernel
// comes from scripts/kernels.
func TestPowerCut(t *testing.T) {
	for name, cut := range map[string]int{"as it is": 12, "careless": 60} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			careless := name == "careless"
			c := cuts{arch: "arm64", seed: int(rand.Uint32() >> 1), commits: 30, cuts: cut, careless: careless}
			console, err := c.run(t.Output())
			switch {
			case careless && (err == nil || !strings.Contains(err.Error(), "cuts cost what was promised")):
				t.Errorf("nothing was lost without a sync: %v\n%s", err, console)
			case !careless && err != nil:
				t.Errorf("%v\n%s", err, console)
			}
		})
	}
}
