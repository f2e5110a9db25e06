package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

// Options are what is not in the configuration file.
type Options struct {
	// Logger is told about ports, devices and connections; never a reading.
	// Default: nothing is logged.
	Logger *slog.Logger

	// Lookup finds drivers by name. Default sensor.Lookup; a vendor adds its own
	// in front of it.
	Lookup func(name string) (sensor.Driver, error)

	// Flags go into every anchor beside FlagSealedAtEdge.
	Flags seal.Flags

	// Drain bounds the wait for the broker at the end. Default 5 s.
	Drain time.Duration

	// Started is called once with the pipeline, before the first port is opened.
	Started func(*sdk.Pipeline)

	// Version is what a status.Report says the agent's version is. Default: nothing.
	Version string

	// Service watches over the agent. Default: nobody does.
	Service notify.Service

	fail failpoint // for tests
}

func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Lookup == nil {
		o.Lookup = sensor.Lookup
	}
	if o.Drain == 0 {
		o.Drain = 5 * time.Second
	}
}

// Run reads the configured sensors until ctx ends, then seals and stores what is
// left, gives the broker a moment to acknowledge it, and returns nil. It returns
// an error at once if nothing could work: no outbox, no gateway identity, a
// gateway of another name.
func Run(ctx context.Context, conf *config.Config, opts Options) error {
	opts.fill()
	links := makeLinks(conf, &opts)
	settings := pipelineConfig(conf, &opts)
	settings.Recover = func(stored sdk.Recover) {
		for _, l := range links {
			l.recall(stored)
		}
	}
	defer func() { // after the pipeline, whose last commit is noted there
		for _, l := range links {
			l.forget()
		}
	}()
	// The pipeline outlives ctx: what is left is still to be sent.
	pipeline, err := sdk.Open(context.WithoutCancel(ctx), settings)
	if err != nil {
		return err
	}
	if name := pipeline.Gateway(); name != conf.Gateway.Name {
		return errors.Join(fmt.Errorf("gateway is %q in the configuration and %q in its certificate", conf.Gateway.Name, name),
			closePipeline(pipeline, 0))
	}
	if opts.Started != nil {
		opts.Started(pipeline)
	}
	health := watchHealth(conf, pipeline, &opts)
	health.start()
	var sensors sync.WaitGroup
	for i, s := range conf.Sensors {
		seen := health.all.sensors[i]
		log := opts.logger(&s)
		attempt := (&supervised{conf: s, pipeline: pipeline, seen: seen, lookup: opts.Lookup, log: log}).attempt
		if l := links[i]; l != nil {
			l.pipeline, l.seen = pipeline, seen
			attempt = l.attempt
		}
		sensors.Go(func() { supervise(ctx, log, seen.serve(attempt)) })
	}
	<-ctx.Done()
	health.stop()
	sensors.Wait()
	return closePipeline(pipeline, opts.Drain)
}

// makeLinks makes what serves the ports with the link, by their place among the
// sensors.
func makeLinks(conf *config.Config, opts *Options) map[int]*linked {
	links := map[int]*linked{}
	for i, s := range conf.Sensors {
		if s.Driver == config.LinkDriver {
			links[i] = &linked{conf: s, dir: dataDir(conf), log: opts.logger(&s), fail: opts.fail}
		}
	}
	return links
}

func (o *Options) logger(s *config.Sensor) *slog.Logger {
	return o.Logger.With("device", s.Device, "port", s.Port.Name)
}

// dataDir is where the pipeline keeps its outbox.
func dataDir(conf *config.Config) string {
	if conf.Data == "" {
		return filepath.Join(conf.Site, "data")
	}
	return conf.Data
}

func pipelineConfig(conf *config.Config, opts *Options) sdk.Config {
	c := sdk.Config{
		Identity: conf.Site, Broker: conf.Broker.URL, Data: dataDir(conf),
		Every: conf.Batch.Every, Heartbeat: conf.Batch.Heartbeat, MaxStored: conf.Outbox.MaxSize,
		Receipts: conf.Outbox.Receipts, BacklogRate: float64(conf.Outbox.BacklogRate),
		Window: conf.Broker.Window, Flags: seal.FlagSealedAtEdge | opts.Flags, Logger: opts.Logger,
	}
	if b := conf.Broker; b.CA != "" || b.Certificate != "" || b.Key != "" {
		c.Credentials = mqtt.Files{CA: b.CA, Cert: b.Certificate, Key: b.Key}
	}
	return c
}

func closePipeline(p *sdk.Pipeline, drain time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	return p.Close(ctx)
}
