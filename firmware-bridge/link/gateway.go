package link

// GatewayConfig is what a Gateway is made from. Receive is the Gateway's own
// from Init on.
type GatewayConfig struct {
	Receive []byte                // holds the frame that is coming in: MaxFrame bytes
	Window  byte                  // 0: DefaultWindow
	Random  func(*[32]byte) error // a cryptographic random generator, for challenges
}

// DefaultWindow is how many data frames may be unacknowledged.
const DefaultWindow = 8

// GatewayHandler is told what a sensor says. Gateway.Receive calls it; what the
// arguments point to lasts until the method returns. The methods must not call
// the Gateway's Receive or Send; the others are fine.
type GatewayHandler interface {
	// Hello decides whether to go on with a sensor that says hello; 0: yes.
	Hello(h *Hello) Reason
	// Proof verifies the signature of message by the key of the hello's KeyID; 0:
	// the sensor is accepted. It is not called for a sensor without key.
	Proof(h *Hello, message, signature []byte) Reason
	// Begin is called when a sensor has been accepted and its session is not the
	// one that the Gateway had last. If the caller remembers it (the session of
	// this KeyID, and whatever else tells devices apart), it returns the number
	// below which all is durable, and the sensor goes on there.
	Begin(h *Hello) (next uint32, known bool)
	// Data takes a data frame: in order, and each once in a session that is
	// remembered. False: not taken, it comes again.
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

// GatewayState tells how a Gateway is doing. A phase that goes back to
// GatewayIdle means that the sensor has gone.
type GatewayState struct {
	Phase     GatewayPhase
	Reason    Reason // why the sensor is refused, 0 otherwise
	KeyID     KeyID  // of the newest hello; proven in GatewayAccepted only
	Session   uint32 // likewise; 0: none yet
	Taken     uint32 // all below this number was given to Data
	Durable   uint32 // all below this number is acknowledged
	Heard     uint64 // when the last frame of the sensor came
	Good, Bad uint64 // frames received, and damaged ones
	Ignored   uint64 // good frames that were malformed, unknown or out of place
}

// Gateway is the gateway's end of a link. It is used by one goroutine.
type Gateway struct {
	random  func(*[32]byte) error
	decoder Decoder
	scratch [welcomeSize]byte

	phase     GatewayPhase
	reason    Reason
	hello     Hello // the newest; Firmware lies in firmware
	firmware  [MaxFirmware]byte
	challenge [challengeSize]byte
	drawn     bool                   // there is a challenge that nobody has answered
	message   [proofMessageSize]byte // what the proof signs

	// The session that numbers belong to, which stays while the sensor is away.
	session uint32 // 0: none yet
	kid     KeyID
	taken   uint32
	durable uint32
	window  byte
	limit   byte // the largest window of this session

	heard     uint64 // when the last frame of the sensor came
	helloAt   uint64 // when the last hello came
	pollAt    uint64 // these: when the next one is due
	welcomeAt uint64
	ackAt     uint64
	refuseAt  uint64
	timeAt    uint64
	acked     uint64 // when the last acknowledgement went out
	refused   uint64 // when the last refusal went out
	ignored   uint64

	time    Time
	timeSet uint64 // when time held
	timeOK  bool

	// What the handler is shown lies here, so that a call takes no heap.
	data Data
	beat Heartbeat
	line Log
}

// Init begins without a sensor; the Gateway forgets all that it knew. The error
// is ErrConfig.
func (g *Gateway) Init(c GatewayConfig) error {
	if len(c.Receive) < MaxFrame || c.Random == nil {
		return ErrConfig
	}
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	*g = Gateway{random: c.Random, window: c.Window, limit: c.Window}
	g.decoder.Reset(c.Receive[:MaxFrame])
	return nil
}

// Hangup says that the line was closed. There is no sensor then, and whoever is
// there when it opens again proves who it is; the numbers of the session stay.
// (After Init the caller remembers what is durable and not what was taken, so
// that frames in between come twice.)
func (g *Gateway) Hangup() {
	g.phase, g.drawn, g.pollAt = GatewayIdle, false, 0
	g.decoder.clear()
}

// Durable says that of a session all below next is on disk: it will be
// acknowledged. Another session, or more than was taken, is ignored.
func (g *Gateway) Durable(session, next uint32) {
	if session != g.session || session == 0 {
		return
	}
	if n := next - g.durable; n == 0 || n > g.taken-g.durable {
		return
	}
	g.durable = next
	g.ackAt = 0
}

// SetWindow changes the window; 0 is a pause.
func (g *Gateway) SetWindow(n byte) {
	if n == g.window {
		return
	}
	g.window, g.ackAt = n, 0
	if n > g.limit {
		g.limit = n
	}
}

// SetTime gives what time messages say: t holds at now, and the Gateway counts on
// from there. It goes out at once when the beacon is new or the time becomes
// known or unknown, and every 60 s. Call it every minute or more often, and
// whenever the clock was set.
func (g *Gateway) SetTime(t Time, now uint64) {
	if !g.timeOK || t.Beacon != g.time.Beacon || (t.UnixMilli == 0) != (g.time.UnixMilli == 0) ||
		(t.Error == NoBound) != (g.time.Error == NoBound) {
		g.timeAt = 0
	}
	g.time, g.timeSet, g.timeOK = t, now, true
}

// State returns how the Gateway is doing.
func (g *Gateway) State() GatewayState {
	s := GatewayState{
		Phase: g.phase, KeyID: g.hello.KeyID, Session: g.hello.Session,
		Taken: g.taken, Durable: g.durable, Heard: g.heard, Ignored: g.ignored,
	}
	if g.phase == GatewayRefused {
		s.Reason = g.reason
	}
	s.Good, s.Bad = g.decoder.Counts()
	return s
}
