package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// socketFile is the socket in the data directory on which an agent says how it is.
// Whoever connects is written one Report in JSON, and nothing is read from them.
const socketFile = "status.sock"

// maxAsking is how many are answered at a time, and answerTime how long one may
// take to read the answer.
const (
	maxAsking  = 8
	answerTime = 5 * time.Second
)

// Socket answers on the socket of a data directory until Close.
type Socket struct {
	path     string
	listener net.Listener
	report   func(context.Context) Report
	ctx      context.Context
	cancel   context.CancelFunc
	answers  sync.WaitGroup
}

// Listen makes the socket in a data directory and answers whoever connects with what
// report returns then. The caller owns the directory, so a socket that is there was
// left by an agent that was killed. It is in its place only when its mode is right,
// the owner's alone: the directory may be open to others.
func Listen(dir string, report func(context.Context) Report) (*Socket, error) {
	path := filepath.Join(dir, socketFile)
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("status socket: %w", err)
	}
	listener, err := listenAt(fresh)
	if err == nil {
		err = os.Chmod(fresh, 0o600)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		if listener != nil {
			listener.Close()
		}
		return nil, fmt.Errorf("status socket: %w", err)
	}
	s := &Socket{path: path, listener: listener, report: report}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.answers.Go(s.serve)
	return s, nil
}

func listenAt(path string) (net.Listener, error) {
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it is about to be renamed
	return l, nil
}

// maxSocketPath is what every system takes for the path of a socket.
const maxSocketPath = 100

// shortPath returns another name for a path that is too long for a socket. It
// holds until done.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) <= maxSocketPath || runtime.GOOS != "linux" {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}

func (s *Socket) serve() {
	room := make(chan struct{}, maxAsking)
	for {
		room <- struct{}{}
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptors, say: that may pass
			<-room
			select {
			case <-time.After(time.Second):
			case <-s.ctx.Done():
				return
			}
			continue
		}
		s.answers.Go(func() {
			defer func() { <-room }()
			s.answer(conn)
		})
	}
}

func (s *Socket) answer(conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	text, err := json.Marshal(s.report(s.ctx))
	if err != nil {
		panic("a Report has nothing that JSON has not")
	}
	if conn.SetWriteDeadline(time.Now().Add(answerTime)) == nil {
		_, _ = conn.Write(append(text, '\n')) // who asked has gone
	}
}

// Close removes the socket, and hangs up on who is being answered.
func (s *Socket) Close() {
	s.cancel()
	s.listener.Close()
	os.Remove(s.path)
	s.answers.Wait()
}

// ErrNotRunning says that no agent has a data directory open.
var ErrNotRunning = errors.New("no agent is running")

// maxReport bounds what an agent says, in bytes: 1,000 sensors take less than one.
const maxReport = 16 << 20

// Read asks the agent that has a data directory open how it is. The error is
// ErrNotRunning if there is none, and fs.ErrPermission if it is another user's.
func Read(ctx context.Context, data string) (*Report, error) {
	path, done, err := shortPath(filepath.Join(data, socketFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w on %q", ErrNotRunning, data)
	}
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%w on %q", ErrNotRunning, data)
	}
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("the agent on %q does not answer: %w", data, context.Cause(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot ask the agent on %q: %w", data, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	text, err := io.ReadAll(io.LimitReader(conn, maxReport))
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the agent on %q does not answer: %w", data, context.Cause(ctx))
	}
	var s Report
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("what the agent on %q says is no status: %w", data, err)
	}
	return &s, nil
}
