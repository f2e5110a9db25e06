package link_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// messageVectors returns frames without CRC and what they say: "valid" with the
// fields in the order of FORMAT.md, numbers in decimal and the rest in
// hexadecimal, or "malformed".
func messageVectors() []*vector {
	var all []*vector
	add := func(name, expect, musts string, m message, fields ...any) {
		v := &vector{dir: "messages", name: name}
		v.begin(expect, musts)
		v.add("frame", m.frame)
		v.add("wire", m.wire())
		if fields == nil {
			v.add("malformed")
		} else {
			v.add("valid", append([]any{m.name}, fields...)...)
		}
		all = append(all, v)
	}
	_, kid := device()
	_, signature := sign(0x0a0b0c0d, challengeOf(0xc5))
	challenge := challengeOf(0xc5)
	beacon := [16]byte(bytes.Repeat([]byte{0xbe}, 16))

	add("hello", "a sensor that seals", "6 10", hello(2, 128, 0x0a0b0c0d, 5, kid, "oxi 1.4\u00b5"),
		1, 2, 128, uint32(0x0a0b0c0d), 5, kid[:], []byte("oxi 1.4\u00b5"))
	add("hello-plain", "a sensor without key and without text", "6", hello(1, 64, 1, 1, link.KeyID{}, ""),
		1, 1, 64, 1, 1, make([]byte, 8), "-")
	add("hello-capabilities", "unknown capabilities are ignored", "8", hello(0xff01, 64, 1, 1, link.KeyID{}, ""),
		1, 0xff01, 64, 1, 1, make([]byte, 8), "-")
	text := strings.Repeat("f", 32)
	add("hello-32", "the longest text", "6 10", hello(1, 4096, 1, 1, link.KeyID{}, text),
		1, 1, 4096, 1, 1, make([]byte, 8), []byte(text))
	later := hello(1, 64, 1, 1, link.KeyID{}, text+"and more\xff")
	later.frame[1] = 2
	add("hello-version-2", "a later version: what follows the key id is ignored", "9", later,
		2, 1, 64, 1, 1, make([]byte, 8), "-")
	add("hello-33", "a text that is too long", "6", hello(1, 64, 1, 1, link.KeyID{}, text+"f"))
	add("hello-utf8", "a text that is not UTF-8", "10", hello(1, 64, 1, 1, link.KeyID{}, "a\xc3"))
	add("hello-session-0", "no session", "6 11", hello(1, 64, 0, 1, link.KeyID{}, ""))
	add("hello-maxframe-63", "takes too little", "6", hello(1, 63, 1, 1, link.KeyID{}, ""))
	add("hello-maxframe-4097", "takes too much", "6", hello(1, 4097, 1, 1, link.KeyID{}, ""))
	zero := hello(1, 64, 1, 1, link.KeyID{}, "")
	zero.frame[1] = 0
	add("hello-version-0", "no version", "6", zero)
	short := hello(1, 64, 1, 1, link.KeyID{}, "")
	short.frame = short.frame[:21]
	add("hello-short", "a byte is missing", "6", short)

	add("proof", "a proof", "6", proof(0x0a0b0c0d, 0xc5, signature), uint32(0x0a0b0c0d), challenge[:4], signature)
	add("proof-short", "a byte is missing", "6", proof(7, 1, signature[:63]))
	add("proof-long", "a byte too many", "6", proof(7, 1, append(signature[:64:64], 0)))

	add("heartbeat", "a heartbeat", "6", heartbeat(7, 1<<40+5, 9, 3, 2), 7, uint64(1<<40+5), 9, 3, 2)
	add("heartbeat-short", "a byte is missing", "6", build("heartbeat", link.TypeHeartbeat, make([]byte, 23)))
	add("heartbeat-long", "a byte too many", "6", build("heartbeat", link.TypeHeartbeat, make([]byte, 25)))

	add("log", "a log line", "6 10", logLine(7, 2, "probe off"), 7, 2, []byte("probe off"))
	text = strings.Repeat("l", 80)
	add("log-80", "the longest text", "6 10", logLine(7, 3, text), 7, 3, []byte(text))
	add("log-81", "a text that is too long", "6", logLine(7, 3, text+"l"))
	add("log-empty", "no text", "6", logLine(7, 1, ""))
	add("log-level-4", "no such level", "6", logLine(7, 4, "x"))
	add("log-utf8", "a surrogate in UTF-8", "10", logLine(7, 1, "\xed\xa0\x80"))

	add("readings", "readings in the plain", "6", readings(7, 2, 4000, body(1, 5)), 7, 2, 4000, body(1, 5))
	add("readings-empty", "no body", "6", readings(7, 2, 4000, nil))
	add("anchor", "an anchor", "6", anchor(7, 1, body(2, 5)), 7, 1, body(2, 5))
	add("anchor-empty", "no body", "6", anchor(7, 1, nil))
	add("sealed", "a batch", "6", sealed(7, 0xffffffff, body(3, 5)), 7, uint32(0xffffffff), body(3, 5))
	add("sealed-empty", "no body", "6", sealed(7, 1, nil))

	add("welcome", "a welcome", "6", welcome(4096, 8, 0x0a0b0c0d, challenge), 1, 4096, 8, uint32(0x0a0b0c0d), challenge[:])
	w := welcome(4096, 8, 7, challenge)
	w.frame = append(w.frame, 0)
	add("welcome-long", "a byte too many", "6", w)
	w.frame = append([]byte{}, w.frame...)
	w.frame[1] = 2
	add("welcome-version-2", "a later version may be longer", "9", w, 2, 4096, 8, 7, challenge[:])
	w = welcome(4096, 8, 7, challenge)
	w.frame = w.frame[:40]
	add("welcome-short", "a byte is missing", "6", w)
	add("welcome-maxframe-63", "takes too little", "6", welcome(63, 8, 7, challenge))

	add("ack", "an acknowledgement", "6", ack(7, 9, 255), 7, 9, 255)
	add("ack-long", "a byte too many", "6", build("ack", link.TypeAck, make([]byte, 10)))
	add("ack-short", "a byte is missing", "6", build("ack", link.TypeAck, make([]byte, 8)))
	add("refuse", "a refusal for a reason that is not known yet", "6", refuse(7, 99), 7, 99)
	add("refuse-0", "no reason", "6", refuse(7, 0))
	add("refuse-long", "a byte too many", "6", build("refuse", link.TypeRefuse, u32(7), []byte{1, 0}))
	add("time", "a time and a beacon", "6", timeFrame(1700000000000, 20, beacon), uint64(1700000000000), 20, beacon[:])
	add("time-short", "a byte is missing", "6", build("time", link.TypeTime, make([]byte, 27)))
	add("time-long", "a byte too many", "6", build("time", link.TypeTime, make([]byte, 29)))
	add("poll", "a poll", "6", poll(), []any{}...)
	all[len(all)-1].lines[len(all[len(all)-1].lines)-1] = "valid poll" // no fields
	add("poll-long", "a byte too many", "6", build("poll", link.TypePoll, []byte{0}))
	return all
}

