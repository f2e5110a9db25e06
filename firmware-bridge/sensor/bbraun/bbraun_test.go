package bbraun_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/bbraun"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func fresh() *bbraun.Decoder {
	d, err := bbraun.New(bbraun.Config{})
	if err != nil {
		panic(err) // the zero Config is a good one
	}
	return d
}

func decoder() sensor.Decoder { return fresh() }

const bed = "ComSystem"

// frame makes a message without stuffing; end is 03 or 17.
func frame(bed, text, end string) string {
	m := fmt.Sprintf("\x01%05d\x02%s/1/1>%s%s", 1+5+1+len(bed)+5+len(text)+1+5+1, bed, text, end)
	var sum byte
	for i := range len(m) {
		sum += m[i]
	}
	return m + fmt.Sprintf("%05d\x04", sum)
}

func stuff(s string) string {
	return strings.NewReplacer("D", "EX", "E", "EE", "d", "ex", "e", "ee").Replace(s)
}

// block is the last one of an answer, stuffed.
func block(quadruples ...string) []byte {
	return []byte(stuff(frame(bed, strings.Join(quadruples, "\x1e"), "\x03")))
}

func decoded(d *bbraun.Decoder, p []byte) []string {
	var b vital.Batch
	d.Decode(&b, p)
	return sensortest.Lines(&b)
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		cfg := bbraun.Config{}
		if filepath.Base(f) == "slots.txt" {
			cfg.Pumps = []string{"13", "2A"}
		}
		d, err := bbraun.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		sensortest.Replay(t, d, f)
	}
}

func shared(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "data", "bbraun-bcc", name))
	if err != nil {
		t.Skip("shared data absent: bbraun-bcc/" + name)
	}
	return data
}

// plainOf undoes the stuffing of a message with one E alone: losing one of the
// two is no error.
func plainOf(p []byte) string { return strings.Replace(string(p), "ee", "e", 1) }

// The frames of the specification and of another implementation's tests: all are
// right, and give the same with and without stuffing; with one byte changed or lost
// each is refused.
func TestVendorExamples(t *testing.T) {
	numerics := map[string]int{"memget_part1_literal.bin": 14, "memget_part1_utf8.bin": 14, "memget_part2_literal.bin": 14,
		"b1_0": 14, "b2_0": 14, "b3_0": 14, "slot_0": 14}
	r := rand.New(rand.NewPCG(1, 1))
	var names []string
	for _, n := range []string{"alive_0", "alive_1", "version_0", "version_1", "memget_req_0", "slot_req_0", "slot_0", "b1_0", "b2_0", "b3_0"} {
		names = append(names, "vendor_examples_reframed/"+n+".bin", "vendor_examples_reframed/"+n+".stuffed.bin")
	}
	for _, name := range append(names, "ok_01.bin", "memget_part1_literal.bin", "memget_part1_utf8.bin", "memget_part2_literal.bin") {
		data := shared(t, name)
		d := fresh()
		b := sensortest.Decode(d, data)
		short := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), ".bin"), ".stuffed")
		want := numerics[short] + numerics[name]
		if good, bad := d.Frames(); good != 1 || bad != 0 || len(b.Numerics) != want {
			t.Errorf("%s: %d good, %d bad, %d numbers, not %d", name, good, bad, len(b.Numerics), want)
		}
		if plain := strings.Replace(name, ".stuffed", "", 1); plain != name {
			if got, same := sensortest.Lines(b), decoded(fresh(), shared(t, plain)); !slices.Equal(got, same) {
				t.Errorf("%s: %q\nnot %q", name, got, same)
			}
		}
		for range 200 {
			p := slices.Clone(data)
			if at := r.IntN(len(p)); r.IntN(2) == 0 {
				p[at] ^= 1 << r.IntN(8)
			} else {
				p = slices.Delete(p, at, at+1)
			}
			d := fresh()
			got := sensortest.Lines(sensortest.Decode(d, p))
			if good, bad := d.Frames(); (good != 0 || bad == 0) && string(p) != plainOf(data) || len(got) > 0 && !slices.Equal(got, sensortest.Lines(b)) {
				t.Fatalf("%s: % X is taken: %q", name, p, got)
			}
		}
	}
}

