package masimo_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/masimo"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// real is a line recorded from a Rad-8.
const real = "02/22/16 22:47:45 SN=0000056661 SPO2=098% BPM=097 PI=03.60% SPCO=--.-% SPMET=--.-% DESAT=-- PIDELTA=+-- ALARM=0000 EXC=000800"

func decodeAll(d *masimo.Decoder, chunks ...string) *vital.Batch {
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

func TestRecordedLine(t *testing.T) {
	d := new(masimo.Decoder)
	b := decodeAll(d, real+"\r\n")
	if got, want := show(b), "150456 98 %; 149530 97 /min; 150448 3.60 %"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(b.Events) != 1 || b.Events[0].Kind != vital.EventIdentified || b.Events[0].Text != "Masimo SN=0000056661" || len(b.Enumerations) != 0 {
		t.Errorf("%+v %+v", b.Events, b.Enumerations)
	}
	if good, bad := d.Frames(); good != 1 || bad != 0 || d.Ignored() != 4 {
		t.Errorf("%d good, %d bad, %d ignored", good, bad, d.Ignored())
	}
}

// What a device sends, and what comes of it.
func TestTranscript(t *testing.T) { sensortest.Replay(t, new(masimo.Decoder), "testdata/rad8.txt") }

func TestLines(t *testing.T) {
	const at = "01/01/26 00:00:00 "
	for _, c := range []struct{ name, line, want string }{
		{"no index", at + "SN=1 SPO2=098% BPM=097 ALARM=0000 EXC=000800", "150456 98 %; 149530 97 /min"},
		{"no percent signs", at + "SN=1 SPO2=098 BPM=097 PI=12.30 EXC=0000", "150456 98 %; 149530 97 /min; 150448 12.30 %"},
		{"Radical-7 fields", at + "SN=1 SPO2=098% BPM=097 PI=00.47% SPHB=12.1 SPOC=--.- RESVD=--- PVI=015 EXC=0000800 EXC1=0000000", "150456 98 %; 149530 97 /min; 150448 0.47 %"},
		{"no values", at + "SPO2=---% BPM=--- PI=--.--% EXC=000820", "150456 NaN % not-available sensor-off; 149530 NaN /min not-available sensor-off; 150448 NaN % not-available sensor-off"},
		{"a dash inside", at + "SPO2=0-8% BPM=097 EXC=000800", "150456 NaN % not-available; 149530 97 /min"},
		{"held while off", at + "SPO2=098% BPM=097 EXC=000020", "150456 NaN % not-available sensor-off; 149530 NaN /min not-available sensor-off"},
		{"no sensor", at + "SPO2=098% EXC=000001", "150456 NaN % not-available sensor-disconnected"},
		{"defective", at + "SPO2=098% EXC=000002", "150456 NaN % not-available sensor-malfunction"},
		{"not recognised", at + "SPO2=098% EXC=000080", "150456 NaN % not-available sensor-unsupported"},
		{"low perfusion", at + "SPO2=098% EXC=000804", "150456 98 % signal-low-perfusion"},
		{"search", at + "SPO2=098% EXC=000808", "150456 98 % questionable signal-searching"},
		{"interference", at + "SPO2=098% EXC=000810", "150456 98 % questionable sensor-interference"},
		{"light", at + "SPO2=098% EXC=000840", "150456 98 % questionable sensor-interference"},
		{"poor signal", at + "SPO2=098% EXC=000C00", "150456 98 % questionable signal-poor"},
		{"bits without meaning", at + "SPO2=098% EXC=FFF300", "150456 98 %"},

		{"saturation above 100", at + "SPO2=198% EXC=0000", ""},
		{"letters", at + "SPO2=O98% EXC=0000", ""},
		{"a digit lost", at + "SPO2=8% EXC=0000", ""},
		{"a digit of three lost", at + "SPO2=098% BPM=09 EXC=0000", ""},
		{"no serial number", at + "SN=---------- SPO2=098% EXC=0000", "150456 98 %"},
		{"twice", at + "SPO2=098% SPO2=097% EXC=0000", ""},
		{"no key", at + "SPO2=098% =097 EXC=0000", ""},
		{"no value", at + "SPO2=098% BPM= EXC=0000", ""},
		{"bad exceptions", at + "SPO2=098% EXC=00G0", ""},
		{"short exceptions", at + "SPO2=098% EXC=8", ""},
		{"no reading", at + "SN=12 EXC=0000", ""},
		{"no time", "SPO2=098% EXC=0000", ""},
		{"half a time", "6 22:47:45 SPO2=098% EXC=0000", ""},
		{"two lines in one", real + real, ""},
		{"header", "MASIMO Rad-8 V1.2", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := new(masimo.Decoder)
			if got := show(decodeAll(d, c.line+"\n")); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if good, bad := d.Frames(); good+bad != 1 || (good == 1) != (c.want != "") {
				t.Errorf("%d good, %d bad", good, bad)
			}
		})
	}
}

