package capnostream_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/capnostream"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func decoder() sensor.Decoder { return new(capnostream.Decoder) }

// message makes a message, with its check over what is sent: it is the same.
func message(body ...byte) []byte {
	p := []byte{0x85}
	check := byte(0)
	put := func(b byte) {
		if b == 0x85 || b == 0x80 {
			p = append(p, 0x80, b-0x80)
			check ^= 0x80 ^ (b - 0x80)
			return
		}
		p = append(p, b)
		check ^= b
	}
	put(byte(len(body)))
	for _, b := range body {
		put(b)
	}
	put(check)
	return p
}

// numerics makes a message with numbers: index and value of what is not as usual.
func numerics(changes ...byte) []byte {
	p := []byte{1, 0x56, 0xcb, 0x8f, 0x11, 38, 1, 12, 97, 72, 0, 0, 0, 0, 0, 0, 0, 60, 15, 30, 5, 8, 100, 85, 140, 50, 1, 0}
	for i := 0; i < len(changes); i += 2 {
		p[1+changes[i]] = changes[i+1]
	}
	return message(p...)
}

func wave(number byte, co2 uint16, status byte) []byte {
	return message(0, number, byte(co2>>8), byte(co2), status)
}

const device = "V45.67 02/24/2008 B355987654  " // of openICE's test

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		sensortest.Replay(t, decoder(), f)
	}
}

