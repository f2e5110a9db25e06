package status_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
)

// TestSocket is for its owner alone, replaces what a killed agent left, and
// takes a directory whose name is too long for a socket.
func TestSocket(t *testing.T) {
	for _, deep := range []string{"", strings.Repeat("long", 30)} {
		dir := filepath.Join(t.TempDir(), deep)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := status.Read(t.Context(), dir); !errors.Is(err, status.ErrNotRunning) {
			t.Errorf("before: %v", err)
		}
		for life := range 2 {
			socket, err := status.Listen(dir, func(context.Context) status.Report { return status.Report{Gateway: "gw-7"} })
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(filepath.Join(dir, "status.sock"))
			if err != nil || info.Mode() != os.ModeSocket|0o600 {
				t.Fatalf("socket: %v, %v", info, err)
			}
			if s, err := status.Read(t.Context(), dir); err != nil || s.Gateway != "gw-7" {
				t.Fatalf("%+v, %v", s, err)
			}
			if life == 0 {
				kill(t, socket, dir)
				if _, err := status.Read(t.Context(), dir); !errors.Is(err, status.ErrNotRunning) {
					t.Errorf("a stale socket: %v", err)
				}
				continue
			}
			socket.Close()
			if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
				t.Errorf("left behind: %v, %v", names, err)
			}
		}
	}
}

// kill ends a server and leaves its socket, as the end of a process does.
func kill(t *testing.T, socket *status.Socket, dir string) {
	t.Helper()
	path := filepath.Join(dir, "status.sock")
	if err := os.Rename(path, path+".kept"); err != nil {
		t.Fatal(err)
	}
	socket.Close()
	if err := os.Rename(path+".kept", path); err != nil {
		t.Fatal(err)
	}
}

// TestSocketIsNotHeldUp: who asks and does not listen keeps nobody else from
// an answer, and is hung up on at the end.
func TestSocketIsNotHeldUp(t *testing.T) {
	dir := t.TempDir()
	const size = 1 << 20 // more than a socket buffers
	huge := status.Report{Gateway: strings.Repeat("g", size)}
	socket, err := status.Listen(dir, func(context.Context) status.Report { return huge })
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		conn, err := net.Dial("unix", filepath.Join(dir, "status.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	asked := time.Now()
	s, err := status.Read(t.Context(), dir)
	for err != nil && time.Since(asked) >= 5*time.Second { // so long it may take to read, and no longer
		asked = time.Now()
		s, err = status.Read(t.Context(), dir)
	}
	if err != nil || len(s.Gateway) != size {
		t.Fatalf("%v", err)
	}
	socket.Close() // returns though nobody reads
}

// TestReadFromAHungAgent ends when the caller wants it to.
func TestReadFromAHungAgent(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "status.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
		}
		cancel()
		<-t.Context().Done()
	}()
	if _, err := status.Read(ctx, dir); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"at":"2026-11-22T03:00:00Z","problems":[{"severity":"problem","what":"broker"}]}`))
	f.Add([]byte(`{"at":1}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, answer []byte) {
		dir := t.TempDir()
		l, err := net.Listen("unix", filepath.Join(dir, "status.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if conn, err := l.Accept(); err == nil {
				_, _ = conn.Write(answer)
				conn.Close()
			}
		}()
		if s, err := status.Read(t.Context(), dir); (s == nil) == (err == nil) {
			t.Errorf("%v, %v", s, err)
		}
	})
}
