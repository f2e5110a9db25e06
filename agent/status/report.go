package status

import "time"

// Report is how an agent is doing: counts, times and names that its operator gave,
// never a reading, a label or a secret. It is what `vitalseal status -json` prints.
// A time that is not known, or that never was, is absent.
type Report struct {
	At      time.Time `json:"at"`
	Gateway string    `json:"gateway"`
	Version string    `json:"version,omitempty"`
	Started time.Time `json:"started"`

	// Problems are what somebody should look at, the worst first.
	Problems []Problem `json:"problems"`

	Broker       Broker        `json:"broker"`
	Outbox       Outbox        `json:"outbox"`
	Receipts     []Receipt     `json:"receipts,omitempty"` // of each receiver that has to sign for what it has
	Disk         Disk          `json:"disk"`
	Clock        Clock         `json:"clock"`
	Certificates []Certificate `json:"certificates"`
	Roster       Roster        `json:"roster"`
	Sensors      []Sensor      `json:"sensors"`
}

// Severity is how bad a Problem is.
type Severity string

// Broken is something that does not work now; Warning is something that works and
// may not for long.
const (
	Broken  Severity = "problem"
	Warning Severity = "warning"
)

// Problem is one thing that is not as it should be.
type Problem struct {
	Severity Severity  `json:"severity"`
	What     string    `json:"what"` // "broker", "sensor oximeter-3"
	Why      string    `json:"why"`
	Since    time.Time `json:"since,omitzero"`
	Hint     string    `json:"hint,omitempty"` // the next step
}

// Broker is about the connection to the broker.
type Broker struct {
	URL          string    `json:"url"`
	Connected    bool      `json:"connected"`
	Since        time.Time `json:"since,omitzero"`             // of the change to or from Connected
	Connections  uint64    `json:"connections"`                // since the start
	LastAck      time.Time `json:"last_acknowledged,omitzero"` // when the broker last took an envelope
	Acknowledged uint64    `json:"acknowledged"`               // envelopes, since the start
	Flying       int       `json:"in_flight"`                  // published and not yet acknowledged
	Error        string    `json:"error,omitempty"`            // why it is not connected
}

// Receipt is about a receiver that has to sign for what it has before the
// outbox gives it up. Counts of envelopes, but for Receipts.
type Receipt struct {
	Receiver string    `json:"receiver"`
	Receipts uint64    `json:"receipts"`               // that count, since the start
	Last     time.Time `json:"last_receipt,omitzero"`  // when the newest of them came
	Behind   uint64    `json:"behind"`                 // on disk, and not signed for
	Oldest   time.Time `json:"oldest_behind,omitzero"` // when the oldest of them was stored
	GivenUp  uint64    `json:"given_up"`               // that it will never take, since the start
	Refused  uint64    `json:"refused"`                // receipts, and claims in them, that do not count, since the start
	Error    string    `json:"error,omitempty"`        // why what it signed last does not count, or cannot
}

// Outbox is about what waits for the broker and for receipts. Counts of envelopes.
type Outbox struct {
	Waiting uint64    `json:"waiting"`
	Urgent  uint64    `json:"urgent"`           // of which alerts, anchors and accounts of drops
	Oldest  time.Time `json:"oldest,omitzero"`  // when the oldest of them was stored
	Bytes   int64     `json:"bytes"`            // on disk
	Max     int64     `json:"max_bytes"`        // what Bytes may become
	Dropped uint64    `json:"dropped"`          // for want of room, since the start
	Corrupt uint64    `json:"corrupt"`          // found unreadable, since the start
	Refused uint64    `json:"readings_refused"` // readings that were not taken, since the start
	Low     bool      `json:"low_disk"`         // it does not grow: the disk has too little left for others

	// Unstored is since when data are published from memory, because the disk has no
	// room; InMemory are the envelopes that a power cut would lose.
	Unstored   time.Time `json:"unstored_since,omitzero"`
	InMemory   uint64    `json:"in_memory"`
	FromMemory uint64    `json:"published_from_memory"` // since the start

	Error string `json:"error,omitempty"` // why readings cannot be sealed or stored now
}

// Disk is about the file system of the data directory. 0 in a Total: not
// known on this system.
type Disk struct {
	FreeBytes   uint64 `json:"free_bytes"` // for this user
	TotalBytes  uint64 `json:"total_bytes"`
	FreeInodes  uint64 `json:"free_inodes"`
	TotalInodes uint64 `json:"total_inodes"` // 0 also where there is no bound
	Error       string `json:"error,omitempty"`
}

// Clock is about the wall clock. Error is the bound on its error in
// milliseconds while it is in step.
type Clock struct {
	Set    bool   `json:"set"`
	InStep bool   `json:"in_step"`
	Error  uint32 `json:"error_ms,omitempty"`
}

// Certificate is about a certificate file, and for "authority" about the one
// in it that ends first.
type Certificate struct {
	Name      string    `json:"name"` // "gateway" or "authority"
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	Error     string    `json:"error,omitempty"`
}

// Roster is about the site's list of devices and recipients.
type Roster struct {
	Serial     uint64    `json:"serial"`
	Issued     time.Time `json:"issued,omitzero"`
	Devices    int       `json:"devices"`
	Recipients int       `json:"recipients"`
	Error      string    `json:"error,omitempty"`
}

// LineState says how the line to a sensor is.
type LineState string

// The states of a line.
const (
	LineStarting    LineState = "starting"    // not opened yet
	LineFailed      LineState = "failed"      // it cannot be served: see Error; it is tried again
	LineUnavailable LineState = "unavailable" // the port cannot be opened
	LineOpen        LineState = "open"
	LineSilent      LineState = "silent"   // nothing is heard on it
	LineLost        LineState = "lost"     // the port was there and is gone
	LineReplaced    LineState = "replaced" // another adapter is where this one was
	LineGarbled     LineState = "garbled"  // bytes come that make no frame
	LineRefused     LineState = "refused"  // what is on it is not the device that belongs there
)

// lineStates are all of them, for those who list them.
var lineStates = []LineState{LineStarting, LineFailed, LineUnavailable, LineOpen, LineSilent, LineLost, LineReplaced,
	LineGarbled, LineRefused}

// Sensor is about one sensor and its line.
type Sensor struct {
	Device string `json:"device"`
	Driver string `json:"driver"`
	Mode   string `json:"mode,omitempty"` // of a link
	Port   string `json:"port"`

	Line  LineState `json:"line"`
	Since time.Time `json:"since,omitzero"`  // of the line's last change
	Error string    `json:"error,omitempty"` // of the port, of the sensor or of its chain
	Hint  string    `json:"hint,omitempty"`

	Last     time.Time `json:"last_reading,omitzero"` // of a device that seals: its last message
	Recorded uint64    `json:"recorded"`              // readings, of a device that seals messages, since the start
	Refused  uint64    `json:"refused"`               // likewise

	Bytes uint64 `json:"bytes"` // that came, since the start
	Good  uint64 `json:"good"`  // frames, since the line was first opened or the decoder failed
	Bad   uint64 `json:"bad"`   // frames, damaged
	Link  *Link  `json:"link,omitempty"`
}

// Link is about a session of the link.
type Link struct {
	Phase   string `json:"phase"`             // "idle", "challenged", "accepted" or "refused"
	Reason  string `json:"reason,omitempty"`  // why it is refused
	Session uint32 `json:"session,omitempty"` // its number, while it is accepted
	Waiting uint32 `json:"waiting"`           // frames that were taken and are not on disk yet
	Full    bool   `json:"full"`              // the sensor has to wait: what it says cannot be stored
}
