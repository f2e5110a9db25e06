package sim

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Limits of a record, so that a header cannot ask for all memory there is.
const (
	maxSignals = 256
	maxFrames  = 1 << 26 // samples of one signal: 74 hours at 250 Hz
	maxLine    = 4096
)

// Record is a recording: some signals sampled at the same instants.
type Record struct {
	Name     string
	Hz       float64       // samples a second of each signal, above zero
	Rate     vital.Decimal // Hz with at most seven digits, rounded if it has more
	Frames   int           // samples of each signal
	Base     string        // time and date of the first sample as written, often made up
	Comments []string
	Signals  []Signal
}

// Signal is one signal of a record. The physical value of a sample s is
// (s − Zero) × Factor ÷ Divisor in Unit, as in a vital.Wave.
type Signal struct {
	Name    string // the description, such as MLII or PLETH
	Unit    string // as written, mV if the header says nothing
	Factor  vital.Decimal
	Divisor uint32
	Zero    int32   // the baseline
	Samples []int32 // exact; Missing where the recorder had no sample
	Missing int32   // the value that means no sample; valid if HasMissing
	// HasMissing tells whether the format has a value for "no sample".
	HasMissing bool

	file     string
	line     int
	format   int
	offset   int64 // bytes before the first sample in the file
	adcZero  int32
	initial  int32
	checksum int16
	checks   int // how many of initial, checksum the header gave
}

// Duration returns the length of the record.
func (r *Record) Duration() time.Duration {
	return time.Duration(float64(r.Frames) / r.Hz * second)
}

// Signal returns the first signal with one of the names, compared without
// regard to case, or nil.
func (r *Record) Signal(names ...string) *Signal {
	for _, name := range names {
		for i := range r.Signals {
			if strings.EqualFold(r.Signals[i].Name, name) {
				return &r.Signals[i]
			}
		}
	}
	return nil
}

// Value returns sample i in the signal's unit, NaN if there is none.
func (s *Signal) Value(i int) float64 {
	if i < 0 || i >= len(s.Samples) || s.HasMissing && s.Samples[i] == s.Missing {
		return math.NaN()
	}
	scale := float64(s.Factor.Mantissa) * math.Pow10(int(s.Factor.Exponent)) / float64(max(1, s.Divisor))
	return float64(int64(s.Samples[i])-int64(s.Zero)) * scale
}

// ReadHeader reads a WFDB header (header(5) of the WFDB Applications Guide).
// name is the file's name for errors, which read "sim: name:line: what". It
// refuses records of several segments, and signals with several samples in a
// frame, a skew or a format other than 16, 80 and 212.
func ReadHeader(r io.Reader, name string) (*Record, error) {
	h := header{name: name}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, maxLine), maxLine)
	for sc.Scan() {
		h.line++
		if err := h.read(strings.TrimSpace(sc.Text())); err != nil {
			return nil, err
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("sim: %s:%d: %w", name, h.line+1, err)
	}
	if h.rec == nil {
		return nil, fmt.Errorf("sim: %s: no record line", name)
	}
	if len(h.rec.Signals) != h.want {
		return nil, fmt.Errorf("sim: %s: %d signals announced, %d described", name, h.want, len(h.rec.Signals))
	}
	return h.rec, nil
}

type header struct {
	name string
	line int
	want int
	rec  *Record
	// comments before the record line
	early []string
}

func (h *header) errorf(format string, args ...any) error {
	return fmt.Errorf("sim: %s:%d: %s", h.name, h.line, fmt.Sprintf(format, args...))
}

func (h *header) read(text string) error {
	switch {
	case text == "":
		return nil
	case text[0] == '#':
		comment := strings.TrimSpace(text[1:])
		if h.rec == nil {
			h.early = append(h.early, comment)
		} else {
			h.rec.Comments = append(h.rec.Comments, comment)
		}
		return nil
	case h.rec == nil:
		return h.record(strings.Fields(text))
	case len(h.rec.Signals) == h.want:
		return h.errorf("a signal more than the %d announced", h.want)
	}
	return h.signal(strings.Fields(text))
}

