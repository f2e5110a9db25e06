package sdk

import (
	"errors"
	"sync"
	"time"

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

	mu       sync.Mutex
	origin   origin // what times in the open batch count from
	open     *vital.Batch
	alerts   []vital.Alert
	cost     int    // of what is open
	recorded uint64 // readings since the anchor
	refused  uint64 // readings refused and not yet accounted for
	total    uint64 // readings recorded since Open
	lost     uint64 // readings refused since Open
	last     time.Time
}

// Name returns the name the identity has on this gateway. It never leaves it.
func (d *Device) Name() string { return d.name }

// KeyID returns the id that names the device on the wire.
func (d *Device) KeyID() keys.KeyID { return d.kid }

// Record takes readings made now. It does not wait for disk or network. Their
// Time is ignored. Either all are taken or, with ErrFull or an error that says
// what is wrong with one of them, none.
func (d *Device) Record(readings ...vital.Numeric) error {
	for i := range readings {
		if err := readings[i].Validate(); err != nil {
			return err
		}
	}
	return d.take(len(readings), len(readings)*numericCost, func(now uint64) {
		for _, n := range readings {
			n.Time = now
			d.open.Numerics = append(d.open.Numerics, n)
		}
	}, time.Now())
}

// RecordBatch takes what a decoder made of bytes that arrived at the given
// time. The Time of an entry is its offset in milliseconds after that; a wave's
// is the offset of its end, since a wave is complete when its last sample
// arrives. The batch is copied. Alerts in it are sealed at once, each in a
// message of its own. Either all is taken or, with ErrFull or an error that says
// what is wrong with an entry, nothing. Drops and Heartbeats are the pipeline's
// own and are ignored; so is Label, see Device.Label.
func (d *Device) RecordBatch(at time.Time, b *vital.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if err := validate(b); err != nil {
		return err
	}
	err := d.take(b.Len(), batchCost(b), func(now uint64) { d.copyIn(now, b) }, at)
	if err == nil && len(b.Alerts) > 0 {
		d.pipeline.hurry()
	}
	return err
}

// Alert takes an alarm raised now and has it sealed, stored and sent ahead of
// everything else. Its Time is ignored. Alerts are taken even where readings
// are refused, up to a bound of their own.
func (d *Device) Alert(a vital.Alert) error {
	if err := a.Validate(); err != nil {
		return err
	}
	err := d.take(1, 0, func(now uint64) {
		a.Time = now
		d.alerts = append(d.alerts, a)
	}, time.Now())
	if err == nil {
		d.pipeline.hurry()
	}
	return err
}

// Event takes a fact about the line or the device, which happened now.
func (d *Device) Event(e vital.Event) error {
	if err := e.Validate(); err != nil {
		return err
	}
	return d.take(1, recordCost, func(now uint64) {
		e.Time = now
		d.open.Events = append(d.open.Events, e)
	}, time.Now())
}

// Label sets the opaque label of a bed or an encounter for all that follows. A
// change begins a new chain. It exists inside the ciphertext only.
func (d *Device) Label(label string) error {
	if len(label) > vital.MaxText {
		return errors.New("vitalseal: label is longer than 80 bytes")
	}
	d.chain.setLabel(label)
	d.pipeline.wake()
	return nil
}

const maxAlertsWaiting = 1024

// take checks the bounds and runs add under the lock with the time at in
// milliseconds since the origin.
func (d *Device) take(readings, cost int, add func(now uint64), at time.Time) error {
	if d.pipeline.isClosed() {
		return ErrClosed
	}
	d.mu.Lock()
	if d.cost+cost > d.pipeline.conf.MaxWaiting || len(d.alerts) >= maxAlertsWaiting {
		d.refused += uint64(readings)
		d.lost += uint64(readings)
		d.mu.Unlock()
		d.pipeline.wake()
		return ErrFull
	}
	d.cost += cost
	d.recorded += uint64(readings)
	d.total += uint64(readings)
	d.last = at
	add(d.origin.since(at))
	d.mu.Unlock()
	d.pipeline.wake()
	return nil
}

func (d *Device) copyIn(now uint64, b *vital.Batch) {
	open := d.open
	for _, n := range b.Numerics {
		n.Time += now
		open.Numerics = append(open.Numerics, n)
	}
	for i := range b.Waves {
		d.copyWave(now, &b.Waves[i])
	}
	for _, e := range b.Enumerations {
		e.Time += now
		open.Enumerations = append(open.Enumerations, e)
	}
	for _, a := range b.Alerts {
		a.Time += now
		d.alerts = append(d.alerts, a)
	}
	for _, e := range b.Events {
		e.Time += now
		open.Events = append(open.Events, e)
	}
}

// copyWave copies a wave that ends at now plus its offset, in pieces that fit a
// message.
func (d *Device) copyWave(now uint64, w *vital.Wave) {
	end := now + w.Time
	for from := 0; from < len(w.Samples); from += maxWavePiece {
		to := min(from+maxWavePiece, len(w.Samples))
		piece := d.open.AddWave()
		samples := append(piece.Samples, w.Samples[from:to]...)
		*piece = *w
		piece.Samples = samples
		length := samplesToMillis(len(w.Samples)-from, w.Rate)
		piece.Time = end - min(end, length)
	}
}

// validate finds an entry that cannot be sealed, so that it does not stand in the
// way of those recorded before and after it.
func validate(b *vital.Batch) error {
	var err error
	for i := 0; i < len(b.Numerics) && err == nil; i++ {
		err = b.Numerics[i].Validate()
	}
	for i := 0; i < len(b.Waves) && err == nil; i++ {
		err = b.Waves[i].Validate()
	}
	for i := 0; i < len(b.Enumerations) && err == nil; i++ {
		err = b.Enumerations[i].Validate()
	}
	for i := 0; i < len(b.Alerts) && err == nil; i++ {
		err = b.Alerts[i].Validate()
	}
	for i := 0; i < len(b.Events) && err == nil; i++ {
		err = b.Events[i].Validate()
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
	cost := len(b.Numerics)*numericCost + len(b.Label) +
		(len(b.Enumerations)+len(b.Events)+len(b.Drops)+len(b.Heartbeats))*recordCost
	for i := range b.Waves {
		cost += waveCost + sampleCost*len(b.Waves[i].Samples)
	}
	return cost
}
