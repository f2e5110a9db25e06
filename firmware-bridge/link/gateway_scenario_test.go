package link_test

import (
	"bytes"
	"fmt"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// gatewayScript writes a transcript of a gateway: what the test expects, in the
// order of FORMAT.md. The sensor is of session 7.
type gatewayScript struct {
	vector
	window byte
}

func (s *gatewayScript) now(ms int)         { s.add("now", ms) }
func (s *gatewayScript) note(text string)   { s.add("# " + text) }
func (s *gatewayScript) idle(next int)      { s.add("idle"); s.add("next", next) }
func (s *gatewayScript) answer(a string)    { s.add("answer " + a) }
func (s *gatewayScript) draw(b byte)        { c := challengeOf(b); s.add("challenge", c[:]) }
func (s *gatewayScript) ack(next uint32)    { s.tx(ack(7, next, s.window)) }
func (s *gatewayScript) call(values ...any) { s.add("call", values...) }

func (s *gatewayScript) tx(m message) {
	s.note(m.name)
	s.add("tx", m.wire())
}

func (s *gatewayScript) rx(m message) {
	s.note(m.name)
	s.add("rx", m.wire())
}

// state writes phase, reason, session, taken, durable.
func (s *gatewayScript) state(phase string, reason int, session, taken, durable uint32) {
	s.add("state", phase, reason, session, taken, durable)
}

// helloPlain has a sensor without key say hello.
func (s *gatewayScript) helloPlain(session, base uint32) {
	s.rx(hello(capPlain, 128, session, base, link.KeyID{}, ""))
	s.call("hello", session, base, make([]byte, 8), "-")
}

func (s *gatewayScript) acceptPlain(base uint32) {
	s.helloPlain(7, base)
	s.call("begin", 7)
	s.tx(welcome(4096, s.window, 7, [32]byte{}))
}

// helloSealed has the sensor with key say hello.
func (s *gatewayScript) helloSealed(session, base uint32) {
	_, kid := device()
	s.rx(hello(capSealed, 128, session, base, kid, "test 1.0"))
	s.call("hello", session, base, kid[:], []byte("test 1.0"))
}

// prove has it answer a challenge.
func (s *gatewayScript) prove(session uint32, challenge byte) {
	text, signature := sign(session, challengeOf(challenge))
	s.rx(proof(session, challenge, signature))
	s.call("proof", session, text, signature)
}

func (s *gatewayScript) acceptSealed(session, base uint32, challenge byte) {
	s.helloSealed(session, base)
	s.draw(challenge)
	s.tx(welcome(4096, s.window, session, challengeOf(challenge)))
	s.prove(session, challenge)
	s.call("begin", session)
}

// reading has the sensor send a frame, which the handler is shown.
func (s *gatewayScript) reading(seq uint32) {
	s.rx(readings(7, seq, 50, body(int(seq), 4)))
	s.call("data", "10", 7, seq, 50, body(int(seq), 4))
}

// again has the sensor send a frame which the handler is not shown.
func (s *gatewayScript) again(seq uint32) { s.rx(readings(7, seq, 50, body(int(seq), 4))) }

func gatewayVectors() []*vector {
	var all []*vector
	for _, sc := range gatewayScenarios {
		s := &gatewayScript{vector: vector{dir: "gateway", name: sc.name}, window: sc.window}
		if s.window == 0 {
			s.window = link.DefaultWindow
		}
		s.begin(sc.expect, sc.musts)
		s.add("window", int(s.window))
		s.add("start")
		s.add("")
		sc.steps(s)
		all = append(all, &s.vector)
	}
	return all
}

type gatewayScenario struct {
	name, expect, musts string
	window              byte
	steps               func(s *gatewayScript)
}

var gatewayScenarios = []gatewayScenario{
	{"poll", "without a sensor: poll at once and every 2 s", "31", 0, func(s *gatewayScript) {
		s.now(100)
		s.tx(poll())
		s.idle(2100)
		s.now(2100)
		s.tx(poll())
		s.idle(4100)
		s.state("idle", 0, 0, 0, 0)
	}},
	{"plain", "a sensor without key is accepted at once: welcome with zeros, ack; a frame is acknowledged when it is durable and not before", "34 37 39", 4, func(s *gatewayScript) {
		s.now(0)
		s.tx(poll())
		s.now(10)
		s.acceptPlain(1)
		s.ack(1)
		s.idle(1010)
		s.now(100)
		s.reading(1)
		s.reading(2)
		s.idle(1010)
		s.add("durable", 7, 3)
		s.ack(3)
		s.idle(1100)
		s.state("accepted", 0, 7, 3, 3)
		s.now(1100)
		s.ack(3)
		s.idle(2100)
		s.rx(heartbeat(7, 900, 3, 1, 2))
		s.call("heartbeat", 7, 900, 3, 1, 2)
		s.rx(logLine(7, 2, "probe off"))
		s.call("log", 7, 2, []byte("probe off"))
	}},
	{"sealed", "a sensor with key: challenge, proof, ack", "32 33 39", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptSealed(7, 5, 0xc5)
		s.ack(5)
		s.rx(anchor(7, 5, body(1, 4)))
		s.call("data", "11", 7, 5, 0, body(1, 4))
		s.rx(sealed(7, 6, body(2, 4)))
		s.call("data", "12", 7, 6, 0, body(2, 4))
		s.state("accepted", 0, 7, 7, 5)
	}},
	{"refused", "an unknown device is refused; its data are not taken; a repeated proof is answered with the refusal, once in 200 ms", "33 43", 0, func(s *gatewayScript) {
		s.now(0)
		s.answer("hello 1")
		s.helloSealed(7, 1)
		s.tx(refuse(7, link.ReasonUnknown))
		s.idle(30000)
		s.state("refused", 1, 7, 0, 0)
		s.rx(sealed(7, 1, body(1, 4)))
		s.now(100)
		s.rx(proof(7, 0, make([]byte, 64)))
		s.rx(proof(7, 0, make([]byte, 64)))
		s.idle(200)
		s.now(200)
		s.tx(refuse(7, link.ReasonUnknown))
		s.idle(30100)
	}},
	{"bad-signature", "a proof that does not verify: refused, and the challenge is used up", "32 33", 0, func(s *gatewayScript) {
		s.now(0)
		s.helloSealed(7, 1)
		s.draw(1)
		s.tx(welcome(4096, 8, 7, challengeOf(1)))
		s.answer("proof 3")
		s.prove(7, 1)
		s.tx(refuse(7, link.ReasonSignature))
		s.answer("proof 0")
		_, signature := sign(7, challengeOf(1))
		s.rx(proof(7, 1, signature))
		s.state("refused", 3, 7, 0, 0)
		s.now(10000)
		s.tx(refuse(7, link.ReasonSignature))
		s.acceptSealed(7, 1, 2)
		s.ack(1)
	}},
	{"proof-early", "a proof that nobody asked for is not verified", "33", 0, func(s *gatewayScript) {
		s.now(0)
		_, signature := sign(7, challengeOf(1))
		s.rx(proof(7, 1, signature))
		s.helloSealed(7, 1)
		s.rx(proof(7, 1, signature))
		s.draw(1)
		s.tx(welcome(4096, 8, 7, challengeOf(1)))
		s.rx(proof(8, 1, signature))
		s.state("challenged", 0, 7, 0, 0)
	}},
	{"proof-late", "a proof of an earlier challenge that comes late is ignored: it is not a bad signature", "33", 0, func(s *gatewayScript) {
		s.now(0)
		s.helloSealed(7, 1)
		s.draw(1)
		s.tx(welcome(4096, 8, 7, challengeOf(1)))
		s.now(10000)
		s.tx(poll())
		s.helloSealed(7, 1)
		s.draw(2)
		s.tx(welcome(4096, 8, 7, challengeOf(2)))
		_, signature := sign(7, challengeOf(1))
		s.rx(proof(7, 1, signature))
		s.state("challenged", 0, 7, 0, 0)
		s.prove(7, 2)
		s.call("begin", 7)
		s.ack(1)
	}},
	{"welcome-again", "an unanswered challenge is repeated every second and to every hello of this sensor; a hello within 100 ms of another is ignored; another sensor gets another challenge", "32", 0, func(s *gatewayScript) {
		s.now(0)
		s.helloSealed(7, 1)
		s.draw(1)
		s.tx(welcome(4096, 8, 7, challengeOf(1)))
		s.idle(1000)
		s.now(99)
		_, kid := device()
		s.rx(hello(capSealed, 128, 7, 1, kid, "test 1.0"))
		s.idle(1000)
		s.now(500)
		s.helloSealed(7, 1)
		s.tx(welcome(4096, 8, 7, challengeOf(1)))
		s.idle(1500)
		s.now(1500)
		s.tx(welcome(4096, 8, 7, challengeOf(1)))
		s.helloSealed(9, 1)
		s.draw(2)
		s.tx(welcome(4096, 8, 9, challengeOf(2)))
	}},
	{"no-random", "the random generator fails: no welcome, and another try a second later; zeros are no challenge", "32", 0, func(s *gatewayScript) {
		s.now(0)
		s.helloSealed(7, 1)
		s.idle(1000)
		s.now(1000)
		s.draw(0)
		s.idle(2000)
		s.now(2000)
		s.draw(3)
		s.tx(welcome(4096, 8, 7, challengeOf(3)))
	}},
	{"known", "a session that is remembered goes on where it was; what is repeated is not shown again", "36 38", 0, func(s *gatewayScript) {
		s.now(0)
		s.answer("begin 17")
		s.acceptPlain(15)
		s.ack(17)
		s.again(15)
		s.again(16)
		s.reading(17)
		s.state("accepted", 0, 7, 18, 17)
	}},
	{"known-behind", "a session that is remembered with a number below base has lost what was acknowledged: it goes on at base", "38", 0, func(s *gatewayScript) {
		s.now(0)
		s.answer("begin 14")
		s.acceptPlain(15)
		s.ack(15)
	}},
	{"known-255", "a session that is remembered with 255 frames above base", "38", 0, func(s *gatewayScript) {
		s.now(0)
		s.answer("begin 256")
		s.acceptPlain(1)
		s.ack(256)
	}},
	{"known-256", "256 frames above base are more than can have been in flight: another session of that number, which begins at base", "38", 0, func(s *gatewayScript) {
		s.now(0)
		s.answer("begin 257")
		s.acceptPlain(1)
		s.ack(1)
		s.reading(1)
	}},
	{"order", "a frame that comes twice or too soon is not taken and answered with an ack, one in 50 ms", "36", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptPlain(1)
		s.ack(1)
		s.now(100)
		s.again(2)
		s.ack(1)
		s.again(3)
		s.again(4)
		s.idle(150)
		s.now(150)
		s.ack(1)
		s.now(160)
		s.reading(1)
		s.add("durable", 7, 2)
		s.ack(2)
		s.now(300)
		s.again(1)
		s.ack(2)
		s.idle(1300)
		s.state("accepted", 0, 7, 2, 2)
	}},
	{"durable", "what is durable in another session, beyond what was taken, or known to be durable is not acknowledged", "37", 0, func(s *gatewayScript) {
		s.now(0)
		s.add("durable", 0, 1)
		s.acceptPlain(1)
		s.ack(1)
		s.reading(1)
		s.add("durable", 6, 2)
		s.add("durable", 7, 3)
		s.add("durable", 7, 1)
		s.add("durable", 7, 0)
		s.idle(1000)
		s.add("durable", 7, 2)
		s.ack(2)
	}},
	{"restarted", "a hello of another session: the sensor restarted; the handshake begins again, and frames of the session before are ignored", "17 38 42", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptSealed(7, 1, 1)
		s.ack(1)
		s.rx(sealed(7, 1, body(1, 4)))
		s.call("data", "12", 7, 1, 0, body(1, 4))
		s.now(500)
		s.helloSealed(8, 1)
		s.draw(2)
		s.tx(welcome(4096, 8, 8, challengeOf(2)))
		s.rx(sealed(7, 2, body(2, 4)))
		s.rx(sealed(8, 1, body(2, 4)))
		s.prove(8, 2)
		s.call("begin", 8)
		s.tx(ack(8, 1, 8))
		s.note("the commit of the session before ends now")
		s.add("durable", 7, 2)
		s.rx(sealed(7, 2, body(2, 4)))
		s.idle(1500)
		s.rx(sealed(8, 1, body(2, 4)))
		s.call("data", "12", 8, 1, 0, body(2, 4))
		s.state("accepted", 0, 8, 2, 1)
	}},
	{"hello-again", "a hello in the session that runs: a new challenge, nothing is taken until it is answered, and nothing taken is forgotten", "33 42", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptSealed(7, 1, 1)
		s.ack(1)
		s.rx(sealed(7, 1, body(1, 4)))
		s.call("data", "12", 7, 1, 0, body(1, 4))
		s.now(6000)
		s.helloSealed(7, 1)
		s.draw(2)
		s.tx(welcome(4096, 8, 7, challengeOf(2)))
		s.rx(sealed(7, 2, body(2, 4)))
		s.prove(7, 2)
		s.ack(1)
		s.rx(sealed(7, 1, body(1, 4)))
		s.rx(sealed(7, 2, body(2, 4)))
		s.call("data", "12", 7, 2, 0, body(2, 4))
		s.add("durable", 7, 3)
		s.ack(3)
	}},
	{"proof-again", "a proof that comes again was not answered as far as the sensor knows: ack, one in 50 ms; it is not verified again", "43", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptSealed(7, 1, 1)
		s.ack(1)
		s.now(20)
		_, signature := sign(7, challengeOf(1))
		s.rx(proof(7, 1, signature))
		s.rx(proof(7, 1, signature))
		s.idle(50)
		s.now(50)
		s.ack(1)
		s.idle(1050)
	}},
	{"gone", "nothing from the sensor for 10 s: it is gone; what comes then without a handshake is not taken; the session is remembered", "33 41", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptSealed(7, 1, 1)
		s.ack(1)
		s.rx(sealed(7, 1, body(1, 4)))
		s.call("data", "12", 7, 1, 0, body(1, 4))
		s.note("another session and noise are not this sensor")
		s.now(9000)
		s.ack(1)
		s.rx(heartbeat(8, 1, 1, 0, 0))
		s.add("rx", []byte{0, 0x55, 0})
		s.now(9999)
		s.idle(10000)
		s.state("accepted", 0, 7, 2, 1)
		s.now(10000)
		s.tx(poll())
		s.idle(12000)
		s.state("idle", 0, 7, 2, 1)
		s.rx(sealed(7, 2, body(2, 4)))
		s.add("durable", 7, 2)
		s.now(10500)
		s.helloSealed(7, 1)
		s.draw(2)
		s.tx(welcome(4096, 8, 7, challengeOf(2)))
		s.prove(7, 2)
		s.ack(2)
	}},
	{"gone-refused", "a refused sensor is gone after 30 s", "41", 0, func(s *gatewayScript) {
		s.now(0)
		s.answer("hello 5")
		s.helloPlain(7, 1)
		s.tx(refuse(7, link.ReasonMode))
		s.now(29999)
		s.idle(30000)
		s.now(30000)
		s.tx(poll())
		s.state("idle", 0, 7, 0, 0)
	}},
	{"hangup", "the line was closed: poll, handshake, and the session goes on", "31 41", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptPlain(1)
		s.ack(1)
		s.reading(1)
		s.add("rx", readings(7, 2, 50, body(2, 4)).wire()[:9])
		s.add("hangup")
		s.tx(poll())
		s.again(2)
		s.now(200)
		s.helloPlain(7, 1)
		s.tx(welcome(4096, 8, 7, [32]byte{}))
		s.ack(1)
		s.again(1)
		s.reading(2)
	}},
	{"other-session", "heartbeats, log lines and data of another session, or before a session, are ignored and counted", "17 33", 0, func(s *gatewayScript) {
		s.now(0)
		s.tx(poll())
		s.rx(readings(7, 1, 50, body(1, 4)))
		s.rx(heartbeat(0, 1, 1, 0, 0))
		s.rx(logLine(7, 1, "x"))
		s.acceptPlain(1)
		s.ack(1)
		s.rx(readings(8, 1, 50, body(1, 4)))
		s.rx(heartbeat(8, 1, 1, 0, 0))
		s.rx(logLine(8, 1, "x"))
		s.idle(1000)
		s.add("counts", 7, 0, 6)
	}},
	{"mode", "a sensor that announced readings sends an anchor and a batch: not taken", "35", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptPlain(1)
		s.ack(1)
		s.rx(sealed(7, 1, body(1, 4)))
		s.rx(anchor(7, 1, body(1, 4)))
		s.reading(1)
	}},
	{"malformed", "frames with a good CRC that are malformed, of an unknown type, or the gateway's own are ignored and counted", "6 7", 0, func(s *gatewayScript) {
		s.now(0)
		s.tx(poll())
		s.rx(hello(1, 63, 7, 1, link.KeyID{}, ""))
		s.rx(hello(1, 64, 0, 1, link.KeyID{}, ""))
		s.rx(build("a type that nobody knows", 0x20, u32(7)))
		s.rx(poll())
		s.rx(welcome(4096, 8, 7, challengeOf(1)))
		s.add("counts", 5, 0, 5)
		s.idle(2000)
	}},
	{"not-taken", "a frame that the handler does not take comes again", "36", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptPlain(1)
		s.ack(1)
		s.answer("data no")
		s.reading(1)
		s.again(2)
		s.now(50)
		s.ack(1)
		s.answer("data yes")
		s.reading(1)
		s.reading(2)
		s.state("accepted", 0, 7, 3, 1)
	}},
	{"window", "a change of the window is announced at once", "39", 0, func(s *gatewayScript) {
		s.now(0)
		s.acceptPlain(1)
		s.ack(1)
		s.add("set-window", 8)
		s.idle(1000)
		s.add("set-window", 0)
		s.tx(ack(7, 1, 0))
		s.reading(1)
		s.add("set-window", 3)
		s.tx(ack(7, 1, 3))
	}},
	{"flood", "more than the window was ever, beyond what is durable, is not taken", "44", 2, func(s *gatewayScript) {
		s.now(0)
		s.acceptPlain(1)
		s.ack(1)
		s.reading(1)
		s.reading(2)
		s.again(3)
		s.again(4)
		s.state("accepted", 0, 7, 3, 1)
		s.add("durable", 7, 2)
		s.ack(2)
		s.reading(3)
		s.again(4)
	}},
	{"time", "a time goes out after acceptance, when the beacon changes or the time becomes known, and every 60 s; it counts on from when it was told", "40", 0, func(s *gatewayScript) {
		beacon := [16]byte(bytes.Repeat([]byte{0xbe}, 16))
		s.now(0)
		s.acceptPlain(1)
		s.ack(1)
		s.idle(1000)
		s.add("set-time", 0, uint32(0xffffffff), make([]byte, 16))
		s.tx(timeFrame(0, 0xffffffff, [16]byte{}))
		s.idle(1000)
		s.now(100)
		s.add("set-time", uint64(1700000000000), 20, make([]byte, 16))
		s.now(130)
		s.tx(timeFrame(1700000000030, 20, [16]byte{}))
		s.add("set-time", uint64(1700000000031), 21, make([]byte, 16))
		s.idle(1000)
		s.add("set-time", uint64(1700000000031), 21, beacon[:])
		s.tx(timeFrame(1700000000031, 21, beacon))
		for t := 1000; t < 60130; t += 1000 {
			s.now(t)
			s.tx(ack(7, 1, 8))
			if t%5000 == 0 {
				s.rx(heartbeat(7, uint64(t), 1, 0, 0))
				s.call("heartbeat", 7, uint64(t), 1, 0, 0)
			}
		}
		s.now(60130)
		s.tx(timeFrame(1700000060031, 21, beacon))
		s.now(60200)
		s.helloPlain(7, 1)
		s.tx(welcome(4096, 8, 7, [32]byte{}))
		s.ack(1)
		s.tx(timeFrame(1700000060101, 21, beacon))
	}},
	{"wrap", "numbers go on with 0 after 4294967295", "20 36 38", 0, func(s *gatewayScript) {
		s.now(0)
		s.answer("begin 4294967295")
		s.acceptPlain(0xfffffffe)
		s.ack(0xffffffff)
		s.again(0xfffffffe)
		s.reading(0xffffffff)
		s.reading(0)
		s.reading(1)
		s.state("accepted", 0, 7, 2, 0xffffffff)
		s.add("durable", 7, 2)
		s.ack(2)
	}},
	{"later-version", "a hello of a later version, with more behind it, is answered with version 1", "9", 0, func(s *gatewayScript) {
		s.now(0)
		m := hello(capPlain, 128, 7, 1, link.KeyID{}, fmt.Sprintf("%050d", 0))
		m.frame[1] = 2
		s.rx(m)
		s.call("hello", 7, 1, make([]byte, 8), "-")
		s.call("begin", 7)
		s.tx(welcome(4096, 8, 7, [32]byte{}))
		s.ack(1)
	}},
}
