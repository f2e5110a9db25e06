package link

import "github.com/vitalseal/vitalseal/sdk/core/cbor"

// The messages. Append appends a frame without its CRC, as AppendFrame takes it;
// Parse reads what Decoder.Next returns, and what it accepts Append makes again,
// byte for byte (but for what follows in frames of a later version). Slices
// of a parsed message alias the frame. Values that do not fit their fields are
// the caller's mistake: Append does not check.

// Hello is what a sensor says first.
type Hello struct {
	Version      byte // 1 or later
	Capabilities Capabilities
	MaxFrame     uint16 // the longest frame that the sensor takes, MinFrame to MaxFrame
	Session      uint32 // names this run of the sensor, not 0
	Base         uint32 // number of the oldest data frame that the sensor keeps, or of the next one
	KeyID        KeyID
	Firmware     []byte // UTF-8, at most MaxFirmware bytes; empty in a later version
}

// Append appends the frame.
func (m *Hello) Append(dst []byte) []byte {
	dst = append(dst, byte(TypeHello), m.Version)
	dst = appendUint16(dst, uint16(m.Capabilities))
	dst = appendUint16(dst, m.MaxFrame)
	dst = appendUint32(dst, m.Session)
	dst = appendUint32(dst, m.Base)
	dst = append(dst, m.KeyID[:]...)
	return append(dst, m.Firmware...)
}

// ParseHello reads a hello.
func ParseHello(frame []byte) (Hello, error) {
	if !is(frame, TypeHello, helloSize, MaxFrame-CRCSize) {
		return Hello{}, ErrMalformed
	}
	m := Hello{
		Version:      frame[1],
		Capabilities: Capabilities(getUint16(frame[2:])),
		MaxFrame:     getUint16(frame[4:]),
		Session:      getUint32(frame[6:]),
		Base:         getUint32(frame[10:]),
		KeyID:        KeyID(frame[14:helloSize]),
		Firmware:     frame[helloSize:],
	}
	if m.Version > Version {
		m.Firmware = nil // where it is, a later version says
	}
	if m.Version == 0 || m.MaxFrame < MinFrame || m.MaxFrame > MaxFrame || m.Session == 0 ||
		len(m.Firmware) > MaxFirmware || !validText(m.Firmware) {
		return Hello{}, ErrMalformed
	}
	return m, nil
}

// Proof answers a challenge.
type Proof struct {
	Session   uint32
	Echo      [echoSize]byte      // the first bytes of the challenge, so that a late answer is not taken for a false one
	Signature [signatureSize]byte // over AppendProofMessage
}

// Append appends the frame.
func (m *Proof) Append(dst []byte) []byte {
	dst = appendUint32(append(dst, byte(TypeProof)), m.Session)
	return append(append(dst, m.Echo[:]...), m.Signature[:]...)
}

// ParseProof reads a proof.
func ParseProof(frame []byte) (Proof, error) {
	if !is(frame, TypeProof, proofSize, proofSize) {
		return Proof{}, ErrMalformed
	}
	return Proof{
		Session:   getUint32(frame[1:]),
		Echo:      [echoSize]byte(frame[5:]),
		Signature: [signatureSize]byte(frame[5+echoSize : proofSize]),
	}, nil
}

// proofContext begins what a proof signs. A COSE Sig_structure begins with other
// texts (RFC 9052, section 4.4), so that neither signature passes for the other.
const proofContext = "VSLINK1"

// proofMessageSize is the length of the longest message that a proof signs.
const proofMessageSize = 1 + 1 + len(proofContext) + 1 + len(KeyID{}) + 5 + 2 + challengeSize

// AppendProofMessage appends what a proof signs: the CBOR array
// ["VSLINK1", kid, session, challenge].
func AppendProofMessage(dst []byte, kid KeyID, session uint32, challenge *[32]byte) []byte {
	dst = cbor.AppendArray(dst, 4)
	dst = cbor.AppendText(dst, proofContext)
	dst = cbor.AppendBytesHead(dst, len(kid))
	for _, b := range kid { // kid[:] would be taken to the heap
		dst = append(dst, b)
	}
	dst = cbor.AppendUint(dst, uint64(session))
	return cbor.AppendBytes(dst, challenge[:])
}

