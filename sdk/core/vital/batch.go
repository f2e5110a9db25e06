package vital

// Batch is what one envelope carries. Decoders append to it, the pipeline seals
// it, a receiver decodes into it. The zero value is an empty batch.
//
// Label is the opaque name of a bed or an encounter, chosen by the hospital; it
// exists inside the ciphertext only. It holds for this and all later messages
// under the same anchor.
//
// A batch and its copies share memory that Append works in: one goroutine uses
// them at a time.
type Batch struct {
	Label        string // at most MaxText bytes; empty: unchanged
	Numerics     []Numeric
	Waves        []Wave
	Enumerations []Enumeration
	Alerts       []Alert
	Events       []Event
	Drops        []Dropped
	Heartbeats   []Heartbeat

	layout  []section // as decoded, so that a batch re-encodes to the same bytes
	scratch plan      // memory of Append
}

// Reset empties the batch and keeps its memory, that of wave samples included.
func (b *Batch) Reset() {
	b.Label = ""
	b.Numerics = b.Numerics[:0]
	b.Waves = b.Waves[:0]
	b.Enumerations = b.Enumerations[:0]
	b.Alerts = b.Alerts[:0]
	b.Events = b.Events[:0]
	b.Drops = b.Drops[:0]
	b.Heartbeats = b.Heartbeats[:0]
	b.layout = b.layout[:0]
}

// Len returns the number of readings and records in the batch; a wave counts
// as one.
func (b *Batch) Len() int {
	return len(b.Numerics) + len(b.Waves) + len(b.Enumerations) + len(b.Alerts) +
		len(b.Events) + len(b.Drops) + len(b.Heartbeats)
}

// AddWave appends a wave and returns it, with Samples empty and ready to be
// appended to; memory of an earlier batch is reused. The pointer is good until
// the next AddWave or Reset.
func (b *Batch) AddWave() *Wave {
	n := len(b.Waves)
	if n == cap(b.Waves) {
		b.Waves = append(b.Waves, Wave{})
	} else {
		b.Waves = b.Waves[:n+1]
	}
	w := &b.Waves[n]
	*w = Wave{Samples: w.Samples[:0]}
	return w
}

// section is rows (n of them), columns (n times of each of k metrics; kind is
// kindMoment whatever the form of the times), or n records of one other kind in
// a row, each of which is a section on the wire.
type section struct {
	kind uint8
	n, k uint32
}
