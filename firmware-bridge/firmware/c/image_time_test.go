package c_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"
)

// The image's main program on a board made of pipes (test/image_board.c), where a
// clock of its own lets hours pass in seconds, under the sanitizers.

// exchangeMs is how often the board passes on what is on its line.
const exchangeMs = 10

// timeLapse is a ward at the line of such a board.
type timeLapse struct {
	*ward
	out     io.Reader
	in      io.Writer
	now     uint64 // of the sensor and of the gateway alike
	plugged bool
	noise   func([]byte) []byte // what the line makes of bytes, either way; nil: nothing
}

func startTimeLapse(t *testing.T) *timeLapse {
	t.Helper()
	cmd := exec.Command(linkProgram(t, "image_board", "image/sensor.c", "image/patient.c", "src/link.c", "src/link_flight.c", "src/link_frame.c",
		"src/link_message.c", "src/text.c", "src/cbor.c", "src/numerics.c", "src/samples.c", "src/validate.c", "src/vital.c"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // ends it
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("image_board: %v", err)
		}
	})
	return &timeLapse{ward: newWard(t), in: in, out: out, plugged: true}
}

// pass lets ms pass.
func (l *timeLapse) pass(ms uint64) {
	l.t.Helper()
	for end := l.now + ms; l.now < end; {
		l.now += exchangeMs
		var head [4]byte
		if _, err := io.ReadFull(l.out, head[:]); err != nil {
			l.t.Fatalf("at %d ms: %v", l.now, err)
		}
		sent := make([]byte, binary.LittleEndian.Uint32(head[:]))
		if _, err := io.ReadFull(l.out, sent); err != nil {
			l.t.Fatalf("at %d ms: %v", l.now, err)
		}
		back := l.gatewaySays(sent)
		binary.LittleEndian.PutUint32(head[:], uint32(len(back)))
		if _, err := l.in.Write(append(head[:], back...)); err != nil {
			l.t.Fatalf("at %d ms: %v", l.now, err)
		}
	}
}

func (l *timeLapse) gatewaySays(sent []byte) []byte {
	if !l.plugged {
		return nil
	}
	if l.noise == nil {
		return l.exchange(sent, l.now)
	}
	return l.noise(l.exchange(l.noise(sent), l.now))
}

// settle lets the line be in order until all that was measured has arrived, then
// checks every value, and that what is missing is what the sensor says it dropped.
func (l *timeLapse) settle() (seconds, numerics, waves int, dropped uint64) {
	l.t.Helper()
	l.plugged, l.hold, l.noise = true, false, nil
	l.pass(60_000)
	c := l.read()
	seconds = c.seconds()
	numerics, waves = c.compare(l.t)
	made := numericsMade(seconds) + 2*seconds
	if late := made - numerics - waves - int(c.drops); late != 0 && late != 2 { // the waves of this second may be on their way
		l.t.Errorf("%d s: made %d, came %d numerics and %d waves, admitted to be dropped %d: %d are missing",
			seconds, made, numerics, waves, c.drops, late)
	}
	if up := int(l.now) / 1000; seconds < up-3 {
		l.t.Errorf("up for %d s, and numerics for %d s", up, seconds)
	}
	return seconds, numerics, waves, c.drops
}

// A gateway that is away for a while: numerics of minutes are kept whole, and of
// an outage without end what was not is counted.
func TestImageGatewayAway(t *testing.T) {
	for _, away := range []uint64{5, 30, 150, 240, 700} {
		t.Run(fmt.Sprint(away, "s"), func(t *testing.T) {
			l := startTimeLapse(t)
			l.pass(20_000)
			l.plugged = false
			l.pass(away * 1000)
			seconds, numerics, _, dropped := l.settle()
			lost := numericsMade(seconds) - numerics
			t.Logf("away %d s of %d: numerics lost %d, waves lost %d, all of them admitted", away, seconds, lost, int(dropped)-lost)
			if away <= 150 && lost > 0 || away == 5 && dropped > 0 || away > 600 && lost == 0 {
				t.Errorf("away %d s: %d numerics lost, %d dropped", away, lost, dropped)
			}
		})
	}
}

// Half an hour of everything that goes wrong with a line and a gateway.
func TestImageSoak(t *testing.T) {
	seed := linkSeed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	l := startTimeLapse(t)
	restarts, unplugged := 0, 0
	for l.now < uint64(linkEffort(t))*1_800_000 {
		l.noise = nil
		if r.IntN(2) == 0 {
			l.noise = spoil(r)
		}
		l.hold = r.IntN(4) == 0
		if l.plugged = r.IntN(3) > 0; !l.plugged {
			unplugged++
		}
		if r.IntN(3) == 0 {
			l.restart()
			restarts++
		}
		l.pass(uint64(10 * (1 + r.IntN(3000))))
	}
	_, numerics, waves, dropped := l.settle()
	t.Logf("%d s: %d restarts of the gateway, %d times unplugged: %d numerics and %d waves exact, %d dropped and admitted, none twice",
		l.now/1000, restarts, unplugged, numerics, waves, dropped)
	if len(l.sessions) != 1 {
		t.Errorf("%d sessions", len(l.sessions))
	}
}

// spoil is a bad line: bits turn, bytes are lost, come twice or from nowhere.
func spoil(r *rand.Rand) func([]byte) []byte {
	return func(p []byte) []byte {
		var out []byte
		for _, b := range p {
			switch r.IntN(2000) {
			case 0:
				b ^= 1 << r.IntN(8)
			case 1:
				continue
			case 2:
				out = append(out, b)
			case 3:
				out = append(out, byte(r.Uint32()))
			}
			out = append(out, b)
		}
		return out
	}
}
