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
	// Receive holds the frame that is coming in, MinFrame bytes or more. Its length
	// is what the sensor announces as the longest frame that it takes.
	Receive []byte
	// First is the number of the first data frame; 0: 1. The number after the last
	// one used, in a sensor that keeps its session over a reset.
	First uint32
}

// KeepCost is how many bytes of Keep a data frame takes beside its body.
const KeepCost = 3

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
// main loop: Receive is not for an interrupt handler.
type Sensor struct{}

// Init begins a session; the Sensor forgets all that it knew. The error is
// ErrConfig.
func (s *Sensor) Init(c SensorConfig) error { return nil }

// Receive takes bytes that came from the line.
func (s *Sensor) Receive(p []byte, now uint64) {}

// Queue keeps a copy of a body until the gateway has acknowledged it. Errors are
// ErrFull (try again later), ErrTooLarge and ErrType.
func (s *Sensor) Queue(t Type, body []byte) error { return nil }

// Room returns the length of the longest body of type t that Queue takes now.
func (s *Sensor) Room(t Type) int { return 0 }

// Send appends the next frame that is due, and nothing when none is. Call it
// again when the bytes are on their way; dst needs WireLen of the longest frame,
// or MaxWire.
func (s *Sensor) Send(dst []byte, now uint64) []byte { return dst }

// Next returns when Send will have something if nothing arrives and nothing is
// queued before: now when it has.
func (s *Sensor) Next(now uint64) uint64 { return now }

// Log sends a line. There is room for one: a newer takes the place of one that
// has not gone out. Text over MaxLog bytes is cut, bytes that are not UTF-8
// become question marks. It never holds readings.
func (s *Sensor) Log(level byte, text string) {}

// Time returns the newest time message and the uptime at which it arrived. Its
// Error has TimeLatency added.
func (s *Sensor) Time() (t Time, at uint64, ok bool) { return Time{}, 0, false }

// State returns how the Sensor is doing.
func (s *Sensor) State() SensorState { return SensorState{} }

// Dropped adds to the count of readings that the sensor could not keep, which
// heartbeats carry.
func (s *Sensor) Dropped(n uint32) {}

// TimeLatency is by how many ms a time message may be late at the sensor.
const TimeLatency = 250
