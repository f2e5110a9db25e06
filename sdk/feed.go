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
	queue   *outbox.Queue
	done    func()
	anchors func() []mqtt.Message // of the chains in use

	urgent, live, backlog *outbox.Reader // used by Next and Rewind, never at once

	// again are the anchors in use, which were acknowledged long ago, to be sent
	// once more: a broker that was killed may have forgotten what it retained.
	again []mqtt.Message

	mu   sync.Mutex
	wait chan struct{} // closed when something may have left the outbox
}

// idAgain is the number of a message that is not in the outbox.
const idAgain = 0

func newFeed(queue *outbox.Queue, done func(), anchors func() []mqtt.Message) *feed {
	f := &feed{queue: queue, done: done, anchors: anchors, wait: make(chan struct{})}
	f.urgent, f.live, f.backlog = queue.Readers()
	return f
}

// Next implements mqtt.Source.
func (f *feed) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	if n := len(f.again); n > 0 {
		m := f.again[n-1]
		f.again = f.again[:n-1]
		return m, idAgain, nil
	}
	for {
		committed := f.queue.Committed()
		record, err := f.read()
		if err == nil {
			return mqtt.Message{Topic: record.Topic, Payload: record.Payload, Retain: record.Retain}, record.ID, nil
		}
		if err != io.EOF {
			return mqtt.Message{}, 0, err
		}
		f.progress() // records that cannot be read back are gone without an acknowledgement
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
	if id == idAgain {
		return
	}
	if err := f.queue.Ack(id); err != nil && !errors.Is(err, outbox.ErrClosed) {
		return // a record that was dropped meanwhile: there is nothing to remember
	}
	f.done()
	f.progress()
}

// progress wakes those who wait for the outbox to be empty.
func (f *feed) progress() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.wait)
	f.wait = make(chan struct{})
}

// acked returns a channel that is closed when something may have left the outbox.
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
	f.again = f.anchors()
}
