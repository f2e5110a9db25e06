package link_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// The functions here make frames a second time, with the standard library and
// from FORMAT.md alone, so that vectors do not come from what they test.

var be = binary.BigEndian

// message is a frame without its CRC, and what to call it in a vector.
type message struct {
	name  string
	frame []byte
}

// cobs encodes p: blocks of at most 254 bytes, each with its length plus one
// before it, and a zero behind all but the last and those of 254.
func cobs(p []byte) []byte {
	var out []byte
	for {
		n := 0
		for n < len(p) && n < 254 && p[n] != 0 {
			n++
		}
		out = append(append(out, byte(n+1)), p[:n]...)
		switch {
		case n == len(p):
			return out
		case n == 254:
			p = p[n:]
		default:
			p = p[n+1:]
		}
	}
}

// withCRC appends the CRC.
func withCRC(frame []byte) []byte {
	sum := crc32.Checksum(frame, crc32.MakeTable(crc32.Castagnoli))
	return be.AppendUint32(append([]byte{}, frame...), sum)
}

// wire returns a frame as it goes over the line.
func wire(frame []byte) []byte {
	return append(append([]byte{0}, cobs(withCRC(frame))...), 0)
}

func (m message) wire() []byte { return wire(m.frame) }

func u16(n uint16) []byte { return be.AppendUint16(nil, n) }
func u32(n uint32) []byte { return be.AppendUint32(nil, n) }
func u64(n uint64) []byte { return be.AppendUint64(nil, n) }

func build(name string, t link.Type, fields ...[]byte) message {
	frame := []byte{byte(t)}
	for _, f := range fields {
		frame = append(frame, f...)
	}
	return message{name, frame}
}

func hello(capabilities, maxFrame uint16, session, base uint32, kid link.KeyID, firmware string) message {
	return build("hello", link.TypeHello, []byte{1}, u16(capabilities), u16(maxFrame),
		u32(session), u32(base), kid[:], []byte(firmware))
}

func proof(session uint32, challenge byte, signature []byte) message {
	return build("proof", link.TypeProof, u32(session), bytes.Repeat([]byte{challenge}, 4), signature)
}

func heartbeat(session uint32, now uint64, next, dropped, bad uint32) message {
	return build("heartbeat", link.TypeHeartbeat, u32(session), u64(now), u32(next), u32(dropped), u32(bad))
}

func logLine(session uint32, level byte, text string) message {
	return build("log", link.TypeLog, u32(session), []byte{level}, []byte(text))
}

func readings(session, seq uint32, now uint64, body []byte) message {
	return build("readings", link.TypeReadings, u32(session), u32(seq), u64(now), body)
}

func anchor(session, seq uint32, body []byte) message {
	return build("anchor", link.TypeAnchor, u32(session), u32(seq), body)
}

func sealed(session, seq uint32, body []byte) message {
	return build("sealed", link.TypeSealed, u32(session), u32(seq), body)
}

func welcome(maxFrame uint16, window byte, session uint32, challenge [32]byte) message {
	return build("welcome", link.TypeWelcome, []byte{1}, u16(maxFrame), []byte{window}, u32(session), challenge[:])
}

func ack(session, next uint32, window byte) message {
	return build("ack", link.TypeAck, u32(session), u32(next), []byte{window})
}

func refuse(session uint32, reason link.Reason) message {
	return build("refuse", link.TypeRefuse, u32(session), []byte{byte(reason)})
}

func timeFrame(unix uint64, bound uint32, beacon [16]byte) message {
	return build("time", link.TypeTime, u64(unix), u32(bound), beacon[:])
}

func poll() message { return build("poll", link.TypePoll) }

// proofMessage is what a proof signs, in CBOR by hand.
func proofMessage(kid link.KeyID, session uint32, challenge [32]byte) []byte {
	out := append([]byte{0x84, 0x67}, "VSLINK1"...)
	out = append(append(out, 0x48), kid[:]...)
	switch {
	case session < 24:
		out = append(out, byte(session))
	case session < 1<<8:
		out = append(out, 0x18, byte(session))
	case session < 1<<16:
		out = append(append(out, 0x19), u16(uint16(session))...)
	default:
		out = append(append(out, 0x1a), u32(session)...)
	}
	return append(append(out, 0x58, 32), challenge[:]...)
}
