package pb840_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/pb840"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func fresh() *pb840.Decoder {
	d, err := pb840.New(pb840.Config{})
	if err != nil {
		panic(err) // the zero Config is a good one
	}
	return d
}

func decoder() sensor.Decoder { return fresh() }

// answer makes MISCF (169 fields) or MISCA (97), blank but for some, by the vendor's
// numbers.
func answer(name string, some map[int]string) []byte {
	last, count := 173, "169 "
	if name == "MISCA" {
		last, count = 101, "97"
	}
	var body strings.Builder
	for no := 5; no <= last; no++ {
		fmt.Fprintf(&body, "%-6s,", some[no])
	}
	return fmt.Appendf(nil, "%s,%d,%s,\x02%s\x03\r", name, body.Len(), count, body.String())
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		sensortest.Replay(t, fresh(), f)
	}
}

// Each field that is read, of both answers.
func TestFields(t *testing.T) {
	private := func(n int) string { return fmt.Sprint(1024<<16 | 12<<8 | n) }
	for _, c := range []struct {
		f, a        int
		value, want string
	}{
		{70, 34, "14.0", "MDC_RESP_RATE 14.0 /min"},
		{71, 35, "0.378", "MDC_VOL_AWAY_TIDAL 378 mL"},
		{71, 35, "0.38", "MDC_VOL_AWAY_TIDAL 38e1 mL"},
		{72, 36, "5.290", "MDC_VOL_MINUTE_AWAY 5.290 L/min"},
		{73, 38, "24.0", "151957 24.0 cm[H2O]"},
		{73, 38, "-0.5", "151957 -0.5 cm[H2O]"},
		{74, 39, "8.6", "151975 8.6 cm[H2O]"},
		{77, 0, "20", "MDC_CONC_AWAY_O2_INSP 20 %"},
		{87, 0, "5.8", "MDC_VENT_PRESS_AWAY_END_EXP_POS 5.8 cm[H2O]"},
		{94, 0, "18.0", "152424 18.0 cm[H2O]"},
		{94, 0, "0.0", "152424 NaN cm[H2O] [not-available]"},
		{14, 11, "0.365", "16929196 365 mL"},
		{13, 10, "14.0", private(1) + " 14.0 /min"},
		{15, 12, "55.0", private(2) + " 55.0 L/min"},
		{16, 13, "21", private(3) + " 21 %"},
		{18, 15, "5.0", private(4) + " 5.0 cm[H2O]"},
		{31, 26, "10", private(5) + " 10 cm[H2O]"},
		{46, 0, "15.0", private(6) + " 15.0 cm[H2O]"},
		{47, 0, "1.00", private(7) + " 1.00 s"},
		{60, 0, "50.0", private(8) + " 50.0 kg"},
		{69, 40, "24.0", private(9) + " 24.0 cm[H2O]"},
		{75, 41, "5.00", private(10) + " 5.00 1"},
		{78, 0, "0.4", private(11) + " 4e2 mL"},
		{79, 0, "1.5", private(12) + " 1.5 cm[H2O]"},
		{85, 0, "80", private(13) + " 80 -"},
		{86, 0, "0.4", private(14) + " 0.4 -"},
		{92, 63, "45.0", private(15) + " 45.0 -"},
		{92, 63, "0.0", private(15) + " NaN - [not-available]"},
		{93, 64, "10.0", private(16) + " 10.0 -"},
		{96, 65, "20.0", private(17) + " 20.0 -"},
		{97, 66, "5.10", private(18) + " 5.10 -"},
		{102, 67, "-20", private(19) + " -20 cm[H2O]"},
		{102, 67, "0", private(19) + " NaN cm[H2O] [not-available]"},
		{73, 38, "x", "151957 NaN cm[H2O] [invalid not-available]"},
		{73, 38, "1e2", "151957 NaN cm[H2O] [invalid not-available]"},
		{73, 38, "1:5.00", "151957 NaN cm[H2O] [invalid not-available]"},
		{73, 38, "OFF", ""},
		{73, 38, "", ""},
	} {
		for name, no := range map[string]int{"MISCF": c.f, "MISCA": c.a} {
			if no == 0 {
				continue
			}
			var got []string
			for _, l := range sensortest.Lines(sensortest.Decode(fresh(), answer(name, map[int]string{no: c.value}))) {
				if l, ok := strings.CutPrefix(l, "numeric "); ok {
					got = append(got, l)
				}
			}
			if strings.Join(got, "|") != c.want {
				t.Errorf("%s %d %q: %q, not %q", name, no, c.value, got, c.want)
			}
		}
	}
}

