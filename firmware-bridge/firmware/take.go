package firmware

import (
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// The methods below take readings. A Time is the uptime at which the reading was
// made, a wave's that of its first sample; one earlier than the anchor's origin
// (at most 5 s before the anchor) becomes that. An error says what is wrong with
// the reading itself, and then it is not taken. When the ring is full because
// the gateway is away, batches get longer first, then waves are given up, and then
// the oldest readings; a signed record says how many they were.

// Numeric takes one value of one metric.
func (s *Sensor) Numeric(n vital.Numeric) error {
	if err := n.Validate(); err != nil {
		return err
	}
	w := &s.open
	if len(w.batch.Numerics) == cap(w.batch.Numerics) && !s.flush(n.Time) {
		s.dropOldest()
	}
	s.makeRoom(n.Time, numericCost)
	n.Time = s.enter(n.Time, numericCost)
	w.batch.Numerics = append(w.batch.Numerics, n)
	return nil
}

// Wave takes a piece of a wave, whose samples are copied. More samples than
// Config.Samples, or than a message holds, are ErrTooLong.
func (s *Sensor) Wave(v *vital.Wave) error {
	if err := v.Validate(); err != nil {
		return err
	}
	w := &s.open
	cost := waveCost + sampleBytes(v.Samples)
	if len(v.Samples) > cap(w.samples) || cost+batchCost > s.config.Payload {
		return ErrTooLong
	}
	if s.ringBelow(3) {
		w.recorded++
		s.lose(1) // numerics matter more, and get what is left of the ring
		return nil
	}
	if len(w.batch.Waves) == maxWaves || len(w.samples)+len(v.Samples) > cap(w.samples) {
		s.flush(v.Time)
	}
	s.makeRoom(v.Time, cost)
	for len(w.batch.Waves) == maxWaves || len(w.samples)+len(v.Samples) > cap(w.samples) {
		s.dropWave()
	}
	at := len(w.samples)
	w.samples = append(w.samples, v.Samples...)
	taken := *v
	taken.Time = s.enter(v.Time, cost)
	taken.Samples = w.samples[at:len(w.samples):len(w.samples)]
	w.batch.Waves = append(w.batch.Waves, taken)
	return nil
}

// sampleBytes is how many bytes samples take at most.
func sampleBytes(samples []int32) int {
	for _, v := range samples {
		if v != int32(int16(v)) {
			return 8 * len(samples)
		}
	}
	return 2 * len(samples)
}

// Enumeration takes a coded state.
func (s *Sensor) Enumeration(e vital.Enumeration) error {
	if err := e.Validate(); err != nil {
		return err
	}
	w := &s.open
	if len(w.batch.Enumerations) == maxEvents && !s.flush(e.Time) {
		w.dropEnumeration()
		s.lose(1)
	}
	cost := textCost + len(e.Text)
	s.makeRoom(e.Time, cost)
	e.Time = s.enter(e.Time, cost)
	w.batch.Enumerations = append(w.batch.Enumerations, e)
	return nil
}

// Event takes a fact about the device that is not a reading.
func (s *Sensor) Event(e vital.Event) error {
	if err := e.Validate(); err != nil {
		return err
	}
	w := &s.open
	if len(w.batch.Events) == maxEvents && !s.flush(e.Time) {
		w.dropEvent()
		s.lose(1)
	}
	cost := textCost + len(e.Text)
	s.makeRoom(e.Time, cost)
	e.Time = s.enter(e.Time, cost)
	w.batch.Events = append(w.batch.Events, e)
	return nil
}

// Alert takes an alarm. The next calls of Poll seal it, ahead of everything else
// and in a message of its own.
func (s *Sensor) Alert(a vital.Alert) error {
	if err := a.Validate(); err != nil {
		return err
	}
	w := &s.open
	if len(w.alerts) == maxAlerts {
		w.alerts = w.alerts[:copy(w.alerts, w.alerts[1:])]
		s.lose(1)
	}
	a.Time = max(a.Time, s.chain.origin)
	w.recorded++
	w.alerts = append(w.alerts, a)
	return nil
}

// enter counts a reading in and returns its time.
func (s *Sensor) enter(ms uint64, cost int) uint64 {
	w := &s.open
	ms = max(ms, s.chain.origin)
	if w.batch.Len() == 0 || ms < w.first {
		w.first = ms
	}
	w.cost += cost
	w.recorded++
	return ms
}

// flush seals what waits, ahead of its time, and reports whether it could. The
// first anchor waits no longer for the time.
func (s *Sensor) flush(now uint64) bool {
	now = max(now, s.chain.sealed)
	if !s.chain.begun && now >= s.chain.retry && s.link.Room(link.TypeAnchor) >= maxAnchor {
		s.anchor(now)
	}
	if s.chain.begun {
		s.sealOpen(now)
	}
	return s.open.batch.Len() == 0
}

// makeRoom sees to it that cost bytes more fit the payload of what waits.
func (s *Sensor) makeRoom(now uint64, cost int) {
	w := &s.open
	if w.cost+cost+batchCost <= s.config.Payload || s.flush(now) {
		return
	}
	for w.cost+cost+batchCost > s.config.Payload && len(w.batch.Waves) > 0 {
		s.dropWave()
	}
	for w.cost+cost+batchCost > s.config.Payload && s.dropOldest() {
	}
}

// lose counts readings that are given up.
func (s *Sensor) lose(n uint32) {
	s.open.drop(uint64(n))
	s.open.stuckAt = 0 // what is left may fit
	s.link.Dropped(n)
}

// dropWave gives up the oldest wave.
func (s *Sensor) dropWave() {
	w := &s.open
	n := len(w.batch.Waves[0].Samples)
	w.cost -= waveCost + sampleBytes(w.batch.Waves[0].Samples)
	w.samples = w.samples[:copy(w.samples, w.samples[n:])]
	w.batch.Waves = w.batch.Waves[:copy(w.batch.Waves, w.batch.Waves[1:])]
	at := 0
	for i := range w.batch.Waves {
		to := at + len(w.batch.Waves[i].Samples)
		w.batch.Waves[i].Samples = w.samples[at:to:to]
		at = to
	}
	s.lose(1)
}

// dropOldest gives up the oldest reading beside waves; false if there is none.
func (s *Sensor) dropOldest() bool {
	w, b := &s.open, &s.open.batch
	switch {
	case len(b.Numerics) > 0:
		b.Numerics = b.Numerics[:copy(b.Numerics, b.Numerics[1:])]
		w.cost -= numericCost
	case len(b.Enumerations) > 0:
		w.dropEnumeration()
	case len(b.Events) > 0:
		w.dropEvent()
	default:
		return false
	}
	s.lose(1)
	return true
}

func (w *waiting) dropEnumeration() {
	b := &w.batch
	w.cost -= textCost + len(b.Enumerations[0].Text)
	b.Enumerations = b.Enumerations[:copy(b.Enumerations, b.Enumerations[1:])]
}

func (w *waiting) dropEvent() {
	b := &w.batch
	w.cost -= textCost + len(b.Events[0].Text)
	b.Events = b.Events[:copy(b.Events, b.Events[1:])]
}
