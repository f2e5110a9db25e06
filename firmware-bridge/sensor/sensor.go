package sensor

import (
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Decoder is a push parser. It finds its way back after anything that is not of
// the protocol, holds a bounded number of bytes, never waits, and allocates
// nothing once the batch has grown to size, but for events that are rare. It is
// not for concurrent use.
type Decoder interface {
	// Decode appends to dst what the bytes completed. It keeps no part of p.
	// Time is zero in what it appends. A batch has limits (vital.MaxEntries)
	// that Decode does not look at: push a file in pieces of a few kilobytes.
	Decode(dst *vital.Batch, p []byte)

	// Flush ends the stream and appends what is complete, such as a last line
	// without its end. The decoder can then be used for another stream.
	Flush(dst *vital.Batch)

	// Frames returns how many frames (or lines) were taken and how many failed
	// their check or were made of bytes that belong to no frame, since the
	// decoder was made. Each family says what it counts.
	Frames() (good, bad uint64)
}

// Asker is a Decoder of a device that has to be asked, or told to begin. It is
// the host's whole side of the conversation: it knows no clock and no port.
type Asker interface {
	Decoder

	// Open says that the line was opened, for the first time or anew: whatever was
	// under way is over, and the times of Ask count from here.
	Open()

	// Ask appends to dst what the host sends now, and returns it with the time at
	// which it wants to be called again if nothing arrives before. It is called
	// after Open and after every Decode. It never sends what could change what a
	// device does to a patient.
	Ask(dst []byte, now time.Duration) (out []byte, next time.Duration)
}

// Simulator speaks a device's side of the line.
type Simulator interface {
	// Next appends the next bytes to dst and returns it with the time until the
	// next call.
	Next(dst []byte) ([]byte, time.Duration)
}

// Responder is a Simulator of a device that answers.
type Responder interface {
	Simulator

	// Answer takes bytes that the host sent, at a time that counts from the
	// device's start, and appends what the device sends back at once.
	Answer(dst, p []byte, now time.Duration) []byte
}

// Line is how a serial port is set.
type Line struct {
	Baud     int
	DataBits int
	Parity   byte // 'N', 'E' or 'O'
	StopBits int  // 1 or 2
}

// Options are what a driver can be told. A driver refuses those it does not
// know.
type Options struct {
	Lines lines.Config // for the driver "lines"

	// Waves are the waves to ask the device for, by the names that the page of the
	// family lists. Default: what the page says.
	Waves []string

	// Interval is the time between two requests, or two measurements. 0: what the
	// page of the family says.
	Interval time.Duration

	// SetUp lets the driver change a setting that the device keeps, so that it sends
	// what the driver reads: Nonin's data format. Default: it is only listened to.
	SetUp bool
}

// Driver is one kind of device.
type Driver struct {
	Name    string        // as in the configuration
	Title   string        // one line for people
	Line    Line          // as the device leaves the factory
	Period  time.Duration // between two readings of the same metric
	Silence time.Duration // a line that is silent for longer has a fault

	// Unchecked: frames have no check sum, so that a flipped bit can pass as a
	// number, and noise as a frame.
	Unchecked bool

	New      func(Options) (Decoder, error)
	Simulate func(sim.Source) Simulator
}
