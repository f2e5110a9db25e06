package port_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
)

func TestBytesArriveInOrder(t *testing.T) {
	c, r := newCable(t), newRecorder()
	start(t, port.Config{Name: c.slave.Name()}, r)
	r.untilEvents(t, 1)
	want := ""
	for _, s := range []string{"a", "b", "\x00", "\r\n", "\x03\x04\x11\x13\x7f\xff"} { // raw: nothing is a control character
		c.send(t, s)
		want += s
		r.untilData(t, want)
	}
	if got := r.kinds(); !slices.Equal(got, []port.Kind{port.Opened}) {
		t.Fatalf("events %v, want one opened", got)
	}
}

func TestOneByteAtATime(t *testing.T) {
	c, r := newCable(t), newRecorder()
	start(t, port.Config{Name: c.slave.Name()}, r)
	r.untilEvents(t, 1)
	const line = "SPO2=097 HR=072\r\n"
	for i := range line {
		c.send(t, line[i:i+1])
		r.untilData(t, line[:i+1])
	}
}

// Garbage of every byte value, more than the kernel's buffer holds, comes
// through unaltered.
func TestGarbageIsUntouched(t *testing.T) {
	c, r := newCable(t), newRecorder()
	start(t, port.Config{Name: c.slave.Name(), Line: port.Line{Baud: 115200}}, r)
	r.untilEvents(t, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	garbage := make([]byte, 64<<10)
	for i := range garbage {
		garbage[i] = byte(rng.Uint32())
	}
	c.send(t, string(garbage))
	r.untilData(t, string(garbage))
}

// The adapter comes back with another number; the link that stands for its
// by-id name leads there.
func TestUnpluggedAndPluggedInElsewhere(t *testing.T) {
	link, r := byID(t), newRecorder()
	first := newCable(t)
	plug(t, link, first)
	start(t, port.Config{Name: link}, r)
	r.untilEvents(t, 1)
	first.send(t, "before ")
	r.untilData(t, "before ")

	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	first.unplug()
	lost := r.untilEvents(t, 2)
	var e *port.Error
	if lost.Kind != port.Lost || !errors.As(lost.Reason, &e) || e.Port != link {
		t.Fatalf("event %v %v, want lost with the port's name", lost.Kind, lost.Reason)
	}

	second := newCable(t)
	plug(t, link, second)
	r.untilEvents(t, 3)
	second.send(t, "after")
	r.untilData(t, "before after")
	want := []port.Kind{port.Opened, port.Lost, port.Opened}
	if got := r.kinds(); !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v: a missing name after lost is no news", got, want)
	}
}

func TestNotPluggedInAtStart(t *testing.T) {
	link, r := byID(t), newRecorder()
	start(t, port.Config{Name: link}, r)
	first := r.untilEvents(t, 1)
	if first.Kind != port.Unavailable || !errors.Is(first.Reason, os.ErrNotExist) {
		t.Fatalf("event %v %v, want unavailable: no such file", first.Kind, first.Reason)
	}
	c := newCable(t)
	plug(t, link, c)
	if e := r.untilEvents(t, 2); e.Kind != port.Opened {
		t.Fatalf("event %v %v, want opened", e.Kind, e.Reason)
	}
}

// A new reason is news: the name is back, and leads to something that is no port.
func TestReasonChanges(t *testing.T) {
	link, r := byID(t), newRecorder()
	start(t, port.Config{Name: link}, r)
	r.untilEvents(t, 1)
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	e := r.untilEvents(t, 2)
	if e.Kind != port.Unavailable || !strings.HasSuffix(e.Reason.Error(), ": not a serial port") {
		t.Fatalf("event %v %v, want unavailable: not a serial port", e.Kind, e.Reason)
	}
}

func TestSilenceAndResumption(t *testing.T) {
	c, r := newCable(t), newRecorder()
	start(t, port.Config{Name: c.slave.Name(), Silence: 20 * time.Millisecond}, r)
	if e := r.untilEvents(t, 2); e.Kind != port.Silent {
		t.Fatalf("event %v, want silent on a line that never spoke", e.Kind)
	}
	c.send(t, "x")
	r.untilData(t, "x")
	if e := r.untilEvents(t, 3); e.Kind != port.Resumed {
		t.Fatalf("event %v, want resumed", e.Kind)
	}
	if e := r.untilEvents(t, 4); e.Kind != port.Silent {
		t.Fatalf("event %v, want silent again", e.Kind)
	}
	c.unplug()
	if e := r.untilEvents(t, 5); e.Kind != port.Lost {
		t.Fatalf("event %v, want lost: a silent line that goes away is gone", e.Kind)
	}
}