// described parses a frame of any type and says it as a vector does, and encodes
// it again; ok is false for one that is malformed.
func described(frame []byte) (text string, again []byte, ok bool) {
	v := &vector{}
	var err error
	switch link.Type(frame[0]) {
	case link.TypeHello:
		var m link.Hello
		m, err = link.ParseHello(frame)
		v.add("valid", "hello", int(m.Version), int(m.Capabilities), int(m.MaxFrame), m.Session, m.Base, m.KeyID[:], m.Firmware)
		again = m.Append(nil)
	case link.TypeProof:
		var m link.Proof
		m, err = link.ParseProof(frame)
		v.add("valid", "proof", m.Session, m.Echo[:], m.Signature[:])
		again = m.Append(nil)
	case link.TypeHeartbeat:
		var m link.Heartbeat
		m, err = link.ParseHeartbeat(frame)
		v.add("valid", "heartbeat", m.Session, m.Now, m.Next, m.Dropped, m.Bad)
		again = m.Append(nil)
	case link.TypeLog:
		var m link.Log
		m, err = link.ParseLog(frame)
		v.add("valid", "log", m.Session, int(m.Level), m.Text)
		again = m.Append(nil)
	case link.TypeReadings:
		var m link.Data
		m, err = link.ParseData(frame)
		v.add("valid", "readings", m.Session, m.Seq, m.Now, m.Body)
		again = m.Append(nil)
	case link.TypeAnchor, link.TypeSealed:
		var m link.Data
		m, err = link.ParseData(frame)
		name := "anchor"
		if m.Type == link.TypeSealed {
			name = "sealed"
		}
		v.add("valid", name, m.Session, m.Seq, m.Body)
		again = m.Append(nil)
	default:
		return describedAnswer(frame)
	}
	return v.lines[0], again, err == nil
}

// describedAnswer does the same for what a gateway sends.
func describedAnswer(frame []byte) (text string, again []byte, ok bool) {
	v := &vector{}
	var err error
	switch link.Type(frame[0]) {
	case link.TypeWelcome:
		var m link.Welcome
		m, err = link.ParseWelcome(frame)
		v.add("valid", "welcome", int(m.Version), int(m.MaxFrame), int(m.Window), m.Session, m.Challenge[:])
		again = m.Append(nil)
	case link.TypeAck:
		var m link.Ack
		m, err = link.ParseAck(frame)
		v.add("valid", "ack", m.Session, m.Next, int(m.Window))
		again = m.Append(nil)
	case link.TypeRefuse:
		var m link.Refuse
		m, err = link.ParseRefuse(frame)
		v.add("valid", "refuse", m.Session, int(m.Reason))
		again = m.Append(nil)
	case link.TypeTime:
		var m link.Time
		m, err = link.ParseTime(frame)
		v.add("valid", "time", m.UnixMilli, m.Error, m.Beacon[:])
		again = m.Append(nil)
	case link.TypePoll:
		var m link.Poll
		m, err = link.ParsePoll(frame)
		v.add("valid", "poll")
		again = m.Append(nil)
	default:
		return "", nil, false
	}
	return v.lines[0], again, err == nil
}

func TestMessageVectors(t *testing.T) {
	for _, v := range messageVectors() {
		t.Run(v.name, func(t *testing.T) {
			var frame []byte
			for _, s := range v.steps(t) {
				switch s.key {
				case "frame":
					frame = s.hex(t, 0)
				case "wire":
					if got := link.AppendFrame(nil, frame); !bytes.Equal(got, s.hex(t, 0)) {
						t.Errorf("wire is %x", got)
					}
				case "valid":
					text, again, ok := described(frame)
					if want := "valid " + strings.Join(s.values, " "); !ok || text != want {
						t.Errorf("\n got %s (%v)\nwant %s", text, ok, want)
					}
					n := len(again) // less in a later version
					if !bytes.Equal(again, frame[:n]) || n < len(frame) && frame[1] == 1 {
						t.Errorf("encodes again as %x", again)
					}
				case "malformed":
					if text, _, ok := described(frame); ok {
						t.Errorf("is %s", text)
					}
				}
			}
		})
	}
}
