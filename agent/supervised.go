package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// reportBad is how often frames that failed their check are reported, so that a
// line with the wrong rate does not fill the outbox with reports.
const reportBad = 10 * time.Second

// supervised is one sensor: a port, a decoder and the device that seals.
type supervised struct {
	conf     config.Sensor
	pipeline *sdk.Pipeline
	lookup   func(string) (sensor.Driver, error)
	seen     *sensorWatch
	log      *slog.Logger

	driver sensor.Driver
	device *sdk.Device

	mu      sync.Mutex // between the port's goroutine and pump
	decoder sensor.Decoder
	asking  asking
	batch   vital.Batch
	garbled garbled

	retired    uint64 // bad frames of decoders that failed
	reported   uint64 // bad frames reported
	reportedAt time.Time
	full       bool // the last batch was refused
}

// attempt opens what the sensor needs and reads it until ctx ends.
func (s *supervised) attempt(ctx context.Context) (err error) {
	if s.driver, err = s.lookup(s.conf.Driver); err != nil {
		return err
	}
	if s.decoder, err = s.newDecoder(); err != nil {
		return err
	}
	if s.device, err = s.pipeline.Device(s.conf.Device); err != nil {
		return err
	}
	if s.conf.Label != "" {
		if err := s.device.Label(s.conf.Label); err != nil {
			return err
		}
	}
	s.asking, s.garbled = asking{wakes: make(chan struct{}, 1)}, garbled{}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pump sync.WaitGroup
	pump.Go(func() { s.pump(ctx) })
	err = contained(s.log, func() error { return port.Run(ctx, s.portConfig(), s.seen.handler(s, s.describe)) })
	cancel()
	pump.Wait()
	return err
}

func (s *supervised) newDecoder() (sensor.Decoder, error) {
	return s.driver.New(SensorOptions(&s.conf))
}

// SensorOptions are what the configuration tells the driver.
func SensorOptions(c *config.Sensor) sensor.Options {
	o := sensor.Options{Waves: c.Waves, Interval: c.Interval, SetUp: c.SetUp}
	if c.Lines != nil {
		o.Lines = *c.Lines
	}
	return o
}

// portConfig fills in what the configuration leaves to the driver.
func (s *supervised) portConfig() port.Config {
	c, line := s.conf.Port, s.driver.Line
	if c.Silence == config.DriverSilence {
		c.Silence = s.driver.Silence
	}
	if c.Line.Baud == 0 {
		c.Line.Baud = line.Baud
	}
	if c.Line.DataBits == 0 {
		c.Line.DataBits = line.DataBits
	}
	if c.Line.Parity == 0 {
		c.Line.Parity = line.Parity
	}
	if c.Line.StopBits == 0 {
		c.Line.StopBits = line.StopBits
	}
	return c
}

// Data implements port.Handler.
func (s *supervised) Data(p []byte, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batch.Reset()
	decoded := s.decode(p)
	signal(s.asking.wakes) // what came may have to be answered
	if !decoded {
		return
	}
	s.reportGarbled(len(p), at)
	err := s.device.RecordBatch(at, &s.batch)
	if errors.Is(err, sdk.ErrFull) && !s.full {
		s.log.Error("readings are refused and counted", "error", err)
	}
	s.full = err != nil
	s.reportBadFrames(at)
}

// decode reports whether the decoder took p. One that fails is replaced by a new
// one, and what it made of these bytes is thrown away.
func (s *supervised) decode(p []byte) (ok bool) {
	defer func() {
		if failure := recover(); failure != nil {
			ok = false
			s.failedDecoder(failure)
		}
	}()
	s.decoder.Decode(&s.batch, p)
	return true
}

// failedDecoder replaces a decoder that panicked, and the device signs an event.
// What it panicked with is not logged: it may hold a reading.
func (s *supervised) failedDecoder(failure any) {
	s.log.Error("decoder failed and is started anew", "driver", s.conf.Driver,
		"panic", fmt.Sprintf("%T", failure), "stack", string(debug.Stack()))
	s.event(vital.Event{Kind: vital.EventDecoderPanic, Count: 1, Text: s.conf.Driver})
	s.replaceDecoder()
}

func (s *supervised) replaceDecoder() {
	_, bad := s.decoder.Frames()
	s.retired += bad
	decoder, err := s.newDecoder()
	if err != nil {
		panic("a driver that made a decoder from these options makes no second one") // contained by attempt
	}
	s.decoder = decoder
	if s.asking.writer != nil {
		s.asking.open(decoder, s.asking.writer, time.Now())
	}
}

func (s *supervised) reportBadFrames(at time.Time) {
	_, bad := s.decoder.Frames()
	if bad += s.retired; bad <= s.reported || at.Sub(s.reportedAt) < reportBad {
		return
	}
	s.event(vital.Event{Kind: vital.EventBadFrames, Count: uint32(min(bad-s.reported, math.MaxUint32))})
	s.reported, s.reportedAt = bad, at
}

// Event implements port.Handler.
func (s *supervised) Event(e port.Event) {
	switch e.Kind {
	case port.Opened:
		s.mu.Lock()
		s.asking.open(s.decoder, e.Writer, time.Now())
		s.mu.Unlock()
		s.log.Info("port is open")
		s.event(vital.Event{Kind: vital.EventLineOpened})
	case port.Unavailable:
		s.log.Warn("port cannot be opened", "error", e.Reason)
	case port.Lost:
		s.mu.Lock()
		s.asking.writer, s.garbled = nil, garbled{}
		s.mu.Unlock()
		s.log.Warn("port is gone", "error", e.Reason)
		s.event(vital.Event{Kind: vital.EventLineLost})
	case port.Replaced:
		s.log.Error("port is not opened", "error", e.Reason, "hint", hint(e.Reason))
		s.event(vital.Event{Kind: vital.EventReplaced})
	case port.Silent:
		s.log.Warn("nothing arrives on the port", "for", s.portConfig().Silence)
		s.event(vital.Event{Kind: vital.EventLineSilent})
	case port.Resumed:
		s.log.Info("bytes arrive on the port again")
		s.event(vital.Event{Kind: vital.EventLineResumed})
	}
}

// hint is what an operator can do about an error of a port.
func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func (s *supervised) event(e vital.Event) {
	if err := s.device.Event(e); err != nil {
		s.log.Error("event is not sealed", "event", e.Kind, "error", err)
	}
}
