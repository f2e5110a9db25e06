//go:build tinygo

package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// What the build of a microcontroller has: go test -tags tinygo runs the tests over
// its primitives, with every vector that needs no other. (TinyGo itself is not
// needed for it.)
var (
	signatures = []keys.Algorithm{keys.AlgEd25519}
	suites     = []keys.Algorithm{keys.AlgChaCha20Poly1305}
)

// TestSealedVectorsAreMadeAgain seals the vectors of the pre-shared key mode, over
// the primitives of a microcontroller, and gets the bytes that a host got.
func TestSealedVectorsAreMadeAgain(t *testing.T) {
	b := &book{t: t, isRandom: map[string]bool{}}
	b.batches(b.pskAnchor())
	for _, v := range b.vectors {
		got, err := os.ReadFile(filepath.Join(vectorDir, v.name+".txt"))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, v.text()) {
			t.Errorf("%s is made as\n%s\nthe file is\n%s", v.name, v.text(), got)
		}
	}
	t.Logf("%d vectors", len(b.vectors))
}
