package agent

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// LinkSession and LinkMemory are what tests see of the memory of a link.
type (
	LinkSession = linkSession
	LinkMemory  = linkMemory
)

// OpenLinkMemory opens the memory of a device in a directory.
func OpenLinkMemory(dir, device string) (*LinkMemory, error) { return openLinkMemory(dir, device) }

func (m *linkMemory) Last() LinkSession         { return m.last }
func (m *linkMemory) Store(s LinkSession) error { return m.store(s) }
func (m *linkMemory) Close() error              { return m.close() }

// ParseMemory reads one slot.
func ParseMemory(b [memorySize]byte) (LinkSession, bool) {
	_, s, ok := parseMemory(b[:])
	return s, ok
}

// MemorySize is the length of what a slot holds.
const MemorySize = memorySize

// Bucket bounds what is told.
type Bucket = bucket

// NewBucket lets burst through at once and then one each while.
func NewBucket(burst int, every time.Duration) *Bucket { return &bucket{burst: burst, every: every} }

func (b *bucket) Take(n uint64, now time.Time) uint64 { return b.take(n, now) }

// Onto puts times of a sensor's uptime onto the clock here.
func Onto(b *vital.Batch, now uint64, arrived time.Time) time.Time { return onto(b, now, arrived) }

// EachTime calls do with each time of a batch.
func EachTime(b *vital.Batch, do func(*uint64)) { eachTime(b, do) }
