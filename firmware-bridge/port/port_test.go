package port_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
)

// patience bounds every wait for something that must happen; no test waits that
// long unless it is about to fail.
const patience = 2 * time.Minute

// recorder is a Handler that keeps everything and lets a test wait.
type recorder struct {
	mu      sync.Mutex
	changed chan struct{} // closed and renewed at each call
	data    []byte
	chunks  int
	events  []port.Event
	onData  func(p []byte, w io.Writer)
	writer  io.Writer
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

func (r *recorder) Data(p []byte, at time.Time) {
	r.mu.Lock()
	r.data = append(r.data, p...)
	r.chunks++
	do, w := r.onData, r.writer
	r.wake()
	r.mu.Unlock()
	if do != nil {
		do(p, w)
	}
}

func (r *recorder) Event(e port.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if e.Kind == port.Opened {
		r.writer = e.Writer
	}
	r.wake()
}

func (r *recorder) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// until waits for a condition on the recorder.
func (r *recorder) until(t *testing.T, what string, ok func(*recorder) bool) {
	t.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		done, changed := ok(r), r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-limit:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("no %s; events %v, %d bytes", what, kinds(r.events), len(r.data))
		}
	}
}

// untilEvents waits for n events in all and returns the last.
func (r *recorder) untilEvents(t *testing.T, n int) port.Event {
	t.Helper()
	r.until(t, "next event", func(r *recorder) bool { return len(r.events) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[n-1]
}

func (r *recorder) untilData(t *testing.T, want string) {
	t.Helper()
	r.until(t, "bytes "+want, func(r *recorder) bool { return len(r.data) >= len(want) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if string(r.data) != want {
		t.Fatalf("got bytes %q, want %q", r.data, want)
	}
}

func (r *recorder) kinds() []port.Kind {
	r.mu.Lock()
	defer r.mu.Unlock()
	return kinds(r.events)
}

func kinds(events []port.Event) []port.Kind {
	var k []port.Kind
	for _, e := range events {
		k = append(k, e.Kind)
	}
	return k
}

// cable is a pseudo-terminal: the master is the sensor, the slave the port.
type cable struct{ master, slave *os.File }

func newCable(t *testing.T) cable {
	t.Helper()
	m, s, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	c := cable{m, s}
	t.Cleanup(c.unplug)
	return c
}

func (c cable) unplug() {
	c.slave.Close()
	c.master.Close()
}

func (c cable) send(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(c.master, s); err != nil {
		t.Fatal(err)
	}
}

// plug makes link lead to the cable, as udev does: the link is never half there.
func plug(t *testing.T, link string, c cable) {
	t.Helper()
	if err := os.Symlink(c.slave.Name(), link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

// start runs the port until the test ends, or until the returned function is
// called; that waits for Run to return.
func start(t *testing.T, cfg port.Config, h port.Handler) (stop func()) {
	t.Helper()
	if cfg.RetryMin == 0 {
		cfg.RetryMin, cfg.RetryMax = time.Millisecond, 5*time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- port.Run(ctx, cfg, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not return after its context ended")
		}
	})
	t.Cleanup(stop)
	return stop
}

func byID(t *testing.T) string { return filepath.Join(t.TempDir(), "usb-FTDI_A1B2-if00-port0") }
