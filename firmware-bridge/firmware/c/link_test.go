package c_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// The C end of the link against the Go package: the same calls, the same bytes.
// test/link_driver.c does what a line says and prints what comes of it.

// linkBuild makes programs one at a time, each once.
var linkBuild sync.Mutex

// linkProgram compiles a program of test/ with the link, or with the sources that
// are given, and returns its path.
func linkProgram(t *testing.T, name string, sources ...string) string {
	t.Helper()
	linkBuild.Lock()
	defer linkBuild.Unlock()
	out := filepath.Join(binaries.dir, name)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	if len(sources) == 0 {
		sources = []string{"src/link.c", "src/link_flight.c", "src/link_frame.c", "src/link_message.c", "src/text.c"}
	}
	args := slices.Concat(strict, sanitized, []string{"-o", out, filepath.Join("test", name+".c")}, sources)
	if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	return out
}

// transcript is a run of calls and what Go says to each.
type transcript struct {
	lines, want []string
	from        map[int]string // where a line comes from, if from somewhere else than that before
}

// begin names where the next lines come from.
func (tr *transcript) begin(name string) {
	if tr.from == nil {
		tr.from = map[int]string{}
	}
	tr.from[len(tr.lines)] = name
}

func (tr *transcript) add(want, format string, args ...any) {
	tr.lines = append(tr.lines, fmt.Sprintf(format, args...))
	tr.want = append(tr.want, want)
}

// check has the driver do the same and compares.
func (tr *transcript) check(t *testing.T, driver, what string) {
	t.Helper()
	cmd := exec.Command(driver)
	cmd.Stdin = strings.NewReader(strings.Join(tr.lines, "\n") + "\n")
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for i, line := range tr.lines {
		if name := tr.from[i]; name != "" {
			what = name
		}
		if i >= len(got) || got[i] != tr.want[i] {
			said := "nothing"
			if i < len(got) {
				said = got[i]
			}
			t.Fatalf("%s: step %d, %s:\nC says  %s\nGo says %s\n%safter\n%s", what, i, line, said, tr.want[i],
				failure.Bytes(), tr.before(i, 12))
		}
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", what, err, failure.Bytes())
	}
}

// before shows the n steps before step i.
func (tr *transcript) before(i, n int) string {
	var b strings.Builder
	for k := max(0, i-n); k < i; k++ {
		fmt.Fprintf(&b, "  %s\n    %s\n", tr.lines[k], tr.want[k])
	}
	return b.String()
}

func hexed(p []byte) string {
	if len(p) == 0 {
		return "-"
	}
	return hex.EncodeToString(p)
}

// mixer is a Signer like the driver's: every byte depends on the whole message.
// It fails as often as it is told to.
type mixer struct{ failures int }

func (m *mixer) Sign(dst, message []byte) ([]byte, error) {
	if m.failures > 0 {
		m.failures--
		return dst, errors.New("no signature today")
	}
	crc := crc32.Checksum(message, crc32.MakeTable(crc32.Castagnoli))
	for i := range 64 {
		dst = append(dst, byte(crc>>(8*(i%4)))+byte(i))
	}
	return dst, nil
}

// numbered gives the number that the C library has for an error of the Go package.
func numbered(err error) string {
	switch {
	case err == nil:
		return "0"
	case errors.Is(err, link.ErrFull):
		return "50"
	case errors.Is(err, link.ErrTooLarge):
		return "3"
	case errors.Is(err, link.ErrType), errors.Is(err, link.ErrConfig):
		return "1"
	}
	return err.Error()
}

// pair is a Go Sensor that writes down what it is asked and what it says.
type pair struct {
	*transcript
	r      *rand.Rand
	sensor link.Sensor
	signer mixer
	config link.SensorConfig
	now    uint64
}

func (p *pair) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.r.Uint32())
		if p.r.IntN(4) == 0 {
			b[i] = 0 // COBS has something to do
		}
	}
	return b
}