func TestAlarmAndSerialAreToldOnChange(t *testing.T) {
	d := new(masimo.Decoder)
	alarm := strings.Replace(real, "ALARM=0000", "ALARM=00A5", 1)
	other := strings.Replace(real, "56661", "56662", 1)
	b := decodeAll(d, strings.Join([]string{real, real, alarm, alarm, real, other, ""}, "\n"))
	if len(b.Enumerations) != 2 || b.Enumerations[0].Value != 0xa5 || b.Enumerations[1].Value != 0 || b.Enumerations[0].Code != vital.SpO2 {
		t.Errorf("%+v", b.Enumerations)
	}
	if len(b.Events) != 2 || b.Events[1].Text != "Masimo SN=0000056662" {
		t.Errorf("%+v", b.Events)
	}
}

func TestLastLineWithoutEnd(t *testing.T) {
	if n := len(decodeAll(new(masimo.Decoder), real).Numerics); n != 3 {
		t.Errorf("alone: %d numerics", n)
	}
	// Cut anywhere after a whole line: only the whole one counts.
	for n := 1; n < len(real); n++ {
		d := new(masimo.Decoder)
		if got := len(decodeAll(d, real+"\n", real[:n]).Numerics); got != 3 {
			t.Errorf("cut to %d bytes: %d numerics", n, got)
		}
		if _, bad := d.Frames(); bad != 1 {
			t.Errorf("cut to %d bytes: %d bad", n, bad)
		}
	}
	if n := len(decodeAll(new(masimo.Decoder), real+"\n", real).Numerics); n != 6 {
		t.Errorf("whole after a whole: %d numerics", n)
	}
}

func TestEveryChunking(t *testing.T) {
	stream := "garb\x00age\xff" + real[40:] + "\r\n" + real + "\r\n\r\n" + strings.Repeat("x", 3000) + "\n" + real + "\n" + real
	want := decodeAll(new(masimo.Decoder), stream)
	if len(want.Numerics) != 9 {
		t.Fatalf("%d numerics", len(want.Numerics))
	}
	for size := 1; size < 700; size++ {
		d, b := new(masimo.Decoder), new(vital.Batch)
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			d.Decode(b, []byte(rest[:min(size, len(rest))]))
		}
		d.Flush(b)
		if good, bad := d.Frames(); !reflect.DeepEqual(b, want) || good != 3 || bad != 2 {
			t.Fatalf("chunks of %d: %d good, %d bad, %s", size, good, bad, show(b))
		}
	}
}

