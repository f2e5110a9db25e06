package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// TestMain makes the command itself what a script runs as vitalseal.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"vitalseal": main}) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0") // or a race build takes a second to end
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"broker": broker, "simulate": simulate, "until": until, "jsonl": jsonLines,
			"unhex": unhex, "expand": expand, "edit": edit, "patient": patient,
		},
	})
}

// broker SITE runs mosquitto with the configuration that was made for the broker
// of a site, but on a loopback port of its own, and sets $BROKER to its URL.
func broker(ts *testscript.TestScript, _ bool, args []string) {
	port, release, err := mqtttest.HoldPort()
	ts.Check(err)
	ts.Defer(release)
	conf := filepath.Join(ts.MkAbs(args[0]), "broker", "mosquitto.conf")
	text := ts.ReadFile(conf)
	if !strings.Contains(text, "listener 8883\n") {
		ts.Fatalf("no listener 8883 in %s", conf)
	}
	text = strings.Replace(text, "listener 8883\n", "listener "+port+" localhost\n", 1)
	ts.Check(os.WriteFile(conf+".test", []byte(text), 0o600))
	var log bytes.Buffer
	cmd := exec.Command(mosquittoPath(ts), "-c", conf+".test")
	cmd.Stdout, cmd.Stderr = &log, &log
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // its status is that of the signal
	ts.Defer(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		ts.Logf("mosquitto:\n%s", &log)
	})
	waitUntil(ts, "mosquitto accepts connections", func() bool {
		select {
		case <-ended:
			ts.Fatalf("mosquitto ended:\n%s", &log)
		default:
		}
		conn, err := net.Dial("tcp", "localhost:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	ts.Setenv("BROKER", "mqtts://localhost:"+port)
}

func mosquittoPath(ts *testscript.TestScript) string {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	ts.Fatalf("mosquitto is not installed: run scripts/test, or apt-get install mosquitto")
	return ""
}

// waitUntil waits until a condition holds.
func waitUntil(ts *testscript.TestScript, what string, holds func() bool) {
	deadline := time.After(sdktest.Patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("waited in vain until %s:\n%s", what, tails(ts))
		}
	}
}

// simulate SENSOR SOCKET COUNT gives whoever connects to the socket the first
// COUNT pieces of a simulated sensor's bytes at once, and then nothing more. With
// ! it hangs up then.
func simulate(ts *testscript.TestScript, hangUp bool, args []string) {
	driver, err := sensor.Lookup(args[0])
	ts.Check(err)
	count := 0
	_, err = fmt.Sscan(args[2], &count)
	ts.Check(err)
	var stream []byte
	for device := driver.Simulate(sim.NewPatient(7)); count > 0; count-- {
		stream, _ = device.Next(stream)
	}
	listener, err := net.Listen("unix", ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Write(stream) // "check" hangs up at once
			if hangUp {
				conn.Close()
			}
		}
	}()
}

// until FILE TEXT waits until the file holds the text.
func until(ts *testscript.TestScript, _ bool, args []string) {
	waitUntil(ts, fmt.Sprintf("%s holds %q", args[0], args[1]), func() bool {
		data, _ := os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
		return bytes.Contains(data, []byte(args[1]))
	})
}

// jsonl FILE KEY=VALUE... waits until a line of the file, which may be written
// meanwhile, has all these members; with ! it demands at once that none has. After
// the file there may be a number, then exactly so many are to have them. Each line
// is to be a JSON object.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	least, pairs := 1, args[1:]
	exact, err := strconv.Atoi(pairs[0])
	if err == nil {
		least, pairs = exact, pairs[1:]
	}
	if neg {
		least = 0
	}
	found := 0
	waitUntil(ts, fmt.Sprintf("%s has %q", args[0], args[1:]), func() bool {
		found = linesWith(ts, args[0], pairs)
		return found >= least
	})
	if neg && found > 0 || err == nil && found > exact {
		ts.Fatalf("%d lines have %q\n%s", found, args[1:], tails(ts))
	}
}

// linesWith counts the lines of a file that have all these members.
func linesWith(ts *testscript.TestScript, file string, pairs []string) (found int) {
	for i, line := range wholeLines(ts, file) {
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			ts.Fatalf("%s:%d: %v: %q", file, i+1, err, line)
		}
		has := true
		for _, pair := range pairs {
			key, value, _ := strings.Cut(pair, "=")
			has = has && fmt.Sprint(object[key]) == value
		}
		if has {
			found++
		}
	}
	return found
}

// wholeLines returns the lines of a file that may be written meanwhile, without one
// that has no end yet.
func wholeLines(ts *testscript.TestScript, file string) [][]byte {
	data, _ := os.ReadFile(ts.MkAbs(file)) // it may not be there yet
	lines := bytes.Split(data, []byte("\n"))
	return lines[:len(lines)-1]
}

// unhex IN OUT turns hexadecimal digits into bytes; # begins a comment.
func unhex(ts *testscript.TestScript, _ bool, args []string) {
	var digits strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	raw, err := hex.DecodeString(digits.String())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), raw, 0o644))
}

// expand FILE replaces $NAME in it by variables of the script.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// edit FILE OLD NEW replaces text that must be there.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q:\n%s", args[0], args[1], text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}

// TestDecodeSharedPacket decodes a packet made by others.
func TestDecodeSharedPacket(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "data", "nonin", "df2_packet_00.bin")
	if _, err := os.Stat(file); err != nil {
		t.Skipf("shared data absent: %v", err)
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"decode", "-sensor", "nonin-df2", file}, nil, &stdout, &stderr); status != 0 || stderr.String() != "good 25, bad 0\n" {
		t.Errorf("status %d, %q", status, &stderr)
	}
	for _, want := range []string{`"refid":"MDC_PULS_OXIM_PULS_RATE","value":72,"unit":"/min","status":[]`,
		`"refid":"MDC_PULS_OXIM_SAT_O2","value":97,"unit":"%","status":[]`} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %s in\n%s", want, &stdout)
		}
	}
}

