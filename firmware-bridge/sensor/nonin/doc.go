// Package nonin reads Nonin pulse oximeters that stream data format 2, 7 or 8, or
// send spot checks in format 13: the OEM III module, Xpod, ipod, 8000R and 9560
// among them.
//
// # Wiring and settings
//
// 9600 baud, 8 data bits, no parity, 1 stop bit, no handshake. The device
// streams by itself. RS-232 devices need a level converter, OEM modules speak
// 3.3 or 5 V logic.
//
// # Layout
//
// Formats 2 and 7 are frames of five bytes, the last of which is the sum of the
// other four modulo 256; 25 frames are a packet, three packets a second:
//
//	format 2: 01 | STATUS | pleth, 8 bits  | FLOAT | CHK
//	format 7: STATUS | pleth MSB | pleth LSB | FLOAT | CHK
//
// STATUS bit 7 is always set; bit 0 (SYNC) in the first frame of a packet only.
// FLOAT means something else in every frame: 1 and 2 the heart rate, 3 SpO2, 4
// the firmware revision, 8 the battery. Format 8 is four bytes once a second
// with neither sum nor pleth; only bit 7, set in the first byte alone, tells
// where it begins, so that a flipped bit can pass as a number: prefer 2 or 7.
//
// Format 13 is a packet for each spot check, with the device's date and time in BCD:
//
//	00 02 00 0D | length, 2 bytes | century YY MM DD hh mm ss fraction |
//	STATUS, 2 bytes | heart rate, 2 bytes | 00 | SpO2 | CHK | 03
//
// The length is that of the data from the century on, and may grow; what is new is
// skipped. CHK is the sum of these data modulo 256.
//
// # What the host does
//
// Nothing. Only a Selecting, which one must ask for, sends anything: the command that
// selects the data format (02 70 02 02 FF 03), and only when the line was open for 2 s
// without one intact frame of that format; three times, a second apart, because the
// 9560 is sure to listen only in the first five seconds, and then every ten seconds
// until frames come (format 13: three times only, for spot checks may be hours apart). A
// device that streams what is expected never gets a command; one that streams another
// format does. It keeps the format when its battery is changed. It answers 06, or 15 if
// it does not have that format, which is a technical alert until frames of it come; the
// answer is looked for in the first byte that comes after a command.
//
// # What is read
//
//   - MDC_PULS_OXIM_PULS_RATE and MDC_PULS_OXIM_SAT_O2, the standard values
//     (four-beat average): one of each a packet.
//
//   - MDC_PULS_OXIM_PLETH, 75 samples a second, 25 a packet, without a scale.
//
//   - The status bits, as vital.Status of all three. A finger that is out and a
//     sensor that is not plugged in leave no number: the value is NaN even if
//     the device still sends the last one.
//
//   - Low battery, as a technical alert when it begins and when it ends. It is
//     an alert because the nomenclature table has no code for a battery.
//
//   - The firmware revision, as an event when it is first seen.
//
//   - Of format 13: the numbers of the spot check, Questionable if the device says
//     that they are not of high quality (no SmartPoint), NaN and NotAvailable if it made
//     no measurement; and the time of it as an event of the device's clock. A spot
//     check that was stored must not pass for one made now: it has private codes,
//     1024<<16 | 1<<8 | n: 1 SpO2 in %, 2 pulse rate in /min, 3 when it was made, by the
//     device's clock, as an enumeration in seconds since 1970.
//
// Not read: the display values (-D, the same numbers held for ten seconds after
// the finger has gone), the extended averages (E-), SpO2-Fast, SpO2-B-B, the
// timer (TMR) and SmartPoint in formats 2, 7 and 8. Not sent: the newer command for the
// format (02 70 04 ...), of which one byte also changes other settings and is
// documented nowhere that we could read, and the command that sets the clock.
//
// # Errors on the line
//
// A packet is taken when at least 21 of its 25 frames are intact and SYNC is in
// the first only. Of a packet with damaged frames a number is given if its own
// bytes came intact; the pleth is left out, because a wave cannot say which of
// its samples is missing, and so are status bits that were in the damaged
// frames. At the end of the stream a packet that is not complete is given, as
// far as it came, if nothing in it is damaged and it follows directly on a whole
// one or has three frames from SYNC on; what did not come is not there.
//
// A frame of format 8 is taken at once, but after bytes that belong to no frame it
// waits until there are three right behind each other: bytes of the other formats never
// pass for format 8 then, but for the first four of a stream. A packet of format 13 is taken as a whole or not at all; a length above 64 is none.
//
// # Sources
//
// "Nonin 9560 Bluetooth Specification" (in mattjlewis/NoninPulseOx), the DF2
// driver of pez-globo/pufferfish-software (OEM III), openICE devices/nonin
// (format 7 and the serial settings).
package nonin
