package agent

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
