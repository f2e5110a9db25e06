package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// ward is everything: the site, the sensors, the broker with the attacker in it,
// and the board that both displays write on.
type ward struct {
	options options
	dir     string
	site    *site
	sensors []*simulated
	broker  *broker
	board   *board
	foe     *attacker
}

// newWard prepares a ward in a temporary directory. Close it in any case but an
// error.
func newWard(ctx context.Context, o options) (_ *ward, err error) {
	dir, err := os.MkdirTemp("", "vitalseal-ward-")
	if err != nil {
		return nil, err
	}
	w := &ward{options: o, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.site, err = makeSite(filepath.Join(dir, "site"), beds()); err != nil {
		return nil, err
	}
	if err := w.addSensors(); err != nil {
		return nil, err
	}
	if err := w.meet(ctx); err != nil {
		return nil, fmt.Errorf("the evening before: %w", err)
	}
	night, err := recordNight(ctx, w.site, filepath.Join(dir, "night"), w.sensors[0].device)
	if err != nil {
		return nil, fmt.Errorf("the night before: %w", err)
	}
	tap := new(tap)
	if w.broker, err = startBroker(w.site, tap); err != nil {
		return nil, err
	}
	w.board = newBoard(w.site, w.sensors, w.broker.url)
	w.foe = newAttacker(w, tap, night)
	return w, nil
}

func (w *ward) data() string { return filepath.Join(w.dir, "data") }

func (w *ward) addSensors() error {
	beds := beds()
	patients, err := patients(w.options, len(beds))
	if err != nil {
		return err
	}
	for i, b := range beds {
		s, err := newSimulated(b, patients[i])
		if err != nil {
			return err
		}
		w.sensors = append(w.sensors, s)
	}
	return nil
}

// close ends what newWard began and removes the directory.
func (w *ward) close() error {
	var errs []error
	if w.broker != nil {
		errs = append(errs, w.broker.close())
	}
	for _, s := range w.sensors {
		errs = append(errs, s.close())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// run runs the ward until ctx ends or its time is over. Whoever receives begins
// before whoever sends, and ends after.
func (w *ward) run(ctx context.Context, show *display, lines io.Writer) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	receiver, err := w.openReceiver(w.broker.url, sinks{receive.NewLines(lines), w.board})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.Close()) }()
	conf, err := w.agentConfig()
	if err != nil {
		return err
	}
	w.board.begin()
	var services []*service
	for _, run := range []func(context.Context) error{
		receiver.Run,
		func(ctx context.Context) error { return runPlainReceiver(ctx, w.site, w.broker.url, w.board) },
		func(ctx context.Context) error {
			return agent.Run(ctx, conf, agent.Options{Flags: seal.FlagTest, Drain: time.Second})
		},
		func(ctx context.Context) error { return runPlainGateway(ctx, w.site, w.broker.url, w.sensors) },
		w.runSensors,
		func(ctx context.Context) error { return w.foe.run(ctx, w.options.length) },
		show.run,
	} {
		services = append(services, start(run, cancel))
	}
	w.wait(ctx)
	var errs []error
	for i := len(services) - 1; i >= 0; i-- {
		errs = append(errs, services[i].stop())
	}
	return errors.Join(errs...)
}

// wait returns when the time is over and every attack was made once, or when
// ctx ends.
func (w *ward) wait(ctx context.Context) {
	if w.options.length == 0 {
		<-ctx.Done()
		return
	}
	timer := time.NewTimer(w.options.length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	select {
	case <-w.foe.once:
	case <-ctx.Done():
	}
}

func (w *ward) runSensors(ctx context.Context) error {
	var runs []func(context.Context) error
	for _, s := range w.sensors {
		runs = append(runs, s.run)
	}
	return together(ctx, runs...)
}

// A ward's receiver keeps minutes for what is MQTT's own repetition. Here a
// replay has to be one within seconds.
const (
	repeatWindow   = 500 * time.Millisecond
	repeatMessages = 64
)

func (w *ward) openReceiver(broker string, sink receive.Sink) (*sdk.Receiver, error) {
	return sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: w.site.station(), Broker: broker, Sink: sink,
		Judging: receive.Config{DuplicateWindow: repeatWindow, DuplicateMessages: repeatMessages},
	})
}

// heartbeat is how often a device says at least that it is there; a receiver
// calls two of them without a word a silence.
const heartbeat = time.Second

// agentConfig is the gateway's configuration, written and read as an operator's.
func (w *ward) agentConfig() (*config.Config, error) {
	text := fmt.Sprintf("site = %q\ndata = %q\n[gateway]\nname = %q\n[broker]\nurl = %q\n[batch]\nevery = \"100ms\"\nheartbeat = %q\n",
		w.site.gateway(), w.data(), gatewayName, w.broker.url, heartbeat)
	for _, s := range w.sensors {
		text += fmt.Sprintf("[[sensor]]\ndevice = %q\ndriver = %q\nport = %q\n", s.device, s.bed.driver, s.sealed.name())
	}
	return config.Parse(filepath.Join(w.dir, "vitalseal.toml"), []byte(text), sensor.Names())
}

// sinks is a receive.Sink that gives each record to several.
type sinks []receive.Sink

// Write implements receive.Sink.
func (s sinks) Write(r *receive.Record) error {
	var errs []error
	for _, sink := range s {
		errs = append(errs, sink.Write(r))
	}
	return errors.Join(errs...)
}

// Sync implements receive.Sink.
func (s sinks) Sync() error {
	var errs []error
	for _, sink := range s {
		errs = append(errs, sink.Sync())
	}
	return errors.Join(errs...)
}
