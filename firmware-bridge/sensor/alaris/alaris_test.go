package alaris_test

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
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/alaris"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func fresh() *alaris.Decoder {
	d, err := alaris.New(alaris.Config{})
	if err != nil {
		panic(err) // the zero Config is a good one
	}
	return d
}

func decoder() sensor.Decoder { return fresh() }

// frame makes a message with its CRC, from the polynomial's remainder bit by bit.
func frame(text string) string {
	crc := 0xffff
	for i := range 8 * len(text) {
		bit := int(text[i/8]) >> (7 - i%8) & 1
		if crc>>15^bit == 1 {
			crc = crc<<1&0xffff ^ 0x1021
		} else {
			crc = crc << 1 & 0xffff
		}
	}
	return fmt.Sprintf("!%s|%04X\r", text, crc)
}

// The constants of two programs that talk to pumps, and of the answers of one that
// stands in for a pump.
func TestCRC(t *testing.T) {
	for text, crc := range map[string]string{
		"INF": "4961", "COMMS_PROTOCOL": "E8DA", "INST_SERIALNO": "457D", "INF_BOLUS^ENABLED": "E288", "INF_VTBI": "8456",
		"INF_VTBI^ACTIV^11.000^ml^STOP": "4433", "INF_VTBI^DEACT": "D8C5", "REMQUERY^DEACT": "F295", "REMOTE_CTRL^DISABLED": "EF95",
		"INF_START": "38F3", "INF_STOP": "CD57", "REMOTE_CTRL^ENABLED^3CC1": "B1F1", "INF_RATE^3.50^ml/h": "3885",
		"INST_SERIALNO^8002-51733": "ACFF", "INST_SERIALNO^8002-51740": "050B", "COMMS_PROTOCOL^Asena Rev 2.1.5": "661A",
		"SYRINGE_STATUS^BD PLASTIPAK^ 50^CONF": "1CF8", "INF_RATE_MAX_SYRINGE^1200.00^ml/h": "8575", "INF_VI_CLEAR": "A706",
	} {
		m := "!" + text + "|" + crc + "\r"
		if frame(text) != m {
			t.Errorf("%q, not %q", frame(text), m)
		}
		d := fresh()
		sensortest.Decode(d, []byte(m))
		if good, bad := d.Frames(); good != 1 || bad != 0 {
			t.Errorf("%q: %d good, %d bad", m, good, bad)
		}
	}
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

func TestInfusion(t *testing.T) {
	const (
		rate, vol, press = "numeric MDC_FLOW_FLUID_PUMP ", "numeric 67111425 ", "numeric 67111426 "
		set              = `enumeration 67111427 0 "SET"`
		noRate           = rate + "NaN mL/h [not-available]"
		badRate          = rate + "NaN mL/h [invalid not-available]"
	)
	for _, c := range []struct{ fields, want string }{
		{"-^SET^3.50^ml/h^^1.25^ml^82.00^mmHg^00:10:00^EVENT^1", rate + "3.50 mL/h|" + vol + "1.25 mL|" + press + "82.00 mm[Hg]|" + set},
		{"-^SET^3.50^ml/h^Propofol^1.25^ml^82.00^mmHg", rate + "3.50 mL/h|" + vol + "1.25 mL|" + press + "82.00 mm[Hg]|" + set},
		{"-^SET^0.00^ml/h^^0.00^ml^-50.00^mmHg^", rate + "0.00 mL/h|" + vol + "0.00 mL|" + press + "NaN mm[Hg] [not-available]|" + set},
		{"-^SET^^ml/h^^ ^ml^-3.00^mmHg^", noRate + "|" + vol + "NaN mL [not-available]|" + press + "-3.00 mm[Hg]|" + set},
		{"-^SET^1^mg/h^^1^l^1^kPa^", noRate + "|" + vol + "NaN mL [not-available]|" + press + "NaN mm[Hg] [not-available]|" + set},
		{"-^SET^-1^ml/h^^1e3^ml^x^mmHg^", badRate + "|" + vol + "NaN mL [invalid not-available]|" + press + "NaN mm[Hg] [invalid not-available]|" + set},
		{"AL_OCCLU^^3.50^ml/h^^1.25^ml^82^mmHg", rate + "3.50 mL/h|" + vol + "1.25 mL|" + press + `82 mm[Hg]|enumeration 67111427 0 "" [not-available]|` +
			`alert high technical present MDC_FLOW_FLUID_PUMP "AL_OCCLU"`},
	} {
		if got := strings.Join(sensortest.Lines(sensortest.Decode(fresh(), []byte(frame("INF^8002-51733^"+c.fields)))), "|"); got != c.want {
			t.Errorf("%s: %q\nnot %q", c.fields, got, c.want)
		}
	}
	for _, m := range []string{frame("INF^8002-51733^-^SET^3.50^ml/h^^1.25^ml^82.00"), "!INF|4962\r", "!|FFFF\r", "!\r", "!INF4961\r", "!INF|4961 \r", "hello\r",
		"!INF|496" + "\x00" + "1\r", "!" + strings.Repeat("A", 300) + "\r"} {
		d := fresh()
		if b := sensortest.Decode(d, []byte(m)); b.Len() != 0 {
			t.Errorf("%q: %q", m, sensortest.Lines(b))
		}
		if good, bad := d.Frames(); good != 0 || bad != 1 {
			t.Errorf("%q: %d good, %d bad", m, good, bad)
		}
	}
}

// No flip of up to two bits of a reply is taken.
func TestFlippedBits(t *testing.T) {
	m := []byte(frame("INF^8002-51733^-^SET^3.50^ml/h^^1.25^ml^82.00^mmHg^00:10:00^EVENT^1"))
	for i := range 8 * len(m) {
		for _, j := range []int{i, (i + 1) % (8 * len(m)), (i * 7) % (8 * len(m)), (i + 16) % (8 * len(m))} {
			p := slices.Clone(m)
			if p[i/8] ^= 1 << (i % 8); j != i {
				p[j/8] ^= 1 << (j % 8)
			}
			if got := sensortest.Decode(fresh(), p); len(got.Numerics) > 0 && string(p[:len(p)-1]) != string(m[:len(m)-1]) {
				t.Fatalf("%q is taken", p)
			}
		}
	}
}

// The host may send these three questions and nothing else, whatever the device says.
var allowed = []string{"!INST_SERIALNO|457D\r", "!COMMS_PROTOCOL|E8DA\r", "!INF|4961\r"}

func checkSent(t *testing.T, sent []byte) (said []string) {
	t.Helper()
	for _, m := range strings.SplitAfter(string(sent), "\r") {
		if m == "" {
			continue
		}
		if !slices.Contains(allowed, m) {
			t.Fatalf("the host sent %q", sent)
		}
		said = append(said, m)
	}
	return said
}

func TestNothingElseIsEverSent(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	words := []string{"INF", "INF_START", "INF_STOP", "INF_RATE^1200.00^ml/h", "REMOTE_CTRL^ENABLED^3CC1", "INST_SERIALNO^8002-51733", "COMMS_PROTOCOL^Asena Rev 2.1.5",
		"INF^8002-51733^-^SET^3.50^ml/h^^1.25^ml^82.00^mmHg^00:10:00^EVENT^1", "INF^INF_START|38F3^^^^^^^^^^", "REMQUERY^DEACT^^^^", "ALARM^AL_NOALM^ ^", ""}
	heard := map[string]bool{}
	for range 200 {
		d := fresh()
		d.Open()
		var now time.Duration
		for range 300 {
			p := []byte(frame(words[r.IntN(len(words))]))
			switch r.IntN(6) {
			case 0:
				p = nil
			case 1:
				p[r.IntN(len(p))] ^= 1 << r.IntN(8)
			case 2:
				p = p[:r.IntN(len(p))]
			}
			var b vital.Batch
			d.Decode(&b, p)
			if r.IntN(60) == 0 {
				d.Open()
				now = 0
			}
			sent, next := d.Ask(nil, now)
			for _, m := range checkSent(t, sent) {
				heard[m] = true
			}
			if now += time.Duration(r.IntN(1500)) * time.Millisecond; r.IntN(4) == 0 {
				now = max(now, next)
			}
		}
	}
	want := slices.Sorted(slices.Values(allowed))
	if got := slices.Sorted(maps.Keys(heard)); !slices.Equal(got, want) {
		t.Errorf("the host says %q", got)
	}
}

// FuzzHost lets the fuzzer be the pump.
func FuzzHost(f *testing.F) {
	f.Add("INST_SERIALNO^8002-51733", []byte("!INF|4961\r"), uint16(5))
	f.Add("INF_START", []byte("!INF_START|38F3\r"), uint16(0xffff))
	f.Fuzz(func(t *testing.T, text string, raw []byte, how uint16) {
		d := fresh()
		d.Open()
		var now time.Duration
		for i := range 16 {
			var b vital.Batch
			if how>>i&1 != 0 {
				d.Decode(&b, []byte(frame(text)))
			} else {
				d.Decode(&b, raw)
			}
			sent, next := d.Ask(nil, now)
			checkSent(t, sent)
			now = max(now+time.Second, next)
		}
	})
}

func TestTenMinutes(t *testing.T) {
	d, p := fresh(), sim.NewPatient(7)
	device := alaris.Simulate(p)
	l := sensortest.Line{Decoder: d, Device: device}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); bad != 0 || good < 298 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	if n := sensortest.Count(b, vital.InfusionRate); n < 298 || n > 301 || len(b.Events) != 1 || len(b.Alerts) != 0 || len(device.Refused()) != 0 {
		t.Errorf("%d rates, %v, %v, %q", n, b.Events, b.Alerts, device.Refused())
	}
	p.Set(sim.LowBattery)
	l.Run(10 * time.Second)
	p.Set(0)
	if b := l.Run(10 * time.Second); len(b.Alerts) != 1 || b.Alerts[0].State != vital.AlertEnded {
		t.Errorf("%+v", b.Alerts)
	}
}

