//go:build !tinygo

package seal

import (
	"crypto/sha256"
	"crypto/subtle"
)

// The primitives of a host; primitives_tinygo.go has those of a microcontroller.

func sum256(data []byte) [32]byte { return sha256.Sum256(data) }

// equal compares in constant time.
func equal(a, b *[32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
