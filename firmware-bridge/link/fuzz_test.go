package link_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// addVectors seeds a fuzzer with the bytes of the vectors under a key; those of
// one file are one seed.
func addVectors(f *testing.F, vectors []*vector, key string) {
	for _, v := range vectors {
		var all []byte
		for _, s := range v.steps(f) {
			if s.key == key {
				all = append(all, s.hex(f, 0)...)
			}
		}
		f.Add(all)
	}
}

// FuzzDecoder holds the Decoder against the plain way: cut at delimiters, undo
// COBS, compare the CRC.
func FuzzDecoder(f *testing.F) {
	addVectors(f, frameVectors(), "wire")
	f.Fuzz(func(t *testing.T, stream []byte) {
		const size = 300
		var want []string
		parts := bytes.Split(stream, []byte{0})
		for _, part := range parts[:len(parts)-1] { // the last one is not complete
			if frame, ok := plainDecode(part); ok && len(frame)+4 <= size {
				want = append(want, hexOf(frame))
			}
		}
		for _, piece := range []int{1, 7, max(1, len(stream))} {
			var d link.Decoder
			d.Reset(make([]byte, size))
			if got := decodeAll(&d, stream, piece); !slices.Equal(got, want) {
				t.Fatalf("in pieces of %d: got %q, want %q", piece, got, want)
			}
		}
	})
}

// plainDecode undoes COBS and takes the CRC off.
func plainDecode(p []byte) (frame []byte, ok bool) {
	for len(p) > 0 {
		n := int(p[0])
		if n > len(p) {
			return nil, false
		}
		frame = append(frame, p[1:n]...)
		if p = p[n:]; n < 255 && len(p) > 0 {
			frame = append(frame, 0)
		}
	}
	n := len(frame) - 4
	if n < 1 || !bytes.Equal(withCRC(frame[:n]), frame) {
		return nil, false
	}
	return frame[:n], true
}

// FuzzFrame encodes and decodes.
func FuzzFrame(f *testing.F) {
	addVectors(f, messageVectors(), "frame")
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) == 0 {
			return
		}
		w := link.AppendFrame(nil, frame)
		if !bytes.Equal(w, wire(frame)) || len(w) > link.WireLen(len(frame)) {
			t.Fatalf("wire is %x, of at most %d bytes", w, link.WireLen(len(frame)))
		}
		var d link.Decoder
		d.Reset(make([]byte, len(frame)+link.CRCSize))
		if got, rest := d.Next(w); !bytes.Equal(got, frame) || len(rest) > 0 {
			t.Fatalf("decoded as %x", got)
		}
	})
}

// FuzzParse parses a frame of any type; what is accepted is encoded again.
func FuzzParse(f *testing.F) {
	addVectors(f, messageVectors(), "frame")
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) == 0 {
			return
		}
		_, again, ok := described(frame)
		if !ok {
			return
		}
		later := (frame[0] == byte(link.TypeHello) || frame[0] == byte(link.TypeWelcome)) && frame[1] > 1
		if later && len(again) <= len(frame) {
			frame = frame[:len(again)]
		}
		if !bytes.Equal(again, frame) {
			t.Fatalf("encodes again as %x", again)
		}
	})
}

// pieces cuts fuzzed bytes: the first of a piece says how long it is and how
// much time passes after it; where it is 0, the bytes are made into frames.
func pieces(p []byte, each func(stream []byte, wait uint64)) {
	for len(p) > 0 {
		n := int(p[0]) % 64
		wait := uint64(p[0]/64) * 700
		p = p[1:]
		piece := p[:min(n, len(p))]
		p = p[len(piece):]
		if n%2 == 0 && len(piece) > 0 {
			piece = link.AppendFrame(nil, piece)
		}
		each(piece, wait)
	}
}

// FuzzSensor gives a Sensor in the middle of its session anything.
func FuzzSensor(f *testing.F) {
	addVectors(f, messageVectors(), "frame")
	addVectors(f, sensorVectors(), "rx")
	for _, m := range everyFrame() {
		f.Add(append([]byte{byte(len(m.frame)) &^ 1 % 64}, m.frame...))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		s, _, _ := acceptedPair(t, true)
		now, acked := uint64(0), s.State().Acked
		pieces(p, func(stream []byte, wait uint64) {
			if room := s.Room(link.TypeSealed); room > 0 {
				if err := s.Queue(link.TypeSealed, make([]byte, min(room, 50))); err != nil {
					t.Fatalf("room for %d bytes: %v", room, err)
				}
			}
			s.Receive(stream, now)
			for range 300 {
				due := s.Next(now) <= now
				out := s.Send(nil, now)
				if due != (len(out) > 0) {
					t.Fatalf("Next says %v, and %d bytes are sent", due, len(out))
				}
				if !due {
					break
				}
				if len(decoded(out)) != 1 {
					t.Fatalf("sends %x", out)
				}
			}
			st := s.State()
			if st.Acked < acked || st.Next-st.Acked != uint32(st.Unacked) {
				t.Fatalf("state %+v after %d", st, acked)
			}
			acked = st.Acked
			now += wait
		})
	})
}

// FuzzGateway gives a Gateway in the middle of a session anything.
func FuzzGateway(f *testing.F) {
	addVectors(f, messageVectors(), "frame")
	addVectors(f, gatewayVectors(), "rx")
	for _, m := range everyFrame() {
		f.Add(append([]byte{byte(len(m.frame)) &^ 1 % 64}, m.frame...))
	}
	stranger := hello(capPlain, 128, 9, 1<<24, link.KeyID{}, "").frame // begins far from where the one before is
	f.Add(append([]byte{2 * 64, byte(len(stranger))}, stranger...))    // after a while: a hello comes right after another
	f.Fuzz(func(t *testing.T, p []byte) {
		_, g, h := acceptedPair(t, true)
		now := uint64(0)
		h.proof = link.ReasonSignature
		pieces(p, func(stream []byte, wait uint64) {
			h.challenge = bytes.Repeat([]byte{7}, 32)
			taken := g.State().Taken
			g.Receive(stream, now, h)
			st := g.State()
			if slices.ContainsFunc(h.calls, func(call string) bool { return strings.HasPrefix(call, "hello ") }) {
				taken = st.Durable // a sensor that is accepted begins where it says
			}
			if n := st.Taken - taken; int(n) > len(h.calls) || st.Taken-st.Durable > link.DefaultWindow {
				t.Fatalf("state %+v after %d, calls %q", st, taken, h.calls)
			}
			h.calls = nil
			for n := 0; len(g.Send(nil, now)) > 0; n++ {
				if n > 4 {
					t.Fatal("sends without end")
				}
			}
			if g.Next(now) <= now {
				t.Fatal("Next is now and nothing is sent")
			}
			now += wait
		})
	})
}
