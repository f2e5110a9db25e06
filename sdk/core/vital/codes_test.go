package vital_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// metrics lists the table through its exported face: all codes of the partition
// that have a name.
func metrics() []vital.Code {
	var out []vital.Code
	for c := vital.Code(2 << 16); c < 3<<16; c++ {
		if c.RefID() != "" {
			out = append(out, c)
		}
	}
	return out
}

func TestEveryMetricIsFoundBothWays(t *testing.T) {
	all := metrics()
	if len(all) != 84 {
		t.Errorf("%d metrics found, want 84: the table is not sorted", len(all))
	}
	for _, c := range all {
		if back, ok := vital.CodeOf(c.RefID()); !ok || back != c {
			t.Errorf("CodeOf(%s) = %d, %v; want %d", c.RefID(), back, ok, c)
		}
		if vital.Code(c.Partition())<<16|vital.Code(c.Term()) != c {
			t.Errorf("%d is not partition %d, term %d", c, c.Partition(), c.Term())
		}
	}
	if c, ok := vital.CodeOf("MDC_NO_SUCH"); ok || c != 0 || vital.Code(1).RefID() != "" {
		t.Error("an unknown reference id or code is found")
	}
	for _, c := range []vital.Code{vital.ECG, vital.ECGLeadI, vital.ECGLeadII, vital.ECGLeadIII, vital.ECGLeadAVR, vital.ECGLeadAVL,
		vital.ECGLeadAVF, vital.ECGLeadV, vital.HeartRate, vital.PulseRateGeneric, vital.PulseRate, vital.PulseRateNIBP, vital.NIBP,
		vital.NIBPSystolic, vital.NIBPDiastolic, vital.NIBPMean, vital.ABP, vital.ABPSystolic, vital.ABPDiastolic, vital.ABPMean,
		vital.Temp, vital.TempBody, vital.PerfusionIndex, vital.Pleth, vital.SpO2, vital.Resp, vital.RespRate, vital.RespRateImpedance,
		vital.EtCO2, vital.RespImpedance, vital.TidalVolume, vital.InfusionRate, vital.Glucose, vital.BodyWeight} {
		if !slices.Contains(all, c) {
			t.Errorf("constant %d has no reference id", c)
		}
	}
}

// names expands the reference ids of a row: A_I/II is A_I and A_II, and
// A(_SYS/_DIA) is A, A_SYS and A_DIA. What follows a space is a remark.
func names(cell string) []string {
	cell, _, _ = strings.Cut(cell, " ")
	if stem, rest, ok := strings.Cut(cell, "("); ok {
		out := []string{stem}
		for suffix := range strings.SplitSeq(strings.TrimSuffix(rest, ")"), "/") {
			out = append(out, stem+suffix)
		}
		return out
	}
	if stem, last, ok := strings.Cut(cell, ".."); ok { // A_V1..V6
		var out []string
		for i := stem[len(stem)-1]; i <= last[len(last)-1]; i++ {
			out = append(out, stem[:len(stem)-1]+string(i))
		}
		return out
	}
	first, others, _ := strings.Cut(cell, "/")
	out := []string{first}
	for last := range strings.SplitSeq(others, "/") {
		out = append(out, first[:strings.LastIndex(first, "_")+1]+strings.TrimPrefix(last, "_"))
	}
	return out
}

func TestMetricsAgreeWithTheSharedTable(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(sharedFile(t, "codes.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	byCode, listed := map[vital.Code][]string{}, map[string]bool{}
	for _, row := range rows[1:] {
		code, err := strconv.ParseUint(row[2], 10, 32)
		if err != nil || strings.HasPrefix(row[9], "NOT") {
			continue
		}
		byCode[vital.Code(code)] = row
		all := names(row[1])
		for _, name := range all {
			listed[name] = true
		}
		if id := vital.Code(code).RefID(); id != "" && id != all[0] {
			t.Errorf("%d is %s here and %s in the shared table", code, id, all[0])
		}
		if u := vital.Unit(number(row[6])); u.UCUM() != "" && u.UCUM() != row[5] && !strings.Contains(row[5], " or ") {
			t.Errorf("%s: unit %d is %s here and %s in the shared table", row[1], u, u.UCUM(), row[5])
		}
	}
	for _, c := range metrics() {
		if byCode[c] == nil && !listed[c.RefID()] {
			t.Errorf("%d %s is not in the shared table", c, c.RefID())
		}
	}
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return n
}

func TestUnits(t *testing.T) {
	for _, ucum := range []string{"1", "%", "mL", "kg", "mg/dL", "/s", "/min", "L/min", "mL/h", "kPa", "mm[Hg]", "mbar", "mV", "mmol/L", "Cel"} {
		u, ok := vital.UnitOf(ucum)
		if !ok || u.UCUM() != ucum {
			t.Errorf("UnitOf(%q) = %d, %v, whose UCUM is %q", ucum, u, ok, u.UCUM())
		}
	}
	if vital.BreathsPerMinute.UCUM() != "/min" || vital.Unit(0).UCUM() != "" {
		t.Error("UCUM of breaths a minute or of no unit")
	}
	if _, ok := vital.UnitOf("furlong"); ok {
		t.Error("furlong is a unit")
	}
}

func TestStatusNames(t *testing.T) {
	tests := []struct {
		status vital.Status
		want   string
	}{
		{0, ""},
		{vital.Invalid, "invalid"},
		{vital.NotAvailable | vital.SensorOff, "not-available sensor-off"},
		{vital.InAlarm | vital.AlarmOff, "msmt-state-in-alarm msmt-state-al-inhibited"},
		{1<<6 | 1<<13, "status-bit-6 status-bit-13"},
		{vital.ExtendedDisplayUpdate, "device-extended-update"},
	}
	for _, tt := range tests {
		if got := strings.Join(tt.status.Names(), " "); got != tt.want {
			t.Errorf("names of %#x are %q, want %q", uint32(tt.status), got, tt.want)
		}
	}
	if vital.Status(0).Names() != nil {
		t.Error("a good status has names")
	}
	seen := map[string]bool{}
	for i := range 32 {
		name := vital.Status(1 << i).Bit(i)
		if name == "" || seen[name] {
			t.Errorf("bit %d has the name %q", i, name)
		}
		seen[name] = true
	}
	if s := vital.Status(1<<32 - 1); s.Bit(-1) != "" || s.Bit(32) != "" {
		t.Error("a bit beyond 32 has a name")
	}
}

func TestNamesOfEventsAndReasons(t *testing.T) {
	seen := map[string]bool{}
	for k := vital.EventStarted; k <= vital.EventIdentified; k++ {
		if name := k.String(); seen[name] || strings.HasPrefix(name, "event-") {
			t.Errorf("event %d has the name %q", k, name)
		} else {
			seen[name] = true
		}
	}
	for r := vital.DropBound; r <= vital.DropTooLate; r++ {
		if strings.HasPrefix(r.String(), "reason-") {
			t.Errorf("reason %d has no name", r)
		}
	}
	if vital.EventKind(0).String() != "event-0" || vital.EventKind(200).String() != "event-200" || vital.DropReason(9).String() != "reason-9" {
		t.Error("unknown events or reasons do not show their numbers")
	}
}