// Of the messages as the specification prints them only the first has a right length
// and sum; the others are refused.
func TestMisprints(t *testing.T) {
	for text, good := range map[string]uint64{
		"\x0100031\x021/1/1>ADMIN:ALIVE\x0300061\x04":                1,
		"\x0100044\x02ComSystem/1/1>206,50100,GNACK,0\x0300109\x04":  0,
		"\x0100040\x02ComSystem/1/1>ADMIN:VERSION\x0300140\x04":      0,
		"\x0100042\x02ComSystem/1/1>207,50100,V3.30\x0300198\x04":    0,
		"\x0100034\x02ComSystem/1/1>MEM:GET\x0300191\x04":            0,
		"\x0100041\x02ComSystem/1/1>MEM:GETSLOT#13\x0300134\x04":     0,
		"\x0101151\x02ComSystem/1/1>214,50100,GNERR,51\x030005\x04":  0,
		"\x0100046\x02ComSystem/1/1>207,50111,GNERR,41\x0300058\x04": 0,
	} {
		d := fresh()
		sensortest.Decode(d, []byte(text))
		if g, bad := d.Frames(); g != good || bad != 1-good {
			t.Errorf("%q: %d good, %d bad", text, g, bad)
		}
	}
}

// What is right but for one thing is refused.
func TestRefused(t *testing.T) {
	right := frame(bed, "1,50111,INRT,5", "\x03")
	for name, text := range map[string]string{
		"bed of 16 letters":   frame("AAAABBBBCCCCDDDD", "1,50111,INRT,5", "\x03"),
		"no bed":              frame("", "1,50111,INRT,5", "\x03"),
		"a colon in the bed":  frame("A:B", "1,50111,INRT,5", "\x03"),
		"a blank in the bed":  frame("A B", "1,50111,INRT,5", "\x03"),
		"a > in the bed":      frame("A>B", "1,50111,INRT,5", "\x03"),
		"another end":         frame(bed, "1,50111,INRT,5", "\x05"),
		"no quadruple":        frame(bed, "hello", "\x03"),
		"nothing":             frame(bed, "", "\x03"),
		"length in hex":       strings.Replace(right, "00042", "0002A", 1),
		"an E that is alone":  stuff(right)[:20] + "E" + stuff(right)[20:],
		"sum without a digit": right[:len(right)-6] + "0" + right[len(right)-4:],
	} {
		d := fresh()
		b := sensortest.Decode(d, []byte(text))
		if good, bad := d.Frames(); good != 0 || bad != 1 || b.Len() != 0 {
			t.Errorf("%s: %d good, %d bad, %q", name, good, bad, sensortest.Lines(b))
		}
	}
	if d := fresh(); len(decoded(d, []byte(right))) != 1 {
		t.Error("what should be right is not")
	}
}

