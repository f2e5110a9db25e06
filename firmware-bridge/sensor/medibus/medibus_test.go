package medibus_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/medibus"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func fresh() *medibus.Decoder {
	d, err := medibus.New(medibus.Config{})
	if err != nil {
		panic(err) // the zero Config is a good one
	}
	return d
}

func decoder() sensor.Decoder { return fresh() }

// frame makes a reply or a command with its sum.
func frame(first, code byte, data string) []byte {
	p := append([]byte{first, code}, data...)
	var sum byte
	for _, b := range p {
		sum += b
	}
	return append(p, fmt.Sprintf("%02X\r", sum)...)
}

func reply(code byte, data string) []byte { return frame(0x01, code, data) }

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		cfg := medibus.Config{}
		if filepath.Base(f) == "alive.txt" {
			cfg.Interval = 5 * time.Second
		}
		d, err := medibus.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		sensortest.Replay(t, d, f)
	}
}

// The printed examples of the vendor's documents: the reply lines of each, and
// how many frames are good and bad.
func TestVendorExamples(t *testing.T) {
	for _, c := range []struct {
		file      string
		good, bad uint64
		lines     []string
	}{
		{"config_resp.bin", 1, 0, nil},
		{"datetime_cmd.bin", 1, 0, nil},
		{"datetime_resp.bin", 1, 0, []string{`enumeration 67109717 753016279 "1993-11-11T11:11:19"`}},
		{"devid_cmd.bin", 1, 0, nil},
		{"icc_cmd.bin", 1, 0, nil},
		{"icc_resp.bin", 1, 0, nil},
		{"meas_cp1_cmd.bin", 1, 0, nil},
		{"meas_cp1_resp_empty.bin", 1, 0, nil},
		{"meas_cp1_resp_spo2_pulse.bin", 1, 0, []string{"numeric MDC_PULS_OXIM_SAT_O2 98 %", "numeric MDC_PULS_OXIM_PULS_RATE 70 /min"}},
		{"nak_resp.bin", 1, 0, nil},
		{"nop_cmd.bin", 1, 0, nil},
		{"nop_cmd_as_printed.BADCHK.bin", 0, 1, nil},
		{"rt_enable_streams_1_2.bin", 1, 0, nil},
		{"rt_t0.bin", 1, 0, nil},
	} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "data", "draeger-medibus", c.file))
		if err != nil {
			t.Skip("shared data absent: draeger-medibus/" + c.file)
		}
		d := fresh()
		got := sensortest.Lines(sensortest.Decode(d, data))
		if !slices.Equal(got, c.lines) {
			t.Errorf("%s: %q, not %q", c.file, got, c.lines)
		}
		if good, bad := d.Frames(); good != c.good || bad != c.bad {
			t.Errorf("%s: %d good, %d bad", c.file, good, bad)
		}
	}
}

// Examples that only the document has. Three have misprinted sums, and are refused:
// the last of those has that of a longer reply.
func TestPrintedExamples(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		good, bad   uint64
	}{
		{"device identification, the sum is a misprint", "\x01R8888'Draeger Device '03.00:03.008C\r", 0, 1},
		{"a computer's identification", "\x01R0161'My PC'01.00:03.00FC\r", 1, 0},
		{"empty identification", "\x01R53\r", 1, 0},
		{"configure data response", "\x1bJ$EB10\r", 1, 0},
		{"time changed", "\x1bI64\r", 1, 0},
		{"time changed, echo", "\x01I4A\r", 1, 0},
		{"request realtime configuration", "\x1bS6E\r", 1, 0},
		{"configure realtime transmission", "\x1bT00020603FA\r", 1, 0},
		{"configure realtime transmission, reply", "\x01T55\r", 1, 0},
		{"realtime configuration", "\x01S00   16000-  10  10037006   16000-  20  1004603B\r", 1, 0},
		{"the same with the sum of the other column", "\x01S00   16000-  10  10037006   16000-  20  1004603E\r", 0, 1},
		{"only SpO2", "\x01$EB 98 7A\r", 0, 1},
		{"the time t=2", "\xd1\x94\x81", 1, 0},
		{"the time t=3", "\xd2\x8e\x83", 1, 0},
		{"inspiration", "\xd3\xc6\xc0\x90\x81\x8a\x83", 1, 0},
	} {
		d := fresh()
		sensortest.Decode(d, []byte(c.bytes))
		if good, bad := d.Frames(); good != c.good || bad != c.bad {
			t.Errorf("%s: %d good, %d bad", c.name, good, bad)
		}
	}
}

