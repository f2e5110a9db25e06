package receive

import (
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// Counts are numbers by Verdict.
type Counts [verdictCount]uint64

// Stats are counts since Open, and where each device stands. There are no
// readings in them.
type Stats struct {
	// Verdicts counts messages and findings: a message that leaves a gap counts
	// as Valid and its gap as Gap; one that fills a gap as Valid and as Filled.
	Verdicts Counts
	Devices  []DeviceStats // in the order of their key ids

	Pending      int // messages that wait for their anchor
	PendingBytes int
}

// DeviceStats is where one registered device stands.
type DeviceStats struct {
	Device   keys.KeyID
	Boot     uint64    // of the newest chain, 0: none yet
	EID      seal.EID  // of the newest chain
	Seq      uint64    // the highest received of the newest chain
	Missing  uint64    // of the newest chain, below Seq
	Heard    time.Time // when the newest chain last moved on; zero: never
	Silent   bool
	Verdicts Counts
}

type stats struct {
	verdicts Counts
	devices  map[keys.KeyID]*DeviceStats
}

type count struct {
	kid        keys.KeyID
	registered bool
	verdict    Verdict
}

func newStats() stats { return stats{devices: map[keys.KeyID]*DeviceStats{}} }

func (s *stats) device(kid keys.KeyID) *DeviceStats {
	d, ok := s.devices[kid]
	if !ok {
		d = &DeviceStats{Device: kid}
		s.devices[kid] = d
	}
	return d
}

// add counts a verdict. Strangers have no numbers of their own, so that they
// cannot fill the memory.
func (s *stats) add(c count) {
	s.verdicts[c.verdict]++
	if c.registered {
		s.device(c.kid).Verdicts[c.verdict]++
	}
}

// see notes where a device stands.
func (s *stats) see(d *device) {
	e := s.device(d.kid)
	e.Boot, e.EID, e.Silent = d.highest, d.newest, d.silent
	if d.heard != 0 {
		e.Heard = time.UnixMilli(d.heard).UTC()
	}
	c, ok := d.chains[d.newest]
	if !ok {
		return
	}
	e.Seq, e.Missing = c.received.Max(), 0
	received := uint64(0)
	for _, run := range c.received.Runs() {
		received += run.Last - run.First + 1
	}
	e.Missing = e.Seq + 1 - received
}

// Stats returns the counts.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Verdicts: r.stats.verdicts, Pending: r.pending.count(), PendingBytes: r.pending.bytes}
	for _, d := range r.stats.devices {
		s.Devices = append(s.Devices, *d)
	}
	slices.SortFunc(s.Devices, func(a, b DeviceStats) int { return slices.Compare(a.Device[:], b.Device[:]) })
	return s
}
