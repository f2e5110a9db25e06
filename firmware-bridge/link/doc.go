// Package link is the wire between one sensor and its gateway: frames on a
// UART, and the two state machines that speak through them. FORMAT.md beside
// this file is the normative layout.
//
// The vocabulary:
//
//   - A frame is one message with a CRC-32C behind it, COBS-encoded between two
//     zero bytes. The CRC finds noise; tampering is found by the signatures in
//     the envelopes that are carried, never by the CRC.
//   - A session is one run of a sensor. It begins with a hello; the gateway
//     welcomes the sensor with a challenge, the sensor proves with a signature
//     which device it is, and the gateway acknowledges.
//   - Data frames (readings in the plain, an anchor, a sealed batch) are numbered
//     from 1 in each session. An acknowledgement says below which number all is
//     durable at the gateway; until then the sensor keeps them.
//   - The window is how many data frames may be unacknowledged; 0 is a pause.
//
// Both ends do no input or output of their own: the caller hands in the bytes
// that came from the line and the time, and asks for the next frame to write.
// Nothing blocks, nothing starts a goroutine, and after Init nothing takes heap,
// so that one implementation serves a gateway and a microcontroller:
//
//	sensor.Receive(bytesFromTheLine, uptime)
//	out = sensor.Send(out[:0], uptime)     // write it; nothing: idle
//	wait(until(sensor.Next(uptime)))       // or until bytes arrive
//
// Times are milliseconds on the caller's own monotonic clock.
package link
