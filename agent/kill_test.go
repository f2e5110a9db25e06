package agent_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

func TestMain(m *testing.M) {
	if os.Getenv("AGENT_CHILD") == "" {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child runs an agent until it is killed, or its standard input ends.
func child() error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return agent.Run(ctx, &config.Config{
		Site: os.Getenv("AGENT_SITE"), Data: os.Getenv("AGENT_DATA"), Gateway: config.Gateway{Name: "gw-1"},
		Broker: config.Broker{URL: os.Getenv("AGENT_BROKER")}, Batch: config.Batch{Heartbeat: time.Minute},
		Sensors: []config.Sensor{{
			Device: os.Getenv("AGENT_DEVICE"), Driver: config.LinkDriver, Mode: os.Getenv("AGENT_CHILD"),
			Port: port.Config{Name: os.Getenv("AGENT_PORT"), RetryMin: time.Millisecond},
		}},
	}, options())
}

// options has the child kill itself at the point that AGENT_FAIL names, the n-th time
// that it gets there: "noted 3".
func options() agent.Options {
	opts := agent.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Drain: sdktest.Patience}
	var point string
	var after int
	if n, _ := fmt.Sscan(os.Getenv("AGENT_FAIL"), &point, &after); n == 2 {
		opts.Failpoint(func(where string) {
			if where != point {
				return
			}
			if after--; after == 0 {
				self, _ := os.FindProcess(os.Getpid()) // always there
				_ = self.Kill()
				select {}
			}
		})
	}
	return opts
}

// lives runs an agent in a process of its own, over and over.
type lives struct {
	*sdktest.Ward
	t      *testing.T
	socket string
	env    []string
}

// newLives plugs a peer into a socket, again for each agent that connects.
func newLives(t *testing.T, w *sdktest.Ward, device, mode string, p *peer) *lives {
	l := &lives{Ward: w, t: t, socket: filepath.Join(t.TempDir(), "sensor.sock")}
	l.env = append(os.Environ(), "AGENT_CHILD="+mode, "AGENT_DEVICE="+device, "AGENT_SITE="+w.GatewayDir(),
		"AGENT_BROKER="+w.Broker.URL, "AGENT_DATA="+filepath.Join(t.TempDir(), "data"), "AGENT_PORT=unix:"+l.socket)
	listener, err := net.Listen("unix", l.socket)
	w.Must(err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.plug(conn)
			conn.Close()
		}
	}()
	return l
}

// live begins a life. The function it returns ends it with SIGKILL or, in peace,
// once the broker has everything.
func (l *lives) live() (end func(kill bool)) { return l.liveUntil("") }

// liveUntil is live with a point where it kills itself.
func (l *lives) liveUntil(point string) (end func(kill bool)) {
	l.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(slices.Clone(l.env), "AGENT_FAIL="+point), os.Stderr
	stdin, err := cmd.StdinPipe()
	l.Must(err)
	l.Must(cmd.Start())
	return func(kill bool) {
		l.t.Helper()
		if kill {
			if point == "" {
				l.Must(cmd.Process.Kill())
			}
			_ = cmd.Wait() // its status is that of the signal
			return
		}
		l.Must(stdin.Close())
		l.Must(cmd.Wait())
	}
}

// kills is how often the agent is killed; AGENT_KILLS has more.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("AGENT_KILLS")); err == nil {
		return n
	}
	return 5
}

// speakThroughKills has the sensor say numbers while the agent is killed again and
// again, and returns how many it said. All are acknowledged at the end.
func (l *lives) speakThroughKills(p *peer, say func(n int)) int {
	l.t.Helper()
	n := 0
	for range kills() {
		end := l.live()
		before := p.state().Acked
		p.until("some are acknowledged", func(s link.SensorState) bool {
			say(n)
			n++
			return s.Acked > before+uint32(20+rand.IntN(40))
		})
		end(true)
	}
	end := l.live()
	for range 20 {
		say(n)
		n++
	}
	p.flushed()
	end(false)
	return n
}

// TestKilledAgentAndSealingSensor kills the agent while a sensor speaks that seals
// for itself: every reading arrives, and once.
func TestKilledAgentAndSealingSensor(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	s := w.NewSealing("monitor-4")
	p := sealingPeer(t, s)
	l := newLives(t, w, "monitor-4", config.Sealed, p)
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true}) // an agent may be slow to hear a beacon
	first := l.live()
	p.queue(link.TypeAnchor, s.Begin(p.beacon()))
	p.flushed()
	first(true)
	n := l.speakThroughKills(p, func(n int) { p.queue(link.TypeSealed, s.Seal(reading(n))) })
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
	got.EachOnce(n)
	onlyGood(t, got)
	t.Logf("killed %d times: %d readings said, each received once", kills()+1, n)
}

// TestKilledAgentAndPlainSensor kills the agent while a sensor speaks that cannot
// seal: every reading arrives, and once.
func TestKilledAgentAndPlainSensor(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "board")
	p := newPeer(t, link.SensorConfig{})
	l := newLives(t, w, "board", config.Plain, p)
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true}) // an agent may be slow to hear a beacon
	n := l.speakThroughKills(p, func(n int) { p.queue(link.TypeReadings, p.readings(n)) })
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
	got.EachOnce(n)
	onlyGood(t, got)
	t.Logf("killed %d times: %d readings said, each received once", kills(), n)
}

// TestKilledBetweenDiskAndMemory kills the agent before the memory of a link is
// written, between that and the commit, and between the commit and what follows it,
// again and again. Frames hold readings and alarms, which go to the disk one by one.
func TestKilledBetweenDiskAndMemory(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "board")
	p := newPeer(t, link.SensorConfig{})
	l := newLives(t, w, "board", config.Plain, p)
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true}) // an agent may be slow to hear a beacon
	n, alarms, dead := 0, 0, map[string]int{}
	say := func() {
		b := vital.Batch{Numerics: []vital.Numeric{reading(n)}}
		for range n % 3 {
			b.Alerts = append(b.Alerts, vital.Alert{Source: vital.SpO2, Value: vital.Int(alarms), Limit: vital.NaN})
			alarms++
		}
		body, err := b.Append(nil)
		w.Must(err)
		p.queue(link.TypeReadings, body)
		n++
	}
	for round := range 3 * max(1, kills()/3) {
		point := []string{"before", "noted", "committed"}[round%3]
		end := l.liveUntil(fmt.Sprint(point, " ", 1+rand.IntN(6)))
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			end(true) // when it has killed itself
		}()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for alive := true; alive; {
			select {
			case <-gone:
				alive = false
			case <-tick.C:
				if p.state().Unacked < 6 {
					say()
				}
			}
		}
		dead[point]++
	}
	end := l.live()
	p.flushed()
	end(false)
	got.Until("all of it", func(f *sdktest.Found) bool { return len(f.Numerics) >= n && len(f.Alerts) >= alarms })
	got.EachOnce(n)
	got.Look(func(f *sdktest.Found) {
		seen := map[int32]int{}
		for _, a := range f.Alerts {
			seen[a.Value.Mantissa]++
		}
		if len(f.Alerts) != alarms || len(seen) != alarms {
			t.Errorf("%d alarms were said, %d received, %d of them different", alarms, len(f.Alerts), len(seen))
		}
	})
	onlyGood(t, got)
	t.Logf("killed %v times: %d readings and %d alarms said, each received once", dead, n, alarms)
}
