package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// line is a pseudo-terminal: the sensor writes to one end, and whoever opens the
// other by its name finds a serial port.
type line struct {
	sensor, port *os.File
}

// openLine opens a line in raw mode. Both ends stay open to the end, as a cable
// stays plugged in whether or not anybody listens.
func openLine() (line, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return line{}, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	defer master.Close()
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		return line{}, errors.Join(fmt.Errorf("set up a pseudo-terminal: %w", err), slave.Close())
	}
	sensor, err := polled(master)
	if err != nil {
		return line{}, errors.Join(fmt.Errorf("set up a pseudo-terminal: %w", err), slave.Close())
	}
	return line{sensor: sensor, port: slave}, nil
}

// polled returns a second descriptor of f that can be given a deadline, which
// package pty takes from the one that it opens.
func polled(f *os.File) (*os.File, error) {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func (l line) name() string { return l.port.Name() }

// send writes what fits. As on a wire, what nobody reads is lost.
func (l line) send(p []byte) error {
	if err := l.sensor.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := l.sensor.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

func (l line) close() error {
	if l.sensor == nil {
		return nil
	}
	return errors.Join(l.port.Close(), l.sensor.Close())
}

// simulated is a sensor on a patient. It has two serial lines that say the same:
// one for the sealed ward, one for the plain one.
type simulated struct {
	bed
	driver  sensor.Driver
	patient sim.Source

	sealed, plain line

	began atomic.Int64 // when it was switched on, Unix ns
	late  atomic.Int64 // ns, the most that its bytes came late on this machine
}

func newSimulated(b bed, patient sim.Source) (*simulated, error) {
	driver, err := sensor.Lookup(b.driver)
	if err != nil {
		return nil, err
	}
	s := &simulated{bed: b, driver: driver, patient: patient}
	if s.sealed, err = openLine(); err != nil {
		return nil, err
	}
	if s.plain, err = openLine(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *simulated) close() error { return errors.Join(s.sealed.close(), s.plain.close()) }

// run speaks the device's side at its pace until ctx ends.
func (s *simulated) run(ctx context.Context) error {
	device := s.driver.Simulate(s.patient)
	began := time.Now()
	s.began.Store(began.UnixNano())
	var bytes []byte
	var pause, elapsed time.Duration
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		s.late.Store(max(s.late.Load(), int64(time.Since(began)-elapsed)))
		bytes, pause = device.Next(bytes[:0])
		if err := errors.Join(s.sealed.send(bytes), s.plain.send(bytes)); err != nil {
			return fmt.Errorf("sensor of %s: %w", s.device, err)
		}
		elapsed += pause
		timer.Reset(time.Until(began.Add(elapsed)))
	}
}

const (
	// averaging is how much older than its reading a patient's state may be: a
	// device measures, then takes up to a second to send.
	averaging = 2 * time.Second
	// rounding is what whole numbers leave out.
	rounding = 0.51
)

// has reports whether the patient had this value at the given time, as far as
// the device can tell. ok is false for what is not compared.
func (s *simulated) has(code vital.Code, value float64, at time.Time) (had, ok bool) {
	read := func(v *sim.Vitals) float64 {
		switch code {
		case vital.PulseRate:
			return v.PulseRate
		case vital.HeartRate:
			return v.HeartRate
		case vital.SpO2:
			return v.SpO2
		}
		return math.NaN()
	}
	if code != vital.PulseRate && code != vital.HeartRate && code != vital.SpO2 {
		return false, false
	}
	const step = 50 * time.Millisecond
	end := at.Sub(time.Unix(0, s.began.Load())) + step // clocks are kept in milliseconds
	from := max(0, end-averaging-time.Duration(s.late.Load()))
	lo, hi := math.Inf(1), math.Inf(-1)
	for t := from; t <= end; t += step {
		v := s.patient.Vitals(t)
		lo, hi = math.Min(lo, read(&v)), math.Max(hi, read(&v))
	}
	return value >= lo-rounding && value <= hi+rounding, true
}

// patients returns one for each bed: made up from the seed, or all of them the
// record's, with made-up values for what the record does not have.
func patients(o options, n int) ([]sim.Source, error) {
	made := make([]sim.Source, n)
	for i := range made {
		made[i] = sim.NewPatient(o.seed + uint64(i))
	}
	if o.record == "" {
		return made, nil
	}
	record, err := sim.OpenRecord(o.record)
	if err != nil {
		return nil, err
	}
	for i := range made {
		if made[i], err = sim.NewReplay(sim.ReplayConfig{Record: record, Fill: made[i]}); err != nil {
			return nil, err
		}
	}
	return made, nil
}
