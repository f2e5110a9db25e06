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
	"strconv"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
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
	}, agent.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Drain: sdktest.Patience})
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
func (l *lives) live() (end func(kill bool)) {
	l.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = l.env, os.Stderr
	stdin, err := cmd.StdinPipe()
	l.Must(err)
	l.Must(cmd.Start())
	return func(kill bool) {
		l.t.Helper()
		if kill {
			l.Must(cmd.Process.Kill())
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
	got := w.Receive()
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
// seal: every reading arrives. What was on disk and not yet noted as such comes
// twice, one window for each kill at most.
func TestKilledAgentAndPlainSensor(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "board")
	p := newPeer(t, link.SensorConfig{})
	l := newLives(t, w, "board", config.Plain, p)
	got := w.Receive()
	n := l.speakThroughKills(p, func(n int) { p.queue(link.TypeReadings, p.readings(n)) })
	seen := map[int32]int{}
	got.Until("all readings", func(f *sdktest.Found) bool {
		clear(seen)
		for _, r := range f.Numerics {
			seen[r.Value.Mantissa]++
		}
		return len(seen) >= n
	})
	got.Look(func(f *sdktest.Found) {
		doubled := len(f.Numerics) - n
		if doubled > kills()*link.DefaultWindow {
			t.Errorf("%d readings came twice, more than a window for each of %d kills", doubled, kills())
		}
		t.Logf("killed %d times: %d readings said, none lost, %d doubled", kills(), n, doubled)
	})
	onlyGood(t, got)
}
