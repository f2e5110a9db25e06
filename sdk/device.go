package sdk

import (
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Why Record refuses.
var (
	// ErrFull says that the open batch is at its bound, because the disk does
	// not keep up or cannot be written. What is refused is counted, and a signed
	// record says how much was.
	ErrFull = errors.New("vitalseal: too much is waiting to be stored: reading refused")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("vitalseal: pipeline is closed")
)

// Memory that readings take in the open batch, and bytes that they take at most
// in a payload; one bound serves both.
const (
	numericCost = 40
	recordCost  = 48 + vital.MaxText
	waveCost    = 96
	sampleCost  = 8 // a sample that Rice coding has to escape
)

// Device seals the readings of one device. All methods may be called from any
// goroutine.
type Device struct {
	pipeline *Pipeline
	name     string
	kid      keys.KeyID
	chain    *chain

	mu      sync.Mutex
	journal Journal // nil: nothing is noted
	now     *span   // what is recorded into
	ended   []*span // not yet all taken by the committer, oldest first
	cost    int     // of what waits in all of them
	refused uint64  // readings refused and not yet accounted for
	total   uint64  // readings recorded since Open
	lost    uint64  // readings refused since Open
	last    time.Time
	closed  bool
}

// Name returns the name the identity has on this gateway. It never leaves it.
func (d *Device) Name() string { return d.name }

// KeyID returns the id that names the device on the wire.
func (d *Device) KeyID() keys.KeyID { return d.kid }

// Record takes readings made now. It does not wait for disk or network. Their
// Time is ignored. Either all are taken or, with ErrFull or an error that says
// what is wrong with one of them, none.
func (d *Device) Record(readings ...vital.Numeric) error {
	if len(readings) == 0 {
		return nil
	}
	for i := range readings {
		readings := readings[i]
		readings.Time = 0 // ignored
		if err := readings.Validate(); err != nil {
			return err
		}
	}
	d.mu.Lock()
	now := time.Now() // not before: see followClock
	ms, err := d.take(len(readings), len(readings)*numericCost, 0, now, now)
	if err == nil {
		for _, n := range readings {
			n.Time = ms
			d.now.open.Numerics = append(d.now.open.Numerics, n)
		}
	} else if errors.Is(err, ErrFull) {
		d.refuse(len(readings))
	}
	d.mu.Unlock()
	d.pipeline.wake()
	return err
}

// RecordBatch takes what a decoder made of bytes that arrived at the given
// time, which is not after now. The Time of an entry is its offset in
// milliseconds after that, at most a day; a wave's is the offset of its end,
// since a wave is complete when its last sample arrives. The batch is copied.
// Alerts in it are sealed at once, each in a message of its own. Either all is
// taken or, with ErrFull or an error that says what is wrong with an entry,
// nothing.
//
// Drops are what the sensor says it could not keep; they are sealed with the
// reason DropSensor and name no chain. Heartbeats are the pipeline's own and
// are ignored; so is Label, see Device.Label. Time that is more than a day ago
// counts as a day ago.
func (d *Device) RecordBatch(at time.Time, b *vital.Batch) error { return d.record(at, b, true, nil) }

// Offer is RecordBatch for a caller who keeps what is refused and offers it again:
// with ErrFull nothing is counted as lost. If the token is not nil, the device's
// Journal (see Keep) is told it when all of b is stored, and all that was offered
// before; b may be empty then. An offer is sealed in one message, beside its alerts
// and others, if it fits one: that is certain up to some 30 kB. A larger one is cut,
// and a crash amid its messages has the first of them come again.
func (d *Device) Offer(at time.Time, b *vital.Batch, token any) error {
	return d.record(at, b, false, token)
}

func (d *Device) record(at time.Time, b *vital.Batch, lost bool, token any) error {
	count := b.Len() - len(b.Drops) - len(b.Heartbeats)
	if count+len(b.Drops) == 0 {
		return d.offerNothing(token)
	}
	if err := validate(b); err != nil {
		return err
	}
	d.mu.Lock()
	now := time.Now()
	if at.After(now) {
		at = now
	}
	d.reach(at, now)
	ms, err := d.take(count, batchCost(b), len(b.Alerts), at, now)
	switch {
	case err == nil:
		d.copyIn(ms, b)
		if token != nil && d.journal != nil {
			d.markOffer(token, len(b.Alerts))
		}
	case errors.Is(err, ErrFull) && lost:
		d.refuse(count)
	}
	d.mu.Unlock()
	d.pipeline.wake()
	if err == nil && len(b.Alerts) > 0 {
		d.pipeline.hurry()
	}
	return err
}

// offerNothing has the token of an offer without entries told in its turn.
func (d *Device) offerNothing(token any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case token == nil || d.journal == nil:
	case d.closed:
		return ErrClosed
	default:
		d.markOffer(token, 0)
		d.pipeline.wake()
	}
	return nil
}

// Alert takes an alarm raised now and has it sealed, stored and sent ahead of
// everything else. Its Time is ignored. Alerts are taken even where readings
// are refused, up to a bound of their own.
func (d *Device) Alert(a vital.Alert) error {
	a.Time = 0
	if err := a.Validate(); err != nil {
		return err
	}
	d.mu.Lock()
	now := time.Now()
	ms, err := d.take(1, 0, 1, now, now)
	if err == nil {
		a.Time = ms
		d.now.alerts = append(d.now.alerts, a)
	} else if errors.Is(err, ErrFull) {
		d.refuse(1)
	}
	d.mu.Unlock()
	d.pipeline.hurry()
	return err
}

