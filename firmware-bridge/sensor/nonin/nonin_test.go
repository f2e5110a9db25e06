package nonin_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/nonin"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

type decoder interface {
	Decode(*vital.Batch, []byte)
	Flush(*vital.Batch)
	Frames() (good, bad uint64)
}

// shape is what the transcripts of formats 2 and 7 have in common.
type shape struct {
	name string
	new  func() decoder
	sim  func(sim.Source) *nonin.Simulator
	wide bool
}

var shapes = []shape{
	{"df2", func() decoder { return new(nonin.DF2) }, nonin.SimulateDF2, false},
	{"df7", func() decoder { return new(nonin.DF7) }, nonin.SimulateDF7, true},
}

// packet writes one packet by hand, from the FLOAT bytes of the document.
func (s shape) packet(status byte, pleth int, float map[int]byte) []byte {
	var p []byte
	for frame := 1; frame <= 25; frame++ {
		st := status | 0x80
		if frame == 1 {
			st |= 0x01
		}
		f := []byte{0x01, st, byte(pleth + frame), float[frame]}
		if s.wide {
			v := pleth + frame
			f = []byte{st, byte(v >> 8), byte(v), float[frame]}
		}
		p = append(append(p, f...), f[0]+f[1]+f[2]+f[3])
	}
	return p
}

// numbers are the FLOAT bytes of heart rate 200 and SpO2 97, and others in the
// places of values that must not be read.
func numbers() map[int]byte {
	return map[int]byte{1: 0x01, 2: 0x48, 3: 97, 4: 30, 9: 11, 10: 12, 11: 13, 14: 2, 15: 22, 16: 33, 17: 44, 20: 3, 21: 55}
}

func decodeAll(d decoder, chunks ...[]byte) *vital.Batch {
	b := new(vital.Batch)
	for _, c := range chunks {
		d.Decode(b, c)
	}
	d.Flush(b)
	return b
}

func value(t testing.TB, b *vital.Batch, i int, code vital.Code, unit vital.Unit, want vital.Decimal, status vital.Status) {
	t.Helper()
	if len(b.Numerics) <= i {
		t.Fatalf("%d numerics, number %d is missing", len(b.Numerics), i)
	}
	got, expect := b.Numerics[i], vital.Numeric{Code: code, Unit: unit, Value: want, Status: status}
	if got != expect {
		t.Errorf("got  %+v %q\nwant %+v %q", got, got.Status.Names(), expect, status.Names())
	}
}

func pair(t testing.TB, b *vital.Batch, at int, rate, spo2 vital.Decimal, status vital.Status) {
	t.Helper()
	value(t, b, at, vital.PulseRate, vital.BeatsPerMinute, rate, status)
	value(t, b, at+1, vital.SpO2, vital.Percent, spo2, status)
}

// The packet written by others by hand: heart rate 72, SpO2 97.
func TestForeignPacket(t *testing.T) {
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "nonin", "df2_packet_00.bin")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skip("shared data absent: nonin/df2_packet_00.bin")
	}
	d := new(nonin.DF2)
	b := decodeAll(d, data)
	if len(b.Numerics) != 2 || len(b.Waves) != 1 || len(b.Events) != 1 || len(b.Alerts) != 0 {
		t.Fatalf("%+v", b)
	}
	pair(t, b, 0, vital.Int(72), vital.Int(97), 0)
	w := b.Waves[0]
	if w.Code != vital.Pleth || w.Unit != vital.NoUnit || w.Rate != vital.Int(75) || w.Factor != (vital.Decimal{}) || len(w.Samples) != 25 {
		t.Errorf("wave %+v", w)
	}
	if good, bad := d.Frames(); good != 25 || bad != 0 {
		t.Errorf("%d good, %d bad", good, bad)
	}
}

// The vector of the document: SYNC, heart rate 72, SpO2 97.
func TestPrintedFrames(t *testing.T) {
	p := []byte{0x01, 0x81, 0x01, 0x00, 0x83, 0x01, 0x80, 0x01, 0x48, 0xca, 0x01, 0x80, 0x01, 0x61, 0xe3}
	b := decodeAll(new(nonin.DF2), p)
	pair(t, b, 0, vital.Int(72), vital.Int(97), 0)
	if len(b.Waves) != 1 || len(b.Waves[0].Samples) != 3 {
		t.Errorf("waves %+v", b.Waves)
	}
	for range 22 {
		p = append(p, 0x01, 0x80, 0x01, 0x00, 0x82)
	}
	pair(t, decodeAll(new(nonin.DF2), p), 0, vital.Int(72), vital.Int(97), 0)
}

