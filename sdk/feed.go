package sdk

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// feed gives the publisher what is in the outbox: alerts and anchors first, then
// what is committed from now on, then what was left from before. It implements
// mqtt.Source.
type feed struct {
	queue *outbox.Queue
	done  func()

	urgent, live, backlog *outbox.Reader // used by Next and Rewind, never at once

	mu   sync.Mutex
	wait chan struct{} // closed at the next acknowledgement
}

func newFeed(queue *outbox.Queue, done func()) *feed {
	f := &feed{queue: queue, done: done, wait: make(chan struct{})}
	f.urgent, f.live, f.backlog = queue.Readers()
	return f
}

// Next implements mqtt.Source.
func (f *feed) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	for {
		committed := f.queue.Committed()
		record, err := f.read()
		if err == nil {
			return mqtt.Message{Topic: record.Topic, Payload: record.Payload, Retain: record.Retain}, record.ID, nil
		}
		if err != io.EOF {
			return mqtt.Message{}, 0, err
		}
		select {
		case <-committed:
		case <-ctx.Done():
			return mqtt.Message{}, 0, ctx.Err()
		}
	}
}

func (f *feed) read() (outbox.Record, error) {
	for _, r := range []*outbox.Reader{f.urgent, f.live, f.backlog} {
		record, err := r.Next()
		if err != io.EOF {
			return record, err
		}
	}
	return outbox.Record{}, io.EOF
}

// Done implements mqtt.Source.
func (f *feed) Done(id uint64) {
	if err := f.queue.Ack(id); err != nil && !errors.Is(err, outbox.ErrClosed) {
		return // a record that was dropped meanwhile: there is nothing to remember
	}
	f.done()
	f.mu.Lock()
	close(f.wait)
	f.wait = make(chan struct{})
	f.mu.Unlock()
}

// acked returns a channel that is closed at the next acknowledgement.
func (f *feed) acked() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wait
}

// Rewind implements mqtt.Source: what was not acknowledged is offered again.
func (f *feed) Rewind() {
	for _, r := range []*outbox.Reader{f.urgent, f.live, f.backlog} {
		_ = r.Close() // nothing was written through it
	}
	f.urgent, f.live, f.backlog = f.queue.Readers()
}