// A line that changes and loses bytes: what is read is what the device said.
func TestBadLine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	d := fresh()
	l := sensortest.Line{Decoder: d, Device: alaris.Simulate(sim.NewPatient(7)), Alter: func(p []byte) []byte {
		for i := range p {
			if r.IntN(500) == 0 {
				p[i] ^= 1 << r.IntN(8)
			}
		}
		if len(p) > 0 && r.IntN(60) == 0 {
			p = p[1:]
		}
		return p
	}}
	b := l.Run(20 * time.Minute)
	for _, n := range b.Numerics {
		if !n.Value.IsNumber() || n.Status != 0 || n.Code == vital.InfusionRate && n.Value != vital.Dec(600, -2) {
			t.Fatalf("%+v", n)
		}
	}
	if _, bad := d.Frames(); bad == 0 || sensortest.Count(b, vital.InfusionRate) < 200 || len(b.Alerts) > 0 {
		t.Errorf("%d bad, %d readings", bad, sensortest.Count(b, vital.InfusionRate))
	}
}

// A cable that is out for a minute.
func TestSilence(t *testing.T) {
	if b := sensortest.Outage(t, fresh(), alaris.Simulate(sim.NewPatient(1))); sensortest.Count(b, vital.InfusionRate) < 6 || len(b.Events) != 0 {
		t.Errorf("%d readings, %v", sensortest.Count(b, vital.InfusionRate), b.Events)
	}
}

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), alaris.Simulate(sim.NewPatient(7)), span)
}

