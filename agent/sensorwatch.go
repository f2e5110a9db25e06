package agent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/sdk"
)

// sensorWatch sees what a sensor's port says, from outside of who serves it.
type sensorWatch struct {
	conf  config.Sensor
	busy  notify.Task // what handles the port's bytes and events
	bytes atomic.Uint64

	mu     sync.Mutex
	line   status.LineState
	since  time.Time
	err    error // of the port
	failed error // of the last attempt to serve it

	served sync.Mutex // held while look runs, and when the sensor is no longer served
	look   func(*status.Sensor)
}

// watchSensor sees to one that is not served yet.
func watchSensor(conf config.Sensor) *sensorWatch {
	return &sensorWatch{conf: conf, line: status.LineStarting, since: time.Now()}
}

// errPanic stands for a panic, whose value may hold a reading.
var errPanic = errors.New("the sensor's code failed: see the log")

// serve returns attempt, watched.
func (w *sensorWatch) serve(attempt func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		defer func() {
			w.served.Lock()
			w.look = nil
			w.served.Unlock()
			if failure := recover(); failure != nil {
				w.change(status.LineFailed, nil, errPanic)
				panic(failure) // supervise contains it
			}
			if ctx.Err() == nil {
				w.change(status.LineFailed, nil, err)
			}
		}()
		return attempt(ctx)
	}
}

// handler returns h, watched. Until the attempt ends look is asked for what only it
// knows: frames, the state of a link.
func (w *sensorWatch) handler(h port.Handler, look func(*status.Sensor)) port.Handler {
	w.served.Lock()
	w.look = look
	w.served.Unlock()
	w.change(status.LineStarting, nil, nil)
	return watchedPort{w, h}
}

func (w *sensorWatch) change(line status.LineState, err, failed error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line != line {
		w.line, w.since = line, time.Now()
	}
	w.err, w.failed = err, failed
}

// watchedPort is between a port and who serves it.
type watchedPort struct {
	*sensorWatch
	next port.Handler
}

// Data implements port.Handler.
func (w watchedPort) Data(p []byte, at time.Time) {
	w.busy.Enter()
	defer w.busy.Leave()
	w.bytes.Add(uint64(len(p)))
	w.next.Data(p, at)
}

// linesAfter are the states of a line after an event of its port.
var linesAfter = map[port.Kind]status.LineState{
	port.Opened: status.LineOpen, port.Unavailable: status.LineUnavailable, port.Lost: status.LineLost,
	port.Silent: status.LineSilent, port.Resumed: status.LineOpen, port.Replaced: status.LineReplaced,
}

// Event implements port.Handler.
func (w watchedPort) Event(e port.Event) {
	w.busy.Enter()
	defer w.busy.Leave()
	w.change(linesAfter[e.Kind], e.Reason, nil)
	w.next.Event(e)
}

// status returns what is known of the sensor, without what the pipeline knows.
func (w *sensorWatch) status() status.Sensor {
	w.mu.Lock()
	s := status.Sensor{
		Device: w.conf.Device, Driver: w.conf.Driver, Mode: w.conf.Mode, Port: w.conf.Port.Name,
		Line: w.line, Since: w.since, Bytes: w.bytes.Load(),
	}
	for _, err := range []error{w.err, w.failed} {
		if err != nil {
			s.Error, s.Hint = err.Error(), hint(err)
		}
	}
	w.mu.Unlock()
	w.served.Lock()
	defer w.served.Unlock()
	if w.look != nil {
		w.look(&s)
	}
	return s
}

// describe adds what the decoder knows.
func (s *supervised) describe(to *status.Sensor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.Good, to.Bad = s.decoder.Frames()
	to.Bad += s.retired
	if s.garbled.said && to.Line == status.LineOpen {
		to.Line, to.Since = status.LineGarbled, s.garbled.since
	}
}

var linkPhases = map[link.GatewayPhase]string{
	link.GatewayIdle: "idle", link.GatewayChallenged: "challenged",
	link.GatewayAccepted: "accepted", link.GatewayRefused: "refused",
}

var linkReasons = map[link.Reason]string{
	link.ReasonUnknown: "the device is not enrolled, or revoked", link.ReasonOther: "it is another device than configured",
	link.ReasonSignature: "it cannot prove which device it is", link.ReasonMode: "it is plain where sealed is expected, or the reverse",
}

// describe adds what the link knows.
func (l *linked) describe(to *status.Sensor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gateway.State()
	to.Good, to.Bad = g.Good, g.Bad
	to.Link = &status.Link{Phase: linkPhases[g.Phase], Waiting: g.Taken - g.Durable, Full: l.full}
	switch {
	case g.Phase == link.GatewayAccepted:
		to.Link.Session = g.Session
	case g.Phase == link.GatewayRefused:
		to.Link.Reason = linkReasons[g.Reason]
		if to.Line == status.LineOpen {
			to.Line, to.Error = status.LineRefused, to.Link.Reason
		}
	}
	if l.watch.silent && to.Line == status.LineOpen {
		to.Line, to.Since = status.LineSilent, l.watch.heard
	}
}

// addPipeline adds what the pipeline knows of the sensor's device.
func addPipeline(s *status.Sensor, stats *sdk.Stats) {
	for _, d := range stats.Devices {
		if d.Name != s.Device {
			continue
		}
		s.Last, s.Recorded, s.Refused = d.Last, d.Recorded, d.Refused
		if s.Error == "" && d.Err != nil {
			s.Error = d.Err.Error()
		}
	}
	for _, c := range stats.Carriers {
		if c.Name == s.Device {
			s.Last, s.Recorded, s.Refused = c.Last, c.Carried, c.Refused
		}
	}
}
