package agent

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// LinkSession and LinkMemory are what tests see of the memory of a link.
type (
	LinkSession = linkSession
	LinkMemory  = linkMemory
)

// OpenLinkMemory opens the memory of a device in a directory.
func OpenLinkMemory(dir, device string, stored sdk.Recover) (*LinkMemory, error) {
	return openLinkMemory(dir, device, stored)
}

func (m *linkMemory) Last() LinkSession         { s, _ := m.position(); return s }
func (m *linkMemory) Store(s LinkSession) error { return m.store(s) }
func (m *linkMemory) Flush() error              { return m.flush() }
func (m *linkMemory) Unknown() bool             { return m.unknown }
func (m *linkMemory) Close() error              { return m.close() }

// After is the progress of a frame that was taken whole.
func After(s LinkSession, serial uint64) sdk.Progress {
	return sdk.Progress{Token: offered{session: s, serial: serial}}
}

// AfterAlerts is the progress of some alarms of a frame of which others were stored before.
func AfterAlerts(s LinkSession, skipped uint32, alerts int) sdk.Progress {
	return sdk.Progress{Token: offered{session: s, skipped: skipped}, Alerts: alerts}
}

// ParseMemory reads one slot.
func ParseMemory(b [memorySize]byte) (LinkSession, bool) {
	_, it, ok := parseMemory(b[:])
	return it.session, ok
}

// Sizes of what a slot holds, and of a slot.
const (
	MemorySize = memorySize
	MemorySlot = memorySlot
)

// Failpoint has the memory of each link say where it is.
func (o *Options) Failpoint(at func(where string)) { o.fail = at }

// Bucket bounds what is told.
type Bucket = bucket

// NewBucket lets burst through at once and then one each while.
func NewBucket(burst int, every time.Duration) *Bucket { return &bucket{burst: burst, every: every} }

func (b *bucket) Take(n uint64, now time.Time) uint64 { return b.take(n, now) }

// Onto puts times of a sensor's uptime onto the clock here.
func Onto(b *vital.Batch, now uint64, arrived time.Time) time.Time { return onto(b, now, arrived) }

// EachTime calls do with each time of a batch.
func EachTime(b *vital.Batch, do func(*uint64)) { eachTime(b, do) }
