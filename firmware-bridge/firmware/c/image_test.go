package c_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// The bare-metal sensor, booted in QEMU, and a gateway that takes down all it
// says. What it measures is compared with the same patient on this machine.

// patience is for how long a test waits for what must come.
const patience = 2 * time.Minute

// board is the emulated board.
type board struct {
	t       *testing.T
	line    string      // path of the socket that is its serial line
	console chan string // what it prints
}

// buildImage compiles the image, once, and returns its path.
func buildImage(t *testing.T) string {
	t.Helper()
	linkBuild.Lock()
	defer linkBuild.Unlock()
	elf := filepath.Join(binaries.dir, "sensor.elf")
	if _, err := os.Stat(elf); err == nil {
		return elf
	}
	out, err := exec.Command("image/build", elf).CombinedOutput()
	if err != nil {
		t.Fatalf("image/build: %v\n%s(it needs gcc-arm-none-eabi and libnewlib-arm-none-eabi)", err, out)
	}
	return elf
}

// boot starts the board with more arguments for QEMU and waits for its first word.
func boot(t *testing.T, elf string, more ...string) *board {
	t.Helper()
	dir, err := os.MkdirTemp("", "vs") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "console"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	b := &board{t: t, line: filepath.Join(dir, "line"), console: make(chan string, 10_000)}
	var complaint bytes.Buffer
	qemu := exec.Command("qemu-system-arm", append([]string{"-M", "lm3s6965evb", "-display", "none", "-monitor", "none",
		"-kernel", elf, "-chardev", "socket,id=console,path=" + filepath.Join(dir, "console"), "-serial", "chardev:console",
		"-chardev", "socket,id=line,server=on,wait=off,path=" + b.line, "-serial", "chardev:line"}, more...)...)
	qemu.Stderr = &complaint
	if err := qemu.Start(); err != nil {
		t.Fatalf("qemu-system-arm: %v", err)
	}
	t.Cleanup(func() {
		_ = qemu.Process.Kill() // it never ends by itself
		_ = qemu.Wait()
	})
	listener.(*net.UnixListener).SetDeadline(time.Now().Add(patience))
	conn, err := listener.Accept()
	if err != nil {
		t.Fatalf("qemu-system-arm does not start: %v\n%s", err, complaint.Bytes())
	}
	go b.read(conn)
	if first := b.said(); first != "vitalseal-c lm3s6965" {
		t.Fatalf("the first word of the board is %q", first)
	}
	return b
}

func (b *board) read(conn net.Conn) {
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		b.console <- lines.Text()
	}
	close(b.console)
}

// said waits for the next line on the console.
func (b *board) said() string {
	b.t.Helper()
	select {
	case line, ok := <-b.console:
		if !ok || line == "fault" {
			b.t.Fatalf("the board has stopped: %q", line)
		}
		return line
	case <-time.After(patience):
		b.t.Fatal("nothing on the console")
	}
	return ""
}

// report waits for the next report on the console.
func (b *board) report() map[string]uint64 {
	b.t.Helper()
	m := map[string]uint64{}
	for _, field := range strings.Fields(b.said()) {
		name, value, _ := strings.Cut(field, "=")
		value, size, _ := strings.Cut(value, "/")
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			b.t.Fatalf("report %q: %v", field, err)
		}
		m[name] = n
		if size != "" {
			m[name+"-size"], _ = strconv.ParseUint(size, 10, 64)
		}
	}
	return m
}

// until waits for a report of an uptime of ms or more.
func (b *board) until(ms uint64) map[string]uint64 {
	b.t.Helper()
	for {
		if r := b.report(); r["t"] >= ms {
			return r
		}
	}
}

// bedside is a ward at the line of a board, in real time.
type bedside struct {
	*ward
	board *board
	start time.Time
	conn  net.Conn
	here  time.Time     // when the gateway was last at the line
	away  time.Duration // for how long it was not, at most: this machine does other things too
}

func plugIn(b *board) *bedside {
	b.t.Helper()
	s := &bedside{ward: newWard(b.t), board: b, start: time.Now(), here: time.Now()}
	s.plug()
	b.t.Cleanup(s.unplug)
	return s
}

func (s *bedside) plug() {
	s.t.Helper()
	conn, err := net.Dial("unix", s.board.line)
	if err != nil {
		s.t.Fatalf("line: %v", err)
	}
	s.conn = conn
}

func (s *bedside) unplug() { s.conn.Close() }

// run is a gateway at work, until a condition holds.
func (s *bedside) run(what string, done func() bool) {
	s.t.Helper()
	buf := make([]byte, 4096)
	before, deadline := len(s.kept), time.Now().Add(patience)
	for !done() {
		if len(s.kept) > before {
			before, deadline = len(s.kept), time.Now().Add(patience)
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: does not come; gateway %+v, %d payloads, %d hellos", what, s.gateway.State(), len(s.kept), s.hellos)
		}
		s.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		n, err := s.conn.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			s.t.Fatalf("%s: line: %v", what, err)
		}
		s.inject(s.exchange(buf[:n], uint64(time.Since(s.start).Milliseconds())))
		s.away = max(s.away, time.Since(s.here))
		s.here = time.Now()
	}
}

// inject writes bytes to the sensor.
func (s *bedside) inject(p []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(p); len(p) > 0 && err != nil {
		s.t.Fatalf("line: %v", err)
	}
}

// more waits until n more payloads are durable.
func (s *bedside) more(what string, n int) {
	s.t.Helper()
	n += len(s.kept)
	s.run(what, func() bool { return len(s.kept) >= n })
}

