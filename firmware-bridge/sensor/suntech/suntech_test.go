package suntech_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/suntech"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func every(t testing.TB, interval time.Duration) *suntech.Decoder {
	t.Helper()
	d, err := suntech.New(suntech.Config{Interval: interval})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func fresh() sensor.Decoder {
	d, err := suntech.New(suntech.Config{})
	if err != nil {
		panic(err) // the zero value is valid
	}
	return d
}

// message writes one of the module, its sum included.
func message(data ...byte) []byte {
	m := append([]byte{0x3e, byte(3 + len(data))}, data...)
	sum := byte(0)
	for _, b := range m {
		sum -= b
	}
	return append(m, sum)
}

var printed = []byte{0x3e, 0x18, 0x73, 0, 0x4a, 0, 0x1e, 1, 0, 0, 0, 0, 0, 0, 0x31, 7, 0x55, 0, 0x58, 0, 0, 0, 0, 0xe9}

func TestTranscripts(t *testing.T) {
	sensortest.Replay(t, fresh(), "testdata/result.txt")
	sensortest.Replay(t, every(t, 2*time.Minute), "testdata/measure.txt")
}

// The vectors with their sums, and those that must be refused.
func TestVectors(t *testing.T) {
	for _, c := range []struct {
		bytes []byte
		good  uint64
		want  string
	}{
		{[]byte{0x3e, 0x05, 0x02, 0x01, 0xba}, 1, "numeric 67110660 258 mm[Hg]"},
		{[]byte{0x3e, 0x05, 0x02, 0x01, 0xb1}, 0, ""},
		{[]byte{0x3e, 0x00, 0x02, 0x01, 0xba}, 0, ""},
		{[]byte{0x3e, 0x04, 0x4b, 0x73}, 1, ""},
		{message(0x4e), 1, `enumeration 67110661 78 ""`},
		{printed, 1, "numeric MDC_PRESS_BLD_NONINV_SYS 115 mm[Hg] [device-extended-update]"},
		{message(0x91, 1), 1, "numeric 67110660 NaN mm[Hg] [invalid not-available]"},
		{message(1, 2, 3), 0, ""},
	} {
		d := fresh()
		got := sensortest.Lines(sensortest.Decode(d, c.bytes))
		if first := strings.Join(got[:min(1, len(got))], ""); first != c.want {
			t.Errorf("% X: %q", c.bytes, got)
		}
		if good, bad := d.Frames(); good != c.good || good+bad != 1 {
			t.Errorf("% X: %d good, %d bad", c.bytes, good, bad)
		}
	}
}

// result writes one from its values.
func result(sys, dia, mean int, rate, code byte) []byte {
	return message(byte(sys), byte(sys>>8), byte(dia), byte(dia>>8), 30, 1, 0, 0, 0, 0, 0, 0, 0, 0, rate, 0, byte(mean), byte(mean>>8), code, 0, 0)
}

