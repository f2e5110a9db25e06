package wire_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/scripts/bedside/wire"
)

// rig is a wire with somebody at each of its ends.
type rig struct {
	t       *testing.T
	wire    *wire.Wire
	gateway net.Conn
	sensors [2]net.Conn

	mu  sync.Mutex
	tap [2][]byte // from the sensor, from the gateway
}

func newRig(t *testing.T) *rig {
	t.Helper()
	// Not t.TempDir: paths of sockets are short.
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{t: t}
	names := []string{filepath.Join(dir, "0"), filepath.Join(dir, "1")}
	r.wire, err = wire.Open(filepath.Join(dir, "g"), names, func(fromSensor bool, p []byte) {
		r.mu.Lock()
		defer r.mu.Unlock()
		which := 1
		if fromSensor {
			which = 0
		}
		r.tap[which] = append(r.tap[which], p...)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.wire.Close(); err != nil {
			t.Error(err)
		}
	})
	r.gateway = r.dial(filepath.Join(dir, "g"))
	for i, name := range names {
		r.sensors[i] = r.dial(name)
	}
	r.settle()
	return r
}

func (r *rig) dial(path string) net.Conn {
	r.t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

// settle waits until bytes pass both ways, so that both ends are connected.
func (r *rig) settle() {
	r.t.Helper()
	for _, pair := range [][2]net.Conn{{r.sensors[0], r.gateway}, {r.gateway, r.sensors[0]}} {
		buf := make([]byte, 1)
		for {
			send(r.t, pair[0], "~")
			if err := pair[1].SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
				r.t.Fatal(err)
			}
			if _, err := pair[1].Read(buf); err == nil {
				break
			}
		}
	}
}

func send(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

// hears reads up to the end of text, and says whether all that came before it but
// for what settle sent is want.
func (r *rig) hears(at net.Conn, end, want string) {
	r.t.Helper()
	if err := at.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		r.t.Fatal(err)
	}
	var got []byte
	buf := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte(end)) {
		if _, err := at.Read(buf); err != nil {
			r.t.Fatalf("%v after %q, want %q", err, got, want)
		}
		if buf[0] != '~' {
			got = append(got, buf[0])
		}
	}
	if string(got) != want {
		r.t.Errorf("heard %q, want %q", got, want)
	}
}

func TestWireCarriesBothWays(t *testing.T) {
	r := newRig(t)
	send(t, r.sensors[0], "hello.")
	r.hears(r.gateway, ".", "hello.")
	send(t, r.gateway, "welcome.")
	r.hears(r.sensors[0], ".", "welcome.")
	to, from := r.wire.Carried()
	if to < 6 || from < 8 {
		t.Errorf("carried %d and %d bytes", to, from)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !bytes.HasSuffix(r.tap[0], []byte("hello.")) || !bytes.HasSuffix(r.tap[1], []byte("welcome.")) {
		t.Errorf("the tap heard %q and %q", r.tap[0], r.tap[1])
	}
}

// TestWireIsCut: what is sent into a cut cable never comes out.
func TestWireIsCut(t *testing.T) {
	r := newRig(t)
	r.wire.Cut(true)
	send(t, r.sensors[0], "lost ")
	r.passed(r.sensors[0])
	r.wire.Cut(false)
	send(t, r.sensors[0], "kept.")
	r.hears(r.gateway, ".", "kept.")
}

// passed returns when the wire is done with what a sensor sent. The tap hears
// nothing of a cut cable, so it is the sensor's own socket that tells: it is empty
// when the wire has read it, and a second read comes after all that is done with
// the first.
func (r *rig) passed(conn net.Conn) {
	r.t.Helper()
	r.read(conn)
	send(r.t, conn, "~")
	r.read(conn)
}

// read returns when the wire has read what a sensor sent.
func (r *rig) read(conn net.Conn) {
	r.t.Helper()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		if unsent(r.t, raw) == 0 {
			return
		}
	}
	r.t.Fatal("the wire does not read")
}

func TestWireIsMoved(t *testing.T) {
	r := newRig(t)
	send(t, r.sensors[1], "not plugged in ")
	r.passed(r.sensors[1])
	r.wire.Choose(1)
	send(t, r.sensors[0], "pulled out ")
	r.passed(r.sensors[0])
	send(t, r.sensors[1], "other.")
	r.hears(r.gateway, ".", "other.")
	send(t, r.gateway, "who are you?")
	r.hears(r.sensors[1], "?", "who are you?")
}

func TestWireIsWrittenInto(t *testing.T) {
	r := newRig(t)
	send(t, r.sensors[0], "a")
	r.hears(r.gateway, "a", "a")
	r.wire.Inject([]byte("forged"))
	r.hears(r.gateway, "d", "forged")
}

// TestWireKeepsNothing: who does not read for long finds little when it does.
func TestWireKeepsNothing(t *testing.T) {
	r := newRig(t)
	block := bytes.Repeat([]byte{'x'}, 1024)
	const blocks = 16
	for range blocks {
		send(t, r.sensors[0], string(block))
	}
	r.passed(r.sensors[0])
	r.wire.Inject([]byte("."))
	if err := r.gateway.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	old, _ := io.ReadAll(r.gateway) // it ends by the deadline
	if len(old) >= blocks*len(block)/2 {
		t.Errorf("%d of %d old bytes came out", len(old), blocks*len(block))
	}
	if lost := r.wire.Lost(); lost.Bytes < blocks*len(block)/2 || lost.Pieces == 0 {
		t.Errorf("lost %+v of %d bytes", lost, blocks*len(block))
	}
}
