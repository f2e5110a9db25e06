//go:build unix && !linux

package outbox

import (
	"math"
	"os"
)

func allocate(f *os.File, size int64) error { return f.Truncate(size) }

func datasync(f *os.File) error { return f.Sync() }

// statFree knows of no bound here: the shapes of statfs differ.
func statFree(string) (bytes, files int64, err error) { return math.MaxInt64, math.MaxInt64, nil }
