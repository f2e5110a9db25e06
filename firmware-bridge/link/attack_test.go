package link_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// everyFrame returns a frame of each type, of session 7.
func everyFrame() []message {
	_, kid := device()
	_, signature := sign(7, challengeOf(1))
	return []message{
		hello(capSealed, 128, 7, 1, kid, "test 1.0"), proof(7, 1, signature), heartbeat(7, 50, 1, 2, 3),
		logLine(7, 1, "probe off"), readings(7, 1, 50, body(1, 40)), anchor(7, 1, body(2, 300)), sealed(7, 1, body(3, 40)),
		welcome(4096, 4, 7, challengeOf(1)), ack(7, 1, 4), refuse(7, 1), timeFrame(1700000000000, 20, [16]byte{1}), poll(),
	}
}

// decoded returns the frames that a stream holds.
func decoded(stream []byte) []string {
	var d link.Decoder
	d.Reset(make([]byte, link.MaxFrame))
	return decodeAll(&d, stream, len(stream))
}

// follower comes after what was damaged, and must always arrive.
var follower = ack(0xf0110, 3, 1)

// expectFollower fails unless a damaged stream gives the follower alone, or what
// was meant and the follower.
func expectFollower(t *testing.T, what string, at int, meant message, stream []byte, mayArrive bool) {
	t.Helper()
	got := decoded(append(slices.Clone(stream), follower.wire()...))
	if mayArrive && len(got) == 2 && got[0] == hexOf(meant.frame) {
		got = got[1:]
	}
	if len(got) != 1 || got[0] != hexOf(follower.frame) {
		t.Errorf("%s: %s at %d: decoded as %q", meant.name, what, at, got)
	}
}

func TestEverySingleBit(t *testing.T) {
	for _, m := range everyFrame() {
		w := m.wire()
		for i := range len(w) * 8 {
			flipped := slices.Clone(w)
			flipped[i/8] ^= 1 << (i % 8)
			expectFollower(t, "bit", i, m, flipped, false)
		}
	}
}

func TestEveryTruncation(t *testing.T) {
	for _, m := range everyFrame() {
		w := m.wire()
		for i := range w {
			// Without its last byte a frame ends at the delimiter of the next.
			expectFollower(t, "end", i, m, w[:i], i == len(w)-1)
			expectFollower(t, "beginning", i, m, w[i:], i <= 1)
		}
	}
}

func TestEveryByteRemovedDoubledInserted(t *testing.T) {
	for _, m := range everyFrame() {
		w := m.wire()
		for i := range w {
			edge := i == 0 || i == len(w)-1
			expectFollower(t, "removed", i, m, slices.Delete(slices.Clone(w), i, i+1), edge)
			expectFollower(t, "doubled", i, m, slices.Insert(slices.Clone(w), i, w[i]), edge)
			for _, b := range []byte{0x00, 0x01, 0x55, 0xff} {
				outside := i == 0 || b == 0 && (i == 1 || i == len(w)-1)
				expectFollower(t, "inserted", i, m, slices.Insert(slices.Clone(w), i, b), outside)
			}
		}
	}
}

// TestManyBits turns over two to five bits at random, which CRC-32C finds in
// frames of up to 655 bytes wherever they are; the delimiters stay.
func TestManyBits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, m := range everyFrame() {
		w := withCRC(m.frame)
		for range 2000 {
			flipped := slices.Clone(w)
			n := 2 + random.IntN(4)
			for range n {
				i := random.IntN(len(w) * 8)
				flipped[i/8] ^= 1 << (i % 8)
			}
			if bytes.Equal(flipped, w) {
				continue
			}
			stream := append(append([]byte{0}, cobs(flipped)...), 0)
			expectFollower(t, "bits", n, m, stream, false)
		}
	}
}

// TestGarbage puts noise between frames, which costs nothing, and into frames,
// which costs those.
func TestGarbage(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	frames := everyFrame()
	for range 300 {
		var stream []byte
		var want []string
		for _, m := range frames {
			stream = append(stream, noise(random, random.IntN(20))...)
			w := m.wire()
			if random.IntN(3) > 0 {
				stream, want = append(stream, w...), append(want, hexOf(m.frame))
				continue
			}
			at := 2 + random.IntN(len(w)-3)
			stream = append(append(append(stream, w[:at]...), noise(random, 1+random.IntN(20))...), w[at:]...)
		}
		if got := decoded(stream); !slices.Equal(got, want) {
			t.Fatalf("stream %x\n got %q\nwant %q", stream, got, want)
		}
	}
}

