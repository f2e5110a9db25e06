package link_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

// vector is a file of testdata: lines of a key and values, and comments.
type vector struct {
	dir, name string
	lines     []string
}

func (v *vector) path() string { return filepath.Join("testdata", v.dir, v.name+".txt") }

// add appends a line.
func (v *vector) add(key string, values ...any) {
	line := key
	for _, value := range values {
		switch x := value.(type) {
		case []byte:
			line += " " + hexOf(x)
		case string:
			line += " " + x
		case uint32:
			line += " " + strconv.FormatUint(uint64(x), 10)
		case uint64:
			line += " " + strconv.FormatUint(x, 10)
		case int:
			line += " " + strconv.Itoa(x)
		}
	}
	v.lines = append(v.lines, line)
}

// hexOf writes bytes in hexadecimal, and none as "-".
func hexOf(p []byte) string {
	if len(p) == 0 {
		return "-"
	}
	return hex.EncodeToString(p)
}

// begin writes the header.
func (v *vector) begin(expect, musts string) {
	v.lines = []string{"# " + expect, "MUST " + musts, ""}
}

func (v *vector) text() []byte { return []byte(strings.Join(v.lines, "\n") + "\n") }

// step is a line of a vector that was read.
type step struct {
	line   int
	key    string
	values []string
}

// steps reads the vector's file, without comments.
func (v *vector) steps(t testing.TB) []step {
	t.Helper()
	data, err := os.ReadFile(v.path())
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	for i, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(line, "#") {
			steps = append(steps, step{i + 1, f[0], f[1:]})
		}
	}
	return steps
}

func (s step) hex(t testing.TB, i int) []byte {
	t.Helper()
	if s.values[i] == "-" {
		return nil
	}
	p, err := hex.DecodeString(s.values[i])
	if err != nil {
		t.Fatalf("line %d: %v", s.line, err)
	}
	return p
}

func (s step) number(t testing.TB, i int) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s.values[i], 10, 64)
	if err != nil {
		t.Fatalf("line %d: %v", s.line, err)
	}
	return n
}

// allVectors returns what testdata must hold.
func allVectors() []*vector {
	var all []*vector
	all = append(all, frameVectors()...)
	all = append(all, messageVectors()...)
	all = append(all, sensorVectors()...)
	return append(all, gatewayVectors()...)
}

func TestVectorsAreCurrent(t *testing.T) {
	known := map[string]bool{}
	for _, v := range allVectors() {
		if known[v.path()] {
			t.Errorf("%s: made twice", v.path())
		}
		known[v.path()] = true
		if *update {
			if err := os.MkdirAll(filepath.Dir(v.path()), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(v.path(), v.text(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(v.path())
		if err != nil || !bytes.Equal(have, v.text()) {
			t.Errorf("%s: is not what the tests make: go test -run VectorsAreCurrent -update (%v)", v.path(), err)
		}
	}
	files, _ := filepath.Glob("testdata/*/*.txt")
	for _, f := range files {
		if !known[f] {
			t.Errorf("%s: no test makes it", f)
		}
	}
}
