package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

// bed is devices on one patient.
type bed struct {
	wanted  []wantedDevice
	patient sim.Source
	span    time.Duration
}

// run serves all devices until a signal comes, the time is over or one fails.
func (b *bed) run(c *call) error {
	ctx, stop := untilSignal()
	defer stop()
	places, err := openPlaces(b.wanted)
	if err != nil {
		return err
	}
	if b.span > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.span)
		defer cancel()
	}
	began := time.Now()
	if err := b.announce(c.stdout, places, began); err != nil {
		return errors.Join(err, closePlaces(places))
	}
	log := slog.New(slog.NewTextHandler(c.stderr, nil))
	return errors.Join(b.serve(ctx, places, began, log), closePlaces(places))
}

func closePlaces(places []place) error {
	var all []error
	for _, p := range places {
		all = append(all, p.close())
	}
	return errors.Join(all...)
}

func (b *bed) announce(w io.Writer, places []place, began time.Time) error {
	text := ""
	for i, p := range places {
		text += fmt.Sprintf("%s %s\n", b.wanted[i].driver.Name, p.port())
	}
	text += "the patient's time began at " + began.UTC().Format("2006-01-02T15:04:05.000Z07:00") + "\n"
	_, err := io.WriteString(w, text)
	return err
}

// serve returns when ctx has ended, or after the first failure.
func (b *bed) serve(ctx context.Context, places []place, began time.Time, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	failures := make([]error, 2*len(places))
	start := func(failure *error, run func(context.Context) error) {
		running.Go(func() {
			if *failure = run(ctx); *failure != nil {
				cancel() // a bed with a device that is gone is another bed
			}
		})
	}
	for i, p := range places {
		driver := b.wanted[i].driver
		d := &simulated{device: driver.Simulate(b.patient), began: began, log: log.With("driver", driver.Name, "port", p.port())}
		start(&failures[2*i], d.run)
		start(&failures[2*i+1], func(ctx context.Context) error { return p.serve(ctx, d) })
	}
	running.Wait()
	return errors.Join(failures...)
}

// place is the end of a line at which hosts come and go.
type place interface {
	// port is its name in a host's configuration.
	port() string

	// serve joins each host to the device, one at a time, until ctx ends.
	serve(ctx context.Context, d *simulated) error

	// close removes what was made for hosts to find it.
	close() error
}

// simulated is a device that is switched on.
type simulated struct {
	log   *slog.Logger
	began time.Time

	mu     sync.Mutex // the device is not for concurrent use
	device sensor.Simulator
	host   io.Writer // nil: nobody is there
	out    []byte
}

// run lets the device speak at its pace. What is late, because this machine was
// busy, follows at once: a device's clock does not wait.
func (d *simulated) run(ctx context.Context) error {
	timer := time.NewTimer(time.Until(d.began))
	defer timer.Stop()
	for elapsed := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		elapsed += d.speak()
		timer.Reset(time.Until(d.began.Add(elapsed)))
	}
}

func (d *simulated) speak() (pause time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out, pause = d.device.Next(d.out[:0])
	d.send()
	return max(pause, time.Millisecond)
}

// hear passes on what the host said, and sends the answer.
func (d *simulated) hear(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r, ok := d.device.(sensor.Responder); ok && len(p) > 0 {
		d.out = r.Answer(d.out[:0], p, time.Since(d.began))
		d.send()
	}
}

// send writes what was put out. A write that fails is a wire that is not there:
// the place sees a host that is gone by itself.
func (d *simulated) send() {
	if d.host != nil && len(d.out) > 0 {
		_, _ = d.host.Write(d.out)
	}
}

// plug joins a host, and reports whether the line was free.
func (d *simulated) plug(host io.Writer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.host != nil {
		return false
	}
	d.host = host
	d.log.Info("a host is there")
	return true
}

func (d *simulated) unplug() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.host != nil {
		d.host = nil
		d.log.Info("the host is gone")
	}
}