func TestPackets(t *testing.T) {
	nan := vital.NaN
	for _, s := range shapes {
		for _, c := range []struct {
			name   string
			status byte
			float  map[int]byte
			rate   vital.Decimal
			spo2   vital.Decimal
			want   vital.Status
		}{
			{"good", 0x02, nil, vital.Int(200), vital.Int(97), 0},
			{"upper bits are not part of the values", 0, map[int]byte{1: 0xfd, 2: 0xc8, 3: 0xe1}, vital.Int(200), vital.Int(97), 0},
			{"missing", 0, map[int]byte{1: 3, 2: 127, 3: 127}, nan, nan, vital.NotAvailable},
			{"finger out", 0x08, map[int]byte{1: 3, 2: 127, 3: 127}, nan, nan, vital.NotAvailable | vital.SensorOff},
			{"finger out, values held", 0x08, nil, nan, nan, vital.NotAvailable | vital.SensorOff},
			{"disconnected", 0x40, nil, nan, nan, vital.NotAvailable | vital.SensorDisconnected},
			{"artifact", 0x20, nil, vital.Int(200), vital.Int(97), vital.Questionable | vital.SignalErratic},
			{"out of track", 0x10, nil, vital.Int(200), vital.Int(97), vital.Questionable | vital.SignalSearching},
			{"red", 0x04, nil, vital.Int(200), vital.Int(97), vital.Questionable | vital.SignalLowPerfusion},
			{"yellow", 0x06, nil, vital.Int(200), vital.Int(97), vital.SignalLowPerfusion},
			{"all", 0x7e, nil, nan, nan, vital.NotAvailable | vital.SensorOff | vital.SensorDisconnected |
				vital.SignalErratic | vital.SignalSearching | vital.SignalLowPerfusion},
		} {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				float := numbers()
				for k, v := range c.float {
					float[k] = v
				}
				b := decodeAll(s.new(), s.packet(c.status, 100, float))
				pair(t, b, 0, c.rate, c.spo2, c.want)
				if len(b.Waves) != 1 || b.Waves[0].Samples[0] != 101 || b.Waves[0].Samples[24] != 125 {
					t.Errorf("waves %+v", b.Waves)
				}
			})
		}
	}
}

func TestSpO2Above100IsInvalid(t *testing.T) {
	float := numbers()
	float[3] = 101
	b := decodeAll(new(nonin.DF2), shapes[0].packet(0, 0, float))
	value(t, b, 0, vital.PulseRate, vital.BeatsPerMinute, vital.Int(200), 0)
	value(t, b, 1, vital.SpO2, vital.Percent, vital.NaN, vital.NotAvailable|vital.Invalid)
}

func TestWidePleth(t *testing.T) {
	b := decodeAll(new(nonin.DF7), shapes[1].packet(0, 65500, numbers()))
	if w := b.Waves[0]; w.Samples[0] != 65501 || w.Samples[24] != 65525 {
		t.Errorf("samples %v", w.Samples)
	}
}

func TestBatteryAndRevisionAreToldOnChange(t *testing.T) {
	s, low := shapes[0], numbers()
	low[8] = 0x21 // SmartPoint and low battery
	d, b := s.new(), new(vital.Batch)
	for _, float := range []map[int]byte{numbers(), numbers(), low, low, numbers(), numbers()} {
		d.Decode(b, s.packet(0, 0, float))
	}
	if len(b.Alerts) != 2 || b.Alerts[0].State != vital.AlertPresent || b.Alerts[1].State != vital.AlertEnded ||
		b.Alerts[0].Kind != vital.Technical || b.Alerts[0].Text != "low battery" {
		t.Errorf("alerts %+v", b.Alerts)
	}
	if len(b.Events) != 1 || b.Events[0].Kind != vital.EventIdentified || b.Events[0].Text != "Nonin data format 2, firmware revision 30" {
		t.Errorf("events %+v", b.Events)
	}
}

