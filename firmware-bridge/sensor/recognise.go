package sensor

import (
	"slices"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Match is how well a driver reads a stream of bytes.
type Match struct {
	Driver    Driver
	Good, Bad uint64 // frames, as the driver's Decoder counts them
	Readings  int
}

// recognised is how many good frames it takes: one in 256 random frames has the
// right sum of one byte.
const recognised = 3

// Recognise returns the drivers that read what a device said by itself, the best
// first; devices that speak only when asked are not among them. Formats without a
// check sum come after those with one.
func Recognise(stream []byte) []Match {
	var found []Match
	for _, d := range drivers() {
		dec, err := d.New(Options{})
		if err != nil {
			continue
		}
		m := Match{Driver: d}
		var b vital.Batch
		for piece := range slices.Chunk(stream, 1024) {
			dec.Decode(&b, piece)
			m.Readings += len(b.Numerics) + len(b.Waves)
			b.Reset()
		}
		m.Good, m.Bad = dec.Frames()
		if m.Good >= recognised && m.Readings > 0 && m.Bad*4 <= m.Good {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b Match) int {
		if a.Driver.Unchecked != b.Driver.Unchecked {
			if a.Driver.Unchecked {
				return 1
			}
			return -1
		}
		return int(b.Good) - int(a.Good)
	})
	return found
}
