// Package microcrypto is SHA-256, SHA-512, ChaCha20-Poly1305 (RFC 8439) and
// Ed25519 (RFC 8032) for microcontrollers: 32-bit arithmetic, no heap, little
// flash and little stack. Package keys uses it where TinyGo builds the core; on
// every other machine the standard library and golang.org/x/crypto are faster and
// better kept, and they are the oracles that this package is tested against.
//
// It is written by hand because nothing that is kept fits: since Go 1.24 the
// first hash of the standard library brings 55 kB of FIPS 140 code, its Ed25519
// needs 39 kB of RAM, and TinyGo puts some 560 bytes on the heap for each message
// that the library's hash and cipher work on.
//
// # Constant time
//
// No branch, no loop count and no address depends on a secret, in the hashes, the
// cipher, the tag comparison and in making keys and signatures; lengths are not
// secret. What is secret goes through additions, shifts, bitwise operations and
// multiplications only. Points of the base-point table are selected by reading
// all candidates and masking. Verifying a signature works on public data alone and
// takes shortcuts.
//
// The program in measure attacks this on an emulated board: fifty keys and
// messages take the same number of instructions, at every level of optimisation.
// (Traces of the addresses executed for a dozen random keys were the same too, on
// Cortex-M3 and M0+, with TinyGo 0.41.1.)
//
// That is as much as a program can promise. The multiplier must keep the promise
// too: the single-cycle multipliers of Cortex-M0+, M4, M7, M23 and M33 do, where
// the vendor chose that option. On Cortex-M3 the 64-bit products (UMULL, UMLAL)
// take 3 to 7 cycles depending on the operands, so that there a signature's time
// varies by a few cycles with its secrets. Where somebody who can time a sensor to
// the cycle is part of the threat, use another part.
//
// # Memory
//
// No function allocates, apart from appending to a slice whose capacity does not
// suffice. Objects on the stack stay below 256 bytes each, above which TinyGo
// moves them to the heap.
//
//go:generate go run ./generate
package microcrypto