func TestParameters(t *testing.T) {
	const c = 1024<<16 | 0x8000 | 1<<11 | 3<<6 // the pump at 13
	for _, q := range []struct{ quadruple, want string }{
		{"50111,INRT,0.30", "numeric MDC_FLOW_FLUID_PUMP 0.30 mL/h"},
		{"50113,INRT,0.30", fmt.Sprintf("numeric %d 0.30 mL/h", c+1)},
		{"50113,INRT,1800.0", fmt.Sprintf("numeric %d 1800.0 mL/h", c+1)},
		{"50113,INRT,1801", fmt.Sprintf("numeric %d NaN mL/h [invalid not-available]", c+1)},
		{"50113,INRT,-1", fmt.Sprintf("numeric %d NaN mL/h [invalid not-available]", c+1)},
		{"50113,INRT,1e2", fmt.Sprintf("numeric %d NaN mL/h [invalid not-available]", c+1)},
		{"50113,INRT,", fmt.Sprintf("numeric %d NaN mL/h [not-available]", c+1)},
		{"50113,INRT,_NV", fmt.Sprintf("numeric %d NaN mL/h [not-available]", c+1)},
		{"50113,INRT,_NA", fmt.Sprintf("numeric %d NaN mL/h [not-available]", c+1)},
		{"50113,INRT,0", fmt.Sprintf("numeric %d 0 mL/h", c+1)},
		{"50113,INVI,1.4", fmt.Sprintf("numeric %d 1.4 mL", c+2)},
		{"50113,INVI,9999.9", fmt.Sprintf("numeric %d 9999.9 mL", c+2)},
		{"50113,INVOLACT,47.64", fmt.Sprintf("numeric %d 47.64 mL", c+3)},
		{"50113,INRMT,3600", fmt.Sprintf("numeric %d 3600 s", c+4)},
		{"50113,INRMT,65535", fmt.Sprintf("numeric %d NaN s [not-available]", c+4)},
		{"50113,INTIME,97", fmt.Sprintf("numeric %d 97 -", c+5)},
		{"50113,INBORT,800.00", fmt.Sprintf("numeric %d 800.00 mL/h", c+6)},
		{"50113,INBOVAL,0.0", fmt.Sprintf("numeric %d 0.0 mL", c+7)},
		{"50113,INBOCNT,3", fmt.Sprintf("numeric %d 3 1", c+8)},
		{"50113,INSYR,50", fmt.Sprintf("numeric %d 50 mL", c+9)},
		{"50113,INDCON,1.5", fmt.Sprintf("numeric %d 1.5 -", c+10)},
		{"50113,INDCONU,31", fmt.Sprintf("enumeration %d 31 \"\"", c+11)},
		{"50113,INDORT,2", fmt.Sprintf("numeric %d 2 -", c+12)},
		{"50113,INDORTU,50", fmt.Sprintf("enumeration %d 50 \"\"", c+13)},
		{"50113,INDORTU,_NV", fmt.Sprintf("enumeration %d 0 \"\" [not-available]", c+13)},
		{"50113,INDORTU,x", fmt.Sprintf("enumeration %d 0 \"\" [invalid not-available]", c+13)},
		{"50113,INP1,4", fmt.Sprintf("numeric %d 4 1", c+14)},
		{"50113,INP1,9", fmt.Sprintf("numeric %d NaN 1 [invalid not-available]", c+14)},
		{"50113,INP2,35", fmt.Sprintf("numeric %d 35 %%", c+15)},
		{"50113,INSTBY,1434", fmt.Sprintf("numeric %d 1434 -", c+16)},
		{"50113,INVTB,120.5", fmt.Sprintf("numeric %d 120.5 mL", c+17)},
		{"50113,INPSOLL,2", fmt.Sprintf("numeric %d 2 1", c+18)},
		{"50113,INAKKU,993", fmt.Sprintf("numeric %d 993 -", c+19)},
		{"50113,INAVRT,0.31", fmt.Sprintf("numeric %d 0.31 mL/h", c+20)},
		{"50113,PATW,71.5", fmt.Sprintf("numeric %d 71.5 kg", c+21)},
		{"50113,INPATW,71.5", fmt.Sprintf("numeric %d 71.5 kg", c+21)},
		{"50113,DSSTATUS,00050", fmt.Sprintf("enumeration %d 50 \"\"", c+22)},
		{"50113,INSOLSN,Arteren\ue021", fmt.Sprintf("enumeration %d 0 \"Arteren\\ue021\"", c+23)},
		{"50113,INSOLSN,_NV", fmt.Sprintf("enumeration %d 0 \"\" [not-available]", c+23)},
		{"50113,INSOLSN,a\xff", fmt.Sprintf("enumeration %d 0 \"\" [invalid not-available]", c+23)},
		{"50113,INSOL,NaCl 0,9%", fmt.Sprintf("enumeration %d 0 \"NaCl 0,9%%\"", c+24)},
		{"50113,INM3,1", fmt.Sprintf("enumeration %d 262148 \"\"", c)},
		{"50113,INM3,0", fmt.Sprintf("enumeration %d 262144 \"\"", c)},
		{"50113,INM3,_NV", fmt.Sprintf("enumeration %d 0 \"\" [not-available]", c)},
		{"50113,INDOCAL,1", fmt.Sprintf("enumeration %d 536879104 \"\"", c)},
		{"50113,INA3,1", fmt.Sprintf("alert high technical present %d \"pump 13: pressure\"", c+1)},
		{"50113,INA12,1", fmt.Sprintf("alert low technical present %d \"pump 13: syringe empty pre-alarm\"", c+1)},
		{"50113,INA3,0", ""},
		{"50113,INA6,_NV", ""},
		{"50113,INA4,1", ""},
		{"50113,INA99,1", ""},
		{"50113,GNMODEL,688F030006\r", `event identified 0 "B. Braun pump 13: 688F030006"`},
		{"50113,PATID,4711", ""},
		{"50113,NURSEID,4711", ""},
		{"50113,NEW,1", ""},
		{"5013O,INRT,1", fmt.Sprintf("numeric %d 1 mL/h", 1024<<16|0x8000|3<<11|24<<6|1)},
		{"501324,INRT,1", fmt.Sprintf("numeric %d 1 mL/h", 1024<<16|0x8000|3<<11|24<<6|1)},
		{"50100,GNERR,51", `alert medium technical present 0 "error 51"`},
		{"50111,GNERR,41", `alert medium technical present MDC_FLOW_FLUID_PUMP "pump 11: error 41"`},
		{"50111,GNERR,39", `alert medium technical present MDC_FLOW_FLUID_PUMP "pump 11: removed"`},
		{"50111,GNERR,x", `alert medium technical present MDC_FLOW_FLUID_PUMP "pump 11: error"`},
		{"50100,GNERR,11", `alert medium technical present 0 "no pumps"`},
		{"50100,GNERR,68", ""},
		{"50111,GNERR,811", ""},
		{"50100,V3.30", `event identified 0 "B. Braun ComDevice, BCC V3.30"`},
		{"50100,GNACK,0", ""},
	} {
		if got := strings.Join(decoded(fresh(), block("215,"+q.quadruple)), "|"); got != q.want {
			t.Errorf("%s: %q, not %q", q.quadruple, got, q.want)
		}
	}
	for _, q := range []string{"x,50111,INRT,1", "1,50110,INRT,1", "1,50101,INRT,1", "1,5014A,INRT,1", "1,5011P,INRT,1", "1,501125,INRT,1", "1,501101,INRT,1",
		"1,50211,INRT,1", "1,50111,", ",50111,INRT,1", "1,50111"} {
		d := fresh()
		if got := decoded(d, block(q)); len(got) != 0 {
			t.Errorf("%q: %q", q, got)
		}
		if _, bad := d.Frames(); bad != 1 {
			t.Errorf("%q: %d bad", q, bad)
		}
	}
}

