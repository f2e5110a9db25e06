package c_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const linkVectors = "../../link/testdata"

// linkSteps reads the vectors of a folder: by name the fields of each line.
func linkSteps(t *testing.T, folder string) map[string][][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(linkVectors, folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", folder, err)
	}
	all := map[string][][]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "#" && fields[0] != "MUST" {
				all[filepath.Base(f)] = append(all[filepath.Base(f)], fields)
			}
		}
	}
	return all
}

func TestLinkFrameVectors(t *testing.T) {
	var tr transcript
	for name, steps := range linkSteps(t, "frames") {
		tr.begin(name)
		var buffer, wire, frames string
		for _, s := range steps {
			switch s[0] {
			case "buffer":
				buffer = s[1]
			case "wire":
				wire = s[1]
			case "encode":
				tr.add(wire, "frame %s", s[1])
				frames += " " + s[1]
			case "frame":
				frames += " " + s[1]
			case "counts":
				want := s[1] + " " + s[2] + frames
				tr.add(want, "decode %s %s", buffer, wire)
				tr.add(want, "piecemeal %s %s", buffer, wire)
			default:
				t.Fatalf("%s: unknown key %q", name, s[0])
			}
		}
	}
	tr.check(t, linkProgram(t, "link_driver"), "frames")
}

// unsayable are frames of a sensor that the C library has no call to make: fields
// cut short, or what a later version adds.
var unsayable = map[string]bool{"hello-short.txt": true, "hello-version-2.txt": true, "proof-short.txt": true,
	"proof-long.txt": true, "heartbeat-short.txt": true, "heartbeat-long.txt": true}

func TestLinkMessageVectors(t *testing.T) {
	var tr transcript
	for name, steps := range linkSteps(t, "messages") {
		if unsayable[name] {
			continue
		}
		if len(steps) != 3 || steps[0][0] != "frame" || steps[1][0] != "wire" {
			t.Fatalf("%s: unknown form: %v", name, steps)
		}
		tr.begin(name)
		frame, wire, verdict := steps[0][1], steps[1][1], steps[2]
		switch {
		case verdict[0] == "valid" && frame[0] >= '8':
			tr.add(strings.Join(verdict[1:], " "), "parse %s", frame)
		case verdict[0] == "valid":
			tr.add(wire, "%s", sayLine(verdict[1], verdict[2:]))
		case frame[0] >= '8':
			tr.add("malformed", "parse %s", frame)
		default:
			addRefused(t, &tr, name)
		}
		tr.add("1 0 "+frame, "decode 4096 %s", wire)
	}
	tr.check(t, linkProgram(t, "link_driver"), "messages")
}

// sayLine is the driver's line for a message of a sensor.
func sayLine(message string, fields []string) string {
	rest := strings.Join(fields, " ")
	switch message {
	case "proof":
		return "signature " + rest
	case "log":
		return "log_frame " + rest
	case "readings":
		return "data 16 " + rest
	case "anchor", "sealed":
		kind := map[string]int{"anchor": 17, "sealed": 18}[message]
		return fmt.Sprintf("data %d %s %s 0 %s", kind, fields[0], fields[1], fields[2])
	}
	return message + " " + rest
}

// addRefused has the library asked for what the vector says is malformed.
func addRefused(t *testing.T, tr *transcript, name string) {
	const kid = "0000000000000000"
	f32, l80 := strings.Repeat("66", 32), strings.Repeat("6c", 80)
	lines := map[string][2]string{ // error, line
		"hello-33.txt":            {"15", "hello 1 1 64 1 1 " + kid + " " + f32 + "66"},
		"hello-utf8.txt":          {"15", "hello 1 1 64 1 1 " + kid + " 61c3"},
		"hello-session-0.txt":     {"1", "hello 1 1 64 0 1 " + kid + " -"},
		"hello-maxframe-63.txt":   {"1", "hello 1 1 63 1 1 " + kid + " -"},
		"hello-maxframe-4097.txt": {"1", "hello 1 1 4097 1 1 " + kid + " -"},
		"hello-version-0.txt":     {"1", "hello 0 1 64 1 1 " + kid + " -"},
		"log-81.txt":              {"15", "log_frame 7 3 " + l80 + "6c"},
		"log-empty.txt":           {"15", "log_frame 7 1 -"},
		"log-level-4.txt":         {"1", "log_frame 7 4 78"},
		"log-utf8.txt":            {"15", "log_frame 7 1 eda080"},
		"readings-empty.txt":      {"1", "data 16 7 2 4000 -"},
		"anchor-empty.txt":        {"1", "data 17 7 1 0 -"},
		"sealed-empty.txt":        {"1", "data 18 7 1 0 -"},
	}
	line, ok := lines[name]
	if !ok {
		t.Fatalf("%s: no call that asks for this: add it, or say that there is none", name)
	}
	tr.add("error "+line[0], "%s", line[1])
}

func TestLinkSensorVectors(t *testing.T) {
	var tr transcript
	for name, steps := range linkSteps(t, "sensor") {
		tr.begin(name)
		v := sensorVector{transcript: &tr, config: map[string]string{"kid": "0000000000000000", "capabilities": "0", "first": "0"}}
		for _, s := range steps {
			if !v.step(s) {
				t.Fatalf("%s: unknown key %q", name, s[0])
			}
		}
	}
	tr.check(t, linkProgram(t, "link_driver"), "sensor")
}

// sensorVector turns the lines of a vector into lines of the driver.
type sensorVector struct {
	*transcript
	config map[string]string
	now    string
}

func (v *sensorVector) step(s []string) bool {
	rest := strings.Join(s[1:], " ")
	switch s[0] {
	case "session", "kid", "capabilities", "firmware", "keep", "receive", "first":
		v.config[s[0]] = rest
	case "start":
		c := v.config
		v.add("0", "init %s %s %s %s %s %s %s", c["session"], c["kid"], c["capabilities"], c["firmware"], c["keep"], c["receive"], c["first"])
		v.now = "0"
	case "now":
		v.now = rest
	case "rx":
		v.add("ok", "receive %s %s", v.now, rest)
	case "tx":
		v.add(rest, "send %s", v.now)
	case "idle":
		v.add("-", "send %s", v.now)
	case "next":
		v.add(rest, "next %s", v.now)
	case "sign":
		v.add("ok", "script %s", rest)
	case "sign-fails":
		v.add("ok", "failures 1000000")
	case "log", "dropped":
		v.add("ok", "%s %s", s[0], rest)
	case "room":
		v.add(s[2], "room %d", fromHex(s[1]))
	case "queue":
		number := map[string]string{"ok": "0", "full": "50", "large": "3", "type": "1"}[s[3]]
		v.add(number, "queue %d %s", fromHex(s[1]), s[2])
	case "time":
		if rest == "none" {
			rest = "-"
		}
		v.add(rest, "time")
	case "state":
		phase := map[string]string{"hello": "0", "welcomed": "1", "accepted": "2", "refused": "3"}[s[1]]
		v.add(phase+" "+strings.Join(s[2:], " "), "state")
	case "counts":
		v.add(rest, "counts")
	default:
		return false
	}
	return true
}

func fromHex(s string) (n int) {
	fmt.Sscanf(s, "%x", &n)
	return n
}
