package main

import (
	"testing"
	"time"
)

// TestBedside goes through the whole scenario, two gateways at a time: most of it
// is waiting. Each sensor is on one of the gateways, and both gateways have one that
// seals for itself, which is TinyGo's where there is a tinygo; scripts/qemu runs
// every sensor with every gateway. The kernels come from scripts/kernels.
func TestBedside(t *testing.T) {
	sealing := "host"
	if haveTinyGo() {
		sealing = "tinygo"
	} else {
		t.Log("NOTE: there is no tinygo on the PATH: the firmware that seals runs on this machine and not on the emulated board")
	}
	turns := make(chan struct{}, 2)
	for _, run := range []struct{ arch, sensor string }{
		{"arm64", "c"}, {"armv7", "host"}, {"arm64", sealing}, {"arm64", "lines"}, {"arm64", "adapters"},
	} {
		t.Run(run.arch+"/"+run.sensor, func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			k, err := findKind(run.sensor)
			if err != nil {
				t.Fatal(err)
			}
			bedsideOf(t, run.arch, k)
		})
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
