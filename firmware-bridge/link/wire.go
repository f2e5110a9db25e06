package link

import "errors"

// Version is the version of the protocol that this package speaks.
const Version = 1

// Type is the first byte of a frame. Types below 0x80 go from the sensor to the
// gateway, the others back.
type Type byte

// Types of frame.
const (
	TypeHello     Type = 0x01
	TypeProof     Type = 0x02
	TypeHeartbeat Type = 0x03
	TypeLog       Type = 0x04

	TypeReadings Type = 0x10 // body: a payload of package vital, not encrypted
	TypeAnchor   Type = 0x11 // body: an anchor of package seal
	TypeSealed   Type = 0x12 // body: a batch of package seal

	TypeWelcome Type = 0x81
	TypeAck     Type = 0x82
	TypeRefuse  Type = 0x83
	TypeTime    Type = 0x84
	TypePoll    Type = 0x85
)

// Capabilities are the bits of a hello that say what a sensor sends. Unknown
// bits are ignored.
type Capabilities uint16

// Capabilities.
const (
	CapPlain  Capabilities = 1 << 0 // readings
	CapSealed Capabilities = 1 << 1 // anchors and sealed batches
)

// Reason is why a gateway refuses a sensor; 0 is no refusal.
type Reason byte

// Reasons.
const (
	ReasonUnknown   Reason = 1 // the device is not enrolled
	ReasonOther     Reason = 2 // this port belongs to another device
	ReasonSignature Reason = 3 // the proof does not verify
	ReasonVersion   Reason = 4 // no version in common
	ReasonMode      Reason = 5 // plain where sealed is required, or the reverse
)

// Levels of a log frame.
const (
	LevelDebug byte = iota
	LevelInfo
	LevelWarn
	LevelError
)

const (
	// MaxFirmware is the length in bytes of the longest firmware text.
	MaxFirmware = 32
	// MaxLog is the length in bytes of the longest text of a log frame.
	MaxLog = 80
	// MaxWindow is the largest window.
	MaxWindow = 255
	// NoBound is the Error of a Time that nothing keeps in step.
	NoBound = 1<<32 - 1
)

const (
	sessionSize   = 4
	seqSize       = 4
	timeSize      = 8
	signatureSize = 64
	challengeSize = 32
	echoSize      = 4
	beaconSize    = 16

	helloSize     = 1 + 1 + 2 + 2 + sessionSize + seqSize + len(KeyID{})
	proofSize     = 1 + sessionSize + echoSize + signatureSize
	heartbeatSize = 1 + sessionSize + timeSize + seqSize + 4 + 4
	logSize       = 1 + sessionSize + 1
	welcomeSize   = 1 + 1 + 2 + 1 + sessionSize + challengeSize
	ackSize       = 1 + sessionSize + seqSize + 1
	refuseSize    = 1 + sessionSize + 1
	timeFrameSize = 1 + timeSize + 4 + beaconSize
	pollSize      = 1

	// What a data frame has before its body.
	sealedHead   = 1 + sessionSize + seqSize
	readingsHead = sealedHead + timeSize
)

// KeyID names a device, as in package keys; all zero is a sensor without key.
type KeyID = [8]byte

// ErrMalformed reports a frame whose CRC is good and whose content is not: of
// another type than was asked for, too short or too long, or with a field out of
// range.
var ErrMalformed = errors.New("link: malformed frame")

// Why a Sensor does not queue a body. Nothing has changed.
var (
	ErrFull     = errors.New("link: no room until the gateway acknowledges")
	ErrTooLarge = errors.New("link: body is empty, or larger than is ever taken")
	ErrType     = errors.New("link: not a type of data frame that the sensor announces")
)

// ErrConfig reports an Init with a buffer too small or with fields that do not
// go together.
var ErrConfig = errors.New("link: configuration is incomplete or out of range")

// before reports whether a comes before b; numbers wrap around (RFC 1982).
func before(a, b uint32) bool { return int32(a-b) < 0 }

func appendUint16(dst []byte, n uint16) []byte { return append(dst, byte(n>>8), byte(n)) }

func appendUint32(dst []byte, n uint32) []byte {
	return append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func appendUint64(dst []byte, n uint64) []byte {
	return appendUint32(appendUint32(dst, uint32(n>>32)), uint32(n))
}

func getUint16(p []byte) uint16 { return uint16(p[0])<<8 | uint16(p[1]) }

func getUint32(p []byte) uint32 {
	return uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
}

func getUint64(p []byte) uint64 { return uint64(getUint32(p))<<32 | uint64(getUint32(p[4:])) }
