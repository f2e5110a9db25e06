package status_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
)

// metricLine is a sample of the text format, and nothing else.
var metricLine = regexp.MustCompile(`^vitalseal_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\[\\n"])*"(,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*\})? -?[0-9.e+]+$`)

// parseMetrics demands of each line that it is a comment or a sample of the family
// above it.
func parseMetrics(t *testing.T, text string) (samples int) {
	t.Helper()
	family, seen := "", map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			family, _, _ = strings.Cut(rest, " ")
			if seen[family] {
				t.Errorf("family %q twice", family)
			}
			seen[family] = true
			continue
		}
		if strings.HasPrefix(line, "# TYPE "+family+" ") {
			continue
		}
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		if name != family || !metricLine.MatchString(line) {
			t.Errorf("line %q below family %q", line, family)
		}
		if seen[line] {
			t.Errorf("line %q twice", line)
		}
		seen[line] = true
		samples++
	}
	return samples
}

// TestMetricsAttacked has names and texts that try to be lines of their own, and
// texts that must stay inside.
func TestMetricsAttacked(t *testing.T) {
	evil := "x\"} 1\nvitalseal_sensor_recorded_total{device=\"forged\"} 99\n\\\xff\r"
	now := time.Unix(1_800_000_000, 0)
	s := &status.Report{
		At: now, Started: now, Gateway: evil, Version: evil,
		Problems: []status.Problem{{Severity: status.Broken, What: "SECRET", Why: "SECRET"}, {Severity: "SECRET"}},
		Broker:   status.Broker{URL: "mqtts://SECRET", Error: "SECRET"},
		Outbox:   status.Outbox{Error: "SECRET"}, Receipts: []status.Receipt{{Receiver: evil, Last: now, Error: "SECRET"}, {Receiver: "b"}}, Disk: status.Disk{TotalBytes: 1, TotalInodes: 1, Error: "SECRET"},
		Certificates: []status.Certificate{{Name: evil, NotAfter: now, Error: "SECRET"}, {Name: "b", NotAfter: now}},
		Roster:       status.Roster{Error: "SECRET"},
		Sensors: []status.Sensor{
			{Device: evil, Driver: evil, Port: "SECRET", Line: status.LineOpen, Error: "SECRET", Hint: "SECRET", Last: now,
				Link: &status.Link{Phase: "SECRET", Reason: "SECRET"}},
			{Device: "b", Line: "SECRET"},
		},
	}
	text := s.Metrics()
	if n := parseMetrics(t, text); n < 50 {
		t.Errorf("%d samples in\n%s", n, text)
	}
	if strings.Contains(text, "SECRET") {
		t.Errorf("what must stay inside is in\n%s", text)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, `vitalseal_sensor_recorded_total{device="forged"`) {
			t.Errorf("a forged line: %q", line)
		}
	}
}

// TestMetricsOfNothing: where nothing is known yet there are no zeros, which would
// read as a backlog that is empty.
func TestMetricsOfNothing(t *testing.T) {
	text := new(status.Report).Metrics()
	parseMetrics(t, text)
	if strings.Contains(text, "outbox") {
		t.Errorf("numbers of nothing:\n%s", text)
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add("pulse", "lines")
	f.Add("\"} 1\n", "\\")
	f.Fuzz(func(t *testing.T, device, driver string) {
		parseMetrics(t, (&status.Report{At: time.Unix(1, 0), Gateway: driver, Version: device,
			Sensors: []status.Sensor{{Device: device, Driver: driver, Last: time.Unix(1, 0)}}}).Metrics())
	})
}

// TestOutboxIsShown has what waits, what was lost and what is left in the metrics and
// in the JSON.
func TestOutboxIsShown(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &status.Report{At: now, Sensors: []status.Sensor{}, Outbox: status.Outbox{
		Waiting: 7, Urgent: 2, Oldest: now, Bytes: 4096, Max: 8192, Dropped: 3, Corrupt: 1, Refused: 5, Low: true,
	}}
	text := s.Metrics()
	for _, line := range []string{
		"outbox_envelopes 7", "outbox_urgent_envelopes 2", "outbox_oldest_time_seconds 1.8e+09", "outbox_bytes 4096",
		"outbox_max_bytes 8192", "outbox_dropped_envelopes_total 3", "outbox_corrupt_envelopes_total 1", "outbox_low_disk 1",
	} {
		if !strings.Contains(text, "\nvitalseal_"+line+"\n") {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"waiting":7`, `"dropped":3`, `"corrupt":1`, `"readings_refused":5`, `"low_disk":true`} {
		if !strings.Contains(string(raw), part) {
			t.Errorf("no %s in %s", part, raw)
		}
	}
}
