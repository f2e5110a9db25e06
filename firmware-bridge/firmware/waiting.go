package firmware

import (
	"errors"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// ErrTooLong reports a wave that no message holds.
var ErrTooLong = errors.New("firmware: wave is larger than a message: record it in shorter pieces")

// waiting is what has been recorded and not sealed.
//
// Everything in batch fits one payload: cost bounds what it can take, whatever
// the values. So nothing grows after init.
type waiting struct {
	config *Config
	batch  vital.Batch
	cost   int
	first  uint64 // uptime of the oldest in batch

	waves   [maxWaves]vital.Wave
	samples []int32 // of the waves in batch, one after the other
	alerts  []vital.Alert
	alone   vital.Batch // an alert or a heartbeat, which has a message of its own

	stuckAt  int    // room at which the batch did not fit the ring, 0: not tried
	dropped  uint64 // readings given up and not accounted for yet
	recorded uint64 // since Open
	lost     uint64 // since Open
}

const (
	maxWaves  = 6
	maxAlerts = 4
	maxEvents = 4 // and enumerations

	batchCost   = 48           // heads, and a Dropped record
	numericCost = 31           // bytes that a numeric takes at most, its metric included
	textCost    = 40           // of an event or enumeration beside its text
	waveCost    = 72           // of a wave beside its samples
	spare       = 2 * textCost // kept free in the ring for an alert, beside its overhead and text
)

// init takes the memory; scratch is a payload's.
func (w *waiting) init(c *Config, scratch []byte) {
	w.config = c
	w.batch.Numerics = make([]vital.Numeric, 0, c.Numerics)
	w.batch.Waves = w.waves[:0]
	w.batch.Enumerations = make([]vital.Enumeration, 0, maxEvents)
	w.batch.Events = make([]vital.Event, 0, maxEvents)
	w.batch.Drops = make([]vital.Dropped, 0, 1)
	w.samples = make([]int32, 0, c.Samples)
	w.alerts = make([]vital.Alert, 0, maxAlerts)
	w.alone.Alerts = make([]vital.Alert, 0, 1)
	w.alone.Heartbeats = make([]vital.Heartbeat, 0, 1)
	w.warm(c.Numerics, scratch)
}

// warm makes the encoder take all the memory that it will ever need: for numerics
// of as many metrics as there can be, each alone, and in as many sections.
func (w *waiting) warm(n int, scratch []byte) {
	for _, run := range []int{1, 3} {
		for i := range n {
			w.batch.Numerics = append(w.batch.Numerics, vital.Numeric{Code: vital.Code(i/run + 1), Time: uint64(i)})
		}
		scratch, _ = w.batch.Append(scratch[:0])
		w.batch.Numerics = w.batch.Numerics[:0]
	}
	w.alone.Heartbeats = append(w.alone.Heartbeats, vital.Heartbeat{})
	w.alone.Append(scratch[:0])
	w.alone.Reset()
}

func (w *waiting) len() int { return w.batch.Len() + len(w.alerts) }

// oldest returns the time of the oldest reading that waits, now if none does.
func (w *waiting) oldest(now uint64) uint64 {
	if w.batch.Len() > 0 {
		now = min(now, w.first)
	}
	for i := range w.alerts {
		now = min(now, w.alerts[i].Time)
	}
	return now
}

// due reports whether the batch is to be sealed.
func (w *waiting) due(now, every uint64) bool {
	return w.batch.Len() > 0 && (now >= w.first+every || w.full())
}

// full reports whether there may be no room for what comes next.
func (w *waiting) full() bool {
	return w.cost+batchCost > w.config.Payload*3/4 || len(w.batch.Numerics) > cap(w.batch.Numerics)*3/4
}

// every is how long readings wait to be sealed: longer when the ring fills, since
// a message costs as much as twenty readings.
func (s *Sensor) every() uint64 {
	if s.ringBelow(5) {
		return 1 << 62
	}
	return uint64(s.config.Every)
}

// ringBelow reports whether less than n eighths of the ring are free.
func (s *Sensor) ringBelow(n int) bool {
	whole := min(s.config.Keep, link.MaxBody(link.TypeSealed, link.MaxFrame)) // no more is ever Room
	return s.link.Room(link.TypeSealed) < whole*n/8
}

// sealOpen seals what waits.
func (s *Sensor) sealOpen(now uint64) {
	w := &s.open
	room := s.link.Room(link.TypeSealed)
	if w.stuckAt != 0 && room <= w.stuckAt {
		return
	}
	if w.dropped > 0 {
		w.batch.Drops = append(w.batch.Drops[:0], vital.Dropped{Time: max(w.first, s.chain.origin), Reason: vital.DropSensor, Count: w.dropped})
	}
	if !s.sealBatch(&w.batch, now, maxOverhead+spare+vital.MaxText) {
		w.batch.Drops = w.batch.Drops[:0]
		w.stuckAt = room
		return
	}
	w.dropped = 0
	w.reset()
}

func (w *waiting) reset() {
	w.batch.Reset()
	w.samples = w.samples[:0]
	w.cost, w.stuckAt = 0, 0
}

func (s *Sensor) sealAlert(now uint64) {
	w := &s.open
	w.alone.Reset()
	w.alone.Alerts = append(w.alone.Alerts, w.alerts[0])
	if s.sealBatch(&w.alone, now, 0) {
		w.alerts = w.alerts[:copy(w.alerts, w.alerts[1:])]
	}
}

func (s *Sensor) sealHeartbeat(now uint64) {
	w := &s.open
	w.alone.Reset()
	w.alone.Heartbeats = append(w.alone.Heartbeats, vital.Heartbeat{
		Time: now, Interval: s.config.Heartbeat, Recorded: s.chain.recorded,
	})
	s.sealBatch(&w.alone, now, 0)
}

// giveUp empties a batch that cannot be sealed.
func (w *waiting) giveUp(b *vital.Batch) {
	if b == &w.alone {
		w.drop(uint64(b.Len()))
		w.alerts = w.alerts[:copy(w.alerts, w.alerts[min(1, len(w.alerts)):])]
		return
	}
	w.drop(uint64(b.Len()))
	w.reset()
}

func (w *waiting) drop(n uint64) {
	w.dropped += n
	w.lost += n
}

// shift adds d to every time in b.
func shift(b *vital.Batch, d uint64) {
	for i := range b.Numerics {
		b.Numerics[i].Time += d
	}
	for i := range b.Waves {
		b.Waves[i].Time += d
	}
	for i := range b.Enumerations {
		b.Enumerations[i].Time += d
	}
	for i := range b.Alerts {
		b.Alerts[i].Time += d
	}
	for i := range b.Events {
		b.Events[i].Time += d
	}
	for i := range b.Drops {
		b.Drops[i].Time += d
	}
	for i := range b.Heartbeats {
		b.Heartbeats[i].Time += d
	}
}