func TestEveryChunking(t *testing.T) {
	for _, s := range shapes {
		garbage := []byte{0x01, 0x81, 0x00, 0xff, 0x01, 0x01, 0x80, 0x80}
		stream := append(garbage, s.packet(0x02, 7, numbers())...)
		stream = append(stream, s.packet(0x20, 70, numbers())...)
		stream = append(stream, s.packet(0x02, 33, numbers())[:60]...)
		want := decodeAll(s.new(), stream)
		if len(want.Numerics) != 6 || len(want.Waves) != 3 || len(want.Waves[2].Samples) != 12 {
			t.Fatalf("%s: %d numerics, %d waves", s.name, len(want.Numerics), len(want.Waves))
		}
		for size := 1; size <= len(stream); size++ {
			d, b := s.new(), new(vital.Batch)
			for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
				d.Decode(b, rest[:min(size, len(rest))])
			}
			d.Flush(b)
			if !reflect.DeepEqual(b, want) {
				t.Fatalf("%s in chunks of %d: %+v", s.name, size, b)
			}
			if good, bad := d.Frames(); good != 62 || bad != 2 {
				t.Fatalf("%s in chunks of %d: %d good, %d bad", s.name, size, good, bad)
			}
		}
	}
}

// An incomplete packet gives only what came, and only if its place is sure.
func TestIncompletePacket(t *testing.T) {
	for _, s := range shapes {
		whole := s.packet(0, 0, numbers())
		for n := range len(whole) {
			alone := decodeAll(s.new(), whole[:n])
			if n < 15 && alone.Len() != 0 || n >= 15 && (len(alone.Numerics) != 2 || len(alone.Waves[0].Samples) != n/5) {
				t.Errorf("%s: the first %d bytes gave %+v", s.name, n, alone)
			}
			b := decodeAll(s.new(), whole, whole[:n])
			numerics, samples := 2, n/5
			if n >= 10 {
				numerics++
			}
			if n >= 15 {
				numerics++
			}
			if len(b.Numerics) != numerics || samples > 0 && len(b.Waves[1].Samples) != samples {
				t.Errorf("%s: %d bytes after a packet gave %+v", s.name, n, b)
			}
		}
	}
}

// A flipped bit never makes a number or a sample that was not sent: the sum
// catches each. At most the packet concerned is lost, the next one is not.
func TestEveryFlippedBit(t *testing.T) {
	for _, s := range shapes {
		one := s.packet(0x02, 50, numbers())
		lost := 0
		for bit := range len(one) * 8 {
			stream := append(append(append([]byte(nil), one...), one...), one...)
			stream[len(one)+bit/8] ^= 1 << (bit % 8)
			d := s.new()
			b := decodeAll(d, stream)
			for _, n := range b.Numerics {
				if n.Status != 0 || n.Code == vital.PulseRate && n.Value != vital.Int(200) || n.Code == vital.SpO2 && n.Value != vital.Int(97) {
					t.Errorf("%s bit %d: %+v", s.name, bit, n)
				}
			}
			for _, w := range b.Waves {
				if len(w.Samples) != 25 || w.Samples[0] != 51 || w.Samples[24] != 75 || w.Status != 0 {
					t.Errorf("%s bit %d: %+v", s.name, bit, w)
				}
			}
			if len(b.Alerts) != 0 || len(b.Events) != 1 || len(b.Waves) != 2 || len(b.Numerics) < 5 {
				t.Errorf("%s bit %d: %d waves, %d numerics, %+v %+v", s.name, bit, len(b.Waves), len(b.Numerics), b.Alerts, b.Events)
			}
			if good, bad := d.Frames(); good != 74 || bad != 1 {
				t.Errorf("%s bit %d: %d good, %d bad", s.name, bit, good, bad)
			}
			lost += 6 - len(b.Numerics)
		}
		// 8 bits each of frames 1 and 2 (rate) and 3 (SpO2), five bytes a frame.
		if lost != 3*5*8 {
			t.Errorf("%s: %d numbers lost", s.name, lost)
		}
	}
}

