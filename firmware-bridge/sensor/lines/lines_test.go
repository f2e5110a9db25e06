package lines_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func decoder(t testing.TB, c lines.Config) *lines.Decoder {
	t.Helper()
	d, err := lines.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decodeAll(d *lines.Decoder, chunks ...string) *vital.Batch {
	b := new(vital.Batch)
	for _, c := range chunks {
		d.Decode(b, []byte(c))
	}
	d.Flush(b)
	return b
}

// show writes numerics as "code value unit status...", for short tables.
func show(b *vital.Batch) string {
	var out []string
	for _, n := range b.Numerics {
		line := fmt.Sprintf("%d %s %s", n.Code, n.Value.AppendText(nil), n.Unit.UCUM())
		out = append(out, strings.TrimSpace(line+" "+strings.Join(n.Status.Names(), " ")))
	}
	return strings.Join(out, "; ")
}

var (
	mapped  = lines.Config{Fields: []lines.Field{{Name: "Puls", Code: "149530"}, {Name: "O2", Code: "MDC_PULS_OXIM_SAT_O2", Exponent: -1}}}
	columns = lines.Config{Fields: []lines.Field{{Column: 3, Code: "150344"}, {Column: 1, Code: "147842"}}}
	nonin   = lines.Config{Fields: lines.OlderNonin()}
	titled  = lines.Config{Header: true, Fields: []lines.Field{{Name: "Pulse rate", Code: "149530"}, {Name: "etCO2", Code: "151708", Unit: "kPa"}}}
)

// What a device sends, and what comes of it.
func TestTranscripts(t *testing.T) {
	joined := mapped
	joined.SkipFirst = true
	sensortest.Replay(t, decoder(t, joined), "testdata/pairs.txt")
	sensortest.Replay(t, decoder(t, columns), "testdata/columns.txt")
}

func TestLines(t *testing.T) {
	const off = "not-available"
	for _, c := range []struct {
		name      string
		cfg       lines.Config
		text      string
		want      string
		good, bad uint64
		unknown   uint64
	}{
		{"well-known names", lines.Config{}, "hr=72 PR=71 SpO2=97% rr=14 temp=36.60 sys=120 dia=80 map=93 pi=3.40 foo=1\n",
			"147842 72 /min; 149514 71 /min; 150456 97 %; 151562 14 /min; 150344 36.60 Cel; 150021 120 mm[Hg]; 150022 80 mm[Hg]; 150023 93 mm[Hg]; 150448 3.40 %", 1, 0, 1},
		{"separators", lines.Config{}, "hr=72,spo2 = 97;temp: 36.6\tpulse = \n", "147842 72 /min; 150456 97 %; 150344 36.6 Cel; 149514 NaN /min " + off, 1, 0, 0},
		{"colon and blanks", lines.Config{}, "HR: 72, SpO2: 97 %, TEMP: 36.6\n", "147842 72 /min; 150456 97 %; 150344 36.6 Cel", 1, 0, 1},
		{"units behind", lines.Config{}, "hr=72/min temp=36.6Cel sys=120mm[Hg]\n", "147842 72 /min; 150344 36.6 Cel; 150021 120 mm[Hg]", 1, 0, 0},
		{"words", lines.Config{}, "$VITALS,hr=72 bpm,spo2=97\n", "147842 72 /min; 150456 97 %", 1, 0, 2},
		{"time and hr", lines.Config{}, "time=12:30:05 hr=72\n", "147842 72 /min", 1, 0, 1},
		{"missing", lines.Config{}, "hr=-- spo2=---% rr=nan temp=NA sys= dia=80\n",
			"147842 NaN /min " + off + "; 150456 NaN % " + off + "; 151562 NaN /min " + off + "; 150344 NaN Cel " + off + "; 150021 NaN mm[Hg] " + off + "; 150022 80 mm[Hg]", 1, 0, 0},
		{"own missing token", lines.Config{Missing: []string{"0", "255"}}, "hr=0 spo2=255\nhr=--\n", "147842 NaN /min " + off + "; 150456 NaN % " + off, 1, 1, 0},
		{"out of range", lines.Config{}, "spo2=101 pi=-1 hr=72\n", "150456 NaN % invalid " + off + "; 150448 NaN % invalid " + off + "; 147842 72 /min", 1, 0, 0},
		{"comments", lines.Config{}, "# hr=1\n\n  \nhr=72\n", "147842 72 /min", 1, 0, 0},
		{"own comment", lines.Config{Comment: "//"}, "// hr=1\nhr=72\n", "147842 72 /min", 1, 0, 0},
		{"not a number", lines.Config{}, "hr=7x2\nhr=72 spo2=9O\nhr=1e\nhr==72\n", "", 0, 4, 0},
		{"a number apart", lines.Config{}, "hr=7 2\n", "", 0, 1, 0},
		{"too many digits", lines.Config{}, "temp=36.6000001\n", "", 0, 1, 0},
		{"twice", lines.Config{}, "hr=72 hr=73\nhr=72 heart_rate=72\n", "", 0, 2, 0},
		{"no end", lines.Config{}, "hr=72", "147842 72 /min", 1, 0, 0},
		{"only unknown", lines.Config{}, "foo=1 bar=2\n", "", 1, 0, 2},
		{"joined in the middle", lines.Config{SkipFirst: true}, "emp=36.6 hr=7\nhr=72\n", "147842 72 /min", 1, 0, 0},
		{"bad bytes", lines.Config{}, "hr=7\x002\nhr=72\n", "147842 72 /min", 1, 1, 0},

		{"older Nonin", nonin, "SPO2=098 HR=072\r\nSPO2=--- HR=---\r\n", "150456 98 %; 149530 72 /min; 150456 NaN % " + off + "; 149530 NaN /min " + off, 2, 0, 0},
		{"mapping with a scale", mapped, "puls=72 o2=975 hr=1\n", "149530 72 /min; 150456 97.5 %", 1, 0, 1},

		{"header found", lines.Config{}, "time,HR,SpO2\n0,72,97\n1,73,\n", "147842 72 /min; 150456 97 %; 147842 73 /min; 150456 NaN % " + off, 3, 0, 2},
		{"header with units", lines.Config{}, "t;HR [bpm];\"RESP[pm]\";temp(F)\n0;72;14;99\n", "147842 72 /min; 151562 14 /min", 2, 0, 2},
		{"waves are no rates", lines.Config{}, "Time [s], RESP, PLETH, SpO2\n0,0.35386,0.43597,98\n", "150456 98 %", 2, 0, 3},
		{"no header", lines.Config{}, "1,72,97\n2,73,98\n", "", 0, 2, 0},
		{"own names", titled, "Pulse rate,ETCO2,x\n72,4.9,1\n", "149530 72 /min; 151708 4.9 kPa", 2, 0, 1},
		{"header again", lines.Config{}, "hr,spo2\n72,97\nspo2,hr\n96,71\n", "147842 72 /min; 150456 97 %; 150456 96 %; 147842 71 /min", 4, 0, 0},
		{"header without a field", titled, "a,b\n1,2\n", "", 0, 2, 0},
		{"a column less", titled, "pulse rate,etco2\n72\n72,4,5\n7 2,4\n72,4\n", "149530 72 /min; 151708 4 kPa", 2, 3, 0},
		{"one column", lines.Config{}, "hr\n72\n73\n", "147842 72 /min; 147842 73 /min", 3, 0, 0},

		{"by number", columns, "72,x,36.6\n73,y,--\n74\n", "147842 72 /min; 150344 36.6 Cel; 147842 73 /min; 150344 NaN Cel " + off, 2, 1, 2},
		{"by number, blanks", columns, "72   x 36.6\n", "147842 72 /min; 150344 36.6 Cel", 1, 0, 1},
		{"by number, bar", lines.Config{Fields: columns.Fields, Separator: "|"}, "72|x,y|36.6\n", "147842 72 /min; 150344 36.6 Cel", 1, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := decoder(t, c.cfg)
			if got := show(decodeAll(d, c.text)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if good, bad := d.Frames(); good != c.good || bad != c.bad || d.Unknown() != c.unknown {
				t.Errorf("%d good, %d bad, %d unknown", good, bad, d.Unknown())
			}
		})
	}
}

func TestBreathsAreNotBeats(t *testing.T) {
	b := decodeAll(decoder(t, lines.Config{Fields: []lines.Field{{Name: "x", Code: "MDC_RESP_RATE", Unit: "/min"}, {Name: "y", Code: "MDC_PULS_RATE", Unit: "/min"}}}), "x=1 y=2\n")
	if b.Numerics[0].Unit != vital.BreathsPerMinute || b.Numerics[1].Unit != vital.BeatsPerMinute {
		t.Errorf("%+v", b.Numerics)
	}
}

func TestConfigErrors(t *testing.T) {
	ok := lines.Field{Name: "a", Code: "150456"}
	for _, c := range []struct {
		cfg  lines.Config
		want string
	}{
		{lines.Config{Fields: []lines.Field{{Code: "150456"}}}, "lines: field 1: neither a name nor a column from 1 up"},
		{lines.Config{Fields: []lines.Field{ok, {Name: "b", Code: "MDC_NO"}}}, `lines: field 2: code "MDC_NO" is neither`},
		{lines.Config{Fields: []lines.Field{{Name: "b", Code: "0"}}}, `lines: field 1: code "0" is neither`},
		{lines.Config{Fields: []lines.Field{{Name: "b", Code: "150456", Unit: "percent"}}}, `lines: field 1: unit "percent" is not known`},
		{lines.Config{Fields: []lines.Field{ok, {Name: "A", Code: "1"}}}, `lines: field 2: "A" (column 0) is mapped twice`},
		{lines.Config{Fields: []lines.Field{ok, {Column: 1, Code: "1"}}}, "lines: 1 of 2 fields have a column number"},
		{lines.Config{Separator: "ab"}, `lines: separator "ab"`},
		{lines.Config{Fields: make([]lines.Field, 65)}, "lines: 65 fields, at most 64"},
	} {
		if _, err := lines.New(c.cfg); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// Minute values of a bedside monitor, 0 meaning no value.
func TestPhysioNetNumerics(t *testing.T) {
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "physionet", "s25047-2704-05-04-10-44n_numerics_1permin.csv")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skip("shared data absent: physionet/s25047-2704-05-04-10-44n_numerics_1permin.csv")
	}
	d := decoder(t, lines.Config{Missing: []string{"", "0"}})
	b := decodeAll(d, string(data))
	if good, bad := d.Frames(); good != 73 || bad != 0 || len(b.Numerics) != 72*7 {
		t.Errorf("%d good, %d bad, %d numerics", good, bad, len(b.Numerics))
	}
	third := vital.Batch{Numerics: b.Numerics[14:21]}
	if got, want := show(&third), "147842 89.5 /min; 149514 88.5 /min; 151562 21.2 /min; 150456 95.7 %; 150021 87 mm[Hg]; 150022 46 mm[Hg]; 150023 62 mm[Hg]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEveryChunking(t *testing.T) {
	const stream = "junk\nhr=72 spo2=97\r\n\r\n# c\nhr=73,spo2=--\nhr=x\nhr=74"
	want := decodeAll(decoder(t, lines.Config{}), stream)
	for size := 1; size <= len(stream); size++ {
		d, b := decoder(t, lines.Config{}), new(vital.Batch)
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			d.Decode(b, []byte(rest[:min(size, len(rest))]))
		}
		d.Flush(b)
		if good, bad := d.Frames(); !reflect.DeepEqual(b, want) || good != 3 || bad != 2 {
			t.Fatalf("chunks of %d: %d good, %d bad: %s", size, good, bad, show(b))
		}
	}
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	d, b := decoder(t, lines.Config{}), new(vital.Batch)
	pick := func(top int, scale float64) float64 {
		if r.IntN(10) == 0 {
			return math.NaN()
		}
		return float64(r.IntN(top)) / scale
	}
	for range 10000 {
		v := sim.Vitals{HeartRate: pick(400, 1), PulseRate: pick(400, 1), SpO2: pick(101, 1), Perfusion: pick(200, 10),
			RespRate: pick(100, 1), Temp: pick(450, 10), Systolic: pick(300, 1), Diastolic: pick(300, 1), Mean: pick(300, 1)}
		if r.IntN(5) == 0 {
			v.Status = vital.SensorOff
		}
		line, _ := lines.Simulate(sim.Fixed{Numbers: v}).Next(nil)
		b.Reset()
		d.Decode(b, line)
		if len(b.Numerics) != 9 {
			t.Fatalf("%q: %s", line, show(b))
		}
		for i, x := range []float64{v.HeartRate, v.PulseRate, v.SpO2, v.Perfusion, v.RespRate, v.Temp, v.Systolic, v.Diastolic, v.Mean} {
			n := b.Numerics[i]
			if math.IsNaN(x) || v.Status != 0 && i >= 1 && i <= 3 {
				if n.Value != vital.NaN || n.Status != vital.NotAvailable {
					t.Fatalf("%q: %+v", line, n)
				}
				continue
			}
			want := vital.Int(int(x))
			if i == 3 || i == 5 {
				want = vital.Dec(int(math.Round(x*10)), -1)
			}
			if n.Value != want || n.Status != 0 {
				t.Fatalf("%q: %+v, want %v", line, n, want)
			}
		}
	}
	if good, bad := d.Frames(); good != 10000 || bad != 0 || d.Unknown() != 0 {
		t.Errorf("%d good, %d bad, %d unknown", good, bad, d.Unknown())
	}
}