// Joined in the middle of a line, the decoder waits for the next.
func TestJoinedInTheMiddle(t *testing.T) {
	for n := 1; n < len(real); n++ {
		if got := show(decodeAll(new(masimo.Decoder), real[n:]+"\n")); got != "" {
			t.Errorf("from byte %d: %s", n, got)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	const bits = vital.SensorDisconnected | vital.SensorOff | vital.SignalSearching | vital.SignalLowPerfusion | vital.SignalErratic
	r := rand.New(rand.NewPCG(3, 4))
	for range 10000 {
		v := sim.NoVitals()
		if r.IntN(10) > 0 {
			v.PulseRate = float64(r.IntN(1000))
		}
		if r.IntN(10) > 0 {
			v.SpO2 = float64(r.IntN(101))
		}
		if r.IntN(10) > 0 {
			v.Perfusion = float64(r.IntN(2100)) / 100
		}
		if r.IntN(2) > 0 {
			v.Status = vital.Status(r.Uint32()) & bits
		}
		stream, _ := masimo.Simulate(sim.Fixed{Numbers: v}).Next(nil)
		b := decodeAll(new(masimo.Decoder), string(stream))
		if len(b.Numerics) != 3 {
			t.Fatalf("%+v: %q", v, stream)
		}
		off := v.Status&(vital.SensorDisconnected|vital.SensorOff) != 0
		for i, want := range []struct {
			x     float64
			scale float64
			exp   int8
		}{{v.SpO2, 1, 0}, {v.PulseRate, 1, 0}, {v.Perfusion, 100, -2}} {
			n := b.Numerics[i]
			if math.IsNaN(want.x) || off {
				if n.Value != vital.NaN || n.Status&vital.NotAvailable == 0 {
					t.Fatalf("%+v: %+v", v, n)
				}
			} else if n.Value != vital.Dec(int(math.Round(want.x*want.scale)), want.exp) || n.Status&vital.NotAvailable != 0 {
				t.Fatalf("%+v: %+v", v, n)
			}
			same := bits &^ vital.SignalErratic
			if n.Status&same != v.Status&same || (n.Status&vital.SignalPoor != 0) != (v.Status&vital.SignalErratic != 0) {
				t.Fatalf("%v became %v", v.Status.Names(), n.Status.Names())
			}
		}
	}
}

func TestSimulatorKeepsTime(t *testing.T) {
	device := masimo.Simulate(sim.NewPatient(1))
	for i := range 3 {
		line, wait := device.Next(nil)
		if wait != time.Second || !strings.HasPrefix(string(line), fmt.Sprintf("02/22/16 22:47:%02d SN=", 45+i)) {
			t.Errorf("%v %q", wait, line)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte(real+"\r\n"+real), uint16(50))
	f.Add([]byte("01/01/26 00:00:00 SPO2=---% BPM=097 PI=0-.1 ALARM=0001 EXC=000820\n"), uint16(3))
	f.Add([]byte("01/01/26 00:00:00 SPO2=1e2 BPM=9.7\n\x00\r"), uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		a, b := new(masimo.Decoder), new(masimo.Decoder)
		at := int(cut) % (len(data) + 1)
		whole, parts := decodeAll(a, string(data)), decodeAll(b, string(data[:at]), string(data[at:]))
		if !reflect.DeepEqual(whole, parts) {
			t.Errorf("whole %s\nparts %s", show(whole), show(parts))
		}
		for _, n := range whole.Numerics {
			if (n.Value == vital.NaN) != (n.Status&vital.NotAvailable != 0) || n.Value.Mantissa < 0 {
				t.Errorf("%+v", n)
			}
		}
		for _, e := range whole.Events {
			if len(e.Text) > vital.MaxText {
				t.Errorf("%q", e.Text)
			}
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	var stream []byte
	device := masimo.Simulate(sim.NewPatient(1))
	for range 100 {
		stream, _ = device.Next(stream)
	}
	d, batch := new(masimo.Decoder), new(vital.Batch)
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
	d, batch := new(masimo.Decoder), new(vital.Batch)
	stream := []byte(strings.Repeat(real+"\r\n", 5))
	if n := testing.AllocsPerRun(100, func() {
		batch.Reset()
		d.Decode(batch, stream)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleDecoder() {
	var d masimo.Decoder
	var batch vital.Batch
	d.Decode(&batch, []byte(real+"\r\n"))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// MDC_PULS_OXIM_SAT_O2 98 %
	// MDC_PULS_OXIM_PULS_RATE 97 /min
	// MDC_PULS_OXIM_PERF_REL 3.60 %
}
