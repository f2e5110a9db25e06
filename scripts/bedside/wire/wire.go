// Package wire is the cable between sensors and the serial adapter of an emulated
// gateway: it carries bytes between unix sockets, and can be cut, moved to another
// sensor, and written into by whoever gets hold of it.
//
// Like a cable it keeps nothing: what the other end does not take at once is lost.
package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// hold is how long a byte may wait for the other end. It is far more than a UART
// waits, because an emulated machine may be given no processor for as long.
const hold = 200 * time.Millisecond

// inFlight bounds what a socket keeps of bytes that nobody reads: some
// milliseconds of a line, so that nothing old comes out when somebody reads again.
const inFlight = 4096

// Tap is told what passes: from the sensor to the gateway, or back. The slice is
// valid during the call only. It is called by one goroutine for each direction.
type Tap func(fromSensor bool, p []byte)

// Wire is a cable. Make one with Open.
type Wire struct {
	gateway *end
	sensors []*end
	tap     Tap
	closing chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	chosen  int // index into sensors, of the one that is plugged in
	cut     bool
	carried [2]uint64 // bytes to the gateway, and to the sensor
	lost    Loss
}

// Loss is what sensors sent and the gateway did not take in time.
type Loss struct{ Pieces, Bytes int }

// end is one end of the cable: a socket that the machine there connects to.
type end struct {
	path     string
	listener net.Listener

	mu   sync.Mutex
	conn net.Conn // nil: nobody is there
}

// Open listens at the given paths: one for the gateway and one for each sensor, of
// which the first is plugged in. tap may be nil.
func Open(gateway string, sensors []string, tap Tap) (*Wire, error) {
	w := &Wire{tap: tap, closing: make(chan struct{})}
	var err error
	if w.gateway, err = listen(gateway); err != nil {
		return nil, err
	}
	for _, path := range sensors {
		e, err := listen(path)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.sensors = append(w.sensors, e)
	}
	w.running.Go(func() { w.serve(w.gateway, w.fromGateway) })
	for i, e := range w.sensors {
		w.running.Go(func() { w.serve(e, func(p []byte) { w.fromSensor(i, p) }) })
	}
	return w, nil
}

func listen(path string) (*end, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return &end{path: path, listener: l}, nil
}

// serve takes one connection after the other at an end, until Close.
func (w *Wire) serve(e *end, pass func([]byte)) {
	for {
		conn, err := e.listener.Accept()
		if err != nil {
			return // Close closed it
		}
		_ = conn.(*net.UnixConn).SetWriteBuffer(inFlight) // a larger one only keeps more
		e.set(conn)
		select {
		case <-w.closing:
			conn.Close()
		default:
		}
		buf := make([]byte, 1024)
		for {
			n, err := conn.Read(buf)
			if n > 0 {
				pass(buf[:n])
			}
			if err != nil {
				break
			}
		}
		e.set(nil)
		conn.Close()
	}
}

func (w *Wire) fromGateway(p []byte) {
	w.mu.Lock()
	to, cut := w.sensors[w.chosen], w.cut
	if !cut {
		w.carried[1] += uint64(len(p))
	}
	w.mu.Unlock()
	if cut {
		return
	}
	if w.tap != nil {
		w.tap(false, p)
	}
	to.write(p)
}

func (w *Wire) fromSensor(which int, p []byte) {
	w.mu.Lock()
	off := w.cut || w.chosen != which
	if !off {
		w.carried[0] += uint64(len(p))
	}
	w.mu.Unlock()
	if off {
		return
	}
	if w.tap != nil {
		w.tap(true, p)
	}
	if n := w.gateway.write(p); n < len(p) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lost.Pieces++
		w.lost.Bytes += len(p) - n
	}
}

func (e *end) set(conn net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conn = conn
}

// write gives up on what is not taken in time, and returns how much was.
func (e *end) write(p []byte) (n int) {
	e.mu.Lock()
	conn := e.conn
	e.mu.Unlock()
	if conn == nil {
		return 0
	}
	if conn.SetWriteDeadline(time.Now().Add(hold)) == nil {
		n, _ = conn.Write(p) // what is lost on a wire is lost
	}
	return n
}

// Cut parts the cable, or joins it.
func (w *Wire) Cut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

// Choose plugs in another sensor.
func (w *Wire) Choose(sensor int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.chosen = sensor
}

// Inject sends bytes to the gateway as if the sensor had sent them.
func (w *Wire) Inject(p []byte) { w.gateway.write(p) }

// Carried returns how many bytes the sensors' own have passed to the gateway, and
// how many back.
func (w *Wire) Carried() (toGateway, toSensor uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.carried[0], w.carried[1]
}

// Lost returns what the gateway did not take of what the sensors sent, a cut cable
// aside.
func (w *Wire) Lost() Loss {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Close closes both ends and removes their sockets.
func (w *Wire) Close() error {
	close(w.closing)
	var errs []error
	for _, e := range append([]*end{w.gateway}, w.sensors...) {
		err := e.listener.Close()
		if err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
		e.mu.Lock()
		if e.conn != nil {
			e.conn.Close()
		}
		e.mu.Unlock()
	}
	w.running.Wait()
	return errors.Join(errs...)
}