// Every code is one that sources agree on, or a private one of this family, and no two
// quantities share one.
func TestCodes(t *testing.T) {
	all := map[int]string{}
	for no := 10; no <= 104; no++ {
		all[no] = "1"
	}
	seen := map[vital.Code]bool{}
	for _, n := range sensortest.Decode(fresh(), answer("MISCF", all)).Numerics {
		private := n.Code.Partition() == 1024 && n.Code.Term()>>8 == 12
		if seen[n.Code] || !private && n.Code.Grade() < vital.NumberVerified || n.Unit != 0 && n.Unit.UCUM() == "" {
			t.Errorf("%+v", n)
		}
		seen[n.Code] = true
	}
	if len(seen) != 28 {
		t.Errorf("%d quantities", len(seen))
	}
}

// Alarms begin, change and end, with the ventilator's priority; a value that is not
// there any more is not available.
func TestAlarms(t *testing.T) {
	d := fresh()
	const (
		rate = "numeric MDC_RESP_RATE "
		mode = `enumeration 67111956 0 "A/C"`
	)
	for _, c := range []struct {
		name string
		some map[int]string
		want []string
	}{
		{"MISCF", map[int]string{70: "12.0", 9: "A/C", 106: "NORMAL", 115: "NORMAL"}, []string{rate + "12.0 /min", mode}},
		{"MISCF", map[int]string{70: "12.0", 9: "A/C", 106: "HIGH", 115: "LOW"}, []string{rate + "12.0 /min [msmt-state-in-alarm]", mode,
			`alert high physiological present MDC_RESP_RATE "apnea ventilation"`, `alert low technical present 0 "low battery"`}},
		{"MISCF", map[int]string{70: "12.0", 9: "A/C", 106: "HIGH", 115: "MEDIUM"}, []string{rate + "12.0 /min [msmt-state-in-alarm]", mode,
			`alert medium technical present 0 "low battery"`}},
		{"MISCF", map[int]string{9: "A/C", 106: "RESET", 115: "?"}, []string{rate + "NaN /min [not-available]", mode,
			`alert high physiological ended MDC_RESP_RATE "apnea ventilation"`}},
		{"MISCF", map[int]string{9: "A/C", 115: "NORMAL"}, []string{rate + "NaN /min [not-available]", mode, `alert medium technical ended 0 "low battery"`}},
		{"MISCA", map[int]string{34: "12", 9: "A/C", 57: "ALARM"}, []string{rate + "12 /min [msmt-state-in-alarm]", mode,
			`alert high physiological present MDC_RESP_RATE "apnea ventilation"`}},
		{"MISCA", map[int]string{34: "12", 9: "A/C", 57: "NORMAL"}, []string{rate + "12 /min", mode,
			`alert high physiological ended MDC_RESP_RATE "apnea ventilation"`}},
		{"MISCF", map[int]string{6: "840 3510000001"}, []string{rate + "NaN /min [not-available]", `enumeration 67111956 0 "" [not-available]`,
			`event identified 0 "Puritan Bennett 840 3510000001"`}},
		{"MISCF", map[int]string{6: "840 3510000001", 8: "INVASIVE", 9: "A/C", 10: "VC", 12: "V-Trig"}, []string{rate + "NaN /min [not-available]",
			`enumeration 67111956 0 "INVASIVE A/C VC"`}},
	} {
		var b vital.Batch
		d.Decode(&b, answer(c.name, c.some))
		if got := sensortest.Lines(&b); !slices.Equal(got, c.want) {
			t.Errorf("%s %v: %q\nnot %q", c.name, c.some, got, c.want)
		}
	}
}

