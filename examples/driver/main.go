// Command driver is an agent with a driver of one's own: for a thermometer that
// answers "T?" with one line, "T366 S0 B6", which is 36.6 degrees, state 0 (1: not
// on the patient), and the sum of all before it modulo 256 in hexadecimal.
//
//	go run ./examples/driver vitalseal.toml     # with driver = "acme-thermometer"
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// acme is all that the agent has to know.
var acme = sensor.Driver{
	Name: "acme-thermometer", Title: "Acme thermometer, asked every five seconds",
	Line:   sensor.Line{Baud: 9600, DataBits: 8, Parity: 'N', StopBits: 1},
	Period: every, Silence: 3 * every,
	New: func(sensor.Options) (sensor.Decoder, error) { return new(thermometer), nil },
}

const every = 5 * time.Second

// thermometer is both sides of the host: it asks, and reads what comes.
type thermometer struct {
	line      []byte // what came of a line that is not complete
	due       time.Duration
	good, bad uint64
}

// Open implements sensor.Asker: ask at once.
func (d *thermometer) Open() { d.due, d.line = 0, d.line[:0] }

// Ask implements sensor.Asker.
func (d *thermometer) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	if now >= d.due {
		d.due = now + every
		dst = append(dst, "T?\r"...)
	}
	return dst, d.due
}

// Decode implements sensor.Decoder. A line that is longer than any of this device
// is thrown away as it comes, so that noise takes no memory.
func (d *thermometer) Decode(dst *vital.Batch, p []byte) {
	for _, c := range p {
		switch {
		case c == '\r':
			d.read(dst)
			d.line = d.line[:0]
		case len(d.line) < 32:
			d.line = append(d.line, c)
		}
	}
}

// read takes a line, or counts it as bad.
func (d *thermometer) read(dst *vital.Batch) {
	var tenths, state, sum int
	end := bytes.LastIndexByte(d.line, ' ') + 1
	n, err := fmt.Sscanf(string(d.line), "T%03d S%1d %02X", &tenths, &state, &sum)
	if err != nil || n != 3 || int(total(d.line[:end])) != sum {
		d.bad++
		return
	}
	d.good++
	reading := vital.Numeric{Code: vital.TempBody, Unit: vital.Celsius, Value: vital.Decimal{Mantissa: int32(tenths), Exponent: -1}}
	if state == 1 { // what it shows then is the room's: a status, never a number
		reading.Value, reading.Status = vital.NaN, vital.NotAvailable|vital.SensorOff
	}
	dst.Numerics = append(dst.Numerics, reading)
}

func total(p []byte) (sum byte) {
	for _, c := range p {
		sum += c
	}
	return sum
}

// Flush implements sensor.Decoder: half a line is no reading.
func (d *thermometer) Flush(*vital.Batch) { d.line = d.line[:0] }

// Frames implements sensor.Decoder.
func (d *thermometer) Frames() (good, bad uint64) { return d.good, d.bad }

// lookup knows our driver beside all others.
func lookup(name string) (sensor.Driver, error) {
	if name == acme.Name {
		return acme, nil
	}
	return sensor.Lookup(name)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conf, err := config.Load(os.Args[len(os.Args)-1], append(sensor.Names(), acme.Name))
	if err == nil {
		err = agent.Run(ctx, conf, agent.Options{Lookup: lookup})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "driver: error:", err)
		os.Exit(1)
	}
}
