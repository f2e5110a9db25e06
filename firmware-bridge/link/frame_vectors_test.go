package link_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// frameVectors returns streams of bytes, the frames that a decoder finds in them
// with a buffer of "buffer" bytes, and its counts. With "encode" the wire is also
// what a sender makes of the one frame.
func frameVectors() []*vector {
	var all []*vector
	add := func(name, expect, musts string, buffer int, encode bool, wire []byte, bad int, frames ...[]byte) {
		v := &vector{dir: "frames", name: name}
		v.begin(expect, musts)
		v.add("buffer", buffer)
		v.add("wire", wire)
		for _, f := range frames {
			if encode {
				v.add("encode", f)
				continue
			}
			v.add("frame", f)
		}
		v.add("counts", len(frames), bad)
		all = append(all, v)
	}
	good := ack(7, 1, 4)
	frame, sent := good.frame, good.wire()
	add("poll", "the shortest frame", "1 3", 64, true, poll().wire(), 0, poll().frame)
	add("ack", "a frame with zeros in it", "1 3", 64, true, sent, 0, frame)
	add("many", "the delimiters of two frames meet; more of them mean nothing", "2", 64, false,
		append(append([]byte{0, 0, 0}, sent...), sent...), 0, frame, frame)
	add("one-delimiter", "one delimiter between two frames is enough for a receiver", "2", 64, false,
		append(append([]byte{}, sent...), sent[1:]...), 0, frame, frame)
	add("noise-between", "noise between two frames costs neither", "1 2", 64, false,
		append(append(append([]byte{}, sent...), 0xff, 0x41, 0x03), sent...), 1, frame, frame)
	add("noise-inside", "a byte that came in between costs the frame and not the next", "2 3", 64, false,
		append(append(append(append([]byte{}, sent[:6]...), 0x5a), sent[6:]...), sent...), 1, frame)
	add("zero-inside", "a zero that came in between costs the frame and not the next", "2 3", 64, false,
		append(append(append(append([]byte{}, sent[:6]...), 0), sent[6:]...), sent...), 2, frame)
	add("cut", "a frame that ends too soon costs no other", "2 3", 64, false,
		append(append([]byte{}, sent[:9]...), sent...), 1, frame)
	flipped := append([]byte{}, sent...)
	flipped[5] ^= 1
	add("bit", "one bit is wrong", "3", 64, false, flipped, 1)
	add("crc-only", "four bytes are no frame", "4", 64, false,
		append(append([]byte{0}, cobs(make([]byte, 4))...), 0), 1)
	add("crc-of-nothing", "a CRC without a type is no frame", "4", 64, false, wire(nil), 1)
	full := append([]byte{0xee}, bytes.Repeat([]byte{0x77}, 59)...)
	add("buffer-full", "a frame as long as the buffer, CRC included", "4", 64, true, wire(full), 0, full)
	add("buffer-exceeded", "a longer one is passed over, and the next is taken", "4", 64, false,
		append(wire(append(full, 0x77)), sent...), 1, frame)
	for _, n := range []int{249, 250, 251, 503, 504, 505} {
		f := append([]byte{0xee}, bytes.Repeat([]byte{0x66}, n-1)...)
		add(fmt.Sprintf("length-%d", n), fmt.Sprintf("a frame of %d bytes without a zero, and its CRC", n), "1 5", 600, true, wire(f), 0, f)
	}
	long := append([]byte{0xee}, bytes.Repeat([]byte{0x66, 0x00, 0x99}, 1363)...)
	long = append(long, 1, 2)
	add("longest", "4,096 bytes", "4", 4096, true, wire(long), 0, long)
	add("too-long", "4,097 bytes", "4", 4096, false, wire(append(long, 3)), 1)
	run := append([]byte{0xee}, bytes.Repeat([]byte{0x66}, 249)...)
	extra := append([]byte{0}, cobs(withCRC(run))...)
	add("empty-block", "254 bytes and an empty block that is not needed: taken, and never sent", "5", 600, false,
		append(extra, 1, 0), 0, run)
	add("block-too-long", "a block that claims more than there is", "3", 64, false,
		append(append([]byte{0, 0x20}, sent[2:]...), sent...), 1, frame)
	return all
}

func TestFrameVectors(t *testing.T) {
	for _, v := range frameVectors() {
		t.Run(v.name, func(t *testing.T) { replayFrames(t, v.steps(t)) })
	}
}

// replayFrames decodes the wire in one piece and byte by byte.
func replayFrames(t *testing.T, steps []step) {
	var buffer int
	var wire []byte
	var frames, want []string
	var decoder link.Decoder
	for _, s := range steps {
		switch s.key {
		case "buffer":
			buffer = int(s.number(t, 0))
		case "wire":
			wire = s.hex(t, 0)
		case "encode":
			if got := link.AppendFrame(nil, s.hex(t, 0)); !bytes.Equal(got, wire) {
				t.Errorf("encodes as %x", got)
			}
			fallthrough
		case "frame":
			want = append(want, s.values[0])
		case "counts":
			for _, piece := range []int{len(wire), 1, 3} {
				decoder = link.Decoder{}
				decoder.Reset(make([]byte, buffer))
				frames = decodeAll(&decoder, wire, piece)
				if strings.Join(frames, " ") != strings.Join(want, " ") {
					t.Errorf("in pieces of %d: got %q, want %q", piece, frames, want)
				}
				good, bad := decoder.Counts()
				if got := fmt.Sprint(good, " ", bad); got != strings.Join(s.values, " ") {
					t.Errorf("in pieces of %d: counts %s, want %v", piece, got, s.values)
				}
			}
		}
	}
}

// decodeAll returns the frames of a stream, in hexadecimal.
func decodeAll(d *link.Decoder, stream []byte, piece int) []string {
	var out []string
	for len(stream) > 0 {
		n := min(piece, len(stream))
		for p := stream[:n]; ; {
			var frame []byte
			if frame, p = d.Next(p); frame == nil {
				break
			}
			out = append(out, hexOf(frame))
		}
		stream = stream[n:]
	}
	return out
}
