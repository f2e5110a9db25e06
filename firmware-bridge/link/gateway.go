package link

// GatewayConfig is what a Gateway is made from.
type GatewayConfig struct {
	Receive []byte                // holds the frame that is coming in; MaxFrame bytes
	Window  byte                  // 0: DefaultWindow
	Random  func(*[32]byte) error // a cryptographic random generator, for challenges
}

// DefaultWindow is how many data frames may be unacknowledged.
const DefaultWindow = 8

// GatewayHandler is told what a sensor says. Gateway.Receive calls it; what the
// arguments point to lasts until the method returns. The methods must not call
// the Gateway's Receive or Send; Durable and SetWindow are fine.
type GatewayHandler interface {
	// Hello decides whether to go on with a sensor that says hello; 0: yes.
	Hello(h *Hello) Reason
	// Proof verifies the signature of message by the key of the hello's KeyID; 0:
	// the sensor is accepted. It is not called for a sensor without key.
	Proof(h *Hello, message, signature []byte) Reason
	// Begin is called when a sensor has been accepted whose session is not the
	// one that the Gateway had last. If the caller remembers the session (that of
	// this KeyID), it returns the number below which all is durable.
	Begin(h *Hello) (next uint32, known bool)
	// Data takes a data frame, in order, each once. False: not taken, it comes again.
	Data(d *Data) bool
	Heartbeat(b *Heartbeat)
	Log(l *Log)
}

// GatewayPhase is how far a gateway has come with its sensor.
type GatewayPhase byte

// Phases of a gateway.
const (
	GatewayIdle       GatewayPhase = iota // no sensor: polls
	GatewayChallenged                     // waits for a proof
	GatewayAccepted                       // takes data
	GatewayRefused                        // takes nothing
)

// GatewayState tells how a Gateway is doing.
type GatewayState struct {
	Phase     GatewayPhase
	Reason    Reason // why the sensor is refused, 0 otherwise
	KeyID     KeyID  // of the newest hello that was heard; proven in GatewayAccepted only
	Session   uint32 // likewise; 0: none yet
	Taken     uint32 // all below this number was given to Data
	Durable   uint32 // all below this number is acknowledged
	Heard     uint64 // when the last frame of the sensor came
	Good, Bad uint64 // frames received, and damaged ones
	Ignored   uint64 // good frames that were malformed, unknown or out of place
}

// Gateway is the gateway's end of a link. It is used by one goroutine.
type Gateway struct{}

// Init begins without a sensor; the Gateway forgets all that it knew. The error
// is ErrConfig.
func (g *Gateway) Init(c GatewayConfig) error { return nil }

// Receive takes bytes that came from the line and tells h.
func (g *Gateway) Receive(p []byte, now uint64, h GatewayHandler) {}

// Durable says that of this session all below next is on disk: it will be
// acknowledged. Another session, or more than was taken, is ignored.
func (g *Gateway) Durable(session, next uint32) {}

// SetWindow changes the window; 0 is a pause.
func (g *Gateway) SetWindow(n byte) {}

// SetTime gives what time messages say: t holds at now, and the Gateway counts on
// from there. It goes out at once when the beacon is new or the time becomes
// known or unknown, and every 60 s. Call it every minute or more often, and
// whenever the clock is set.
func (g *Gateway) SetTime(t Time, now uint64) {}

// Send appends the next frame that is due, and nothing when none is. Write it to
// the line at once, and call again when it is written; MaxAnswer bytes suffice.
func (g *Gateway) Send(dst []byte, now uint64) []byte { return dst }

// Next returns when Send will have something if nothing arrives before: now when
// it has.
func (g *Gateway) Next(now uint64) uint64 { return now }

// State returns how the Gateway is doing.
func (g *Gateway) State() GatewayState { return GatewayState{} }

// MaxAnswer is how many bytes the longest frame of a gateway has on the wire.
const MaxAnswer = 1 + welcomeSize + CRCSize + 1 + 1
