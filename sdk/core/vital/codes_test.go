package vital_test

import (
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func TestEveryMetricIsFoundBothWays(t *testing.T) {
	var named, listed int
	for c := vital.Code(0); c < 300<<16; c++ {
		if c.Grade() != vital.Unlisted {
			listed++
		}
		id := c.RefID()
		if id == "" {
			continue
		}
		named++
		if back, ok := vital.CodeOf(id); back != c && c.Grade() != vital.NotVerified || ok != (c.Grade() != vital.NotVerified) {
			t.Errorf("CodeOf(%s) = %d, %v; want %d", id, back, ok, c)
		}
		if vital.Code(c.Partition())<<16|vital.Code(c.Term()) != c {
			t.Errorf("%d is not partition %d, term %d", c, c.Partition(), c.Term())
		}
		if u := c.Unit(); u.UCUM() != "" && c.UCUM() != "" && u.UCUM() != c.UCUM() {
			t.Errorf("%s: unit %d is %s, and its UCUM %s", id, u, u.UCUM(), c.UCUM())
		}
	}
	if listed != vital.TableLen || named >= listed || named < 80 {
		t.Errorf("%d of %d metrics found, %d with a name: the table is not sorted", listed, vital.TableLen, named)
	}
	if c, ok := vital.CodeOf("MDC_NO_SUCH"); ok || c != 0 || vital.Code(1).RefID() != "" {
		t.Error("an unknown reference id or code is found")
	}
	if c, ok := vital.CodeOf(""); ok {
		t.Errorf("the empty reference id is %d", c)
	}
	for _, c := range []vital.Code{vital.ECG, vital.ECGLeadI, vital.ECGLeadII, vital.ECGLeadIII, vital.ECGLeadAVR, vital.ECGLeadAVL,
		vital.ECGLeadAVF, vital.ECGLeadV, vital.HeartRate, vital.PulseRateGeneric, vital.PulseRate, vital.PulseRateNIBP, vital.NIBP,
		vital.NIBPSystolic, vital.NIBPDiastolic, vital.NIBPMean, vital.ABP, vital.ABPSystolic, vital.ABPDiastolic, vital.ABPMean,
		vital.Temp, vital.TempBody, vital.PerfusionIndex, vital.Pleth, vital.SpO2, vital.Resp, vital.RespRate, vital.RespRateImpedance,
		vital.EtCO2, vital.RespImpedance, vital.TidalVolume, vital.InfusionRate, vital.Glucose, vital.BodyWeight} {
		if c.RefID() == "" || c.Grade() != vital.Verified {
			t.Errorf("constant %d has the reference id %q, grade %d", c, c.RefID(), c.Grade())
		}
	}
}

func TestWhatTheTableSays(t *testing.T) {
	tests := []struct {
		code               vital.Code
		refID, loinc, ucum string
		unit               vital.Unit
		grade              vital.Grade
	}{
		{vital.SpO2, "MDC_PULS_OXIM_SAT_O2", "2708-6", "%", vital.Percent, vital.Verified},
		{vital.RespRate, "MDC_RESP_RATE", "9279-1", "/min", vital.BreathsPerMinute, vital.Verified},
		{131907, "MDC_ECG_AMPL_ST_V", "", "", 0, vital.Verified}, // a choice of units
		{151976, "MDC_VENT_PRESS_AWAY_END_EXP_POS", "76248-4", "cm[H2O]", 0, vital.Verified},
		{151980, "", "76222-9", "mL", vital.Millilitre, vital.NumberVerified},                    // a name from memory is no name
		{vital.PerfusionIndex, "MDC_PULS_OXIM_PERF_REL", "", "%", vital.Percent, vital.Verified}, // LOINC from a weak source
		{vital.Glucose, "MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD", "", "", 0, vital.Verified},          // LOINC differs by mass and moles
		{151736, "MDC_AWAY_CO2_INSP", "", "mm[Hg]", vital.MmHg, vital.NotVerified},
		{151876, "", "", "", 0, vital.Unlisted}, // in a public table of made-up codes
		{0, "", "", "", 0, vital.Unlisted},
	}
	for _, tt := range tests {
		c := tt.code
		if c.RefID() != tt.refID || c.LOINC() != tt.loinc || c.UCUM() != tt.ucum || c.Unit() != tt.unit || c.Grade() != tt.grade {
			t.Errorf("%d: %q, LOINC %q, %q, unit %d, grade %d", c, c.RefID(), c.LOINC(), c.UCUM(), c.Unit(), c.Grade())
		}
	}
}

func TestUnits(t *testing.T) {
	for _, ucum := range []string{"1", "%", "mL", "kg", "mg/dL", "/s", "/min", "L/min", "mL/h", "kPa", "mm[Hg]", "mbar", "mV", "mmol/L", "Cel", "s", "Hz", "cm[H2O]", "uV", "Ohm"} {
		u, ok := vital.UnitOf(ucum)
		if !ok || u.UCUM() != ucum {
			t.Errorf("UnitOf(%q) = %d, %v, whose UCUM is %q", ucum, u, ok, u.UCUM())
		}
	}
	if c := vital.Private(7); c.Partition() != 1024 || c.Term() != 7 || c.Grade() != vital.Unlisted {
		t.Errorf("private code %d", c)
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
	for k := vital.EventStarted; k <= vital.EventStored; k++ {
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
