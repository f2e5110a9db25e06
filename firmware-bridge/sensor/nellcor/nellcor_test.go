package nellcor_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/nellcor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	header = "N-595     VERSION 1.0.0.1     CRC:1A2B  SpO2 Limit: 85-100%    PR Limit: 40-170BPM"
	data   = "22-Nov-26 14:30:15     97     72     45    "
)

func fresh() sensor.Decoder { return new(nellcor.Decoder) }

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), nellcor.Simulate(sim.NewPatient(7)), span)
}

func TestTranscript(t *testing.T) { sensortest.Replay(t, fresh(), "testdata/n595.txt") }

func TestTenMinutes(t *testing.T) {
	d := fresh()
	b := (&sensortest.Line{Decoder: d, Device: nellcor.Simulate(sim.NewPatient(3))}).Run(10 * time.Minute)
	n := map[vital.Code]int{}
	for _, x := range b.Numerics {
		n[x.Code]++
		if !x.Value.IsNumber() || x.Status != 0 {
			t.Fatalf("%+v", x)
		}
	}
	if n[vital.SpO2] != 301 || n[vital.PulseRate] != 301 || len(b.Events) != 2 || len(b.Alerts) != 0 || len(b.Enumerations) != 26 {
		t.Errorf("%v, %v, %v, %d", n, b.Events, b.Alerts, len(b.Enumerations))
	}
	if good, bad := d.Frames(); good != 301+3*13 || bad != 0 {
		t.Errorf("%d good, %d bad", good, bad)
	}
}

// numbers writes SpO2 and pulse rate of the first line of data.
func numbers(b *vital.Batch) string {
	var out []string
	for _, l := range sensortest.Lines(b) {
		if s, ok := strings.CutPrefix(l, "numeric MDC_PULS_OXIM_"); ok {
			out = append(out, s)
		}
	}
	return strings.Join(out, "; ")
}

