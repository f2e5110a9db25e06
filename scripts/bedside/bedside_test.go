package main

import (
	"testing"
	"time"
)

// TestBedside goes through the whole scenario with each gateway and each sensor,
// two at a time: most of it is waiting. The kernels come from scripts/kernels.
func TestBedside(t *testing.T) {
	turns := make(chan struct{}, 2)
	for _, arch := range []string{"arm64", "armv7"} {
		for _, k := range kinds() {
			t.Run(arch+"/"+k.name, func(t *testing.T) {
				t.Parallel()
				turns <- struct{}{}
				defer func() { <-turns }()
				bedsideOf(t, arch, k)
			})
		}
	}
}

func bedsideOf(t *testing.T, arch string, k kind) {
	res, console, err := bedside(t.Context(), arch, k, 5*time.Second, t.Output())
	if err != nil {
		t.Error(err)
	}
	for _, problem := range res.problems {
		t.Error(problem)
	}
	if t.Failed() {
		t.Logf("the gateway's console:\n%s", console)
	}
}