// Event takes a fact about the line or the device, which happened now. Its Time
// is ignored.
func (d *Device) Event(e vital.Event) error {
	e.Time = 0
	if err := e.Validate(); err != nil {
		return err
	}
	d.mu.Lock()
	now := time.Now()
	ms, err := d.take(1, recordCost, 0, now, now)
	if err == nil {
		e.Time = ms
		d.now.open.Events = append(d.now.open.Events, e)
	} else if errors.Is(err, ErrFull) {
		d.refuse(1)
	}
	d.mu.Unlock()
	d.pipeline.wake()
	return err
}

// Label sets the opaque label of a bed or an encounter, at most 80 bytes of
// UTF-8, for all that is recorded after it, and for nothing recorded before. A
// change begins a new chain. It exists inside the ciphertext only.
func (d *Device) Label(label string) error {
	if len(label) > vital.MaxText || !utf8.ValidString(label) {
		return errors.New("vitalseal: label is not at most 80 bytes of UTF-8")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	switch {
	case d.now.label == label:
	case d.now.recorded == 0 && !d.now.taken:
		d.now.label = label // nothing has been recorded under the one before
	default:
		d.split(time.Now(), label)
	}
	d.pipeline.wake()
	return nil
}

// maxAlertsWaiting bounds the alerts of one span that wait to be sealed.
const maxAlertsWaiting = 1024

// take checks the bounds, counts what is about to be added to the current span,
// and returns the time at in milliseconds since its origin. d.mu is held.
func (d *Device) take(readings, cost, alerts int, at, now time.Time) (ms uint64, err error) {
	if d.closed {
		return 0, ErrClosed
	}
	d.followClock(now)
	s := d.now
	if cost > 0 && d.cost+cost > d.pipeline.conf.MaxWaiting || alerts > 0 && len(s.alerts)+alerts > maxAlertsWaiting {
		return 0, ErrFull
	}
	d.cost += cost
	s.cost += cost
	s.recorded += uint64(readings)
	d.total += uint64(readings)
	d.last = at
	return s.origin.since(at), nil
}

// refuse counts readings that were not taken and are lost. d.mu is held.
func (d *Device) refuse(readings int) {
	d.refused += uint64(readings)
	d.lost += uint64(readings)
}

// stop records that the pipeline is being closed, as the last thing.
func (d *Device) stop(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.now.open.Events = append(d.now.open.Events, vital.Event{Time: d.now.origin.since(now), Kind: vital.EventStopped})
}

func (d *Device) copyIn(ms uint64, b *vital.Batch) {
	s := d.now
	for _, n := range b.Numerics {
		n.Time += ms
		s.open.Numerics = append(s.open.Numerics, n)
	}
	for i := range b.Waves {
		copyWave(s.open, ms, &b.Waves[i])
	}
	for _, e := range b.Enumerations {
		e.Time += ms
		s.open.Enumerations = append(s.open.Enumerations, e)
	}
	for _, a := range b.Alerts {
		a.Time += ms
		s.alerts = append(s.alerts, a)
	}
	for _, e := range b.Events {
		e.Time += ms
		s.open.Events = append(s.open.Events, e)
	}
	for _, drop := range b.Drops {
		s.open.Drops = append(s.open.Drops, vital.Dropped{Time: drop.Time + ms, Reason: vital.DropSensor, Count: drop.Count})
	}
}

// copyWave copies a wave that ends at ms plus its offset, in pieces that fit a
// message.
func copyWave(open *vital.Batch, ms uint64, w *vital.Wave) {
	end := ms + w.Time
	for from := 0; from < len(w.Samples); from += maxWavePiece {
		to := min(from+maxWavePiece, len(w.Samples))
		piece := open.AddWave()
		samples := append(piece.Samples, w.Samples[from:to]...)
		*piece = *w
		piece.Samples = samples
		length := samplesToMillis(len(w.Samples)-from, w.Rate)
		piece.Time = end - min(end, length)
	}
}

// maxOffset keeps all times of one batch within what a payload can span.
const maxOffset = 24 * 60 * 60 * 1000

var errOffset = errors.New("vitalseal: time of an entry is more than a day after its arrival")

// validate finds an entry that cannot be sealed, so that it does not stand in the
// way of those recorded before and after it.
func validate(b *vital.Batch) error {
	var err error
	check := func(ms uint64, invalid error) {
		if invalid == nil && ms > maxOffset {
			invalid = errOffset
		}
		if err == nil {
			err = invalid
		}
	}
	for i := range b.Numerics {
		check(b.Numerics[i].Time, b.Numerics[i].Validate())
	}
	for i := range b.Waves {
		check(b.Waves[i].Time, b.Waves[i].Validate())
	}
	for i := range b.Enumerations {
		check(b.Enumerations[i].Time, b.Enumerations[i].Validate())
	}
	for i := range b.Alerts {
		check(b.Alerts[i].Time, b.Alerts[i].Validate())
	}
	for i := range b.Events {
		check(b.Events[i].Time, b.Events[i].Validate())
	}
	for i := range b.Drops {
		check(b.Drops[i].Time, b.Drops[i].Validate())
	}
	return err
}

// samplesToMillis returns how long n samples last, rounded down.
func samplesToMillis(n int, rate vital.Decimal) uint64 {
	hz := float64(rate.Mantissa)
	for e := rate.Exponent; e < 0; e++ {
		hz /= 10
	}
	for e := rate.Exponent; e > 0; e-- {
		hz *= 10
	}
	if hz <= 0 {
		return 0
	}
	return uint64(float64(n) * 1000 / hz)
}

func batchCost(b *vital.Batch) int {
	cost := len(b.Numerics)*numericCost + (len(b.Enumerations)+len(b.Events)+len(b.Drops))*recordCost
	for i := range b.Waves {
		n := len(b.Waves[i].Samples)
		cost += waveCost*(1+n/maxWavePiece) + sampleCost*n
	}
	return cost
}
