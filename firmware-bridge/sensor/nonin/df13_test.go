package nonin_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/nonin"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func newDF13() sensor.Decoder { return new(nonin.DF13) }

// spotCheck writes a packet of format 13 from its data, and more behind them.
func spotCheck(clock string, status, rate int, spo2 byte, more ...byte) []byte {
	p := []byte{0x00, 0x02, 0x00, 0x0d, 0x00, byte(14 + len(more))}
	for i := 0; i < len(clock); i += 2 {
		n, err := strconv.ParseUint(clock[i:i+2], 16, 8)
		if err != nil {
			panic(err) // a constant of the test
		}
		p = append(p, byte(n))
	}
	p = append(p, byte(status>>8), byte(status), byte(rate>>8), byte(rate), 0, spo2)
	p = append(p, more...)
	sum := byte(0)
	for _, b := range p[6:] {
		sum += b
	}
	return append(p, sum, 0x03)
}

const clock = "2026112214301500"

func TestTranscripts(t *testing.T) {
	for name, format := range map[string]int{"spot-checks": 13, "selected": 7, "refused": 8, "not-needed": 2, "after-spot-checks": 2} {
		d, err := nonin.NewSelecting(format)
		if err != nil {
			t.Fatal(err)
		}
		sensortest.Replay(t, d, filepath.Join("testdata", name+".txt"))
	}
	for name, d := range map[string]sensor.Decoder{"df2": new(nonin.DF2), "df7": new(nonin.DF7), "df8": new(nonin.DF8), "df13": new(nonin.DF13)} {
		sensortest.Replay(t, d, filepath.Join("testdata", name+".txt"))
	}
}

