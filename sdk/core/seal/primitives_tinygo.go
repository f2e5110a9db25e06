//go:build tinygo

package seal

import "github.com/vitalseal/vitalseal/sdk/core/microcrypto"

// The primitives of a microcontroller: see package microcrypto.

func sum256(data []byte) [32]byte { return microcrypto.Sum256(data) }

// equal compares in constant time.
func equal(a, b *[32]byte) bool { return microcrypto.Equal(a[:], b[:]) }
