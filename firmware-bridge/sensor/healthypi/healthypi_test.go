package healthypi_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/healthypi"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func fresh() sensor.Decoder { return new(healthypi.Decoder) }

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), healthypi.Simulate(sim.NewPatient(7)), span)
}

// packet writes one by hand, in the order of the firmware.
func packet(ecg, bioz int32, skip byte, temp int16, spo2, hr, rr byte) []byte {
	p := []byte{0x0a, 0xfa, 0x16, 0x00, 0x02}
	for _, v := range []int32{ecg, bioz} {
		p = binary.LittleEndian.AppendUint32(p, uint32(v))
	}
	p = append(p, skip, 1, 2, 3, 4, 5, 6, 7, 8)
	p = binary.LittleEndian.AppendUint16(p, uint16(temp))
	return append(p, spo2, hr, rr, 0x00, 0x0b)
}

func TestTranscript(t *testing.T) { sensortest.Replay(t, fresh(), "testdata/openview.txt") }

func TestTenMinutes(t *testing.T) {
	d := fresh()
	b := (&sensortest.Line{Decoder: d, Device: healthypi.Simulate(sim.NewPatient(3))}).Run(10 * time.Minute)
	d.Flush(b)
	n, s := map[vital.Code]int{}, map[vital.Code]int{}
	for _, x := range b.Numerics {
		n[x.Code]++
		if !x.Value.IsNumber() || x.Status != 0 {
			t.Fatalf("%+v", x)
		}
	}
	for _, w := range b.Waves {
		s[w.Code] += len(w.Samples)
		if want := map[vital.Code]int{vital.ECG: 128, vital.RespImpedance: 64}[w.Code]; w.Rate != vital.Int(want) || w.Factor.Mantissa != 0 || w.Unit != 0 {
			t.Fatalf("%+v", w)
		}
	}
	if n[vital.SpO2] != 601 || n[vital.HeartRate] != 601 || n[vital.RespRateImpedance] != 601 || n[vital.Temp] != 601 {
		t.Errorf("%v", n)
	}
	if s[vital.ECG] < 76799 || s[vital.ECG] > 76801 || s[vital.RespImpedance] < 38399 || s[vital.RespImpedance] > 38401 {
		t.Errorf("%v", s)
	}
	if good, bad := d.Frames(); good < 76799 || bad != 0 {
		t.Errorf("%d good, %d bad", good, bad)
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   string
	}{
		{packet(1, 2, 0, 3660, 97, 72, 14), "97 72 14 36.60"},
		{packet(1, 2, 0, 0, 0, 0, 0), "NaN[not-available] NaN[not-available] NaN[not-available] NaN[not-available]"},
		{packet(1, 2, 0, 6001, 101, 255, 255), "NaN[invalid not-available] 255 255 NaN[invalid not-available]"},
		{packet(1, 2, 0, -1, 100, 1, 1), "100 1 1 NaN[invalid not-available]"},
	} {
		var got []string
		for _, n := range sensortest.Decode(fresh(), c.packet).Numerics {
			s := string(n.Value.AppendText(nil))
			if n.Status != 0 {
				s += fmt.Sprint(n.Status.Names())
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}

// BioZ comes at half the rate if the board says which samples to skip, and at the
// packets' rate if it does not.
func TestBioZ(t *testing.T) {
	for _, c := range []struct {
		skip    byte
		rate, n int
	}{{0xff, 64, 32}, {0, 128, 64}} {
		var s []byte
		for i := range int32(64) {
			s = append(s, packet(-i, i, byte(i%2)*c.skip, 3660, 97, 72, 14)...)
		}
		b := sensortest.Decode(fresh(), s)
		if len(b.Waves) != 2 || b.Waves[0].Samples[63] != -63 || b.Waves[1].Rate != vital.Int(c.rate) || len(b.Waves[1].Samples) != c.n {
			t.Errorf("skip %X: %q", c.skip, sensortest.Lines(b))
		}
	}
}

// What is not as the firmware writes it is no packet, and the next one is found again.
func TestRefused(t *testing.T) {
	good := packet(1, 2, 0, 3660, 97, 72, 14)
	for _, at := range []int{0, 1, 2, 3, 4, 13, 27, 28} {
		p := slices.Clone(good)
		p[at] ^= 0x41
		d := fresh()
		b := sensortest.Decode(d, good, p, good, good)
		if good, bad := d.Frames(); good != 3 || bad != 1 || len(b.Waves) != 4 {
			t.Errorf("byte %d: %d good, %d bad, %q", at, good, bad, sensortest.Lines(b))
		}
	}
	for cut := range good {
		d := fresh()
		b := sensortest.Decode(d, good, slices.Delete(slices.Clone(good), cut, cut+1), good, good)
		if g, bad := d.Frames(); g != 3 || bad == 0 || len(b.Waves) != 4 {
			t.Errorf("byte %d lost: %d good, %d bad, %d waves", cut, g, bad, len(b.Waves))
		}
	}
	// the header of another format of the same firmware
	ov3 := append([]byte{0x0a, 0xfa, 50, 0x00, 0x03}, make([]byte, 52)...)
	if b := sensortest.Decode(fresh(), ov3, ov3); b.Len() > 0 {
		t.Error("OpenView 3 is read")
	}
}

func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	if b := sensortest.Decode(fresh(), noise); b.Len() > 0 {
		t.Errorf("%+v", b)
	}
}

func TestConditions(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: fresh(), Device: healthypi.Simulate(p)}
	l.Run(2 * time.Second)
	p.Set(sim.FingerOff)
	l.Run(2 * time.Second)
	for _, n := range l.Run(5 * time.Second).Numerics {
		if off := n.Code == vital.SpO2; off != (n.Value == vital.NaN) || off != (n.Status == vital.NotAvailable) {
			t.Errorf("%+v", n)
		}
	}
}

func TestChunks(t *testing.T) {
	s := stream(10 * time.Second)
	sensortest.AnyChunks(t, fresh, slices.Concat(s[7:2000], s[2010:3000], []byte{0x0a, 0xfa, 0x0a, 0xfa}, s[3000:len(s)-5]))
}

func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, fresh(), stream(10*time.Second)) }

func Fuzz(f *testing.F) {
	p := packet(-70000, 1<<30, 0xff, 3660, 97, 72, 14)
	sensortest.Fuzz(f, fresh, p, slices.Concat(p[9:], p, p[:28], p), stream(2 * time.Second)[:2000])
}

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(time.Minute)) }

func ExampleDecoder() {
	var d healthypi.Decoder
	var batch vital.Batch
	d.Decode(&batch, packet(-1200, 340, 0, 3660, 97, 72, 14))
	for _, n := range batch.Numerics {
		fmt.Printf("%s %s %s\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// MDC_PULS_OXIM_SAT_O2 97 %
	// MDC_ECG_HEART_RATE 72 /min
	// MDC_TTHOR_RESP_RATE 14 /min
	// MDC_TEMP 36.60 Cel
}