// Every alarm of MISCF: 106 to 153 all have words of their own.
func TestEveryAlarm(t *testing.T) {
	seen := map[string]bool{}
	for no := 106; no <= 153; no++ {
		b := sensortest.Decode(fresh(), answer("MISCF", map[int]string{no: "MEDIUM"}))
		if len(b.Alerts) != 1 || seen[b.Alerts[0].Text] || b.Alerts[0].Priority != vital.PriorityMedium {
			t.Fatal(no, b.Alerts)
		}
		seen[b.Alerts[0].Text] = true
	}
}

func TestRefused(t *testing.T) {
	good := string(answer("MISCF", map[int]string{70: "14.0"}))
	for name, line := range map[string]string{
		"a character less":  strings.Replace(good, "14.0  ", "14.0 ", 1),
		"a comma less":      strings.Replace(good, "14.0  ,", "14.0   ", 1),
		"another count":     strings.Replace(good, "169", "170", 1),
		"another length":    strings.Replace(good, ",1", ",2", 1),
		"no length":         strings.Replace(good, "MISCF,", "MISCF,x", 1),
		"no STX":            strings.Replace(good, "\x02", " ", 1),
		"no ETX":            strings.Replace(good, "\x03", " ", 1),
		"an STX more":       strings.Replace(good, "14.0  ", "14.0 \x02", 1),
		"another name":      strings.Replace(good, "MISCF", "MISCX", 1),
		"nothing more":      "MISCF\r",
		"a control sign":    strings.Replace(good, "14.0", "14\x000", 1),
		"too long":          "MISCF" + strings.Repeat("1", 3000) + "\r",
		"a word":            "UNKNOWN COMMAND\r",
		"not its end":       good[:len(good)-1],
		"three places":      "BS, S:1,\n1.234, 5\nBE\n",
		"no second":         "BS, S:1,\n1.23,\nBE\n",
		"no number":         "BS, S:x,\n",
		"sample with sign":  "BS, S:1,\n+1.2, 5.0\nBE\n",
		"sample too great":  "BS, S:1,\n12345.0, 5.0\nBE\n",
		"point with naught": "BS, S:1,\n1., 5.0\nBE\n",
	} {
		d := fresh()
		b := sensortest.Decode(d, []byte(line))
		if _, bad := d.Frames(); bad != 1 || b.Len() != 0 {
			t.Errorf("%s: %d bad, %q", name, bad, sensortest.Lines(b))
		}
	}
}

