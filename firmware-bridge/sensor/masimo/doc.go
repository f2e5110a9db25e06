// Package masimo reads Masimo pulse oximeters that send ASCII1: Rad-8, Rad-87
// and Radical-7 among them.
//
// # Wiring and settings
//
// 9600 baud, 8 data bits, no parity, 1 stop bit, no handshake. The device sends
// one line a second by itself once its serial output is set to ASCII 1 in its
// menu:
//
//	02/22/16 22:47:45 SN=0000056661 SPO2=098% BPM=097 PI=03.60% SPCO=--.-% SPMET=--.-% DESAT=-- PIDELTA=+-- ALARM=0000 EXC=000800
//
// Which fields there are differs by model and firmware, so that the line is read
// as date, time and KEY=value; the order does not matter. A "-" anywhere in a
// value means that there is none.
//
// # What is read
//
//   - SPO2 as MDC_PULS_OXIM_SAT_O2 in %, BPM as MDC_PULS_OXIM_PULS_RATE, PI as
//     MDC_PULS_OXIM_PERF_REL in %, with the decimals sent: 03.60% is 3.60.
//   - EXC, and EXC1 not, as vital.Status of all three: 001 sensor not plugged
//     in, 002 defective, 004 low perfusion, 008 searching, 010 interference, 020
//     off the patient, 040 ambient light (interference), 080 sensor not
//     recognised, 400 poor signal; 800 (normal operation) and the others are
//     nothing. A sensor that is off, missing, defective or not recognised leaves
//     no number, even if the line has one.
//   - ALARM, of which the bits are the vendor's own, as an enumeration in
//     MDC_PULS_OXIM_SAT_O2 with the number as it was sent (hexadecimal) and the
//     text "Masimo ALARM", whenever it changes; 0 at the start is no change.
//   - SN as an event, when it is first seen and when it changes: it is the
//     device's number, not a patient's.
//
// Not read, because the nomenclature table has no verified code for them or the
// manual does not explain them: SPCO, SPMET, SPHB, SPOC, PVI, RESVD, DESAT,
// PIDELTA, EXC1. Ignored counts them. The device's date and time are not read:
// readings carry the time at which they came.
//
// # Errors on the line
//
// There is no check sum. A line is taken as a whole or not at all: it must begin
// with date and time, must have SPO2 or BPM, and every field that is read must
// have its shape and range and be there once. A line that never ended is taken
// at the end of the stream only if it reaches its EXC field and is as long as
// the line before, if there was one.
//
// # Sources
//
// Masimo Rad-8 operator's manual, lines recorded from a device, and the regular
// expressions of openICE devices/masimo for the fields by model.
package masimo
