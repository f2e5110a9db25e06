package main

import (
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// TestAdaptersMixedUp: a reading under the name of another's device, and any of the
// clone's, counts as made by no sensor.
func TestAdaptersMixedUp(t *testing.T) {
	k := adaptersKind()
	for _, c := range []struct {
		sensor  int
		device  string
		strange int
	}{
		{twinA, "sensor-1", 0}, {twinB, "sensor-2", 0}, {twinA, "sensor-2", 1}, {own, "sensor-3", 0}, {clone, "sensor-3", 1}, {clone, "", 1},
	} {
		l := newLedger(k.identify)
		n := c.sensor*linesApart + 7
		l.make(lineID(n))
		batch := &vital.Batch{Numerics: []vital.Numeric{{Code: numberCode, Value: vital.Int(n)}}}
		if err := l.Write(&receive.Record{Meta: receive.Meta{Name: c.device}, Batch: batch}); err != nil {
			t.Fatal(err)
		}
		if got := l.counts(); got.strange != c.strange || got.received != 1 {
			t.Errorf("board %d as %q: %d of %d strange, want %d", c.sensor, c.device, got.strange, got.received, c.strange)
		}
	}
}
