package gedri_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/gedri"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func with(t testing.TB, cfg gedri.Config) *gedri.Decoder {
	t.Helper()
	d, err := gedri.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func fresh() *gedri.Decoder {
	d, err := gedri.New(gedri.Config{})
	if err != nil {
		panic(err) // the zero Config is a good one
	}
	return d
}

func decoder() sensor.Decoder { return fresh() }

func TestTranscripts(t *testing.T) {
	sensortest.Replay(t, with(t, gedri.Config{Interval: 10 * time.Second, Waves: []string{"ecg1"}}), "testdata/vendor.txt")
	sensortest.Replay(t, with(t, gedri.Config{Waves: []string{"none"}}), "testdata/numbers.txt")
	sensortest.Replay(t, with(t, gedri.Config{Waves: []string{"co2", "paw"}}), "testdata/waves.txt")
}

// The requests that the vendor prints, from the shared data: the decoder's checks
// take them, and the host sends the same.
func TestVendorRequests(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "data", "ge-s5-dri", name))
		if err != nil {
			t.Skip("shared data absent: ge-s5-dri/" + name)
		}
		return data
	}
	start, stop, waves := read("displ_10s_start.bin"), read("displ_stop.bin"), read("wave_ecg1_start.bin")
	for _, p := range [][]byte{start, stop, waves} {
		accepted(t, p)
		for i := range p {
			for bit := range 8 {
				q := slices.Clone(p)
				q[i] ^= 1 << bit
				d := fresh()
				sensortest.Decode(d, q)
				if good, _ := d.Frames(); good != 0 {
					t.Errorf("byte %d bit %d", i, bit)
				}
			}
		}
	}
	d := with(t, gedri.Config{Interval: 10 * time.Second, Waves: []string{"ecg1"}})
	d.Open()
	if sent, _ := d.Ask(nil, 0); string(sent) != string(start)+string(waves) {
		t.Errorf("% X", sent)
	}
}

func accepted(t *testing.T, p []byte) {
	t.Helper()
	d := fresh()
	if b := sensortest.Decode(d, p); b.Len() != 0 {
		t.Errorf("a request gives %q", sensortest.Lines(b))
	}
	if good, bad := d.Frames(); good != 1 || bad != 0 {
		t.Errorf("%d good, %d bad: % X", good, bad, p)
	}
}

// Requests that only the document has; the sum of the first is escaped.
func TestPrintedRequests(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("00", n) }
	for _, text := range []string{
		"7e31" + zeros(20) + "ff" + zeros(18) + "033c000e0000000000" + "7d5d7e",
		"7e31" + zeros(20) + "ff" + zeros(18) + "030000000000000000" + "337e",
		"7e48" + zeros(13) + "01" + zeros(6) + "ff" + zeros(18) + "01000000ff" + zeros(27) + "487e",
	} {
		p, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		accepted(t, p)
	}
}

// record makes a frame of one sub-record.
func record(kind, sub byte, p []byte) []byte { return records(kind, []byte{sub}, p) }

func records(kind byte, subs []byte, parts ...[]byte) []byte {
	r := make([]byte, 40)
	r[3], r[4], r[14] = 9, 5, kind
	at := 0
	for i, p := range parts {
		put(r[16+3*i:], at)
		r[18+3*i] = subs[i]
		r = append(r, p...)
		at += len(p)
	}
	r[18+3*len(parts)] = 0xff
	put(r, len(r))
	return frame(r)
}

func frame(r []byte) []byte {
	var sum byte
	for _, b := range r {
		sum += b
	}
	out := []byte{0x7e}
	for _, b := range append(slices.Clone(r), sum) {
		if b == 0x7e || b == 0x7d {
			out = append(out, 0x7d, b&^0x20)
		} else {
			out = append(out, b)
		}
	}
	return append(out, 0x7e)
}

func put(p []byte, v int) { p[0], p[1] = byte(v), byte(v>>8) }

// numbers makes a sub-record: values by offset, the rest is 0 and does not exist.
func numbers(class byte, values map[int]int) []byte {
	p := make([]byte, 278)
	p[277] = class
	for at, v := range values {
		put(p[at:], v)
	}
	return p
}

