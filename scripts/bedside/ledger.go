package main

import (
	"context"
	"sync"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// id names what a sensor sends, whoever counts it: a reading with a number of its
// own, a message that the sensor sealed, or, where there is no such thing, a value,
// which may come more than once.
type id struct {
	sensor int // 0 belongs at the bed, 1 does not
	name   string
}

// ledger is the account of what sensors made, what was acknowledged to them, and
// what came out of the receiver. It is the receiver's Sink.
type ledger struct {
	identify func(*receive.Record) []id // the ids in a record with readings

	mu       sync.Mutex
	made     map[id]int
	acked    map[id]int
	received map[id]int
	events   map[vital.EventKind]int
	told     map[told]int // the same by device
	verdicts map[receive.Verdict]int
	reasons  []string      // of what was refused or is missing
	readings int           // numbers and waves that were verified and opened
	changed  chan struct{} // closed with each change
}

// told is an event under the name of a device.
type told struct {
	device string
	kind   vital.EventKind
}

func newLedger(identify func(*receive.Record) []id) *ledger {
	return &ledger{
		identify: identify, made: map[id]int{}, acked: map[id]int{}, received: map[id]int{},
		events: map[vital.EventKind]int{}, told: map[told]int{}, verdicts: map[receive.Verdict]int{}, changed: make(chan struct{}),
	}
}

// change lets f alter the account and wakes who waits for it.
func (l *ledger) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *ledger) make(ids ...id) { l.change(func() { add(l.made, ids) }) }
func (l *ledger) ack(ids ...id)  { l.change(func() { add(l.acked, ids) }) }

func add(to map[id]int, ids []id) {
	for _, n := range ids {
		to[n]++
	}
}

// Write implements receive.Sink.
func (l *ledger) Write(r *receive.Record) error {
	l.change(func() {
		l.verdicts[r.Verdict]++
		if r.Reason != "" {
			l.reasons = append(l.reasons, r.Verdict.String()+": "+r.Reason)
		}
		if r.Batch == nil {
			return
		}
		for _, e := range r.Batch.Events {
			l.events[e.Kind] += int(max(e.Count, 1))
			l.told[told{r.Name, e.Kind}]++
		}
		l.readings += len(r.Batch.Numerics) + len(r.Batch.Waves)
		add(l.received, l.identify(r))
	})
	return nil
}

// Sync implements receive.Sink: the ledger lives as long as the rig.
func (l *ledger) Sync() error { return nil }

// counts are the sums of a ledger.
type counts struct {
	made, acked, received int
	readings              int // numbers and waves in what was received
	missing               int // acknowledged to the sensor and not received
	lost                  int // made and not received: what never reached the gateway is among it
	doubled               int // received more often than made, after the receiver
	strange               int // received, and made by no sensor of ours
}

func (l *ledger) counts() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := counts{readings: l.readings}
	for n, times := range l.made {
		c.made += times
		c.lost += max(0, times-l.received[n])
	}
	for n, times := range l.acked {
		c.acked += times
		c.missing += max(0, times-l.received[n])
	}
	for n, times := range l.received {
		c.received += times
		if l.made[n] == 0 {
			c.strange += times
		} else {
			c.doubled += max(0, times-l.made[n])
		}
	}
	return c
}

// until waits until holds, which is called with the ledger locked; it reports
// false when ctx ends first.
func (l *ledger) until(ctx context.Context, holds func() bool) bool {
	for {
		l.mu.Lock()
		ok, changed := holds(), l.changed
		l.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
