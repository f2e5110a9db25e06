// Package cbor reads and writes the part of CBOR (RFC 8949) that vitalseal's
// formats use, in core deterministic encoding only (section 4.2.1): shortest
// heads, definite lengths, no floating point.
//
// Writing is a set of appenders: each takes a slice, returns it longer, and
// allocates only if the slice must grow. Reading is a Reader over a slice with a
// sticky error: a parser is a straight line of calls and one check at the end.
// What a Reader accepts was encoded deterministically, so it re-encodes to the
// same bytes.
//
// It is written by hand, beside fxamacker/cbor which the rest of the project
// uses, because that library needs 150 kB of flash and reflection on a
// microcontroller, and because a fixed-shape reader leaves nothing to configure.
// The tests hold the two against each other.
package cbor
