//go:build !linux

package port

import "errors"

var errBusy = errors.New("another program has it open")

// openTTY refuses: gateways run Linux. Simulators on unix: and tcp: work
// everywhere.
func openTTY(name string, _ Line) (stream, error) {
	return nil, &Error{Port: name, Err: errors.New("serial ports are supported on linux only"),
		hint: `use "unix:PATH" or "tcp:127.0.0.1:PORT" with a simulator`}
}
