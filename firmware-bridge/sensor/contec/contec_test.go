package contec_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/contec"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// protocol is what the tests of both have in common.
type protocol struct {
	name   string
	fresh  func() sensor.Decoder
	device func(sim.Source) *contec.Simulator
	frame  int
}

var protocols = []protocol{
	{"v7", func() sensor.Decoder { return new(contec.V7) }, contec.SimulateV7, 9},
	{"v5", func() sensor.Decoder { return contec.NewV5() }, contec.SimulateV5, 5},
}

func (p protocol) stream(span time.Duration) []byte {
	return sensortest.Record(p.fresh(), p.device(sim.NewPatient(7)), span)
}

// message writes a V7 message from its data.
func message(kind byte, data ...byte) []byte {
	m := []byte{kind, 0x80}
	for i, b := range data {
		m[1] |= b >> 7 << i
		m = append(m, b|0x80)
	}
	return m
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		d := protocols[0].fresh()
		if strings.HasPrefix(filepath.Base(f), "v5") {
			d = protocols[1].fresh()
		}
		sensortest.Replay(t, d, f)
	}
}

// Ten minutes of either device: nothing lost, nothing made up.
func TestTenMinutes(t *testing.T) {
	for _, p := range protocols {
		d := p.fresh()
		l := sensortest.Line{Decoder: d, Device: p.device(sim.NewPatient(3))}
		b := l.Run(10 * time.Minute)
		d.Flush(b)
		n, s := map[vital.Code]int{}, 0
		for _, x := range b.Numerics {
			n[x.Code]++
			if !x.Value.IsNumber() || x.Status != 0 {
				t.Fatalf("%s: %+v", p.name, x)
			}
		}
		for _, w := range b.Waves {
			s += len(w.Samples)
		}
		if n[vital.SpO2] != 600 && n[vital.SpO2] != 601 || n[vital.PulseRate] != n[vital.SpO2] || s < 35990 || s > 36001 {
			t.Errorf("%s: %v, %d samples", p.name, n, s)
		}
		if good, bad := d.Frames(); bad != 0 || good < 35990 {
			t.Errorf("%s: %d good, %d bad", p.name, good, bad)
		}
		if (len(b.Events) == 1) != (p.name == "v7") {
			t.Errorf("%s: %v", p.name, b.Events)
		}
	}
}

func TestRealtime(t *testing.T) {
	for _, c := range []struct {
		name string
		data [7]byte
		want string
	}{
		{"good", [7]byte{4, 19, 2, 60, 99, 0x5e, 1}, "99 60 3.50 4"},
		{"upper bits", [7]byte{4, 19, 2, 200, 99, 0xff, 0}, "99 200 2.55 4"},
		{"beep and low SpO2 are not read", [7]byte{0x64, 19, 2, 60, 70, 1, 0}, "70 60 0.01 4"},
		{"strength above 8", [7]byte{15, 19, 2, 60, 99, 0, 0}, "99 60 0.00 8"},
		{"no PI", [7]byte{4, 19, 0x12, 60, 99, 0, 0}, "99 60 4"},
		{"no PI by value", [7]byte{4, 19, 2, 60, 99, 0xff, 0xff}, "99 60 4"},
		{"PI above 22", [7]byte{4, 19, 2, 60, 99, 0x99, 8}, "99 60 NaN[invalid not-available] 4"},
		{"no values", [7]byte{4, 19, 0x12, 0xff, 0x7f, 0xff, 0xff}, "NaN[not-available] NaN[not-available] 4"},
		{"out of range", [7]byte{4, 19, 0x12, 0xfe, 101, 0xff, 0xff}, "NaN[invalid not-available] 254 4"},
		{"zero", [7]byte{4, 19, 0x12, 0, 0, 0xff, 0xff}, "NaN[invalid not-available] NaN[invalid not-available] 4"},
		{"searching", [7]byte{4, 0x80 | 19, 0x12, 60, 99, 0xff, 0xff}, "99[questionable signal-searching] 60[questionable signal-searching] 4[questionable signal-searching]"},
		{"for too long", [7]byte{0x14, 19, 0x12, 0xff, 99, 0xff, 0xff}, "99[questionable signal-searching] NaN[not-available signal-searching] 4[questionable signal-searching]"},
		{"probe error, values held", [7]byte{0x84, 64, 0x12, 60, 99, 0xff, 0xff}, "NaN[not-available sensor-off] NaN[not-available sensor-off] NaN[not-available sensor-off]"},
	} {
		b := sensortest.Decode(new(contec.V7), message(1, c.data[:]...))
		if got := values(b); got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
		if waves := 1 - int(c.data[0]>>7); len(b.Waves) != waves {
			t.Errorf("%s: %d waves", c.name, len(b.Waves))
		}
	}
}