// One byte lost or added anywhere: nothing wrong comes out, and the packet
// after the next is whole again.
func TestLostAndAddedBytes(t *testing.T) {
	for _, s := range shapes {
		one := s.packet(0x02, 50, numbers())
		for at := range len(one) {
			three := append(append(append([]byte(nil), one...), one...), one...)
			cut := append(append([]byte(nil), three[:125+at]...), three[126+at:]...)
			added := append(append(append([]byte(nil), three[:125+at]...), 0x81), three[125+at:]...)
			for name, stream := range map[string][]byte{"lost": cut, "added": added} {
				b := decodeAll(s.new(), stream)
				for _, n := range b.Numerics {
					if n.Value != vital.Int(200) && n.Value != vital.Int(97) {
						t.Errorf("%s, byte %d %s: %+v", s.name, at, name, n)
					}
				}
				if len(b.Waves) < 2 || len(b.Numerics) < 4 {
					t.Errorf("%s, byte %d %s: %d waves, %d numerics", s.name, at, name, len(b.Waves), len(b.Numerics))
				}
			}
		}
	}
}

// A still finger-off signal looks like frames at a wrong offset, too: the
// decoder must not settle there.
func TestNoFalseLock(t *testing.T) {
	for _, s := range shapes {
		off := s.packet(0x08, 0, map[int]byte{1: 1, 2: 127, 3: 127})
		for f := off; len(f) > 0; f = f[5:] { // a flat pleth of zero
			if s.wide {
				f[1] = 0
			}
			f[2] = 0
			f[4] = f[0] + f[1] + f[2] + f[3]
		}
		var stream []byte
		for range 4 {
			stream = append(stream, off...)
		}
		for at := range 125 {
			b := decodeAll(s.new(), stream[at:])
			if len(b.Numerics) < 6 {
				t.Errorf("%s from byte %d: %d numerics", s.name, at, len(b.Numerics))
			}
			for _, n := range b.Numerics {
				if n.Status&vital.NotAvailable == 0 {
					t.Errorf("%s from byte %d: %+v", s.name, at, n)
				}
			}
		}
	}
}