// Heartbeat says that the sensor lives.
type Heartbeat struct {
	Session uint32
	Now     uint64 // ms of the sensor's uptime
	Next    uint32 // number that the next queued data frame gets
	Dropped uint32 // readings that the sensor could not keep
	Bad     uint32 // frames from the gateway that were damaged
}

// Append appends the frame.
func (m *Heartbeat) Append(dst []byte) []byte {
	dst = appendUint32(append(dst, byte(TypeHeartbeat)), m.Session)
	dst = appendUint64(dst, m.Now)
	dst = appendUint32(dst, m.Next)
	dst = appendUint32(dst, m.Dropped)
	return appendUint32(dst, m.Bad)
}

// ParseHeartbeat reads a heartbeat.
func ParseHeartbeat(frame []byte) (Heartbeat, error) {
	if !is(frame, TypeHeartbeat, heartbeatSize, heartbeatSize) {
		return Heartbeat{}, ErrMalformed
	}
	return Heartbeat{
		Session: getUint32(frame[1:]),
		Now:     getUint64(frame[5:]),
		Next:    getUint32(frame[13:]),
		Dropped: getUint32(frame[17:]),
		Bad:     getUint32(frame[21:]),
	}, nil
}

// Log is a line for whoever looks after the sensor. It never holds readings.
type Log struct {
	Session uint32
	Level   byte   // LevelDebug to LevelError
	Text    []byte // UTF-8, 1 to MaxLog bytes; control characters are possible
}

// Append appends the frame.
func (m *Log) Append(dst []byte) []byte {
	dst = appendUint32(append(dst, byte(TypeLog)), m.Session)
	return append(append(dst, m.Level), m.Text...)
}

// ParseLog reads a log frame.
func ParseLog(frame []byte) (Log, error) {
	if !is(frame, TypeLog, logSize+1, logSize+MaxLog) {
		return Log{}, ErrMalformed
	}
	m := Log{getUint32(frame[1:]), frame[5], frame[logSize:]}
	if m.Level > LevelError || !validText(m.Text) {
		return Log{}, ErrMalformed
	}
	return m, nil
}

// Data is a data frame.
type Data struct {
	Type    Type // TypeReadings, TypeAnchor or TypeSealed
	Session uint32
	Seq     uint32
	Now     uint64 // of TypeReadings: ms of the sensor's uptime when it was sent
	Body    []byte // not empty
}

// dataHead returns the length of what a data frame has before its body, or 0
// for another type.
func dataHead(t Type) int {
	switch t {
	case TypeReadings:
		return readingsHead
	case TypeAnchor, TypeSealed:
		return sealedHead
	}
	return 0
}

// MaxBody returns how long the body of a data frame of type t is at most when
// the frame, CRC included, has at most frame bytes; 0 if t is no data frame.
func MaxBody(t Type, frame int) int {
	head := dataHead(t)
	if head == 0 || frame < head+CRCSize {
		return 0
	}
	return frame - head - CRCSize
}

// Append appends the frame.
func (m *Data) Append(dst []byte) []byte {
	dst = appendUint32(append(dst, byte(m.Type)), m.Session)
	dst = appendUint32(dst, m.Seq)
	if m.Type == TypeReadings {
		dst = appendUint64(dst, m.Now)
	}
	return append(dst, m.Body...)
}

// ParseData reads a data frame.
func ParseData(frame []byte) (Data, error) {
	if len(frame) == 0 {
		return Data{}, ErrMalformed
	}
	t := Type(frame[0])
	head := dataHead(t)
	if head == 0 || !is(frame, t, head+1, MaxFrame-CRCSize) {
		return Data{}, ErrMalformed
	}
	m := Data{Type: t, Session: getUint32(frame[1:]), Seq: getUint32(frame[5:]), Body: frame[head:]}
	if t == TypeReadings {
		m.Now = getUint64(frame[sealedHead:])
	}
	return m, nil
}

// Welcome answers a hello.
type Welcome struct {
	Version   byte   // 1 or later
	MaxFrame  uint16 // the longest frame that the gateway takes, MinFrame to MaxFrame
	Window    byte
	Session   uint32              // the sensor's
	Challenge [challengeSize]byte // fresh from a random generator; all zero for a sensor without key
}