func TestV5(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"good", []byte{0x84, 19, 2, 60, 99}, "99 60 4"},
		{"bit 7 of the rate", []byte{0x84, 19, 0x42, 72, 99}, "99 200 4"},
		{"beep and dropping SpO2 are not read", []byte{0xe4, 19, 2, 60, 99}, "99 60 4"},
		{"searching", []byte{0x84, 19, 0x22, 60, 99}, "99[questionable signal-searching] 60[questionable signal-searching] 4[questionable signal-searching]"},
		{"for too long", []byte{0x94, 19, 2, 60, 99}, "99[questionable signal-searching] 60[questionable signal-searching] 4[questionable signal-searching]"},
		{"probe error", []byte{0x80, 64, 0x10, 60, 99}, "NaN[not-available sensor-off] NaN[not-available sensor-off] NaN[not-available sensor-off]"},
		{"nothing", []byte{0x84, 19, 0x42, 127, 127}, "NaN[not-available] NaN[not-available] 4"},
		{"zero", []byte{0x84, 19, 0, 0, 0}, "NaN[invalid not-available] NaN[invalid not-available] 4"},
	} {
		if got := values(sensortest.Decode(contec.NewV5(), c.frame)); got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
	}
}

// values writes the numbers with their statuses.
func values(b *vital.Batch) string {
	var out []string
	for _, n := range b.Numerics {
		s := string(n.Value.AppendText(nil))
		if n.Status != 0 {
			s += fmt.Sprint(n.Status.Names())
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// What is told once, or only when asked for by others.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		message []byte
		want    []string
	}{
		{message(0x04, []byte("CMS50F\x00")...), []string{`event identified 0 "Contec CMS50F"`}},
		{message(0x04, []byte("CMS_50F")...), []string{`event identified 0 "Contec CMS_50F"`}},
		{message(0x04, []byte("CM\x1bS50F")...), nil},
		{message(0x05, append([]byte{1}, "USER_1"...)...), []string{`enumeration 67109380 1 "USER_1"`}},
		{message(0x07, 0, 2, 20, 10, 7, 8), []string{`enumeration 67109381 2 "2010-07-08"`}},
		{message(0x12, 0, 2, 14, 30, 15, 0), []string{`enumeration 67109382 2 "14:30:15"`}},
		{message(0x08, 0, 2, 15, 80, 1, 0), []string{`enumeration 67109383 86031 "user 0 record 2"`}},
		{message(0x09, 97, 60, 0x5e, 1), []string{"numeric 67109384 97 %", "numeric 67109385 60 /min", "numeric 67109386 3.50 %"}},
		{message(0x09, 127, 255, 255, 255), []string{"numeric 67109384 NaN % [not-available]", "numeric 67109385 NaN /min [not-available]", "numeric 67109386 NaN % [not-available]"}},
		{message(0x0f, 97, 60, 96, 61, 0, 0), []string{"numeric 67109384 97 %", "numeric 67109385 60 /min", "numeric 67109384 96 %", "numeric 67109385 61 /min"}},
		{message(0x0a, 0, 3), []string{`enumeration 67109387 3 ""`}},
		{message(0x0b, 0xae, 4), []string{`enumeration 67109388 44548 "the record could not be deleted"`}},
		{message(0x0c), nil},
		{message(0x0d, 1), []string{`enumeration 67109389 1 "the device is switched off"`}},
		{message(0x0d, 0xff), []string{`enumeration 67109389 255 "unknown reason"`}},
		{message(0x0e, 0), nil},
		{message(0x10, 3), []string{`enumeration 67109390 3 ""`}},
		{message(0x11, 1, 1, 0, 0, 0, 0, 0), []string{`enumeration 67109391 257 ""`}},
		{message(0x15, 0, 2, 0xa1, 0, 0, 0, 0), []string{`enumeration 67109392 673 ""`}},
	} {
		d := new(contec.V7)
		if got := sensortest.Lines(sensortest.Decode(d, c.message)); !slices.Equal(got, c.want) {
			t.Errorf("% X: %q, not %q", c.message, got, c.want)
		}
		if good, bad := d.Frames(); good != 1 || bad != 0 {
			t.Errorf("% X: %d good, %d bad", c.message, good, bad)
		}
	}
}

// Lost and foreign bytes: no wave goes over a gap, and no message is made of two.
func TestGaps(t *testing.T) {
	one := message(1, 4, 19, 2, 60, 99, 1, 0)
	wrong := message(1, 4, 99, 2, 99, 55, 1, 0)
	for cut := range one {
		for _, c := range []struct {
			name   string
			broken []byte
		}{
			{"a byte lost", slices.Delete(slices.Clone(wrong), cut, cut+1)},
			{"a byte too many", slices.Insert(slices.Clone(wrong), cut, 0xd5)},
			{"another type", append([]byte{0x33}, wrong[1:]...)},
		} {
			d := new(contec.V7)
			b := sensortest.Decode(d, one, one, c.broken, one, one)
			if got := values(b); strings.Contains(got, "55") || len(b.Waves) != 2 && !(cut == 0 && c.name == "a byte too many") {
				t.Errorf("%s at %d: %s, %d waves", c.name, cut, got, len(b.Waves))
			}
			if good, bad := d.Frames(); good < 3 || bad == 0 {
				t.Errorf("%s at %d: %d good, %d bad", c.name, cut, good, bad)
			}
		}
	}
}

// Noise gives no number, but for the accidents that the page tells of.
func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, p := range protocols {
		accidents := 0
		for range 200 {
			noise := make([]byte, 5000)
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			accidents += len(sensortest.Decode(p.fresh(), noise).Numerics)
		}
		if accidents > 0 {
			t.Errorf("%s: %d numbers in a million bytes of noise", p.name, accidents)
		}
	}
}

