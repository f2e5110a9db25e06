package sensortest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Lines writes a batch one entry a line, kind by kind:
//
//	numeric MDC_PULS_OXIM_SAT_O2 97 % [sensor-off not-available]
//	wave MDC_PULS_OXIM_PLETH 75/s x1/200+100 mV 3: 1 2 3
//	enumeration 67108865 7 "STANDBY"
//	alert medium technical present MDC_PULS_OXIM_SAT_O2 "LOW BATTERY" value 85 limit 90
//	event identified 1 "OEM III rev 12"
//
// A code without a name is its number, a unit without one "unit-N", no unit "-".
// Statuses, values and limits are there if they are set.
func Lines(b *vital.Batch) []string {
	var out []string
	for _, n := range b.Numerics {
		out = append(out, fmt.Sprintf("numeric %s %s %s%s", code(n.Code), n.Value.AppendText(nil), unit(n.Unit), status(n.Status)))
	}
	for _, w := range b.Waves {
		out = append(out, fmt.Sprintf("wave %s %s/s%s %s%s %d: %s", code(w.Code), w.Rate.AppendText(nil), scale(&w), unit(w.Unit),
			status(w.Status), len(w.Samples), strings.Trim(fmt.Sprint(w.Samples), "[]")))
	}
	for _, e := range b.Enumerations {
		out = append(out, fmt.Sprintf("enumeration %s %d %q%s", code(e.Code), e.Value, e.Text, status(e.Status)))
	}
	for _, a := range b.Alerts {
		out = append(out, fmt.Sprintf("alert %s %s %s %s %q%s%s", priorities[a.Priority], kinds[a.Kind], states[a.State], code(a.Source), a.Text,
			decimal(" value ", a.Value), decimal(" limit ", a.Limit)))
	}
	for _, e := range b.Events {
		out = append(out, fmt.Sprintf("event %s %d %q", e.Kind, e.Count, e.Text))
	}
	return out
}

var (
	priorities = [...]string{"none", "low", "medium", "high"}
	kinds      = [...]string{"physiological", "technical", "advisory"}
	states     = [...]string{"present", "latched", "ended"}
)

func code(c vital.Code) string {
	if id := c.RefID(); id != "" {
		return id
	}
	return strconv.FormatUint(uint64(c), 10)
}

func unit(u vital.Unit) string {
	if u == 0 {
		return "-"
	}
	if ucum := u.UCUM(); ucum != "" {
		return ucum
	}
	return fmt.Sprintf("unit-%d", u)
}

func status(s vital.Status) string {
	if s == 0 {
		return ""
	}
	return fmt.Sprint(" ", s.Names())
}

// scale writes (s - Zero) x Factor / Divisor, if the device gives one.
func scale(w *vital.Wave) string {
	if w.Factor == (vital.Decimal{}) {
		return ""
	}
	return fmt.Sprintf(" x%s/%d%+d", w.Factor.AppendText(nil), max(w.Divisor, 1), -w.Zero)
}

func decimal(name string, d vital.Decimal) string {
	if d == vital.NaN || d == (vital.Decimal{}) {
		return ""
	}
	return name + string(d.AppendText(nil))
}

// Count returns how many readings of the metric there are.
func Count(b *vital.Batch, code vital.Code) (n int) {
	for _, x := range b.Numerics {
		if x.Code == code {
			n++
		}
	}
	return n
}

// Samples returns how many samples of the wave there are.
func Samples(b *vital.Batch, code vital.Code) (n int) {
	for _, w := range b.Waves {
		if w.Code == code {
			n += len(w.Samples)
		}
	}
	return n
}
