package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
)

func checkCommand() command {
	return command{
		name: "check", args: "[-config FILE]", summary: "try everything that run needs",
		about: `
Tries what "vitalseal run" needs and prints a line for each: "ok", "warn", or "FAIL"
with what to do about it. It goes on after a failure; the exit status is 1 if there
was one. It looks at the configuration, the files of the gateway and of its
devices, the roster, the certificates, the ports, the clock, the data directory
and the broker. It changes nothing, but opening a port resets some boards.

That the broker lets this gateway publish cannot be found out from here: MQTT
3.1.1 has no answer for a publish that is denied, and mosquitto acknowledges it.
Only a receiver sees that nothing arrives.`,
		example: "vitalseal check -config /etc/vitalseal/vitalseal.toml",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			file := configFlag(flags)
			timeout := flags.Duration("timeout", 10*time.Second, "wait this `DURATION` for the broker")
			return func(c *call) error {
				if err := c.want("check", 0, 0); err != nil {
					return err
				}
				if *timeout <= 0 {
					return &usageError{text: fmt.Sprintf("-timeout %v is not positive", *timeout), hint: see("check")}
				}
				return check(c, *file, *timeout)
			}
		},
	}
}

func check(c *call, file string, timeout time.Duration) error {
	ctx, stop := untilSignal()
	defer stop()
	k := &checks{out: c.stdout, now: time.Now(), timeout: timeout}
	if k.configuration(file) {
		k.gateway()
		k.devices()
		k.certificates()
		k.ports()
		k.clock()
		k.data()
		k.broker(ctx)
	}
	switch {
	case k.writeErr != nil:
		return k.writeErr
	case k.failed == 1:
		return errors.New("a check failed")
	case k.failed > 0:
		return fmt.Errorf("%d checks failed", k.failed)
	}
	return ctx.Err()
}

// checks prints the results and counts failures.
type checks struct {
	out     io.Writer
	now     time.Time
	timeout time.Duration
	conf    *config.Config

	failed   int
	writeErr error
}

func (k *checks) line(result, what, why string) {
	if _, err := fmt.Fprintf(k.out, "%-4s  %s: %s\n", result, what, why); err != nil && k.writeErr == nil {
		k.writeErr = err
	}
}

func (k *checks) ok(what, format string, args ...any) {
	k.line("ok", what, fmt.Sprintf(format, args...))
}

func (k *checks) warn(what, format string, args ...any) {
	k.line("warn", what, fmt.Sprintf(format, args...))
}

// fail reports an error with its hint, each of a joined one by itself.
func (k *checks) fail(what string, err error) {
	for _, one := range split(err) {
		text, hint := explain(one)
		k.line("FAIL", what, text)
		k.failed++
		if hint != "" {
			if _, err := fmt.Fprintf(k.out, "      hint: %s\n", hint); err != nil && k.writeErr == nil {
				k.writeErr = err
			}
		}
	}
}

func (k *checks) configuration(file string) bool {
	conf, err := loadConfig(file)
	if err != nil {
		k.fail("configuration", err)
		return false
	}
	k.conf = conf
	k.ok("configuration", "%s: gateway %q, %s", file, conf.Gateway.Name, plural(len(conf.Sensors), "sensor"))
	return true
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
