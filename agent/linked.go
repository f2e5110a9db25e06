package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// linked is a port on which one device speaks the link. Three goroutines serve it:
// the port's hands in what arrives, pump writes what is due, and settle has what
// was taken stored and says so; mu is between them.
//
// Nothing is taken before the device has proved with its key that it is the one
// that belongs on this port; a plain sensor without a key is as good as its cable.
// What is acknowledged is on disk, and so is the memory of it, which is written
// before: see linkMemory.
type linked struct {
	conf     config.Sensor
	pipeline *sdk.Pipeline
	seen     *sensorWatch
	dir      string // of the memory
	fail     failpoint
	known    sdk.Recover
	log      *slog.Logger

	device  *sdk.Device   // plain: the gateway seals as it; else nil
	carrier *sdk.Carrier  // sealed: the device seals for itself; else nil
	memory  *linkMemory   // for all attempts
	begun   time.Time     // what the link's times count from
	wakes   chan struct{} // something may be due
	takes   chan struct{} // something was taken, or refused for want of room

	mu      sync.Mutex
	gateway link.Gateway
	writer  io.Writer // nil: the port is not open
	arrived time.Time // when the bytes in hand did
	batch   vital.Batch
	stored  linkSession // on disk
	session linkSession // the one that goes on
	serial  uint64      // of the newest token
	full    bool        // too much waits for the disk: the window is closed
	watch   watch
	notices notices
}

// LinkBaud is the speed of a port with the link, in bits a second, if the
// configuration says no other.
const LinkBaud = 115200

// attempt opens what the port needs and serves it until ctx ends.
func (l *linked) attempt(ctx context.Context) error {
	if err := l.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var helpers sync.WaitGroup
	failed := make([]error, 3)
	for i, run := range []func(context.Context) error{l.pump, l.settle} {
		helpers.Go(func() {
			defer cancel()
			failed[i] = contained(l.log, func() error { return run(ctx) })
		})
	}
	failed[2] = contained(l.log, func() error { return port.Run(ctx, l.portConfig(), l.seen.handler(l, l.describe)) })
	cancel()
	helpers.Wait()
	return errors.Join(append(failed, l.close())...)
}

// open readies a gateway's end that knows of no sensor.
func (l *linked) open() (err error) {
	if l.conf.Mode == config.Plain {
		if l.device, err = l.pipeline.Device(l.conf.Device); err == nil && l.conf.Label != "" {
			err = l.device.Label(l.conf.Label)
		}
	} else {
		l.carrier, err = l.pipeline.Carrier(l.conf.Device)
	}
	if err != nil {
		return err
	}
	if err := l.remember(); err != nil {
		return err
	}
	l.begun, l.full = time.Now(), false
	l.wakes, l.takes = make(chan struct{}, 1), make(chan struct{}, 1)
	l.notices.fill()
	return l.gateway.Init(link.GatewayConfig{Receive: make([]byte, link.MaxFrame), Random: random})
}

// recall opens the memory before anything is added to the outbox.
func (l *linked) recall(stored sdk.Recover) {
	l.known = stored
	var err error
	if l.memory, err = openLinkMemory(l.dir, l.conf.Device, stored); err != nil {
		l.log.Error("how far the sensor had come is not known yet", "error", err)
		return
	}
	l.memory.fail = l.fail
	if l.memory.unknown {
		l.log.Warn("the memory of the link does not go with the outbox, and is not used: the sensor sends again what it still keeps")
	}
}

// remember finds out how far the session has come: what was taken by an attempt
// before this one is on disk then, and will not come again.
func (l *linked) remember() error {
	if l.memory == nil {
		if l.recall(l.known); l.memory == nil {
			return errMemory
		}
	}
	if l.session.Session != 0 {
		if err := l.storeLast(); err != nil {
			return err
		}
	}
	if l.device != nil {
		l.device.Keep(l.memory)
	}
	l.stored, _ = l.memory.position()
	l.session = linkSession{}
	return nil
}

var errMemory = errors.New("memory of the link cannot be read: see above")

// random gives challenges.
func random(b *[32]byte) error {
	_, err := rand.Read(b[:])
	return err
}

// lastSettle bounds what the end waits for the disk.
const lastSettle = 5 * time.Second

// close has what was taken stored once more.
func (l *linked) close() error {
	if err := l.storeLast(); err != nil {
		l.log.Warn("what was taken last waits for the disk", "error", err)
	}
	return nil
}

func (l *linked) storeLast() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastSettle)
	defer cancel()
	return l.store(ctx)
}

// forget closes the memory, when the pipeline is closed.
func (l *linked) forget() {
	if l.memory != nil {
		_ = l.memory.close() // all that counts is synced
	}
}

// portConfig leaves the watch on silence to the link: noise is not a sensor.
func (l *linked) portConfig() port.Config {
	c := l.conf.Port
	c.Silence = 0
	if c.Line.Baud == 0 {
		c.Line.Baud = LinkBaud
	}
	return c
}

// linkSilence is how long a device with the link may not be heard: it says
// something every two seconds.
const linkSilence = 10 * time.Second

func (l *linked) silence() time.Duration {
	if l.conf.Port.Silence == config.DriverSilence {
		return linkSilence
	}
	return l.conf.Port.Silence
}

// now is the time as the link has it.
func (l *linked) now(at time.Time) uint64 { return uint64(max(0, at.Sub(l.begun).Milliseconds())) }

// key returns the key id of the device that belongs on this port.
func (l *linked) key() (keys.KeyID, error) {
	if l.device != nil {
		return l.device.KeyID(), nil
	}
	d, err := l.carrier.Device()
	return d.KeyID, err
}

