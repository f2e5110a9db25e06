package machine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Machine is one running QEMU.
type Machine struct {
	Started time.Time

	cmd     *exec.Cmd
	monitor *monitor
	console *Console
	ended   chan struct{} // closed when the process has ended and its console is read
}

// start runs QEMU with the arguments, and takes the connection to its monitor. dir
// is a folder for sockets, with a path short enough for one (unix(7): 108 bytes).
func start(program, dir string, console *Console, args []string) (*Machine, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("%v: scripts/install installs it", err)
	}
	socket := filepath.Join(dir, "qmp")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	args = append([]string{"-display", "none", "-nodefaults", "-no-user-config", "-qmp", "unix:" + socket + ",server=off",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"}, args...)
	m := &Machine{console: console, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	m.cmd.Stdout, m.cmd.Stderr = in, in
	m.Started = time.Now()
	err = m.cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return nil, err
	}
	go m.follow(out)
	if err := m.connect(listener); err != nil {
		m.Kill()
		return nil, fmt.Errorf("%v\n%s", err, console)
	}
	return m, nil
}

// follow reads the console until the process has ended.
func (m *Machine) follow(out io.ReadCloser) {
	defer close(m.ended)
	m.console.read(out)
	out.Close()
	_ = m.cmd.Wait() // how it ended is how we ended it; its last words are on the console
}

func (m *Machine) connect(listener net.Listener) error {
	if err := listener.(*net.UnixListener).SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	accepted := make(chan struct{})
	defer close(accepted)
	go func() { // QEMU that refuses its arguments never connects
		select {
		case <-m.ended:
			listener.Close()
		case <-accepted:
		}
	}()
	conn, err := listener.Accept()
	if err != nil {
		return fmt.Errorf("qemu does not start: %v", err)
	}
	m.monitor, err = newMonitor(conn)
	return err
}

// Kill takes the power away, at once, and returns when the process has ended.
func (m *Machine) Kill() {
	_ = m.cmd.Process.Kill() // it may have ended before
	<-m.ended
	if m.monitor != nil {
		m.monitor.conn.Close()
	}
}

// Ended is closed when QEMU has ended, by Kill or by itself.
func (m *Machine) Ended() <-chan struct{} { return m.ended }

// Console is what machines say on their serial consoles, with QEMU's own messages;
// it outlives a machine, so that one that is started anew goes on in it.
type Console struct {
	// Line, unless nil, is called with each line as it comes.
	Line func(string)

	mu   sync.Mutex
	text strings.Builder
}

// maxConsole bounds what is kept; a kernel that is well says far less.
const maxConsole = 4 << 20

func (c *Console) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			c.add(line)
		}
		if err != nil {
			return
		}
	}
}

func (c *Console) add(line string) {
	c.mu.Lock()
	if c.text.Len() < maxConsole {
		c.text.WriteString(line + "\n")
	}
	c.mu.Unlock()
	if c.Line != nil {
		c.Line(line)
	}
}

// String returns what was said so far.
func (c *Console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}