// started brings a decoder to where realtime data of Paw and CO2 comes in, as the
// document's example 5 has it.
func started(t *testing.T, waves ...string) *medibus.Decoder {
	t.Helper()
	d, err := medibus.New(medibus.Config{Waves: waves})
	if err != nil {
		t.Fatal(err)
	}
	b := sensortest.Decode(d, reply(0x53, "00   16000-  10  10037006   16000-  20  100460"), reply(0x54, ""))
	if b.Len() != 0 {
		t.Fatal(sensortest.Lines(b))
	}
	return d
}

func TestRealtime(t *testing.T) {
	const paw, co2 = "wave MDC_PRESS_AWAY 62.5/s x1/8-80 mbar", "wave MDC_AWAY_CO2 62.5/s x1/28-560 mm[Hg]"
	t0 := []byte{0xd3, 0x91, 0x81, 0x8d, 0x83}
	for _, c := range []struct {
		name  string
		bytes []byte
		want  []string
		bad   uint64
	}{
		// (81-80)/8 = 0.125 mbar; 205: (615-560)/28 = 1.964 mmHg
		{"document", t0, []string{paw + " 1: 81", co2 + " 1: 615"}, 0},
		{"inspiration", []byte{0xd3, 0xc6, 0xc0, 0x90, 0x81, 0x8a, 0x83},
			[]string{paw + " 1: 80", co2 + " 1: 606", `enumeration 67109715 0 "inspiration"`}, 0},
		{"expiration alone", []byte{0xd0, 0xc6, 0xc1, 0xc0, 0xc0}, []string{`enumeration 67109715 1 "expiration"`}, 0},
		{"one missing", slices.Concat(t0, []byte{0xd1, 0x94, 0x81}, t0),
			[]string{co2 + " 1: 615", paw + " 3: 81 84 81", co2 + " 1: 615"}, 0},
		{"a byte lost", slices.Concat(t0, t0[:4], t0, t0), []string{paw + " 1: 81", co2 + " 1: 615", paw + " 2: 81 81", co2 + " 2: 615 615"}, 1},
		{"a byte too many", slices.Concat(t0, []byte{0x80}, t0), []string{paw + " 2: 81 81", co2 + " 2: 615 615"}, 1},
		{"an order among values", slices.Concat(t0[:3], []byte{0xc6, 0xc0}, t0), []string{paw + " 1: 81", co2 + " 1: 615"}, 1},
		{"without argument", slices.Concat([]byte{0xd3, 0xc6}, t0[1:]), nil, 1},
		{"values of nothing", []byte{0xd0, 0x91, 0x81}, nil, 1},
		{"what is not defined", []byte{0xd3, 0xe0}, nil, 1},
		{"not the end", t0[:4], nil, 1},
	} {
		d := started(t, "paw", "co2")
		if got := sensortest.Lines(sensortest.Decode(d, c.bytes)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nnot %q", c.name, got, c.want)
		}
		if _, bad := d.Frames(); bad != c.bad {
			t.Errorf("%s: %d bad", c.name, bad)
		}
	}
}

// Realtime bytes and a command may come between any two bytes of a reply.
func TestInterleaved(t *testing.T) {
	t0 := []byte{0xd3, 0x91, 0x81, 0x8d, 0x83}
	whole := reply(0x24, "EB 98 E1 70 ")
	want := []string{"numeric MDC_PULS_OXIM_SAT_O2 98 %", "numeric MDC_PULS_OXIM_PULS_RATE 70 /min"}
	for at := range whole {
		for _, inner := range [][]byte{t0, frame(0x1b, 0x30, ""), {0x11, 0x13, 0x18}, slices.Concat(t0[:2], frame(0x1b, 0x52, ""), t0[2:])} {
			d := started(t, "none")
			p := slices.Concat(whole[:at], inner, whole[at:])
			if got := sensortest.Lines(sensortest.Decode(d, p)); !slices.Equal(got, want) {
				t.Errorf("% X at %d: %q", inner, at, got)
			}
			if _, bad := d.Frames(); bad != 0 {
				t.Errorf("% X at %d: %d bad", inner, at, bad)
			}
		}
	}
}