// Data implements port.Handler.
func (l *linked) Data(p []byte, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived = at
	l.gateway.Receive(p, l.now(at), handler{l})
	signal(l.wakes)
}

// Event implements port.Handler.
func (l *linked) Event(e port.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case port.Opened:
		l.writer = e.Writer
		l.watch.begin(e.At)
		l.log.Info("port is open")
		l.report(vital.EventLineOpened, 0, "")
	case port.Unavailable:
		l.log.Warn("port cannot be opened", "error", e.Reason)
	case port.Replaced:
		l.log.Error("port is not opened", "error", e.Reason, "hint", hint(e.Reason))
		l.report(vital.EventReplaced, 0, "")
	case port.Lost:
		l.writer = nil
		l.gateway.Hangup()
		l.log.Warn("port is gone", "error", e.Reason)
		l.report(vital.EventLineLost, 0, "")
	}
	signal(l.wakes)
}

// pump writes to the line what is due, until ctx ends.
func (l *linked) pump(ctx context.Context) error {
	out := make([]byte, 0, link.MaxAnswer)
	var heard <-chan struct{}
	if l.carrier != nil {
		heard = l.carrier.BeaconHeard()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.wakes:
		case <-heard:
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		for more := true; more && ctx.Err() == nil; {
			var wait time.Duration
			var line io.Writer
			out, line, wait = l.due(out[:0])
			if more = len(out) > 0; !more {
				timer.Reset(wait)
			} else if _, err := line.Write(out); err != nil {
				l.log.Debug("nothing can be written to the port", "error", err) // it is being lost, and that is said
			}
		}
	}
}

// beaconWait is how long a sensor that seals is told nothing of the time if there
// is no beacon yet: it begins its chain when it is told, and what is sealed before
// a new receiver's beacon is echoed, that receiver refuses. It waits only while it
// has room for readings, so it is told as soon as the beacon is heard.
const beaconWait = 2500 * time.Millisecond

// due returns the next frame and where to write it, or how long to wait for it.
func (l *linked) due(out []byte) (frame []byte, line io.Writer, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := time.Now()
	now := l.now(at)
	l.look(at)
	if l.writer == nil {
		return out, nil, time.Second
	}
	wait = time.Second // at most: see look
	if t := l.clock(); l.carrier == nil || t.Beacon != [16]byte{} || at.Sub(l.begun) >= beaconWait {
		l.gateway.SetTime(t, now)
	} else {
		wait = min(wait, beaconWait-at.Sub(l.begun)+time.Millisecond)
	}
	out = l.gateway.Send(out, now)
	next := min(l.gateway.Next(now)-now, uint64(wait.Milliseconds()))
	return out, l.writer, time.Duration(next) * time.Millisecond
}

// clock returns what a time message says.
func (l *linked) clock() link.Time {
	c := l.pipeline.Clock()
	t := link.Time{UnixMilli: uint64(c.UnixMilli), Error: c.Error}
	if l.carrier != nil {
		t.Beacon = l.carrier.Beacon()
	}
	return t
}

const (
	// settleRetry is how long after the disk refused it is tried again.
	settleRetry = time.Second

	// settleLook is how often it is looked whether the broker has what the disk has no
	// room for.
	settleLook = 50 * time.Millisecond
)

// settle has what was taken stored, until ctx ends. While the disk refuses, the
// window is closed.
func (l *linked) settle(ctx context.Context) error {
	for {
		select {
		case <-l.takes:
		case <-ctx.Done():
			return nil
		}
		for err := l.store(ctx); err != nil && ctx.Err() == nil; err = l.store(ctx) {
			wait := settleRetry
			if errors.Is(err, sdk.ErrNotDurable) {
				wait = settleLook // the sensor is told when the broker has it, and sends no more than the window until then
			} else {
				l.pause(err)
			}
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
		l.resume()
	}
}

// store returns when all that was taken before the call is on disk, and with it
// how far the session has come; then the sensor may be told.
func (l *linked) store(ctx context.Context) error {
	l.mu.Lock()
	session, serial := l.session, l.serial
	l.mu.Unlock()
	stored, err := l.storeAs(ctx, session, serial)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored = stored
	l.gateway.Durable(stored.Session, stored.Next)
	signal(l.wakes)
	return nil
}

// storeAs returns how far the session has come on disk. The memory of plain
// readings is written by the pipeline, on the way.
func (l *linked) storeAs(ctx context.Context, session linkSession, serial uint64) (stored linkSession, err error) {
	if l.device != nil {
		if err := l.device.Sync(ctx); err != nil {
			return stored, err
		}
		if err := l.memory.flush(); err != nil {
			return stored, err
		}
		stored, has := l.memory.position()
		if has < serial {
			return stored, errSlow
		}
		return stored, nil
	}
	if err := l.carrier.Sync(ctx); err != nil {
		return stored, err
	}
	if session.Session != 0 {
		if err := l.memory.store(session); err != nil {
			return stored, err
		}
	}
	stored, _ = l.memory.position()
	return stored, nil
}

var errSlow = errors.New("memory of the link: the disk has not answered yet")

// pause closes the window. It says why the first time.
func (l *linked) pause(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill(err)
}

// fill is pause with mu held.
func (l *linked) fill(err error) {
	if !l.full {
		l.log.Error("the sensor waits: what it says cannot be stored", "error", err)
	}
	l.full = true
	l.gateway.SetWindow(0)
	signal(l.wakes)
}

// resume opens the window again.
func (l *linked) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.full {
		return
	}
	l.full = false
	l.log.Info("the sensor goes on")
	l.gateway.SetWindow(link.DefaultWindow)
	signal(l.wakes)
}
