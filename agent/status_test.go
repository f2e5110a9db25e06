package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// until waits for a Report that is as it should be. One that knows nothing yet, because
// the first took too long, is not: it has no sensors.
func (b *bedside) until(what string, holds func(*status.Report) bool) *status.Report {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), sdktest.Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last *status.Report
	for {
		asked := time.Now()
		s, err := status.Read(ctx, b.conf.Data)
		if err == nil && s.Sensors != nil && holds(s) {
			return s
		}
		hungUp := time.Since(asked) >= 5*time.Second // on who takes so long to read
		if err != nil && !hungUp && !errors.Is(err, status.ErrNotRunning) {
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

func problemsOf(s *status.Report, what string) (whys []string) {
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
	s := b.until("the line is silent", func(s *status.Report) bool { return s.Sensors[0].Line == status.LineSilent })
	if got := problemsOf(s, "sensor pulse"); len(got) != 1 || got[0] != "problem: nothing is heard from it" {
		t.Errorf("problems of a silent line: %q", got)
	}
	stop := make(chan struct{})
	go speak(line, stop, pulses)
	s = b.until("readings are acknowledged", func(s *status.Report) bool {
		return s.Sensors[0].Line == status.LineOpen && s.Sensors[0].Recorded > 5 && s.Broker.Acknowledged > 2 && s.Broker.Connected
	})
	close(stop)
	if s.Version != "v1.2.3" || s.Gateway != "gw-1" || s.Started.IsZero() || s.At.Before(s.Started) {
		t.Errorf("version %q, gateway %q, started %v, at %v", s.Version, s.Gateway, s.Started, s.At)
	}
	if one := s.Sensors[0]; one.Last.IsZero() || one.Good == 0 || one.Bytes == 0 || one.Driver != "lines" || problemsOf(s, "sensor pulse") != nil {
		t.Errorf("a sensor that speaks: %+v, %q", one, s.Problems)
	}
	if s.Broker.Since.IsZero() || s.Broker.LastAck.IsZero() || s.Disk.TotalBytes == 0 || !s.Clock.Set {
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
	s = b.until("the line is lost", func(s *status.Report) bool { return s.Sensors[0].Line == status.LineLost })
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
	s := b.until("it fails", func(s *status.Report) bool { return s.Sensors[0].Line == status.LineFailed })
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
	s := b.until("a backlog waits", func(s *status.Report) bool { return s.Outbox.Waiting > 3 })
	if s.Broker.Connected || len(problemsOf(s, "broker")) != 1 || s.Outbox.Oldest.IsZero() || s.Outbox.Bytes == 0 {
		t.Errorf("broker %+v, outbox %+v, problems %q", s.Broker, s.Outbox, s.Problems)
	}
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
	b.until("readings are acknowledged", func(s *status.Report) bool { return s.Sensors[0].Recorded > 5 && s.Broker.Acknowledged > 2 })
	text := ""
	defer func() {
		if t.Failed() {
			t.Logf("metrics:\n%s", text)
		}
	}()
	for _, want := range []string{
		"vitalseal_broker_connected 1\n", `vitalseal_sensor_line{device="pulse",driver="lines",state="open"} 1` + "\n",
		`vitalseal_sensor_line{device="pulse",driver="lines",state="lost"} 0` + "\n", "# TYPE vitalseal_envelopes_acknowledged_total counter\n",
	} {
		// On a slow machine the line is silent for a moment, and the broker may hang up.
		waitFor(t, want, func() bool {
			text = scrape(t, b.conf.Status.Listen)
			return strings.Contains(text, want)
		})
	}
	if strings.Contains(text, "smith") || strings.Contains(text, "MDC_") || strings.Contains(text, b.dir) || strings.Contains(text, b.Dir) {
		t.Errorf("a label, a reading or a path in\n%s", text)
	}
}

// scrape returns the metrics, or nothing if it took so long that it was hung up on.
func scrape(t *testing.T, address string) string {
	t.Helper()
	asked := time.Now()
	response, err := http.Get("http://" + address + "/metrics")
	var text []byte
	if err == nil {
		defer response.Body.Close()
		text, err = io.ReadAll(response.Body)
	}
	switch {
	case err != nil && time.Since(asked) >= 5*time.Second:
		return ""
	case err != nil:
		t.Fatal(err)
	case response.StatusCode != http.StatusOK:
		t.Fatalf("status %d: %s", response.StatusCode, text)
	}
	return string(text)
}