func TestOffers(t *testing.T) {
	for _, c := range []struct{ name, offer, value, want string }{
		{"a decimal point", "01   10000-9.99 9.99FFF", "\xd1\x80\xa0", "wave MDC_FLOW_AWAY 50/s x1.11/455-4095 L/min 1: 4096"},
		{"8 ms", "01    8000    0  100064", "\xd1\x85\x80", "wave MDC_FLOW_AWAY 62.5/s x1/1+0 L/min 1: 5"},
		{"3 ms", "01    3000    0  100064", "\xd1\x85\x80", "wave MDC_FLOW_AWAY 55.55556/s x1/1+0 L/min 1: 5"},
		{"a second", "01 1000000    0  100064", "\xd1\x85\x80", "wave MDC_FLOW_AWAY 1/s x1/1+0 L/min 1: 5"},
		{"no interval", "01       0    0  100064", "\xd1\x85\x80", ""},
		{"upside down", "01   16000  100    0064", "\xd1\x85\x80", ""},
		{"no bins", "01   16000    0  100000", "\xd1\x85\x80", ""},
		{"no curve that is known", "77   16000    0  100064", "\xd1\x85\x80", ""},
	} {
		d := fresh()
		got := sensortest.Lines(sensortest.Decode(d, reply(0x53, c.offer), reply(0x54, ""), []byte(c.value)))
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

// Each curve, by its code; streams from the fifth on are announced in the record.
func TestCurves(t *testing.T) {
	names := []string{"paw", "flow", "pleth", "volume", "co2", "agent", "inspiratory-flow", "expiratory-flow", "expiratory-volume"}
	for code, want := range map[byte]string{0x00: "MDC_PRESS_AWAY 1/s x1/1+0 mbar", 0x01: "MDC_FLOW_AWAY 1/s x1/1+0 L/min", 0x02: "MDC_PULS_OXIM_PLETH 1/s x1/1+0 %",
		0x03: "67109873 1/s x1/1+0 mL", 0x06: "MDC_AWAY_CO2 1/s x1/1+0 mm[Hg]", 0x07: "MDC_CONC_AWAY_CO2 1/s x1/1+0 kPa", 0x08: "MDC_CONC_AWAY_CO2 1/s x1/1+0 %",
		0x0a: "67109877 1/s x1/1+0 %", 0x20: "67109874 1/s x1/1+0 L/min", 0x21: "67109875 1/s x1/1+0 L/min", 0x24: "67109876 1/s x1/1+0 mL"} {
		d, err := medibus.New(medibus.Config{Waves: names})
		if err != nil {
			t.Fatal(err)
		}
		offer := fmt.Sprintf("%02X 1000000    0  100064", code)
		got := sensortest.Lines(sensortest.Decode(d, reply(0x53, offer), reply(0x54, ""), []byte{0xd1, 0x85, 0x80}))
		if len(got) != 1 || got[0] != "wave "+want+" 1: 5" {
			t.Errorf("%02X: %q", code, got)
		}
	}
	d, err := medibus.New(medibus.Config{Waves: names})
	if err != nil {
		t.Fatal(err)
	}
	var offers string
	for _, code := range []byte{0, 1, 2, 3, 6, 0x0a, 0x20, 0x21, 0x24} {
		offers += fmt.Sprintf("%02X 1000000    0  100064", code)
	}
	// streams 1, 6 and 9; then 2, 6 and 9 without saying it again
	b := sensortest.Decode(d, reply(0x53, offers), reply(0x54, ""), []byte{0xd1, 0xc4, 0xc2, 0xc5, 0xc1, 0x81, 0x80, 0x86, 0x80, 0x89, 0x80},
		[]byte{0xd2, 0x82, 0x80, 0x87, 0x80, 0x8a, 0x80})
	want := []string{"wave MDC_PRESS_AWAY 1/s x1/1+0 mbar 1: 1", "wave MDC_FLOW_AWAY 1/s x1/1+0 L/min 1: 2", "wave 67109877 1/s x1/1+0 % 2: 6 7",
		"wave 67109876 1/s x1/1+0 mL 2: 9 10"}
	got := sensortest.Lines(b)
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
}

// A value that is not in the list any more is absent, and not the last one.
func TestAbsence(t *testing.T) {
	d := fresh()
	for _, c := range []struct {
		code byte
		list string
		want []string
	}{
		{0x24, "EB 98 88 480", []string{"numeric MDC_PULS_OXIM_SAT_O2 98 %", "numeric MDC_VOL_AWAY_TIDAL 480 mL"}},
		{0x24, "EB 98 821.02", []string{"numeric MDC_PULS_OXIM_SAT_O2 98 %", "numeric MDC_VOL_AWAY_TIDAL 102e1 mL"}},
		{0x24, "821.02", []string{"numeric MDC_VOL_AWAY_TIDAL 102e1 mL", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available]"}},
		{0x24, "", []string{"numeric MDC_VOL_AWAY_TIDAL NaN mL [not-available]", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available]"}},
		{0x24, "EB    88 480", []string{"numeric MDC_VOL_AWAY_TIDAL 480 mL", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available]"}},
		{0x27, "L35SPO2SEN DISC", []string{`alert high technical present 0 "SPO2SEN DISC"`}},
		{0x24, "88 480", []string{"numeric MDC_VOL_AWAY_TIDAL 480 mL", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available sensor-disconnected]"}},
		{0x24, "88 480EB 98 ", []string{"numeric MDC_VOL_AWAY_TIDAL 480 mL", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available sensor-disconnected]"}},
		{0x27, "", []string{`alert high technical ended 0 "SPO2SEN DISC"`}},
		{0x24, "88 480EB  x ", []string{"numeric MDC_VOL_AWAY_TIDAL 480 mL", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [invalid not-available]"}},
		{0x24, "EB 99 78-5  ", []string{"numeric MDC_PULS_OXIM_SAT_O2 99 %", "numeric MDC_VENT_PRESS_AWAY_END_EXP_POS -5 mbar",
			"numeric MDC_VOL_AWAY_TIDAL NaN mL [not-available]"}},
		{0x25, "EB 90 ", []string{"numeric 67109784 90 %"}},
		{0x25, "", []string{"numeric 67109784 NaN % [not-available]"}},
		{0x29, "040.500", []string{"numeric 16929196 500 mL"}},
		{0x29, "", []string{"numeric 16929196 NaN mL [not-available]"}},
		{0x52, "8240'Evita 4'05.00:04.00", []string{`event identified 0 "Dräger Evita 4 (8240), revision 05.00, MEDIBUS 04.00"`}},
		{0x24, "", []string{"numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available]", "numeric MDC_VENT_PRESS_AWAY_END_EXP_POS NaN mbar [not-available]",
			"numeric MDC_VOL_AWAY_TIDAL NaN mL [not-available]"}},
		{0x52, "8250'Savina'05.00:04.00", []string{`event identified 0 "Dräger Savina (8250), revision 05.00, MEDIBUS 04.00"`}},
		{0x24, "", nil},
	} {
		var b vital.Batch
		d.Decode(&b, reply(c.code, c.list))
		got := sensortest.Lines(&b)
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%02X %q: %q\nnot %q", c.code, c.list, got, c.want)
		}
	}
}

// Each code of the table, with its unit and its digits.
func TestMeasuredData(t *testing.T) {
	for list, want := range map[string]string{
		"0645.0": "67109712 45.0 -", "07 120": "67109712 120 -", "0B12.5": "67109713 12.5 -", "08 12 ": "67109713 12 -",
		"09200 ": "67109714 200 -", "69 0.4": "67109737 0.4 s", "6F 1.7": "67109743 1.7 s", "71-  3": "67109745 -3 mbar",
		"7212.0": "67109746 12.0 mbar", "73  9 ": "151975 9 mbar", "74 18 ": "152424 18 mbar", "76 900": "67109750 900 -",
		"78  5 ": "MDC_VENT_PRESS_AWAY_END_EXP_POS 5 mbar", "79 1.2": "67109753 1.2 mbar", "7A0.75": "67109815 0.75 L/min",
		"7D 20 ": "151957 20 mbar", "81  20": "67109761 20 mL", "820.48": "MDC_VOL_AWAY_TIDAL 48e1 mL", "88 480": "MDC_VOL_AWAY_TIDAL 480 mL",
		"89 150": "67109769 150 mL", "8A 30 ": "67109770 30 %", "8B 300": "67109771 300 mL", "8D- 20": "67109773 -20 mbar",
		"B5 10 ": "67109813 10 /min", "B7 7.2": "67109815 7.2 L/min", "B80.95": "MDC_VOL_MINUTE_AWAY 0.95 L/min",
		"B9 7.2": "MDC_VOL_MINUTE_AWAY 7.2 L/min", "C1 36 ": "67109825 36 Cel", "C6  98": "67109830 98 %", "C7  90": "67109831 90 %",
		"C9  80": "67109833 80 -", "D512  ": "MDC_CO2_RESP_RATE 12 /min", "D6 12 ": "MDC_RESP_RATE 12 /min", "DA 0.1": "MDC_CONC_AWAY_CO2_INSP 0.1 %",
		"DB 5.0": "MDC_CONC_AWAY_CO2_ET 5.0 %", "E1 70 ": "MDC_PULS_OXIM_PULS_RATE 70 /min", "E3 5.1": "MDC_CONC_AWAY_CO2_ET 5.1 kPa",
		"E5 1  ": "MDC_CONC_AWAY_CO2_INSP 1 mm[Hg]", "E6 38 ": "MDC_AWAY_CO2_ET 38 mm[Hg]", "E7 1.0": "67109863 1.0 1", "E8 2.0": "67109864 2.0 1",
		"EB 98 ": "MDC_PULS_OXIM_SAT_O2 98 %", "EF 16 ": "67109871 16 %", "F0 40 ": "MDC_CONC_AWAY_O2_INSP 40 %", "FF 0.1": "MDC_CONC_AWAY_CO2_INSP 0.1 kPa",
	} {
		got := sensortest.Lines(sensortest.Decode(fresh(), reply(0x24, list)))
		if len(got) != 1 || got[0] != "numeric "+want {
			t.Errorf("%q: %q, not %q", list, got, want)
		}
	}
	if b := sensortest.Decode(fresh(), reply(0x24, "0112.0")); b.Len() != 0 {
		t.Error("a code of which nothing is known:", sensortest.Lines(b))
	}
}

// Whatever code a list has, what is read has a code that sources agree on, or a
// private one of this family, and a unit that is known or none.
func TestCodes(t *testing.T) {
	for _, list := range []struct {
		code  byte
		value string
	}{{0x24, " 10 "}, {0x25, " 10 "}, {0x26, " 10 "}, {0x29, "  10 "}} {
		for code := range 256 {
			for _, n := range sensortest.Decode(fresh(), reply(list.code, fmt.Sprintf("%02X%s", code, list.value))).Numerics {
				private := n.Code.Partition() == 1024 && n.Code.Term()>>8 == 3
				if !private && n.Code.Grade() < vital.NumberVerified || n.Unit != 0 && n.Unit.UCUM() == "" {
					t.Errorf("%02X of %02X: %+v", code, list.code, n)
				}
			}
		}
	}
}

func TestAlarms(t *testing.T) {
	d := fresh()
	for i, c := range []struct {
		code byte
		list string
		want []string
	}{
		{0x25, "EB 90 ", []string{"numeric 67109784 90 %"}},
		{0x24, "EB 88 ", []string{"numeric MDC_PULS_OXIM_SAT_O2 88 %"}},
		{0x27, "607SPO2 $&     ", []string{`alert low physiological present MDC_PULS_OXIM_SAT_O2 "SPO2 LOW" value 88 limit 90`}},
		{0x24, "EB 87 ", []string{"numeric MDC_PULS_OXIM_SAT_O2 87 % [msmt-state-in-alarm]"}},
		{0x27, "607SPO2 $&     ", nil},
		{0x27, "L07SPO2 $&     N10PAW HIGH    ", []string{`alert high physiological present MDC_PULS_OXIM_SAT_O2 "SPO2 LOW" value 87 limit 90`,
			`alert high physiological present 151957 "PAW HIGH"`}},
		{0x2e, "@5CBATTERY LOW ", []string{`alert medium technical present 0 "BATTERY LOW"`}},
		{0x27, "", []string{`alert high physiological ended MDC_PULS_OXIM_SAT_O2 "SPO2 LOW" value 87 limit 90`, `alert high physiological ended 151957 "PAW HIGH"`}},
		{0x24, "EB 92 ", []string{"numeric MDC_PULS_OXIM_SAT_O2 92 %"}},
		{0x2e, "", []string{`alert medium technical ended 0 "BATTERY LOW"`}},
		{0x27, "171TACHYPN'@OFF", []string{`alert low technical present 0 "TACHYPN ALARM OFF"`}},
		{0x27, "071TACHYPN'@OFF", nil}, // no such priority
	} {
		var b vital.Batch
		d.Decode(&b, reply(c.code, c.list))
		if got := sensortest.Lines(&b); !slices.Equal(got, c.want) {
			t.Errorf("%d: %q\nnot %q", i, got, c.want)
		}
	}
}

// Alarms of sensors are statuses of what the sensor would tell.
func TestAlarmStatuses(t *testing.T) {
	for _, c := range []struct{ alarm, list, want string }{
		{"L01NO SPO2 PULS", "EB 98 ", "98 % [questionable signal-non-pulsatile]"},
		{"168SPO2 ERR    ", "EB 98 ", "NaN % [not-available device-equipment-malfunction]"},
		{"45BSPO2 ALRM OF", "EB 98 ", "98 % [msmt-state-al-inhibited]"},
		{"LD9CO2 SENSOR ?", "DB 5.0", "NaN % [not-available sensor-disconnected]"},
		{"L3ECO2 ZERO CAL", "DB 5.0", "5.0 % [questionable signal-poor]"},
		{"163CO2 WARM UP ", "DB 5.0", "5.0 % [questionable early-indication]"},
		{"LA1% O2 ERR    ", "F0 40 ", "40 % [questionable sensor-malfunction]"},
		{"LA4VOL ERR     ", "B9 7.2", "7.2 L/min [questionable sensor-malfunction]"},
	} {
		d := fresh()
		b := sensortest.Decode(d, reply(0x27, c.alarm), reply(0x24, c.list))
		if len(b.Numerics) != 1 {
			t.Errorf("%q: %q", c.alarm, sensortest.Lines(b))
			continue
		}
		got := sensortest.Lines(&vital.Batch{Numerics: b.Numerics})[0]
		if !strings.HasSuffix(sortStatus(got), sortStatus(c.want)) {
			t.Errorf("%q: %q, not %q", c.alarm, got, c.want)
		}
	}
}

// sortStatus puts the words in brackets in order.
func sortStatus(line string) string {
	head, rest, ok := strings.Cut(line, "[")
	if !ok {
		return line
	}
	words := strings.Fields(strings.TrimSuffix(rest, "]"))
	slices.Sort(words)
	return head + fmt.Sprint(words)
}

func TestTexts(t *testing.T) {
	d := fresh()
	for i, c := range []struct {
		list string
		want []string
	}{
		{"0E:Mode BIPAP\x03", []string{`enumeration 67109716 14 "Mode BIPAP"`}},
		{"1E2..\x0320;Mode Adults\x03", []string{`enumeration 67109716 30 ".."`, `enumeration 67109716 32 "Mode Adults"`,
			`enumeration 67109716 14 "Mode BIPAP" [not-available]`}},
		{"1E2.", nil},
		{"", []string{`enumeration 67109716 30 ".." [not-available]`, `enumeration 67109716 32 "Mode Adults" [not-available]`}},
	} {
		var b vital.Batch
		d.Decode(&b, reply(0x2a, c.list))
		if got := sensortest.Lines(&b); !slices.Equal(got, c.want) {
			t.Errorf("%d: %q\nnot %q", i, got, c.want)
		}
	}
}

// Replies with the right sum and the wrong form give nothing and count as bad.
func TestMalformed(t *testing.T) {
	for code, lists := range map[byte][]string{
		0x24: {"EB 98", "eb 98 ", "G0 98 "},
		0x29: {"01 40 ", "0G 4000"},
		0x27: {"607SPO2", "P07SPO2 LOW    ", "60xSPO2 LOW    "},
		0x28: {"11:11:1911-NOV-9", "25:11:1911-NOV-93", "11:60:1911-NOV-93", "11:11:1931-NOV-93", "11:11:1911-DEC-93", "11.11:1911-NOV-93"},
		0x2a: {"0E", "0E2ab", "0EQ", "0x2ab\x03", "0E2a\x04\x03"},
		0x52: {"8240'Evita 4'05.0004.00", "8240Evita 405.00:04.00", "8240''05.00", "824\x02'Evita 4'05.00:04.00"},
		0x53: {"00   16000-  10  10037"},
	} {
		for _, list := range lists {
			d := fresh()
			if b := sensortest.Decode(d, reply(code, list)); b.Len() != 0 {
				t.Errorf("%02X %q: %q", code, list, sensortest.Lines(b))
			}
			if good, bad := d.Frames(); good != 0 || bad != 1 {
				t.Errorf("%02X %q: %d good, %d bad", code, list, good, bad)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	for _, waves := range [][]string{{"ecg"}, {"paw", "paw"}, {"none", "paw"}} {
		if d, err := medibus.New(medibus.Config{Waves: waves}); err == nil || d != nil {
			t.Errorf("%q is taken", waves)
		}
	}
	if _, err := medibus.New(medibus.Config{Interval: -1}); err == nil {
		t.Error("a negative interval")
	}
}

// No single flipped bit in a list of values changes what is read: the sum notices,
// and a byte whose highest bit flips is none of the list.
func TestFlippedBits(t *testing.T) {
	stream := reply(0x24, "EB 98 E1 70 73  9 B9 7.2820.48")
	want := sensortest.Lines(sensortest.Decode(fresh(), stream))
	for i := range stream {
		for bit := range 8 {
			p := slices.Clone(stream)
			p[i] ^= 1 << bit
			if got := sensortest.Lines(sensortest.Decode(fresh(), p)); len(got) > 0 {
				t.Errorf("byte %d bit %d: %q", i, bit, got)
			}
			// the reply after it is read
			d := fresh()
			again := sensortest.Lines(sensortest.Decode(d, p, stream))
			if !reflect.DeepEqual(again, want) {
				t.Errorf("byte %d bit %d, then: %q", i, bit, again)
			}
		}
	}
}

func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	p := make([]byte, 1<<20)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	d := fresh()
	b := sensortest.Decode(d, p)
	if len(b.Numerics) > 0 || len(b.Alerts) > 0 || len(b.Waves) > 0 || len(b.Events) > 0 {
		t.Errorf("%q", sensortest.Lines(b))
	}
	if _, bad := d.Frames(); bad == 0 {
		t.Error("nothing is bad")
	}
}

func ExampleDecoder() {
	d, err := medibus.New(medibus.Config{Waves: []string{"none"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Open()
	ask, _ := d.Ask(nil, 0)
	fmt.Printf("% X\n", ask)
	var batch vital.Batch
	d.Decode(&batch, []byte("\x01Q52\r"))
	ask, _ = d.Ask(nil, 10*time.Millisecond)
	fmt.Printf("% X\n", ask)
	d.Decode(&batch, []byte("\x01$EB 98 E1 70 7A\r"))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// 1B 51 36 43 0D
	// 1B 52 36 44 0D
	// MDC_PULS_OXIM_SAT_O2 98 %
	// MDC_PULS_OXIM_PULS_RATE 70 /min
}
