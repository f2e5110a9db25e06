// Package sensortest is what the tests of a driver have in common, one's own
// driver included: transcripts of bytes, conversations with a simulator in
// virtual time, odd chunking, fuzzing, allocations and speed.
//
// # Transcripts
//
// A transcript is a text file of what happens on a line, in order:
//
//	; a Nonin sensor is told its format
//	host    02 70 02 02 02 03
//	device  06
//	at      1s
//	device  "SPO2=097" 0D 0A
//	numeric MDC_PULS_OXIM_SAT_O2 97 %
//
// "host" is what the driver must have sent, byte for byte; "device" is what the
// device sends; "at" moves the clock, which counts from the opening of the line;
// "open" opens the line anew and starts the clock at zero. Bytes are hexadecimal
// or quoted as in Go. "flush" ends the stream. A line that begins with a
// semicolon is a remark. Every other line is what the driver must have made of the
// bytes so far, as Lines writes it. Nothing may be left over: what a transcript
// does not mention did not happen.
package sensortest