// Alarms and errors begin and end, and a pump that is gone has no values.
func TestAlarmsAndRemoval(t *testing.T) {
	const rate = "MDC_FLOW_FLUID_PUMP"
	d := fresh()
	for _, c := range []struct {
		quadruples []string
		want       []string
	}{
		{[]string{"1,50111,INRT,5", "1,50111,INA1,0", "1,50111,INA2,1"}, []string{"numeric " + rate + " 5 mL/h",
			"alert high technical present " + rate + ` "pump 11: syringe empty"`}},
		{[]string{"2,50111,INA1,1", "2,50111,INA2,1"}, []string{"alert high technical present " + rate + ` "pump 11: battery empty"`}},
		{[]string{"3,50111,INA2,_NV"}, nil},
		{[]string{"4,50111,INA2,0"}, []string{"alert high technical ended " + rate + ` "pump 11: syringe empty"`}},
		{[]string{"5,50111,GNERR,39"}, []string{"numeric " + rate + " NaN mL/h [not-available]",
			"alert high technical ended " + rate + ` "pump 11: battery empty"`, "alert medium technical present " + rate + ` "pump 11: removed"`}},
		{[]string{"6,50111,GNERR,39"}, nil},
		{[]string{"7,50111,GNERR,41"}, []string{"alert medium technical ended " + rate + ` "pump 11: removed"`,
			"alert medium technical present " + rate + ` "pump 11: error 41"`}},
		{[]string{"8,50111,INRT,6"}, []string{"numeric " + rate + " 6 mL/h", "alert medium technical ended " + rate + ` "pump 11: error 41"`}},
		{[]string{"9,50100,GNERR,11"}, []string{"numeric " + rate + " NaN mL/h [not-available]", `alert medium technical present 0 "no pumps"`}},
		{[]string{"10,50100,FMNOR,1"}, []string{`alert medium technical ended 0 "no pumps"`}},
		{[]string{"11,50111,GNMODEL,686L030007", "11,50111,INSERNUM,61834"}, []string{`event identified 0 "B. Braun pump 11: 686L030007, serial number 61834"`}},
		{[]string{"12,50111,GNMODEL,686L030007", "12,50111,INSERNUM,61834"}, nil},
		{[]string{"13,50111,GNMODEL,686L030007", "13,50111,INSERNUM,61835"}, []string{`event identified 0 "B. Braun pump 11: 686L030007, serial number 61835"`}},
		{[]string{"14,50100,V3.30"}, []string{`event identified 0 "B. Braun ComDevice, BCC V3.30"`}},
		{[]string{"15,50100,V3.30"}, nil},
	} {
		if got := decoded(d, block(c.quadruples...)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q\nnot %q", c.quadruples, got, c.want)
		}
	}
}

