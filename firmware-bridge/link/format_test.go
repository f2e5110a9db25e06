package link_test

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

func formatText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRulesHaveVectors holds the numbers of FORMAT.md against those of testdata.
func TestRulesHaveVectors(t *testing.T) {
	rules := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(formatText(t), -1) {
		if rules[m[1]] {
			t.Errorf("rule %s stands twice", m[1])
		}
		rules[m[1]] = true
	}
	shown := map[string]bool{}
	for _, v := range allVectors() {
		for _, s := range v.steps(t) {
			for _, n := range s.values {
				if s.key != "MUST" {
					break
				}
				if shown[n] = true; !rules[n] {
					t.Errorf("%s: no rule %s", v.path(), n)
				}
			}
		}
	}
	for n := range rules {
		if !shown[n] {
			t.Errorf("rule %s has no vector", n)
		}
	}
}

// TestFormatExample decodes the example of FORMAT.md, and has a Sensor and a
// Gateway say it.
func TestFormatExample(t *testing.T) {
	var gateway link.Gateway
	var sensor link.Sensor
	h := &gatewayReplay{t: t}
	if err := gateway.Init(link.GatewayConfig{Receive: make([]byte, link.MaxFrame), Window: 4, Random: h.random}); err != nil {
		t.Fatal(err)
	}
	if err := sensor.Init(link.SensorConfig{Session: 7, Firmware: "test 1.0", Keep: make([]byte, 64), Receive: make([]byte, 128)}); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, line := range strings.Split(formatText(t), "\n") {
		if !strings.HasPrefix(line, "< 00") && !strings.HasPrefix(line, "> 00") {
			continue
		}
		if lines++; lines == 5 {
			if err := sensor.Queue(link.TypeReadings, body(1, 6)); err != nil {
				t.Fatal(err)
			}
		}
		var got []byte
		if line[0] == '<' {
			got = gateway.Send(nil, 40)
			sensor.Receive(got, 40)
		} else {
			got = sensor.Send(nil, 40)
			gateway.Receive(got, 40, h)
			gateway.Durable(7, 2)
		}
		if want := strings.ReplaceAll(line[2:], " ", ""); hex.EncodeToString(got) != want {
			t.Errorf("got %x\nwant %s", got, want)
		}
	}
	if st := sensor.State(); lines != 6 || st.Acked != 2 || st.Unacked != 0 {
		t.Errorf("%d lines; the sensor's state is %+v", lines, st)
	}
}
