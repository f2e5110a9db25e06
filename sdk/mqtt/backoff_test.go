package mqtt_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

func TestBackoffIsFullJitter(t *testing.T) {
	var bounds []time.Duration
	half := func(n int64) int64 { bounds = append(bounds, time.Duration(n-1)); return n / 2 }
	next, lasted := mqtt.Backoff(time.Second, 10*time.Second, 5*time.Second, half)
	want := []time.Duration{1, 2, 4, 8, 10, 10, 10}
	for i, w := range want {
		got := next(true)
		if bounds[i] != w*time.Second {
			t.Errorf("bound after %d failures = %v, want %v", i, bounds[i], w*time.Second)
		}
		if got != bounds[i]/2 && got != (bounds[i]+1)/2 {
			t.Errorf("wait %v is not what random gave for %v", got, bounds[i])
		}
	}
	lasted(9 * time.Second) // accepted and dropped soon: no reset
	next(true)
	lasted(10 * time.Second)
	next(true)
	if n := len(bounds); bounds[n-2] != 10*time.Second || bounds[n-1] != time.Second {
		t.Errorf("bounds after a short and a long connection = %v, %v; want 10s, 1s", bounds[n-2], bounds[n-1])
	}
}

func TestBackoffDoesNotOverflow(t *testing.T) {
	const longest = time.Duration(1<<63 - 2)
	next, _ := mqtt.Backoff(time.Second, longest, longest, func(n int64) int64 { return n - 1 })
	for i := range 200 {
		if d := next(true); d < time.Second || d > longest {
			t.Fatalf("wait %d is %v", i, d)
		}
	}
}

// A broker that is not reached is tried again sooner, and that is forgotten when
// it is reached.
func TestBackoffOfABrokerThatIsAway(t *testing.T) {
	var bound time.Duration
	next, _ := mqtt.Backoff(5*time.Second, time.Minute, 15*time.Second, func(n int64) int64 { bound = time.Duration(n - 1); return 0 })
	for i, step := range []struct {
		reached bool
		want    time.Duration
	}{
		{false, 5}, {false, 10}, {false, 15}, {false, 15}, {false, 15}, {true, 20}, {true, 40}, {true, 60}, {true, 60}, {false, 15}, {true, 60},
	} {
		if next(step.reached); bound != step.want*time.Second {
			t.Errorf("bound after failure %d = %v, want %v s", i+1, bound, int(step.want))
		}
	}
}

// TestReconnectStorm loses the broker of many gateways, brings it back and counts
// the attempts that it gets in each second. The waits are those of the package on
// a clock of the bubble's own; MQTT_TEST_SEED repeats a run. There are so many
// gateways that the fullest second is to be expected six deviations below the bound.
func TestReconnectStorm(t *testing.T) {
	const share, longest = 0.30, 15 * time.Second // what Config promises
	seed := seedOf(t)
	for _, row := range []struct {
		outage   time.Duration
		gateways int
	}{
		{200 * time.Millisecond, 1000}, {2 * time.Second, 5000}, {10 * time.Second, 1000}, {time.Minute, 1000}, {10 * time.Minute, 1000},
	} {
		t.Run(row.outage.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storm{lost: time.Now().Add(time.Hour), seconds: map[int]int{}}
				s.back = s.lost.Add(row.outage)
				for i := range row.gateways {
					s.running.Go(func() { s.gateway(t, rand.New(rand.NewPCG(seed, uint64(i)))) })
				}
				s.running.Wait()
				peak := 0
				for _, n := range s.seconds {
					peak = max(peak, n)
				}
				t.Logf("away for %v: %d of %d gateways in the fullest second, the last after %v (%d attempts in vain)\n%s",
					row.outage, peak, row.gateways, s.last, s.vain, histogram(s.seconds))
				if float64(peak) > share*float64(row.gateways) || s.last > longest {
					t.Errorf("want at most %v of %d gateways in a second and none after %v", share, row.gateways, longest)
				}
			})
		})
	}
}

// storm is a broker that is away from lost to back.
type storm struct {
	lost, back time.Time
	running    sync.WaitGroup

	mu      sync.Mutex
	seconds map[int]int // since back: connections
	last    time.Duration
	vain    int
}

func (s *storm) gateway(t *testing.T, rng *rand.Rand) {
	c := mqtt.Config{Broker: "mqtts://localhost", ClientID: "gw", Credentials: mqtt.Files{}.Load}
	err := mqtt.Redial(t.Context(), c, rng.Int64N, func() (bool, time.Duration, error) {
		now := time.Now()
		if now.Before(s.lost) { // the connection there was
			time.Sleep(s.lost.Sub(now))
			return false, time.Hour, io.EOF
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if now.Before(s.back) {
			s.vain++
			return false, 0, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		since := now.Sub(s.back)
		s.seconds[int(since/time.Second)]++
		s.last = max(s.last, since)
		return true, 0, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func histogram(seconds map[int]int) string {
	var b strings.Builder
	for i := range slices.Max(slices.Collect(maps.Keys(seconds))) + 1 {
		fmt.Fprintf(&b, "second %2d %4d %s\n", i, seconds[i], strings.Repeat("#", seconds[i]/10))
	}
	return b.String()
}

// seedOf is the seed of a test, printed.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MQTT_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", seed)
	return seed
}
