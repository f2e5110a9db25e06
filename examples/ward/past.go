package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// What happened before the demonstration, each on a broker of its own, so that
// nothing of it is retained: the gateway and the station have met, and the
// attacker has a recording of a night on which the station was off.

// patience bounds what takes a second, on a machine that has much else to do.
const patience = 2 * time.Minute

// meet runs the gateway and the station until every device has echoed the
// station's beacon. From then on the station knows the devices; until then it
// does not trust what it gets, because it might be an old recording.
func (w *ward) meet(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := startBroker(w.site, new(tap))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	met := &meeting{begun: map[keys.KeyID]bool{}, ended: map[keys.KeyID]bool{}, changed: make(chan struct{}, 1)}
	receiver, err := w.openReceiver(b.url, met)
	if err != nil {
		return err
	}
	station := start(receiver.Run, func(error) { cancel() })
	defer func() { err = errors.Join(err, station.stop(), receiver.Close()) }()
	p, err := sdk.Open(ctx, sdk.Config{Identity: w.site.gateway(), Broker: b.url, Data: w.data()})
	if err != nil {
		return err
	}
	for _, s := range w.sensors {
		if _, err := p.Device(s.device); err != nil {
			return errors.Join(err, p.Close(ctx))
		}
	}
	err = met.await(ctx, len(w.sensors), met.begun)
	return errors.Join(err, p.Close(ctx), met.await(ctx, len(w.sensors), met.ended))
}

// meeting is a receive.Sink that waits for devices.
type meeting struct {
	mu           sync.Mutex
	begun, ended map[keys.KeyID]bool // devices that the station trusts; that have said goodbye
	changed      chan struct{}
}

// Write implements receive.Sink.
func (m *meeting) Write(r *receive.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Event == "anchor" {
		m.begun[r.Device] = true
	}
	if r.Batch == nil {
		return nil
	}
	for _, e := range r.Batch.Events {
		if e.Kind == vital.EventStopped {
			m.ended[r.Device] = true
		}
	}
	return nil
}

// Sync implements receive.Sink.
func (m *meeting) Sync() error {
	select {
	case m.changed <- struct{}{}:
	default:
	}
	return nil
}

// await waits until n devices have come so far.
func (m *meeting) await(ctx context.Context, n int, soFar map[keys.KeyID]bool) error {
	for {
		m.mu.Lock()
		got := len(soFar)
		m.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-m.changed:
		case <-ctx.Done():
			return fmt.Errorf("the station has heard from %d of %d devices: %w", got, n, context.Cause(ctx))
		}
	}
}

// recordNight makes what the attacker has of that night: the sensor of a bed lay
// on the table and measured 0, the gateway sealed that, and the broker recorded
// it. To the station it is new: authentic, of the right device, under an anchor
// that it has never seen. It is what a rollback is made of.
//
// data is the outbox of that night and not the one of the day. With one outbox
// the anchors of the day would vouch for the night's, and its readings would be
// what they are: true, late, and with their own time.
func recordNight(ctx context.Context, s *site, data, device string) (recording []message, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tap := new(tap)
	b, err := startBroker(s, tap)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	p, err := sdk.Open(ctx, sdk.Config{Identity: s.gateway(), Broker: b.url, Data: data})
	if err != nil {
		return nil, err
	}
	d, err := p.Device(device)
	if err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	zero := vital.Numeric{Code: vital.PulseRate, Unit: vital.BeatsPerMinute, Value: vital.Int(0)}
	if err = errors.Join(d.Record(zero, zero, zero), p.Close(ctx)); err != nil {
		return nil, err
	}
	sealed := tap.recording(maxRecorded, isSealed)
	if len(sealed) < 2 { // an anchor and a batch
		return nil, errors.New("the gateway could not publish")
	}
	return sealed, nil
}

// isSealed tells sealed messages from the state of a gateway.
func isSealed(m message) bool {
	return strings.HasPrefix(m.topic, "vs1/") && path.Base(m.topic) != "state"
}