func TestStatusCodes(t *testing.T) {
	const at = "22-Nov-26 14:30:15  97  72  45 "
	for _, c := range []struct{ line, want, alert string }{
		{at, "SAT_O2 97 %; PULS_RATE 72 /min", ""},
		{at + "AO", "SAT_O2 97 % [msmt-state-al-inhibited]; PULS_RATE 72 /min [msmt-state-al-inhibited]", ""},
		{at + "AS", "SAT_O2 97 %; PULS_RATE 72 /min", `alert none advisory present 0 "alarm silenced"`},
		{at + "LB", "SAT_O2 97 %; PULS_RATE 72 /min", `alert low technical present 0 "low battery"`},
		{at + "MO", "SAT_O2 97 % [questionable sensor-interference]; PULS_RATE 72 /min [questionable sensor-interference]", ""},
		{at + "PS", "SAT_O2 97 % [questionable signal-searching]; PULS_RATE 72 /min [questionable signal-searching]", ""},
		{at + "LP", "SAT_O2 97 % [questionable signal-non-pulsatile]; PULS_RATE 72 /min [questionable signal-non-pulsatile]",
			`alert none physiological present MDC_PULS_OXIM_PULS_RATE "loss of pulse" value 72`},
		{at + "LM", "SAT_O2 97 % [questionable sensor-interference signal-non-pulsatile]; PULS_RATE 72 /min [questionable sensor-interference signal-non-pulsatile]",
			`alert none physiological present MDC_PULS_OXIM_PULS_RATE "loss of pulse, interference" value 72`},
		{at + "PH", "SAT_O2 97 %; PULS_RATE 72 /min", `alert none physiological present MDC_PULS_OXIM_PULS_RATE "pulse rate high" value 72`},
		{at + "PL", "SAT_O2 97 %; PULS_RATE 72 /min", `alert none physiological present MDC_PULS_OXIM_PULS_RATE "pulse rate low" value 72`},
		{at + "SH", "SAT_O2 97 %; PULS_RATE 72 /min", `alert none physiological present MDC_PULS_OXIM_SAT_O2 "saturation high" value 97`},
		{at + "SL", "SAT_O2 97 %; PULS_RATE 72 /min", `alert none physiological present MDC_PULS_OXIM_SAT_O2 "saturation low" value 97`},
		{at + "SD", "SAT_O2 NaN % [not-available sensor-disconnected]; PULS_RATE NaN /min [not-available sensor-disconnected]",
			`alert low technical present 0 "sensor disconnected"`},
		{at + "SO", "SAT_O2 NaN % [not-available sensor-off]; PULS_RATE NaN /min [not-available sensor-off]", `alert low technical present 0 "sensor off"`},
		{at + "XX", "SAT_O2 97 %; PULS_RATE 72 /min", ""},
		{"22-Nov-26 14:30:15 97* 172* 45*", "SAT_O2 97 % [msmt-state-in-alarm]; PULS_RATE 172 /min [msmt-state-in-alarm]", ""},
		{"22-Nov-26 14:30:15 --- --- ---", "SAT_O2 NaN % [not-available]; PULS_RATE NaN /min [not-available]", ""},
		{"22-Nov-26 14:30:15 0 0 0", "SAT_O2 NaN % [invalid not-available]; PULS_RATE NaN /min [invalid not-available]", ""},
		{"22-Nov-26 14:30:15 101 72 45", "SAT_O2 NaN % [invalid not-available]; PULS_RATE 72 /min", ""},
		{" 2-NOV-26 14:30:15 97 72 45", "SAT_O2 97 %; PULS_RATE 72 /min", ""},
	} {
		d := fresh()
		b := sensortest.Decode(d, []byte(c.line+"\r\n"))
		if got := numbers(b); got != c.want {
			t.Errorf("%q: %s, not %s", c.line, got, c.want)
		}
		got := slices.DeleteFunc(sensortest.Lines(b), func(l string) bool { return !strings.HasPrefix(l, "alert") })
		if strings.Join(got, "") != c.alert {
			t.Errorf("%q: %q, not %q", c.line, got, c.alert)
		}
		if good, bad := d.Frames(); good != 1 || bad != 0 {
			t.Errorf("%q: %d good, %d bad", c.line, good, bad)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, line := range []string{
		"22-Nov-26 14:30:15 97 72", "22-Nov-26 14:30:15 97 72 45 6", "22-Nov-26 14:30:15 97 72 45 S", "22-Nov-26 14:30:15 97 72 45 sl",
		"22-Nov-26 14:30:15 9O 72 45", "22-Nov-26 14:30:15 1097 72 45", "22-Nov-26 14:30:15 * 72 45", "22-Nov-26 14:30:15 97** 72 45",
		"22-Nov-26 14:30:1 97 72 45", "22-11-26 14:30:15 97 72 45", "2-Nov-26 14:30:15 97 72 45", "-Nov-26 14:30:15 97 72 45", data + data,
		"N-595 VERSION", "N-595 VERSION x CRC:1 SpO2 Limit: 85-100% PR Limit: 40-170BPM", "TIME %SPO2 BPM", "TIME %SPO2 BPM PA Status x",
		" CHILD 0SAT-S SPO2 RESP MODE: NORMAL", " ADULT 0SAT-S SPO2 RESP MODE: SLOW", " ADULT SAT-S SPO2 RESP MODE: FAST", "\x02\x03",
	} {
		d := fresh()
		if b := sensortest.Decode(d, []byte(line+"\r\n")); b.Len() > 0 {
			t.Errorf("%q: %q", line, sensortest.Lines(b))
		}
		if good, bad := d.Frames(); good != 0 || bad != 1 {
			t.Errorf("%q: %d good, %d bad", line, good, bad)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{header, "85 100 40 170"},
		{"N-595  VERSION 1.2 CRC:AB  SpO2 Limit:  85- 99%  PR Limit:  40- 99BPM more", "85 99 40 99"},
		{"N-595  VERSION 1.2 CRC:AB  SpO2 Limit: 85-x%  PR Limit: 40-99BPM", ""},
		{"N-595  VERSION 1.2 INFO CRC:AB  SEC:12 / 34", ""},
		{"   NEO   25SAT-S  SPO2 RESP MODE: FAST", "25"},
		{"TIME  %SPO2 BPM PA Status", ""},
		{"NPB-595   Interactive Mode", ""}, {"    1) Dump Instrument Info", ""}, {"    Command?", ""},
	} {
		d := fresh()
		b := sensortest.Decode(d, []byte(c.line+"\n"))
		var got []string
		for _, n := range b.Numerics {
			got = append(got, string(n.Value.AppendText(nil)))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q", c.line, sensortest.Lines(b))
		}
		if good, _ := d.Frames(); good != 1 {
			t.Errorf("%q is not known", c.line)
		}
	}
	b := sensortest.Decode(fresh(), []byte(" NEO 25SAT-S  SPO2 RESP MODE: FAST\n"))
	if len(b.Enumerations) != 2 || b.Enumerations[0].Value != 1 || b.Enumerations[1].Text != "FAST" {
		t.Errorf("%+v", b.Enumerations)
	}
}

// The clock is news when it is first told, goes back, or leaps.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		times string
		want  int
	}{
		{"22-Nov-26 14:30:15,22-Nov-26 14:30:17,22-Nov-26 14:31:17", 1},
		{"22-Nov-26 14:30:15,22-Nov-26 14:30:14", 2},
		{"22-Nov-26 14:30:15,22-Nov-26 14:31:16", 2},
		{"31-Dec-26 23:59:59,01-Jan-27 00:00:01", 1},
		{"31-Feb-26 14:30:15,22-Xov-26 14:30:15,22-Nov-26 24:30:15", 0},
	} {
		var lines []byte
		for at := range strings.SplitSeq(c.times, ",") {
			lines = append(lines, at+" 97 72 45\r\n"...)
		}
		if b := sensortest.Decode(fresh(), lines); len(b.Events) != c.want || numbers(b) == "" {
			t.Errorf("%s: %v", c.times, b.Events)
		}
	}
}

// Cut anywhere, a last line gives nothing but when it is as long as the one before.
func TestLastLineWithoutEnd(t *testing.T) {
	for n := range len(data) + 1 {
		b := sensortest.Decode(fresh(), []byte(data+"\r\n"), []byte(data[:n]))
		want := 3
		if n == len(data) {
			want = 6
		}
		if len(b.Numerics) != want {
			t.Errorf("cut to %d: %d numbers", n, len(b.Numerics))
		}
	}
}

func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	if b := sensortest.Decode(fresh(), noise); b.Len() > 0 {
		t.Errorf("%+v", b)
	}
}