const head = "event identified 0 \"GE S/5 monitor, interface level 9 ('05), plug 5\""

// lines leaves out what every record gives.
func lines(b *vital.Batch) []string {
	return slices.DeleteFunc(sensortest.Lines(b), func(s string) bool {
		return s == head || s == "enumeration 67109948 0 \"\""
	})
}

func TestSentinels(t *testing.T) {
	for _, c := range []struct {
		value int
		want  string
	}{
		{9750, "97.50 %"}, {0, "0.00 %"}, {-32000, "-320.00 %"},
		{-32001, "NaN % [not-available]"}, {-32761, "NaN % [not-available]"},
		{-32762, "NaN % [not-available calibration-ongoing]"},
		{-32763, "+INF % [questionable]"}, {-32764, "-INF % [questionable]"},
		{-32765, "NaN % [not-available]"}, {-32766, "NaN % [not-available]"},
		{-32767, "NaN % [invalid not-available]"}, {-32768, "NaN % [not-available]"},
	} {
		b := sensortest.Decode(fresh(), record(0, 1, numbers(0, map[int]int{122: 3, 128: c.value, 130: -32766, 132: -32767})))
		want := []string{"numeric MDC_PULS_OXIM_SAT_O2 " + c.want, "numeric MDC_PULS_OXIM_PULS_RATE NaN /min [not-available]"}
		if got := lines(b); !slices.Equal(got, want) {
			t.Errorf("%d: %q, not %q", c.value, got, want)
		}
	}
}