func TestExitStatus(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for _, c := range []struct {
		args string
		want int
	}{
		{"", 2},
		{"help", 0},
		{"-h", 0},
		{"help site", 0},
		{"help site init", 0},
		{"help nothing", 2},
		{"version", 0},
		{"--version", 0},
		{"version now", 2},
		{"config", 0},
		{"chekc", 2},
		{"site", 2},
		{"site -h", 0},
		{"site instal x", 2},
		{"site init", 2},
		{"site init " + nowhere + "/x", 1},
		{"site init -name ward-3 .", 2},
		{"site init " + nowhere + " -name Ward", 2},
		{"site init " + nowhere + " -device d", 2},
		{"site show " + nowhere, 1},
		{"site renew " + nowhere + " -days -1", 2},
		{"device add", 2},
		{"device revoke " + nowhere, 2},
		{"device provision " + nowhere + " gw-1 monitor-4", 2},
		{"device provision " + nowhere + " gw-1 monitor-4 -o " + nowhere, 1},
		{"run -config " + nowhere, 1},
		{"run x", 2},
		{"check -config " + nowhere, 1},
		{"check -timeout 0s", 2},
		{"status -config " + nowhere, 4},
		{"status -data " + nowhere, 3},
		{"status x", 2},
		{"status -timeout 0s", 2},
		{"service", 0},
		{"service x", 2},
		{"receive", 2},
		{"receive -identity " + nowhere, 2},
		{"receive -identity " + nowhere + " -broker mqtts://localhost", 1},
		{"receive -identity " + nowhere + " -broker mqtts://localhost -for -1s", 2},
		{"inspect", 1},
		{"inspect " + nowhere, 1},
		{"decode", 2},
		{"decode -sensor none", 2},
		{"decode -sensor lines", 0},
		{"decode -sensor link", 0},
		{"decode -sensor link -header", 2},
		{"decode -sensor lines -field hr", 2},
		{"decode -sensor lines -field hr=MDC_NO_SUCH", 2},
		{"decode -sensor nonin-df2 -header", 2},
		{"decode -sensor lines -x", 2},
		{"sim", 2},
		{"sim -list", 0},
		{"sim -list x", 2},
		{"sim x", 2},
		{"sim -for 1ms lines=tcp:127.0.0.1:0", 0},
	} {
		var stdout, stderr bytes.Buffer
		got := run(strings.Fields(c.args), strings.NewReader(""), &stdout, &stderr)
		if got != c.want {
			t.Errorf("vitalseal %s: status %d, want %d: %s", c.args, got, c.want, &stderr)
		}
		if failed := strings.Contains(stderr.String(), "vitalseal: error: "); failed != (c.want != 0 && c.args != "") {
			t.Errorf("vitalseal %s: status %d with this on standard error: %q", c.args, c.want, &stderr)
		}
	}
}

// TestHelp demands of every command what -h has to have.
func TestHelp(t *testing.T) {
	for _, c := range commands() {
		var stdout, stderr bytes.Buffer
		if status := run(append(strings.Fields(c.name), "-h"), nil, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
			t.Errorf("%s -h: status %d, %q", c.name, status, &stderr)
		}
		for _, part := range []string{"Usage:\n    vitalseal " + c.name, "\nExample:\n    $ vitalseal " + c.name} {
			if !strings.Contains(stdout.String(), part) {
				t.Errorf("%s -h has no %q:\n%s", c.name, part, &stdout)
			}
		}
		for line := range strings.Lines(stdout.String()) {
			if len(line) > 125 {
				t.Errorf("%s -h has a line of %d bytes: %q", c.name, len(line), line)
			}
		}
		if c.summary == "" {
			t.Errorf("%s has no summary", c.name)
		}
	}
}

// slowPipe gives one line at a time, and looks at what was printed before.
type slowPipe struct {
	t       *testing.T
	lines   []string
	printed *bytes.Buffer
	given   int
}

func (p *slowPipe) Read(b []byte) (int, error) {
	if got := strings.Count(p.printed.String(), "\n"); got != p.given {
		p.t.Errorf("after %d lines of input %d lines were printed", p.given, got)
	}
	if p.given == len(p.lines) {
		return 0, fmt.Errorf("cable pulled")
	}
	p.given++
	return copy(b, p.lines[p.given-1]), nil
}

func TestDecodePrintsAsTheLineSpeaks(t *testing.T) {
	var stdout, stderr bytes.Buffer
	in := &slowPipe{t: t, lines: []string{"hr=72\n", "hr=73\n", "spo2=97\n"}, printed: &stdout}
	if status := run([]string{"decode", "-sensor", "lines"}, in, &stdout, &stderr); status != 1 {
		t.Errorf("status %d after a read error", status)
	}
	if !strings.Contains(stderr.String(), "cable pulled") {
		t.Errorf("the read error is not reported: %q", &stderr)
	}
}

// tails shows the ends of the files that are being written.
func tails(ts *testscript.TestScript) string {
	var b strings.Builder
	files, _ := filepath.Glob(ts.MkAbs("*.jsonl")) // the pattern is well formed
	for _, file := range files {
		text := ts.ReadFile(file)
		fmt.Fprintf(&b, "%s:\n%s\n", filepath.Base(file), text[max(0, len(text)-4000):])
	}
	return b.String()
}
