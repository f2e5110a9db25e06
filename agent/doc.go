// Package agent is the gateway at the bedside: it reads the sensors on its serial
// ports, and seals, keeps and publishes what they say.
//
// Each sensor runs by itself. One whose port is gone, whose decoder fails or
// whose identity cannot be used never stops another; what happened is sealed as
// an event of that device, so that a receiver can tell a pulled cable from a
// quiet patient and both from an attack.
//
// # How it is
//
// A status.Report is served on the socket status.sock in the data directory, to its
// owner alone: counts, times and states, never a reading or a label. The same goes as
// metrics to a loopback address, if the configuration names one, and a service
// manager's watchdog hears of progress: commits, ports and locks that move.
//
// # Ports with the link
//
// A port with the driver "link" is for one device, which speaks package
// firmware-bridge/link. In the mode "sealed" the device seals for itself: it proves
// with its key that it is the one the roster knows, and the agent carries what it
// sealed, envelope by envelope verified, and can neither read nor alter it. In the
// mode "plain" the device sends readings, and the agent seals them as that device;
// what it says is as good as the cable.
//
// Whoever else is on such a port is refused, nothing is taken from it, and the
// gateway signs an event of its own: an unknown device, another one than expected,
// one that cannot prove what it says, messages that are not the device's. Events
// and log lines of these are bounded, and count what they hold back.
//
// A frame is acknowledged when what it holds is on disk and so is, in the file
// link-DEVICE in the data directory, how far the session has come. So a restart of
// the agent, or of the sensor while the agent is away, loses nothing that was
// acknowledged. Nor does a kill or a power cut at any moment have a reading come out
// at a receiver twice. Sealed frames may come again after it, and receivers know
// them. For plain ones the file is written before the outbox is: "this far, if the
// outbox holds record X", and at the next start the outbox decides. What that asks:
// the file and the outbox stay together, and the disk takes the file; while it does
// not, readings are stored and not acknowledged, and a crash then has them come
// twice, which the log says. While the disk refuses, the window is closed and the
// sensor keeps what it has. Where the disk has no room for data (see package sdk), a
// frame is published from memory and acknowledged when the broker has it: the sensor
// keeps it until then, a window of frames at most, and a kill between the two may have
// plain readings of that window come twice.
//
// A sealed frame is taken only if it goes on where the chain was, or begins a newer
// one: an old message of the device itself that somebody plays again under the next
// number, or one before its turn, is refused, and the sensor's own comes again. Where
// the chain was is in the same file. So a sensor begins a session with an anchor.
package agent