// A device that falls silent is asked again; one that never answers is not bothered
// more than that.
func TestPatience(t *testing.T) {
	d := new(contec.V7)
	d.Open()
	sent, asked := 0, 0
	for now := time.Duration(0); now < time.Minute; asked++ {
		p, next := d.Ask(nil, now)
		if next <= now {
			t.Fatalf("asked at %v, again at %v", now, next)
		}
		sent += len(p)
		now = next
	}
	if want := 9 * (30 + 3 + 59); sent != want || asked > 61 {
		t.Errorf("%d bytes, not %d; asked %d times", sent, want, asked)
	}
}

func TestDeviceComesBack(t *testing.T) {
	d, out := new(contec.V7), false
	l := sensortest.Line{Decoder: d, Device: contec.SimulateV7(sim.NewPatient(1)), Alter: func(p []byte) []byte {
		if out {
			return nil
		}
		return p
	}}
	l.Run(10 * time.Second)
	out = true
	l.Run(time.Minute)
	out = false
	if b := l.Run(10 * time.Second); len(b.Numerics) < 36 || len(b.Events) != 0 {
		t.Errorf("%d numbers, %v", len(b.Numerics), b.Events)
	}
}

// The simulated device says what it does not know, and takes no malformed command.
func TestSimulatorIsStrict(t *testing.T) {
	s := contec.SimulateV7(sim.NewPatient(1))
	for _, c := range []struct{ sent, want string }{
		{"\x7d\x81\xae\x80\x80\x80\x80\x80\x80", "\x0b\x81\xae\x85"},
		{"\x7d\x81\xaa\x80\x80\x80\x80\x80", ""},
		{"\x7d\x81\xaa\x80\x80\x80\x80\x80\x80", "\x04\x80\xc3\xcd\xd3\xb5\xb0\xc6\x80"},
		{"\x7d\x81\xa2\x80\x80\x80\x80\x80\x80", "\x0c\x80"},
		{"\x33\x81\xa1\x80\x80\x80\x80\x80\x80", ""},
	} {
		if got := string(s.Answer(nil, []byte(c.sent), 0)); got != c.want {
			t.Errorf("% X answered % X, not % X", c.sent, got, c.want)
		}
	}
	if got, _ := s.Next(nil); len(got) > 0 {
		t.Errorf("% X without being asked", got)
	}
}

func TestChunks(t *testing.T) {
	for _, p := range protocols {
		s := p.stream(10 * time.Second)
		sensortest.AnyChunks(t, p.fresh, slices.Concat(s[3:1000], s[1004:2000], []byte{1, 2, 0x83, 0x84}, s[2000:]))
	}
}

func TestNoAllocs(t *testing.T) {
	for _, p := range protocols {
		sensortest.NoAllocs(t, p.fresh(), p.stream(10*time.Second))
	}
}

func FuzzV7(f *testing.F) {
	s := protocols[0].stream(5 * time.Second)
	sensortest.Fuzz(f, protocols[0].fresh, s[:900], slices.Concat(message(4, []byte("CMS50F\x00")...), message(7, 0, 2, 20, 10, 7, 8),
		message(9, 97, 60, 1, 0), message(0x0b, 0xaa, 5), message(0x0d, 1), message(0x0f, 97, 60, 96, 61, 0, 0)))
}

func FuzzV5(f *testing.F) {
	s := protocols[1].stream(5 * time.Second)
	sensortest.Fuzz(f, protocols[1].fresh, s[:900], append(s[3:44:44], s[:200]...))
}

func BenchmarkV7(b *testing.B) {
	sensortest.Bench(b, new(contec.V7), protocols[0].stream(time.Minute))
}

func BenchmarkV5(b *testing.B) {
	sensortest.Bench(b, contec.NewV5(), protocols[1].stream(time.Minute))
}

func ExampleV7() {
	var d contec.V7
	var batch vital.Batch
	// Bytes of a real device.
	d.Decode(&batch, []byte{0x01, 0xe0, 0x84, 0x93, 0x92, 0xbc, 0xe3, 0xff, 0xff})
	d.Flush(&batch)
	for _, n := range batch.Numerics[:2] {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// MDC_PULS_OXIM_SAT_O2 99 %
	// MDC_PULS_OXIM_PULS_RATE 60 /min
}