func TestNumerics(t *testing.T) {
	const (
		et    = "numeric MDC_AWAY_CO2_ET 38 mm[Hg]"
		rr    = "numeric MDC_CO2_RESP_RATE 12 /min"
		spo2  = "numeric MDC_PULS_OXIM_SAT_O2 97 %"
		pulse = "numeric MDC_PULS_OXIM_PULS_RATE 72 /min"
	)
	fico2 := fmt.Sprintf("numeric %d 1 mm[Hg]", capnostream.InspiredCO2)
	usual := []string{et, fico2, rr, spo2, pulse}
	with := func(changes ...string) []string {
		out := slices.Clone(usual)
		for _, c := range changes {
			found := false
			for i := range usual {
				if kind, _, _ := strings.Cut(c[8:], " "); strings.HasPrefix(c, "numeric ") && strings.HasPrefix(usual[i], "numeric "+kind+" ") {
					out[i], found = c, true
				}
			}
			if !found {
				out = append(out, c)
			}
		}
		return out
	}
	for _, c := range []struct {
		name    string
		changes []byte
		want    []string
	}{
		{"usual", nil, usual},
		{"no numbers", []byte{4, 0xff, 5, 0xff, 6, 0xff, 7, 0xff, 8, 0xff}, with("numeric MDC_AWAY_CO2_ET NaN mm[Hg] [not-available]",
			fmt.Sprintf("numeric %d NaN mm[Hg] [not-available]", capnostream.InspiredCO2), "numeric MDC_CO2_RESP_RATE NaN /min [not-available]",
			"numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available]", "numeric MDC_PULS_OXIM_PULS_RATE NaN /min [not-available]")},
		{"SpO2 of 101", []byte{7, 101}, with("numeric MDC_PULS_OXIM_SAT_O2 NaN % [invalid not-available]")},
		{"kPa", []byte{25, 2}, with("numeric MDC_AWAY_CO2_ET NaN mm[Hg] [not-available]", fmt.Sprintf("numeric %d NaN mm[Hg] [not-available]", capnostream.InspiredCO2))},
		{"percent by volume", []byte{25, 3}, with("numeric MDC_AWAY_CO2_ET NaN mm[Hg] [not-available]", fmt.Sprintf("numeric %d NaN mm[Hg] [not-available]", capnostream.InspiredCO2))},
		{"escaped", []byte{8, 0x85, 0, 0x80, 24, 0x80}, with("numeric MDC_PULS_OXIM_PULS_RATE 133 /min")},
		{"no breath", []byte{13, 1}, with("numeric MDC_CO2_RESP_RATE 12 /min [msmt-state-in-alarm]", `alert high physiological present MDC_CO2_RESP_RATE "no breath"`)},
		{"EtCO2 high", []byte{13, 2, 4, 62}, with("numeric MDC_AWAY_CO2_ET 62 mm[Hg] [msmt-state-in-alarm]", `alert medium physiological present MDC_AWAY_CO2_ET "EtCO2 high" value 62 limit 60`)},
		{"EtCO2 low", []byte{13, 4, 4, 9}, with("numeric MDC_AWAY_CO2_ET 9 mm[Hg] [msmt-state-in-alarm]", `alert medium physiological present MDC_AWAY_CO2_ET "EtCO2 low" value 9 limit 15`)},
		{"RR high", []byte{13, 8, 6, 33}, with("numeric MDC_CO2_RESP_RATE 33 /min [msmt-state-in-alarm]", `alert medium physiological present MDC_CO2_RESP_RATE "RR high" value 33 limit 30`)},
		{"RR low", []byte{13, 16, 6, 4}, with("numeric MDC_CO2_RESP_RATE 4 /min [msmt-state-in-alarm]", `alert medium physiological present MDC_CO2_RESP_RATE "RR low" value 4 limit 5`)},
		{"FiCO2 high", []byte{13, 32, 5, 9}, with(fmt.Sprintf("numeric %d 9 mm[Hg] [msmt-state-in-alarm]", capnostream.InspiredCO2),
			fmt.Sprintf(`alert medium physiological present %d "FiCO2 high" value 9 limit 8`, capnostream.InspiredCO2))},
		{"pulse not found", []byte{14, 1}, with("numeric MDC_PULS_OXIM_SAT_O2 97 % [signal-searching]", "numeric MDC_PULS_OXIM_PULS_RATE 72 /min [signal-searching]",
			`alert low technical present MDC_PULS_OXIM_SAT_O2 "pulse not found"`)},
		{"SpO2 high", []byte{14, 2}, with("numeric MDC_PULS_OXIM_SAT_O2 97 % [msmt-state-in-alarm]", `alert medium physiological present MDC_PULS_OXIM_SAT_O2 "SpO2 high" value 97 limit 100`)},
		{"SpO2 low", []byte{14, 4, 7, 80}, with("numeric MDC_PULS_OXIM_SAT_O2 80 % [msmt-state-in-alarm]", `alert high physiological present MDC_PULS_OXIM_SAT_O2 "SpO2 low" value 80 limit 85`)},
		{"pulse high", []byte{14, 8}, with("numeric MDC_PULS_OXIM_PULS_RATE 72 /min [msmt-state-in-alarm]", `alert medium physiological present MDC_PULS_OXIM_PULS_RATE "pulse rate high" value 72 limit 140`)},
		{"pulse low", []byte{14, 16}, with("numeric MDC_PULS_OXIM_PULS_RATE 72 /min [msmt-state-in-alarm]", `alert medium physiological present MDC_PULS_OXIM_PULS_RATE "pulse rate low" value 72 limit 50`)},
		{"sensor off", []byte{14, 32}, with("numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available sensor-off]", "numeric MDC_PULS_OXIM_PULS_RATE NaN /min [not-available sensor-off]",
			`alert low technical present MDC_PULS_OXIM_SAT_O2 "SpO2 sensor off patient"`)},
		{"disconnected", []byte{14, 64}, with("numeric MDC_PULS_OXIM_SAT_O2 NaN % [not-available sensor-disconnected]", "numeric MDC_PULS_OXIM_PULS_RATE NaN /min [not-available sensor-disconnected]",
			`alert low technical present MDC_PULS_OXIM_SAT_O2 "SpO2 sensor disconnected"`)},
		{"calibration", []byte{26, 1}, with("numeric MDC_AWAY_CO2_ET 38 mm[Hg] [questionable]", fmt.Sprintf("numeric %d 1 mm[Hg] [questionable]", capnostream.InspiredCO2),
			"numeric MDC_CO2_RESP_RATE 12 /min [questionable]", `alert low technical present MDC_AWAY_CO2_ET "check calibration"`)},
		{"flow", []byte{26, 2}, with("numeric MDC_AWAY_CO2_ET 38 mm[Hg] [signal-poor]", fmt.Sprintf("numeric %d 1 mm[Hg] [signal-poor]", capnostream.InspiredCO2),
			"numeric MDC_CO2_RESP_RATE 12 /min [signal-poor]", `alert low technical present MDC_AWAY_CO2_ET "check flow"`)},
		{"pump off", []byte{26, 4}, with("numeric MDC_AWAY_CO2_ET NaN mm[Hg] [not-available sensor-off]", fmt.Sprintf("numeric %d NaN mm[Hg] [not-available sensor-off]", capnostream.InspiredCO2),
			"numeric MDC_CO2_RESP_RATE NaN /min [not-available sensor-off]", `alert low technical present MDC_AWAY_CO2_ET "pump off"`)},
		{"battery", []byte{26, 128}, with(`alert low technical present 0 "battery low"`)},
		{"a limit that is off", []byte{14, 4, 22, 0xff}, with("numeric MDC_PULS_OXIM_SAT_O2 97 % [msmt-state-in-alarm]", `alert high physiological present MDC_PULS_OXIM_SAT_O2 "SpO2 low" value 97`)},
		{"an alarm in kPa", []byte{13, 2, 25, 2}, with("numeric MDC_AWAY_CO2_ET NaN mm[Hg] [not-available msmt-state-in-alarm]",
			fmt.Sprintf("numeric %d NaN mm[Hg] [not-available]", capnostream.InspiredCO2), `alert medium physiological present MDC_AWAY_CO2_ET "EtCO2 high"`)},
	} {
		if got := sensortest.Lines(sensortest.Decode(decoder(), numerics(c.changes...))); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nnot %q", c.name, got, c.want)
		}
	}
}