// record reads: name[/segments] signals [rate[/counter[(base)]] [frames [time [date]]]]
func (h *header) record(f []string) error {
	name, segments, many := strings.Cut(f[0], "/")
	if many {
		return h.errorf("record %q has %q segments: records of several segments are not read", name, segments)
	}
	if len(f) < 2 {
		return h.errorf("no number of signals after %q", f[0])
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n < 0 || n > maxSignals {
		return h.errorf("number of signals %q is not within 0 to %d", f[1], maxSignals)
	}
	rec := &Record{Name: name, Hz: 250, Comments: h.early} // 250 is WFDB's default
	if len(f) > 2 {
		rate, _, _ := strings.Cut(f[2], "/") // the counter is not used
		rate, _, _ = strings.Cut(rate, "(")
		if rec.Hz, err = strconv.ParseFloat(rate, 64); err != nil || !(rec.Hz > 0) || rec.Hz > 1e6 {
			return h.errorf("sampling rate %q is not a number above 0", f[2])
		}
	}
	if rec.Rate = nearest(rec.Hz); rec.Rate.Mantissa <= 0 {
		return h.errorf("sampling rate %q is too small", f[2])
	}
	if len(f) > 3 {
		if rec.Frames, err = strconv.Atoi(f[3]); err != nil || rec.Frames < 0 || rec.Frames > maxFrames {
			return h.errorf("number of samples %q is not within 0 to %d", f[3], maxFrames)
		}
	}
	if len(f) > 4 {
		rec.Base = strings.Join(f[4:], " ")
	}
	h.rec, h.want = rec, n
	return nil
}

// nearest returns the decimal of at most seven digits that is nearest to x.
func nearest(x float64) vital.Decimal {
	for digits := 7; digits > 0; digits-- {
		d, err := vital.ParseDecimal(strconv.AppendFloat(nil, x, 'e', digits-1, 64))
		if err != nil {
			continue // seven digits above 8,388,605: six will do
		}
		for d.Mantissa != 0 && d.Mantissa%10 == 0 {
			d.Mantissa /= 10
			d.Exponent++
		}
		for d.Exponent > 0 && d.Mantissa <= vital.MaxMantissa/10 {
			d.Mantissa *= 10
			d.Exponent--
		}
		return d
	}
	return vital.Decimal{}
}

// signal reads: file format [gain[(baseline)][/unit] [resolution [zero [initial
// [checksum [blocksize [description]]]]]]]
func (h *header) signal(f []string) error {
	if len(f) < 2 {
		return h.errorf("no format after %q", f[0])
	}
	s := Signal{file: f[0], line: h.line, Unit: "mV", Factor: vital.Int(1), Divisor: 200}
	if err := h.format(&s, f[1]); err != nil {
		return err
	}
	if err := h.numbers(&s, f); err != nil {
		return err
	}
	s.Zero = s.adcZero
	if len(f) > 2 {
		if err := h.gain(&s, f[2]); err != nil {
			return err
		}
	}
	if len(f) > 8 {
		s.Name = strings.Join(f[8:], " ")
	}
	h.rec.Signals = append(h.rec.Signals, s)
	return nil
}

// format reads: number[xsamples][:skew][+offset]
func (h *header) format(s *Signal, text string) error {
	num, offset, hasOffset := strings.Cut(text, "+")
	num, skew, hasSkew := strings.Cut(num, ":")
	num, per, hasPer := strings.Cut(num, "x")
	switch {
	case hasPer && per != "1":
		return h.errorf("format %q: several samples in a frame are not read", text)
	case hasSkew && skew != "0":
		return h.errorf("format %q: a skew is not read", text)
	}
	var ok bool
	if s.format, s.Missing, ok = formatOf(num); !ok {
		return h.errorf("format %q is not one of 16, 80, 212", text)
	}
	s.HasMissing = true
	if hasOffset {
		n, err := strconv.ParseInt(offset, 10, 32)
		if err != nil || n < 0 {
			return h.errorf("format %q: the offset is not a number of bytes", text)
		}
		s.offset = n
	}
	return nil
}

func formatOf(num string) (format int, missing int32, ok bool) {
	switch num {
	case "16":
		return 16, math.MinInt16, true
	case "80":
		return 80, -128, true
	case "212":
		return 212, -2048, true
	}
	return 0, 0, false
}

func (h *header) numbers(s *Signal, f []string) error {
	for _, c := range []struct {
		at   int
		what string
		bits int
		set  func(int64)
	}{
		{3, "resolution", 16, func(int64) {}},
		{4, "zero", 32, func(n int64) { s.adcZero, s.initial = int32(n), int32(n) }},
		{5, "first value", 32, func(n int64) { s.initial, s.checks = int32(n), 1 }},
		{6, "checksum", 32, func(n int64) { s.checksum, s.checks = int16(n), 2 }},
		{7, "block size", 32, func(int64) {}},
	} {
		if c.at >= len(f) {
			return nil
		}
		n, err := strconv.ParseInt(f[c.at], 10, c.bits)
		if err != nil {
			return h.errorf("%s %q is not a whole number of %d bits", c.what, f[c.at], c.bits)
		}
		c.set(n)
	}
	return nil
}

// gain reads: number[(baseline)][/unit]. A gain of 0 means uncalibrated, 200.
func (h *header) gain(s *Signal, text string) error {
	num, unit, hasUnit := strings.Cut(text, "/")
	if hasUnit {
		s.Unit = unit
	}
	num, rest, hasBase := strings.Cut(num, "(")
	if hasBase {
		base, err := strconv.ParseInt(strings.TrimSuffix(rest, ")"), 10, 32)
		if err != nil || !strings.HasSuffix(rest, ")") {
			return h.errorf("gain %q: the baseline is not a whole number", text)
		}
		s.Zero = int32(base)
	}
	g, err := vital.ParseDecimal([]byte(num))
	if err != nil || g.Mantissa < 0 || g.Exponent == math.MinInt8 {
		return h.errorf("gain %q is not a number above 0 of at most seven digits", text)
	}
	if g.Mantissa == 0 {
		return nil
	}
	// One unit is m × 10^e steps, so one step is 10^-e ÷ m units.
	s.Factor, s.Divisor = vital.Dec(1, -g.Exponent), uint32(g.Mantissa)
	return nil
}
