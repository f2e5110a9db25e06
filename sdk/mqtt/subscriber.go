package mqtt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Subscriber receives messages in a session that the broker keeps under its
// ClientID (CleanSession false): what arrives for it while it is away waits
// there, within the broker's limits.
//
// At most Config.Window messages are held here unacknowledged, each of at most
// Config.MaxInbound bytes. A broker that sends more is not read from until one
// is acknowledged; since its answers to pings wait behind, a stall of longer
// than KeepAlive and Timeout costs the connection, and then the broker sends
// the unacknowledged ones again. mosquitto sends max_inflight_messages ahead,
// so with a Window at least as large the connection lasts through any stall.
type Subscriber struct {
	conf  settings
	again chan struct{} // signalled by Resubscribe
}

// Received is one message from the broker. It is untrusted, its topic too.
type Received struct {
	Topic     string
	Payload   []byte
	Retained  bool // kept by the broker from before the subscription
	Duplicate bool // the broker may have sent it before
	ack       func()
}

// Ack tells the broker that the message need not be sent again, and makes room
// for another. Call it for every message once it is stored or judged useless;
// from any goroutine, more than once is harmless. On a
// connection that is gone it does nothing, and the message comes again.
func (r Received) Ack() {
	if r.ack != nil {
		r.ack()
	}
}

// NewSubscriber checks the configuration; it does not connect. A bad broker
// address gives an *Error with a hint. Will and Online are a Publisher's.
func NewSubscriber(c Config) (*Subscriber, error) {
	conf, err := c.settings()
	if err != nil {
		return nil, err
	}
	if c.Will != nil || c.Online != nil {
		return nil, errors.New("mqtt: a subscriber publishes neither will nor online message")
	}
	return &Subscriber{conf: conf, again: make(chan struct{}, 1)}, nil
}

// Resubscribe subscribes once more to what Run has subscribed to: the broker sends
// all that it retains again, in the midst of what else there is (MQTT 3.1.1, 3.8.4).
// It returns at once; without a connection nothing more is done, since the next one
// subscribes anyway.
func (s *Subscriber) Resubscribe() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// Run connects, subscribes to filters with QoS 1 and gives each message to
// handle, in the order of arrival and from one goroutine at a time, until ctx
// ends; it then returns nil. It reconnects for ever and subscribes anew at each
// connection. It waits for handle to return, so handle must not block past ctx.
func (s *Subscriber) Run(ctx context.Context, filters []string, handle func(Received)) error {
	want := make(map[string]byte, len(filters))
	for _, f := range filters {
		if f == "" || len(f) > 0xffff {
			return fmt.Errorf("mqtt: filter %.80q is not 1 to 65535 bytes", f)
		}
		want[f] = 1
	}
	if len(want) == 0 {
		return errors.New("mqtt: no filters to subscribe to")
	}
	return s.conf.redial(ctx, func() outcome { return s.serve(ctx, want, handle) })
}

// serve is one connection, from dial to drop.
func (s *Subscriber) serve(ctx context.Context, filters map[string]byte, handle func(Received)) outcome {
	in := inbox{conn: make(chan *guard, 1), queue: make(chan Received, s.conf.Window)}
	ss, err := s.conf.connect(ctx, s.options(&in), len(filters))
	if err != nil {
		return outcome{err: err}
	}
	defer ss.close()
	in.conn <- ss.conn
	leaving, leave := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { in.deliver(leaving, ss.conn, handle) })
	defer worker.Wait()
	defer leave()
	select {
	case <-s.again: // this is it
	default:
	}
	if err := s.subscribe(ss, filters); err != nil {
		ss.conn.abort(err)
		return s.conf.lost(ss, err)
	}
	s.conf.OnState(State{Connected: true, Resumed: ss.conn.resumed})
	for {
		select {
		case <-s.again:
			// Whoever asked has all it had before, whatever becomes of this. The answer
			// is not waited for: it is behind what the broker has sent, which may be
			// held up here for long.
			_, _ = ss.subscribe(filters)
		case <-ss.conn.dead:
			return s.conf.lost(ss, ss.conn.err())
		case <-ctx.Done():
			return outcome{finished: true}
		}
	}
}

// options keep paho's order of arrival: with SetOrderMatters(false) paho starts
// a goroutine for each message and the order is lost. What that setting guards
// against, a handler that blocks paho, cannot happen: ours puts into a queue as
// long as the window, and the guard lets no more than the window in.
func (s *Subscriber) options(in *inbox) *paho.ClientOptions {
	return paho.NewClientOptions().SetClientID(s.conf.ClientID).SetCleanSession(false).
		SetOrderMatters(true).SetAutoAckDisabled(true).SetDefaultPublishHandler(in.put)
}

func (s *Subscriber) subscribe(ss *session, filters map[string]byte) error {
	t, err := ss.subscribe(filters)
	if err != nil {
		return err
	}
	if err := ss.await(t, s.conf.AckTimeout); err != nil {
		return err
	}
	granted := t.(*paho.SubscribeToken).Result()
	for f := range filters {
		if qos, ok := granted[f]; !ok || qos > 1 { // 0x80 is failure, MQTT 3.1.1, 3.9.3
			return deniedError(f)
		}
	}
	return nil
}

// inbox is what stands between paho and handle on one connection.
type inbox struct {
	conn  chan *guard // holds the connection once it is there
	queue chan Received
}

// put is called by paho for each message, also for those that a kept session
// delivers right after CONNACK. It never blocks: see options.
func (in *inbox) put(_ paho.Client, m paho.Message) {
	conn := <-in.conn
	in.conn <- conn
	ack := sync.OnceFunc(func() {
		m.Ack()
		conn.release()
	})
	in.queue <- Received{
		Topic: m.Topic(), Payload: m.Payload(),
		Retained: m.Retained(), Duplicate: m.Duplicate(),
		ack: ack,
	}
}

// deliver gives queued messages to handle until the connection is gone; the
// broker sends again what was not acknowledged.
func (in *inbox) deliver(ctx context.Context, conn *guard, handle func(Received)) {
	for ctx.Err() == nil {
		select {
		case r := <-in.queue:
			handle(r)
		case <-conn.dead:
			return
		case <-ctx.Done():
		}
	}
}