// Every status of the wave, on the wave and on the numbers after it.
func TestWaveStatus(t *testing.T) {
	const w = "wave MDC_AWAY_CO2 20/s x1/256+0 mm[Hg]"
	for status, want := range map[byte]string{
		0x00: w + " 1: 9728|38 mm[Hg]",
		0x01: "38 mm[Hg]", // not valid: no sample
		0x02: w + " [early-indication signal-processing-irregularity] 1: 9728|38 mm[Hg] [early-indication signal-processing-irregularity]",
		0x04: w + " [signal-poor] 1: 9728|38 mm[Hg] [signal-poor]",
		0x08: w + " 1: 9728|38 mm[Hg]",
		0x10: w + " [signal-poor] 1: 9728|38 mm[Hg] [signal-poor]",
		0x20: w + " [signal-poor] 1: 9728|38 mm[Hg] [signal-poor]",
		0x40: "NaN mm[Hg] [not-available sensor-disconnected]",
		0x80: "NaN mm[Hg] [not-available device-equipment-malfunction]",
	} {
		d := decoder()
		sensortest.Decode(d, nil)
		var b vital.Batch
		d.Decode(&b, numerics())
		b.Reset()
		d.Decode(&b, wave(7, 38<<8, status))
		d.Decode(&b, numerics())
		d.Flush(&b)
		var got []string
		for _, l := range sensortest.Lines(&b) {
			if strings.HasPrefix(l, "wave") {
				got = append([]string{l}, got...)
			} else if after, ok := strings.CutPrefix(l, "numeric MDC_AWAY_CO2_ET "); ok {
				got = append(got, after)
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%02X: %q, not %q", status, got, want)
		}
	}
}

// A wave is twenty samples, and ends where one is missing or the unit changes; without
// a unit it has no scale.
func TestWaves(t *testing.T) {
	d := decoder()
	var b vital.Batch
	for n := range 3 {
		d.Decode(&b, wave(byte(254+n), uint16(n), 0))
	}
	d.Decode(&b, numerics())
	for n := range 25 {
		d.Decode(&b, wave(byte(n+1), uint16(256*n+0x80), 0))
	}
	d.Decode(&b, wave(27, 1, 0))
	d.Decode(&b, numerics(25, 2))
	d.Decode(&b, wave(28, 2, 0))
	d.Flush(&b)
	var got []string
	for _, w := range b.Waves {
		got = append(got, fmt.Sprintf("%d %s %d %d", len(w.Samples), w.Unit.UCUM(), w.Divisor, w.Samples[0]))
	}
	want := []string{"3  0 0", "20 mm[Hg] 256 128", "5 mm[Hg] 256 5248", "1 mm[Hg] 256 1", "1  0 2"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestRefused(t *testing.T) {
	bent := numerics()
	bent[8] ^= 1
	for name, p := range map[string][]byte{
		"check":               bent,
		"short numerics":      message(slices.Repeat([]byte{1}, 27)...),
		"short wave":          message(0, 1, 2, 3),
		"identity too short":  message(append([]byte{4}, device[1:]...)...),
		"identity of another": message(append([]byte{4}, "X"+device[1:]...)...),
		"identity with NUL":   message(append([]byte{4}, device[:29]+"\x00"...)...),
		"nothing in it":       {0x85, 0, 0},
		"a wrong escape":      {0x85, 1, 0x80, 1, 0},
		"cut off":             numerics()[:20],
		"nothing":             {1, 2, 3},
	} {
		d := decoder()
		b := sensortest.Decode(d, p)
		if good, bad := d.Frames(); good != 0 || bad != 1 || b.Len() != 0 {
			t.Errorf("%s: %d good, %d bad, %q", name, good, bad, sensortest.Lines(b))
		}
	}
	for _, code := range []byte{2, 3, 9, 10, 12, 21, 22, 55, 56, 57, 58, 60, 200} { // names of patients among them
		d := decoder()
		b := sensortest.Decode(d, message(append([]byte{code}, "Jane Doe            "...)...))
		if good, bad := d.Frames(); good != 1 || bad != 0 || b.Len() != 0 {
			t.Errorf("code %d: %d good, %d bad, %q", code, good, bad, sensortest.Lines(b))
		}
	}
}

// No flipped bit changes a number.
func TestFlippedBits(t *testing.T) {
	p := slices.Concat(numerics(), wave(1, 0x2601, 0), numerics(8, 0x85, 6, 0x80, 5, 3))
	right := sensortest.Decode(decoder(), p)
	for i := range p {
		for bit := range 8 {
			q := slices.Clone(p)
			q[i] ^= 1 << bit
			for _, n := range sensortest.Decode(decoder(), q).Numerics {
				if !slices.Contains(right.Numerics, n) {
					t.Errorf("byte %d bit %d: %+v", i, bit, n)
				}
			}
		}
	}
}

// The host sends these and nothing else.
func TestNothingElseIsEverSent(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	heard := map[string]int{}
	for range 100 {
		d := new(capnostream.Decoder)
		d.Open()
		var now time.Duration
		for range 300 {
			p := message(append([]byte{byte(r.IntN(62))}, device[:r.IntN(len(device)+1)]...)...)
			if r.IntN(3) == 0 {
				p[r.IntN(len(p))] ^= 1 << r.IntN(8)
			}
			var b vital.Batch
			if r.IntN(3) > 0 {
				d.Decode(&b, p)
			}
			sent, next := d.Ask(nil, now)
			for ; len(sent) >= 4; sent = sent[4:] {
				heard[string(sent[:4])]++
			}
			if len(sent) > 0 {
				t.Fatalf("% X", sent)
			}
			if now += time.Duration(r.IntN(1000)) * time.Millisecond; r.IntN(4) == 0 {
				now = max(now, next)
			}
		}
	}
	if len(heard) != 3 || heard["\x85\x01\x01\x00"] == 0 || heard["\x85\x01\x04\x05"] == 0 || heard["\x85\x01\x06\x07"] == 0 {
		t.Errorf("%v", heard)
	}
}

func samples(b *vital.Batch) (n int) {
	for _, w := range b.Waves {
		n += len(w.Samples)
	}
	return n
}

func TestTenMinutes(t *testing.T) {
	d, device := new(capnostream.Decoder), capnostream.Simulate(sim.NewPatient(7))
	l := sensortest.Line{Decoder: d, Device: device}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); bad != 0 || good < 12600 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	if n := sensortest.Count(b, vital.SpO2); n < 599 || n > 601 || samples(b) < 11960 || len(b.Events) != 1 || len(b.Alerts) != 0 || device.Refused() != 0 {
		t.Errorf("%d readings, %d samples, %v, %v, %d refused", n, samples(b), b.Events, b.Alerts, device.Refused())
	}
}

func TestConditions(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: decoder(), Device: capnostream.Simulate(p)}
	l.Run(5 * time.Second)
	for _, c := range []struct {
		set  sim.Condition
		text string
	}{{sim.FingerOff, "SpO2 sensor off patient"}, {sim.Unplugged, "SpO2 sensor disconnected"}, {sim.LowBattery, "battery low"}} {
		p.Set(c.set)
		if b := l.Run(5 * time.Second); len(b.Alerts) != 1 || b.Alerts[0].Text != c.text || b.Alerts[0].State != vital.AlertPresent {
			t.Errorf("%s: %+v", c.text, b.Alerts)
		}
		p.Set(0)
		if b := l.Run(5 * time.Second); len(b.Alerts) != 1 || b.Alerts[0].Text != c.text || b.Alerts[0].State != vital.AlertEnded {
			t.Errorf("%s: %+v", c.text, b.Alerts)
		}
	}
}

// What happens to the patient is told, with the monitor's alarms; the wave goes as
// high as the number, and there is none without a breath.
func TestPatient(t *testing.T) {
	for _, c := range []struct {
		scenario string
		alerts   string // that there were, "" if none
		most     int32  // mmHg of the wave at the end, 0: at rest
	}{
		{"sinus", "", 40},
		{"apnoea", "EtCO2 low, no breath", 0},
		{"asystole", "EtCO2 low, no breath, pulse not found", 0},
		{"sensor-off", "SpO2 sensor off patient", 40},
	} {
		timeline, err := sim.ParseTimeline("sinus 30s, " + c.scenario)
		if err != nil {
			t.Fatal(err)
		}
		l := sensortest.Line{Decoder: decoder(), Device: capnostream.Simulate(sim.NewPatientIn(7, timeline))}
		var texts []string
		for _, a := range l.Run(60 * time.Second).Alerts {
			if a.State == vital.AlertPresent && !slices.Contains(texts, a.Text) {
				texts = append(texts, a.Text)
			}
		}
		slices.Sort(texts)
		if got := strings.Join(texts, ", "); got != c.alerts {
			t.Errorf("%s: alerts %q", c.scenario, got)
		}
		b := l.Run(20 * time.Second)
		var most int32
		for _, w := range b.Waves {
			most = max(most, slices.Max(w.Samples))
		}
		if most /= 256; most < c.most-5 || most > c.most+5 {
			t.Errorf("%s: %d mmHg in the wave", c.scenario, most)
		}
		for _, n := range b.Numerics {
			if n.Code == vital.EtCO2 && (n.Value.IsNumber() != (c.most > 0) || n.Value.IsNumber() && absInt(n.Value.Mantissa-most) > 3) {
				t.Errorf("%s: EtCO2 %v, %d mmHg in the wave", c.scenario, n.Value, most)
			}
		}
	}
}

func absInt(x int32) int32 { return max(x, -x) }

// A source without CO2 gives no samples and no numbers.
func TestNoCO2(t *testing.T) {
	v := sim.NoVitals()
	v.SpO2, v.PulseRate = 97, 70
	l := sensortest.Line{Decoder: decoder(), Device: capnostream.Simulate(noCO2{sim.Fixed{Numbers: v}})}
	b := l.Run(10 * time.Second)
	for _, n := range b.Numerics {
		if oximeter := n.Code == vital.SpO2 || n.Code == vital.PulseRate; n.Value.IsNumber() != oximeter {
			t.Errorf("%+v", n)
		}
	}
	if len(b.Waves) > 0 || len(b.Alerts) > 0 || len(b.Numerics) < 40 {
		t.Errorf("%d waves, %v, %d numbers", len(b.Waves), b.Alerts, len(b.Numerics))
	}
}

type noCO2 struct{ sim.Fixed }

func (noCO2) CO2(time.Duration) float64 { return math.NaN() }

// A cable that is out for a minute: communication is enabled again.
func TestSilence(t *testing.T) {
	out := false
	l := sensortest.Line{Decoder: decoder(), Device: capnostream.Simulate(sim.NewPatient(1)), Alter: func(p []byte) []byte {
		if out {
			return nil
		}
		return p
	}}
	l.Run(10 * time.Second)
	out = true
	if b := l.Run(time.Minute); len(b.Numerics) != 0 {
		t.Error(len(b.Numerics))
	}
	out = false
	if b := l.Run(20 * time.Second); sensortest.Count(b, vital.SpO2) < 15 || len(b.Events) != 0 {
		t.Errorf("%d readings, %v", sensortest.Count(b, vital.SpO2), b.Events)
	}
}

// A line that changes and loses bytes.
func TestBadLine(t *testing.T) {
	right := map[vital.Numeric]bool{}
	v := sim.NoVitals()
	v.SpO2, v.PulseRate, v.RespRate, v.EtCO2 = 97, 70, 12, 38
	clean := sensortest.Line{Decoder: decoder(), Device: capnostream.Simulate(sim.Fixed{Numbers: v})}
	for _, n := range clean.Run(10 * time.Second).Numerics {
		n.Time = 0
		right[n] = true
	}
	r := rand.New(rand.NewPCG(1, 2))
	d := new(capnostream.Decoder)
	l := sensortest.Line{Decoder: d, Device: capnostream.Simulate(sim.Fixed{Numbers: v}), Alter: func(p []byte) []byte {
		for i := range p {
			if r.IntN(1000) == 0 {
				p[i] ^= 1 << r.IntN(8)
			}
		}
		if len(p) > 0 && r.IntN(300) == 0 {
			p = p[1:]
		}
		return p
	}}
	b := l.Run(10 * time.Minute)
	for _, n := range b.Numerics {
		if n.Time = 0; !right[n] && n.Status&^(vital.SignalPoor|vital.Early|vital.SignalProcessing) != 0 {
			t.Fatalf("%+v", n)
		}
	}
	if _, bad := d.Frames(); bad == 0 || sensortest.Count(b, vital.SpO2) < 500 {
		t.Errorf("%d bad, %d readings", bad, sensortest.Count(b, vital.SpO2))
	}
}

func stream(span time.Duration) []byte {
	return sensortest.Record(decoder(), capnostream.Simulate(sim.NewPatient(7)), span)
}

func TestChunks(t *testing.T)   { sensortest.AnyChunks(t, decoder, stream(20*time.Second)) }
func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, decoder(), stream(20*time.Second)) }

