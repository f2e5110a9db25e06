package lines

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Config says how the lines read. The zero value reads key=value lines, or
// columns with a header, by the well-known names of the package comment.
type Config struct {
	Fields    []Field  // what to read; none: the well-known names
	Header    bool     // the first line names the columns
	Separator string   // one character between columns; empty: tab or ; or , whichever the first line has
	Missing   []string // tokens for "no value", in any case; nil: those of the package comment
	Comment   string   // lines that begin so are skipped; empty: "#"
	SkipFirst bool     // skip everything up to the first line end
}

// Field maps one key or column to a metric.
type Field struct {
	Name     string // key, or column's name in the header; in any case
	Column   int    // 1 for the first; 0: by Name
	Code     string // MDC code as a number or as a reference id: "150456", "MDC_PULS_OXIM_SAT_O2"
	Unit     string // UCUM, such as "%"; empty: what is usual for the code, or none stated
	Exponent int8   // the number is multiplied by 10^Exponent: -1 for tenths
}

// OlderNonin is the mapping for Nonin 8500, 2500 and 9847.
func OlderNonin() []Field {
	return []Field{
		{Name: "SPO2", Code: "MDC_PULS_OXIM_SAT_O2"},
		{Name: "HR", Code: "MDC_PULS_OXIM_PULS_RATE"},
	}
}

// fieldsMax bounds Config.Fields: one bit each tells whether it was seen.
const fieldsMax = 64

// field is a Field that has been checked.
type field struct {
	name   string // lower case
	column int    // from 0; -1: by name
	code   vital.Code
	unit   vital.Unit
	exp    int8
	suffix string // may follow the number: the unit in UCUM
}

func (c Config) compile() ([]field, error) {
	if len(c.Fields) > fieldsMax {
		return nil, fmt.Errorf("lines: %d fields, at most %d", len(c.Fields), fieldsMax)
	}
	if len(c.Separator) > 1 {
		return nil, fmt.Errorf("lines: separator %q is not one character", c.Separator)
	}
	var all []field
	byColumn := 0
	for i, f := range c.Fields {
		got, err := f.compile()
		if err != nil {
			return nil, fmt.Errorf("lines: field %d: %w", i+1, err)
		}
		for _, other := range all {
			if got.column >= 0 && other.column == got.column || got.column < 0 && other.name == got.name {
				return nil, fmt.Errorf("lines: field %d: %q (column %d) is mapped twice", i+1, f.Name, f.Column)
			}
		}
		if got.column >= 0 {
			byColumn++
		}
		all = append(all, got)
	}
	if byColumn > 0 && byColumn < len(all) {
		return nil, fmt.Errorf("lines: %d of %d fields have a column number: all or none", byColumn, len(all))
	}
	return all, nil
}

func (f Field) compile() (field, error) {
	if f.Name == "" && f.Column == 0 || f.Column < 0 {
		return field{}, fmt.Errorf("neither a name nor a column from 1 up")
	}
	code, err := codeOf(f.Code)
	if err != nil {
		return field{}, err
	}
	unit, err := unitOf(f.Unit, code)
	if err != nil {
		return field{}, err
	}
	name := strings.ToLower(strings.TrimSpace(f.Name))
	return field{name: name, column: f.Column - 1, code: code, unit: unit, exp: f.Exponent, suffix: suffix(unit)}, nil
}

func codeOf(text string) (vital.Code, error) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil && n > 0 {
		return vital.Code(n), nil
	}
	if c, ok := vital.CodeOf(text); ok {
		return c, nil
	}
	return 0, fmt.Errorf("code %q is neither a number nor a known MDC_ reference id", text)
}

func unitOf(ucum string, code vital.Code) (vital.Unit, error) {
	usual := usualUnit(code)
	if ucum == "" {
		return usual, nil
	}
	if ucum == usual.UCUM() { // "/min" is two units, of beats and of breaths
		return usual, nil
	}
	if u, ok := vital.UnitOf(ucum); ok {
		return u, nil
	}
	return 0, fmt.Errorf("unit %q is not known in UCUM; case matters", ucum)
}

// usualUnit returns the unit in which a metric is nearly always given, or 0.
func usualUnit(c vital.Code) vital.Unit {
	switch c {
	case vital.HeartRate, vital.PulseRate, vital.PulseRateGeneric, vital.PulseRateNIBP:
		return vital.BeatsPerMinute
	case vital.SpO2, vital.PerfusionIndex:
		return vital.Percent
	case vital.RespRate, vital.RespRateImpedance, 151570, 151594: // airway, CO2
		return vital.BreathsPerMinute
	case vital.Temp, vital.TempBody, 150368, 150372, 150380, 150388, 150392, 188420, 188424, 188436:
		return vital.Celsius
	case vital.NIBPSystolic, vital.NIBPDiastolic, vital.NIBPMean, vital.ABPSystolic, vital.ABPDiastolic,
		vital.ABPMean, vital.EtCO2:
		return vital.MmHg
	case vital.BodyWeight:
		return vital.Kilogram
	case vital.InfusionRate:
		return vital.MillilitrePerHour
	case vital.TidalVolume:
		return vital.Millilitre
	}
	return 0
}

// known are the well-known names.
var known = [...]struct {
	names string // parted by blanks
	code  vital.Code
}{
	{"hr heartrate heart_rate", vital.HeartRate},
	{"pr pulse pulserate pulse_rate bpm", vital.PulseRateGeneric},
	{"spo2 sao2 sat", vital.SpO2},
	{"pi", vital.PerfusionIndex},
	{"rr resp resprate resp_rate", vital.RespRate},
	{"temp temperature", vital.Temp},
	{"sys sbp nbpsys", vital.NIBPSystolic},
	{"dia dbp nbpdias", vital.NIBPDiastolic},
	{"map mbp nbpmean", vital.NIBPMean},
	{"etco2", vital.EtCO2},
	{"weight", vital.BodyWeight},
}

func wellKnown() []field {
	var all []field
	for _, k := range known {
		unit := usualUnit(k.code)
		for _, name := range strings.Fields(k.names) {
			all = append(all, field{name: name, column: -1, code: k.code, unit: unit, suffix: suffix(unit)})
		}
	}
	return all
}

// writtenAs reports whether a header's unit is the field's own.
func (f *field) writtenAs(unit string) bool {
	var names string
	switch f.unit {
	case vital.BeatsPerMinute:
		names = "bpm /min 1/min min-1 beats/min pm"
	case vital.BreathsPerMinute:
		names = "bpm rpm brpm /min 1/min min-1 breaths/min pm"
	case vital.Celsius:
		names = "c °c cel degc"
	case vital.MmHg:
		names = "mmhg mm[hg" // the last bracket is gone
	default:
		names = f.unit.UCUM()
	}
	for _, name := range strings.Fields(names) {
		if strings.EqualFold(name, strings.TrimSpace(unit)) {
			return true
		}
	}
	return false
}

// suffix is what may follow a number: the unit in UCUM, but not "1", which would
// be taken off a number that ends with it.
func suffix(u vital.Unit) string {
	if u == vital.NoUnit {
		return ""
	}
	return u.UCUM()
}
