package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
)

// Exit statuses of status, beside 0, 1 and 2. 3 is what systemctl and init scripts
// mean by it, and 4 too.
const (
	exitNotRunning = 3
	exitUnknown    = 4
)

// exitError is an error with an exit status of its own.
type exitError struct {
	error
	status int
}

func (e *exitError) Unwrap() error { return e.error }

func statusCommand() command {
	return command{
		name: "status", args: "[-config FILE | -data DIR] [-json] [-watch DURATION]", summary: "say how the running agent is",
		about: `
Asks the agent that runs on this machine how it is, and prints it: what is wrong
first, with what to do about it, then the broker, what waits for it, the disk, the
clock, the certificates, and each sensor. Names, counts and times, never a reading.
It asks on status.sock in the data directory, which only the agent's user, and
root, may use.

The exit status is 0 if all is well, with warnings or without; 1 if there is a
problem; 2 if it was called in a way that makes no sense; 3 if no agent is running;
4 if it cannot be found out: the configuration cannot be read, the agent is
another user's, or it does not answer.`,
		example: "vitalseal status -config /etc/vitalseal/vitalseal.toml\nvitalseal status -data /var/lib/vitalseal -json",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			file := configFlag(flags)
			asked := statusFlags{}
			flags.StringVar(&asked.data, "data", "", "data `DIR` of the agent, in place of a configuration")
			flags.BoolVar(&asked.json, "json", false, "print JSON, in one line")
			flags.DurationVar(&asked.watch, "watch", 0, "print it every `DURATION`, until interrupted")
			flags.DurationVar(&asked.timeout, "timeout", 10*time.Second, "wait this `DURATION` for the agent")
			return func(c *call) error {
				if err := c.want("status", 0, 0); err != nil {
					return err
				}
				if asked.watch < 0 || asked.timeout <= 0 {
					return &usageError{text: "-watch and -timeout are not negative, and there is a timeout", hint: see("status")}
				}
				return asked.run(c, *file)
			}
		},
	}
}

type statusFlags struct {
	data           string
	json           bool
	watch, timeout time.Duration
}

func (f *statusFlags) run(c *call, file string) error {
	if f.data == "" {
		conf, err := loadConfig(file)
		if err != nil {
			return &exitError{err, exitUnknown}
		}
		f.data = conf.Data
	}
	ctx, stop := untilSignal()
	defer stop()
	for {
		err := f.once(ctx, c.stdout)
		if f.watch == 0 {
			return err
		}
		if err != nil && ctx.Err() == nil {
			report(c.stderr, err)
		}
		timer := time.NewTimer(f.watch)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

func (f *statusFlags) once(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	s, err := status.Read(ctx, f.data)
	switch {
	case errors.Is(err, status.ErrNotRunning):
		return &exitError{&hinted{err, "start it, or name its configuration with -config or its data directory with -data"}, exitNotRunning}
	case err != nil:
		return &exitError{err, exitUnknown}
	case f.json:
		err = json.NewEncoder(out).Encode(s)
	default:
		err = printStatus(out, s, time.Now())
	}
	if err != nil {
		return &exitError{err, exitUnknown}
	}
	n := 0
	for _, p := range s.Problems {
		if p.Severity != status.Warning {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("gateway %q has %s", s.Gateway, plural(n, "problem"))
	}
	return nil
}