func TestWaves(t *testing.T) {
	var lines strings.Builder
	lines.WriteString("9.9, 9.9\r\nBE\r\nBS, S:15428,\r\n")
	for i := range 60 {
		fmt.Fprintf(&lines, "%d.5, -%d.25\r\n", i, i)
	}
	lines.WriteString("BE\r\n1.0, 2.0\r\nBS, S:15429,\r\n2.56, 12.94\r\n4, 12.9\r\n")
	d := fresh()
	b := sensortest.Decode(d, []byte(lines.String()))
	var got []string
	for _, w := range b.Waves {
		got = append(got, fmt.Sprintf("%s %s %s/s %d: %d", w.Code.RefID(), w.Unit.UCUM(), w.Rate.AppendText(nil), len(w.Samples), w.Samples[len(w.Samples)-1]))
	}
	want := []string{"MDC_FLOW_AWAY L/min 50/s 50: 4950", "MDC_PRESS_AWAY cm[H2O] 50/s 50: -4925", "MDC_FLOW_AWAY L/min 50/s 10: 5950",
		"MDC_PRESS_AWAY cm[H2O] 50/s 10: -5925", "MDC_FLOW_AWAY L/min 50/s 2: 400", "MDC_PRESS_AWAY cm[H2O] 50/s 2: 1290"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
	if good, bad := d.Frames(); good != 66 || bad != 0 {
		t.Errorf("%d good, %d bad", good, bad)
	}
}

// Two requests are all that the host may send.
func TestNothingElseIsEverSent(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	words := []string{"RSET\r", "SNDF\r", "MISCA\r", "BS, S:1,\r", "1.0, 2.0\r", string(answer("MISCF", nil)), string(answer("MISCA", nil)), "\x00", "\r"}
	heard := map[string]bool{}
	for range 100 {
		d := fresh()
		d.Open()
		var now time.Duration
		for range 300 {
			var b vital.Batch
			if r.IntN(3) == 0 {
				p := []byte(words[r.IntN(len(words))])
				if r.IntN(3) == 0 {
					p[r.IntN(len(p))] ^= 1 << r.IntN(8)
				}
				d.Decode(&b, p)
			}
			sent, next := d.Ask(nil, now)
			for _, m := range strings.SplitAfter(string(sent), "\r") {
				heard[m] = true
			}
			if now += time.Duration(r.IntN(1500)) * time.Millisecond; r.IntN(3) == 0 {
				now = max(now, next)
			}
		}
	}
	if got := slices.Sorted(maps.Keys(heard)); !slices.Equal(got, []string{"", "SNDA\r", "SNDF\r"}) {
		t.Errorf("%q", got)
	}
}

func TestTenMinutes(t *testing.T) {
	d, p := fresh(), sim.NewPatient(7)
	device := pb840.Simulate(p)
	l := sensortest.Line{Decoder: d, Device: device}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); bad != 0 || good < 299 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	if n := sensortest.Count(b, vital.TidalVolume); n < 299 || n > 301 || len(b.Events) != 1 || len(b.Alerts) != 0 || device.Refused() != 0 {
		t.Errorf("%d readings, %v, %v, %d refused", n, b.Events, b.Alerts, device.Refused())
	}
	for _, n := range b.Numerics {
		if !n.Value.IsNumber() || n.Status != 0 {
			t.Fatalf("%+v", n)
		}
	}
	p.Set(sim.LowBattery)
	if b := l.Run(10 * time.Second); len(b.Alerts) != 1 || b.Alerts[0].Text != "low battery" {
		t.Errorf("%+v", b.Alerts)
	}
	p.Set(0)
	if b := l.Run(10 * time.Second); len(b.Alerts) != 1 || b.Alerts[0].State != vital.AlertEnded {
		t.Errorf("%+v", b.Alerts)
	}
}

// While breathing stops and comes back, no answer has another form.
func TestApnoea(t *testing.T) {
	timeline, err := sim.ParseTimeline("sinus 20s, apnoea 30s, sinus")
	if err != nil {
		t.Fatal(err)
	}
	p := sim.NewPatientIn(7, timeline)
	d, waves := fresh(), fresh()
	l, w := sensortest.Line{Decoder: d, Device: pb840.Simulate(p)}, sensortest.Line{Decoder: waves, Device: pb840.SimulateWaves(p)}
	w.Run(time.Minute)
	b := l.Run(time.Minute)
	for _, n := range b.Numerics {
		if n.Code == vital.TidalVolume && n.Value.IsNumber() && (n.Value.Exponent != 0 || n.Value.Mantissa > 1200) {
			t.Errorf("%+v", n)
		}
	}
	_, bad := d.Frames()
	if _, alsoBad := waves.Frames(); bad+alsoBad != 0 || len(b.Alerts) != 2 || b.Alerts[1].State != vital.AlertEnded {
		t.Errorf("%d, %d bad, %+v", bad, alsoBad, b.Alerts)
	}
}

// The waveform port: not a sample is lost, and it is left alone.
func TestWavePort(t *testing.T) {
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: pb840.SimulateWaves(sim.NewPatient(7))}
	b := l.Run(10 * time.Minute)
	n := 0
	for _, w := range b.Waves {
		n += len(w.Samples)
	}
	if _, bad := d.Frames(); bad != 0 || n < 2*29000 || n > 2*30001 {
		t.Errorf("%d bad, %d samples", bad, n)
	}
	if _, next := d.Ask(nil, 11*time.Minute); next < 11*time.Minute {
		t.Error(next)
	}
}

