// Command ward is the demonstration: a ward of three simulated beds, on this
// machine alone, under attack from the broker.
//
//	go run ./examples/ward              the live table; Ctrl-C ends it
//	go run ./examples/ward -for 20s     ends by itself, with a summary
//	go run ./examples/ward -json        the receiver's JSON lines on stdout
//
// Everything is real but the patients and the attacker's motive:
//
//   - Three simulated sensors speak their devices' protocols on pseudo-terminals.
//     The patients are made up from -seed, or replayed from a WFDB record.
//   - The agent reads the terminals, seals, stores and publishes.
//   - An embedded MQTT broker demands client certificates and TLS 1.3.
//   - A receiver verifies and shows what it opened, each with its verdict.
//   - Beside it the same sensors are read by a plain gateway, which publishes
//     JSON over the same TLS, and a plain receiver shows what arrives.
//
// After a few seconds the attacker, who owns the broker, flattens the heart rate
// to zero, as was shown for a real central station at DEF CON 26 ("80 to 0 in
// under 5 seconds", 2018). The plain ward believes it. The sealed one names each
// attack by its verdict and goes on showing what the patients have; readings that
// the attacker destroys on the way are missing there, and it says so.
//
// The exit code is 0 if readings came through on every bed, every attack was
// named, the plain ward was fooled, and the sealed ward showed nothing that the
// patient did not have; 1 if not; 2 for a bad command line.
package main