func (p *pair) init() {
	c := link.SensorConfig{Session: p.r.Uint32() | 1, Keep: make([]byte, 4+p.r.IntN(1200)), Receive: make([]byte, 64+p.r.IntN(100))}
	if p.r.IntN(2) == 0 {
		c.KeyID, c.Signer = link.KeyID(append(p.bytes(7), 1)), &p.signer
		c.Capabilities = link.Capabilities(p.r.IntN(4))
	}
	if p.r.IntN(3) == 0 {
		c.First = -uint32(p.r.IntN(20)) // numbers wrap around
	}
	c.Firmware = "made-up 1.0 µ"[:p.r.IntN(13)]
	p.config, p.signer.failures = c, 0
	err := p.sensor.Init(c)
	p.add(numbered(err), "init %d %x %d %s %d %d %d", c.Session, c.KeyID, c.Capabilities, hexed([]byte(c.Firmware)),
		len(c.Keep), len(c.Receive), c.First)
}

// frame makes up what a gateway might say, mostly to the point.
func (p *pair) frame() []byte {
	session := p.config.Session
	if p.r.IntN(20) == 0 {
		session++
	}
	state := p.sensor.State()
	kind := p.r.IntN(12)
	if state.Phase == link.SensorAccepted && p.r.IntN(3) > 0 {
		kind = 2
	}
	switch kind {
	case 0, 1:
		m := link.Welcome{Version: 1, MaxFrame: uint16(64 + p.r.IntN(2000)), Window: byte(p.r.IntN(6)), Session: session}
		if p.config.Signer != nil != (p.r.IntN(10) == 0) {
			m.Challenge = [32]byte(p.bytes(32))
			m.Challenge[0] = byte(1 + p.r.IntN(3)) // now and then the same
			if p.r.IntN(2) == 0 {
				m.Challenge = [32]byte{1}
			}
		}
		return m.Append(nil)
	case 2, 3, 4, 5, 6:
		next := state.Acked + uint32(p.r.IntN(state.Unacked+3)) - 1
		return (&link.Ack{Session: session, Next: next, Window: byte(p.r.IntN(8))}).Append(nil)
	case 7:
		return (&link.Refuse{Session: session, Reason: link.Reason(p.r.IntN(7))}).Append(nil)
	case 8:
		return (&link.Time{UnixMilli: p.r.Uint64(), Error: -uint32(p.r.IntN(400)), Beacon: [16]byte(p.bytes(16))}).Append(nil)
	case 9:
		return link.Poll{}.Append(nil)
	case 10:
		return p.bytes(1 + p.r.IntN(80))
	}
	f := p.frame()
	return append(f, p.bytes(p.r.IntN(3))...)
}

func (p *pair) receive() {
	in := p.bytes(p.r.IntN(3))
	for range 1 + p.r.IntN(2) {
		in = link.AppendFrame(in, p.frame())
	}
	if p.r.IntN(8) == 0 {
		in[p.r.IntN(len(in))] ^= 1 << p.r.IntN(8)
	}
	if p.r.IntN(10) == 0 {
		in = in[:p.r.IntN(len(in))]
	}
	p.sensor.Receive(in, p.now)
	p.add("ok", "receive %d %s", p.now, hexed(in))
}

func (p *pair) queue() {
	types := []link.Type{link.TypeReadings, link.TypeReadings, link.TypeAnchor, link.TypeSealed, link.TypeLog}
	t := types[p.r.IntN(len(types))]
	n := p.r.IntN(200)
	switch p.r.IntN(6) {
	case 0:
		n = p.sensor.Room(t)
	case 1:
		n = p.sensor.Room(t) + 1
	}
	body := p.bytes(n)
	p.add(strconv.Itoa(p.sensor.Room(t)), "room %d", t)
	p.add(numbered(p.sensor.Queue(t, body)), "queue %d %s", t, hexed(body))
}

func (p *pair) send() {
	for range 1 + p.r.IntN(4) {
		p.add(hexed(p.sensor.Send(nil, p.now)), "send %d", p.now)
	}
	p.add(strconv.FormatUint(p.sensor.Next(p.now), 10), "next %d", p.now)
}

