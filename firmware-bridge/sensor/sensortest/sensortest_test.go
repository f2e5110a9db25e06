package sensortest

import (
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// thermometer answers "?" with a digit, its temperature, and is asked every
// second.
type thermometer struct {
	due  time.Duration
	good uint64
}

func (d *thermometer) Decode(dst *vital.Batch, p []byte) {
	for _, c := range p {
		if c >= '0' && c <= '9' {
			d.good++
			dst.Numerics = append(dst.Numerics, vital.Numeric{Code: vital.TempBody, Unit: vital.Celsius, Value: vital.Int(int(c - '0'))})
		}
	}
}

func (d *thermometer) Flush(*vital.Batch)       {}
func (d *thermometer) Frames() (uint64, uint64) { return d.good, 0 }

func (d *thermometer) Open() { d.due = 0 }

func (d *thermometer) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	if now >= d.due {
		d.due = now + time.Second
		dst = append(dst, '?')
	}
	return dst, d.due
}

type probe struct{ asked int }

func (p *probe) Next(dst []byte) ([]byte, time.Duration) { return dst, time.Hour }

func (p *probe) Answer(dst, request []byte, _ time.Duration) []byte {
	p.asked += len(request)
	return append(dst, '7')
}

const good = `
; the whole of it
host    "?"
device  37
numeric MDC_TEMP_BODY 7 Cel
at      2s
host    3F 3F
open
host    "?"
`

func TestReplay(t *testing.T) {
	if err := replay(new(thermometer), good); err != nil {
		t.Error(err)
	}
	tests := []struct{ name, from, to, want string }{
		{"other bytes sent", `host    "?"`, `host    "!"`, "3: the host sent 3F, not 21"},
		{"less sent", "3F 3F", "3F 3F 3F", "7: the host sent 3F 3F, not 3F 3F 3F"},
		{"more sent", "3F 3F", "3F", "8: the host also sent 3F"},
		{"another value", "numeric MDC_TEMP_BODY 7 Cel", "numeric MDC_TEMP_BODY 8 Cel", "5: the driver made"},
		{"a reading left out", "numeric MDC_TEMP_BODY 7 Cel\n", "", "7: the driver also made"},
		{"a reading made up", "at ", "numeric MDC_TEMP_BODY 7 Cel\nat ", "6: the driver made nothing"},
		{"half a byte", "device  37", "device  3", `"3"`},
		{"a quote too few", "device  37", `device  "3`, "invalid syntax"},
		{"no time", "2s", "soon", "invalid duration"},
	}
	for _, tt := range tests {
		err := replay(new(thermometer), strings.Replace(good, tt.from, tt.to, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestLineRunsInVirtualTime(t *testing.T) {
	device := new(probe)
	l := Line{Decoder: new(thermometer), Device: device}
	b := l.Run(10500 * time.Millisecond)
	if len(b.Numerics) != 11 || device.asked != 11 || b.Numerics[10].Time != 10000 {
		t.Errorf("asked %d times, %d readings, the last %+v", device.asked, len(b.Numerics), b.Numerics[len(b.Numerics)-1])
	}
	if more := l.Run(time.Second); len(more.Numerics) != 1 {
		t.Errorf("%d readings in one more second", len(more.Numerics))
	}
	if got := Record(new(thermometer), new(probe), 3*time.Second); string(got) != "7777" {
		t.Errorf("recorded %q", got)
	}
}

func TestLines(t *testing.T) {
	b := vital.Batch{
		Numerics: []vital.Numeric{{Code: 1, Unit: 2, Value: vital.NaN, Status: vital.NotAvailable | vital.SensorOff}},
		Waves: []vital.Wave{{Code: vital.ECG, Unit: vital.Millivolt, Rate: vital.Int(300), Factor: vital.Int(1), Divisor: 200, Zero: 100,
			Samples: []int32{1, -2}}},
		Enumerations: []vital.Enumeration{{Code: 1024<<16 | 5, Value: 7, Text: "STANDBY"}},
		Alerts:       []vital.Alert{{Source: vital.SpO2, Priority: vital.PriorityHigh, Value: vital.Int(80), Limit: vital.Int(90), Text: "LOW"}},
		Events:       []vital.Event{{Kind: vital.EventIdentified, Count: 1, Text: "rev 3"}},
	}
	want := []string{
		"numeric 1 NaN unit-2 [not-available sensor-off]",
		"wave MDC_ECG_ELEC_POTL 300/s x1/200-100 mV 2: 1 -2",
		`enumeration 67108869 7 "STANDBY"`,
		`alert high physiological present MDC_PULS_OXIM_SAT_O2 "LOW" value 80 limit 90`,
		`event identified 1 "rev 3"`,
	}
	got := Lines(&b)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s\nnot\n%s", got[i], want[i])
		}
	}
}