func TestSimulatorKeepsTime(t *testing.T) {
	if line, wait := lines.Simulate(sim.NewPatient(1)).Next(nil); wait != time.Second || line[len(line)-1] != '\n' {
		t.Errorf("%v %q", wait, line)
	}
}

func FuzzDecoder(f *testing.F) {
	for i, text := range []string{"hr=72 spo2=97%\r\nHR: 7, x\n", "time,HR[bpm],temp(\n0,72,97\n1,,--\n", "72|x|36.6\n", "hr[\n7\n"} {
		f.Add([]byte(text), uint16(5), uint8(i))
	}
	configs := []lines.Config{{}, {Header: true}, columns, titled, mapped, {Separator: "|", SkipFirst: true}}
	f.Fuzz(func(t *testing.T, data []byte, cut uint16, which uint8) {
		cfg := configs[int(which)%len(configs)]
		a, b := decoder(t, cfg), decoder(t, cfg)
		at := int(cut) % (len(data) + 1)
		whole, parts := decodeAll(a, string(data)), decodeAll(b, string(data[:at]), string(data[at:]))
		if !reflect.DeepEqual(whole, parts) {
			t.Errorf("whole %s\nparts %s", show(whole), show(parts))
		}
		for _, n := range whole.Numerics {
			if (n.Value == vital.NaN) != (n.Status&vital.NotAvailable != 0) {
				t.Errorf("%+v", n)
			}
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	var stream []byte
	device := lines.Simulate(sim.NewPatient(1))
	for range 100 {
		stream, _ = device.Next(stream)
	}
	d, batch := decoder(b, lines.Config{}), new(vital.Batch)
	d.Decode(batch, stream)
	readings := float64(len(batch.Numerics))
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		d.Decode(batch, stream)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/readings, "ns/reading")
}

func TestDecodingAllocatesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  lines.Config
		text string
	}{
		"pairs":   {lines.Config{}, "hr=72 spo2=97% temp=-- x=1\r\n"},
		"columns": {columns, "72,x,36.6\n"},
	} {
		d, batch := decoder(t, c.cfg), new(vital.Batch)
		stream := []byte(strings.Repeat(c.text, 5))
		if n := testing.AllocsPerRun(100, func() {
			batch.Reset()
			d.Decode(batch, stream)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func ExampleNew() {
	d, err := lines.New(lines.Config{Fields: []lines.Field{
		{Name: "O2", Code: "MDC_PULS_OXIM_SAT_O2", Unit: "%"},
		{Name: "T", Code: "MDC_TEMP_BODY", Unit: "Cel", Exponent: -1}, // tenths
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var batch vital.Batch
	d.Decode(&batch, []byte("o2=97 t=366\n"))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// MDC_PULS_OXIM_SAT_O2 97 %
	// MDC_TEMP_BODY 36.6 Cel
}

// A count without a unit keeps its last digit, whichever it is.
func TestUnitOne(t *testing.T) {
	d, err := lines.New(lines.Config{Fields: []lines.Field{{Name: "n", Code: "148065", Unit: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 130 {
		var b vital.Batch
		d.Decode(&b, fmt.Appendf(nil, "n=%d\n", i))
		if len(b.Numerics) != 1 || b.Numerics[0].Value != vital.Int(i) {
			t.Fatalf("n=%d is read as %+v", i, b.Numerics)
		}
	}
}
