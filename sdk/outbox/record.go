package outbox

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Class says what a record is to the outbox: what is published first and what
// is dropped last.
type Class uint8

const (
	Alert   Class = iota // an alarm: sent before everything else, never dropped
	Data                 // readings and heartbeats: the only class that is ever dropped
	Anchor               // an anchor or grant: sent before what is sealed under it, never dropped
	Dropped              // a signed account of what was dropped, never dropped itself
	classes
)

func (c Class) String() string {
	switch c {
	case Alert:
		return "alert"
	case Data:
		return "data"
	case Anchor:
		return "anchor"
	case Dropped:
		return "dropped"
	}
	return "unknown"
}

// Record is one sealed envelope and where it goes. Nothing unsealed may be
// put in any field.
type Record struct {
	ID      uint64    // given by Append; grows within a lane, never used again once committed; an argument's ID is ignored
	Class   Class     // decides the lane
	Device  [8]byte   // kid of the device that sealed it
	Anchor  [8]byte   // eid of the anchor it is sealed under (of itself, for an anchor); what Pending counts by
	Seq     uint64    // sequence number under that anchor
	Time    time.Time // when it was appended, in milliseconds; zero means now
	Topic   string    // MQTT topic, at most 65,535 bytes
	Payload []byte    // the sealed envelope
	Retain  bool      // publish as a retained message
}

// Frame layout; FORMAT.md is the normative text.
const (
	frameHead   = 56         // bytes before the topic
	ackHead     = 24         // bytes before the runs
	magicHeader = 0x56534f53 // "VSOS"
	magicFooter = 0x56534f46 // "VSOF"
	kindAcks    = 0xff       // in the place of a class: the frame lists acknowledgements
	flagRetain  = 1
	terminator  = 4 // zero bytes after the last frame
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seedOf turns a segment's salt into what its frames are marked and their
// checksums begin with, so that what a recycled file held before is not even
// looked at, and no payload can be made to look like a frame. It is odd: a
// mark is never the terminator.
func seedOf(salt uint64) uint32 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], salt)
	return crc32.Checksum(b[:], castagnoli) | 1
}

// frameLen is the length of the frame that holds r.
func frameLen(r *Record) int { return frameHead + len(r.Topic) + len(r.Payload) }

// appendFrame appends r as a frame whose mark and checksum are still to be
// filled in by sumFrame: the segment it will live in is not known yet.
func appendFrame(dst []byte, r *Record) []byte {
	be := binary.BigEndian
	dst = be.AppendUint64(dst, 0)
	dst = be.AppendUint32(dst, uint32(frameLen(r)))
	var flags byte
	if r.Retain {
		flags = flagRetain
	}
	dst = append(dst, byte(r.Class), flags)
	dst = be.AppendUint16(dst, uint16(len(r.Topic)))
	dst = be.AppendUint64(dst, r.ID)
	dst = be.AppendUint64(dst, uint64(r.Time.UnixMilli()))
	dst = append(dst, r.Device[:]...)
	dst = append(dst, r.Anchor[:]...)
	dst = be.AppendUint64(dst, r.Seq)
	dst = append(dst, r.Topic...)
	return append(dst, r.Payload...)
}

// sumFrame fills in the mark and checksum of the frame at the start of b and returns
// the frame's length.
func sumFrame(b []byte, seed uint32) int {
	n := int(binary.BigEndian.Uint32(b[8:]))
	binary.BigEndian.PutUint32(b, seed)
	binary.BigEndian.PutUint32(b[4:], crc32.Update(seed, castagnoli, b[8:n]))
	return n
}

// frame is the verified view of one frame; it aliases the bytes it came from.
type frame []byte

func (f frame) isAcks() bool  { return f[12] == kindAcks }
func (f frame) id() uint64    { return binary.BigEndian.Uint64(f[16:]) }
func (f frame) index() uint64 { return f.id() >> 1 }
func (f frame) class() Class  { return Class(f[12]) }
func (f frame) seq() uint64   { return binary.BigEndian.Uint64(f[48:]) }
func (f frame) device() (d [8]byte) {
	copy(d[:], f[32:])
	return d
}
func (f frame) anchor() (a [8]byte) {
	copy(a[:], f[40:])
	return a
}
func (f frame) topic() []byte { return f[frameHead : frameHead+f.topicLen()] }
func (f frame) topicLen() int { return int(binary.BigEndian.Uint16(f[14:])) }
func (f frame) time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(f[24:])))
}

// record copies the frame out. topic is used instead of a new string when it
// is what the frame says.
func (f frame) record(topic string) Record {
	if string(f.topic()) != topic {
		topic = string(f.topic())
	}
	return Record{
		ID: f.id(), Class: f.class(), Device: f.device(), Anchor: f.anchor(), Seq: f.seq(),
		Time: f.time(), Topic: topic, Retain: f[13]&flagRetain != 0,
		Payload: append([]byte(nil), f[frameHead+f.topicLen():]...),
	}
}

// parseFrame verifies the frame at the start of b, which may go on after it.
func parseFrame(b []byte, seed uint32, lane int) (frame, bool) {
	n, ok := frameSize(b, seed)
	if !ok || n > len(b) {
		return nil, false
	}
	f := frame(b[:n:n])
	if crc32.Update(seed, castagnoli, f[8:]) != binary.BigEndian.Uint32(f[4:]) {
		return nil, false
	}
	if f.isAcks() {
		return f, true
	}
	fits := n >= frameHead && frameHead+f.topicLen() <= n && f.class() < classes && f[13]&^flagRetain == 0
	return f, fits && laneOf(f.class()) == lane && int(f.id()&1) == lane && f.index() > 0 && f.index() < maxIndex
}

// frameSize reads the length a frame claims; b needs frameSizeLen bytes for a yes.
func frameSize(b []byte, seed uint32) (int, bool) {
	if len(b) < frameSizeLen || binary.BigEndian.Uint32(b) != seed {
		return 0, false
	}
	n := binary.BigEndian.Uint32(b[8:])
	return int(n), n >= ackHead && n <= maxFrame
}

const (
	frameSizeLen = 12
	maxFrame     = 256 << 10 // bytes; an envelope has at most 32 KiB
	maxIndex     = 1 << 62
)