func TestConditions(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: fresh(), Device: nellcor.Simulate(p)}
	l.Run(10 * time.Second)
	for _, c := range []struct {
		set  sim.Condition
		want vital.Status
	}{{sim.FingerOff, vital.SensorOff | vital.NotAvailable}, {sim.Unplugged, vital.SensorDisconnected | vital.NotAvailable}, {0, 0}} {
		p.Set(c.set)
		b := l.Run(10 * time.Second)
		last := b.Numerics[len(b.Numerics)-1]
		if last.Status != c.want || len(b.Alerts) == 0 {
			t.Errorf("%v: %+v, %v", c.set, last, b.Alerts)
		}
	}
}

func TestChunks(t *testing.T) {
	s := stream(time.Minute)
	sensortest.AnyChunks(t, fresh, slices.Concat(s[30:500], []byte("\x00garbage\r"), s[500:len(s)-7]))
}

func TestNoAllocs(t *testing.T) {
	sensortest.NoAllocs(t, fresh(), []byte(strings.Repeat(data+"\r\n", 50)+header+"\r\n"))
}

func Fuzz(f *testing.F) {
	sensortest.Fuzz(f, fresh, []byte(header+"\r\n NEO 25SAT-S  SPO2 RESP MODE: FAST\r\n"+data+"\r\n"+data), stream(20*time.Second),
		[]byte(" 2-Dec-99 23:59:59 101* --- 0 SL SD XX\n"))
}

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(10*time.Minute)) }

func ExampleDecoder() {
	var d nellcor.Decoder
	var batch vital.Batch
	d.Decode(&batch, []byte("22-Nov-26 14:30:15     84*    72     45     SL\r\n"))
	for _, n := range batch.Numerics[:2] {
		fmt.Printf("%s %s %s %v\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM(), n.Status.Names())
	}
	fmt.Println(batch.Alerts[0].Text)
	// Output:
	// MDC_PULS_OXIM_SAT_O2 84 % [msmt-state-in-alarm]
	// MDC_PULS_OXIM_PULS_RATE 72 /min []
	// saturation low
}
