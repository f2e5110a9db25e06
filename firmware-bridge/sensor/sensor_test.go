package sensor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func TestCatalogue(t *testing.T) {
	names := sensor.Names()
	for i, name := range names {
		d, err := sensor.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(names[:i], name) || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("name %q", name)
		}
		if d.Name != name || d.Title == "" || d.Line.Baud == 0 || d.Line.DataBits != 8 || !strings.ContainsRune("NEO", rune(d.Line.Parity)) ||
			d.Line.StopBits == 0 || d.Period <= 0 || d.Silence < 2*d.Period || d.New == nil || d.Simulate == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestLookupNamesTheNearest(t *testing.T) {
	for name, near := range map[string]string{
		"nonin-df3": "nonin-df2", "Nonin-DF7": "nonin-df7", "masimo": "masimo-ascii1", "line": "lines", "nonin-d8": "nonin-df8",
	} {
		_, err := sensor.Lookup(name)
		want := fmt.Sprintf("sensor: no driver %q: did you mean %q? known are nonin-df2, ", name, near)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
	for _, name := range []string{"", "x", "thermometer"} {
		if _, err := sensor.Lookup(name); err == nil || strings.Contains(err.Error(), "mean") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOptionsAreForThoseWhoTakeThem(t *testing.T) {
	o := sensor.Options{Lines: lines.Config{Fields: []lines.Field{{Name: "x", Code: "MDC_TEMP"}}}}
	for _, name := range sensor.Names() {
		d, _ := sensor.Lookup(name)
		dec, err := d.New(o)
		if (err == nil) != (name == "lines") || (dec == nil) != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []sensor.Options{{Waves: []string{"ecg"}}, {Interval: time.Second}, {Interval: -time.Second}} {
		for _, name := range []string{"nonin-df2", "lines"} {
			d, _ := sensor.Lookup(name)
			if dec, err := d.New(o); err == nil || dec != nil {
				t.Errorf("%s takes %+v", name, o)
			}
		}
	}
	for _, name := range sensor.Names() {
		d, _ := sensor.Lookup(name)
		dec, err := d.New(sensor.Options{SetUp: true})
		if (err == nil) != strings.HasPrefix(name, "nonin-") || (dec == nil) != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if _, asks := dec.(sensor.Asker); err == nil && !asks {
			t.Errorf("%s sets nothing up", name)
		}
	}
	o.Lines.Fields[0].Code = "MDC_NONSENSE"
	d, _ := sensor.Lookup("lines")
	if dec, err := d.New(o); err == nil || dec != nil {
		t.Error("a code that does not exist")
	}
}

// pieces cuts what arrives in two.
type pieces struct{ sensor.Decoder }

func (d pieces) Decode(dst *vital.Batch, p []byte) {
	cut := len(p) * 2 / 3
	d.Decoder.Decode(dst, p[:cut])
	d.Decoder.Decode(dst, p[cut:])
}

type askingPieces struct {
	pieces
	sensor.Asker
}

func (d askingPieces) Decode(dst *vital.Batch, p []byte) { d.pieces.Decode(dst, p) }
func (d askingPieces) Flush(dst *vital.Batch)            { d.Asker.Flush(dst) }
func (d askingPieces) Frames() (good, bad uint64)        { return d.Asker.Frames() }

func inPieces(d sensor.Decoder) sensor.Decoder {
	if asker, ok := d.(sensor.Asker); ok {
		return askingPieces{pieces{d}, asker}
	}
	return pieces{d}
}

// newDriver returns a driver's decoder and the driver.
func newDriver(t *testing.T, name string) (sensor.Driver, sensor.Decoder) {
	t.Helper()
	d, err := sensor.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := d.New(sensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d, dec
}

// mainMetric returns the metric that shows a driver's pace: SpO2, or that which comes most
// often.
func mainMetric(b *vital.Batch) (code vital.Code) {
	n := map[vital.Code]int{}
	for _, r := range b.Numerics {
		n[r.Code]++
		if r.Code == vital.SpO2 {
			return r.Code
		}
		if n[r.Code] > n[code] {
			code = r.Code
		}
	}
	return code
}

// Ten minutes of each simulated device goes through its decoder in odd pieces:
// every frame is good, readings come as often as the driver says, and never further
// apart than the driver says that the line may be silent. A device that is asked
// may take two readings' time to begin, and a hundredth longer for each.
func TestEveryDriverReadsItsDevice(t *testing.T) {
	const span = 10 * time.Minute
	for _, name := range sensor.Names() {
		t.Run(name, func(t *testing.T) {
			d, dec := newDriver(t, name)
			l := sensortest.Line{Decoder: inPieces(dec), Device: d.Simulate(sim.NewPatient(3))}
			b := l.Run(span)
			dec.Flush(new(vital.Batch))
			code, last, n := mainMetric(b), uint64(0), 0
			for _, r := range b.Numerics {
				if !r.Value.IsNumber() || r.Status != 0 {
					t.Fatalf("%+v", r)
				}
				if r.Code != code {
					continue
				}
				if n++; r.Time-last > uint64(d.Silence.Milliseconds()) {
					t.Errorf("nothing from %d to %d ms", last, r.Time)
				}
				last = r.Time
			}
			want, slack := int(span/d.Period), 1
			if _, ok := dec.(sensor.Asker); ok {
				slack = 2 + want/100
			}
			if n < want-slack || n > want+1 {
				t.Errorf("%d readings of %d in %v, not %d", n, code, span, want)
			}
			if good, bad := dec.Frames(); bad != 0 || good == 0 {
				t.Errorf("%d good, %d bad", good, bad)
			}
		})
	}
}

// Whatever came before, a decoder reads the device again within three seconds
// or readings, and noise alone is never a reading.
func TestEveryDriverFindsBackFromNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, name := range sensor.Names() {
		for range 20 {
			d, dec := newDriver(t, name)
			noise, batch := make([]byte, r.IntN(3000)), new(vital.Batch)
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			dec.Decode(batch, noise)
			if len(batch.Numerics) > 0 && !d.Unchecked {
				t.Fatalf("%s: noise gave %+v", name, batch.Numerics)
			}
			l := sensortest.Line{Decoder: dec, Device: d.Simulate(sim.NewPatient(3))}
			batch = l.Run(3 * max(time.Second, d.Period))
			last := batch.Numerics[max(0, len(batch.Numerics)-1):]
			if len(last) == 0 || !last[0].Value.IsNumber() {
				t.Fatalf("%s: nothing after %d bytes of noise", name, len(noise))
			}
		}
	}
}

// Conditions at the sensor are statuses, and never numbers, in every family
// that can tell: the others only have no value then.
func TestFingerOffIsNoNumber(t *testing.T) {
	for _, name := range sensor.Names() {
		p := sim.NewPatient(3)
		d, dec := newDriver(t, name)
		l := sensortest.Line{Decoder: dec, Device: d.Simulate(p)}
		if mainMetric(l.Run(2*d.Period+3*time.Second)) != vital.SpO2 {
			continue // no oximeter
		}
		p.Set(sim.FingerOff)
		l.Run(d.Period + 2*time.Second) // that began before
		seen, told := 0, !slices.Contains([]string{"lines", "ge-dri", "nonin-df13", "healthypi5", "intellivue-mib"}, name)
		for _, n := range l.Run(10 * d.Period).Numerics {
			if n.Code == vital.SpO2 || n.Code == vital.PulseRate {
				seen++
				if n.Value != vital.NaN || n.Status&vital.NotAvailable == 0 || told && n.Status&(vital.SensorOff|vital.SensorDisconnected) == 0 {
					t.Fatalf("%s: %+v", name, n)
				}
			}
		}
		if seen == 0 {
			t.Errorf("%s: no readings at all", name)
		}
	}
}

// A recording replayed as a Nonin sensor: the pleth is the recorded one, the
// rate that of its beats, and SpO2, which is not in the record, has no value.
func TestReplayedRecord(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "physionet", "v102s.hea")
	if _, err := os.Stat(path); err != nil {
		t.Skip("shared data absent: physionet/v102s.hea")
	}
	rec, err := sim.OpenRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	source, err := sim.NewReplay(sim.ReplayConfig{Record: rec})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := sensor.Lookup("nonin-df7")
	dec, _ := d.New(sensor.Options{})
	device, batch := d.Simulate(source), new(vital.Batch)
	for range 75 * 60 {
		bytes, _ := device.Next(nil)
		dec.Decode(batch, bytes)
	}
	rates := 0
	for _, n := range batch.Numerics {
		if n.Code == vital.SpO2 && n.Value != vital.NaN {
			t.Fatalf("%+v was not recorded", n)
		}
		if n.Code == vital.PulseRate && n.Value.IsNumber() {
			rates++
		}
	}
	if rates < 150 || len(batch.Waves) != 180 {
		t.Errorf("%d rates, %d waves in a minute", rates, len(batch.Waves))
	}
	for i, w := range batch.Waves {
		for k, s := range w.Samples {
			want := int32(math.Round(source.Pleth(time.Duration(i*25+k)*time.Second/75) * 65535))
			if s != want {
				t.Fatalf("wave %d sample %d is %d, recorded %d", i, k, s, want)
			}
		}
	}
}

// A decoder can be used again after Flush.
func TestFlushBeginsAnew(t *testing.T) {
	for _, name := range sensor.Names() {
		d, host := newDriver(t, name)
		stream := sensortest.Record(host, d.Simulate(sim.NewPatient(3)), 3*time.Second+3*d.Period)
		_, dec := newDriver(t, name)
		var results [][]string
		for range 2 {
			batch := sensortest.Decode(dec, stream)
			batch.Events = nil // the device says who it is only once
			results = append(results, sensortest.Lines(batch))
		}
		if len(results[0]) == 0 || !slices.Equal(results[0], results[1]) {
			t.Errorf("%s: the second stream differs", name)
		}
	}
}

func ExampleLookup() {
	driver, err := sensor.Lookup("nonin-df8")
	if err != nil {
		fmt.Println(err)
		return
	}
	decoder, err := driver.New(sensor.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var batch vital.Batch
	decoder.Decode(&batch, []byte{0x80, 72, 97, 0x00}) // as read from the port
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	_, err = sensor.Lookup("nonin-df80")
	text, _, _ := strings.Cut(err.Error(), " known are")
	fmt.Println(text)
	// Output:
	// MDC_PULS_OXIM_PULS_RATE 72 /min
	// MDC_PULS_OXIM_SAT_O2 97 %
	// sensor: no driver "nonin-df80": did you mean "nonin-df8"?
}

// A line that is listened to tells which device is on it: each simulator that
// speaks by itself is recognised, as itself before any other, and noise is not.
func TestRecognise(t *testing.T) {
	recognised := 0
	for _, name := range sensor.Names() {
		d, _ := sensor.Lookup(name)
		if d.Simulate == nil {
			continue
		}
		device, stream := d.Simulate(sim.NewPatient(3)), []byte("\x00half a frame")
		for now := time.Duration(0); now < 5*d.Period; {
			var wait time.Duration
			stream, wait = device.Next(stream)
			now += max(wait, time.Millisecond)
		}
		found := sensor.Recognise(stream)
		if dec, _ := d.New(sensor.Options{}); len(found) == 0 {
			if _, asked := dec.(sensor.Asker); !asked {
				t.Errorf("%s is not recognised in %d bytes", name, len(stream))
			}
			continue
		}
		recognised++
		if found[0].Driver.Name != name {
			t.Errorf("%s is taken for %s", name, found[0].Driver.Name)
		}
	}
	if recognised < 5 {
		t.Errorf("%d devices are recognised", recognised)
	}
	noise, r := make([]byte, 10_000), rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	if found := sensor.Recognise(noise); len(found) > 0 {
		t.Errorf("noise is recognised as %+v", found[0])
	}
}
