package mqtttest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long anything may take before a test gives up on it.
const Patience = 2 * time.Minute

// Mosquitto is a running mosquitto with the project's own configuration and
// access list, on a loopback port.
type Mosquitto struct {
	URL string // mqtts://localhost:port
	CA  *CA

	t    testing.TB
	conf string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
	log  strings.Builder
	cut  int           // bytes of log that are no longer kept
	more chan struct{} // closed with each line of log
}

// keptLog is how much of its log is kept at least, which is all of a short test.
const keptLog = 256 << 10

// StartMosquitto runs scripts/mosquitto of this repository, with its port and
// paths replaced, until the test ends. Each replacement is applied to the text
// of mosquitto.conf last, as a pair of old and new. A missing mosquitto fails
// the test: scripts/test installs it.
func StartMosquitto(t testing.TB, ca *CA, replacements ...string) *Mosquitto {
	t.Helper()
	dir, port := t.TempDir(), FreePort(t)
	m := &Mosquitto{t: t, CA: ca, URL: "mqtts://localhost:" + port, conf: filepath.Join(dir, "mosquitto.conf"), more: make(chan struct{})}
	text := localConf(t, ca, dir, port)
	text = strings.NewReplacer(replacements...).Replace(text)
	if err := os.WriteFile(m.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Kill()
		if t.Failed() {
			t.Logf("mosquitto's log:\n%s", m.Log())
		}
	})
	m.Start()
	return m
}

// localConf is the shipped configuration with local paths.
func localConf(t testing.TB, ca *CA, dir, port string) string {
	t.Helper()
	scripts := filepath.Join(ModuleRoot(t), "scripts", "mosquitto")
	conf, err := os.ReadFile(filepath.Join(scripts, "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	server := ca.Server()
	text := strings.NewReplacer(
		"listener 8883", "listener "+port+" localhost",
		"/etc/mosquitto/certs/ca.pem", ca.File(),
		"/etc/mosquitto/certs/broker.pem", server.Files.Cert,
		"/etc/mosquitto/certs/broker.key", server.Files.Key,
		"/etc/mosquitto/vitalseal.acl", filepath.Join(scripts, "acl"),
		"/var/lib/mosquitto/", dir+"/",
	).Replace(string(conf))
	text += "log_dest stderr\nlog_type all\n"
	if os.Getuid() == 0 {
		text += "user root\n" // or it would drop to a user that cannot read the test's files
	}
	return text
}

// Start runs the broker and returns when it accepts connections.
func (m *Mosquitto) Start() {
	m.t.Helper()
	cmd := exec.Command(binary(m.t), "-c", m.conf)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatalf("start mosquitto: %v", err)
	}
	running, gone := make(chan struct{}), make(chan struct{})
	go m.follow(cmd, bufio.NewScanner(stderr), running, gone)
	m.mu.Lock()
	m.cmd, m.gone = cmd, gone
	m.mu.Unlock()
	select {
	case <-running:
	case <-gone:
		m.t.Fatal("mosquitto ended at once")
	case <-time.After(Patience):
		m.t.Fatal("mosquitto does not come up")
	}
}

func (m *Mosquitto) follow(cmd *exec.Cmd, lines *bufio.Scanner, running, gone chan struct{}) {
	defer close(gone)
	for lines.Scan() {
		m.mu.Lock()
		fmt.Fprintln(&m.log, lines.Text())
		if text := m.log.String(); len(text) > 2*keptLog {
			m.log.Reset()
			m.log.WriteString(text[len(text)-keptLog:])
			m.cut += len(text) - keptLog
		}
		close(m.more)
		m.more = make(chan struct{})
		m.mu.Unlock()
		if strings.HasSuffix(lines.Text(), " running") {
			close(running)
		}
	}
	_ = cmd.Wait() // its status says how we ended it
}

// Stop ends the broker as systemd does; it saves its state. Start runs it again.
func (m *Mosquitto) Stop() { m.end(syscall.SIGTERM) }

// Kill ends the broker as a power cut does.
func (m *Mosquitto) Kill() { m.end(syscall.SIGKILL) }

// Save makes the broker write its sessions and messages down, as it does every
// autosave_interval, and returns when that is done.
func (m *Mosquitto) Save() {
	m.t.Helper()
	m.mu.Lock()
	cmd, seen := m.cmd, m.cut+m.log.Len()
	m.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		m.t.Fatal(err)
	}
	seen = m.logged(seen, "Saving in-memory database")
	// It has one thread: when it sees a connection, it has saved.
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.URL, "mqtts://"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close()
	m.logged(seen, "New connection from")
}

// logged waits for text in the log after position seen and returns its own.
func (m *Mosquitto) logged(seen int, text string) int {
	m.t.Helper()
	timeout := time.After(Patience)
	for {
		m.mu.Lock()
		from := max(seen, m.cut)
		at, more := strings.Index(m.log.String()[from-m.cut:], text), m.more
		m.mu.Unlock()
		if at >= 0 {
			return from + at
		}
		select {
		case <-more:
		case <-timeout:
			m.t.Fatalf("mosquitto does not log %q", text)
		}
	}
}

func (m *Mosquitto) end(sig syscall.Signal) {
	m.mu.Lock()
	cmd, gone := m.cmd, m.gone
	m.mu.Unlock()
	if cmd == nil {
		return
	}
	// Between saying that it runs and running, mosquitto forgets a signal to stop.
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		_ = cmd.Process.Signal(sig) // it may have ended before
		select {
		case <-gone:
			return
		case <-again.C:
		}
	}
}

// Log is what the broker wrote last.
func (m *Mosquitto) Log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

func binary(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("mosquitto is not installed: run scripts/test, or apt-get install mosquitto")
	return ""
}

// ModuleRoot is the directory with go.mod, above the test's own.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = parent
	}
}
