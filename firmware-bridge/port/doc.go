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
// # Whose bytes they are
//
// Behind another adapter there may be another patient. Run remembers the adapter
// that it opened a port on first, until it ends, and opens the port on no other:
// it reports Replaced and keeps looking. What an adapter is known by:
//
//	by-id      vendor, product, serial number and line, in whichever socket; the
//	           socket too if it has no serial number, or once another with the same
//	           number was seen beside it
//	by-path    all of these, and the socket
//	ttyUSB0    the same: a number that went to another adapter is refused, and so
//	           is the adapter under another number
//	any other  a link of the operator's own: as by-id
//
// A name by id that two adapters have is refused while both are there. What nobody
// can see from here: which board is on the other end of the adapter, and that two
// adapters without serial numbers, or with the same, have changed places while both
// were out. Then each one's readings come under the name of the other's socket.
// Adapters with serial numbers of their own, used by id, prevent the second, and
// sensors that seal for themselves prevent both.
//
// Nothing is remembered from one Run to the next: at the start, what a name leads
// to is taken for what belongs there.
//
// # DTR and RTS
//
// Opening a terminal raises DTR and RTS, and both stay raised while it is open:
// there are monitors that send nothing without. Closing lowers them. A board that
// takes DTR for a reset, as many for learning do, starts anew each time. CTS, DSR
// and DCD are not looked at: what is written goes out whatever they say.
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
