package sim_test

import (
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

func TestTableErrorsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "sim: x.csv:1: 0 columns after the time"},
		{"t,a\n0,1\n", "sim: x.csv: 1 samples, at least 2"},
		{"t,a\n0,1\n0,1\n", "sim: x.csv:3: time does not go on"},
		{"t,a\n0,1\n1,1,1\n", "sim: x.csv:3: 3 columns, the header has 2"},
		{"t,a\n0,1\nx,1\n", `sim: x.csv:3: time "x" is not`},
		{"t,a\n1,1\n0,1\n", `sim: x.csv:3: time "0" goes back`},
		{"t,a\n0,1\n1,1\n2,1\n9,1\n", "sim: x.csv:5: time 9 is not on the grid of 1 Hz"},
		{"t,a\n0,1\n1,one\n", `sim: x.csv:3: value "one"`},
		{"t,a\n0,1e-9\n1,8000000\n", "sim: x.csv:3: a value that does not fit beside a step of 1e-9"},
		{"t,a\n0," + strings.Repeat("1", 5000), "sim: x.csv:2: "},
	} {
		if _, err := sim.ReadSignalsCSV(strings.NewReader(c.text), "x.csv"); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.20q: got %v, want %s", c.text, err, c.want)
		}
	}
}

func TestAnnotationErrors(t *testing.T) {
	for name, data := range map[string][]byte{
		"no end mark":       {1, 4},
		"inside a skip":     {0, 0xec, 0, 0},
		"inside a text":     {1, 4, 9, 0xfc, 'x'},
		"before the record": {0, 0xec, 0xff, 0xff, 0, 0, 1, 4, 0, 0},
	} {
		if _, err := sim.ParseAnnotations(data, "x.atr"); err == nil || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), "sim: x.atr: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	all, err := sim.ParseAnnotations([]byte{0, 0xec, 1, 0, 2, 0, 5, 4, 0, 0}, "x.atr")
	if err != nil || len(all) != 1 || all[0].Sample != 1<<16+2+5 {
		t.Errorf("a skip of 65538 and 5 more: %+v, %v", all, err)
	}
}
