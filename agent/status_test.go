package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// until waits for a Status that is as it should be.
func (b *bedside) until(what string, holds func(*agent.Status) bool) *agent.Status {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), sdktest.Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last *agent.Status
	for {
		s, err := agent.ReadStatus(ctx, b.conf.Data)
		if err == nil && holds(s) {
			return s
		}
		if err != nil && !errors.Is(err, agent.ErrNotRunning) {
			b.t.Fatal(err)
		}
		if last = s; ctx.Err() != nil {
			b.t.Fatalf("waited in vain until %s: %v %+v", what, err, last)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("waited in vain until %s: %+v", what, last)
		}
	}
}

func problemsOf(s *agent.Status, what string) (whys []string) {
	for _, p := range s.Problems {
		if p.What == what {
			whys = append(whys, string(p.Severity)+": "+p.Why)
		}
	}
	return whys
}

func TestStatusFollowsTheLine(t *testing.T) {
	b := newBedside(t, "pulse")
	line := b.sensor("pulse", "lines")
	b.conf.Sensors[0].Label = "bed-12-of-mrs-smith"
	b.run(agent.Options{Version: "v1.2.3"})
	s := b.until("the line is silent", func(s *agent.Status) bool { return s.Sensors[0].Line == agent.LineSilent })
	if got := problemsOf(s, "sensor pulse"); len(got) != 1 || got[0] != "problem: nothing is heard from it" {
		t.Errorf("problems of a silent line: %q", got)
	}
	stop := make(chan struct{})
	go speak(line, stop, pulses)
	s = b.until("readings are acknowledged", func(s *agent.Status) bool {
		return s.Sensors[0].Line == agent.LineOpen && s.Sensors[0].Recorded > 5 && s.Broker.Acknowledged > 2
	})
	close(stop)
	if s.Version != "v1.2.3" || s.Gateway != "gw-1" || s.Started.IsZero() || s.At.Before(s.Started) {
		t.Errorf("version %q, gateway %q, started %v, at %v", s.Version, s.Gateway, s.Started, s.At)
	}
	if one := s.Sensors[0]; one.Last.IsZero() || one.Good == 0 || one.Bytes == 0 || one.Driver != "lines" || problemsOf(s, "sensor pulse") != nil {
		t.Errorf("a sensor that speaks: %+v, %q", one, s.Problems)
	}
	if !s.Broker.Connected || s.Broker.Since.IsZero() || s.Broker.LastAck.IsZero() || s.Disk.TotalBytes == 0 || !s.Clock.Set {
		t.Errorf("broker %+v, disk %+v, clock %+v", s.Broker, s.Disk, s.Clock)
	}
	for _, c := range s.Certificates {
		if c.Error != "" || !c.NotAfter.After(time.Now()) {
			t.Errorf("certificate %+v", c)
		}
	}
	if s.Roster.Serial == 0 || s.Roster.Devices == 0 || s.Roster.Recipients != 1 || s.Roster.Error != "" {
		t.Errorf("roster %+v", s.Roster)
	}
	b.Must(os.Remove(b.conf.Sensors[0].Port.Name))
	line.Close()
	s = b.until("the line is lost", func(s *agent.Status) bool { return s.Sensors[0].Line == agent.LineLost })
	if got := problemsOf(s, "sensor pulse"); len(got) != 1 || !strings.HasPrefix(got[0], "problem: its port is gone") {
		t.Errorf("problems of a lost line: %q", got)
	}
	text, err := json.Marshal(s)
	b.Must(err)
	if strings.Contains(string(text), "mrs-smith") || regexp.MustCompile(`MDC_|spo2`).Match(text) {
		t.Errorf("a label or a reading in %s", text)
	}
}

// TestStatusOfASensorThatCannotBeServed has one without an identity.
func TestStatusOfASensorThatCannotBeServed(t *testing.T) {
	b := newBedside(t, "pulse")
	b.sensor("nobody", "lines")
	b.run(agent.Options{})
	s := b.until("it fails", func(s *agent.Status) bool { return s.Sensors[0].Line == agent.LineFailed })
	if got := problemsOf(s, "sensor nobody"); len(got) != 1 || !strings.HasPrefix(got[0], "problem: it is not being read: ") {
		t.Errorf("problems: %q", got)
	}
}

func TestStatusWithoutBroker(t *testing.T) {
	b := newBedside(t, "pulse")
	b.conf.Broker.URL = "mqtts://127.0.0.1:" + mqtttest.FreePort(t) // nobody is there
	stop := make(chan struct{})
	line := b.sensor("pulse", "lines")
	go speak(line, stop, pulses)
	b.run(agent.Options{Drain: time.Millisecond})
	defer close(stop)
	s := b.until("a backlog waits", func(s *agent.Status) bool { return s.Outbox.Waiting > 3 })
	if s.Broker.Connected || len(problemsOf(s, "broker")) != 1 || s.Outbox.Oldest.IsZero() || s.Outbox.Bytes == 0 {
		t.Errorf("broker %+v, outbox %+v, problems %q", s.Broker, s.Outbox, s.Problems)
	}
}

