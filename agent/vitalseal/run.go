package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

func runCommand() command {
	return command{
		name: "run", args: "[-config FILE]", summary: "read sensors, seal what they say, publish it",
		about: `
Reads the sensors of the configuration, seals and stores their readings and
publishes them, until it gets SIGINT or SIGTERM. It then stores what is left,
gives the broker five seconds to acknowledge it, and exits with status 0. What
was not acknowledged is sent at the next start. A second signal ends it at once.

Under systemd it says when it is ready, how it is, and, while it gets on, that it
does; "vitalseal service" prints a unit.

A sensor that fails is tried again and stops no other. The log on standard error
has ports, devices and connections in it, never a reading.`,
		example: "vitalseal run -config /etc/vitalseal/vitalseal.toml",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			file := configFlag(flags)
			test := flags.Bool("test", false, "mark all readings as not of a patient: for simulators and benches")
			return func(c *call) error {
				if err := c.want("run", 0, 0); err != nil {
					return err
				}
				return runAgent(c, *file, *test)
			}
		},
	}
}

func runAgent(c *call, file string, test bool) error {
	conf, err := loadConfig(file)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	log := slog.New(slog.NewTextHandler(c.stderr, nil))
	log.Info("starting", "version", version(), "gateway", conf.Gateway.Name, "sensors", len(conf.Sensors), "broker", conf.Broker.URL)
	opts := agent.Options{Logger: log, Version: version()}
	if opts.Service, err = notify.Systemd(os.Getenv, os.Getpid()); err != nil {
		return err
	}
	if test {
		opts.Flags |= seal.FlagTest
	}
	if err := agent.Run(ctx, conf, opts); err != nil {
		return err
	}
	log.Info("ended")
	return nil
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. The
// second one then does what it does to any process.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