// A recording of the device's side gives what the host had read.
func TestRecording(t *testing.T) {
	l := sensortest.Line{Decoder: decoder(), Device: capnostream.Simulate(sim.NewPatient(7))}
	live, played := l.Run(time.Minute), sensortest.Decode(decoder(), stream(time.Minute))
	if len(live.Numerics) != len(played.Numerics) || samples(played)-samples(live) > 19 || len(live.Numerics) < 295 {
		t.Errorf("%d, %d numerics, %d, %d samples", len(live.Numerics), len(played.Numerics), samples(live), samples(played))
	}
}

// Noise: one run in 65,536 has a check and a length that are right by chance, and what it
// says must have its form besides.
func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	p := make([]byte, 1<<20)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	d := decoder()
	b := sensortest.Decode(d, p)
	if len(b.Numerics) > 0 || len(b.Events) > 0 || len(b.Alerts) > 0 {
		t.Errorf("%q", sensortest.Lines(b))
	}
	if _, bad := d.Frames(); bad == 0 {
		t.Error("nothing is bad")
	}
}

func Fuzz(f *testing.F) {
	s := stream(2 * time.Second)
	sensortest.Fuzz(f, decoder, s, numerics(), numerics(14, 0x60, 13, 0x3f, 26, 0x87), wave(1, 2, 0), message(append([]byte{4}, device...)...))
}

func Benchmark(b *testing.B) { sensortest.Bench(b, decoder(), stream(time.Minute)) }

func ExampleDecoder() {
	var d capnostream.Decoder
	d.Open()
	ask, _ := d.Ask(nil, 0)
	fmt.Printf("% X\n", ask)
	var batch vital.Batch
	d.Decode(&batch, numerics())
	for _, n := range batch.Numerics {
		fmt.Printf("%d %s %s\n", n.Code, n.Value.AppendText(nil), n.Unit.UCUM())
	}
	// Output:
	// 85 01 01 00
	// 151728 38 mm[Hg]
	// 67111681 1 mm[Hg]
	// 151594 12 /min
	// 150456 97 %
	// 149530 72 /min
}