// TestStatusSocket is for its owner alone, replaces what a killed agent left, and
// takes a directory whose name is too long for a socket.
func TestStatusSocket(t *testing.T) {
	for _, deep := range []string{"", strings.Repeat("long", 30)} {
		dir := filepath.Join(t.TempDir(), deep)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := agent.ReadStatus(t.Context(), dir); !errors.Is(err, agent.ErrNotRunning) {
			t.Errorf("before: %v", err)
		}
		for life := range 2 {
			close, kill, err := agent.ListenStatus(dir, func(context.Context) agent.Status { return agent.Status{Gateway: "gw-7"} })
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(filepath.Join(dir, "status.sock"))
			if err != nil || info.Mode() != os.ModeSocket|0o600 {
				t.Fatalf("socket: %v, %v", info, err)
			}
			if s, err := agent.ReadStatus(t.Context(), dir); err != nil || s.Gateway != "gw-7" {
				t.Fatalf("%+v, %v", s, err)
			}
			if life == 0 {
				kill() // leaves the socket
				if _, err := agent.ReadStatus(t.Context(), dir); !errors.Is(err, agent.ErrNotRunning) {
					t.Errorf("a stale socket: %v", err)
				}
				continue
			}
			close()
			if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
				t.Errorf("left behind: %v, %v", names, err)
			}
		}
	}
}

// TestStatusSocketIsNotHeldUp: who asks and does not listen keeps nobody else from
// an answer, and is hung up on at the end.
func TestStatusSocketIsNotHeldUp(t *testing.T) {
	dir := t.TempDir()
	huge := agent.Status{Gateway: strings.Repeat("g", 4<<20)}
	end, _, err := agent.ListenStatus(dir, func(context.Context) agent.Status { return huge })
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
	if s, err := agent.ReadStatus(t.Context(), dir); err != nil || len(s.Gateway) != 4<<20 {
		t.Fatalf("%v", err)
	}
	end() // returns though nobody reads
}

// TestReadStatusOfAHungAgent ends when the caller wants it to.
func TestReadStatusOfAHungAgent(t *testing.T) {
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
	if _, err := agent.ReadStatus(ctx, dir); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
}

func FuzzReadStatus(f *testing.F) {
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
		if s, err := agent.ReadStatus(t.Context(), dir); (s == nil) == (err == nil) {
			t.Errorf("%v, %v", s, err)
		}
	})
}

func TestMetricsOverHTTP(t *testing.T) {
	b := newBedside(t, "pulse")
	line := b.sensor("pulse", "lines")
	b.conf.Sensors[0].Label = "bed-12-of-mrs-smith"
	b.conf.Status = config.Status{Listen: "127.0.0.1:" + mqtttest.FreePort(t)}
	b.run(agent.Options{})
	stop := make(chan struct{})
	defer close(stop)
	go speak(line, stop, pulses)
	b.until("readings are acknowledged", func(s *agent.Status) bool { return s.Sensors[0].Recorded > 5 && s.Broker.Acknowledged > 2 })
	status, text := get(t, b.conf.Status.Listen, "GET", "/metrics", b.conf.Status.Listen)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	for _, want := range []string{
		"vitalseal_broker_connected 1\n", `vitalseal_sensor_line{device="pulse",driver="lines",state="open"} 1` + "\n",
		`vitalseal_sensor_line{device="pulse",driver="lines",state="lost"} 0` + "\n", "# TYPE vitalseal_envelopes_acknowledged_total counter\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "smith") || strings.Contains(text, "MDC_") || strings.Contains(text, b.dir) || strings.Contains(text, b.Dir) {
		t.Errorf("a label, a reading or a path in\n%s", text)
	}
	for _, c := range []struct {
		method, path, host string
		want               int
	}{
		{"GET", "/metrics", "localhost:1", http.StatusOK},
		{"GET", "/metrics", "[::1]:9273", http.StatusOK},
		{"GET", "/metrics", "evil.example", http.StatusMisdirectedRequest},
		{"GET", "/metrics", "127.0.0.1.evil.example:80", http.StatusMisdirectedRequest},
		{"GET", "/metrics", "192.0.2.1:9273", http.StatusMisdirectedRequest},
		{"POST", "/metrics", "localhost", http.StatusMethodNotAllowed},
		{"GET", "/", "localhost", http.StatusNotFound},
		{"GET", "/debug/pprof/", "localhost", http.StatusNotFound},
	} {
		if got, body := get(t, b.conf.Status.Listen, c.method, c.path, c.host); got != c.want {
			t.Errorf("%s %s for host %q: status %d, want %d: %s", c.method, c.path, c.host, got, c.want, body)
		}
	}
}

func get(t *testing.T, address, method, path, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestMetricsAddresses: what others can reach is refused, whatever made the Config.
func TestMetricsAddresses(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0", "localhost:0", "gateway.example:0", "127.0.0.1", "[::ffff:192.0.2.1]:0"} {
		if close, err := agent.ListenMetrics(address, nil); err == nil {
			close()
			t.Errorf("metrics are served on %q", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "127.9.9.9:0", "[::ffff:127.0.0.1]:0"} {
		close, err := agent.ListenMetrics(address, nil)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		close()
	}
}
