package sensor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func TestCatalogue(t *testing.T) {
	want := []string{"nonin-df2", "nonin-df7", "nonin-df8", "masimo-ascii1", "lines"}
	if got := sensor.Names(); !slices.Equal(got, want) {
		t.Fatalf("names %v", got)
	}
	for _, name := range want {
		d, err := sensor.Lookup(name)
		if err != nil {
			t.Fatal(err)
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
	o.Lines.Fields[0].Code = "MDC_NONSENSE"
	d, _ := sensor.Lookup("lines")
	if dec, err := d.New(o); err == nil || dec != nil {
		t.Error("a code that does not exist")
	}
}

// Ten minutes of each simulated device goes through its decoder in odd pieces:
// every frame is good, readings come as often as the driver says, and the line
// is never silent for as long as the driver says that it may be.
func TestEveryDriverReadsItsDevice(t *testing.T) {
	const span = 10 * time.Minute
	for _, name := range sensor.Names() {
		t.Run(name, func(t *testing.T) {
			d, _ := sensor.Lookup(name)
			dec, err := d.New(sensor.Options{})
			if err != nil {
				t.Fatal(err)
			}
			device, batch, readings := d.Simulate(sim.NewPatient(3)), new(vital.Batch), 0
			var buf []byte
			var wait, now time.Duration
			for now < span {
				buf, wait = device.Next(buf)
				if now += wait; wait <= 0 || wait >= d.Silence {
					t.Fatalf("waits %v", wait)
				}
				cut := len(buf) * 2 / 3
				dec.Decode(batch, buf[:cut])
				buf = buf[:copy(buf, buf[cut:])]
				readings += check(t, batch)
			}
			dec.Decode(batch, buf)
			dec.Flush(batch)
			readings += check(t, batch)
			if want := int(span / d.Period); readings < want-1 || readings > want+1 {
				t.Errorf("%d SpO2 readings in %v, not %d", readings, span, want)
			}
			if good, bad := dec.Frames(); bad != 0 || good == 0 {
				t.Errorf("%d good, %d bad", good, bad)
			}
		})
	}
}

// check returns the number of SpO2 values and empties the batch.
func check(t *testing.T, b *vital.Batch) (n int) {
	t.Helper()
	for _, r := range b.Numerics {
		if !r.Value.IsNumber() || r.Status != 0 || r.Time != 0 {
			t.Fatalf("%+v", r)
		}
		if r.Code == vital.SpO2 {
			n++
		}
	}
	b.Reset()
	return n
}

// Whatever came before, a decoder reads the device again within three seconds
// of good bytes, and noise alone is never a reading.
func TestEveryDriverFindsBackFromNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, name := range sensor.Names() {
		d, _ := sensor.Lookup(name)
		for range 20 {
			dec, err := d.New(sensor.Options{})
			if err != nil {
				t.Fatal(err)
			}
			noise, batch := make([]byte, r.IntN(3000)), new(vital.Batch)
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			dec.Decode(batch, noise)
			if len(batch.Numerics) > 0 && name != "nonin-df8" { // which has no check
				t.Fatalf("%s: noise gave %+v", name, batch.Numerics)
			}
			batch.Reset()
			device, now := d.Simulate(sim.NewPatient(3)), time.Duration(0)
			for now < 3*time.Second {
				bytes, wait := device.Next(nil)
				now += wait
				dec.Decode(batch, bytes)
			}
			last := batch.Numerics[max(0, len(batch.Numerics)-1):]
			if len(last) == 0 || !last[0].Value.IsNumber() {
				t.Fatalf("%s: nothing after %d bytes of noise", name, len(noise))
			}
		}
	}
}

// Conditions at the sensor are statuses, and never numbers, in every family
// that can tell.
func TestFingerOffIsNoNumber(t *testing.T) {
	p := sim.NewPatient(3)
	p.Set(sim.FingerOff)
	for _, name := range sensor.Names() {
		d, _ := sensor.Lookup(name)
		dec, _ := d.New(sensor.Options{})
		device, batch := d.Simulate(p), new(vital.Batch)
		for range 75 {
			bytes, _ := device.Next(nil)
			dec.Decode(batch, bytes)
		}
		seen := 0
		for _, n := range batch.Numerics {
			if n.Code == vital.SpO2 || n.Code == vital.PulseRate {
				seen++
				if n.Value != vital.NaN || n.Status&vital.NotAvailable == 0 || n.Status&vital.SensorOff == 0 && name != "lines" {
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
		d, _ := sensor.Lookup(name)
		dec, _ := d.New(sensor.Options{})
		var results []*vital.Batch
		for range 2 {
			device, batch := d.Simulate(sim.NewPatient(3)), new(vital.Batch)
			for range 80 {
				bytes, _ := device.Next(nil)
				dec.Decode(batch, bytes)
			}
			dec.Flush(batch)
			batch.Events = nil // the device says who it is only once
			results = append(results, batch)
		}
		if !reflect.DeepEqual(results[0], results[1]) {
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
	fmt.Println(err)
	// Output:
	// MDC_PULS_OXIM_PULS_RATE 72 /min
	// MDC_PULS_OXIM_SAT_O2 97 %
	// sensor: no driver "nonin-df80": did you mean "nonin-df8"? known are nonin-df2, nonin-df7, nonin-df8, masimo-ascii1, lines
}
