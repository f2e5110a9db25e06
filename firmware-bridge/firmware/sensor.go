package firmware

import (
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Config is what a Sensor is made from. The sizes are taken from the heap once,
// in Open: about 2 × Payload + Keep + 80 × Numerics + 4 × Samples bytes and
// 1 KiB.
type Config struct {
	Slot    Slot
	Entropy Entropy

	Flags    seal.Flags // FlagTest for anything but a patient
	Firmware string     // said to the gateway, at most link.MaxFirmware bytes of UTF-8

	// Every is how long a reading waits at most, in ms, to be sealed together with
	// others. 0: 1,000.
	Every uint32
	// Heartbeat is promised in the anchor: something is sealed at least this often,
	// in ms. 0: 10,000.
	Heartbeat uint32
	// Patience is how long the first anchor waits for the gateway's time at most, in
	// ms, unless readings need its room before. 0: 3,000.
	Patience uint32

	Keep     int // bytes of sealed messages kept until the gateway has them; 0: 4,096
	Payload  int // bytes of readings sealed together at most; 0: 1,024
	Numerics int // numerics that wait together at most; 0: 32
	Samples  int // samples of waves that wait together at most; 0: 384
}

// Least that makes sense of each size.
const (
	minPayload  = 256
	minKeep     = 1024
	minNumerics = 8
	maxNumerics = 256 // one dictionary of rows
)

func (c *Config) complete() error {
	setZero(&c.Every, 1000)
	setZero(&c.Heartbeat, 10000)
	setZero(&c.Patience, 3000)
	setZero(&c.Keep, 4096)
	setZero(&c.Payload, 1024)
	setZero(&c.Numerics, 32)
	setZero(&c.Samples, 384)
	frame := link.MaxBody(link.TypeSealed, link.MaxFrame)
	if c.Slot == nil || c.Entropy == nil || c.Keep < minKeep || c.Payload < minPayload || c.Payload+maxOverhead > frame ||
		c.Keep < 2*(c.Payload+maxOverhead+link.KeepCost) || c.Numerics < minNumerics || c.Numerics > maxNumerics || c.Samples < 0 {
		return errConfig
	}
	return nil
}

func setZero[T int | uint32](field *T, def T) {
	if *field == 0 {
		*field = def
	}
}

// Sensor seals the readings of one device and hands them to its gateway. It is
// used by one main loop: nothing here is for an interrupt handler.
//
// Times are milliseconds of uptime, never falling.
type Sensor struct {
	config Config
	starts starts
	sealer *seal.Sealer
	link   link.Sensor

	chain chain
	open  waiting

	payload []byte // of the message being made
	out     []byte // a message, or a frame, being made
}

// Open reads the device's identity and boot log and prepares everything that is
// ever needed: after it, nothing takes heap. What it returns has not sealed or
// sent anything yet; Poll does that.
//
// Errors are ErrProvision and ErrBootLog, of which neither mends itself: the
// device must not seal and needs its site.
func Open(config Config) (*Sensor, error) {
	s := &Sensor{config: config}
	if err := s.config.complete(); err != nil {
		return nil, err
	}
	signer, err := s.starts.open(config.Slot)
	if err != nil {
		return nil, err
	}
	s.sealer = seal.NewSealer(signer)
	s.sealer.Grow(s.config.Payload)
	s.payload = make([]byte, 0, s.config.Payload+payloadSlack)
	s.out = make([]byte, 0, link.WireLen(s.config.Payload+maxOverhead+dataOverhead))
	err = s.link.Init(link.SensorConfig{
		Session:  session(s.starts.kid, s.starts.boot),
		KeyID:    link.KeyID(s.starts.kid),
		Signer:   signer,
		Firmware: config.Firmware,
		Keep:     make([]byte, s.config.Keep),
		Receive:  make([]byte, 2*link.MinFrame),
	})
	if err != nil {
		return nil, err
	}
	s.open.init(&s.config, s.payload)
	s.chain.previous = s.starts.previous()
	return s, s.Event(vital.Event{Kind: vital.EventStarted})
}

// session numbers a session by the boot counter: one that got as far as data has
// begun an anchor, so that the counter differs from that of every session there is
// anything of. It counts from the key id, so that two sensors on one gateway's
// cables hardly ever share a number.
func session(kid keys.KeyID, boot uint64) uint32 {
	n := uint32(kid[0])<<24 | uint32(kid[1])<<16 | uint32(kid[2])<<8 | uint32(kid[3])
	if n += uint32(boot); n != 0 {
		return n
	}
	return 1 << 31 // 0 is no session
}

// Sizes beside a payload.
const (
	maxOverhead  = 146 // of a sealed message (seal's FORMAT.md)
	dataOverhead = 16  // of a data frame, its CRC included
	payloadSlack = 64  // the coding of waves writes a little further than it keeps
)

// Poll is to be called often: when bytes have arrived, and a few times each
// Every. It takes the bytes that came from the line, does what is due, and
// returns bytes to write to the line, at most one frame. They are the Sensor's
// until they are written, and the next call must wait for that; call again at
// once for the next frame, until nothing is returned.
//
// A call signs at most once. What that takes is in PORTING.md: the UART has to
// buffer what arrives meanwhile.
func (s *Sensor) Poll(now uint64, in []byte) []byte {
	s.link.Receive(in, now)
	s.seal(now)
	return s.link.Send(s.out[:0], now)
}

// seal does the one most urgent thing that takes a signature.
func (s *Sensor) seal(now uint64) {
	if s.needsAnchor(now) {
		s.anchor(now)
		return
	}
	if !s.chain.begun {
		return
	}
	switch {
	case len(s.open.alerts) > 0:
		s.sealAlert(now)
	case s.open.due(now, s.every()):
		s.sealOpen(now)
	case now-s.chain.sealed >= uint64(s.config.Heartbeat)/4*3:
		s.sealHeartbeat(now)
	}
}

// State is how a Sensor is doing.
type State struct {
	Link     link.SensorState
	Sealing  bool   // a chain has begun
	Refusing error  // why none begins: entropy or the boot log; it is tried again
	Boot     uint64 // counter of the newest anchor
	Messages uint64 // sealed since Open, anchors included
	Recorded uint64 // readings recorded since Open
	Dropped  uint64 // of these, readings that were given up before they were sealed
	Waiting  int    // readings that are not sealed yet
}

// State returns how the Sensor is doing.
func (s *Sensor) State() State {
	return State{
		Link: s.link.State(), Sealing: s.chain.begun, Refusing: s.chain.refusing, Boot: s.starts.boot,
		Messages: s.chain.messages, Recorded: s.open.recorded, Dropped: s.open.lost, Waiting: s.open.len(),
	}
}

// Log sends a line for whoever looks after the sensor, at most link.MaxLog bytes,
// not encrypted: never a reading.
func (s *Sensor) Log(level byte, text string) { s.link.Log(level, text) }
