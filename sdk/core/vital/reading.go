package vital

// Limits of one batch. They bound what a receiver allocates for one message and
// are MUSTs of FORMAT.md.
const (
	MaxText    = 80    // bytes of UTF-8 in a text
	MaxSamples = 16384 // samples in one wave
	MaxEntries = 8192  // numerics in one batch
)

// Numeric is one value of one metric.
type Numeric struct {
	Time   uint64  // ms since the anchor
	Code   Code    // what was measured
	Unit   Unit    // in what
	Value  Decimal // as sent; NaN when Status has NotAvailable
	Status Status  // zero when good
}

// Wave is a run of equally spaced samples of one metric: a sample array.
//
// The physical value of sample s is (s − Zero) × Factor ÷ Divisor in Unit. A
// Factor of zero means that the device gives no scale (many pleth waves), and a
// Divisor of zero means 1. WFDB's gain of 2281 per mV is Factor 1, Divisor 2281.
type Wave struct {
	Time    uint64  // ms since the anchor, of the first sample
	Code    Code    // what was measured
	Unit    Unit    // in what, once scaled
	Rate    Decimal // samples a second, above zero
	Factor  Decimal
	Divisor uint32
	Zero    int32 // the sample that means nought
	Status  Status
	Coding  Coding  // how the samples are packed; CodingAuto picks the shortest
	Samples []int32 // at most MaxSamples
}

// Enumeration is a coded state of a metric or of the device.
type Enumeration struct {
	Time   uint64 // ms since the anchor
	Code   Code   // what is in the state
	Value  uint32 // the state: an MDC code or a vendor's number
	Status Status
	Text   string // at most MaxText bytes, may be empty
}

// AlertKind is the source of an alert (IEC 60601-1-8).
type AlertKind uint8

// Kinds of alert.
const (
	Physiological AlertKind = iota
	Technical
	Advisory
)

// Priority of an alert (IEC 60601-1-8).
type Priority uint8

// Priorities, lowest first.
const (
	PriorityNone Priority = iota
	PriorityLow
	PriorityMedium
	PriorityHigh
)

// AlertState tells whether an alert has begun or ended.
type AlertState uint8

// States of an alert.
const (
	AlertPresent AlertState = iota
	AlertLatched            // the cause is gone, the alert is held
	AlertEnded
)

// Alert is an alarm that the device raised, changed or ended. Alerts are never
// batched: each is sealed and sent at once.
type Alert struct {
	Time     uint64 // ms since the anchor
	Source   Code   // the metric concerned, 0 for the device itself
	Kind     AlertKind
	Priority Priority
	State    AlertState
	Value    Decimal // the value that raised it, or NaN
	Limit    Decimal // the limit it crossed, or NaN
	Text     string  // the device's words, at most MaxText bytes
}

// EventKind names a fact about the line, the device or the sealer.
type EventKind uint8

// Kinds of event. The numbers are wire constants: never reuse one.
const (
	EventStarted      EventKind = 1  // the sealer started
	EventStopped      EventKind = 2  // it was asked to stop
	EventLineOpened   EventKind = 3  // the port is open
	EventLineLost     EventKind = 4  // the port is gone: unplugged, or an I/O error
	EventLineSilent   EventKind = 5  // the port is open and nothing arrives
	EventLineResumed  EventKind = 6  // bytes arrive again
	EventBadFrames    EventKind = 7  // Count frames failed their check
	EventDecoderPanic EventKind = 8  // the decoder failed and was started anew
	EventWrongDevice  EventKind = 9  // another device answers on this line
	EventClockStep    EventKind = 10 // the wall clock moved
	EventIdentified   EventKind = 11 // Text is what the device says of itself
	// What a gateway says of a device on one of its ports that it does not
	// believe: nothing of it is taken. EventWrongDevice is one of these too.
	EventUnknownDevice EventKind = 12 // a device that is not enrolled, or not any more
	EventImpostor      EventKind = 13 // a device that could not prove that it is the one it says
	EventRefused       EventKind = 14 // Count messages were not the device's own, or not such as it may send

	EventDeviceClock EventKind = 15 // Text is what the device's own clock says, as it says it
	EventGarbled     EventKind = 16 // Count bytes arrived and no frame of this kind of device was among them
	EventReplaced    EventKind = 17 // another adapter is plugged in where this port's was

	// What a gateway says of its own store. Count is 0 where it cannot be known.
	EventDamage EventKind = 18 // Count records of the outbox were damaged; Text says which
	// While there is no room on its disk, it publishes from memory: a power cut loses
	// what waits.
	EventUnstored EventKind = 20 // there is no room any more
	EventStored   EventKind = 21 // there is room again; Count envelopes were published from memory

	// What a gateway says of a receiver. Text names it, and the chain.
	EventReceipt EventKind = 19 // it signed for another message than was sealed: the receipt is forged, or the chain forked
)

var eventNames = [...]string{
	EventStarted: "started", EventStopped: "stopped", EventLineOpened: "line-opened",
	EventLineLost: "line-lost", EventLineSilent: "line-silent", EventLineResumed: "line-resumed",
	EventBadFrames: "bad-frames", EventDecoderPanic: "decoder-panic",
	EventWrongDevice: "wrong-device", EventClockStep: "clock-step", EventIdentified: "identified",
	EventUnknownDevice: "unknown-device", EventImpostor: "impostor", EventRefused: "refused",
	EventDeviceClock: "device-clock", EventGarbled: "garbled", EventReplaced: "replaced",
	EventDamage: "damage", EventReceipt: "receipt", EventUnstored: "unstored", EventStored: "stored",
}

// String returns the name used in JSON lines, or "event-N".
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return "event-" + string(appendUint(nil, uint32(k)))
}

// Event is a signed fact that is not a reading.
type Event struct {
	Time  uint64 // ms since the anchor
	Kind  EventKind
	Count uint32 // how often, where that has a meaning
	Text  string // at most MaxText bytes; never a reading
}

// DropReason says why readings or envelopes are missing.
type DropReason uint8

// Reasons. The numbers are wire constants.
const (
	DropBound   DropReason = 1 // the open batch was full: readings refused
	DropStore   DropReason = 2 // the outbox was full: oldest envelopes dropped
	DropCorrupt DropReason = 3 // the outbox could not read an envelope back
	DropTooLate DropReason = 4 // older than the configured age
	DropSensor  DropReason = 5 // the sensor dropped readings before its gateway had them
)

var dropNames = [...]string{DropBound: "bound", DropStore: "store-full", DropCorrupt: "store-corrupt", DropTooLate: "too-late", DropSensor: "sensor"}

// String returns the name used in JSON lines, or "reason-N".
func (r DropReason) String() string {
	if int(r) < len(dropNames) && dropNames[r] != "" {
		return dropNames[r]
	}
	return "reason-" + string(appendUint(nil, uint32(r)))
}

// Dropped admits to a loss: Count readings that were never sealed (From and To
// are 0), or the envelopes with the sequence numbers From to To under the anchor
// EID.
type Dropped struct {
	Time   uint64 // ms since the anchor
	Reason DropReason
	Count  uint64 // readings or envelopes
	EID    [8]byte
	From   uint64
	To     uint64
}

// Heartbeat says that the device is alive and how long until it says so again.
type Heartbeat struct {
	Time     uint64 // ms since the anchor
	Interval uint32 // ms until the next one at the latest
	Recorded uint64 // readings recorded since the anchor, to be counted against
}