// Every value of every class: its place, code, unit and digits.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		class  byte
		values map[int]int
		want   []string
	}{
		{0, map[int]int{4: 3 | 1<<3, 8: 0x0127, 10: 72, 12: 30, 14: -45, 16: 7, 18: 14, 230: 71, 232: 75, 234: 70}, []string{
			"MDC_ECG_HEART_RATE 72 /min", "67109905 75 /min", "67109906 70 /min", "MDC_ECG_AMPL_ST_I 0.30 -", "MDC_ECG_AMPL_ST_II -0.45 -",
			"MDC_ECG_AMPL_ST_V 0.07 -", "MDC_TTHOR_RESP_RATE 14 /min"}},
		{0, map[int]int{4: 3 | 6<<3, 10: 72, 18: -32767, 230: 71, 232: -32767, 234: -32767}, []string{
			"MDC_PULS_RATE 72 /min", "MDC_ECG_HEART_RATE 71 /min", "MDC_TTHOR_RESP_RATE NaN /min [invalid not-available]"}},
		{0, map[int]int{4: 3 | 2<<3, 10: 72, 18: 14, 230: -32767, 232: -32767, 234: -32767}, []string{"MDC_BLD_PULS_RATE_INV 72 /min",
			"MDC_TTHOR_RESP_RATE 14 /min"}},
		{0, map[int]int{20: 3, 24: 1, 26: 12050, 28: 7525, 30: 9000, 32: 71}, []string{"MDC_PRESS_BLD_ART_SYS 120.50 mm[Hg]",
			"MDC_PRESS_BLD_ART_DIA 75.25 mm[Hg]", "MDC_PRESS_BLD_ART_MEAN 90.00 mm[Hg]", "MDC_BLD_PULS_RATE_INV 71 /min"}},
		{0, map[int]int{34: 3, 38: 2, 40: -32767, 42: -32767, 44: 800, 46: -32767}, []string{"MDC_PRESS_BLD_VEN_CENT_MEAN 8.00 mm[Hg]"}},
		{0, map[int]int{48: 3, 52: 3, 54: 2500, 56: 1000, 58: 1500, 60: -32767}, []string{"MDC_PRESS_BLD_ART_PULM_SYS 25.00 mm[Hg]",
			"MDC_PRESS_BLD_ART_PULM_DIA 10.00 mm[Hg]", "MDC_PRESS_BLD_ART_PULM_MEAN 15.00 mm[Hg]"}},
		{0, map[int]int{62: 3, 66: 7, 68: -32767, 70: -32767, 72: 1200, 74: -32767}, []string{"67110046 12.00 mm[Hg]"}},
		{0, map[int]int{244: 3, 248: 8, 250: 12000, 252: 8000, 254: 9000, 256: 70, 258: 3, 262: 8, 264: 11900, 266: -32767, 268: -32767, 270: -32767},
			[]string{"MDC_PRESS_BLD_ART_ABP_SYS 120.00 mm[Hg]", "MDC_PRESS_BLD_ART_ABP_DIA 80.00 mm[Hg]", "MDC_PRESS_BLD_ART_ABP_MEAN 90.00 mm[Hg]",
				"MDC_BLD_PULS_RATE_INV 70 /min", "67110072 119.00 mm[Hg]"}},
		{0, map[int]int{76: 3, 82: 12000, 84: 8000, 86: 9300, 88: 66}, []string{"MDC_PRESS_BLD_NONINV_SYS 120.00 mm[Hg]",
			"MDC_PRESS_BLD_NONINV_DIA 80.00 mm[Hg]", "MDC_PRESS_BLD_NONINV_MEAN 93.00 mm[Hg]", "MDC_PULS_RATE_NON_INV 66 /min"}},
		{0, map[int]int{90: 3, 94: 11, 96: 3660, 98: 3, 102: 1, 104: 3670, 106: 3, 110: 12, 112: 3200, 114: 3, 118: 0, 120: 2000},
			[]string{"MDC_TEMP 36.60 Cel", "MDC_TEMP_ESOPH 36.70 Cel", "67110004 32.00 Cel"}},
		{0, map[int]int{90: 3, 94: 2, 96: 3660, 98: 3, 102: 3, 104: 3670, 106: 3, 110: 4, 112: 3200, 114: 3, 118: 7, 120: 2000},
			[]string{"MDC_TEMP_NASOPH 36.60 Cel", "MDC_TEMP_TYMP 36.70 Cel", "MDC_TEMP_RECT 32.00 Cel", "MDC_TEMP_SKIN 20.00 Cel"}},
		{0, map[int]int{122: 3, 128: 9700, 130: 72, 132: 250}, []string{"MDC_PULS_OXIM_SAT_O2 97.00 %", "MDC_PULS_OXIM_PULS_RATE 72 /min", "67109910 2.50 %"}},
		{0, map[int]int{136: 3, 140: 1, 142: 512, 144: 10, 146: 14, 148: 7600}, []string{"MDC_CONC_AWAY_CO2_ET 5.12 %", "MDC_CONC_AWAY_CO2_INSP 0.10 %",
			"MDC_CO2_RESP_RATE 14 /min", "67109889 760.0 mm[Hg]"}},
		{0, map[int]int{136: 3, 140: 2 << 3, 142: 512, 144: 4000, 146: 14, 148: -32767}, []string{"MDC_CONC_AWAY_CO2_ET 5.12 %", "MDC_CO2_RESP_RATE 14 /min"}},
		{0, map[int]int{150: 3, 156: 3500, 158: 4000, 160: 3, 166: 5000, 168: 5100}, []string{"67109890 35.00 %", "MDC_CONC_AWAY_O2_INSP 40.00 %",
			"67109891 50.00 %", "67109892 51.00 %"}},
		{0, map[int]int{170: 3, 174: 6, 176: 180, 178: 200, 180: 95}, []string{"67109893 1.80 %", "67109894 2.00 %", "67109895 0.95 1", `enumeration 67109896 6 "SEV"`}},
		{0, map[int]int{182: 3, 188: 12, 190: 2050, 192: 500, 194: 1800, 196: 4900, 198: 4805, 200: 3700, 202: 576}, []string{"MDC_AWAY_RESP_RATE 12 /min",
			"151957 20.50 cm[H2O]", "MDC_VENT_PRESS_AWAY_END_EXP_POS 5.00 cm[H2O]", "152424 18.00 cm[H2O]", "67109898 490.0 mL",
			"MDC_VOL_AWAY_TIDAL 480.5 mL", "67109899 37.00 -", "MDC_VOL_MINUTE_AWAY 5.76 L/min"}},
		{0, map[int]int{204: 3, 210: 5200, 212: 3710, 214: 4000, 216: 1200, 218: 3, 224: 990, 226: 880}, []string{"67109900 5200 -", "MDC_TEMP_BLD 37.10 Cel",
			"67109901 40.00 %", "67109902 12.00 mm[Hg]", "67109903 99.0 %", "67109904 88.0 %"}},
		{0, map[int]int{236: 3, 240: 2, 242: 7500}, []string{"67109909 75.00 %"}},
		{1, map[int]int{4: 3, 12: 833, 14: 6, 16: 1 << 14, 52: 3, 58: 1, 60: 2, 62: 3, 64: 4, 66: 5, 68: 6, 70: 7, 72: 8, 74: 9, 76: 10, 78: 11, 80: 12}, []string{
			"67109911 0.833 s", "MDC_ECG_V_P_C_RATE 6 /min", "MDC_ECG_AMPL_ST_I 0.01 -", "MDC_ECG_AMPL_ST_II 0.02 -", "MDC_ECG_AMPL_ST_III 0.03 -",
			"MDC_ECG_AMPL_ST_AVL 0.04 -", "MDC_ECG_AMPL_ST_AVR 0.05 -", "MDC_ECG_AMPL_ST_AVF 0.06 -", "67109913 0.07 -", "67109914 0.08 -",
			"67109915 0.09 -", "67109916 0.10 -", "67109917 0.11 -", "67109918 0.12 -", `enumeration 67109912 16384 ""`}},
		{1, map[int]int{82: 3, 86: 1, 88: 11000, 90: 7000, 92: 8000, 94: 60, 110: 3, 116: 9600, 118: 61, 120: 100, 124: 3, 128: 17, 130: 3300}, []string{
			"MDC_PRESS_BLD_ART_SYS 110.00 mm[Hg]", "MDC_PRESS_BLD_ART_DIA 70.00 mm[Hg]", "MDC_PRESS_BLD_ART_MEAN 80.00 mm[Hg]",
			"MDC_BLD_PULS_RATE_INV 60 /min", "67109919 96.00 %", "67109920 61 /min", "67109921 1.00 %", "67110009 33.00 Cel"}},
		{2, map[int]int{4: 3, 10: 4, 100: 3, 106: 45, 108: 90, 110: 30, 112: 0, 116: 3, 122: 44, 124: 46, 126: 0, 234: 3, 240: 35}, []string{"67109922 4 1",
			"67109923 45 1", "67109924 90 %", "67109925 30 -", "67109926 0 %", "67109927 44 1", "67109928 46 1", "67109929 0 %", "67109930 35 1"}},
		{3, map[int]int{4: 3, 10: 2500, 12: 2000, 14: 1700, 16: 800, 96: 3, 102: 110, 120: 3, 126: 500, 128: 1000, 130: 3, 136: 7000, 138: 3, 144: 7100},
			[]string{"67109931 250.0 -", "67109932 200.0 -", "67109933 1700 -", "67109934 0.800 1", "67109897 1.10 1", "67109943 5.00 mm[Hg]",
				"67109944 10.00 %", "67109945 70.00 mm[Hg]", "67109946 71.00 mm[Hg]"}},
		{3, map[int]int{18: 3, 24: 100, 26: 900, 28: 800, 30: 600, 32: 500, 34: 0, 36: 50, 38: 170, 40: 340}, []string{"67109935 1.00 cm[H2O]",
			"151975 9.00 cm[H2O]", "67109936 8.00 -", "67109937 6.00 L/min", "67109938 5.00 cm[H2O]", "67109939 0.00 L/min", "67109940 0.50 1",
			"67109941 1.70 s", "67109942 3.40 s"}},
	} {
		got := lines(sensortest.Decode(fresh(), record(0, 1, numbers(c.class, c.values))))
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "numeric ")
		}
		// the group without a head is there with zeros in these records
		if _, ok := c.values[230]; !ok {
			got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "67109905 ") || strings.HasPrefix(s, "67109906 ") })
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("class %d %v:\n%q\nnot\n%q", c.class, c.values, got, c.want)
		}
	}
}