// A line that loses bytes and makes control characters: an answer that lost anything is
// refused, and the next one is read.
func TestBadLine(t *testing.T) {
	v := sim.NoVitals()
	v.RespRate = 12
	right := map[vital.Numeric]bool{}
	clean := sensortest.Line{Decoder: fresh(), Device: pb840.Simulate(sim.Fixed{Numbers: v})}
	for _, n := range clean.Run(10 * time.Second).Numerics {
		n.Time = 0
		right[n] = true
	}
	r := rand.New(rand.NewPCG(1, 2))
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: pb840.Simulate(sim.Fixed{Numbers: v}), Alter: func(p []byte) []byte {
		for i := range p {
			if r.IntN(3000) == 0 {
				p[i] ^= 0x80
			}
		}
		if len(p) > 0 && r.IntN(100) == 0 {
			p = p[1:]
		}
		return p
	}}
	b := l.Run(20 * time.Minute)
	for _, n := range b.Numerics {
		if n.Time = 0; !right[n] {
			t.Fatalf("%+v", n)
		}
	}
	if _, bad := d.Frames(); bad == 0 || sensortest.Count(b, vital.TidalVolume) < 100 {
		t.Errorf("%d bad, %d readings", bad, sensortest.Count(b, vital.TidalVolume))
	}
}

// A cable that is out for a minute.
func TestSilence(t *testing.T) {
	if b := sensortest.Outage(t, fresh(), pb840.Simulate(sim.NewPatient(1))); sensortest.Count(b, vital.TidalVolume) < 7 || len(b.Events) != 0 {
		t.Errorf("%d readings, %v", sensortest.Count(b, vital.TidalVolume), b.Events)
	}
}

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), pb840.Simulate(sim.NewPatient(7)), span)
}

func waves(span time.Duration) []byte {
	return sensortest.Record(fresh(), pb840.SimulateWaves(sim.NewPatient(7)), span)
}

func TestChunks(t *testing.T) {
	sensortest.AnyChunks(t, decoder, stream(20*time.Second))
	sensortest.AnyChunks(t, decoder, waves(20*time.Second))
}

func TestNoAllocs(t *testing.T) {
	sensortest.NoAllocs(t, fresh(), stream(20*time.Second))
	sensortest.NoAllocs(t, fresh(), waves(20*time.Second))
}

func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	p := make([]byte, 1<<20)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	d := fresh()
	if b := sensortest.Decode(d, p); b.Len() > 0 {
		t.Errorf("%q", sensortest.Lines(b))
	}
	if _, bad := d.Frames(); bad == 0 {
		t.Error("nothing is bad")
	}
}

func TestConfig(t *testing.T) {
	if d, err := pb840.New(pb840.Config{Interval: -1}); err == nil || d != nil {
		t.Error("a negative interval")
	}
}

func Fuzz(f *testing.F) {
	sensortest.Fuzz(f, decoder, stream(3*time.Second), waves(2*time.Second), answer("MISCA", map[int]string{34: "12", 57: "ALARM", 6: "840 1"}),
		answer("MISCF", map[int]string{70: "12.0", 9: "A/C", 106: "HIGH", 94: "0.0"}), []byte("MISCF,7,1,\x02     ,\x03\r"))
}

func Benchmark(b *testing.B)      { sensortest.Bench(b, fresh(), stream(time.Minute)) }
func BenchmarkWaves(b *testing.B) { sensortest.Bench(b, fresh(), waves(time.Minute)) }

func ExampleDecoder() {
	d, err := pb840.New(pb840.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Open()
	ask, _ := d.Ask(nil, 0)
	fmt.Printf("%q\n", ask)
	var batch vital.Batch
	d.Decode(&batch, answer("MISCF", map[int]string{70: "14.0", 71: "0.378"}))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// "SNDF\r"
	// MDC_RESP_RATE 14.0 /min
	// MDC_VOL_AWAY_TIDAL 378 mL
}
