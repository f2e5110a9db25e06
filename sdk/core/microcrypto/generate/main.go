// Command generate writes the tables of package microcrypto from their
// definitions, with math/big alone: the round constants of SHA-2 are cube roots
// of primes, and the base-point table of Ed25519 holds sums of multiples of the
// base point of RFC 8032, computed in affine coordinates.
package main

import (
	"fmt"
	"os"
)

func main() {
	source, err := source()
	if err == nil {
		err = os.WriteFile("tables.go", source, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
