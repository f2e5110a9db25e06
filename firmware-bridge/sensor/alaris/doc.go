// Package alaris reads Alaris Asena syringe pumps (GH, CC and others of the family)
// that speak their text protocol. It reads only: three questions are all that it
// ever sends. The protocol can start, stop and program a pump, under remote control;
// none of those commands is in this package, and remote control is never asked for.
//
// # Wiring and settings
//
// RS-232, 38400 8N1, no handshake, a straight cable. RS-232 has to be switched on at
// the pump and the port selected; releases from 2.3.6 on refuse remote control, which
// does not matter here.
//
// # Layout
//
//	!COMMAND^argument^...|CCCC CR
//
// CCCC is the CRC-16/CCITT-FALSE of all between the exclamation mark and the bar, four
// upper-case hexadecimal digits. The pump answers with the command and its values:
//
//	!INST_SERIALNO^serial|CCCC
//	!COMMS_PROTOCOL^name|CCCC
//	!INF^serial^alarm^mode^rate^unit^drug^volume^unit^pressure^unit^...|CCCC
//
// # What the host does
//
// It asks for the serial number (INST_SERIALNO) and the protocol (COMMS_PROTOCOL), then
// for the state of the infusion (INF) every Interval (default 2 s). A question has 4 s,
// and the next is not sent before its answer; after three without, it begins anew.
// A pump that a command over the serial line has started raises an alarm when the line
// is silent for 15 s; nothing is started here, so the line may be cut at any time.
//
// # What is read
//
// MDC codes, and private ones, 1024<<16 | 10<<8 | n:
//
//	MDC_FLOW_FLUID_PUMP   mL/h          rate
//	n=1                   mL            volume infused
//	n=2                   mm[Hg]        pressure in the line
//	n=3                   enumeration   mode, in the pump's word, such as SET
//
// Numbers keep their digits. What is missing is NaN and NotAvailable, what is no
// number or negative (but a pressure) is Invalid besides. Only ml/h, ml and mmHg are
// known as units: a number with another is NotAvailable. A pressure of -50.00 stands in
// replies where there is none, and is NotAvailable.
//
//   - The alarm as a technical vital.Alert, with the pump's word, at begin and end; "-"
//     is none. All have high priority: nothing public grades them.
//   - Serial number and protocol as identification, when first told and when they change.
//
// Not read: the name of the drug, the time remaining and the log (their form is from
// one source that makes them up), the volume to be infused (its question is the same
// word as the command that sets it, so it is not asked).
//
// # Errors on the line
//
// Frames counts replies with a right CRC; bad are those with a wrong one, and runs of
// bytes that belong to none. The CRC notices any three flipped bits.
//
// # Sources
//
// openICE (mdpnp/mdpnp) devices/alaris/Asena.java and devices/neurowave/
// AlarisToNeurowave.java, which answers in a pump's place; the CRC was checked with
// their constants. The user manual of the Alaris CC for the 15 s; the forum of ebme.co.uk
// for the cable.
package alaris
