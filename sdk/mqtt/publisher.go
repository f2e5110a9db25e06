package mqtt

import (
	"context"
	"io"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Source is what a Publisher publishes, usually a durable outbox. Next and Done
// are called from two goroutines; Rewind only while neither runs.
type Source interface {
	// Next waits for a message and gives it with a number that Done gets
	// back. It returns an error soon after ctx ends. io.EOF means that
	// nothing more will come.
	Next(ctx context.Context) (Message, uint64, error)

	// Done says that the broker acknowledged the message: PUBACK was received
	// for it on the connection it was sent on. Each message handed out since
	// the last Rewind gets at most one Done, usually in order.
	Done(id uint64)

	// Rewind says that the connection is gone. Next has to offer again
	// everything that it handed out and that was not Done.
	Rewind()
}

// Publisher publishes what a Source gives, over one connection at a time.
type Publisher struct{ conf settings }

// NewPublisher checks the configuration; it does not connect. A bad broker
// address gives an *Error with a hint.
func NewPublisher(c Config) (*Publisher, error) {
	conf, err := c.settings()
	if err != nil {
		return nil, err
	}
	return &Publisher{conf: conf}, nil
}

// Run connects and publishes until ctx ends, reconnecting for ever; it then
// returns nil. It also ends when src.Next returns an error of its own: with nil
// for io.EOF, once all is acknowledged, and with that error otherwise. A
// message that cannot be published at all (a topic with a wildcard) ends Run
// with an error rather than being dropped.
func (p *Publisher) Run(ctx context.Context, src Source) error {
	return p.conf.redial(ctx, func() outcome { return p.serve(ctx, src) })
}

// serve is one connection, from dial to drop.
func (p *Publisher) serve(ctx context.Context, src Source) outcome {
	ss, err := p.conf.connect(ctx, p.options(), 0)
	if err != nil {
		return outcome{err: err}
	}
	defer ss.close()
	if p.conf.Online != nil {
		if err := p.single(ss, *p.conf.Online, p.conf.AckTimeout); err != nil {
			return p.conf.lost(ss, err)
		}
	}
	p.conf.OnState(State{Connected: true})
	finished, err := p.exchange(ctx, ss, src)
	src.Rewind()
	if !finished {
		return p.conf.lost(ss, err)
	}
	if p.conf.Will != nil {
		_ = p.single(ss, *p.conf.Will, goodbye) // if it does not get through, the broker publishes it
	}
	return outcome{finished: true, err: err}
}

func (p *Publisher) options() *paho.ClientOptions {
	o := paho.NewClientOptions().SetClientID(p.conf.ClientID).SetCleanSession(true).SetOrderMatters(false)
	if w := p.conf.Will; w != nil {
		o.SetBinaryWill(w.Topic, w.Payload, 1, w.Retain)
	}
	return o
}

// single publishes one message of our own and waits for its PUBACK.
func (p *Publisher) single(ss *session, m Message, within time.Duration) error {
	t, err := ss.publish(m)
	if err != nil {
		return err
	}
	return ss.await(t, within)
}

// sent is a message on its way.
type sent struct {
	id    uint64
	token paho.Token
}

// exchange publishes from src until the connection, ctx or src ends. One
// goroutine sends while this one waits for the oldest PUBACK; a place in the
// window is free again when Done has returned.
func (p *Publisher) exchange(ctx context.Context, ss *session, src Source) (finished bool, err error) {
	sending, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	flights := make(chan sent, p.conf.Window)
	window := make(chan struct{}, p.conf.Window)
	var workers sync.WaitGroup
	workers.Go(func() {
		select {
		case <-ss.conn.dead:
		case <-ended:
		}
		stop() // frees Next
	})
	var sourceErr error
	workers.Go(func() {
		defer close(flights)
		sourceErr = send(sending, ss, src, window, flights)
	})
	whole := true
	for f := range flights {
		if err := ss.await(f.token, p.conf.AckTimeout); err != nil {
			whole = false
			continue
		}
		src.Done(f.id)
		<-window
	}
	close(ended)
	workers.Wait()
	switch {
	case sourceErr != nil && sourceErr != io.EOF:
		return true, sourceErr
	case sourceErr == io.EOF && whole, ctx.Err() != nil:
		return true, nil
	}
	return false, ss.conn.err() // nothing else ends send: the connection is dead
}

// send takes messages from src and hands them to paho. Its error is src's own.
func send(ctx context.Context, ss *session, src Source, window chan<- struct{}, flights chan<- sent) error {
	for {
		select {
		case window <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		m, id, err := src.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.check(); err != nil {
			return err
		}
		t, err := ss.publish(m)
		if err != nil {
			return nil // the connection's error
		}
		flights <- sent{id, t}
	}
}
