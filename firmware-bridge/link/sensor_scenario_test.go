package link_test

import (
	"bytes"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// device is the key of the transcripts: Ed25519, seed 00 01 .. 1f.
func device() (*keys.Ed25519, link.KeyID) {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(i)
	}
	key := keys.NewEd25519(&seed)
	public := key.Public()
	return key, link.KeyID(public.ID())
}

// sign returns the proof message of a session and its signature.
func sign(session uint32, challenge [32]byte) (text, signature []byte) {
	key, kid := device()
	text = proofMessage(kid, session, challenge)
	signature, err := key.Sign(nil, text)
	if err != nil {
		panic(err) // a software key does not fail
	}
	return text, signature
}

// challengeOf returns a challenge: a byte 32 times.
func challengeOf(b byte) [32]byte { return [32]byte(bytes.Repeat([]byte{b}, 32)) }

const (
	capPlain  = 1
	capSealed = 2
)

// sensorScript writes a transcript of a sensor of session 7: what the test
// expects, in the order of FORMAT.md.
type sensorScript struct {
	vector
	capabilities uint16
	kid          link.KeyID
	receive      uint16
	firmware     string
}

func (s *sensorScript) config(keyed bool, keep int) {
	s.capabilities, s.receive = capPlain, 128
	s.add("session", 7)
	if keyed {
		s.capabilities = capSealed
		_, s.kid = device()
		s.add("kid", s.kid[:])
	}
	s.firmware = "test 1.0"
	s.add("firmware", []byte(s.firmware))
	s.add("keep", keep)
	s.add("receive", int(s.receive))
}

func (s *sensorScript) now(ms int)       { s.add("now", ms) }
func (s *sensorScript) note(text string) { s.add("# " + text) }
func (s *sensorScript) idle(next int)    { s.add("idle"); s.add("next", next) }

func (s *sensorScript) tx(m message) {
	s.note(m.name)
	s.add("tx", m.wire())
}

func (s *sensorScript) rx(m message) {
	s.note(m.name)
	s.add("rx", m.wire())
}

func (s *sensorScript) hello(base uint32) {
	s.tx(hello(s.capabilities, s.receive, 7, base, s.kid, s.firmware))
}

func (s *sensorScript) queue(t link.Type, body []byte, verdict string) {
	s.add("queue", []byte{byte(t)}, body, verdict)
}

// state writes phase, reason, unacknowledged, acknowledged, next.
func (s *sensorScript) state(phase string, reason, unacked int, acked, next uint32) {
	s.add("state", phase, reason, unacked, acked, next)
}

// acceptPlain begins a session without key at the present time.
func (s *sensorScript) acceptPlain(base uint32, window byte) {
	s.hello(base)
	s.rx(welcome(4096, window, 7, [32]byte{}))
	s.rx(ack(7, base, window))
}

// acceptSealed begins a session with key.
func (s *sensorScript) acceptSealed(base uint32, window, challenge byte) {
	s.hello(base)
	s.rx(welcome(4096, window, 7, challengeOf(challenge)))
	s.prove(challenge)
	s.rx(ack(7, base, window))
}

// prove has the sensor sign and send its proof.
func (s *sensorScript) prove(challenge byte) {
	text, signature := sign(7, challengeOf(challenge))
	s.add("sign", text, signature)
	s.tx(proof(7, challenge, signature))
}

// body returns n bytes that differ from those of another seed.
func body(seed, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(seed*16 + i)
	}
	return p
}

// sensorVectors returns the transcripts of the sensor's end.
func sensorVectors() []*vector {
	var all []*vector
	for _, sc := range sensorScenarios {
		s := &sensorScript{vector: vector{dir: "sensor", name: sc.name}}
		s.begin(sc.expect, sc.musts)
		s.config(sc.keyed, sc.keep)
		for _, line := range sc.config {
			s.add(line)
		}
		s.add("start")
		s.add("")
		sc.steps(s)
		all = append(all, &s.vector)
	}
	return all
}

