package sdk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// feed gives the publisher what is in the outbox: alerts and anchors first, then
// what is kept in memory, then what is committed from now on, then what was left from
// before, at the rate that is configured. It implements mqtt.Source.
type feed struct {
	queue   *outbox.Queue
	ring    *ring
	log     *slog.Logger
	rate    float64       // Config.BacklogRate
	retry   time.Duration // after the disk could not be read
	done    func()
	anchors func() []mqtt.Message // of the chains in use

	// from is used by Next and Rewind, never at once. It is made when there is a
	// connection: all that waited for one is backlog. nil: there is none.
	from   *outbox.Feed
	unread bool // the disk could not be read when it was last asked

	told chan struct{} // signalled when again or ring has more

	mu sync.Mutex
	// again are the anchors in use, which were acknowledged long ago, to be sent
	// once more: a broker that was killed may have forgotten what it retained.
	again []mqtt.Message
	wait  chan struct{} // closed when something may have left the outbox
}

// idAgain is the number of a message that is not in the outbox.
const idAgain = 0

func newFeed(queue *outbox.Queue, conf *Config, done func(), anchors func() []mqtt.Message) *feed {
	f := &feed{
		queue: queue, log: conf.Logger, rate: conf.BacklogRate, retry: conf.periods.retryCommit,
		done: done, anchors: anchors, told: make(chan struct{}, 1), wait: make(chan struct{}),
	}
	f.ring = newRing(conf.MaxWaiting, func() { signal(f.told) })
	return f
}

// Next implements mqtt.Source.
func (f *feed) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	if f.from == nil {
		f.from = f.queue.Feed(f.rate)
	}
	for {
		if m, ok := f.nextAgain(); ok {
			return m, idAgain, nil
		}
		committed := f.queue.Committed()
		record, wait, err := f.next()
		switch {
		case err == nil:
			return mqtt.Message{Topic: record.Topic, Payload: record.Payload, Retain: record.Retain}, record.ID, nil
		case errors.Is(err, outbox.ErrUnread): // the connection is not to blame
			wait = f.retry
		case !errors.Is(err, io.EOF):
			return mqtt.Message{}, 0, err
		default:
			f.progress() // records that cannot be read back are gone without an acknowledgement
		}
		if err := f.rest(ctx, committed, wait); err != nil {
			return mqtt.Message{}, 0, err
		}
	}
}

// next returns the next envelope: an alert, anchor or account, then what is published
// from memory, then what else is on disk.
func (f *feed) next() (record outbox.Record, wait time.Duration, err error) {
	if record, err = f.from.NextUrgent(); err != nil {
		if kept, ok := f.ring.take(); ok {
			return kept, 0, nil
		}
		record, wait, err = f.from.Next(time.Now())
	}
	f.noteUnread(err)
	return record, wait, err
}

// sendAgain has an anchor published that is not in the outbox any more: the broker
// may have been killed while nobody was connected to notice.
func (f *feed) sendAgain(anchor mqtt.Message) {
	f.mu.Lock()
	f.again = append(f.again, anchor)
	f.mu.Unlock()
	signal(f.told)
}

func (f *feed) nextAgain() (mqtt.Message, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.again)
	if n == 0 {
		return mqtt.Message{}, false
	}
	m := f.again[n-1]
	f.again = f.again[:n-1]
	return m, true
}

// rest waits for a commit, for something to send that is not on disk, for as long as wait if that
// is not 0, and for no longer than ctx.
func (f *feed) rest(ctx context.Context, committed <-chan struct{}, wait time.Duration) error {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-committed:
	case <-f.told:
	case <-over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// noteUnread logs when the disk cannot be read any more, and when it can again.
func (f *feed) noteUnread(err error) {
	before := f.unread
	f.unread = errors.Is(err, outbox.ErrUnread)
	switch {
	case f.unread && !before:
		f.log.Error("publishing waits: the disk of the outbox cannot be read", "error", err)
	case before && !f.unread:
		f.log.Info("the disk of the outbox can be read again")
	}
}

// Done implements mqtt.Source.
func (f *feed) Done(id uint64) {
	if id == idAgain {
		return
	}
	if id >= ringID {
		f.ring.done(id)
	} else if err := f.queue.Ack(id); err != nil && !errors.Is(err, outbox.ErrClosed) {
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
	if f.from != nil {
		_ = f.from.Close() // nothing was written through it
		f.from = nil
	}
	f.ring.rewind()
	f.mu.Lock()
	f.again = nil
	f.mu.Unlock()
	anchors := f.anchors() // without the lock, which sendAgain's caller takes after its own
	f.mu.Lock()
	f.again = append(f.again, anchors...)
	f.mu.Unlock()
}