func TestResults(t *testing.T) {
	for _, c := range []struct {
		name   string
		result []byte
		want   string
	}{
		{"good", result(300, 74, 88, 255, 0), "300 74 88 255 30"},
		{"above the range", result(301, 74, 88, 85, 0), "NaN[invalid not-available] 74 88 85 30"},
		{"no rate", result(115, 74, 88, 0, 0), "115 74 88 NaN[invalid not-available] 30"},
		{"an error", result(115, 74, 88, 85, 7), "NaN[invalid not-available] NaN[invalid not-available] NaN[invalid not-available] NaN[invalid not-available] 30"},
	} {
		b := sensortest.Decode(fresh(), message(make([]byte, 21)...), c.result, c.result)
		var got []string
		for _, n := range b.Numerics {
			s := string(n.Value.AppendText(nil))
			if n.Status != 0 {
				s += fmt.Sprint(n.Status.Names())
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != c.want || (len(b.Alerts) == 1) != (c.name == "an error") || len(b.Enumerations) != 2 {
			t.Errorf("%s: %q", c.name, sensortest.Lines(b))
		}
	}
}

// The first result may be old, unless the cuff was seen to fill and empty.
func TestAge(t *testing.T) {
	full, empty := message(160, 0), message(3, 0)
	for _, c := range []struct {
		before [][]byte
		old    bool
	}{
		{nil, true}, {[][]byte{full}, true}, {[][]byte{empty}, true}, {[][]byte{empty, full, empty}, false}, {[][]byte{message(make([]byte, 21)...)}, false},
	} {
		b := sensortest.Decode(fresh(), append(slices.Clone(c.before), printed)...)
		last := b.Numerics[len(b.Numerics)-1]
		if (last.Status == vital.ExtendedDisplayUpdate) != c.old {
			t.Errorf("after % X: %v", c.before, last.Status.Names())
		}
	}
}

func TestConfig(t *testing.T) {
	for _, interval := range []time.Duration{-1, 1, time.Minute - 1} {
		if d, err := suntech.New(suntech.Config{Interval: interval}); err == nil || d != nil {
			t.Errorf("every %v", interval)
		}
	}
}

// tally counts what a host sends.
type tally struct {
	*suntech.Simulator
	starts, all int
	at          []time.Duration
}

func (c *tally) Answer(dst, p []byte, now time.Duration) []byte {
	c.all++
	if string(p) == "\x3a\x20\xa6" {
		c.starts++
		c.at = append(c.at, now)
	}
	return c.Simulator.Answer(dst, p, now)
}

// Without an interval no measurement is started, whatever comes over the line.
func TestNothingIsStarted(t *testing.T) {
	device := &tally{Simulator: suntech.Simulate(sim.NewPatient(1))}
	l := sensortest.Line{Decoder: fresh(), Device: device}
	b := l.Run(time.Hour)
	if device.starts != 0 || sensortest.Count(b, vital.NIBPSystolic) != 60 || sensortest.Count(b, vital.Private(7<<8|4)) != 0 {
		t.Errorf("%d starts, %d results", device.starts, sensortest.Count(b, vital.NIBPSystolic))
	}
	r := rand.New(rand.NewPCG(1, 2))
	l.Alter = func(p []byte) []byte {
		for i := range p {
			if r.IntN(20) == 0 {
				p[i] = byte(r.Uint32())
			}
		}
		return p
	}
	if l.Run(time.Hour); device.starts != 0 {
		t.Errorf("%d starts on a bad line", device.starts)
	}
}

// An hour with a measurement every five minutes: twelve are started, at their times,
// and each is told once, with the pressures of its cuff.
func TestAnHour(t *testing.T) {
	device := &tally{Simulator: suntech.Simulate(sim.NewPatient(1))}
	d := every(t, 5*time.Minute)
	// until the first start, somebody presses the button: five times
	b := (&sensortest.Line{Decoder: d, Device: device}).Run(time.Hour + time.Minute)
	if device.starts != 12 || device.at[0] != 5*time.Minute || device.at[11] != time.Hour {
		t.Errorf("%d starts, %v", device.starts, device.at)
	}
	if n := sensortest.Count(b, vital.NIBPSystolic); n < 16 || n > 17 {
		t.Errorf("%d results", n)
	}
	if n := sensortest.Count(b, vital.Private(7<<8|4)); n < 12*25 || n > 12*45 {
		t.Errorf("%d pressures", n)
	}
	for _, n := range b.Numerics {
		if !n.Value.IsNumber() || n.Status != 0 {
			t.Fatalf("%+v", n)
		}
	}
	if good, bad := d.Frames(); bad != 0 || good != uint64(device.all) || len(b.Alerts) != 0 {
		t.Errorf("%d good, %d bad, %d sent, %v", good, bad, device.all, b.Alerts)
	}
}

// A measurement that finds nothing, and a cuff that never fills, are alerts until one
// succeeds; a start is never repeated.
func TestFailures(t *testing.T) {
	v := sim.NoVitals()
	device := &tally{Simulator: suntech.Simulate(sim.Fixed{Numbers: v})}
	b := (&sensortest.Line{Decoder: every(t, 2*time.Minute), Device: device}).Run(5 * time.Minute)
	if len(b.Alerts) != 1 || b.Alerts[0].State != vital.AlertPresent || device.starts != 2 {
		t.Errorf("%v, %d starts", b.Alerts, device.starts)
	}
	for _, n := range b.Numerics {
		if n.Code == vital.NIBPSystolic && n.Value != vital.NaN {
			t.Errorf("%+v", n)
		}
	}

	// Everything about the cuff is lost: the host gives up, and reads the result late.
	device = &tally{Simulator: suntech.Simulate(sim.NewPatient(1))}
	l := sensortest.Line{Decoder: every(t, 2*time.Minute), Device: device, Alter: func(p []byte) []byte {
		if len(p) < 24 {
			return nil
		}
		return p
	}}
	b = l.Run(3 * time.Minute)
	if len(b.Alerts) != 2 || b.Alerts[0].Time != 160_000 || b.Alerts[1].State != vital.AlertEnded || device.starts != 1 {
		t.Errorf("%+v, %d starts", b.Alerts, device.starts)
	}
}

// A module that never answers is asked every ten seconds, and started when it is time.
func TestPatience(t *testing.T) {
	d := every(t, time.Minute)
	d.Open()
	starts, sent, asked := 0, 0, 0
	var last time.Duration
	for now := time.Duration(0); now < 10*time.Minute; asked++ {
		p, next := d.Ask(nil, now)
		if next <= now {
			t.Fatalf("asked at %v, again at %v", now, next)
		}
		if string(p) == "\x3a\x20\xa6" {
			if now-last < time.Minute {
				t.Errorf("started at %v and %v", last, now)
			}
			starts, last = starts+1, now
		}
		sent += len(p)
		now = next
	}
	if starts != 9 || sent > 9*30*5+60*5+9*3 || asked > 1000 {
		t.Errorf("%d starts, %d bytes, asked %d times", starts, sent, asked)
	}
}

// One flipped bit never makes another value.
func TestFlippedBits(t *testing.T) {
	for _, m := range [][]byte{printed, message(2, 1)} {
		for i := range 8 * len(m) {
			p := slices.Clone(m)
			p[i/8] ^= 1 << (i % 8)
			b := sensortest.Decode(fresh(), p)
			if len(b.Numerics) > 0 {
				t.Errorf("bit %d of % X: %q", i, m, sensortest.Lines(b))
			}
		}
	}
}

func TestSimulatorIsStrict(t *testing.T) {
	s := suntech.Simulate(sim.NewPatient(1))
	for _, c := range []struct{ sent, want string }{
		{"\x3a\x20\xa7", ""},
		{"\x00\x00", ""},
		{"\x3a\x79\x05\x00\x48", "\x3e\x05\x00\x00\xbd"},
		{"\x3a\x79\x05\x00\x49", ""},
		{"\x3a\x20\xa6", "\x3e\x04\x4b\x73"},
		{"\x3a\x20\xa6", ""},
		{"\x3a\x79\x03\x00\x4a", string(message(make([]byte, 21)...))},
	} {
		if got := string(s.Answer(nil, []byte(c.sent), 0)); got != c.want {
			t.Errorf("% X answered % X, not % X", c.sent, got, c.want)
		}
	}
}

func stream(t testing.TB) []byte {
	return sensortest.Record(every(t, 2*time.Minute), suntech.Simulate(sim.NewPatient(7)), 10*time.Minute)
}

func TestChunks(t *testing.T) {
	s := stream(t)
	sensortest.AnyChunks(t, fresh, slices.Concat(s[3:500], []byte("\x3e\x18\x3e\x04"), s[500:len(s)-3]))
}

func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, fresh(), stream(t)) }

func Fuzz(f *testing.F) {
	sensortest.Fuzz(f, fresh, printed, slices.Concat(message(160, 0), message(3, 0), printed, []byte{0x3e, 0x18, 0x3e}, message(0x4b)), stream(f)[:400])
}

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(b)) }

func ExampleNew() {
	d, err := suntech.New(suntech.Config{}) // starts no measurement
	if err != nil {
		fmt.Println(err)
		return
	}
	var batch vital.Batch
	d.Decode(&batch, printed)
	for _, n := range batch.Numerics[:3] {
		fmt.Printf("%s %s %s %v\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM(), n.Status.Names())
	}
	_, err = suntech.New(suntech.Config{Interval: 20 * time.Second})
	fmt.Println(err)
	// Output:
	// MDC_PRESS_BLD_NONINV_SYS 115 mm[Hg] [device-extended-update]
	// MDC_PRESS_BLD_NONINV_DIA 74 mm[Hg] [device-extended-update]
	// MDC_PRESS_BLD_NONINV_MEAN 88 mm[Hg] [device-extended-update]
	// suntech: a measurement every 20s: at least 1m0s must be between two
}
