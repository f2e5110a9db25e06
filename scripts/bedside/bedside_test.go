package main

import (
	"testing"
	"time"
)

// TestBedside goes through the whole scenario with each gateway. The kernels come
// from scripts/kernels.
func TestBedside(t *testing.T) {
	for _, arch := range []string{"arm64", "armv7"} {
		for _, k := range kinds() {
			t.Run(arch+"/"+k.name, func(t *testing.T) { bedsideOf(t, arch, k) })
		}
	}
}

func bedsideOf(t *testing.T, arch string, k kind) {
	res, console, err := bedside(t.Context(), arch, k, 8*time.Second, t.Output())
	if err != nil {
		t.Fatalf("%v\nthe gateway's console:\n%s", err, console)
	}
	for _, problem := range res.problems {
		t.Error(problem)
	}
	if t.Failed() {
		t.Logf("the gateway's console:\n%s", console)
	}
}
