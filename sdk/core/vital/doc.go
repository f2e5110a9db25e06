// Package vital holds readings in the terms of IEEE 11073 and the codec that
// turns a batch of them into the plaintext of an envelope and back.
//
// The vocabulary, as IEEE 11073-10201 and -20601 use it:
//
//   - A metric is something that can be measured, named by a 32-bit Code of the
//     nomenclature (IEEE 11073-10101): the partition in the upper 16 bits, the
//     term in the lower. 150456 is MDC_PULS_OXIM_SAT_O2.
//   - A Numeric is one value of a metric at one time. Its value is a Decimal, a
//     mantissa and a power of ten (the FLOAT of 11073), because "36.60" is not
//     the binary fraction nearest to it.
//   - A Wave (sample array) is a run of equally spaced samples with the rate and
//     the scale that turn them into a physical quantity.
//   - An Enumeration is a coded state, an Alert an alarm raised by the device.
//   - A Status says what is wrong with a value. A value with the bit
//     NotAvailable has no number at all.
//
// vitalseal adds facts about the line itself, sealed like readings: an Event (a
// cable pulled, a decoder that failed), a Heartbeat (nothing to say, and alive)
// and a Dropped record (how much is missing, and why).
//
// Times are milliseconds on the sealing device's monotonic clock since the
// anchor that the batch is sealed under; package seal ties them to a wall clock.
//
// The package runs on microcontrollers: no time, no fmt, no maps, no reflection,
// and no heap beyond the slices of a Batch, which are reused. FORMAT.md beside
// this file is the normative layout.
package vital