type sensorScenario struct {
	name, expect, musts string
	keyed               bool
	keep                int
	config              []string // more lines before "start"
	steps               func(s *sensorScript)
}

var sensorScenarios = []sensorScenario{
	{"plain", "a sensor without key: hello, welcome, ack; readings go out with the uptime of sending; heartbeat after 2 s of silence",
		"12 16 20 27 28", false, 256, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			s.state("accepted", 0, 0, 1, 1)
			s.queue(link.TypeReadings, body(1, 6), "ok")
			s.now(40)
			s.tx(readings(7, 1, 40, body(1, 6)))
			s.idle(1040)
			s.state("accepted", 0, 1, 1, 2)
			s.now(60)
			s.rx(ack(7, 2, 4))
			s.state("accepted", 0, 0, 2, 2)
			s.idle(2040)
			s.now(2039)
			s.idle(2040)
			s.now(2040)
			s.tx(heartbeat(7, 2040, 2, 0, 0))
			s.idle(4040)
		}},
	{"sealed", "a sensor with key: hello, welcome, proof, ack; an anchor and a batch; both acknowledged",
		"14 16 20 21", true, 256, nil, func(s *sensorScript) {
			s.now(0)
			s.queue(link.TypeAnchor, body(1, 40), "ok")
			s.queue(link.TypeSealed, body(2, 30), "ok")
			s.state("hello", 0, 2, 1, 3)
			s.acceptSealed(1, 4, 0xc5)
			s.now(10)
			s.tx(anchor(7, 1, body(1, 40)))
			s.tx(sealed(7, 2, body(2, 30)))
			s.idle(1010)
			s.now(30)
			s.rx(ack(7, 3, 4))
			s.state("accepted", 0, 0, 3, 3)
			s.idle(2010)
		}},
	{"hello-every-second", "nobody answers: hello at once and every second, and nothing else",
		"12 16", true, 128, nil, func(s *sensorScript) {
			s.queue(link.TypeSealed, body(1, 10), "ok")
			s.now(0)
			s.hello(1)
			s.idle(1000)
			s.now(999)
			s.idle(1000)
			s.now(1000)
			s.hello(1)
			s.now(2005)
			s.hello(1)
			s.idle(3005)
		}},
	{"poll", "a poll is answered with a hello in any phase, 200 ms after the last one at the earliest; data wait for acceptance and then all go out again",
		"13 16 24", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.now(50)
			s.rx(poll())
			s.idle(200)
			s.rx(poll())
			s.now(200)
			s.hello(1)
			s.rx(welcome(4096, 4, 7, [32]byte{}))
			s.rx(ack(7, 1, 4))
			s.queue(link.TypeReadings, body(1, 4), "ok")
			s.tx(readings(7, 1, 200, body(1, 4)))
			s.now(300)
			s.rx(poll())
			s.queue(link.TypeReadings, body(2, 4), "ok")
			s.idle(400)
			s.now(600)
			s.acceptPlain(1, 4)
			s.tx(readings(7, 1, 600, body(1, 4)))
			s.tx(readings(7, 2, 600, body(2, 4)))
		}},
	{"gateway-silent", "5 s without a good frame: hello every second, the same session, all kept; the gateway that comes back has more than it acknowledged",
		"18 21 23", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			for i := 1; i <= 3; i++ {
				s.queue(link.TypeReadings, body(i, 4), "ok")
				s.tx(readings(7, uint32(i), 0, body(i, 4)))
			}
			s.now(1000)
			s.rx(ack(7, 2, 4))
			s.now(2000)
			s.tx(readings(7, 2, 2000, body(2, 4)))
			s.tx(readings(7, 3, 2000, body(3, 4)))
			s.idle(4000)
			s.now(4000)
			s.tx(readings(7, 2, 4000, body(2, 4)))
			s.tx(readings(7, 3, 4000, body(3, 4)))
			s.idle(6000)
			s.now(6000)
			s.hello(2)
			s.state("hello", 0, 2, 2, 4)
			s.idle(7000)
			s.now(7000)
			s.hello(2)
			s.rx(welcome(4096, 4, 7, [32]byte{}))
			s.rx(ack(7, 3, 4))
			s.state("accepted", 0, 1, 3, 4)
			s.tx(readings(7, 3, 7000, body(3, 4)))
			s.idle(8000)
		}},
	{"refused", "a refused sensor keeps its data and says hello every 10 s; accepted later, it sends them",
		"19 21", true, 128, nil, func(s *sensorScript) {
			s.queue(link.TypeSealed, body(1, 10), "ok")
			s.now(0)
			s.hello(1)
			s.now(20)
			s.rx(refuse(7, link.ReasonUnknown))
			s.state("refused", 1, 1, 1, 2)
			s.idle(10020)
			s.now(10020)
			s.hello(1)
			s.idle(20020)
			s.now(10040)
			s.rx(welcome(4096, 4, 7, challengeOf(1)))
			s.prove(1)
			s.now(10060)
			s.rx(refuse(7, link.ReasonSignature))
			s.state("refused", 3, 1, 1, 2)
			s.idle(20060)
			s.now(20060)
			s.acceptSealed(1, 4, 2)
			s.state("accepted", 0, 1, 1, 2)
			s.tx(sealed(7, 1, body(1, 10)))
		}},
	{"refused-later", "a sensor is refused in the middle of its session: it stops sending",
		"16 19", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			s.queue(link.TypeReadings, body(1, 4), "ok")
			s.rx(refuse(7, link.ReasonOther))
			s.idle(10000)
			s.state("refused", 2, 1, 1, 2)
		}},
	{"retry", "no acknowledgement: everything in flight again after 1 s, 2, 4, 8 and 8 s; progress begins at 1 s again",
		"24", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			s.queue(link.TypeReadings, body(1, 4), "ok")
			s.tx(readings(7, 1, 0, body(1, 4)))
			at := 0
			for _, wait := range []int{1000, 2000, 4000, 8000, 8000} {
				// the gateway lives and is busy: its time messages say so
				for t := at + 1000; t < at+wait; t += 1000 {
					s.now(t)
					s.rx(timeFrame(0, link.NoBound, [16]byte{}))
				}
				at += wait
				s.now(at)
				s.rx(timeFrame(0, link.NoBound, [16]byte{}))
				s.tx(readings(7, 1, uint64(at), body(1, 4)))
			}
			s.queue(link.TypeReadings, body(2, 4), "ok")
			s.tx(readings(7, 2, uint64(at), body(2, 4)))
			s.now(at + 10)
			s.rx(ack(7, 2, 4))
			s.idle(at + 1010)
			s.now(at + 1010)
			s.tx(readings(7, 2, uint64(at+1010), body(2, 4)))
		}},
	{"ack-without-progress", "an ack that says nothing new while more than one frame is in flight: all again at once, but once only until the time to retry is over",
		"25", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			s.queue(link.TypeReadings, body(1, 4), "ok")
			s.tx(readings(7, 1, 0, body(1, 4)))
			s.rx(ack(7, 1, 4))
			s.idle(1000)
			s.queue(link.TypeReadings, body(2, 4), "ok")
			s.tx(readings(7, 2, 0, body(2, 4)))
			s.now(30)
			s.rx(ack(7, 1, 4))
			s.tx(readings(7, 1, 30, body(1, 4)))
			s.tx(readings(7, 2, 30, body(2, 4)))
			s.now(60)
			s.rx(ack(7, 1, 4))
			s.idle(1030)
			s.now(1030)
			s.tx(readings(7, 1, 1030, body(1, 4)))
			s.tx(readings(7, 2, 1030, body(2, 4)))
			s.now(1060)
			s.rx(ack(7, 1, 4))
			s.tx(readings(7, 1, 1060, body(1, 4)))
		}},
	{"window", "not more than the window in flight; 0 is a pause, in which nothing is sent again either; it opens with an ack",
		"22", false, 256, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 2)
			for i := 1; i <= 4; i++ {
				s.queue(link.TypeReadings, body(i, 4), "ok")
			}
			s.tx(readings(7, 1, 0, body(1, 4)))
			s.tx(readings(7, 2, 0, body(2, 4)))
			s.idle(1000)
			s.now(100)
			s.rx(ack(7, 2, 0))
			s.idle(2000)
			s.now(1500)
			s.rx(ack(7, 2, 0))
			s.idle(2000)
			s.now(2000)
			s.tx(heartbeat(7, 2000, 5, 0, 0))
			s.rx(ack(7, 3, 3))
			s.tx(readings(7, 3, 2000, body(3, 4)))
			s.tx(readings(7, 4, 2000, body(4, 4)))
			s.idle(3000)
			s.note("smaller than what is in flight: nothing new until it is below")
			s.queue(link.TypeReadings, body(5, 4), "ok")
			s.rx(ack(7, 3, 1))
			s.tx(readings(7, 3, 2000, body(3, 4)))
			s.idle(3000)
		}},
	{"ack-of-nothing", "acks beyond what was sent, older than what is known, or of another session change nothing",
		"17 23", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 2)
			for i := 1; i <= 3; i++ {
				s.queue(link.TypeReadings, body(i, 4), "ok")
			}
			s.tx(readings(7, 1, 0, body(1, 4)))
			s.tx(readings(7, 2, 0, body(2, 4)))
			s.rx(ack(7, 4, 2))
			s.rx(ack(8, 3, 2))
			s.rx(ack(7, 0, 2))
			s.rx(ack(7, 0x80000001, 2))
			s.state("accepted", 0, 3, 1, 4)
			s.rx(ack(7, 3, 2))
			s.state("accepted", 0, 1, 3, 4)
			s.rx(ack(7, 2, 2))
			s.state("accepted", 0, 1, 3, 4)
		}},
	{"wrap", "numbers go on with 0 after 4294967295",
		"20 23", false, 128, []string{"first 4294967294"}, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(0xfffffffe, 8)
			for i := 0; i < 4; i++ {
				s.queue(link.TypeReadings, body(i, 4), "ok")
				s.tx(readings(7, 0xfffffffe+uint32(i), 0, body(i, 4)))
			}
			s.state("accepted", 0, 4, 0xfffffffe, 2)
			s.rx(ack(7, 3, 8))
			s.state("accepted", 0, 4, 0xfffffffe, 2)
			s.rx(ack(7, 1, 8))
			s.state("accepted", 0, 1, 1, 2)
			s.now(1000)
			s.tx(readings(7, 1, 1000, body(3, 4)))
		}},
	{"full", "a frame takes its body and 3 bytes of the ring; what has no room is not taken and nothing is overwritten; bodies go around its end",
		"21", false, 40, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 8)
			s.add("room", "10", 37)
			s.add("room", "12", 0)
			s.queue(link.TypeReadings, body(1, 38), "large")
			s.queue(link.TypeReadings, nil, "large")
			s.queue(link.TypeSealed, body(1, 4), "type")
			s.queue(link.TypeAck, body(1, 4), "type")
			s.queue(link.TypeReadings, body(1, 17), "ok")
			s.queue(link.TypeReadings, body(2, 18), "full")
			s.queue(link.TypeReadings, body(2, 15), "ok")
			s.add("room", "10", 0)
			s.queue(link.TypeReadings, body(3, 1), "full")
			s.tx(readings(7, 1, 0, body(1, 17)))
			s.tx(readings(7, 2, 0, body(2, 15)))
			s.rx(ack(7, 2, 8))
			s.add("room", "10", 19)
			s.queue(link.TypeReadings, body(3, 19), "ok")
			s.tx(readings(7, 3, 0, body(3, 19)))
			s.rx(ack(7, 3, 8))
			s.queue(link.TypeReadings, body(4, 15), "ok")
			s.tx(readings(7, 4, 0, body(4, 15)))
			s.now(1000)
			s.tx(readings(7, 3, 1000, body(3, 19)))
			s.tx(readings(7, 4, 1000, body(4, 15)))
			s.state("accepted", 0, 2, 3, 5)
		}},
	{"proof-again", "the proof goes out again every second, and when the same welcome comes again; it is signed once for each challenge",
		"14 15", true, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.now(10)
			s.rx(welcome(4096, 4, 7, challengeOf(1)))
			s.prove(1)
			_, first := sign(7, challengeOf(1))
			s.idle(1010)
			s.now(500)
			s.rx(welcome(4096, 4, 7, challengeOf(1)))
			s.tx(proof(7, 1, first))
			s.idle(1500)
			s.now(1500)
			s.tx(proof(7, 1, first))
			s.note("not within 200 ms of the last one, so that a flood of challenges costs no more than five signatures a second")
			s.now(1600)
			s.rx(welcome(4096, 4, 7, challengeOf(2)))
			s.idle(1700)
			s.now(1700)
			s.prove(2)
			s.rx(ack(7, 1, 4))
			s.state("accepted", 0, 0, 1, 1)
			s.note("a challenge in the middle of the session is answered too, and data wait for the ack")
			s.queue(link.TypeSealed, body(1, 4), "ok")
			s.now(1900)
			s.rx(welcome(4096, 4, 7, challengeOf(3)))
			s.prove(3)
			s.idle(2900)
			s.rx(ack(7, 1, 4))
			s.tx(sealed(7, 1, body(1, 4)))
		}},
	{"proof-unanswered", "5 s after the proof nobody has answered: hello again",
		"15 18", true, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.rx(welcome(4096, 4, 7, challengeOf(1)))
			s.prove(1)
			_, first := sign(7, challengeOf(1))
			for t := 1000; t < 5000; t += 1000 {
				s.now(t)
				s.tx(proof(7, 1, first))
			}
			s.idle(5000)
			s.now(5000)
			s.hello(1)
			s.idle(6000)
		}},
	{"sign-fails", "a signer that fails is asked again a second later",
		"14", true, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.rx(welcome(4096, 4, 7, challengeOf(1)))
			s.add("sign-fails")
			s.idle(1000)
			s.now(1000)
			s.prove(1)
			s.rx(ack(7, 1, 4))
			s.state("accepted", 0, 0, 1, 1)
		}},
	{"ack-before-proof", "an ack left over from before does not accept a sensor that has not proved itself",
		"16", true, 128, nil, func(s *sensorScript) {
			s.queue(link.TypeSealed, body(1, 4), "ok")
			s.now(0)
			s.hello(1)
			s.rx(ack(7, 1, 4))
			s.idle(1000)
			s.rx(welcome(4096, 4, 7, challengeOf(1)))
			s.rx(ack(7, 1, 4))
			s.state("welcomed", 0, 1, 1, 2)
			s.prove(1)
			s.idle(1000)
			s.rx(ack(7, 1, 4))
			s.tx(sealed(7, 1, body(1, 4)))
		}},
	{"challenge-zero", "a sensor with key signs no challenge of zeros",
		"14", true, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.rx(welcome(4096, 4, 7, [32]byte{}))
			s.idle(1000)
			s.state("hello", 0, 0, 1, 1)
		}},
	{"challenge-without-key", "a sensor without key ignores a challenge that it cannot answer",
		"14", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.rx(welcome(4096, 4, 7, challengeOf(1)))
			s.rx(ack(7, 1, 4))
			s.idle(1000)
			s.state("hello", 0, 0, 1, 1)
		}},
	{"other-session", "welcome, ack and refusal of another session are ignored, and do not count as hearing the gateway",
		"17 18", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.rx(welcome(4096, 4, 8, [32]byte{}))
			s.rx(refuse(8, link.ReasonUnknown))
			s.state("hello", 0, 0, 1, 1)
			s.now(1000)
			s.acceptPlain(1, 4)
			s.now(3000)
			s.rx(refuse(8, link.ReasonUnknown))
			s.rx(ack(8, 1, 4))
			s.state("accepted", 0, 0, 1, 1)
			s.tx(heartbeat(7, 3000, 1, 0, 0))
			s.now(5000)
			s.tx(heartbeat(7, 5000, 1, 0, 0))
			s.idle(6000)
			s.now(6000)
			s.hello(1)
		}},
	{"gateway-takes-less", "the gateway takes frames of 64 bytes: a longer one that was queued before is kept and not sent, nor what is behind it; no longer one is queued",
		"26", false, 256, nil, func(s *sensorScript) {
			s.queue(link.TypeReadings, body(1, 43), "ok")
			s.queue(link.TypeReadings, body(2, 44), "ok")
			s.queue(link.TypeReadings, body(3, 4), "ok")
			s.now(0)
			s.hello(1)
			s.rx(welcome(64, 4, 7, [32]byte{}))
			s.rx(ack(7, 1, 4))
			s.tx(readings(7, 1, 0, body(1, 43)))
			s.idle(1000)
			s.rx(ack(7, 2, 4))
			s.idle(2000)
			s.add("room", "10", 43)
			s.queue(link.TypeReadings, body(4, 44), "large")
			s.state("accepted", 0, 2, 2, 4)
			s.rx(poll())
			s.now(200)
			s.acceptPlain(2, 4)
			s.tx(readings(7, 2, 200, body(2, 44)))
			s.tx(readings(7, 3, 200, body(3, 4)))
		}},
	{"log", "one log line waits, the newest wins; it takes turns with data; it is cut between characters, and what is not UTF-8 becomes a question mark",
		"10 29", false, 128, nil, func(s *sensorScript) {
			s.add("log", 1, []byte("before"))
			s.now(0)
			s.acceptPlain(1, 4)
			s.add("log", 1, []byte("first"))
			s.add("log", 2, []byte("second"))
			s.queue(link.TypeReadings, body(1, 4), "ok")
			s.queue(link.TypeReadings, body(2, 4), "ok")
			s.tx(logLine(7, 2, "second"))
			s.add("log", 3, []byte("third"))
			s.tx(readings(7, 1, 0, body(1, 4)))
			s.tx(logLine(7, 3, "third"))
			s.add("log", 9, []byte("level\xff\xc3(\x00"))
			s.tx(readings(7, 2, 0, body(2, 4)))
			s.tx(logLine(7, 3, "level??(\x00"))
			s.add("log", 0, []byte(string(bytes.Repeat([]byte("a"), 78))+"\u20acb"))
			s.tx(logLine(7, 0, string(bytes.Repeat([]byte("a"), 78))))
			s.add("log", 0, []byte(nil))
			s.idle(1000)
		}},
	{"time", "time messages are kept with the uptime at which they came, 250 ms added to their error; ffffffff means that nobody knows",
		"30", false, 128, nil, func(s *sensorScript) {
			beacon := [16]byte(bytes.Repeat([]byte{0xbe}, 16))
			s.add("time", "none")
			s.now(100)
			s.rx(timeFrame(1700000000000, 20, beacon))
			s.add("time", uint64(1700000000000), 270, beacon[:], 100)
			s.now(200)
			s.rx(timeFrame(1700000000100, 0xffffff05, beacon))
			s.add("time", uint64(1700000000100), uint32(0xffffffff), beacon[:], 200)
			s.now(300)
			s.rx(timeFrame(0, 0xffffffff, [16]byte{}))
			s.add("time", 0, uint32(0xffffffff), make([]byte, 16), 300)
		}},
	{"noise", "noise before, between and in frames costs the frame it hits and no other; a heartbeat tells how many were damaged",
		"2 3 28", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.note("noise, then a welcome")
			s.add("rx", append([]byte{0x55, 0xff, 0x12}, welcome(4096, 4, 7, [32]byte{}).wire()...))
			s.note("an ack with a bit turned over, and half of one")
			bad := ack(7, 1, 4).wire()
			bad[6] ^= 0x10
			s.add("rx", bad)
			s.add("rx", ack(7, 1, 4).wire()[:7])
			s.state("welcomed", 0, 0, 1, 1)
			s.rx(ack(7, 1, 4))
			s.state("accepted", 0, 0, 1, 1)
			s.add("counts", 2, 3)
			s.now(2000)
			s.tx(heartbeat(7, 2000, 1, 0, 3))
		}},
	{"malformed", "frames with a good CRC that are malformed or of an unknown type are ignored, and do not count as hearing the gateway",
		"6 7 18", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			s.now(4000)
			s.tx(heartbeat(7, 4000, 1, 0, 0))
			s.rx(build("a type that nobody knows", 0xee, []byte("what is this")))
			s.rx(build("an ack that is too long", link.TypeAck, u32(7), u32(1), []byte{4, 0}))
			s.rx(build("an ack that is too short", link.TypeAck, u32(7), u32(1)))
			s.rx(build("a poll that is too long", link.TypePoll, []byte{0}))
			s.rx(build("a refusal without reason", link.TypeRefuse, u32(7), []byte{0}))
			s.rx(build("a welcome that takes too little", link.TypeWelcome, []byte{1}, u16(63), []byte{4}, u32(7), make([]byte, 32)))
			s.rx(heartbeat(7, 0, 1, 0, 0))
			s.state("accepted", 0, 0, 1, 1)
			s.idle(5000)
			s.now(5000)
			s.hello(1)
		}},
	{"later-version", "a welcome of a later version may be longer; what follows is ignored",
		"9", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.hello(1)
			s.rx(build("welcome of version 2", link.TypeWelcome, []byte{2}, u16(4096), []byte{4}, u32(7), make([]byte, 32), []byte("more")))
			s.rx(ack(7, 1, 4))
			s.state("accepted", 0, 0, 1, 1)
		}},
	{"dropped", "heartbeats carry what the sensor could not keep, and the number of the next frame; the count stays at its greatest value",
		"28", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			s.add("dropped", 3)
			s.queue(link.TypeReadings, body(1, 4), "ok")
			s.tx(readings(7, 1, 0, body(1, 4)))
			s.rx(ack(7, 2, 4))
			s.now(2000)
			s.tx(heartbeat(7, 2000, 2, 3, 0))
			s.add("dropped", uint32(0xfffffffd))
			s.now(4000)
			s.tx(heartbeat(7, 4000, 2, 0xffffffff, 0))
		}},
	{"partial-ack", "an ack of some of what is in flight frees them; the time to retry begins anew with it",
		"23 24", false, 128, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 4)
			for i := 1; i <= 4; i++ {
				s.queue(link.TypeReadings, body(i, 4), "ok")
				s.tx(readings(7, uint32(i), 0, body(i, 4)))
			}
			s.now(900)
			s.rx(ack(7, 3, 4))
			s.idle(1900)
			s.now(1900)
			s.tx(readings(7, 3, 1900, body(3, 4)))
			s.note("the ack of both comes late: the second is not sent again")
			s.now(1910)
			s.rx(ack(7, 5, 4))
			s.state("accepted", 0, 0, 5, 5)
			s.idle(3900)
		}},
	{"long-block", "bodies with runs of 253, 254 and 255 bytes without a zero",
		"1 5", false, 2048, nil, func(s *sensorScript) {
			s.now(0)
			s.acceptPlain(1, 8)
			for i, n := range []int{249, 250, 251, 504} {
				b := bytes.Repeat([]byte{0xa5}, n)
				s.queue(link.TypeReadings, b, "ok")
				s.tx(readings(7, uint32(i+1), 0, b))
			}
		}},
}