// EEX is EX, and not D or ED: the specification warns of that.
func TestStuffingFromTheLeft(t *testing.T) {
	for _, name := range []string{"EX", "DEX", "EEXD", "exd", "Dd", "EeEe"} {
		want := []string{fmt.Sprintf("enumeration %d 0 %q", 1024<<16|0x8000|1<<11|1<<6|23, name)}
		plain := frame(bed, "1,50111,INSOLSN,"+name, "\x03")
		for _, p := range []string{plain, stuff(plain)} {
			if got := decoded(fresh(), []byte(p)); !slices.Equal(got, want) {
				t.Errorf("%q: %q, not %q", p, got, want)
			}
		}
	}
}

// Every private code is one of this family's, and no two pumps share one.
func TestCodes(t *testing.T) {
	seen := map[vital.Code]string{}
	for x := 1; x <= 3; x++ {
		for y := 1; y <= 24; y++ {
			at := fmt.Sprintf("501%d%d", x, y)
			if y > 9 {
				at = fmt.Sprintf("501%d%c", x, 'A'+y-10)
			}
			for _, n := range []string{"INRT", "INVI", "INP2", "INVTB", "INAVRT", "PATW"} {
				b := sensortest.Decode(fresh(), block("1,"+at+","+n+",1"))
				if len(b.Numerics) != 1 {
					t.Fatal(at, n, sensortest.Lines(b))
				}
				c := b.Numerics[0].Code
				if seen[c] != "" || c != vital.InfusionRate && (c.Partition() != 1024 || c.Term()>>13 != 4) {
					t.Errorf("%s %s: %d, as %s", at, n, c, seen[c])
				}
				seen[c] = at + n
			}
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []bbraun.Config{{Interval: -1}, {Interval: 1}, {Pumps: []string{""}}, {Pumps: []string{"00"}}, {Pumps: []string{"10"}}, {Pumps: []string{"41"}},
		{Pumps: []string{"1P"}}, {Pumps: []string{"1a"}}, {Pumps: []string{"1:"}}} {
		if d, err := bbraun.New(c); err == nil || d != nil {
			t.Errorf("%+v is taken", c)
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
	if b := sensortest.Decode(d, p); b.Len() > 0 {
		t.Errorf("%q", sensortest.Lines(b))
	}
	if _, bad := d.Frames(); bad == 0 {
		t.Error("nothing is bad")
	}
}

func ExampleDecoder() {
	d, err := bbraun.New(bbraun.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Open()
	ask, _ := d.Ask(nil, 0)
	fmt.Printf("%q\n", ask)
	var batch vital.Batch
	d.Decode(&batch, []byte("\x0100042\x02ComSysteem/1/1>1,50111,INRT,5\x0300189\x04"))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// "\x0100031\x021/1/1>AEXMIN:ALIVEE\x0300061\x04"
	// MDC_FLOW_FLUID_PUMP 5 mL/h
}