func TestSpotChecks(t *testing.T) {
	const at = `event device-clock 0 "2026-11-22T14:30:15"`
	for _, c := range []struct {
		name   string
		packet []byte
		want   []string
	}{
		{"of high quality", spotCheck(clock, 0x0200, 72, 97), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min", "numeric MDC_PULS_OXIM_SAT_O2 97 %", at}},
		{"not", spotCheck(clock, 0, 72, 97), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min [questionable]", "numeric MDC_PULS_OXIM_SAT_O2 97 % [questionable]", at}},
		{"nine bits", spotCheck(clock, 0x0200, 0xfe00|321, 0x80|97), []string{"numeric MDC_PULS_OXIM_PULS_RATE 321 /min", "numeric MDC_PULS_OXIM_SAT_O2 97 %", at}},
		{"nothing measured", spotCheck(clock, 0x0100, 72, 97), []string{"numeric MDC_PULS_OXIM_PULS_RATE NaN /min [not-available]", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available]", at}},
		{"missing", spotCheck(clock, 0x0200, 511, 127), []string{"numeric MDC_PULS_OXIM_PULS_RATE NaN /min [not-available]", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available]", at}},
		{"impossible", spotCheck(clock, 0x0200, 72, 101), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min", "numeric MDC_PULS_OXIM_SAT_O2 NaN % [invalid not-available]", at}},
		{"from memory", spotCheck(clock, 0x0210, 72, 97), []string{"numeric 67109122 72 /min", "numeric 67109121 97 %", `enumeration 67109123 1795357815 "2026-11-22T14:30:15"`}},
		{"from memory, no date", spotCheck("2026113114301500", 0x0210, 72, 97), []string{"numeric 67109122 72 /min", "numeric 67109121 97 %", `enumeration 67109123 0 "" [not-available]`}},
		{"low battery", spotCheck(clock, 0x0201, 72, 97), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min", "numeric MDC_PULS_OXIM_SAT_O2 97 %", `alert low technical present 0 "low battery"`, at}},
		{"longer", spotCheck(clock, 0x0200, 72, 97, 1, 2, 3), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min", "numeric MDC_PULS_OXIM_SAT_O2 97 %", at}},
		{"the longest", spotCheck(clock, 0x0200, 72, 97, make([]byte, 50)...), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min", "numeric MDC_PULS_OXIM_SAT_O2 97 %", at}},
		{"no date", spotCheck("2026022930000000", 0x0200, 72, 97), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min", "numeric MDC_PULS_OXIM_SAT_O2 97 %"}},
		{"no digits", spotCheck("20261a2214301500", 0x0200, 72, 97), []string{"numeric MDC_PULS_OXIM_PULS_RATE 72 /min", "numeric MDC_PULS_OXIM_SAT_O2 97 %"}},
		{"too long", spotCheck(clock, 0x0200, 72, 97, make([]byte, 51)...), nil},
		{"too short", []byte{0, 2, 0, 0x0d, 0, 13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 91, 3}, nil},
	} {
		d := newDF13()
		if got := sensortest.Lines(sensortest.Decode(d, c.packet)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
		if good, bad := d.Frames(); (good == 1) != (c.want != nil) || good+bad != 1 {
			t.Errorf("%s: %d good, %d bad", c.name, good, bad)
		}
	}
}

// One flipped bit is always noticed in the data, the sum and the end; in what goes
// before, the packet is not found.
func TestSpotCheckFlippedBits(t *testing.T) {
	p := spotCheck(clock, 0x0200, 72, 97)
	for i := range 8 * len(p) {
		q := slices.Clone(p)
		q[i/8] ^= 1 << (i % 8)
		b := sensortest.Decode(newDF13(), q, p)
		if len(b.Numerics) != 2 || b.Numerics[0].Value != vital.Int(72) {
			t.Errorf("bit %d: %+v", i, b.Numerics)
		}
	}
}

func TestSpotCheckNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	if b := sensortest.Decode(newDF13(), noise); b.Len() > 0 {
		t.Errorf("%+v", b)
	}
}

func spotChecks(n int) []byte {
	return sensortest.Record(newDF13(), nonin.SimulateDF13(sim.NewPatient(5)), time.Duration(n)*nonin.SpotCheck)
}

func TestSpotChecksOfADay(t *testing.T) {
	d := newDF13()
	l := sensortest.Line{Decoder: d, Device: nonin.SimulateDF13(sim.NewPatient(5))}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); good != 20 || bad != 0 || len(b.Numerics) != 40 || b.Events[19].Text != "2027-01-01T00:08:30" {
		t.Errorf("%d good, %d bad, %d numbers, %v", good, bad, len(b.Numerics), b.Events)
	}
}

func TestSpotCheckChunks(t *testing.T) {
	s := spotChecks(12)
	s = slices.Concat(s[5:60], []byte{0, 2, 0, 0x0d, 0, 14}, s[60:])
	sensortest.AnyChunks(t, newDF13, s)
}

// Events hold a text: a spot check allocates that and nothing else.
func TestSpotCheckAllocates(t *testing.T) {
	s := spotCheck("2026023014301500", 0x0200, 72, 97) // no such day: no text
	sensortest.NoAllocs(t, newDF13(), slices.Repeat(s, 10))
}

// A device in another format gives a decoder nothing to believe.
func TestOtherFormats(t *testing.T) {
	for _, from := range []int{2, 7, 8, 13} {
		stream := sensortest.Record(newDF13(), nonin.SimulateSelectable(sim.NewPatient(2), from), 3*time.Minute)
		for i, d := range []sensor.Decoder{new(nonin.DF2), new(nonin.DF7), new(nonin.DF8), newDF13()} {
			if []int{2, 7, 8, 13}[i] == from {
				continue
			}
			b := sensortest.Decode(d, stream[1:])
			if _, bad := d.Frames(); len(b.Numerics) > 0 || bad == 0 {
				t.Errorf("a device in format %d, decoder %T: %d numbers, %d bad", from, d, len(b.Numerics), bad)
			}
		}
	}
}

// Every format is selected at a device that is in any other, and none that is not
// needed.
func TestSelect(t *testing.T) {
	formats := []int{2, 7, 8, 13}
	for _, from := range formats {
		for _, to := range formats {
			d, err := nonin.NewSelecting(to)
			if err != nil {
				t.Fatal(err)
			}
			counted := &counter{Selectable: nonin.SimulateSelectable(sim.NewPatient(2), from)}
			l := sensortest.Line{Decoder: d, Device: counted}
			b := l.Run(2 * time.Minute)
			want := 1
			if from == to && to != 13 {
				want = 0 // it was heard before
			}
			if counted.n != want {
				t.Errorf("%d to %d: %d commands", from, to, counted.n)
			}
			least := map[int]int{2: 690, 7: 690, 8: 230, 13: 6}[to]
			if len(b.Numerics) < least {
				t.Errorf("%d to %d: %d numbers", from, to, len(b.Numerics))
			}
		}
	}
}

// counter counts commands.
type counter struct {
	*nonin.Selectable
	n int
}

func (c *counter) Answer(dst, p []byte, now time.Duration) []byte {
	c.n += len(p) / 6
	return c.Selectable.Answer(dst, p, now)
}

func TestSelectingKnowsItsFormats(t *testing.T) {
	for _, format := range []int{-1, 0, 1, 3, 14, 258} {
		if d, err := nonin.NewSelecting(format); err == nil || d != nil {
			t.Errorf("format %d", format)
		}
	}
	if nonin.SimulateSelectable(sim.NewPatient(1), 3) != nil {
		t.Error("a device with format 3")
	}
}

// A simulated device refuses what it does not have, and does not listen for ever.
func TestSelectableIsStrict(t *testing.T) {
	for _, c := range []struct {
		sent, want string
		at         time.Duration
	}{
		{"\x02\x70\x02\x02\x07\x03", "\x06", 0},
		{"\x02\x70\x02\x02\x03\x03", "\x15", time.Second},
		{"\x02\x70\x02\x02\x07\x04", "\x15", time.Second},
		{"\x02\x70\x02\x03\x07\x03", "\x15", time.Second},
		{"\x02\x70\x04\x02\x07\x01\x7e\x03", "\x15", time.Second},
		{"x\x02\x70\x02\x02", "", time.Second},
		{"\x02\x70\x02\x02\x07\x03", "", 6 * time.Second},
	} {
		d := nonin.SimulateSelectable(sim.NewPatient(1), 2)
		if got := string(d.Answer(nil, []byte(c.sent), c.at)); got != c.want {
			t.Errorf("% X: % X, not % X", c.sent, got, c.want)
		}
	}
}

func FuzzDF13(f *testing.F) {
	p := spotCheck(clock, 0x0200, 72, 97)
	sensortest.Fuzz(f, newDF13, p, slices.Concat(p[4:], p, spotCheck(clock, 0x0111, 72, 97, 1, 2), p[:9]))
}

func FuzzSelecting(f *testing.F) {
	fresh := func() sensor.Decoder {
		d, err := nonin.NewSelecting(8)
		if err != nil {
			f.Fatal(err)
		}
		return d
	}
	sensortest.Fuzz(f, fresh, []byte{0x06, 0x80, 72, 97, 0x00}, []byte{0x15, 0x80, 72, 97})
}

func BenchmarkDF13(b *testing.B) { sensortest.Bench(b, newDF13(), spotChecks(100)) }

func ExampleDF13() {
	var d nonin.DF13
	var batch vital.Batch
	d.Decode(&batch, spotCheck("2026112214301500", 0x0200, 72, 97))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	fmt.Println(strings.Replace(batch.Events[0].Text, "T", " ", 1))
	// Output:
	// MDC_PULS_OXIM_PULS_RATE 72 /min
	// MDC_PULS_OXIM_SAT_O2 97 %
	// 2026-11-22 14:30:15
}
