package config

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
)

// Config is a checked configuration: every field is in its range and every
// default is filled in.
type Config struct {
	// Site is the directory that `vitalseal site` made: the roster, the gateway's
	// certificate and the identities of its devices. Required.
	Site string

	// Data is the directory of the outbox and of state; default "data" beside
	// the configuration file.
	Data string

	Gateway Gateway
	Broker  Broker
	Batch   Batch
	Outbox  Outbox
	Status  Status
	Sensors []Sensor // at least one, in the order of the file
}

// Gateway says who we are.
type Gateway struct {
	Name string // as in the gateway's certificate; required
}

// Broker says where sealed envelopes go.
type Broker struct {
	// URL is "mqtts://HOST:PORT"; the port is always there, by default 8883.
	// Required.
	URL string

	// CA, Certificate and Key are PEM files. Either all three are given, or none:
	// "" means the one in Site.
	CA, Certificate, Key string

	Window int // unacknowledged publishes in flight, 1 to 1,024; default 64
}

// Batch says when readings are sealed.
type Batch struct {
	// Every bounds the time that a reading waits for others, 0 to 1 minute;
	// default 1 s. 0 seals as soon as the disk is free: lowest latency, most
	// bytes.
	Every time.Duration

	// Heartbeat is the time after which a device with nothing to say says so,
	// 1 s to 1 h; default 30 s.
	Heartbeat time.Duration
}

// Outbox says how much waits for the broker, and for whom.
type Outbox struct {
	MaxSize int64 // bytes on disk, 1 MiB to 1 PiB; default 256 MiB

	// Receipts are recipients of the site, by name, that have to sign for an envelope
	// before the outbox gives it up; default none, at most 16.
	Receipts []string

	// BacklogRate bounds how fast what waited for the broker is published, in
	// envelopes a second, 1 to 1,000,000; 0 means no bound; default 200. Alerts and
	// what is new go before it and are not bound.
	BacklogRate int
}

// Status says who may ask how the agent is, beside `vitalseal status`.
type Status struct {
	// Listen is the address, "127.0.0.1:PORT" or "[::1]:PORT", at which Prometheus
	// finds metrics; default "", nowhere.
	Listen string
}

// Sensor is one device on one port.
type Sensor struct {
	Device string // the identity that seals these readings; required, unique
	Driver string // a known decoder, or LinkDriver; required
	Label  string // an opaque label of bed or encounter, sealed with the readings; default none

	// Mode, with LinkDriver, is Sealed (the default) where the device seals for
	// itself, or Plain where the gateway seals what it says; otherwise "".
	Mode string

	// Port has Name (required, unique), Silence (0 to 1 h, 0 for no watch;
	// default DriverSilence) and Line, where a zero field means the driver's own
	// setting.
	Port port.Config

	// Waves are the waves to ask the device for, and Interval the time between two
	// requests, where the driver takes them; default: what the driver's page says.
	Waves    []string
	Interval time.Duration // 0, or 100 ms to 1 h

	// SetUp lets the driver tell the device what to send, where it can.
	SetUp bool

	Lines *Lines // with the driver "lines", otherwise nil
}

// DriverSilence is the Silence of a port whose driver knows how long its device
// may say nothing.
const DriverSilence time.Duration = -1

// Lines is the configuration of the generic decoder of text lines, with its
// fields in the order of the file.
type Lines = lines.Config

// LinesDriver is the name of that decoder, the only one with a section of its
// own.
const LinesDriver = "lines"

// LinkDriver is the driver of a port on which a device speaks the link (package
// firmware-bridge/link), and these are its modes.
const (
	LinkDriver = "link"
	Sealed     = "sealed"
	Plain      = "plain"
)

//go:embed example.toml
var example string

// Example returns a configuration that shows every key, with comments. It loads.
func Example() string { return example }

// maxFile bounds the file: 1,000 sensors fit, and go-toml takes time with the
// square of the number of keys.
const maxFile = 256 << 10

// Load reads and checks the file. drivers are the names that a sensor's driver
// may have beside LinkDriver. The error is Problems if the file could be read.
func Load(file string, drivers []string) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return Parse(file, data, drivers)
}

// Parse is Load for bytes at hand. The name of the file is for relative paths
// and for messages. The error is Problems.
func Parse(file string, data []byte, drivers []string) (*Config, error) {
	if len(data) > maxFile {
		return nil, Problems{{File: file, Line: 1, Column: 1, Message: fmt.Sprintf("larger than %s", sizeText(maxFile))}}
	}
	doc, err := parseDocument(file, data)
	if err != nil {
		return nil, err
	}
	r := &reader{doc: doc, dir: filepath.Dir(file), drivers: append(slices.Clone(drivers), LinkDriver)}
	cfg := r.config()
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	return cfg, nil
}
