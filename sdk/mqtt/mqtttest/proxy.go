package mqtttest

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a client and a broker and does to their connections what
// networks do. Where a fault strikes is counted in bytes and not in time.
type Proxy struct {
	URL string // mqtts://localhost:port

	t      testing.TB
	listen net.Listener

	mu       sync.Mutex
	target   string // host:port
	faults   func(n int) (up, down Fault)
	sessions []*proxied
	closed   bool
	running  sync.WaitGroup
}

// FaultKind says what happens to one direction of a connection.
type FaultKind string

// The kinds of faults.
const (
	NoFault  FaultKind = ""
	Cut      FaultKind = "cut"       // both sides are told that the connection has ended
	Reset    FaultKind = "reset"     // both sides get a RST, and may lose what they have not read
	Truncate FaultKind = "truncate"  // this direction ends, the other goes on
	HalfOpen FaultKind = "half-open" // nothing passes either way any more, and nobody is told
	Lose     FaultKind = "lose"      // one byte vanishes
	Stall    FaultKind = "stall"     // nothing passes this way for Wait, and then all of it
	Delay    FaultKind = "delay"     // each piece from here on waits for Wait
	Throttle FaultKind = "throttle"  // from here on, 64 bytes pass every Wait
)

// Fault strikes one direction of one connection after some bytes have passed.
type Fault struct {
	Kind  FaultKind
	After int
	Wait  time.Duration
}

// Traffic is how many bytes a connection has carried.
type Traffic struct{ Up, Down int }

// proxied is one connection through the proxy.
type proxied struct {
	near, far *net.TCPConn
	dead      chan struct{} // closed with both connections
	end       sync.Once

	mu     sync.Mutex
	silent bool // nothing passes any more
	ends   int  // directions that have ended
	passed Traffic
}

// StartProxy runs a proxy to the broker at url until the test ends.
func StartProxy(t testing.TB, url string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p := &Proxy{URL: "mqtts://localhost:" + port, t: t, listen: l}
	p.Forward(url)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Cut()
		p.running.Wait()
	})
	return p
}

// Forward has the connections from now on lead to another broker, and ends those
// that are open.
func (p *Proxy) Forward(url string) {
	p.mu.Lock()
	p.target = strings.TrimPrefix(url, "mqtts://")
	p.mu.Unlock()
	p.Cut()
}

// Plan has each connection from now on suffer what next says of it. They are
// numbered from 0.
func (p *Proxy) Plan(next func(n int) (up, down Fault)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	start := len(p.sessions)
	p.faults = func(n int) (up, down Fault) { return next(n - start) }
}

// Cut ends all connections that are open, at whatever byte they are.
func (p *Proxy) Cut() {
	p.mu.Lock()
	open := p.sessions
	p.mu.Unlock()
	for _, s := range open {
		s.close()
	}
}

// Traffic is what each connection has carried, in the order of their begin.
func (p *Proxy) Traffic() []Traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Traffic
	for _, s := range p.sessions {
		s.mu.Lock()
		all = append(all, s.passed)
		s.mu.Unlock()
	}
	return all
}

func (p *Proxy) accept() {
	for {
		near, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		far, err := net.Dial("tcp", target)
		if err != nil {
			near.Close()
			continue
		}
		p.serve(target, &proxied{near: near.(*net.TCPConn), far: far.(*net.TCPConn), dead: make(chan struct{})})
	}
}

func (p *Proxy) serve(target string, s *proxied) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var up, down Fault
	if p.faults != nil {
		up, down = p.faults(len(p.sessions))
	}
	p.sessions = append(p.sessions, s)
	if p.closed || p.target != target { // another since it was dialled
		s.close()
	}
	p.running.Go(func() { s.pass(s.far, s.near, up, &s.passed.Up) })
	p.running.Go(func() { s.pass(s.near, s.far, down, &s.passed.Down) })
}

// close ends both sides at once.
func (s *proxied) close() {
	s.end.Do(func() {
		close(s.dead)
		s.near.Close()
		s.far.Close()
	})
}

// pass carries one direction until it ends.
func (s *proxied) pass(to, from *net.TCPConn, f Fault, passed *int) {
	defer s.ended(to)
	buf := make([]byte, 16<<10)
	for total, struck := 0, f.Kind == NoFault; ; {
		if !struck && total == f.After {
			struck = true
			s.strike(to, from, f)
		}
		piece := len(buf)
		switch {
		case !struck:
			piece = min(piece, f.After-total)
		case f.Kind == Throttle:
			piece = 64
		}
		n, err := from.Read(buf[:piece])
		if err != nil {
			return
		}
		if struck && (f.Kind == Throttle || f.Kind == Delay) {
			s.wait(f.Wait)
		}
		if s.swallows() || struck && f.Kind == Truncate {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			s.close()
			return
		}
		total += n
		s.mu.Lock()
		*passed = total
		s.mu.Unlock()
	}
}

// strike does to the connection what happens once.
func (s *proxied) strike(to, from *net.TCPConn, f Fault) {
	switch f.Kind {
	case Cut:
		s.swallow() // what else comes: to close with unread bytes would be a Reset
		to.CloseWrite()
		from.CloseWrite()
	case Reset:
		to.SetLinger(0)
		from.SetLinger(0)
		s.close()
	case Truncate:
		to.CloseWrite()
	case HalfOpen:
		s.swallow()
	case Lose:
		_, _ = from.Read(make([]byte, 1)) // an error comes again
	case Stall:
		s.wait(f.Wait)
	}
}

// ended is called at the end of each direction: the other side is told, except by
// a network that tells nobody anything.
func (s *proxied) ended(to *net.TCPConn) {
	s.mu.Lock()
	s.ends++
	both, silent := s.ends == 2, s.silent
	s.mu.Unlock()
	if !silent {
		to.CloseWrite()
	}
	if both {
		s.close()
	}
}

func (s *proxied) swallow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

func (s *proxied) swallows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent
}

func (s *proxied) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.dead:
	}
}
