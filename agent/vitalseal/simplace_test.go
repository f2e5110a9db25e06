package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

// echo is a device that says a line every 5 ms, and gives back what it hears.
type echo struct{}

func (echo) Next(dst []byte) ([]byte, time.Duration) {
	return append(dst, "tick\n"...), 5 * time.Millisecond
}

func (echo) Answer(dst, p []byte, _ time.Duration) []byte {
	return append(append(append(dst, "heard "...), p...), '\n')
}

// serveEcho serves the device at a place until the test ends, and returns the
// port's name and what ends it earlier.
func serveEcho(t *testing.T, at string) (name string, end func()) {
	t.Helper()
	driver := sensor.Driver{Name: "echo", Line: sensor.Line{Baud: 9600, DataBits: 8, Parity: 'N', StopBits: 1},
		Simulate: func(sim.Source) sensor.Simulator { return echo{} }}
	b := bed{wanted: []wantedDevice{{driver, at}}, patient: sim.NewPatient(1)}
	places, err := openPlaces(b.wanted)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.serve(ctx, places, time.Now(), slog.New(slog.DiscardHandler)) }()
	stopped := false
	end = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := closePlaces(places); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return places[0].port(), end
}

// converseWith hears the device, asks it and is answered. What is not read in time is
// lost, as on a wire, so it asks again whenever the device has said something else.
func converseWith(t *testing.T, host io.ReadWriter, question string) {
	t.Helper()
	asked := false
	sc := bufio.NewScanner(host)
	for sc.Scan() {
		if asked && strings.HasPrefix(sc.Text(), "heard "+question) {
			return
		}
		if sc.Text() != "tick" {
			continue // cut, or an answer to a question before
		}
		if _, err := io.WriteString(host, question); err != nil {
			t.Fatal(err)
		}
		asked = true
	}
	t.Fatalf("no answer to %q: %v", question, sc.Err())
}

func TestSimulatedOnSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, at := range []string{"unix:" + path, "tcp:127.0.0.1:0", "tcp:localhost:0"} {
		t.Run(at[:8], func(t *testing.T) {
			name, end := serveEcho(t, at)
			network, address, _ := strings.Cut(name, ":")
			dial := func() net.Conn {
				conn, err := net.Dial(network, address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return conn
			}
			first := dial()
			converseWith(t, first, "1")
			if rest, _ := io.ReadAll(dial()); len(rest) > 0 { // reset or closed: hung up on
				t.Errorf("a second host was told %q", rest)
			}
			converseWith(t, first, "2") // and is not disturbed
			first.Close()
			next := dial() // the device may not have seen yet that the first is gone
			for {
				one := make([]byte, 1)
				if _, err := next.Read(one); err == nil {
					break
				}
				next.Close()
				next = dial()
			}
			converseWith(t, next, "3")
			end()
			if _, err := io.Copy(io.Discard, next); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the line is not hung up: %v", err)
			}
			if network == "unix" {
				if _, err := os.Lstat(path); err == nil {
					t.Error("the socket is left behind")
				}
			}
		})
	}
}

func TestSimulatedOnPseudoTerminal(t *testing.T) {
	link := filepath.Join(t.TempDir(), "pty")
	if err := os.Symlink(link+"-of-one-that-was-killed", link); err != nil {
		t.Fatal(err)
	}
	name, end := serveEcho(t, "pty:"+link)
	if name != link {
		t.Errorf("its port is %q", name)
	}
	for i := range 3 { // hosts come and go
		host, err := os.OpenFile(link, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		converseWith(t, host, strconv.Itoa(i))
		if err := host.Close(); err != nil {
			t.Fatal(err)
		}
	}
	end()
	if _, err := os.Lstat(link); err == nil {
		t.Error("the link is left behind")
	}
}

// A cable to a gateway: here the far end of another pseudo-terminal.
func TestSimulatedOnSerialPort(t *testing.T) {
	gateway, port, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gateway.Close(); port.Close() })
	if _, err := term.MakeRaw(int(port.Fd())); err != nil {
		t.Fatal(err)
	}
	name, _ := serveEcho(t, port.Name())
	if name != port.Name() {
		t.Errorf("its port is %q", name)
	}
	converseWith(t, gateway, "1")
}

// A socket that a killed simulation left behind is no obstacle; one that somebody
// listens on is.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "somebody listens") {
		t.Errorf("listens beside another: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	p, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}

// All drivers that have a simulator are served at once.
func TestEveryDriverIsServed(t *testing.T) {
	var args []string
	dir := t.TempDir()
	for _, name := range sensor.Names() {
		if d, err := sensor.Lookup(name); err == nil && d.Simulate != nil {
			args = append(args, name+"=unix:"+filepath.Join(dir, name))
		}
	}
	var stdout, stderr bytes.Buffer
	if status := run(append([]string{"sim", "-for", "200ms"}, args...), nil, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s", status, &stderr)
	}
	if n := strings.Count(stdout.String(), "\n"); n != len(args)+1 {
		t.Errorf("%d devices, and this was printed:\n%s", len(args), &stdout)
	}
}
