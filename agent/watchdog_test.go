package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// manager is the service manager's end of the protocol: the socket that systemd has.
// It takes each word as it comes: a kernel may keep ten, and who sends one more waits.
type manager struct {
	t     *testing.T
	path  string
	words chan []string
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t, name, make(chan []string, 1<<12)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m.words <- strings.Split(string(b[:n]), "\n")
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return m
}

// next returns the fields of the next datagram.
func (m *manager) next() []string {
	m.t.Helper()
	select {
	case word := <-m.words:
		return word
	case <-time.After(sdktest.Patience):
		m.t.Fatal("waited in vain for a word")
		return nil
	}
}

// until returns all fields up to and with the datagram that has this one.
func (m *manager) until(field string) (all []string) {
	m.t.Helper()
	for !slices.Contains(all, field) {
		all = append(all, m.next()...)
	}
	return all
}

// mark puts a datagram of its own behind those that have come.
func (m *manager) mark(field string) {
	m.t.Helper()
	if err := (notify.Service{Socket: m.path}).Tell(field); err != nil {
		m.t.Fatal(err)
	}
}

// wedged runs an agent that a manager watches, wedges it when it is well, and
// demands that the manager hears of no progress until it is freed, and that
// vitalseal status says what is the matter meanwhile.
func wedged(t *testing.T, lookup func(string) (sensor.Driver, error), why string, wedge func(*bedside) (free func())) {
	b := newBedside(t, "pulse", "late")
	line, late := b.sensor("pulse", "lines"), b.sensor("late", "late")
	stop := make(chan struct{})
	defer close(stop)
	go speak(line, stop, pulses)
	go speak(late, stop, pulses)
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	service := notify.Service{Socket: m.path, Watchdog: time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(ctx, b.conf, agent.Options{Lookup: lookup, Service: service, Logger: slog.New(slog.NewTextHandler(&b.log, nil))})
	}()
	if first := m.next(); !slices.Contains(first, "READY=1") {
		t.Errorf("first %q", first)
	}
	m.until("WATCHDOG=1")
	fed := m.until("WATCHDOG=1")
	if !slices.ContainsFunc(fed, func(f string) bool { return strings.HasPrefix(f, "STATUS=") }) {
		t.Errorf("no STATUS in %q", fed)
	}

	free := wedge(b)
	stuckSince := func(s *status.Report) (since time.Time) {
		if p := s.Problems; len(p) > 0 && p[0].What == "agent" && strings.HasPrefix(p[0].Why, why) {
			since = p[0].Since
		}
		return since
	}
	same := false
	for deadline := time.Now().Add(sdktest.Patience); !same; { // on a slow machine a round may look stuck, and end
		if time.Now().After(deadline) {
			t.Fatal("it is wedged, and all its rounds end")
		}
		s := b.until("it is stuck", func(s *status.Report) bool { return !stuckSince(s).IsZero() })
		m.mark("wedged")
		wedged := time.Now()
		b.until("that is long ago", func(*status.Report) bool {
			return time.Since(wedged) > 3*service.Watchdog // the manager would have ended it twice
		})
		m.mark("freed")
		same = stuckSince(b.until("it says how it is", func(*status.Report) bool { return true })).Equal(stuckSince(s))
		m.until("wedged")
		if got := m.until("freed"); same && slices.Contains(got, "WATCHDOG=1") {
			t.Errorf("progress is told of while there is none: %q", got)
		}
	}
	free()
	m.until("WATCHDOG=1")
	cancel()
	m.until("STOPPING=1")
	if err := <-ended; err != nil {
		t.Errorf("agent: %v", err)
	}
	if t.Failed() {
		t.Logf("agent's log:\n%s", b.log.String())
	}
}

// TestWatchdogAndAHungDisk hangs the committer in a system call, as a disk does that
// neither answers nor fails: the file that it is about to write is a pipe that
// nobody reads. It writes it for a device that begins.
func TestWatchdogAndAHungDisk(t *testing.T) {
	var begin atomic.Bool
	lookup := func(name string) (sensor.Driver, error) {
		if name == "late" && !begin.Load() {
			return sensor.Driver{}, fmt.Errorf("not yet")
		}
		return sensor.Lookup("lines")
	}
	wedged(t, lookup, "it is stuck: nothing is sealed or stored", func(b *bedside) (free func()) {
		pipe := filepath.Join(b.conf.Data, "chains.json.new")
		waitFor(b.t, "the pipe", func() bool {
			err := syscall.Mkfifo(pipe, 0o600)
			if !errors.Is(err, syscall.EEXIST) { // else it is being written now
				b.Must(err)
			}
			return err == nil
		})
		begin.Store(true)
		return func() {
			end, err := os.OpenFile(pipe, os.O_RDONLY, 0)
			b.Must(err)
			b.t.Cleanup(func() { end.Close() })
		}
	})
}

// TestWatchdogAndAStuckSensor has a decoder that does not return.
func TestWatchdogAndAStuckSensor(t *testing.T) {
	d := &stuckDecoder{freed: make(chan struct{})}
	lookup := func(name string) (sensor.Driver, error) {
		if name != "late" {
			return sensor.Lookup(name)
		}
		return sensor.Driver{Name: name, New: func(sensor.Options) (sensor.Decoder, error) { return d, nil }}, nil
	}
	wedged(t, lookup, `it is stuck: sensor "late" is at the same bytes for `, func(*bedside) (free func()) {
		d.stuck.Store(true)
		return func() { d.stuck.Store(false); close(d.freed) }
	})
}

type stuckDecoder struct {
	stuck atomic.Bool
	freed chan struct{}
}

func (d *stuckDecoder) Decode(*vital.Batch, []byte) {
	if d.stuck.Load() {
		<-d.freed
	}
}
func (*stuckDecoder) Flush(*vital.Batch)         {}
func (*stuckDecoder) Frames() (good, bad uint64) { return 1, 0 }