// Append appends the frame.
func (m *Welcome) Append(dst []byte) []byte {
	dst = append(dst, byte(TypeWelcome), m.Version)
	dst = append(appendUint16(dst, m.MaxFrame), m.Window)
	return append(appendUint32(dst, m.Session), m.Challenge[:]...)
}

// ParseWelcome reads a welcome.
func ParseWelcome(frame []byte) (Welcome, error) {
	if !is(frame, TypeWelcome, welcomeSize, MaxFrame-CRCSize) {
		return Welcome{}, ErrMalformed
	}
	m := Welcome{
		Version:   frame[1],
		MaxFrame:  getUint16(frame[2:]),
		Window:    frame[4],
		Session:   getUint32(frame[5:]),
		Challenge: [challengeSize]byte(frame[9:welcomeSize]),
	}
	if m.Version == 0 || m.Version == Version && len(frame) > welcomeSize ||
		m.MaxFrame < MinFrame || m.MaxFrame > MaxFrame {
		return Welcome{}, ErrMalformed
	}
	return m, nil
}

// Ack says below which number all data frames are durable.
type Ack struct {
	Session uint32
	Next    uint32
	Window  byte
}

// Append appends the frame.
func (m *Ack) Append(dst []byte) []byte {
	dst = appendUint32(append(dst, byte(TypeAck)), m.Session)
	return append(appendUint32(dst, m.Next), m.Window)
}

// ParseAck reads an acknowledgement.
func ParseAck(frame []byte) (Ack, error) {
	if !is(frame, TypeAck, ackSize, ackSize) {
		return Ack{}, ErrMalformed
	}
	return Ack{getUint32(frame[1:]), getUint32(frame[5:]), frame[9]}, nil
}

// Refuse tells a sensor that nothing is taken from it.
type Refuse struct {
	Session uint32
	Reason  Reason // not 0; unknown ones are possible
}

// Append appends the frame.
func (m *Refuse) Append(dst []byte) []byte {
	return append(appendUint32(append(dst, byte(TypeRefuse)), m.Session), byte(m.Reason))
}

// ParseRefuse reads a refusal.
func ParseRefuse(frame []byte) (Refuse, error) {
	if !is(frame, TypeRefuse, refuseSize, refuseSize) || frame[5] == 0 {
		return Refuse{}, ErrMalformed
	}
	return Refuse{getUint32(frame[1:]), Reason(frame[5])}, nil
}

// Time is what the gateway knows of the time, and what it has to hand on.
type Time struct {
	UnixMilli uint64           // ms since 1970-01-01 UTC; 0: not known
	Error     uint32           // ms: the true time is within ± this; NoBound: nobody knows
	Beacon    [beaconSize]byte // the receiver's newest, to be echoed in an anchor; all zero: none
}

// Append appends the frame.
func (m *Time) Append(dst []byte) []byte {
	dst = appendUint64(append(dst, byte(TypeTime)), m.UnixMilli)
	return append(appendUint32(dst, m.Error), m.Beacon[:]...)
}

// ParseTime reads a time frame.
func ParseTime(frame []byte) (Time, error) {
	if !is(frame, TypeTime, timeFrameSize, timeFrameSize) {
		return Time{}, ErrMalformed
	}
	return Time{getUint64(frame[1:]), getUint32(frame[9:]), [beaconSize]byte(frame[13:timeFrameSize])}, nil
}

// Poll asks the sensor for a hello.
type Poll struct{}

// Append appends the frame.
func (Poll) Append(dst []byte) []byte { return append(dst, byte(TypePoll)) }

// ParsePoll reads a poll.
func ParsePoll(frame []byte) (Poll, error) {
	if !is(frame, TypePoll, pollSize, pollSize) {
		return Poll{}, ErrMalformed
	}
	return Poll{}, nil
}

// is reports whether a frame is of type t and has from min to max bytes.
func is(frame []byte, t Type, min, max int) bool {
	return len(frame) >= min && len(frame) <= max && Type(frame[0]) == t
}