// A quiet line without a watch is neither silent nor lost.
func TestNoWatchNoSilence(t *testing.T) {
	c, r := newCable(t), newRecorder()
	watched, rw := newCable(t), newRecorder()
	start(t, port.Config{Name: c.slave.Name()}, r)
	start(t, port.Config{Name: watched.slave.Name(), Silence: 20 * time.Millisecond}, rw)
	r.untilEvents(t, 1)
	rw.untilEvents(t, 2) // by now the unwatched line was quiet as long
	if got := r.kinds(); len(got) != 1 {
		t.Fatalf("events %v, want one opened", got)
	}
}

func TestCancelWhileBlocked(t *testing.T) {
	c, r := newCable(t), newRecorder()
	stop := start(t, port.Config{Name: c.slave.Name()}, r)
	w := r.untilEvents(t, 1).Writer
	stop() // nothing was ever sent: Run sits in a read
	if got := r.kinds(); len(got) != 1 {
		t.Fatalf("events %v, want none for an ordinary stop", got)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Fatal("a write after the end of Run succeeded")
	}
}

func TestCancelWhileWaitingToReopen(t *testing.T) {
	r := newRecorder()
	stop := start(t, port.Config{Name: byID(t), RetryMin: time.Hour}, r)
	r.untilEvents(t, 1)
	stop()
}

// A device that is asked answers; a device that takes nothing holds a write up
// for WriteTimeout at most, and nothing after it.
func TestWrite(t *testing.T) {
	c, r := newCable(t), newRecorder()
	stop := start(t, port.Config{Name: c.slave.Name(), WriteTimeout: patience}, r)
	w := r.untilEvents(t, 1).Writer
	if n, err := w.Write([]byte("\x02\x70\x02\x02\x08\x03")); n != 6 || err != nil {
		t.Fatalf("Write: %d, %v", n, err)
	}
	asked := make([]byte, 6)
	if _, err := io.ReadFull(c.master, asked); err != nil || !bytes.Equal(asked, []byte("\x02\x70\x02\x02\x08\x03")) {
		t.Fatalf("the device was asked %x, %v", asked, err)
	}
	stop()
	stop = start(t, port.Config{Name: c.slave.Name(), WriteTimeout: 20 * time.Millisecond}, r)
	w = r.untilEvents(t, 2).Writer
	n, err := w.Write(make([]byte, 1<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n == 1<<20 {
		t.Fatalf("Write to a device that does not read: %d, %v; want a timeout", n, err)
	}
	if want := fmt.Sprintf("port %q: ", c.slave.Name()); !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q does not start with %q", err, want)
	}
	stop()
}

// A handler may answer from within Data, and the end of Run unblocks it.
func TestWriteFromHandlerEndsWithRun(t *testing.T) {
	c, r := newCable(t), newRecorder()
	entered := make(chan struct{})
	r.onData = func(_ []byte, w io.Writer) {
		close(entered)
		w.Write(make([]byte, 1<<20))
	}
	stop := start(t, port.Config{Name: c.slave.Name(), WriteTimeout: time.Hour}, r)
	r.untilEvents(t, 1)
	c.send(t, "?")
	<-entered
	stop()
}

// A panic in a handler is the agent's to contain; the port is closed all the same.
func TestPanicInHandlerClosesPort(t *testing.T) {
	c, r := newCable(t), newRecorder()
	r.onData = func([]byte, io.Writer) { panic("decoder") }
	before := descriptors(t)
	recovered := make(chan any)
	go func() {
		defer func() { recovered <- recover() }()
		port.Run(context.Background(), port.Config{Name: c.slave.Name()}, r)
	}()
	r.untilEvents(t, 1)
	c.send(t, "x")
	if got := <-recovered; got != "decoder" {
		t.Fatalf("recovered %v", got)
	}
	if after := descriptors(t); after > before {
		t.Fatalf("%d descriptors open before, %d after", before, after)
	}
}

// 1,000 times out and in again: every byte arrives and no descriptor stays.
func TestThousandReopenings(t *testing.T) {
	link, r := byID(t), newRecorder()
	before, want := descriptors(t), ""
	stop := start(t, port.Config{Name: link, Silence: time.Hour}, r)
	r.untilEvents(t, 1) // unavailable
	for i := range 1000 {
		c := newCable(t)
		plug(t, link, c)
		if e := r.untilEvents(t, 2+2*i); e.Kind != port.Opened {
			t.Fatalf("cycle %d: event %v %v, want opened", i, e.Kind, e.Reason)
		}
		s := fmt.Sprintf("%d;", i)
		c.send(t, s)
		want += s
		r.untilData(t, want)
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		c.unplug()
		if e := r.untilEvents(t, 3+2*i); e.Kind != port.Lost {
			t.Fatalf("cycle %d: event %v, want lost", i, e.Kind)
		}
	}
	stop()
	if after := descriptors(t); after > before {
		t.Fatalf("%d descriptors open before, %d after 1,000 reopenings", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		// The runtime's own (poller, its wake-up) come with the first use.
		target, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if !strings.HasPrefix(target, "anon_inode:") {
			n++
		}
	}
	return n
}

func TestSimulatorSockets(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "sim.sock")
			}
			l, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			r := newRecorder()
			start(t, port.Config{Name: network + ":" + l.Addr().String()}, r)
			for i := range 3 { // the simulator starts, says something and ends
				conn, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(conn, "%d", i)
				r.untilData(t, "012"[:i+1])
				if e := r.untilEvents(t, 1+2*i); e.Kind != port.Opened {
					t.Fatalf("event %v, want opened", e.Kind)
				}
				if i == 2 {
					w := r.untilEvents(t, 5).Writer
					fmt.Fprint(w, "ok")
					answer := make([]byte, 2)
					if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "ok" {
						t.Fatalf("the simulator got %q, %v", answer, err)
					}
					l.Close()
				}
				conn.Close()
				if e := r.untilEvents(t, 2+2*i); e.Kind != port.Lost || !errors.Is(e.Reason, io.EOF) {
					t.Fatalf("event %v %v, want lost: EOF", e.Kind, e.Reason)
				}
			}
		})
	}
}

