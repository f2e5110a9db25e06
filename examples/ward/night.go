package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// recordNight makes what the attacker has from the night before: the sensor of
// a bed lay on the table and measured 0, the gateway sealed that, and the broker
// recorded it. Nobody has received it, so to a receiver it is new: authentic, of
// the right device, under an anchor it has never seen. It is what a rollback is
// made of.
//
// data is the outbox of that night and not the one of the day. With one outbox
// the anchors of the day would vouch for the night's, and its readings would be
// what they are: true, late, and with their own time.
func recordNight(ctx context.Context, s *site, data, device string) (recording []message, err error) {
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
	err = d.Record(zero, zero, zero)
	draining, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err = errors.Join(err, p.Close(draining)); err != nil {
		return nil, err
	}
	sealed := tap.recording(maxRecorded, func(m message) bool { return strings.HasPrefix(m.topic, "vs1/") && !isState(m.topic) })
	if len(sealed) < 2 {
		return nil, errors.New("the night was not recorded: the gateway could not publish")
	}
	return sealed, nil
}

func isState(topic string) bool { return filepath.Base(topic) == "state" }
