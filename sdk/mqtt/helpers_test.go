package mqtt_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

// patience bounds waits for what must happen; it is not a measurement.
const patience = mqtttest.Patience

// queue is a Source in memory that checks the contract as it goes.
type queue struct {
	t    testing.TB
	keep bool // wait for more at the end instead of io.EOF

	mu       sync.Mutex
	messages []mqtt.Message
	done     map[uint64]bool
	offered  map[uint64]bool // since the last Rewind
	next     int
	peak     int // most offered and not done
	offers   int
	rewinds  int
	changed  chan struct{}
}

func newQueue(t testing.TB, messages ...mqtt.Message) *queue {
	return &queue{t: t, messages: messages, done: map[uint64]bool{}, offered: map[uint64]bool{}, changed: make(chan struct{})}
}

// numbered are n messages with distinct payloads.
func numbered(topic string, n int) []mqtt.Message {
	var ms []mqtt.Message
	for i := range n {
		ms = append(ms, mqtt.Message{Topic: topic, Payload: fmt.Appendf(nil, "m%05d", i)})
	}
	return ms
}

func (q *queue) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	q.mu.Lock()
	for ; q.next < len(q.messages); q.next++ {
		if id := uint64(q.next); !q.done[id] {
			q.offered[id] = true
			q.offers++
			q.peak = max(q.peak, len(q.offered))
			m := q.messages[q.next]
			q.next++
			q.mu.Unlock()
			return m, id, nil
		}
	}
	q.mu.Unlock()
	if !q.keep {
		return mqtt.Message{}, 0, io.EOF
	}
	<-ctx.Done()
	return mqtt.Message{}, 0, ctx.Err()
}

func (q *queue) Done(id uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.offered[id] {
		q.t.Errorf("Done(%d) without an offer since the last Rewind", id)
	}
	delete(q.offered, id)
	q.done[id] = true
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *queue) Rewind() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rewinds++
	q.next = 0
	clear(q.offered)
}

// waitDone waits for n acknowledgements, as long as they come.
func (q *queue) waitDone(n int) {
	q.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for before := 0; ; {
		q.mu.Lock()
		have, changed := len(q.done), q.changed
		q.mu.Unlock()
		if have >= n {
			return
		}
		if have > before {
			before = have
			timeout.Reset(patience)
		}
		select {
		case <-changed:
		case <-timeout.C:
			q.t.Fatalf("%d of %d messages were acknowledged", have, n)
		}
	}
}

// start runs f until stop is called or the test ends; stop waits for it.
func start(t testing.TB, f func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func publisher(t testing.TB, c mqtt.Config, src mqtt.Source) (stop func()) {
	t.Helper()
	p, err := mqtt.NewPublisher(c)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, func(ctx context.Context) error { return p.Run(ctx, src) })
}

// publishAll runs a publisher to the end of messages.
func publishAll(t testing.TB, c mqtt.Config, messages ...mqtt.Message) {
	t.Helper()
	p, err := mqtt.NewPublisher(c)
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue(t, messages...)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(t.Context(), q) }()
	q.waitDone(len(messages))
	if err := <-ended; err != nil {
		t.Fatalf("Run = %v", err)
	}
}

// listener is a Subscriber that acknowledges and keeps all it gets.
type listener struct {
	t     testing.TB
	stop  func()
	mu    sync.Mutex
	order []mqtt.Received
	count map[string]int // by topic and payload
	more  chan struct{}
}

func listen(t testing.TB, c mqtt.Config, filters ...string) *listener {
	t.Helper()
	l := &listener{t: t, count: map[string]int{}, more: make(chan struct{})}
	states := watch(&c)
	s, err := mqtt.NewSubscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	l.stop = start(t, func(ctx context.Context) error { return s.Run(ctx, filters, l.take) })
	states.wait(t, connected)
	return l
}

func (l *listener) take(r mqtt.Received) {
	l.mu.Lock()
	l.order = append(l.order, r)
	l.count[r.Topic+" "+string(r.Payload)]++
	close(l.more)
	l.more = make(chan struct{})
	l.mu.Unlock()
	r.Ack()
}

// wait returns once n different messages are here.
func (l *listener) wait(n int) {
	l.t.Helper()
	l.until(func() bool { return len(l.count) >= n })
}

// until returns once what has arrived is enough, and waits as long as messages come
// that it has not.
func (l *listener) until(enough func() bool) {
	l.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for before := 0; ; {
		l.mu.Lock()
		done, more, have := enough(), l.more, len(l.count)
		l.mu.Unlock()
		if done {
			return
		}
		if have > before {
			before = have
			timeout.Reset(patience)
		}
		select {
		case <-more:
		case <-timeout.C:
			l.t.Fatalf("only %d messages arrived", have)
		}
	}
}

// has is for use within until.
func (l *listener) has(topic, payload string) bool { return l.count[topic+" "+payload] > 0 }

// arrived is what is here so far, in its order. More may come: a broker may send
// again what it has no acknowledgement of.
func (l *listener) arrived() []mqtt.Received {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.order)
}

// wantOnly returns once each of these, "topic payload", is here, and nothing else
// may be then.
func (l *listener) wantOnly(want ...string) {
	l.t.Helper()
	l.wait(len(want))
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(l.count)); !slices.Equal(got, want) {
		l.t.Errorf("received %q, want %q", got, want)
	}
}

// states collects what OnState says.
type states chan mqtt.State

func watch(c *mqtt.Config) states {
	s := make(states, 10_000)
	c.OnState = func(st mqtt.State) { s <- st }
	return s
}

func connected(s mqtt.State) bool    { return s.Connected }
func disconnected(s mqtt.State) bool { return !s.Connected && s.Err != nil }

// wait returns the next state that is as wanted.
func (s states) wait(t testing.TB, want func(mqtt.State) bool) mqtt.State {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case st := <-s:
			if want(st) {
				return st
			}
		case <-timeout:
			t.Fatal("the connection does not change as expected")
		}
	}
}

// fake is a broker whose every byte the test decides: serve gets each
// connection after its TLS handshake.
func fake(t testing.TB, conf *tls.Config, serve func(conn *tls.Conn)) (url string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			conns.Go(func() {
				defer c.Close()
				if conn := c.(*tls.Conn); conn.Handshake() == nil {
					serve(conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		conns.Wait()
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "mqtts://localhost:" + port
}

// welcome reads CONNECT and answers with code.
func welcome(conn net.Conn, code byte) (*packets.ConnectPacket, bool) {
	p, err := packets.ReadPacket(conn)
	if err != nil {
		return nil, false
	}
	connect, ok := p.(*packets.ConnectPacket)
	if !ok {
		return nil, false
	}
	_, err = conn.Write([]byte{0x20, 2, 0, code})
	return connect, err == nil
}

// puback acknowledges publish number id.
func puback(conn net.Conn, id uint16) error {
	_, err := conn.Write([]byte{0x40, 2, byte(id >> 8), byte(id)})
	return err
}

func fakeTLS(t testing.TB) (*mqtttest.CA, *tls.Config) {
	ca := mqtttest.NewCA(t)
	return ca, mqtttest.ServerTLS(ca)
}

// contains is for error texts that people read.
func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }
