package vital

// Code is a 32-bit code of the 11073-10101 nomenclature: partition << 16 | term.
type Code uint32

// Unit is a 32-bit code of the dimension partition of the 11073-10101
// nomenclature. Zero means that the source states no unit.
type Unit uint32

// Partition returns the upper 16 bits: 2 is the supervisory control and data
// acquisition partition, where most metrics are.
func (c Code) Partition() uint16 { return uint16(c >> 16) }

// Term returns the lower 16 bits.
func (c Code) Term() uint16 { return uint16(c) }

// Private returns a code of the private partition (1024): what a device tells and
// no public source gives a code for. Each driver's page lists its own.
func Private(term uint16) Code { return 1024<<16 | Code(term) }

// Metrics that the decoders and examples use; table.go has them all.
const (
	ECG               Code = 131328 // MDC_ECG_ELEC_POTL
	ECGLeadI          Code = 131329 // MDC_ECG_ELEC_POTL_I
	ECGLeadII         Code = 131330 // MDC_ECG_ELEC_POTL_II
	ECGLeadIII        Code = 131389 // MDC_ECG_ELEC_POTL_III
	ECGLeadAVR        Code = 131390 // MDC_ECG_ELEC_POTL_AVR
	ECGLeadAVL        Code = 131391 // MDC_ECG_ELEC_POTL_AVL
	ECGLeadAVF        Code = 131392 // MDC_ECG_ELEC_POTL_AVF
	ECGLeadV          Code = 131395 // MDC_ECG_ELEC_POTL_V
	HeartRate         Code = 147842 // MDC_ECG_HEART_RATE
	PulseRateGeneric  Code = 149514 // MDC_PULS_RATE
	PulseRate         Code = 149530 // MDC_PULS_OXIM_PULS_RATE
	PulseRateNIBP     Code = 149546 // MDC_PULS_RATE_NON_INV
	NIBP              Code = 150020 // MDC_PRESS_BLD_NONINV
	NIBPSystolic      Code = 150021 // MDC_PRESS_BLD_NONINV_SYS
	NIBPDiastolic     Code = 150022 // MDC_PRESS_BLD_NONINV_DIA
	NIBPMean          Code = 150023 // MDC_PRESS_BLD_NONINV_MEAN
	ABP               Code = 150036 // MDC_PRESS_BLD_ART_ABP
	ABPSystolic       Code = 150037 // MDC_PRESS_BLD_ART_ABP_SYS
	ABPDiastolic      Code = 150038 // MDC_PRESS_BLD_ART_ABP_DIA
	ABPMean           Code = 150039 // MDC_PRESS_BLD_ART_ABP_MEAN
	Temp              Code = 150344 // MDC_TEMP
	TempBody          Code = 150364 // MDC_TEMP_BODY
	PerfusionIndex    Code = 150448 // MDC_PULS_OXIM_PERF_REL
	Pleth             Code = 150452 // MDC_PULS_OXIM_PLETH
	SpO2              Code = 150456 // MDC_PULS_OXIM_SAT_O2
	Resp              Code = 151552 // MDC_RESP
	RespRate          Code = 151562 // MDC_RESP_RATE
	RespRateImpedance Code = 151578 // MDC_TTHOR_RESP_RATE
	EtCO2             Code = 151728 // MDC_AWAY_CO2_ET
	RespImpedance     Code = 151780 // MDC_IMPED_TTHOR
	TidalVolume       Code = 151868 // MDC_VOL_AWAY_TIDAL
	InfusionRate      Code = 157784 // MDC_FLOW_FLUID_PUMP
	Glucose           Code = 160184 // MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD
	BodyWeight        Code = 188736 // MDC_MASS_BODY_ACTUAL
)

// Units (MDC_DIM_...), with their UCUM strings beside them. Seconds,
// hertz, cm[H2O], microvolts and ohms are from four public tables of Philips' data
// export that agree, the others from the sources of the table.
const (
	NoUnit            Unit = 262656 // 1
	Percent           Unit = 262688 // %
	Second            Unit = 264320 // s
	Hertz             Unit = 264640 // Hz
	PerSecond         Unit = 264608 // /s
	BeatsPerMinute    Unit = 264864 // /min
	BreathsPerMinute  Unit = 264928 // /min
	Millilitre        Unit = 263762 // mL
	Kilogram          Unit = 263875 // kg
	MgPerDecilitre    Unit = 264274 // mg/dL
	LitrePerMinute    Unit = 265216 // L/min
	MillilitrePerHour Unit = 265266 // mL/h
	Kilopascal        Unit = 265987 // kPa
	MmHg              Unit = 266016 // mm[Hg]
	CmH2O             Unit = 266048 // cm[H2O]
	Millibar          Unit = 266098 // mbar
	Millivolt         Unit = 266418 // mV
	Microvolt         Unit = 266419 // uV
	Ohm               Unit = 266432 // Ohm
	MmolPerLitre      Unit = 266866 // mmol/L
	Celsius           Unit = 268192 // Cel
)

type unitName struct {
	unit Unit
	ucum string
}

// units is sorted by code.
var units = [...]unitName{
	{NoUnit, "1"}, {Percent, "%"}, {Millilitre, "mL"}, {Kilogram, "kg"},
	{MgPerDecilitre, "mg/dL"}, {Second, "s"}, {PerSecond, "/s"}, {Hertz, "Hz"}, {BeatsPerMinute, "/min"},
	{BreathsPerMinute, "/min"}, {LitrePerMinute, "L/min"}, {MillilitrePerHour, "mL/h"},
	{Kilopascal, "kPa"}, {MmHg, "mm[Hg]"}, {CmH2O, "cm[H2O]"}, {Millibar, "mbar"}, {Millivolt, "mV"},
	{Microvolt, "uV"}, {Ohm, "Ohm"}, {MmolPerLitre, "mmol/L"}, {Celsius, "Cel"},
}

// UCUM returns the unit in the Unified Code for Units of Measure, or "" if the
// unit is not in the table.
func (u Unit) UCUM() string {
	for i := range units {
		if units[i].unit == u {
			return units[i].ucum
		}
	}
	return ""
}

// Grade says how far a code was checked against public sources.
type Grade uint8

// Grades, best last. A driver uses none below NumberVerified for a metric of its
// own choice.
const (
	Unlisted       Grade = iota // not in the table
	NotVerified                 // derived, and confirmed by no source
	OneSource                   // one source has it
	VendorName                  // a vendor's table has it, under the vendor's name
	NumberVerified              // sources agree on the number, none on its name
	Verified                    // sources agree
)

// metric is a row of the table: RAM on a microcontroller, so only what receivers
// and gateways call refers to it.
type metric struct {
	code  Code
	refID string // empty: no source confirms a name
	unit  Unit   // zero: none, or a choice of several
	ucum  string // empty: a choice of several
	loinc string // empty: none, or one that depends on the unit, or a weak source
	grade Grade
}

//go:generate go run ../../../scripts/codes ../../../scripts/codes/codes.csv table.go

// lookup returns the row of the code, or nil.
func (c Code) lookup() *metric {
	lo, hi := 0, len(metrics)
	for lo < hi {
		mid := (lo + hi) / 2
		if metrics[mid].code < c {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(metrics) && metrics[lo].code == c {
		return &metrics[lo]
	}
	return nil
}

// RefID returns the reference id of the nomenclature, such as
// "MDC_PULS_OXIM_SAT_O2", or "" if the table has no confirmed name for the code.
func (c Code) RefID() string {
	if m := c.lookup(); m != nil {
		return m.refID
	}
	return ""
}

// LOINC returns the code of the same quantity in LOINC, or "" if there is none,
// or one that depends on the unit.
func (c Code) LOINC() string {
	if m := c.lookup(); m != nil {
		return m.loinc
	}
	return ""
}

// Unit returns the unit the nomenclature measures the metric in, or zero if the
// table has none or a choice.
func (c Code) Unit() Unit {
	if m := c.lookup(); m != nil {
		return m.unit
	}
	return 0
}

// UCUM returns that unit in the Unified Code for Units of Measure, also where the
// nomenclature's code of the unit is not known.
func (c Code) UCUM() string {
	if m := c.lookup(); m != nil {
		return m.ucum
	}
	return ""
}

// Grade returns how far the code was checked.
func (c Code) Grade() Grade {
	if m := c.lookup(); m != nil {
		return m.grade
	}
	return Unlisted
}

// CodeOf returns the code with the given reference id; ok is false if the table
// does not have it, or no source confirms it.
func CodeOf(refID string) (c Code, ok bool) {
	for i := range metrics {
		if metrics[i].refID == refID && refID != "" && metrics[i].grade > NotVerified {
			return metrics[i].code, true
		}
	}
	return 0, false
}

// UnitOf returns a unit by its UCUM string; "/min" gives beats a minute.
func UnitOf(ucum string) (u Unit, ok bool) {
	for i := range units {
		if units[i].ucum == ucum {
			return units[i].unit, true
		}
	}
	return 0, false
}
