package mqtt

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// MQTT 3.1.1, table 2.1: the packets that a broker may send us.
const (
	packetConnack  = 2
	packetPublish  = 3
	packetPuback   = 4
	packetSuback   = 9
	packetPingresp = 13
)

// guard is the connection that paho gets. It reads each fixed header (MQTT
// 3.1.1, 2.2) and lets the packet through only if this connection can expect
// it, before paho sees a byte; and it bounds every write, since paho bounds
// publishes only.
type guard struct {
	*tls.Conn
	raw          net.Conn
	in           *bufio.Reader
	writeTimeout time.Duration
	maxInbound   int
	filters      int           // codes expected in the SUBACK; 0 for a connection that subscribes to nothing
	slots        chan struct{} // one for each delivery not yet acknowledged; its capacity is the window

	// Read side, used by one goroutine at a time.
	head    [7]byte // a fixed header, and two bytes more of what is checked
	pending []byte  // the part of head that is still to pass through
	body    int     // bytes still to pass through
	started bool    // CONNACK has passed

	resumed bool // CONNACK's session-present flag

	writing sync.Mutex

	once  sync.Once
	dead  chan struct{} // closed with the first failure
	cause error         // set before dead is closed
}

func newGuard(conn *tls.Conn, raw net.Conn, s *settings, filters int) *guard {
	return &guard{
		Conn: conn, raw: raw, in: bufio.NewReader(conn),
		writeTimeout: s.Timeout, maxInbound: s.MaxInbound, filters: filters,
		slots: make(chan struct{}, s.Window), dead: make(chan struct{}),
	}
}

// fail keeps the first cause; later ones are its echoes.
func (g *guard) fail(cause error) {
	g.once.Do(func() {
		g.cause = cause
		close(g.dead)
	})
}

// abort ends the connection at once, without TLS's goodbye: closing the socket
// frees every reader and writer, also one that the network holds up.
func (g *guard) abort(cause error) {
	g.fail(cause)
	g.raw.Close()
}

// err gives the cause once dead is closed.
func (g *guard) err() error {
	<-g.dead
	return g.cause
}

// Close is called by paho: after its DISCONNECT, after a failure that the guard
// has seen itself, or because a ping was not answered.
func (g *guard) Close() error {
	g.fail(errNoPong)
	return g.Conn.Close()
}

// SetWriteDeadline is a no-op: paho would clear a deadline that another of its
// goroutines needs. Write sets its own.
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

func (g *guard) Write(p []byte) (int, error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	if err := g.raw.SetWriteDeadline(time.Now().Add(g.writeTimeout)); err != nil {
		g.fail(err)
		return 0, err
	}
	n, err := g.Conn.Write(p)
	if err != nil {
		err = g.alert(err)
		g.fail(err)
		return n, err
	}
	return n, g.raw.SetWriteDeadline(time.Time{})
}

// alert looks for what the broker said last. In TLS 1.3 the broker judges our
// certificate after our handshake is done, so its verdict may wait unread
// behind a failed write. Before CONNACK nobody else reads.
func (g *guard) alert(err error) error {
	if g.started || errors.Is(err, os.ErrDeadlineExceeded) { // or it may not have ended at all
		return err
	}
	g.raw.SetReadDeadline(time.Now().Add(g.writeTimeout))
	if _, said := g.in.Peek(1); said != nil && isAlert(said) {
		return said
	}
	return err
}

func isAlert(err error) bool { return strings.HasPrefix(err.Error(), "remote error") }

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.read(p)
	if err != nil {
		if !g.started && (err == io.EOF || isReset(err)) {
			err = fmt.Errorf("%w: %w", errEarlyClose, err)
		}
		g.fail(err)
	}
	return n, err
}

func (g *guard) read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(g.pending) == 0 && g.body == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.pending) > 0 {
		n := copy(p, g.pending)
		g.pending = g.pending[n:]
		return n, nil
	}
	n, err := g.in.Read(p[:min(len(p), g.body)])
	g.body -= n
	return n, err
}

// next reads and judges one fixed header.
func (g *guard) next() error {
	typ, flags, size, err := g.header()
	if err != nil {
		return err
	}
	if size > g.maxInbound {
		return &tooLargeError{announced: size, limit: g.maxInbound}
	}
	if !g.expected(typ, flags, size) {
		return protocolError(fmt.Sprintf("sent an unexpected packet: type %d, flags %#x, %d bytes", typ, flags, size))
	}
	g.body = size
	switch typ {
	case packetConnack:
		return g.connack()
	case packetPublish:
		if err := g.publish(flags, size); err != nil {
			return err
		}
		return g.acquire()
	}
	return nil
}

// publish checks that topic and packet number lie inside the packet.
func (g *guard) publish(flags byte, size int) error {
	n := len(g.pending)
	if _, err := io.ReadFull(g.in, g.head[n:n+2]); err != nil {
		return err
	}
	g.pending, g.body = g.head[:n+2], size-2
	need := 2 + int(binary.BigEndian.Uint16(g.head[n:]))
	if flags&0x06 != 0 {
		need += 2
	}
	if need > size {
		return protocolError(fmt.Sprintf("sent a publish of %d bytes with a topic that needs %d", size, need))
	}
	return nil
}

// header leaves the bytes it read in pending and returns what they say.
func (g *guard) header() (typ, flags byte, size int, err error) {
	for i := range 5 {
		b, err := g.in.ReadByte()
		if err != nil {
			if i > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, 0, 0, err
		}
		g.head[i] = b
		if i == 0 {
			continue
		}
		size |= int(b&0x7f) << (7 * (i - 1))
		if b&0x80 == 0 {
			if b == 0 && i > 1 { // connack counts on a header of two bytes
				return 0, 0, 0, protocolError("sent a packet length in more bytes than it needs")
			}
			g.pending = g.head[:i+1]
			return g.head[0] >> 4, g.head[0] & 0xf, size, nil
		}
	}
	return 0, 0, 0, protocolError("sent a malformed packet length") // a fifth length byte, MQTT 3.1.1, 2.2.3
}

// expected is the whole protocol that we speak: CONNACK first and once, QoS 0
// and 1, and subscriber's packets only to a subscriber.
func (g *guard) expected(typ, flags byte, size int) bool {
	if !g.started {
		return typ == packetConnack && flags == 0 && size == 2
	}
	switch typ {
	case packetPuback:
		return flags == 0 && size == 2
	case packetPingresp:
		return flags == 0 && size == 0
	case packetSuback:
		return g.filters > 0 && flags == 0 && size == 2+g.filters
	case packetPublish:
		return g.filters > 0 && flags&0x06 <= 0x02 && size >= 3
	}
	return false
}

// connack reads the code itself: paho takes an unknown one for success.
func (g *guard) connack() error {
	if _, err := io.ReadFull(g.in, g.head[2:4]); err != nil {
		return err
	}
	if code := g.head[3]; code != 0 {
		return refusedError(code)
	}
	g.resumed = g.head[2]&1 != 0
	g.pending, g.body, g.started = g.head[:4], 0, true
	return nil
}

// acquire waits for a free place in the window. MQTT 3.1.1 gives a client no
// other way to slow a broker down than to stop reading.
func (g *guard) acquire() error {
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-g.dead:
		return net.ErrClosed
	}
}

func (g *guard) release() { <-g.slots }
