package mqtt_test

import (
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

func TestBackoffIsFullJitter(t *testing.T) {
	var bounds []time.Duration
	half := func(n int64) int64 { bounds = append(bounds, time.Duration(n-1)); return n / 2 }
	next, lasted := mqtt.Backoff(time.Second, 10*time.Second, half)
	want := []time.Duration{1, 2, 4, 8, 10, 10, 10}
	for i, w := range want {
		got := next()
		if bounds[i] != w*time.Second {
			t.Errorf("bound after %d failures = %v, want %v", i, bounds[i], w*time.Second)
		}
		if got != bounds[i]/2 && got != (bounds[i]+1)/2 {
			t.Errorf("wait %v is not what random gave for %v", got, bounds[i])
		}
	}
	lasted(9 * time.Second) // accepted and dropped soon: no reset
	next()
	lasted(10 * time.Second)
	next()
	if n := len(bounds); bounds[n-2] != 10*time.Second || bounds[n-1] != time.Second {
		t.Errorf("bounds after a short and a long connection = %v, %v; want 10s, 1s", bounds[n-2], bounds[n-1])
	}
}

func TestBackoffDoesNotOverflow(t *testing.T) {
	const longest = time.Duration(1<<63 - 2)
	next, _ := mqtt.Backoff(time.Second, longest, func(n int64) int64 { return n - 1 })
	for i := range 200 {
		if d := next(); d < time.Second || d > longest {
			t.Fatalf("wait %d is %v", i, d)
		}
	}
}