// With ST of 12 leads in the same record, that of the basic class is not given twice.
func TestTwelveLeads(t *testing.T) {
	basic, twelve := numbers(0, map[int]int{4: 3, 8: 0x0200, 12: 30}), numbers(1, map[int]int{52: 3, 60: 30})
	d := fresh()
	for _, c := range []struct {
		p    []byte
		want int
	}{{records(0, []byte{1, 1}, basic, twelve), 1}, {record(0, 1, basic), 0}, {records(0, []byte{1, 1}, basic, numbers(1, nil)), 1},
		{record(0, 1, basic), 1}} {
		var b vital.Batch
		d.Decode(&b, c.p)
		if n := sensortest.Count(&b, 131842); n != c.want {
			t.Errorf("%d of lead II, not %d", n, c.want)
		}
	}
}

// Whatever a monitor's labels are, what is read has a code that sources agree on,
// or a private one of this family, and a unit that is known or none.
func TestCodes(t *testing.T) {
	for class := range byte(4) {
		for label := range 32 {
			values := map[int]int{}
			for at := 4; at < 274; at += 2 {
				values[at] = 3
			}
			for _, at := range []int{24, 38, 52, 66, 94, 102, 110, 118, 174, 240, 248, 262, 86, 100, 128, 136} {
				values[at] = label
			}
			for _, n := range sensortest.Decode(fresh(), record(0, 1, numbers(class, values))).Numerics {
				private := n.Code.Partition() == 1024 && n.Code.Term()>>8 == 4
				if !private && n.Code.Grade() < vital.NumberVerified || n.Unit != 0 && n.Unit.UCUM() == "" {
					t.Errorf("class %d label %d: %+v", class, label, n)
				}
			}
		}
	}
}