func TestDF8(t *testing.T) {
	for _, c := range []struct {
		name       string
		bytes      []byte
		rate, spo2 vital.Decimal
		want       vital.Status
	}{
		{"good", []byte{0x80, 72, 97, 0}, vital.Int(72), vital.Int(97), 0},
		{"above 127", []byte{0x81, 0x48, 97, 0}, vital.Int(200), vital.Int(97), 0},
		{"missing", []byte{0x83, 0x7f, 0x7f, 0}, vital.NaN, vital.NaN, vital.NotAvailable},
		{"finger out, values held", []byte{0x80, 72, 97, 8}, vital.NaN, vital.NaN, vital.NotAvailable | vital.SensorOff},
		{"out of track", []byte{0xa0, 72, 97, 0}, vital.Int(72), vital.Int(97), vital.Questionable | vital.SignalSearching},
		{"low perfusion", []byte{0x90, 72, 97, 0}, vital.Int(72), vital.Int(97), vital.Questionable | vital.SignalLowPerfusion},
		{"marginal perfusion", []byte{0x88, 72, 97, 0}, vital.Int(72), vital.Int(97), vital.SignalLowPerfusion},
		{"artifact", []byte{0x84, 72, 97, 0x20}, vital.Int(72), vital.Int(97), vital.Questionable | vital.SignalErratic},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := decodeAll(new(nonin.DF8), c.bytes)
			pair(t, b, 0, c.rate, c.spo2, c.want)
			if len(b.Numerics) != 2 || len(b.Waves) != 0 {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestDF8Resynchronises(t *testing.T) {
	d := new(nonin.DF8)
	// The end of a frame, a frame cut short, three frames, a stray byte, a frame alone
	// and one cut short, three frames, a half.
	b := decodeAll(d, []byte{97, 0, 0x80, 72, 0x80, 73, 98, 0, 0x80, 74, 99, 1, 0x80, 75, 95, 0, 5, 0x80, 66, 66, 0, 0x80, 67,
		0x80, 76, 94, 0, 0x80, 77, 93, 0, 0x80, 78, 92, 0, 0x80, 76})
	var got []string
	for _, n := range b.Numerics {
		got = append(got, string(n.Value.AppendText(nil)))
	}
	if fmt.Sprint(got) != "[73 98 74 99 75 95 76 94 77 93 78 92]" {
		t.Errorf("values %v", got)
	}
	if good, bad := d.Frames(); good != 6 || bad != 6 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	if len(b.Alerts) != 2 {
		t.Errorf("battery: %+v", b.Alerts)
	}
}

// What a simulated device is told comes out of the decoder, in any state.
func TestRoundTrip(t *testing.T) {
	const bits = vital.SensorDisconnected | vital.SensorOff | vital.SignalErratic | vital.SignalSearching | vital.SignalLowPerfusion
	r := rand.New(rand.NewPCG(1, 2))
	all := append([]shape{{"df8", func() decoder { return new(nonin.DF8) }, nonin.SimulateDF8, false}}, shapes...)
	for _, s := range all {
		for range 10000 {
			v := sim.NoVitals()
			if r.IntN(10) > 0 {
				v.PulseRate = float64(r.IntN(511))
			}
			if r.IntN(10) > 0 {
				v.SpO2 = float64(r.IntN(101))
			}
			if r.IntN(2) > 0 {
				v.Status = vital.Status(r.Uint32()) & bits
			}
			v.LowBattery = r.IntN(2) > 0
			level := float64(r.IntN(256)) / 255
			roundTrip(t, s, sim.Fixed{Numbers: v, PlethLevel: level})
			if t.Failed() {
				t.Fatalf("%s: %+v", s.name, v)
			}
		}
	}
}

func roundTrip(t *testing.T, s shape, from sim.Fixed) {
	t.Helper()
	var stream []byte
	device, n := s.sim(from), 25
	if s.name == "df8" {
		n = 1
	}
	for range n {
		stream, _ = device.Next(stream)
	}
	b := decodeAll(s.new(), stream)
	if len(b.Numerics) != 2 || (len(b.Alerts) == 1) != from.Numbers.LowBattery {
		t.Fatalf("%+v", b)
	}
	status := from.Numbers.Status
	if s.name == "df8" && status&(vital.SensorOff|vital.SensorDisconnected) != 0 {
		status = status&^vital.SensorDisconnected | vital.SensorOff
	}
	for i, x := range []float64{from.Numbers.PulseRate, from.Numbers.SpO2} {
		want, ws := vital.NaN, status|vital.NotAvailable
		if !math.IsNaN(x) && status&(vital.SensorOff|vital.SensorDisconnected) == 0 {
			want, ws = vital.Int(int(x)), status
			if status != 0 {
				ws |= vital.Questionable
			}
		}
		if got := b.Numerics[i]; got.Value != want || got.Status != ws {
			t.Errorf("got %+v, want %v %v", got, want, ws)
		}
	}
	for _, w := range b.Waves {
		full := 255.0
		if s.wide {
			full = 65535
		}
		if want := int32(math.Round(from.PlethLevel * full)); w.Samples[0] != want || w.Samples[24] != want {
			t.Errorf("pleth %v, want %d", w.Samples, want)
		}
	}
}

func TestSimulatorKeepsTime(t *testing.T) {
	device, total := nonin.SimulateDF2(sim.NewPatient(1)), time.Duration(0)
	var stream []byte
	for range 75 * 60 {
		var wait time.Duration
		stream, wait = device.Next(stream)
		total += wait
	}
	if total != time.Minute || len(stream) != 75*60*5 {
		t.Errorf("%d bytes in %v", len(stream), total)
	}
	b := decodeAll(new(nonin.DF2), stream)
	if len(b.Waves) != 180 || len(b.Numerics) != 360 {
		t.Errorf("%d waves, %d numerics", len(b.Waves), len(b.Numerics))
	}
}

func ExampleDF2() {
	device := nonin.SimulateDF2(sim.NewPatient(42))
	var line []byte
	for range 25 {
		line, _ = device.Next(line)
	}
	var d nonin.DF2
	var batch vital.Batch
	d.Decode(&batch, line)
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	fmt.Println(len(batch.Waves[0].Samples), "samples of", batch.Waves[0].Code.RefID())
	// Output:
	// MDC_PULS_OXIM_PULS_RATE 68 /min
	// MDC_PULS_OXIM_SAT_O2 96 %
	// 25 samples of MDC_PULS_OXIM_PLETH
}