func noise(random *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(random.Uint32())
	}
	return p
}

// acceptedPair returns both ends in the middle of a session.
func acceptedPair(t testing.TB, keyed bool) (*link.Sensor, *link.Gateway, *gatewayReplay) {
	t.Helper()
	c := link.SensorConfig{Session: 7, Firmware: "test 1.0", Keep: make([]byte, 4096), Receive: make([]byte, 128)}
	if keyed {
		key, kid := device()
		c.KeyID, c.Signer = kid, key
	}
	h := &gatewayReplay{challenge: bytes.Repeat([]byte{9}, 32)}
	var s link.Sensor
	var g link.Gateway
	if err := s.Init(c); err != nil {
		t.Fatal(err)
	}
	if err := g.Init(link.GatewayConfig{Receive: make([]byte, link.MaxFrame), Random: h.random}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		g.Receive(s.Send(nil, 0), 0, h)
		for out := g.Send(nil, 0); len(out) > 0; out = g.Send(nil, 0) {
			s.Receive(out, 0)
		}
	}
	if s.State().Phase != link.SensorAccepted || g.State().Phase != link.GatewayAccepted {
		t.Fatalf("not accepted: %+v %+v", s.State(), g.State())
	}
	h.calls = nil
	return &s, &g, h
}

// TestDamageReachesNobody gives both ends every frame with every bit turned over:
// no handler is called, no state moves, nothing is answered.
func TestDamageReachesNobody(t *testing.T) {
	s, g, h := acceptedPair(t, true)
	before, gatewayBefore := s.State(), g.State()
	for _, m := range everyFrame() {
		w := m.wire()
		for i := range len(w) * 8 {
			flipped := slices.Clone(w)
			flipped[i/8] ^= 1 << (i % 8)
			flipped = append(flipped, 0)
			s.Receive(flipped, 0)
			g.Receive(flipped, 0, h)
		}
	}
	after, gatewayAfter := s.State(), g.State()
	before.Bad, gatewayBefore.Bad = after.Bad, gatewayAfter.Bad
	if after != before || gatewayAfter != gatewayBefore || len(h.calls) > 0 {
		t.Errorf("sensor %+v, was %+v; gateway %+v, was %+v; calls %q", after, before, gatewayAfter, gatewayBefore, h.calls)
	}
	if out := append(s.Send(nil, 0), g.Send(nil, 0)...); len(out) > 0 {
		t.Errorf("answered %x", out)
	}
}

// TestFlood sends each end a second of frames and noise at 3 Mbit/s, in the worst
// order a seed finds, and counts what comes back.
func TestFlood(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	s, g, h := acceptedPair(t, true)
	frames := everyFrame()
	const rounds, piece = 1000, 300
	var sensorSent, gatewaySent, hellos, proofs int
	for now := range uint64(rounds) {
		var stream []byte
		for len(stream) < piece {
			m := frames[random.IntN(len(frames))]
			if m.frame[0] == byte(link.TypeHello) {
				be.PutUint32(m.frame[6:], random.Uint32()|1)
			}
			stream = append(append(stream, m.wire()...), noise(random, random.IntN(4))...)
		}
		h.challenge = noise(random, 32)
		s.Receive(stream, now)
		g.Receive(stream, now, h)
		for n := 0; len(s.Send(nil, now)) > 0; n++ {
			if sensorSent++; n > 2 {
				t.Fatalf("the sensor answers one piece of %d bytes with more than 3 frames", piece)
			}
		}
		for n := 0; len(g.Send(nil, now)) > 0; n++ {
			if gatewaySent++; n > 3 {
				t.Fatalf("the gateway answers one piece of %d bytes with more than 4 frames", piece)
			}
		}
		for _, c := range h.calls {
			if c[:5] == "hello" {
				hellos++
			}
			if c[:5] == "proof" {
				proofs++
			}
		}
		h.calls = nil
	}
	t.Logf("%d bytes in a second: the sensor sent %d frames, the gateway %d; %d hellos and %d proofs were looked at",
		rounds*piece, sensorSent, gatewaySent, hellos, proofs)
	if hellos > 11 || proofs > 11 {
		t.Errorf("%d hellos and %d proofs were looked at", hellos, proofs)
	}
}