func TestChunks(t *testing.T) { sensortest.AnyChunks(t, decoder, stream(30*time.Second)) }

func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, fresh(), stream(30*time.Second)) }

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
	if d, err := alaris.New(alaris.Config{Interval: -1}); err == nil || d != nil {
		t.Error("a negative interval")
	}
}

func Fuzz(f *testing.F) {
	s := stream(10 * time.Second)
	sensortest.Fuzz(f, decoder, s, []byte(frame("INF^8002-51733^AL_OCCLU^SET^3.50^ml/h^^1.25^ml^-50.00^mmHg")), []byte(frame("INST_SERIALNO^8002-51733")),
		[]byte(frame("INF^1^-^^1e9^ml/h^^-1^ml^9999999999^mmHg")))
}

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(time.Minute)) }

func ExampleDecoder() {
	d, err := alaris.New(alaris.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Open()
	ask, _ := d.Ask(nil, 0)
	fmt.Printf("%q\n", ask)
	var batch vital.Batch
	d.Decode(&batch, []byte("!INF^8002-51733^-^SET^3.50^ml/h^^1.25^ml^82.00^mmHg|117C\r"))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// "!INST_SERIALNO|457D\r"
	// MDC_FLOW_FLUID_PUMP 3.50 mL/h
	//  1.25 mL
	//  82.00 mm[Hg]
}
