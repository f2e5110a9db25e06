package link

// Signer signs as the device; a Signer of package keys is one.
type Signer interface {
	// Sign appends the 64 bytes of the signature of message to dst. It takes less
	// than 4 s.
	Sign(dst, message []byte) ([]byte, error)
}

// SensorConfig is what a Sensor is made from. The slices are the Sensor's own
// from Init on.
type SensorConfig struct {
	Session      uint32       // differs from that of every earlier boot; not 0
	KeyID        KeyID        // all zero: a sensor without key
	Signer       Signer       // set if and only if KeyID is
	Capabilities Capabilities // 0: CapPlain without Signer, CapSealed with one
	Firmware     string       // UTF-8, at most MaxFirmware bytes

	// Keep holds data frames until they are acknowledged: their bodies and KeepCost
	// bytes more for each.
	Keep []byte
	// Receive holds the frame that is coming in: MinFrame bytes or more. Its
	// length is what the sensor announces as the longest frame that it takes.
	Receive []byte
	// First is the number of the first data frame; 0: 1. It is for a sensor that
	// keeps its session over a reset, and goes on with the number after the last.
	First uint32
}

// SensorPhase is how far a sensor has come.
type SensorPhase byte

// Phases of a sensor.
const (
	SensorHello    SensorPhase = iota // says hello, nobody has answered
	SensorWelcomed                    // proves who it is
	SensorAccepted                    // sends data
	SensorRefused                     // says hello every 10 s
)

// SensorState tells how a Sensor is doing.
type SensorState struct {
	Phase     SensorPhase
	Reason    Reason // why it is refused, 0 otherwise
	Unacked   int    // data frames kept
	Acked     uint32 // all data frames below this number are durable at the gateway
	Next      uint32 // number that the next queued data frame gets
	Good, Bad uint64 // frames received, and damaged ones
}

// Sensor is the sensor's end of a link. It is used by one goroutine, or by one
// main loop: none of its methods is for an interrupt handler.
type Sensor struct {
	session      uint32
	kid          KeyID
	signer       Signer
	capabilities Capabilities
	firmware     string
	maxFrame     uint16

	decoder Decoder
	encoder encoder
	flight  flight

	phase   SensorPhase
	reason  Reason
	helloAt uint64 // when the next hello is due
	saidAt  uint64 // when the last one went out
	said    bool   // one went out
	proofAt uint64 // when the next proof is due
	proofOK uint64 // when one may go out, since the last
	heard   uint64 // when the last good frame came
	sent    uint64 // when the last frame went out
	dropped uint32

	message    [proofMessageSize]byte // what the proof signs; the challenge is its end
	messageLen int                    // 0: no challenge yet
	proof      [proofSize]byte        // the frame
	proved     bool                   // the proof of this challenge went out
	scratch    [helloSize + MaxFirmware]byte

	log     [logSize + MaxLog]byte // a frame
	logLen  int                    // 0: none
	logLast bool                   // the last frame that went out was one

	time   Time
	timeAt uint64
	timeOK bool
}

// Init begins a session; the Sensor forgets all that it knew. The error is
// ErrConfig.
func (s *Sensor) Init(c SensorConfig) error {
	if c.Capabilities == 0 {
		c.Capabilities = CapPlain
		if c.Signer != nil {
			c.Capabilities = CapSealed
		}
	}
	if c.First == 0 {
		c.First = 1
	}
	if len(c.Receive) > MaxFrame {
		c.Receive = c.Receive[:MaxFrame]
	}
	if !c.valid() {
		return ErrConfig
	}
	*s = Sensor{
		session: c.Session, kid: c.KeyID, signer: c.Signer, capabilities: c.Capabilities,
		firmware: c.Firmware, maxFrame: uint16(len(c.Receive)),
	}
	s.decoder.Reset(c.Receive)
	s.flight.begin(c.Keep, c.First)
	return nil
}

// valid reports whether the fields go together.
func (c *SensorConfig) valid() bool {
	if c.Session == 0 || len(c.Receive) < MinFrame || len(c.Keep) <= KeepCost {
		return false
	}
	if (c.KeyID == KeyID{}) != (c.Signer == nil) {
		return false
	}
	if c.Capabilities&^(CapPlain|CapSealed) != 0 || c.Capabilities&CapSealed != 0 && c.Signer == nil {
		return false
	}
	return len(c.Firmware) <= MaxFirmware && validText([]byte(c.Firmware))
}

// Queue keeps a copy of a body until the gateway has acknowledged it. Errors are
// ErrFull (try again later), ErrTooLarge and ErrType; they change nothing.
func (s *Sensor) Queue(t Type, body []byte) error {
	switch {
	case !s.capabilities.allow(t):
		return ErrType
	case len(body) == 0, len(body) > s.flight.largest(t):
		return ErrTooLarge
	case len(body) > s.flight.keep.free():
		return ErrFull
	}
	s.flight.queue(t, body)
	return nil
}

// Room returns the length of the longest body of type t that Queue takes now.
func (s *Sensor) Room(t Type) int {
	if !s.capabilities.allow(t) {
		return 0
	}
	n := s.flight.keep.free()
	if largest := s.flight.largest(t); n > largest {
		n = largest
	}
	if n < 0 {
		return 0
	}
	return n
}

// allow reports whether a sensor with these capabilities sends data frames of
// type t.
func (c Capabilities) allow(t Type) bool {
	switch t {
	case TypeReadings:
		return c&CapPlain != 0
	case TypeAnchor, TypeSealed:
		return c&CapSealed != 0
	}
	return false
}

// Log sends a line. There is room for one: a newer takes the place of one that
// has not gone out. Text over MaxLog bytes is cut, a level over LevelError is
// LevelError, and bytes that are not UTF-8 become question marks. It never holds
// readings.
func (s *Sensor) Log(level byte, text string) {
	if level > LevelError {
		level = LevelError
	}
	frame := append(appendUint32(append(s.log[:0], byte(TypeLog)), s.session), level)
	cut := len(text) > MaxLog
	if cut {
		text = text[:MaxLog]
	}
	frame = append(frame, text...)
	n := repairText(frame[logSize:], cut)
	s.logLen = 0
	if n > 0 {
		s.logLen = logSize + n
	}
}

// Time returns the newest time message and the uptime at which it arrived. Its
// Error has TimeLatency added.
func (s *Sensor) Time() (t Time, at uint64, ok bool) { return s.time, s.timeAt, s.timeOK }

// State returns how the Sensor is doing.
func (s *Sensor) State() SensorState {
	state := SensorState{
		Phase: s.phase, Unacked: int(s.flight.next - s.flight.base),
		Acked: s.flight.base, Next: s.flight.next,
	}
	if s.phase == SensorRefused {
		state.Reason = s.reason
	}
	state.Good, state.Bad = s.decoder.Counts()
	return state
}

// Dropped adds to the count of readings that the sensor could not keep, which
// heartbeats carry. It stays at its greatest value.
func (s *Sensor) Dropped(n uint32) {
	if s.dropped += n; s.dropped < n {
		s.dropped = 1<<32 - 1
	}
}
