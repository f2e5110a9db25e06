// Package port keeps a serial line open: by its stable name, across unplugging,
// and with a watch on silence.
//
// The vocabulary:
//
//   - A name says where the bytes come from. "/dev/serial/by-id/usb-FTDI_..." is
//     the adapter, whichever number the kernel gave it today; by-path is the
//     socket it is plugged into; "/dev/ttyUSB0" works, and Check warns that it
//     may be another adapter tomorrow. "unix:PATH" and "tcp:HOST:PORT" are
//     simulators; tcp is plaintext and therefore loopback only.
//   - A Line is the rate and the frame of a character, "9600 8N1".
//   - A port is unavailable (it cannot be opened, yet), open, silent (open, and
//     nothing heard for Config.Silence) or lost (it was open and is gone). Run
//     reports each change as an Event, so that an agent can sign it: a sensor
//     that went away is a fact, not an absence of facts.
//
// Run reads raw bytes and passes them on as they come, one at a time if that is
// how they come. It knows nothing of frames.
//
// # How a terminal is opened
//
// go.bug.st/serial puts the line into raw mode, sets rate and character and
// takes exclusive access; its handle is kept only for that. Bytes go through a
// second descriptor of the same terminal, one that the Go runtime polls,
// because that one can be closed under a blocked read without a race (the
// library gives its descriptor number back to the kernel before it wakes the
// reader), can bound a write in time, and is not limited to descriptor numbers
// below 1,024 as select(2) is.
package port