// ringLasts is for how long the sensor keeps waves that no gateway takes, at least: its
// ring has room for those of four seconds.
const ringLasts = 2 * time.Second

// instructionsPerTick: 50 MHz, and an instruction takes a nanosecond with shift=0.
const instructionsPerTick = 20

// Readings arrive as they were measured. What that costs is counted on the way.
func TestImageReadingsAreExact(t *testing.T) {
	t.Parallel()
	elf := buildImage(t)
	s := plugIn(boot(t, elf, "-icount", "shift=0"))
	s.more("12 seconds of readings", 24)
	c := s.read()
	late := c.missing()
	numerics, waves := c.compare(t)
	if c.drops != 0 && s.away < ringLasts || len(s.sessions) != 1 || numerics != numericsMade(c.seconds()) || late != 0 && late != 2 {
		t.Errorf("%d s, %d dropped, %d sessions, %d numerics, %d waves; the gateway was away for %v", c.seconds(), c.drops, len(s.sessions), numerics, waves, s.away)
	}
	if len(s.logs) == 0 || !strings.HasPrefix(s.logs[0], "stack=") {
		t.Errorf("log lines: %q", s.logs)
	}
	t.Logf("%d numerics and %d waves, exact", numerics, waves)
	printCosts(t, elf, s.board.until(10_000))
}

func printCosts(t *testing.T, elf string, r map[string]uint64) {
	t.Helper()
	if r["stack"] > r["stack-size"]*3/4 || r["overrun"]+r["full"]+r["spoilt"] != 0 {
		t.Errorf("report: %v", r)
	}
	flash, ram := imageSize(t, elf)
	t.Logf(`
| C, plain readings, lm3s6965evb (Cortex-M3) | |
|---|---|
| flash, bytes of 262,144 | %d |
| RAM, bytes of 65,536, stack included | %d |
| of it stack, reserved | %d |
| of it stack, used at most | %d |
| instructions: a second's numerics encoded | %d |
| instructions: a second's ECG and pleth (375 samples) encoded | %d |
| instructions: a data frame with CRC and COBS, on average | %d |
| instructions: an acknowledgement taken | %d |`, flash, ram, r["stack-size"], r["stack"],
		r["numerics"]*instructionsPerTick, r["waves"]*instructionsPerTick, r["send"]*instructionsPerTick, r["ack"]*instructionsPerTick)
	if r["numerics"] == 0 || r["waves"] == 0 || r["send"] == 0 || r["ack"] == 0 {
		t.Error("a step was never measured")
	}
}

// A gateway that restarts before it has all on disk, a line that is unplugged for
// longer than the ring has room for waves, and noise.
func TestImageLosesNothing(t *testing.T) {
	t.Parallel()
	s := plugIn(boot(t, buildImage(t)))
	s.more("readings", 4)

	s.hold = true
	s.run("a window full", func() bool { return len(s.waiting) >= 5 })
	lost := len(s.waiting)
	s.unplug()
	s.restart()
	s.hold = false
	s.plug()
	s.more("what was taken and lost", lost+2)

	noise := make([]byte, 20_000)
	rand.Read(noise)
	s.inject(append(noise, 0))
	stranger := &link.Ack{Session: s.kept[0].session + 2, Next: 1 << 30, Window: 1}
	s.inject(link.AppendFrame(nil, stranger.Append(nil)))
	s.more("readings after noise", 4)

	s.unplug()
	out := s.board.until(s.kept[len(s.kept)-1].now + 10_000)
	s.plug()
	s.restart()
	s.run("each reading of the time without a line, or that it was dropped", func() bool {
		c := s.read()
		late := c.missing()
		return c.last[vital.HeartRate] > out["t"]+3000 && (late == 0 || late == 2) // the waves of the last second may be on their way
	})

	c := s.read()
	seconds := c.seconds()
	numerics, waves := c.compare(t)
	if want := numericsMade(seconds); numerics != want {
		t.Errorf("%d numerics of %d", numerics, want)
	}
	if waves+int(c.drops) != 2*seconds && waves+int(c.drops) != 2*seconds-2 {
		t.Errorf("%d waves came and %d are said to be dropped, of %d", waves, c.drops, 2*seconds)
	}
	if c.drops == 0 || len(s.sessions) != 1 {
		t.Errorf("%d dropped, %d sessions", c.drops, len(s.sessions))
	}
	t.Logf("%d s: %d numerics, none lost and none twice; %d waves, and %d admitted to be dropped; %d taken by a gateway that lost them and sent again",
		seconds, numerics, waves, c.drops, lost)
}

// A sensor that starts anew says so.
func TestImageSessionsDiffer(t *testing.T) {
	t.Parallel()
	elf := buildImage(t)
	seen := map[uint32]bool{}
	for range 2 {
		s := plugIn(boot(t, elf))
		s.run("hello", func() bool { return s.hellos > 0 })
		seen[s.gateway.State().Session] = true
	}
	if len(seen) != 2 {
		t.Errorf("sessions of two boots: %v", seen)
	}
}

func imageSize(t *testing.T, elf string) (flash, ram int) {
	t.Helper()
	out, err := exec.Command("arm-none-eabi-size", elf).Output()
	var text, data, bss int
	if _, scan := fmt.Sscan(string(out[bytes.IndexByte(out, '\n'):]), &text, &data, &bss); err != nil || scan != nil {
		t.Fatalf("arm-none-eabi-size: %v, %v", err, scan)
	}
	return text + data, data + bss
}
