package sim_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// shared returns the path of a recording that is not part of the project.
func shared(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(path))
	if _, err := os.Stat(full); err != nil {
		t.Skip("shared data absent: " + path)
	}
	return full
}

func open(t testing.TB, path string) *sim.Record {
	t.Helper()
	rec, err := sim.OpenRecord(shared(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// Header, first values and checksums are verified by the reader itself.
func TestPhysioNetRecords(t *testing.T) {
	for _, c := range []struct {
		path    string
		rate    vital.Decimal
		frames  int
		names   string
		units   string
		factor  vital.Decimal
		divisor uint32
		zero    int32
	}{
		{"physionet/100.hea", vital.Int(360), 650000, "MLII V5", "mV mV", vital.Int(1), 200, 1024},
		{"physionet/v102s.hea", vital.Int(250), 75000, "II V PLETH RESP", "mV mV NU NU", vital.Int(1), 2281, 0},
		{"physionet/mimic2-numerics/s00001-2896-10-10-00-31n.hea", vital.Dec(1666667, -8), 1936,
			"HR ABPSys ABPDias ABPMean PULSE RESP SpO2 NBPSys NBPDias NBPMean",
			"bpm mmHg mmHg mmHg bpm pm % mmHg mmHg mmHg", vital.Dec(1, 0), 10, 0},
		{"physionet/mimic2-numerics/s25047-2704-05-04-10-44n.hea", vital.Dec(1666667, -8), 72,
			"HR PULSE RESP SpO2 NBPSys NBPDias NBPMean", "bpm bpm pm % mmHg mmHg mmHg", vital.Int(1), 10, 0},
	} {
		t.Run(filepath.Base(c.path), func(t *testing.T) {
			rec := open(t, c.path)
			var names, units []string
			for _, s := range rec.Signals {
				names, units = append(names, s.Name), append(units, s.Unit)
				if len(s.Samples) != c.frames {
					t.Errorf("%s has %d samples", s.Name, len(s.Samples))
				}
			}
			s := rec.Signals[0]
			if rec.Rate != c.rate || rec.Frames != c.frames || strings.Join(names, " ") != c.names ||
				strings.Join(units, " ") != c.units || s.Factor != c.factor || s.Divisor != c.divisor || s.Zero != c.zero {
				t.Errorf("got %v %d %v %v %v/%d-%d", rec.Rate, rec.Frames, names, units, s.Factor, s.Divisor, s.Zero)
			}
		})
	}
}

// The numerics of the record are those of the CSV made from it by other means.
func TestNumericsAgreeWithTheRecord(t *testing.T) {
	rec := open(t, "physionet/mimic2-numerics/s25047-2704-05-04-10-44n.hea")
	f, err := os.Open(shared(t, "physionet/s25047-2704-05-04-10-44n_numerics_1permin.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := sim.ReadNumericsCSV(f, "numerics.csv")
	if err != nil {
		t.Fatal(err)
	}
	for i := range rec.Frames {
		for _, s := range rec.Signals {
			want, got := s.Value(i), n.Value(time.Duration(i)*time.Minute, s.Name)
			if want == 0 {
				want = math.NaN()
			}
			if math.IsNaN(want) != math.IsNaN(got) || math.Abs(want-got) > 1e-9 {
				t.Fatalf("minute %d: %s is %v in the record, %v in the table", i, s.Name, want, got)
			}
		}
	}
}

func TestAnnotationsOfRecord100(t *testing.T) {
	all, err := sim.OpenAnnotations(shared(t, "physionet/100.atr"))
	if err != nil {
		t.Fatal(err)
	}
	beats := 0
	for _, a := range all {
		if a.Beat() {
			beats++
		}
	}
	// MIT-BIH directory: 2273 beats (2239 normal, 33 atrial, 1 ventricular).
	if len(all) != 2274 || beats != 2273 || all[0].Text != "(N\x00" {
		t.Errorf("%d annotations, %d beats, first %+v", len(all), beats, all[0])
	}
}

func TestBIDMCTable(t *testing.T) {
	f, err := os.Open(shared(t, "bidmc/bidmc_01_Signals.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := sim.ReadSignalsCSV(f, "bidmc_01_Signals.csv")
	if err != nil {
		t.Fatal(err)
	}
	p := rec.Signal("pleth")
	if rec.Rate != vital.Int(125) || rec.Frames != 60001 || len(rec.Signals) != 5 || p == nil {
		t.Fatalf("rate %v, %d frames, %d signals", rec.Rate, rec.Frames, len(rec.Signals))
	}
	if p.Samples[1] != 43206 || p.Factor != vital.Dec(1, -5) || math.Abs(p.Value(1)-0.43206) > 1e-12 {
		t.Errorf("second sample is %d × %v", p.Samples[1], p.Factor)
	}
}

const tinyHeader = "# made up\ntiny 2 100 3 12:00:00 01/02/2003\ntiny.dat 212 2281(-5)/mV 12 0 1 0 0 II\n\ntiny.dat 212 0.5/NU 12 7 -2 -7 0 PLETH wave\n# end\n"

// 1 -2, -2 -4, 1 -1
var tinyData = []byte{0x01, 0xf0, 0xfe, 0xfe, 0xff, 0xfc, 0x01, 0xf0, 0xff}

func tiny() fstest.MapFS {
	return fstest.MapFS{"tiny.hea": {Data: []byte(tinyHeader)}, "tiny.dat": {Data: tinyData}}
}

func TestTinyRecord(t *testing.T) {
	rec, err := sim.ReadRecord(tiny(), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	a, b := rec.Signals[0], rec.Signals[1]
	if fmt.Sprint(a.Samples, b.Samples) != "[1 -2 1] [-2 -4 -1]" || a.Zero != -5 || a.Divisor != 2281 ||
		b.Zero != 7 || b.Factor != vital.Dec(1, 1) || b.Divisor != 5 || b.Unit != "NU" || b.Name != "PLETH wave" {
		t.Errorf("%+v", rec)
	}
	if got := b.Value(0); got != -18 {
		t.Errorf("(-2 - 7) ÷ 0.5 is %v", got)
	}
	if len(rec.Comments) != 2 || rec.Base != "12:00:00 01/02/2003" || rec.Duration() != 30*time.Millisecond {
		t.Errorf("%q %q %v", rec.Comments, rec.Base, rec.Duration())
	}
}

func TestFormats16And80(t *testing.T) {
	fsys := fstest.MapFS{
		"a.hea": {Data: []byte("a 2 1 2\na.dat 16+2 100/mV 16 0 -32768 -32767 0 x\nb.dat 80 1/NU 8 0 -128 -1 0 y\n")},
		"a.dat": {Data: []byte{9, 9, 0x00, 0x80, 0x01, 0x00}},
		"b.dat": {Data: []byte{0, 255}},
	}
	rec, err := sim.ReadRecord(fsys, "a.hea")
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(rec.Signals[0].Samples, rec.Signals[1].Samples) != "[-32768 1] [-128 127]" {
		t.Errorf("%v %v", rec.Signals[0].Samples, rec.Signals[1].Samples)
	}
	if !math.IsNaN(rec.Signals[0].Value(0)) || rec.Signals[0].Value(1) != 0.01 {
		t.Error("the lowest value of format 16 means no sample")
	}
}

func TestRecordErrorsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"segments", "tiny 2 ", "tiny/3 2 ", `sim: tiny.hea:2: record "tiny" has "3" segments`},
		{"signals", "tiny 2 ", "tiny x ", `sim: tiny.hea:2: number of signals "x"`},
		{"too few", "tiny 2 ", "tiny 3 ", "sim: tiny.hea: 3 signals announced, 2 described"},
		{"too many", "tiny 2 ", "tiny 1 ", "sim: tiny.hea:5: a signal more"},
		{"rate", "2 100 3", "2 -1 3", `sim: tiny.hea:2: sampling rate "-1"`},
		{"samples", "2 100 3", "2 100 3e9", `sim: tiny.hea:2: number of samples "3e9"`},
		{"format", "212 2281", "310 2281", `sim: tiny.hea:3: format "310"`},
		{"frames", "212 2281", "212x4 2281", `sim: tiny.hea:3: format "212x4": several samples`},
		{"skew", "212 2281", "212:3 2281", `sim: tiny.hea:3: format "212:3": a skew`},
		{"gain", "0.5/NU", "high/NU", `sim: tiny.hea:5: gain "high/NU"`},
		{"baseline", "(-5)", "(-5", `sim: tiny.hea:3: gain "2281(-5/mV"`},
		{"checksum text", "-7 0 PLETH", "seven 0 PLETH", `sim: tiny.hea:5: checksum "seven"`},
		{"checksum", "-7 0 PLETH", "-8 0 PLETH", `sim: tiny.dat: signal 1 ("PLETH wave") has checksum -7, the header says -8`},
		{"first value", "0 1 0 0 II", "0 2 0 0 II", `sim: tiny.dat: signal 0 ("II") begins with 1, the header says 2`},
		{"length", "100 3 ", "100 4 ", "sim: tiny.dat: 3 samples a signal, tiny.hea says 4"},
		{"no file", "tiny.dat", "gone.dat", "sim: tiny.hea:3: open gone.dat"},
		{"path", "tiny.dat", "../tiny.dat", `sim: tiny.hea:3: signal file "../tiny.dat" is not a plain`},
		{"empty", tinyHeader, "# nothing\n", "sim: tiny.hea: no record line"},
		{"long line", "# end", "# " + strings.Repeat("x", 5000), "sim: tiny.hea:6: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := tiny()
			fsys["tiny.hea"].Data = []byte(strings.ReplaceAll(tinyHeader, c.from, c.to))
			_, err := sim.ReadRecord(fsys, "tiny")
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s...", err, c.want)
			}
		})
	}
}

// Every single flipped bit of the signal file is refused.
func TestChecksumCatchesEveryFlippedBit(t *testing.T) {
	for bit := range len(tinyData) * 8 {
		fsys, data := tiny(), append([]byte(nil), tinyData...)
		data[bit/8] ^= 1 << (bit % 8)
		fsys["tiny.dat"].Data = data
		if _, err := sim.ReadRecord(fsys, "tiny"); err == nil {
			t.Errorf("bit %d flipped and not noticed", bit)
		}
	}
}

// So it is in the other formats, and where signals do not share a file.
func TestChecksumsOfTheOtherFormats(t *testing.T) {
	for _, c := range []struct {
		name, header string
		data         []byte
		want         string
	}{
		{"16", "r 2 250 3\nr.dat 16 200 16 0 1 4 0 a\nr.dat 16 200 16 0 -2 32763 0 b\n",
			[]byte{1, 0, 0xfe, 0xff, 2, 0, 0xfe, 0x7f, 1, 0, 0xff, 0xff}, "[1 2 1] [-2 32766 -1]"},
		{"80", "r 1 250 4\nr.dat 80 200 8 0 -127 -1 0 a\n", []byte{1, 0x80, 0xff, 0x7f}, "[-127 0 127 -1]"},
		{"212, an odd number", "r 1 250 3\nr.dat 212 200 12 0 -2047 -2047 0 a\n", []byte{0x01, 0x78, 0xff, 0x01, 0x08}, "[-2047 2047 -2047]"},
		{"8-bit beside 16-bit", "r 2 250 2\nr.dat 80 200 8 0 1 3 0 a\ns.dat 16 200 16 0 -1 -3 0 b\n", []byte{129, 130}, "[1 2] [-1 -2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := func(data []byte) (*sim.Record, error) {
				return sim.ReadRecord(fstest.MapFS{"r.hea": {Data: []byte(c.header)}, "r.dat": {Data: data},
					"s.dat": {Data: []byte{0xff, 0xff, 0xfe, 0xff}}}, "r")
			}
			rec, err := read(c.data)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range rec.Signals {
				got = append(got, fmt.Sprint(s.Samples))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("samples %v, want %s", got, c.want)
			}
			for bit := range len(c.data) * 8 {
				data := append([]byte(nil), c.data...)
				data[bit/8] ^= 1 << (bit % 8)
				if _, err := read(data); err == nil && !unused(c.name, bit) {
					t.Errorf("bit %d flipped and not noticed", bit)
				}
			}
			if _, err := read(c.data[:len(c.data)-1]); err == nil {
				t.Error("a file cut short is not noticed")
			}
		})
	}
}

// unused are the four bits behind an odd number of 12-bit samples.
func unused(name string, bit int) bool { return strings.HasPrefix(name, "212") && bit >= 4*8+4 }

func FuzzReadRecord(f *testing.F) {
	f.Add([]byte(tinyHeader), tinyData)
	f.Add([]byte("a 1 1/2(3) 0\ntiny.dat 16 1e3(2)/NU"), []byte{1, 2, 3})
	f.Add([]byte("a 1\ntiny.dat 80+1"), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, header, data []byte) {
		fsys := fstest.MapFS{"a.hea": {Data: header}, "tiny.dat": {Data: data}}
		rec, err := sim.ReadRecord(fsys, "a")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "sim: ") {
				t.Errorf("error %q", err)
			}
			return
		}
		if !(rec.Hz > 0) || rec.Rate.Mantissa <= 0 || !rec.Rate.IsNumber() {
			t.Errorf("rate %v, %v", rec.Hz, rec.Rate)
		}
		for _, s := range rec.Signals {
			if len(s.Samples) != rec.Frames || s.Divisor == 0 || !s.Factor.IsNumber() {
				t.Errorf("signal %+v", s)
			}
		}
	})
}

func FuzzAnnotations(f *testing.F) {
	f.Add([]byte{0x12, 0x70, 0x03, 0xfc, '(', 'N', 0, 0, 0x3b, 0x04, 0, 0})
	f.Add([]byte{0x00, 0xec, 0, 0, 1, 0, 1, 4, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := sim.ParseAnnotations(data, "x.atr")
		if err == nil && len(all) > len(data)/2 {
			t.Errorf("%d annotations in %d bytes", len(all), len(data))
		}
	})
}

func FuzzReadSignalsCSV(f *testing.F) {
	f.Add("Time [s], RESP, PLETH\n0,0.35386,0.43597\n0.008,0.35679,0.43206\n")
	f.Add("t,a\n0,1e5\n1,1e-128\n")
	f.Fuzz(func(t *testing.T, text string) {
		if rec, err := sim.ReadSignalsCSV(strings.NewReader(text), "x.csv"); err == nil {
			for _, s := range rec.Signals {
				if len(s.Samples) != rec.Frames {
					t.Errorf("%d samples of %d", len(s.Samples), rec.Frames)
				}
			}
		}
		_, _ = sim.ReadNumericsCSV(strings.NewReader(text), "x.csv")
	})
}
