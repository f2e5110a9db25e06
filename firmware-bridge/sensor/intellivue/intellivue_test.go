package intellivue_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/intellivue"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func lines(pieces ...[]byte) []string {
	return sensortest.Lines(sensortest.Decode(fresh(), pieces...))
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		cfg := intellivue.Config{Waves: []string{"ecg-ii", "pleth"}}
		if filepath.Base(f) == "polled.txt" {
			cfg = intellivue.Config{Waves: []string{"none"}, Interval: 5 * time.Second}
		}
		sensortest.Replay(t, with(cfg), f)
	}
}

const heartRate = "numeric MDC_ECG_HEART_RATE 72 /min"

func TestFraming(t *testing.T) {
	good := numeric(0x4182, 0, 0xaa0, 72)
	escaped := numeric(0x4182, 0, 0xaa0, 0xc0) // 192, and what has to be escaped
	long := raw("\xc0", strings.Repeat("\x11", 5000), "\xc1")
	wrong := func(at int, b byte) []byte {
		p := slices.Clone(good)
		p[at] = b
		return p
	}
	for _, c := range []struct {
		name      string
		bytes     []byte
		want      []string
		good, bad uint64
	}{
		{"a frame", good, []string{heartRate}, 1, 0},
		{"two", slices.Concat(good, good), []string{heartRate, heartRate}, 2, 0},
		{"with an escape", escaped, []string{"numeric MDC_ECG_HEART_RATE 192 /min"}, 1, 0},
		{"garbage before", slices.Concat([]byte("garbage"), good), []string{heartRate}, 1, 1},
		{"garbage between", slices.Concat(good, []byte("garbage"), good), []string{heartRate, heartRate}, 2, 1},
		{"cut short", slices.Concat(good[:20], good), []string{heartRate}, 1, 1},
		{"taken back", slices.Concat(good[:20], []byte{0x7d, 0xc1}, good), []string{heartRate}, 1, 0},
		{"two escapes", slices.Concat(good[:20], []byte{0x7d, 0x7d}, good[20:], good), []string{heartRate}, 1, 1},
		{"without its end", good[:len(good)-1], nil, 0, 1},
		{"another protocol", wrong(1, 0x12), nil, 0, 1},
		{"another type", wrong(2, 0x02), nil, 0, 1},
		{"another length", wrong(4, good[4]+1), nil, 0, 1},
		{"another sum", wrong(len(good)-2, good[len(good)-2]^1), nil, 0, 1},
		{"nothing in it", []byte{0xc0, 0xc1}, nil, 0, 1},
		{"an empty payload", frame(), nil, 0, 1},
		{"no message of the protocol", frame("hello"), nil, 0, 1},
		{"too long", slices.Concat(long, good), []string{heartRate}, 1, 1},
	} {
		d := fresh()
		if got := sensortest.Lines(sensortest.Decode(d, c.bytes)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
		if good, bad := d.Frames(); good != c.good || bad != c.bad {
			t.Errorf("%s: %d good, %d bad", c.name, good, bad)
		}
	}
}

// The vectors of public implementations, and the special values.
func TestFloats(t *testing.T) {
	for x, want := range map[uint32]string{
		0xfd007d00: "32.000", 0xff000140: "32.0", 0x01000140: "320e1", 0x02000020: "32e2", 0x00000048: "72", 0xffffffff: "-0.1",
		0x00000000: "0", 0xfe000e8a: "37.22", 0x80000001: "1e-128", 0x7f7ffffd: "8388605e127",
		0x007fffff: "NaN", 0xff7fffff: "NaN", 0x00800001: "NaN", 0x00800000: "NRes", 0x007ffffe: "+INF", 0x00800002: "-INF",
	} {
		b := sensortest.Decode(fresh(), numeric(0x4b48, 0, 0x17a0, x))
		if len(b.Numerics) != 1 {
			t.Fatalf("%08X: %q", x, sensortest.Lines(b))
		}
		n := b.Numerics[0]
		if got := string(n.Value.AppendText(nil)); got != want || (n.Status == vital.NotAvailable) != (want == "NaN") {
			t.Errorf("%08X: %s %v, not %s", x, got, n.Status.Names(), want)
		}
	}
}

func TestStates(t *testing.T) {
	for state, want := range map[int]string{
		0x0000: "97 %", 0x8000: "NaN % [invalid]", 0x4000: "97 % [questionable]", 0x2000: "NaN % [not-available]",
		0xa000: "NaN % [invalid not-available]", 0x1000: "97 % [calibration-ongoing]", 0x0800: "97 % [test-data]", 0x0400: "97 % [demo-data]",
		0x0080: "97 % [validated-data]", 0x0040: "97 % [early-indication]", 0x0020: "97 % [msmt-ongoing]",
		0x0002: "97 % [msmt-state-in-alarm]", 0x0001: "97 % [msmt-state-al-inhibited]", 0x0300: "97 %", 0x001c: "97 %",
	} {
		got := lines(numeric(0x4bb8, state, 0x220, 97))
		if len(got) != 1 || got[0] != "numeric MDC_PULS_OXIM_SAT_O2 "+want {
			t.Errorf("%04X: %q, not %q", state, got, want)
		}
	}
}

func TestNumerics(t *testing.T) {
	nibp := attr(0x094b, list(value(0x4a05, 0x20, 0xf20, 120), value(0x4a06, 0, 0xf20, 80), value(0x4a07, 0, 0xf20, 93)))
	limit := attr(0x093f, uint32(8000), 130, 0, 0, 0)
	measured := attr(0x093f, uint32(8000), 1, 0, 0, 0)
	hr := attr(0x0950, value(0x4182, 0, 0xaa0, 72))
	for _, c := range []struct {
		name  string
		bytes []byte
		want  []string
	}{
		{"compound", result(numerics, 1, 1, obj(1, nibp)), []string{"numeric MDC_PRESS_BLD_NONINV_SYS 120 mm[Hg] [msmt-ongoing]",
			"numeric MDC_PRESS_BLD_NONINV_DIA 80 mm[Hg]", "numeric MDC_PRESS_BLD_NONINV_MEAN 93 mm[Hg]"}},
		{"of a single poll", single(numerics, 1, obj(1, hr)), []string{heartRate}},
		{"with a description", result(numerics, 1, 1, obj(1, attr(0x0924, uint32(0x24182)), measured, hr)), []string{heartRate}},
		{"a limit of alarms", result(numerics, 1, 1, obj(1, hr, limit)), nil},
		{"a limit, described before", slices.Concat(result(numerics, 1, 1, obj(1, limit)), result(numerics, 2, 1, obj(1, hr), obj(2, hr))), []string{heartRate}},
		{"a handle that is another object's now", slices.Concat(result(numerics, 1, 1, obj(1, limit), obj(2, limit)), result(numerics, 2, 1, obj(1, measured)),
			result(numerics, 3, 1, obj(1, hr), obj(2, hr))), []string{heartRate}},
		{"no name for the code, none for the unit", numeric(0x5399, 0, 0x1234, 5), []string{"numeric 152473 5 unit-266804"}},
		{"Philips' own code", numeric(0xf0e5, 0, 0x200, 5), []string{"numeric 192741 5 1"}},
		{"no unit", numeric(0x4182, 0, 0, 72), []string{"numeric MDC_ECG_HEART_RATE 72 -"}},
		{"no code", numeric(0, 0, 0, 72), nil},
		{"too long", result(numerics, 1, 1, obj(1, attr(0x0950, value(0x4182, 0, 0xaa0, 72), 0))), nil},
		{"too short", result(numerics, 1, 1, obj(1, attr(0x0950, 0x4182, 0, 0xaa0))), nil},
		{"compound, too many", result(numerics, 1, 1, obj(1, attr(0x094b, 9, 10, value(0x4182, 0, 0xaa0, 72)))), nil},
		{"in a class of its own", result(0x2a, 1, 1, obj(1, hr)), nil},
	} {
		if got := lines(c.bytes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nnot %q", c.name, got, c.want)
		}
	}
}

// More limits of alarms than there is room for, and each of them once more.
func TestManyLimits(t *testing.T) {
	d := fresh()
	var b vital.Batch
	for range 2 {
		for i := range 200 {
			d.Decode(&b, result(numerics, 1, 1, obj(i, attr(0x093f, uint32(8000), 130, 0, 0, 0))))
		}
	}
	d.Decode(&b, result(numerics, 1, 1, obj(1, attr(0x0950, value(0x4182, 0, 0xaa0, 72))), obj(500, attr(0x0950, value(0x4182, 0, 0xaa0, 72)))))
	if len(b.Numerics) != 1 {
		t.Errorf("%+v", b.Numerics)
	}
}

// As many waves as a hostile device likes: the last ones are known.
func TestManyWaves(t *testing.T) {
	d := fresh()
	var b vital.Batch
	for i := range 5000 {
		b.Reset()
		d.Decode(&b, result(waves, 1, 1000, obj(i, append(shape(16, 14), attr(0x096e, array(0x0102, 0, 1)))...)))
		if len(b.Waves) != 1 {
			t.Fatalf("%d: %+v", i, b.Waves)
		}
	}
}

// A long result comes in several messages, each with whole lists.
func TestLinked(t *testing.T) {
	hr, sat := attr(0x0950, value(0x4182, 0, 0xaa0, 72)), attr(0x0950, value(0x4bb8, 0, 0x220, 97))
	spo2 := "numeric MDC_PULS_OXIM_SAT_O2 97 %"
	first, middle, last := linked(1, 1, numerics, obj(1, hr)), linked(2, 2, numerics, obj(2, sat)), linked(3, 3, numerics, obj(3, hr))
	end := operation(2, 1, 7, raw(0x21, 0, 0, 0xf13b, sized(1, 1, uint32(8000), never, 1, numerics, 0, 0, 0)))
	if got, want := lines(first, middle, last, end), []string{heartRate, spo2, heartRate}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	// one that is lost takes nothing else with it
	if got, want := lines(first, last, end), []string{heartRate, heartRate}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := lines(linked(1, 1, numerics, obj(1, hr)), numeric(0x4bb8, 0, 0x220, 97)); !slices.Equal(got, []string{heartRate, spo2}) {
		t.Errorf("%q", got)
	}
}

func TestWaves(t *testing.T) {
	scale := func(least, most uint32, lower, upper int) []byte { return attr(0x096f, least, most, lower, upper) }
	mV, wrong := attr(0x0996, 0x10b2), attr(0x0a16, list(raw(2, 0x4000), raw(1, 0x8000)))
	samples := attr(0x096e, array(0x0102, 0, 8192, 8193, 0x7fff))
	for _, c := range []struct {
		name       string
		attributes [][]byte
		want       []string
	}{
		{"ECG", append(shape(16, 14), scale(0xfdff6000, 0xfd009ffb, 0, 0x3fff), mV, samples),
			[]string{"wave MDC_ECG_ELEC_POTL_II 500/s x0.005/1-8192 mV 3: 8192 8193 16383"}},
		{"described after the samples", append([][]byte{samples, mV}, shape(16, 14)...), []string{"wave MDC_ECG_ELEC_POTL_II 500/s mV 3: 8192 8193 16383"}},
		{"no absolute values", append(shape(64, 12), scale(0x7fffff, 0x7fffff, 0, 0xfff), attr(0x0996, 0x200), attr(0x096e, array(0x4bb4, 0, 1, 2))),
			[]string{"wave MDC_PULS_OXIM_PLETH 125/s 1 2: 1 2"}},
		{"zero between samples", append(shape(128, 12), scale(0xfffffffa, 0xff000013, 0, 0xfff), attr(0x096e, array(0x5000, 0, 0, 1, 4095))),
			[]string{"wave MDC_RESP 62.5/s x0.1/819-4914 - 3: 0 5 20475"}},
		{"from a lower value", append(shape(64, 14), scale(0x00ffffd8, 0x00000208, 0xa0, 0x23a0), attr(0x096e, array(0x4a14, 0, 0xa0+16*40, 0x23a0))),
			[]string{"wave MDC_PRESS_BLD_ART_ABP 125/s x1/16-800 - 2: 800 9120"}},
		{"upside down", append(shape(64, 14), scale(1, 0, 0, 1), attr(0x096e, array(0x4a14, 0, 1))), []string{"wave MDC_PRESS_BLD_ART_ABP 125/s - 1: 1"}},
		{"far apart", append(shape(64, 14), scale(0x80000001, 0x7f000001, 0, 1), attr(0x096e, array(0x4a14, 0, 1))), []string{"wave MDC_PRESS_BLD_ART_ABP 125/s - 1: 1"}},
		{"eight bits", [][]byte{attr(0x098d, uint32(64)), attr(0x096d, 8, 8<<8|7, 0), attr(0x096e, 0x4bb4, 0, 3, "\x01\x82\xff")},
			[]string{"wave MDC_PULS_OXIM_PLETH 125/s - 3: 1 2 127"}},
		{"an odd rate", append(shape(24, 12), attr(0x096e, array(0x4bb4, 0, 1))), []string{"wave MDC_PULS_OXIM_PLETH 333.3333/s - 1: 1"}},
		{"every nine hours", append(shape(1<<28, 12), attr(0x096e, array(0x4bb4, 0, 1))), []string{"wave MDC_PULS_OXIM_PLETH 2980232e-11/s - 1: 1"}},
		{"invalid samples", append(shape(16, 14), wrong, attr(0x096e, array(0x0102, 0, 0x8000, 1, 0x4002, 0xc000, 3))),
			[]string{"wave MDC_ECG_ELEC_POTL_II 500/s - 2: 1 2", "wave MDC_ECG_ELEC_POTL_II 500/s - 1: 3"}},
		{"only invalid samples", append(shape(16, 14), wrong, attr(0x096e, array(0x0102, 0, 0x8000))), nil},
		{"compound", append(shape(32, 14), attr(0x0967, list(array(0x0101, 0, 1), array(0x0102, 0x4000, 2), array(0x013d, 0x2000, 3)))),
			[]string{"wave MDC_ECG_ELEC_POTL_I 250/s - 1: 1", "wave MDC_ECG_ELEC_POTL_II 250/s - 1: 2 [questionable]"}},
		{"invalid", append(shape(16, 14), attr(0x096e, array(0x0102, 0x8000, 1))), []string{"wave MDC_ECG_ELEC_POTL_II 500/s [invalid] 1: 1"}},
		{"demo", append(shape(16, 14), attr(0x096e, array(0x0102, 0x0400, 1))), []string{"wave MDC_ECG_ELEC_POTL_II 500/s - [demo-data] 1: 1"}},
		{"unavailable", append(shape(16, 14), attr(0x096e, array(0x0102, 0x2000, 1))), nil},
		{"no period", [][]byte{attr(0x096d, 8, 16<<8|14, 0), samples}, nil},
		{"a period of nothing", append(shape(0, 14), samples), nil},
		{"no specification", [][]byte{attr(0x098d, uint32(16)), samples}, nil},
		{"twelve bits", [][]byte{attr(0x098d, uint32(16)), attr(0x096d, 8, 12<<8|12, 0), samples}, nil},
		{"more bits than there are", [][]byte{attr(0x098d, uint32(16)), attr(0x096d, 8, 8<<8|9, 0), samples}, nil},
		{"no samples", append(shape(16, 14), attr(0x096e, array(0x0102, 0))), nil},
		{"longer than it is", append(shape(16, 14), attr(0x096e, 0x0102, 0, 9, 1)), nil},
	} {
		got := lines(result(waves, 1, 1000, obj(1, c.attributes...)))
		if !slices.EqualFunc(got, c.want, sameWords) {
			t.Errorf("%s: %q\nnot %q", c.name, got, c.want)
		}
	}
}

// sameWords compares lines without regard to where the status stands.
func sameWords(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	drop := func(s string) bool { return s == "-" }
	x, y = slices.DeleteFunc(x, drop), slices.DeleteFunc(y, drop)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// Arrays that are missing are told, and one that came before is left out.
func TestGaps(t *testing.T) {
	d := fresh()
	at := func(sequence int, ticks uint32, physio ...int) []byte {
		attributes := shape(16, 14)
		for _, p := range physio {
			attributes = append(attributes, attr(0x096e, array(p, 0, 1, 2, 3, 4)))
		}
		return result(waves, sequence, ticks, obj(1, attributes...))
	}
	const ii, iii, gap = "wave MDC_ECG_ELEC_POTL_II 500/s - 4: 1 2 3 4", "wave MDC_ECG_ELEC_POTL_III 500/s - 4: 1 2 3 4", " [signal-processing-irregularity]"
	for i, c := range []struct {
		bytes []byte
		want  []string
	}{
		{at(1, 0xffffffc0, 0x0102), []string{ii}},
		{at(2, 0, 0x0102, 0x013d), []string{ii, iii}}, // the running time begins anew
		{at(3, 64, 0x0102), []string{ii}},
		{at(4, 64, 0x0102), nil},
		{at(5, 138, 0x0102, 0x013d), []string{ii, iii + gap}},
		{at(7, 266, 0x0102, 0x013d), []string{ii + gap, iii + gap}},
		{at(8, 80000, 0x0102), []string{ii + gap}},
		{at(9, 50, 0x0102), []string{ii + gap}}, // the monitor began anew
		{at(10, 114, 0x0102), []string{ii}},
		{at(0, 178, 0x0102), nil}, // the answer to a request, while results come by themselves
	} {
		var b vital.Batch
		d.Decode(&b, c.bytes)
		got := sensortest.Lines(&b)
		if !slices.EqualFunc(got, c.want, func(a, b string) bool { return sameWords(a, b) }) {
			t.Errorf("%d: %q\nnot %q", i, got, c.want)
		}
	}
}

// Samples of an object that was not described are asked about at once.
func TestUnknownWave(t *testing.T) {
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: silent{}}
	l.Run(time.Second)
	var b vital.Batch
	d.Decode(&b, created(7))
	d.Ask(nil, time.Second)
	d.Decode(&b, result(waves, 1, 0, obj(1, attr(0x096e, array(0x0102, 0, 1)))))
	if len(b.Waves) > 0 {
		t.Errorf("%+v", b.Waves)
	}
	sent, _ := d.Ask(nil, 10*time.Second)
	want := raw(0x0c16, 8) // a single poll, of waves
	if i := strings.Index(string(sent), string(want)); i < 0 || !strings.Contains(string(sent), string(raw(1, waves, 0))) {
		t.Errorf("% X", sent)
	}
}

// silent is a device that says nothing.
type silent struct{}

func (silent) Next(dst []byte) ([]byte, time.Duration) { return dst, time.Second }

// created is the report after association.
func created(invoke int, attributes ...[]byte) []byte {
	return operation(1, invoke, 1, 0x21, 0, 0, uint32(8000), 0x0d06, sized(0x21, 0, 0, list(attributes...)))
}

func TestAlerts(t *testing.T) {
	d := fresh()
	const p, tech = 0x0902, 0x0904
	low := alarm(0x4bb8, 2, 0x0400, 0, "\ue40d\ue40d SpO₂ 85<90")
	for i, c := range []struct {
		attributes [][]byte
		want       []string
	}{
		{[][]byte{attr(p, list(low))}, []string{`alert high physiological present MDC_PULS_OXIM_SAT_O2 "SpO₂ 85<90"`}},
		{[][]byte{attr(p, list(low)), attr(tech, list())}, nil},
		{[][]byte{attr(p, list(alarm(0x4bb8, 2, 0x0400, 0x2000, "SpO₂ 85<90")))}, []string{`alert high physiological latched MDC_PULS_OXIM_SAT_O2 "SpO₂ 85<90"`}},
		{[][]byte{attr(p, list(alarm(0x4bb8, 2, 0x0100, 0, "SpO₂ 84<90")))}, []string{`alert low physiological present MDC_PULS_OXIM_SAT_O2 "SpO₂ 84<90"`}},
		// another list does not end it
		{[][]byte{attr(tech, list(alarm(0x4bb8, 3, 0x0002, 0, "SpO₂ NO SENSOR"), alarm(0, 2, 0x0001, 0, "BATT LOW")))},
			[]string{`alert medium technical present 0 "SpO₂ NO SENSOR"`, `alert low technical present 0 "BATT LOW"`}},
		{[][]byte{attr(p, list())}, []string{`alert low physiological ended MDC_PULS_OXIM_SAT_O2 "SpO₂ 84<90"`}},
		// the same source twice, in another order
		{[][]byte{attr(p, list(alarm(1, 2, 0x0200, 0, "A"), alarm(1, 2, 0x0200, 0, "B")))},
			[]string{`alert medium physiological present 0 "A"`, `alert medium physiological present 0 "B"`}},
		{[][]byte{attr(p, list(alarm(1, 2, 0x0200, 0, "B"), alarm(1, 2, 0x0200, 0, "A")))}, nil},
		// an alert of no priority is none
		{[][]byte{attr(p, list(alarm(1, 2, 0, 0, "A"), alarm(1, 2, 0x0200, 0, "B")))}, []string{`alert medium physiological ended 0 "A"`}},
		// lists that are not whole end nothing
		{[][]byte{attr(p, 1, 100, 0), attr(p, 2, 4, 0, 0), attr(p, "")}, nil},
		{[][]byte{attr(p, list(raw(1, 2, 0x0400, 0, alarms, 0, 1, 513, sized(1, uint32(7), 0, 0))))},
			[]string{`alert high physiological present 0 ""`}},
		{[][]byte{attr(p, list(alarm(1, 2, 0x0400, 0, strings.Repeat("ABCDEFGH", 20))))},
			[]string{`alert high physiological present 0 "` + strings.Repeat("ABCDEFGH", 10) + `"`}},
	} {
		var b vital.Batch
		d.Decode(&b, result(alarms, 1, 1, obj(1, c.attributes...)))
		if got := sensortest.Lines(&b); !slices.Equal(got, c.want) {
			t.Errorf("%d: %q\nnot %q", i, got, c.want)
		}
	}
}

// More alerts at once than there is room for: those that came first are told.
func TestManyAlerts(t *testing.T) {
	d := fresh()
	var entries [][]byte
	for i := range 200 {
		entries = append(entries, raw(i, 2, 0x0400, 0, alarms, 0, 1, 513, 0))
	}
	var b vital.Batch
	d.Decode(&b, result(alarms, 1, 1, obj(1, attr(0x0902, list(entries...)))))
	if len(b.Alerts) != 128 {
		t.Error(len(b.Alerts))
	}
	b.Reset()
	d.Decode(&b, result(alarms, 1, 1, obj(1, attr(0x0902, list()))))
	if len(b.Alerts) != 128 || b.Alerts[127].State != vital.AlertEnded {
		t.Error(len(b.Alerts))
	}
}

func TestSystem(t *testing.T) {
	d := fresh()
	label := func(s string) []byte { return sized(s) }
	model := attr(0x0928, label("Philips\x00"), label("M8007A"))
	date := func(digits string) []byte { return attr(0x0987, digits) }
	running := func(s uint32) []byte { return attr(0x098f, s*8000) }
	for i, c := range []struct {
		bytes []byte
		want  []string
	}{
		{created(1, model), []string{`event identified 0 "Philips M8007A"`}},
		{single(system, 1, obj(1, model)), nil},
		{single(system, 1, obj(1, attr(0x092d, list(raw(1, 8, label("DE123")), raw(4, 0x58, label("G.01.70")), raw(4, 0x50, label("board")))))),
			[]string{`event identified 0 "Philips M8007A, serial DE123, software G.01.70"`}},
		{single(system, 1, obj(1, attr(0x0928, label("Philips"), label("M8008A")))), []string{`event identified 0 "Philips M8008A"`}}, // another monitor
		{single(system, 1, obj(1, attr(0x0928, label("Phil\x02ips"), label("M8\xff")))), nil},
		{single(system, 1, obj(1, attr(0x0928, "Philips", "M8008A"))), nil},
		{single(system, 1, obj(1, attr(0x0946, 0x4000))), []string{`enumeration 67110913 16384 "monitoring"`}},
		{single(system, 1, obj(1, attr(0x0946, 0x4000))), nil},
		{single(system, 1, obj(1, attr(0x0946, 0x2000))), []string{`enumeration 67110913 8192 "demonstration"`}},
		{numeric(0x4182, 0, 0xaa0, 72), []string{heartRate + " [demo-data]"}},
		{single(system, 1, obj(1, attr(0x0946, 0x0002))), []string{`enumeration 67110913 2 "standby"`}},
		{single(system, 1, obj(1, attr(0x0946, 0x1000))), []string{`enumeration 67110913 4096 "service"`}},
		{single(system, 1, obj(1, attr(0x0946, 0x4001))), []string{`enumeration 67110913 16385 "configuration"`}},
		{numeric(0x4182, 0, 0xaa0, 72), []string{heartRate}},
		{single(system, 1, obj(1, date("\x20\x21\x05\x04\x10\x20\x30\x00"))), nil}, // without the running time
		{single(system, 1, obj(1, date("\x20\x21\x05\x04\x10\x20\x30\x00"), running(100))), []string{`event device-clock 0 "2021-05-04T10:20:30"`}},
		{single(system, 1, obj(1, date("\x20\x21\x05\x04\x10\x21\x31\x00"), running(160))), nil},
		{single(system, 1, obj(1, date("\x20\x21\x05\x04\x10\x22\x36\x00"), running(220))), []string{`event device-clock 0 "2021-05-04T10:22:36"`}},
		{single(system, 1, obj(1, date("\x20\x21\x05\x04\x10\x22\x35\x00"), running(1))), []string{`event device-clock 0 "2021-05-04T10:22:35"`}},
		{single(system, 1, obj(1, date("\xff\xff\xff\xff\xff\xff\xff\xff"), running(1))), nil},
		{single(system, 1, obj(1, date("\x20\x21\x02\x30\x10\x22\x35\x00"), running(1))), nil},
		{single(system, 1, obj(1, date("\x20\x21\x05\x04\x24\x22\x35\x00"), running(1))), nil},
	} {
		var b vital.Batch
		d.Decode(&b, c.bytes)
		if got := sensortest.Lines(&b); !slices.Equal(got, c.want) {
			t.Errorf("%d: %q\nnot %q", i, got, c.want)
		}
	}
}

// Messages with a right check sequence and the wrong form give nothing.
func TestMalformed(t *testing.T) {
	hr := attr(0x0950, value(0x4182, 0, 0xaa0, 72))
	head := func(lists ...any) []byte {
		return operation(2, 1, 7, 0x21, 0, 0, 0xf13b, sized(1, 1, uint32(8000), never, 1, numerics, 0, raw(lists...)))
	}
	for name, p := range map[string][]byte{
		"more contexts than there are":   head(2, sized(0, list(obj(1, hr)))),
		"a list that is longer":          head(1, 500, 0, list(obj(1, hr))),
		"more objects than there are":    head(1, sized(0, 2, sized(obj(1, hr)))),
		"65535 objects":                  head(1, sized(0, 65535, sized(obj(1, hr)))),
		"more attributes than there are": head(1, sized(0, 1, sized(1, 2, sized(hr)))),
		"an attribute that is longer":    head(1, sized(0, 1, sized(1, 1, sized(0x0950, 11, value(0x4182, 0, 0xaa0, 72))))),
		"no lists":                       head(),
		"another partition":              operation(2, 1, 7, 0x21, 0, 0, 0xf13b, sized(1, 1, uint32(8000), never, 2, numerics, 0, list(raw(0, list(obj(1, hr)))))),
		"an operation that is longer":    frame(0xe100, 2, 2, 500, 1, 7, 0),
		"an operation cut short":         frame(0xe100, 2, 2),
		"no operation":                   frame(0xe100, 2, 9, sized(1, 7, sized())),
		"an event cut short":             operation(1, 1, 1, 0x21, 0, 0, uint32(8000)),
		"an event with half a list":      operation(1, 1, 1, 0x21, 0, 0, uint32(8000), 0x0d06, sized(0x21, 0, 0, 1, 100)),
	} {
		d := fresh()
		if b := sensortest.Decode(d, p); b.Len() != 0 {
			t.Errorf("%s: %q", name, sensortest.Lines(b))
		}
		if good, bad := d.Frames(); good != 0 || bad != 1 {
			t.Errorf("%s: %d good, %d bad", name, good, bad)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []intellivue.Config{{Waves: []string{"eeg"}}, {Waves: []string{"resp", "resp"}}, {Waves: []string{"none", "resp"}},
		{Interval: -1}, {Interval: time.Millisecond}, {Waves: []string{"ecg-i", "ecg-ii", "ecg-iii", "ecg-v1"}},
		{Waves: []string{"pleth", "resp", "abp", "art", "pap", "cvp", "icp", "co2", "o2"}}} {
		if d, err := intellivue.New(cfg); err == nil || d != nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
	with(intellivue.Config{Waves: []string{"ecg-i", "ecg-ii", "ecg-v6", "pleth", "resp", "abp", "art", "pap", "cvp", "icp", "co2"}})
}

// No single flipped bit, and no two, change what is read, and the next frame is
// read.
func TestFlippedBits(t *testing.T) {
	p := numeric(0x4182, 0, 0xaa0, 72)
	next := numeric(0x4bb8, 0, 0x220, 97)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range p {
		for bit := range 8 {
			for range 4 {
				q := slices.Clone(p)
				q[i] ^= 1 << bit
				for _, l := range lines(q) {
					t.Errorf("byte %d bit %d: %q", i, bit, l)
				}
				if got := lines(q, next, next); len(got) == 0 || got[len(got)-1] != "numeric MDC_PULS_OXIM_SAT_O2 97 %" {
					t.Errorf("byte %d bit %d, then: %q", i, bit, got)
				}
				second := r.IntN(len(p) * 8)
				if second == i*8+bit {
					continue
				}
				q[second/8] ^= 1 << (second % 8)
				for _, l := range lines(q) {
					t.Errorf("byte %d bit %d and %d: %q", i, bit, second, l)
				}
			}
		}
	}
}

func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	p := make([]byte, 1<<21)
	for i := range p {
		p[i] = byte(r.Uint32())
		if r.IntN(20) == 0 {
			p[i] = []byte{0xc0, 0xc1, 0x7d, 0x11}[r.IntN(4)]
		}
	}
	d := fresh()
	if b := sensortest.Decode(d, p); b.Len() != 0 {
		t.Errorf("%q", sensortest.Lines(b))
	}
	if _, bad := d.Frames(); bad == 0 {
		t.Error("nothing is bad")
	}
}

func Fuzz(f *testing.F) {
	s := stream(3 * time.Second)
	sensortest.Fuzz(f, decoder, s[:1500], s[len(s)-1500:], numeric(0x4182, 0, 0xaa0, 72), created(1, attr(0x0928, sized("Philips"), sized("M8007A"))),
		result(waves, 1, 1000, obj(1, append(shape(16, 14), attr(0x096f, uint32(0xfdff6000), uint32(0xfd009ffb), 0, 0x3fff), attr(0x096e, array(0x0102, 0, 1, 2)))...)),
		result(alarms, 1, 1, obj(1, attr(0x0902, list(alarm(0x4bb8, 2, 0x0400, 0, "SpO₂ LOW"))))))
}

// FuzzMessage fuzzes what is behind the check sequence: frames are made right.
func FuzzMessage(f *testing.F) {
	hr := numeric(0x4182, 0, 0xaa0, 72)
	f.Add(hr[5:len(hr)-3], uint8(0))
	w := result(waves, 1, 1000, obj(1, append(shape(16, 14), attr(0x0a16, list(raw(1, 0x4000))),
		attr(0x096f, uint32(0xfdff6000), uint32(0xfd009ffb), 0, 0x3fff), attr(0x0967, list(array(0x0102, 0, 1, 2), array(0x0101, 0, 3))))...))
	f.Add(w[5:len(w)-3], uint8(100))
	a := result(alarms, 1, 1, obj(1, attr(0x0902, list(alarm(0x4bb8, 2, 0x0400, 0, "SpO₂ LOW"))), attr(0x0904, list())))
	f.Add(a[5:len(a)-3], uint8(40))
	m := created(1, attr(0x0928, sized("Philips"), sized("M8007A")), attr(0x0946, 0x2000), attr(0x092d, list(raw(1, 8, sized("DE1")))),
		attr(0x0987, "\x20\x21\x05\x04\x10\x20\x30\x00"), attr(0x098f, uint32(8000)))
	f.Add(m[5:len(m)-3], uint8(9))
	s := stream(time.Second)
	f.Add(s[5:400], uint8(7)) // an association's answer
	f.Fuzz(func(t *testing.T, payload []byte, cut uint8) {
		at := int(cut) % (len(payload) + 1)
		d := fresh()
		d.Open()
		sent, _ := d.Ask(nil, 0)
		b := new(vital.Batch)
		for _, p := range [][]byte{payload, payload, payload[:at]} {
			d.Decode(b, frame(p))
		}
		good, _ := d.Frames()
		d.Decode(b, numeric(0x4182, 0, 0xaa0, 72))
		if after, _ := d.Frames(); after != good+1 {
			t.Errorf("the frame after it is lost: %q", sensortest.Lines(b))
		}
		for i, n := range b.Numerics {
			if err := n.Validate(); err != nil {
				t.Errorf("%+v: %v", b.Numerics[i], err)
			}
		}
		for i := range b.Waves {
			if err := b.Waves[i].Validate(); err != nil {
				t.Errorf("%+v: %v", b.Waves[i], err)
			}
		}
		for i := range b.Alerts {
			if err := b.Alerts[i].Validate(); err != nil {
				t.Errorf("%+v: %v", b.Alerts[i], err)
			}
		}
		for i := range b.Events {
			if err := b.Events[i].Validate(); err != nil {
				t.Errorf("%+v: %v", b.Events[i], err)
			}
		}
		sent, next := d.Ask(sent[:0], time.Second)
		if len(sent) > 4096 || next < time.Second {
			t.Errorf("%d bytes sent, next %v", len(sent), next)
		}
	})
}

func ExampleDecoder() {
	d, err := intellivue.New(intellivue.Config{Waves: []string{"none"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Open()
	ask, _ := d.Ask(nil, 0)
	fmt.Printf("% X ... % X\n", ask[:7], ask[len(ask)-3:])
	var batch vital.Batch
	// a result of an extended poll, as read from the port
	d.Decode(&batch, []byte("\xc0\x11\x01\x00\x4c\xe1\x00\x00\x02\x00\x02\x00\x44\x00\x01\x00\x07\x00\x3e\x00\x21\x00\x00\x00\x00\xf1\x3b\x00\x34"+
		"\x00\x01\x00\x01\x00\x00\x1f\x40\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01\x00\x06\x00\x00\x00\x01\x00\x1a\x00\x00\x00\x01\x00\x14"+
		"\x00\x01\x00\x01\x00\x0e\x09\x50\x00\x0a\x4b\xb8\x00\x00\x02\x20\xff\x00\x03\xcd\x9f\x69\xc1"))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// C0 11 01 01 2C 0D FF ... 06 30 C1
	// MDC_PULS_OXIM_SAT_O2 97.3 %
}
