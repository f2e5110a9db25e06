package sdk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
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
	anchors func() []mqtt.Message // those that receivers need, oldest first
	signed  bool                  // records stay until receivers have signed for them
	every   time.Duration         // between two marks
	deaf    func(time.Time) bool  // whether receivers may wait to be heard; nil: they do not

	// from is used by Next and Rewind, never at once. It is made when there is a
	// connection: all that waited for one is backlog. nil: there is none.
	from   *outbox.Feed
	unread bool // the disk could not be read when it was last asked

	told chan struct{} // signalled when there is more to send again, or in the ring

	mu sync.Mutex
	// again are those of anchors that are still to be sent on this connection, in
	// front of all else: most of them were acknowledged long ago.
	again []mqtt.Message
	wait  chan struct{} // closed when something may have left the outbox

	connections int                 // how often there was a Rewind
	flying      int                 // messages of this connection that were not acknowledged
	plain       map[uint64]struct{} // of those, the ones that nobody signs for
	marks       []waymark           // oldest first
	marked      time.Time           // when the newest was made; zero: one is due
	newest      waymark             // the newest message that can be one
	asked       *repetition         // not begun
	drained     <-chan struct{}     // there was nothing more to publish before the commit that closes it; nil: there was
}

// waymark is a message that was published, and what had been before it.
type waymark struct {
	chain chainID
	seq   uint64
	to    outbox.Position
	at    time.Time
}

// maxMarks bounds the marks. When there are more, every second one goes: a receiver
// may be far behind.
const maxMarks = 32

// repetition is what is to be published again.
type repetition struct {
	to   outbox.Position
	want func(*outbox.Record) bool
}

// idAgain is the number of a message that is not in the outbox.
const idAgain = 0

func newFeed(queue *outbox.Queue, conf *Config, done func(), anchors func() []mqtt.Message) *feed {
	f := &feed{
		queue: queue, log: conf.Logger, rate: conf.BacklogRate, retry: conf.periods.retryCommit,
		signed: len(conf.Receipts) > 0, every: conf.periods.repeat, plain: map[uint64]struct{}{},
		done: done, anchors: anchors, told: make(chan struct{}, 1), wait: make(chan struct{}),
	}
	f.ring = newRing(conf.MaxWaiting, func() { signal(f.told) })
	return f
}

// Next implements mqtt.Source.
func (f *feed) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	if f.from == nil {
		f.from = f.queue.Feed(f.rate)
		anchors := f.anchors() // takes other locks
		f.mu.Lock()
		f.again = anchors
		f.mu.Unlock()
	}
	if m, ok := f.nextAgain(); ok {
		return m, idAgain, nil
	}
	for {
		f.beginAgain()
		committed := f.queue.Committed()
		now := time.Now()
		record, wait, err := f.next(now)
		switch {
		case err == nil:
			f.publishing(&record, now)
			return mqtt.Message{Topic: record.Topic, Payload: record.Payload, Retain: record.Retain}, record.ID, nil
		case errors.Is(err, outbox.ErrUnread): // the connection is not to blame
			wait = f.retry
		case !errors.Is(err, io.EOF):
			return mqtt.Message{}, 0, err
		default:
			f.exhausted(committed, wait, now) // records that cannot be read back are gone without an acknowledgement
		}
		if err := f.rest(ctx, committed, wait); err != nil {
			return mqtt.Message{}, 0, err
		}
	}
}

// next returns the next envelope: an alert, anchor or account, then what is published
// from memory, then what else is on disk.
func (f *feed) next(now time.Time) (record outbox.Record, wait time.Duration, err error) {
	if record, err = f.from.NextUrgent(); err != nil {
		if kept, ok := f.ring.take(); ok {
			return kept, 0, nil
		}
		f.holdBacklog(now)
		record, wait, err = f.from.Next(now)
	}
	f.noteUnread(err)
	return record, wait, err
}

// publishing notes that a record is on its way.
func (f *feed) publishing(r *outbox.Record, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flying++
	f.drained = nil
	switch {
	case r.ID < ringID && (!f.signed || !receiptable(r)):
		f.plain[r.ID] = struct{}{}
	case f.signed && r.Seq > 0: // an anchor is retained: it does not keep its place among the others
		f.newest = waymark{chain: chainOf(r), seq: r.Seq}
		if now.Sub(f.marked) >= f.every {
			f.mark(now)
		}
	}
}

// mark makes the newest message a mark, but not while something is sent again: its
// place would tell nothing of that. f.mu is held.
func (f *feed) mark(now time.Time) {
	if f.from.Repeating() || f.asked != nil || f.newest.seq == 0 {
		return
	}
	if len(f.marks) == maxMarks {
		for i := range maxMarks / 2 {
			f.marks[i] = f.marks[2*i+1]
		}
		f.marks = f.marks[:maxMarks/2]
	}
	f.newest.to, f.newest.at = f.from.Position(), now
	f.marks = append(f.marks, f.newest)
	f.marked = now
}

// exhausted notes that there is nothing to publish until committed is closed, or,
// if wait is not 0, until then.
func (f *feed) exhausted(committed <-chan struct{}, wait time.Duration, now time.Time) {
	f.mu.Lock()
	if wait == 0 {
		f.drained = committed
	}
	if f.marked.IsZero() { // what was sent again last
		f.mark(now)
	}
	f.mu.Unlock()
	f.progress()
}

// published returns the marks of the connection that there is, and its number.
func (f *feed) published() ([]waymark, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.marks), f.connections
}

// repeat has those records published again that had been at a position of the
// connection and that want says true of. What is marked from its end on tells
// whether they were lost again.
func (f *feed) repeat(connection int, to outbox.Position, want func(*outbox.Record) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if connection != f.connections {
		return // all is sent again
	}
	f.asked = &repetition{to, want}
	f.marks, f.marked = f.marks[:0], time.Time{}
	signal(f.told)
}

func (f *feed) beginAgain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked != nil {
		f.from.Again(f.asked.to, f.asked.want)
		f.asked = nil
	}
}

// idle reports whether the broker has acknowledged all that there is.
func (f *feed) idle() bool {
	committed := f.queue.Committed()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.drained == committed && f.flying == 0 && len(f.again) == 0
}

// inFlight returns how many envelopes are published and not acknowledged.
func (f *feed) inFlight() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.flying
}

// nextAgain gives the next of the anchors that are offered at a new connection.
func (f *feed) nextAgain() (mqtt.Message, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.again) == 0 {
		return mqtt.Message{}, false
	}
	m := f.again[0]
	f.again = f.again[1:]
	return m, true
}

// holdBacklog keeps the backlog back for a moment while receivers may wait to be heard:
// one that is new keeps what comes before its beacon is echoed, but not a day of it.
func (f *feed) holdBacklog(now time.Time) {
	if f.deaf != nil && f.deaf(now) {
		f.from.Hold(now.Add(retainedWait / 3))
	}
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
	f.mu.Lock()
	f.flying--
	_, plain := f.plain[id]
	delete(f.plain, id)
	f.mu.Unlock()
	if id >= ringID {
		f.ring.done(id)
	} else if plain {
		if err := f.queue.Ack(id); err != nil && !errors.Is(err, outbox.ErrClosed) {
			return // a record that was dropped meanwhile: there is nothing to remember
		}
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
	f.connections++
	f.again, f.flying, f.asked, f.drained = nil, 0, nil, nil
	f.marks, f.marked, f.newest = nil, time.Time{}, waymark{}
	clear(f.plain)
	f.mu.Unlock()
}
