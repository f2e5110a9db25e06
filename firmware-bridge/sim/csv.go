package sim

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// ReadSignalsCSV reads a table of samples as the BIDMC set has them: a header
// line, then a line for each instant, the time in seconds first. Samples become
// whole numbers of the smallest step in the column, exactly. name is the file's
// name for errors, which read "sim: name:line: what".
func ReadSignalsCSV(r io.Reader, name string) (*Record, error) {
	t, err := readTable(r, name)
	if err != nil {
		return nil, err
	}
	if len(t.times) < 2 {
		return nil, fmt.Errorf("sim: %s: %d samples, at least 2 are needed", name, len(t.times))
	}
	n := len(t.times)
	step := t.times[1] - t.times[0]
	if !(step > 0) {
		return nil, fmt.Errorf("sim: %s:3: time does not go on", name)
	}
	rec := &Record{Name: name, Hz: math.Round(1e6/step) / 1e6, Frames: n}
	rec.Rate = nearest(rec.Hz)
	for i, at := range t.times {
		if math.Abs(at-t.times[0]-float64(i)/rec.Hz) > step {
			return nil, fmt.Errorf("sim: %s:%d: time %v is not on the grid of %v Hz", name, i+2, at, rec.Hz)
		}
	}
	for c, title := range t.titles {
		s, err := t.signal(c)
		if err != nil {
			return nil, err
		}
		s.Name, s.Unit = splitTitle(title)
		rec.Signals = append(rec.Signals, s)
	}
	return rec, nil
}

// Numerics is a table of numbers that change slowly, such as the minute values
// that PhysioNet's MIMIC II numerics records hold.
type Numerics struct {
	Titles []string // without the units
	Units  []string
	times  []float64 // seconds
	rows   [][]float64
}

// ReadNumericsCSV reads a table of numbers: a header line such as
// "t_s,HR[bpm],SpO2[%]", then rows, the time in seconds first. An empty cell, 0
// and -32768 mean no value.
func ReadNumericsCSV(r io.Reader, name string) (*Numerics, error) {
	t, err := readTable(r, name)
	if err != nil {
		return nil, err
	}
	n := &Numerics{times: t.times, rows: make([][]float64, len(t.times))}
	for _, title := range t.titles {
		bare, unit := splitTitle(title)
		n.Titles, n.Units = append(n.Titles, bare), append(n.Units, unit)
	}
	for i, cells := range t.rows {
		n.rows[i] = make([]float64, len(cells))
		for c, d := range cells {
			x := float64(d.Mantissa) * math.Pow10(int(d.Exponent))
			if !d.IsNumber() || x == 0 || x == -32768 {
				x = math.NaN()
			}
			n.rows[i][c] = x
		}
	}
	return n, nil
}

// Duration returns the time of the last row.
func (n *Numerics) Duration() time.Duration {
	if len(n.times) == 0 {
		return 0
	}
	return time.Duration(n.times[len(n.times)-1] * second)
}

// Value returns the number under one of the titles in the last row at or before
// the time, NaN if there is none.
func (n *Numerics) Value(at time.Duration, titles ...string) float64 {
	row := sort.SearchFloat64s(n.times, math.Nextafter(at.Seconds(), math.Inf(1))) - 1
	if row < 0 {
		return math.NaN()
	}
	for _, title := range titles {
		for c := range n.Titles {
			if strings.EqualFold(n.Titles[c], title) && !math.IsNaN(n.rows[row][c]) {
				return n.rows[row][c]
			}
		}
	}
	return math.NaN()
}

// table is a CSV file of decimals, the first column being seconds.
type table struct {
	name   string
	titles []string
	times  []float64
	rows   [][]vital.Decimal
}

func readTable(r io.Reader, name string) (*table, error) {
	t := &table{name: name}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, maxLine), maxLine)
	line := 0
	for sc.Scan() {
		line++
		cells := strings.Split(strings.TrimSpace(sc.Text()), ",")
		if line == 1 {
			t.titles = cells[1:]
			continue
		}
		if len(cells) != len(t.titles)+1 {
			return nil, fmt.Errorf("sim: %s:%d: %d columns, the header has %d", name, line, len(cells), len(t.titles)+1)
		}
		if len(t.times) == maxFrames {
			return nil, fmt.Errorf("sim: %s:%d: more than %d rows", name, line, maxFrames)
		}
		if err := t.row(cells); err != nil {
			return nil, fmt.Errorf("sim: %s:%d: %w", name, line, err)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("sim: %s:%d: %w", name, line+1, err)
	}
	if len(t.titles) == 0 || len(t.titles) > maxSignals {
		return nil, fmt.Errorf("sim: %s:1: %d columns after the time, not 1 to %d", name, len(t.titles), maxSignals)
	}
	return t, nil
}

func (t *table) row(cells []string) error {
	at, err := strconv.ParseFloat(strings.TrimSpace(cells[0]), 64)
	if err != nil || math.IsNaN(at) || math.Abs(at) > 1e9 {
		return fmt.Errorf("time %q is not a number of seconds", cells[0])
	}
	if len(t.times) > 0 && at < t.times[len(t.times)-1] {
		return fmt.Errorf("time %q goes back", cells[0])
	}
	row := make([]vital.Decimal, 0, len(t.titles))
	for _, cell := range cells[1:] {
		d, text := vital.NaN, strings.TrimSpace(cell)
		if text != "" {
			if d, err = vital.ParseDecimal([]byte(text)); err != nil {
				return fmt.Errorf("value %q: %w", text, err)
			}
		}
		row = append(row, d)
	}
	t.times, t.rows = append(t.times, at), append(t.rows, row)
	return nil
}

// signal turns column c into whole numbers of its smallest step.
func (t *table) signal(c int) (Signal, error) {
	exp := int8(0)
	for _, row := range t.rows {
		if row[c].IsNumber() {
			exp = min(exp, row[c].Exponent)
		}
	}
	s := Signal{Factor: vital.Dec(1, exp), Divisor: 1, Missing: math.MinInt32, HasMissing: true}
	for i, row := range t.rows {
		v, ok := int64(math.MinInt32), true
		if row[c].IsNumber() {
			v, ok = int64(row[c].Mantissa), true
			for e := row[c].Exponent; e > exp && ok; e-- {
				v *= 10
				ok = v < math.MaxInt32 && v > math.MinInt32
			}
		}
		if !ok {
			return s, fmt.Errorf("sim: %s:%d: a value that does not fit beside a step of 1e%d", t.name, i+2, exp)
		}
		s.Samples = append(s.Samples, int32(v))
	}
	return s, nil
}

// splitTitle parts "HR[bpm]" or "Time [s]" into name and unit.
func splitTitle(title string) (name, unit string) {
	name, rest, _ := strings.Cut(strings.TrimSpace(title), "[")
	unit, _, _ = strings.Cut(rest, "]")
	return strings.TrimSpace(name), unit
}