func (p *pair) log() {
	text := strings.Repeat("warm µ°€😀 ", p.r.IntN(8))
	b := []byte(text)
	for range p.r.IntN(3) {
		if len(b) > 0 {
			b[p.r.IntN(len(b))] = byte(p.r.Uint32())
		}
	}
	level := byte(p.r.IntN(6))
	p.sensor.Log(level, string(b))
	p.add("ok", "log %d %s", level, hexed(b))
}

func (p *pair) look() {
	s := p.sensor.State()
	p.add(fmt.Sprintf("%d %d %d %d %d", s.Phase, s.Reason, s.Unacked, s.Acked, s.Next), "state")
	p.add(fmt.Sprintf("%d %d", s.Good, s.Bad), "counts")
	want := "-"
	if t, at, ok := p.sensor.Time(); ok {
		want = fmt.Sprintf("%d %d %x %d", t.UnixMilli, t.Error, t.Beacon, at)
	}
	p.add(want, "time")
}

func (p *pair) step() {
	switch p.r.IntN(14) {
	case 0, 1, 2, 3:
		p.receive()
	case 4, 5, 6:
		p.queue()
	case 7, 8, 9:
		p.send()
	case 10:
		p.log()
	case 11:
		n := p.r.Uint32() >> p.r.IntN(32)
		p.sensor.Dropped(n)
		p.add("ok", "dropped %d", n)
	case 12:
		p.signer.failures = p.r.IntN(3)
		p.add("ok", "failures %d", p.signer.failures)
	case 13:
		if next := p.sensor.Next(p.now); next < p.now+100_000 {
			p.now = next
		}
	}
	p.look()
	p.now += uint64([]int{0, 1, 20, 300, 1500, 6000}[p.r.IntN(6)])
}

// linkSeed returns the seed of a random test, which LINK_SEED repeats.
func linkSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("LINK_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("LINK_SEED %q: %v", s, err)
		}
		seed = n
	}
	t.Logf("LINK_SEED=%d", seed)
	return seed
}

// linkEffort returns how many times over a random test is run: LINK_EFFORT, or once.
func linkEffort(t *testing.T) int {
	s := os.Getenv("LINK_EFFORT")
	if s == "" {
		return 1
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("LINK_EFFORT %q is no number above 0", s)
	}
	return n
}

func TestLinkSensorIsGoSensor(t *testing.T) {
	driver := linkProgram(t, "link_driver")
	seed := linkSeed(t)
	sent := map[byte]int{}
	for round := range uint64(linkEffort(t)) {
		var all transcript
		for run := range uint64(60) {
			p := pair{transcript: &all, r: rand.New(rand.NewPCG(seed, round<<32|run))}
			p.init()
			for range 400 {
				p.step()
			}
		}
		all.check(t, driver, fmt.Sprintf("LINK_SEED=%d round %d", seed, round))
		all.countSent(sent)
	}
	for _, kind := range []link.Type{link.TypeHello, link.TypeProof, link.TypeHeartbeat, link.TypeLog,
		link.TypeReadings, link.TypeAnchor, link.TypeSealed} {
		if sent[byte(kind)] == 0 {
			t.Errorf("no frame of type %#02x in the transcripts", kind)
		}
	}
	t.Logf("frames by type, byte for byte the same: %v", sent)
}

// countSent adds up the frames that were sent, by type.
func (tr *transcript) countSent(by map[byte]int) {
	var d link.Decoder
	d.Reset(make([]byte, link.MaxFrame))
	for i, line := range tr.lines {
		if wire, err := hex.DecodeString(tr.want[i]); err == nil && strings.HasPrefix(line, "send ") {
			if frame, _ := d.Next(wire); frame != nil {
				by[frame[0]]++
			}
		}
	}
}

// The head of the session number in what a proof signs has four lengths.
func TestLinkProofMessage(t *testing.T) {
	var tr transcript
	kid, challenge := link.KeyID{1, 2, 3, 4, 5, 6, 7, 8}, [32]byte{9, 10, 11}
	for _, session := range []uint32{1, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1} {
		tr.add(hexed(link.AppendProofMessage(nil, kid, session, &challenge)), "proof %x %d %x", kid, session, challenge)
	}
	tr.check(t, linkProgram(t, "link_driver"), "proof")
}