// Each status bit with a meaning.
func TestStatusBits(t *testing.T) {
	for _, c := range []struct {
		name   string
		class  byte
		values map[int]int
		want   string // of the first value
	}{
		{"not active", 0, map[int]int{122: 1, 128: 9700}, "MDC_PULS_OXIM_SAT_O2 97.00 % [questionable]"},
		{"noise", 0, map[int]int{4: 3 | 1<<3 | 1<<7, 10: 60}, "MDC_ECG_HEART_RATE 60 /min [questionable signal-poor]"},
		{"artifact", 0, map[int]int{4: 3 | 1<<3 | 1<<8, 10: 60}, "MDC_ECG_HEART_RATE 60 /min [questionable signal-erratic]"},
		{"learning", 0, map[int]int{4: 3 | 1<<3 | 1<<9, 10: 60}, "MDC_ECG_HEART_RATE 60 /min [questionable signal-searching]"},
		{"noise, rate from SpO2", 0, map[int]int{4: 3 | 6<<3 | 1<<7, 10: 60}, "MDC_PULS_RATE 60 /min"},
		{"leads off", 0, map[int]int{4: 3 | 1<<3 | 7<<11, 10: 60}, "MDC_ECG_HEART_RATE NaN /min [not-available sensor-off]"},
		{"one lead off", 0, map[int]int{4: 3 | 1<<3 | 1<<11, 10: 60}, "MDC_ECG_HEART_RATE 60 /min"},
		{"zeroing", 0, map[int]int{20: 3 | 1<<2, 24: 1, 26: 100}, "MDC_PRESS_BLD_ART_SYS 1.00 mm[Hg] [questionable calibration-ongoing]"},
		{"measuring", 0, map[int]int{76: 3, 80: 1 << 5, 82: 12000}, "MDC_PRESS_BLD_NONINV_SYS 120.00 mm[Hg] [msmt-ongoing]"},
		{"calibrating", 0, map[int]int{76: 3, 80: 1 << 7, 82: 12000}, "MDC_PRESS_BLD_NONINV_SYS 120.00 mm[Hg] [questionable calibration-ongoing]"},
		{"old", 0, map[int]int{76: 3, 80: 1 << 8, 82: 12000}, "MDC_PRESS_BLD_NONINV_SYS 120.00 mm[Hg] [device-extended-update]"},
		{"CO2 calibrating", 0, map[int]int{136: 3 | 1<<3, 142: 500}, "MDC_CONC_AWAY_CO2_ET 5.00 % [questionable calibration-ongoing]"},
		{"CO2 zeroing", 0, map[int]int{136: 3 | 1<<4, 142: 500}, "MDC_CONC_AWAY_CO2_ET 5.00 % [questionable calibration-ongoing]"},
		{"CO2 apnea off", 0, map[int]int{136: 3 | 1<<8, 142: 500}, "MDC_CONC_AWAY_CO2_ET 5.00 % [msmt-state-al-inhibited]"},
		{"flow off", 0, map[int]int{182: 3 | 1<<7, 188: 12}, "MDC_AWAY_RESP_RATE NaN /min [not-available]"},
		{"flow zeroing", 0, map[int]int{182: 3 | 1<<4, 188: 12}, "MDC_AWAY_RESP_RATE 12 /min [questionable calibration-ongoing]"},
		{"SvO2 intensity", 0, map[int]int{236: 3 | 1<<9, 240: 2, 242: 7000}, "67109909 70.00 % [questionable signal-pulse-questionable]"},
		{"entropy starting", 2, map[int]int{116: 3 | 1<<11, 122: 44}, "67109927 44 1 [early-indication]"},
		{"SPI noise", 2, map[int]int{234: 3 | 1<<6, 240: 35}, "67109930 35 1 [questionable signal-poor]"},
	} {
		b := sensortest.Decode(fresh(), record(0, 1, numbers(c.class, c.values)))
		got := sensortest.Lines(&vital.Batch{Numerics: b.Numerics})
		if len(got) == 0 || got[0] != "numeric "+c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

// A module that is pulled, and a value that is not measured any more.
func TestGone(t *testing.T) {
	d := fresh()
	for i, c := range []struct {
		values map[int]int
		want   []string
	}{
		{map[int]int{236: 3, 240: 2, 242: -32767}, nil},
		{map[int]int{236: 3, 240: 2, 242: 7500}, []string{"numeric 67109909 75.00 %"}},
		{map[int]int{236: 3, 240: 2, 242: -32766}, []string{"numeric 67109909 NaN % [not-available]"}},
		{map[int]int{236: 3 | 1<<4, 240: 2, 242: 7500}, []string{"numeric 67109909 NaN % [not-available sensor-disconnected]"}},
		{map[int]int{242: 7500}, []string{"numeric 67109909 NaN % [not-available sensor-disconnected]"}},
		{map[int]int{236: 3, 240: 2, 242: 7600}, []string{"numeric 67109909 76.00 %"}},
	} {
		var b vital.Batch
		d.Decode(&b, record(0, 1, numbers(0, c.values)))
		if got := lines(&b); !slices.Equal(got, c.want) {
			t.Errorf("%d: %q, not %q", i, got, c.want)
		}
	}
}

func TestConditions(t *testing.T) {
	d := fresh()
	for i, c := range []struct {
		values map[int]int
		want   []string
	}{
		{map[int]int{136: 3 | 1<<2 | 1<<5}, []string{`alert high physiological present MDC_CO2_RESP_RATE "apnea"`,
			`alert low technical present MDC_CONC_AWAY_CO2_ET "CO2 occlusion"`}},
		{map[int]int{136: 3 | 1<<2 | 1<<5}, nil},
		{map[int]int{136: 3, 4: 3 | 1<<2, 182: 3 | 1<<2}, []string{`alert high physiological present MDC_ECG_HEART_RATE "asystole"`,
			`alert high physiological ended MDC_CO2_RESP_RATE "apnea"`, `alert low technical ended MDC_CONC_AWAY_CO2_ET "CO2 occlusion"`,
			`alert low technical present MDC_VOL_AWAY_TIDAL "spirometry disconnection"`}},
		{map[int]int{136: 3}, []string{`alert high physiological ended MDC_ECG_HEART_RATE "asystole"`,
			`alert low technical ended MDC_VOL_AWAY_TIDAL "spirometry disconnection"`}},
	} {
		var b vital.Batch
		d.Decode(&b, record(0, 1, numbers(0, c.values)))
		if got := sensortest.Lines(&vital.Batch{Alerts: b.Alerts}); !slices.Equal(got, c.want) {
			t.Errorf("%d: %q, not %q", i, got, c.want)
		}
	}
}

func wave(status int, samples ...int) []byte {
	p := make([]byte, 6+2*len(samples))
	put(p, len(samples))
	put(p[2:], status)
	for i, s := range samples {
		put(p[6+2*i:], s)
	}
	return p
}

func TestWaves(t *testing.T) {
	labels := record(0, 1, numbers(0, map[int]int{4: 3, 8: 0x0237, 20: 3, 24: 1, 34: 3, 38: 7}))
	for _, c := range []struct {
		name  string
		first []byte
		sub   byte
		p     []byte
		want  []string
	}{
		{"ECG", nil, 1, wave(0, 100, -200), []string{"wave MDC_ECG_ELEC_POTL 300/s x0.001/1+0 mV 2: 100 -200"}},
		{"lead II", labels, 1, wave(0, 100), []string{"wave MDC_ECG_ELEC_POTL_II 300/s x0.001/1+0 mV 1: 100"}},
		{"lead III", labels, 2, wave(0, 100), []string{"wave MDC_ECG_ELEC_POTL_III 300/s x0.001/1+0 mV 1: 100"}},
		{"lead V", labels, 3, wave(0, 100), []string{"wave MDC_ECG_ELEC_POTL_V 300/s x0.001/1+0 mV 1: 100"}},
		{"P1", nil, 4, wave(0, 12000), []string{"wave 67110117 100/s x0.01/1+0 mm[Hg] 1: 12000"}},
		{"ART", labels, 4, wave(0, 12000), []string{"wave MDC_PRESS_BLD_ART 100/s x0.01/1+0 mm[Hg] 1: 12000"}},
		{"ICP", labels, 5, wave(0, 1200), []string{"wave 67110115 100/s x0.01/1+0 mm[Hg] 1: 1200"}},
		{"pleth", nil, 8, wave(0, 1, 2), []string{"wave MDC_PULS_OXIM_PLETH 100/s x0.01/1+0 % 2: 1 2"}},
		{"gap", nil, 9, wave(1, 500), []string{"wave MDC_CONC_AWAY_CO2 25/s x0.01/1+0 % [signal-processing-irregularity] 1: 500"}},
		{"lead off", nil, 1, wave(8, 0, 0), []string{"wave MDC_ECG_ELEC_POTL 300/s x0.001/1+0 mV [questionable sensor-off] 2: 0 0"}},
		{"pacer", nil, 1, wave(4, 1), []string{"wave MDC_ECG_ELEC_POTL 300/s x0.001/1+0 mV 1: 1", `enumeration 67109947 1 "pacer"`}},
		{"control codes", nil, 13, wave(0, -32767, 50, 51, -32000, -31999), []string{"wave MDC_PRESS_AWAY 25/s x0.1/1+0 cm[H2O] 2: 50 51",
			"wave MDC_PRESS_AWAY 25/s x0.1/1+0 cm[H2O] 1: -31999"}},
		{"only control codes", nil, 14, wave(0, -32767), nil},
		{"resp", nil, 15, wave(0, 5), []string{"wave MDC_IMPED_TTHOR 25/s x0.01/1+0 Ohm 1: 5"}},
		{"12 leads", nil, 22, wave(0, 5), nil},
		{"EEG", nil, 18, wave(0, 5), nil},
		{"volume", nil, 23, wave(0, 480), []string{"wave 67109975 25/s x1/1+0 mL 1: 480"}},
	} {
		d := fresh()
		var b vital.Batch
		d.Decode(&b, c.first)
		b.Reset()
		d.Decode(&b, record(1, c.sub, c.p))
		if got := lines(&b); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nnot %q", c.name, got, c.want)
		}
	}
}

// Records with the right sum that contradict themselves.
func TestContradictions(t *testing.T) {
	short := make([]byte, 41)
	put(short, 41)
	short[18] = 0xff
	for name, p := range map[string][]byte{
		"numbers that are too short":  record(0, 1, make([]byte, 277)),
		"a class that there is not":   record(0, 1, numbers(4, nil)),
		"a wave longer than the rest": record(1, 1, wave(0, 1, 2)[:9]),
		"a wave of less than nothing": record(1, 1, []byte{0xff, 0xff, 0, 0, 0, 0}),
		"a wave without its head":     record(1, 1, []byte{0, 0, 0}),
		"a wrong length":              frame(append(slices.Clone(short), 0)),
		"an escape of nothing":        {0x7e, 0x7d, 0x7e},
		"an escape of another byte":   slices.Insert(frame(short), 5, 0x7d),
		"nothing but a sum":           {0x7e, 0x00, 0x7e},
		"bytes without a flag":        {1, 2, 3},
		"too long":                    frame(make([]byte, 5000)),
	} {
		d := fresh()
		if b := sensortest.Decode(d, p); b.Len() != 0 {
			t.Errorf("%s: %q", name, sensortest.Lines(b))
		}
		if good, bad := d.Frames(); good != 0 || bad != 1 {
			t.Errorf("%s: %d good, %d bad", name, good, bad)
		}
	}
	outside := record(1, 1, wave(0, 1))
	outside[17] = 0x70 // the offset
	outside[len(outside)-2] += 0x70
	d := fresh()
	if b := sensortest.Decode(d, outside); b.Len() != 0 {
		t.Error(sensortest.Lines(b))
	}
}

// Any byte of record and sum may have to be escaped.
func TestEscapes(t *testing.T) {
	for v := range 256 {
		d := fresh()
		b := sensortest.Decode(d, record(1, 9, wave(0, v, 0x7e7d, 0x7d7e, 0x7e)))
		if len(b.Waves) != 1 || b.Waves[0].Samples[0] != int32(v) || b.Waves[0].Samples[1] != 0x7e7d || b.Waves[0].Samples[2] != 0x7d7e {
			t.Errorf("%02X: %+v", v, b.Waves)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []gedri.Config{
		{Interval: time.Second}, {Interval: 5500 * time.Millisecond}, {Interval: 10 * time.Hour}, {Interval: -time.Second},
		{Waves: []string{"eeg"}}, {Waves: []string{"none", "ecg1"}}, {Waves: []string{"ecg1", "ecg1"}}, {Waves: []string{"ecg1", "ecg2", "co2"}},
		{Waves: []string{"co2", "o2", "n2o", "agent", "paw", "flow", "volume", "resp", "tonometry"}},
	} {
		if d, err := gedri.New(cfg); err == nil || d != nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func TestFlippedBits(t *testing.T) {
	stream := record(0, 1, numbers(0, map[int]int{122: 3, 128: 9700, 130: 0x7e}))
	want := lines(sensortest.Decode(fresh(), stream))
	for i := range stream {
		for bit := range 8 {
			p := slices.Clone(stream)
			p[i] ^= 1 << bit
			d := fresh()
			if got := lines(sensortest.Decode(d, p)); len(got) > 0 {
				t.Errorf("byte %d bit %d: %q", i, bit, got)
			}
			d = fresh()
			if got := lines(sensortest.Decode(d, p, stream)); !slices.Equal(got, want) {
				t.Errorf("byte %d bit %d, then: %q", i, bit, got)
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
	if b := sensortest.Decode(d, p); b.Len() != 0 {
		t.Errorf("%q", sensortest.Lines(b))
	}
	if _, bad := d.Frames(); bad == 0 {
		t.Error("nothing is bad")
	}
}

func ExampleDecoder() {
	d, err := gedri.New(gedri.Config{Interval: 10 * time.Second, Waves: []string{"ecg1", "pleth"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Open()
	ask, again := d.Ask(nil, 0)
	fmt.Println(len(ask), "bytes, and again in", again)
	var batch vital.Batch
	d.Decode(&batch, record(0, 1, numbers(0, map[int]int{122: 3, 128: 9725, 130: 72, 132: -32767})))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// 127 bytes, and again in 5s
	// MDC_PULS_OXIM_SAT_O2 97.25 %
	// MDC_PULS_OXIM_PULS_RATE 72 /min
}
