package gedri

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	// DefaultInterval is the time between two sets of numbers, and the shortest.
	DefaultInterval = 5 * time.Second

	wavesMax   = 8
	samplesMax = 600 // a second
)

// Config is what a decoder can be told. The zero value is a good one.
type Config struct {
	Waves    []string      // to ask for; default: see the package comment
	Interval time.Duration // between two sets of numbers, whole seconds; default: DefaultInterval
}

// Decoder reads what a monitor sends, and is the host's side of the line. Make one
// with New.
type Decoder struct {
	frames  frames
	numbers numbers
	labels  [9]int // of pressure channels 1 to 8, 0: not told
	leads   [4]int // of ECG channels 1 to 3
	level   byte
	plug    uint16
	known   bool
	host    host
}

// New returns a decoder.
func New(cfg Config) (*Decoder, error) {
	interval := cfg.Interval
	if interval == 0 {
		interval = DefaultInterval
	}
	if interval < DefaultInterval || interval%time.Second != 0 || interval > 32767*time.Second {
		return nil, fmt.Errorf("gedri: interval %v: a monitor takes whole seconds from %v on", interval, DefaultInterval)
	}
	names := cfg.Waves
	if len(names) == 0 {
		names = defaultWaves[:]
	}
	d := &Decoder{host: host{interval: interval}}
	if len(names) == 1 && names[0] == "none" {
		return d, nil
	}
	var err error
	d.host.waves, err = wavesOf(names)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// wavesOf returns the types of the waves with the names.
func wavesOf(names []string) ([]byte, error) {
	var types []byte
	sum := 0
	for _, name := range names {
		i := slices.IndexFunc(waveTypes[:], func(w wave) bool { return w.name == name })
		if i < 0 {
			return nil, fmt.Errorf("gedri: no wave %q: known are %s, or none", name, strings.Join(waveNames(), ", "))
		}
		w := &waveTypes[i]
		if slices.Contains(types, w.sub) {
			return nil, fmt.Errorf("gedri: wave %q is asked for twice", name)
		}
		types, sum = append(types, w.sub), sum+w.hz
	}
	if len(types) > wavesMax || sum > samplesMax {
		return nil, fmt.Errorf("gedri: %d waves with %d samples a second: a monitor sends at most %d with %d", len(types), sum, wavesMax, samplesMax)
	}
	return types, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		if r := d.frames.next(b); r != nil && !d.record(dst, r) {
			d.frames.good--
			d.frames.bad++
		}
	}
}

// Flush ends the stream. A frame that is not complete is dropped and counted.
func (d *Decoder) Flush(*vital.Batch) { d.frames.flush() }

// Frames counts as the package comment says.
func (d *Decoder) Frames() (good, bad uint64) { return d.frames.good, d.frames.bad }

// record reads a record with a right sum; false if it contradicts itself.
func (d *Decoder) record(dst *vital.Batch, r []byte) bool {
	h := headerOf(r)
	switch h.kind {
	case typeNumbers:
		if !numbersFit(r) {
			return false
		}
		d.takeNumbers(dst, r, h)
	case typeWaves:
		if !wavesFit(r) {
			return false
		}
		d.takeWaves(dst, r, h)
	}
	return true
}

// identify tells of a monitor that is new on the line.
func (d *Decoder) identify(dst *vital.Batch, h header) {
	if d.known && d.level == h.level && d.plug == h.plug {
		return
	}
	if d.known {
		d.numbers, d.labels, d.leads = numbers{}, [9]int{}, [4]int{}
	}
	d.known, d.level, d.plug = true, h.level, h.plug
	name := "unknown"
	if int(h.level) < len(levels) && levels[h.level] != "" {
		name = levels[h.level]
	}
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified,
		Text: fmt.Sprintf("GE S/5 monitor, interface level %d (%s), plug %d", h.level, name, h.plug)})
}

// levels are the marketing names of the interface levels.
var levels = [...]string{2: "'95", 3: "'97", 4: "'98", 5: "'99", 6: "'01", 7: "'02", 8: "'03", 9: "'05", 10: "'09", 11: "'15"}
