package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vitalseal/vitalseal/scripts/bedside/wire"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// sensor is one sensor beside the bed, at its end of the wire. It can be switched
// on again after it was switched off.
type sensor interface {
	on() error
	off() error
}

// deviceName is the identity whose readings the gateway expects on its port.
const deviceName = "sensor-1"

// kind is a kind of sensor that the rig can put at the bedside.
type kind struct {
	name  string
	title string
	unit  string // what is counted: "readings" or "messages"
	some  int    // how many of them make sure that they flow: some seconds' worth

	// acknowledged says that the sensor keeps what it made until the gateway has
	// it on its disk. Then no reading may be missing, whatever fails.
	acknowledged bool

	// proves says that the gateway finds out which device it is: another one is
	// not believed.
	proves bool

	// enrol adds the device to the site. prepare, which may be nil, is called
	// first with the folder of the rig, to build what is to be run.
	prepare func(r *rig) error
	enrol   func(r *rig, site *identity.Site) error

	// config is the [[sensor]] section of the gateway's configuration but for
	// device and port.
	config string

	// places are what it is the configuration of; nil: deviceName on portName.
	places []place

	// connect, unless nil, makes the sensors and the gateway's adapters in place of
	// one adapter, with two sensors of which one at a time is on its line; steps are
	// then what happens, in place of the usual.
	connect func(r *rig) error
	steps   func(s *scenario) []step

	// make returns sensor 0, which belongs there, or 1, a different one, that
	// connects to a socket.
	make func(r *rig, which int, socket string) (sensor, error)

	identify func(*receive.Record) []id
	tap      func(l *ledger) wire.Tap // may be nil

	// attacks are bytes to inject on the line while sensor 0 is on it.
	attacks func(r *rig) []attack
}

// place is a device and the name by which the gateway opens its port.
type place struct{ device, port string }

func (k *kind) placesOrOne() []place {
	if k.places == nil {
		return []place{{deviceName, portName}}
	}
	return k.places
}

// kinds are all that can be run here.
func kinds() []kind {
	all := []kind{cKind(), hostKind(), linesKind(), adaptersKind()}
	if haveTinyGo() {
		all = append(all, tinygoKind())
	}
	return all
}

func findKind(name string) (kind, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	if name == "tinygo" {
		return kind{}, errors.New("there is no tinygo on the PATH to build that sensor with")
	}
	return kind{}, fmt.Errorf("there is no sensor %q; there are %s", name, kindNames())
}

func kindNames() string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}