// Two programs on one line would each get half of the bytes.
func TestExclusive(t *testing.T) {
	c, r := newCable(t), newRecorder()
	stop := start(t, port.Config{Name: c.slave.Name()}, r)
	r.untilEvents(t, 1)
	_, err := port.Check(port.Config{Name: c.slave.Name()})
	if err == nil || !strings.Contains(err.Error(), "another program has it open") {
		t.Fatalf("Check of a port in use: %v", err)
	}
	c.send(t, "x") // and the attempt left the first undisturbed
	r.untilData(t, "x")
	stop()
	if _, err := port.Check(port.Config{Name: c.slave.Name()}); err != nil {
		t.Fatalf("Check after Run: %v", err)
	}
}

func TestForeignLocks(t *testing.T) {
	const tiocexcl = 0x540C
	for name, lock := range map[string]func(fd uintptr) error{
		"flock": func(fd uintptr) error { return syscall.Flock(int(fd), syscall.LOCK_EX) },
		"TIOCEXCL": func(fd uintptr) error {
			if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, tiocexcl, 0); e != 0 {
				return e
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCable(t)
			if err := lock(c.slave.Fd()); err != nil {
				t.Fatal(err)
			}
			_, err := port.Check(port.Config{Name: c.slave.Name()})
			if err == nil || !strings.Contains(err.Error(), "another program has it open") {
				t.Fatalf("Check: %v", err)
			}
		})
	}
}

func TestClockIsTheCallers(t *testing.T) {
	c, r := newCable(t), newRecorder()
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	start(t, port.Config{Name: c.slave.Name(), Now: func() time.Time { return noon }}, r)
	if e := r.untilEvents(t, 1); !e.At.Equal(noon) {
		t.Fatalf("event at %v, want %v", e.At, noon)
	}
}
