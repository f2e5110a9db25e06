package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

func (k *checks) ports() {
	for _, s := range k.conf.Sensors {
		what := fmt.Sprintf("sensor %q", s.Device)
		line := sensor.Line{Baud: agent.LinkBaud}
		if s.Driver != config.LinkDriver {
			driver, err := sensor.Lookup(s.Driver)
			if err != nil {
				k.fail(what, err)
				continue
			}
			if _, err := driver.New(agent.SensorOptions(&s)); err != nil {
				k.fail(what, err)
				continue
			}
			line = driver.Line
		}
		p := s.Port
		p.Silence = max(p.Silence, 0)
		p.Line = port.Line{
			Baud: cmp.Or(p.Line.Baud, line.Baud), DataBits: cmp.Or(p.Line.DataBits, line.DataBits),
			Parity: cmp.Or(p.Line.Parity, line.Parity), StopBits: cmp.Or(p.Line.StopBits, line.StopBits),
		}
		warnings, err := port.Check(p)
		for _, w := range warnings {
			k.warn(what, "%s", w)
		}
		if err != nil {
			k.fail(what, err)
		} else {
			k.ok(what, "port %q can be opened", p.Name)
		}
	}
}

func (k *checks) clock() {
	switch inStep, known := clockInStep(); {
	case !known:
	case inStep:
		k.ok("clock", "%s, kept in step", k.now.UTC().Format(time.RFC3339))
	default:
		k.warn("clock", "%s, and nothing keeps it in step: readings will say so; run a time service such as chrony",
			k.now.UTC().Format(time.RFC3339))
	}
}

// data tries to write where the outbox is, or would be made.
func (k *checks) data() {
	dir, err := existing(k.conf.Data)
	if err != nil {
		k.fail("data", &hinted{err, "set data to a directory, or to one that can be made"})
		return
	}
	f, err := os.CreateTemp(dir, ".vitalseal-check-*")
	if err != nil {
		k.fail("data", &hinted{err, "make the directory writable for this user, or set data to another"})
		return
	}
	f.Close()
	os.Remove(f.Name())
	k.space(dir)
}

// existing returns the directory, or the nearest one above it that is there.
func existing(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return "", fmt.Errorf("%q is not a directory", dir)
		}
		if err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
		if !missing || parent == dir {
			return "", err
		}
		dir = parent
	}
}

func (k *checks) space(dir string) {
	free, known, err := freeSpace(dir)
	switch most := k.conf.Outbox.MaxSize; {
	case err != nil:
		k.fail("data", fmt.Errorf("free space of %q: %w", dir, err))
	case !known:
		k.ok("data", "%q can be written", k.conf.Data)
	case free < 1<<20:
		k.fail("data", &hinted{fmt.Errorf("%q has %d bytes left", dir, free), "make room: nothing can be stored while the broker is away"})
	case free < uint64(most):
		k.warn("data", "%q has %d MiB left, the outbox may take %d MiB: make room or lower max_size", dir, free>>20, most>>20)
	default:
		k.ok("data", "%q can be written, %d MiB left", k.conf.Data, free>>20)
	}
}

// broker tries certificates both ways and CONNECT, for real.
func (k *checks) broker(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	b := k.conf.Broker
	// As run does it, but for what is wrong with the rest of the directory.
	gateway := &identity.Gateway{Dir: k.conf.Site}
	credentials := gateway.Credentials
	if b.Certificate != "" {
		credentials = mqtt.Files{CA: b.CA, Cert: b.Certificate, Key: b.Key}.Load
	}
	err := mqtt.Probe(ctx, mqtt.Config{Broker: b.URL, ClientID: k.conf.Gateway.Name, Credentials: credentials, Timeout: k.timeout})
	if err != nil {
		k.fail("connection", err)
		return
	}
	k.ok("connection", "broker %q lets this gateway in", b.URL)
}
