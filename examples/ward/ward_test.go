package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// jsonLine is what the test reads of a receiver's line.
type jsonLine struct {
	Verdict string      `json:"verdict"`
	Name    string      `json:"device_name"`
	Code    vital.Code  `json:"code"`
	Value   json.Number `json:"value"`
	Test    bool        `json:"test"`
}

func TestWard(t *testing.T) {
	checkWard(t, []sim.Source{sim.NewPatient(7), sim.NewPatient(8), sim.NewPatient(9)}, "-seed", "7")
}

func TestWardReplaysARecord(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "physionet", "v102s")
	if _, err := os.Stat(path + ".hea"); err != nil {
		t.Skip("shared data absent: physionet/v102s.hea")
	}
	record, err := sim.OpenRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	patients := make([]sim.Source, 3)
	for i := range patients {
		if patients[i], err = sim.NewReplay(sim.ReplayConfig{Record: record, Fill: sim.NewPatient(uint64(1 + i))}); err != nil {
			t.Fatal(err)
		}
	}
	checkWard(t, patients, "-record", path)
}

// checkWard runs the whole demonstration for ten seconds, or as long as every
// attack takes, and holds what it says against the patients.
func checkWard(t *testing.T, patients []sim.Source, args ...string) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	before := runtime.NumGoroutine()
	files := openFiles(t)
	var stdout, stderr bytes.Buffer
	began := time.Now()
	code := run(t.Context(), append([]string{"-for", "10s", "-json"}, args...), &stdout, &stderr)
	took := time.Since(began)
	if code != exitOK {
		t.Errorf("exit code %d", code)
	}
	verdicts := checkLines(t, stdout.Bytes(), patients, took)
	for _, v := range []string{"bad signature", "wrong device", "malformed", "replay", "rollback", "gap", "silent"} {
		if verdicts[v] == 0 {
			t.Errorf("no line with the verdict %q", v)
		}
	}
	checkText(t, stderr.String())
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind in the temporary directory: %v, %v", left, err)
	}
	until(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	until(t, "files to be closed", func() bool { return openFiles(t) <= files })
	if t.Failed() {
		t.Logf("standard error:\n%s", stderr.String())
	}
}

// checkLines parses the JSON lines and counts their verdicts. Every rate and
// saturation must be one that its patient had in the time that the ward took.
func checkLines(t *testing.T, lines []byte, patients []sim.Source, took time.Duration) map[string]int {
	t.Helper()
	verdicts, true := map[string]int{}, map[string]int{}
	for _, text := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
		var line jsonLine
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		verdicts[line.Verdict]++
		if line.Value == "" {
			continue
		}
		if line.Verdict != "valid" || !line.Test {
			t.Errorf("a value that is not a valid one of a simulator: %s", text)
		}
		bed, err := strconv.Atoi(strings.TrimPrefix(line.Name, "bed-"))
		if err != nil || bed < 1 || bed > len(patients) {
			t.Fatalf("line %q is of no bed", text)
		}
		value, err := line.Value.Float64()
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := extremes(patients[bed-1], line.Code, took)
		if value < lo-rounding || value > hi+rounding {
			t.Errorf("%s: the patient's was from %g to %g", text, lo, hi)
		}
		if line.Code == vital.HeartRate || line.Code == vital.PulseRate {
			true[line.Name]++
		}
	}
	for i := range patients {
		if name := fmt.Sprintf("bed-%d", i+1); true[name] < 3 {
			t.Errorf("%d heart rates of %s came through", true[name], name)
		}
	}
	return verdicts
}

// extremes returns between what the metric was in that time, and the second after,
// for which a device has its numbers ready; all numbers for a metric that is not
// looked at.
func extremes(patient sim.Source, code vital.Code, took time.Duration) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for at := time.Duration(0); at < took+time.Second; at += 100 * time.Millisecond {
		v := patient.Vitals(at)
		x, ok := map[vital.Code]float64{vital.HeartRate: v.HeartRate, vital.PulseRate: v.PulseRate, vital.SpO2: v.SpO2}[code]
		if !ok {
			return math.Inf(-1), math.Inf(1)
		}
		lo, hi = math.Min(lo, x), math.Max(hi, x)
	}
	return lo, hi
}

// checkText looks for every attack and its names, and for the plain ward's zeros.
func checkText(t *testing.T, text string) {
	t.Helper()
	for _, k := range attacks() {
		var names []string
		for _, v := range k.want {
			names = append(names, v.String())
		}
		line := regexp.MustCompile(`(?m)^  ` + k.name + ` +made (\d+), named (\d+): ` + strings.Join(names, ", ") + `$`)
		if m := line.FindStringSubmatch(text); m == nil || m[1] == "0" {
			t.Errorf("the summary does not say that %q was made and named %q", k.name, names)
		}
	}
	fooled := regexp.MustCompile(`(?m)^plain ward: .*, (\d+) a heart rate of 0$`).FindStringSubmatch(text)
	if fooled == nil || fooled[1] == "0" {
		t.Error("the plain ward was not fooled")
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Errorf("waited in vain for %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}

// TestInterrupted ends a ward as Ctrl-C does, once its sensors are read and before the
// attacker has done anything.
func TestInterrupted(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for again := true; again; {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := &onText{text: "sealed  8", then: cancel} // a rate of seed 1's
		code := run(ctx, nil, out, os.Stderr)
		if again = strings.Contains(out.String(), " named 1: "); again {
			t.Log("for the seconds of calm nothing could be written to the screen: once more")
			continue
		}
		if code != exitFailed {
			t.Errorf("exit code %d: no attack was made, so nothing was shown", code)
		}
		if !strings.Contains(out.String(), "no attack was made") {
			t.Errorf("no summary in %q", out)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind in the temporary directory: %v, %v", left, err)
	}
}

// TestReaderGone is `ward -json | head -1`: the ward ends by itself.
func TestReaderGone(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	reader, stdout := io.Pipe()
	reader.Close()
	if code := run(t.Context(), []string{"-json"}, stdout, io.Discard); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind in the temporary directory: %v, %v", left, err)
	}
}

// onText is a Writer that calls then when it has got text.
type onText struct {
	bytes.Buffer
	text string
	then func()
}

func (o *onText) Write(p []byte) (int, error) {
	n, err := o.Buffer.Write(p)
	if strings.Contains(o.String(), o.text) {
		o.then()
	}
	return n, err
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"-help", exitOK, "end after this time"},
		{"-for -1s", exitUsage, `-for -1s is negative`},
		{"twenty", exitUsage, `unexpected argument "twenty"`},
		{"-speed 2", exitUsage, "flag provided but not defined: -speed"},
		{"-record /nowhere/100", exitFailed, "100.hea"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.args), &stdout, &stderr); code != c.code {
			t.Errorf("%s: exit code %d, want %d", c.args, code, c.code)
		}
		if !strings.Contains(stderr.String(), c.want) || stdout.Len() > 0 {
			t.Errorf("%s: standard error %q, standard output %q", c.args, stderr.String(), stdout.String())
		}
	}
}
