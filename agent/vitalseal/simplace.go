package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
)

// sendTimeout is how long a device waits for a host that does not read.
const sendTimeout = 20 * time.Millisecond

// wire writes what fits; what a host does not read in time is lost.
type wire struct {
	to interface {
		io.Writer
		SetWriteDeadline(time.Time) error
	}
}

func (w wire) Write(p []byte) (int, error) {
	if err := w.to.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

// socket is a place on a unix or TCP socket.
type socket struct {
	listener net.Listener
	name     string
}

func listenUnix(path string) (place, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen at %q: %w", "unix:"+path, cause(err))
	}
	return &socket{l, "unix:" + path}, nil
}

// removeStale removes a socket on which nobody listens any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return &hinted{fmt.Errorf("%q is there already, and is no socket", path), "choose another name, or remove it"}
	}
	if conn, err := net.Dial("unix", path); err == nil {
		return &hinted{errors.Join(fmt.Errorf("somebody listens on %q", path), conn.Close()), "is another simulation running?"}
	}
	return os.Remove(path)
}

func listenTCP(address string) (place, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &usageError{text: fmt.Sprintf("%q is not HOST:PORT", address), hint: "write it as tcp:127.0.0.1:4001"}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, &usageError{text: fmt.Sprintf("%q is not a loopback host", host), hint: "the line is plain text: it does not leave this machine"}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen at %q: %w", "tcp:"+address, cause(err))
	}
	return &socket{l, "tcp:" + l.Addr().String()}, nil
}

// cause is the reason without the address, which was said already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func (s *socket) port() string { return s.name }

// close also removes the file of a unix socket.
func (s *socket) close() error {
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *socket) serve(ctx context.Context, d *simulated) error {
	defer context.AfterFunc(ctx, func() { _ = s.listener.Close() })() // which wakes Accept
	var hosts sync.WaitGroup
	defer hosts.Wait()
	for {
		conn, err := s.listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close() // it comes too late
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept at %q: %w", s.name, cause(err))
		}
		if !d.plug(wire{conn}) {
			d.log.Warn("a second host is hung up on")
			_ = conn.Close() // nothing was said
			continue
		}
		hosts.Go(func() { converse(ctx, conn, d) })
	}
}

// converse hears one host until it hangs up.
func converse(ctx context.Context, conn net.Conn, d *simulated) {
	defer d.unplug()
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // which wakes Read
	buf := make([]byte, piece)
	for {
		n, err := conn.Read(buf)
		d.hear(buf[:n])
		if err != nil {
			return
		}
	}
}

// serialPlace is a real serial port. Package port opens it again when it was
// unplugged.
type serialPlace struct{ conf port.Config }

func openSerial(w wantedDevice) (place, error) {
	conf := port.Config{Name: w.place, Line: port.Line(w.driver.Line)}
	if _, err := port.Check(conf); err != nil {
		return nil, err
	}
	return &serialPlace{conf}, nil
}

func (s *serialPlace) port() string { return s.conf.Name }

func (s *serialPlace) close() error { return nil }

func (s *serialPlace) serve(ctx context.Context, d *simulated) error {
	return port.Run(ctx, s.conf, serialHandler{d})
}

type serialHandler struct{ device *simulated }

func (h serialHandler) Data(p []byte, _ time.Time) { h.device.hear(p) }

func (h serialHandler) Event(e port.Event) {
	switch e.Kind {
	case port.Opened:
		h.device.plug(e.Writer)
	case port.Unavailable, port.Replaced, port.Lost:
		h.device.log.Warn("the serial port", "is", e.Kind.String(), "reason", e.Reason)
		h.device.unplug()
	}
}
