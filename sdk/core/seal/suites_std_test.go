//go:build !tinygo

package seal_test

import "github.com/vitalseal/vitalseal/sdk/core/keys"

// What the build of a host has: everything.
var (
	signatures = []keys.Algorithm{keys.AlgEd25519, keys.AlgESP256}
	suites     = []keys.Algorithm{keys.AlgChaCha20Poly1305, keys.AlgA256GCM}
)
