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

// Metrics that the decoders and examples use. The numbers and reference ids
// were each checked against at least two independent public sources.
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

// Units (MDC_DIM_...), with their UCUM strings beside them.
const (
	NoUnit            Unit = 262656 // 1
	Percent           Unit = 262688 // %
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
	Millibar          Unit = 266098 // mbar
	Millivolt         Unit = 266418 // mV
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
	{MgPerDecilitre, "mg/dL"}, {PerSecond, "/s"}, {BeatsPerMinute, "/min"},
	{BreathsPerMinute, "/min"}, {LitrePerMinute, "L/min"}, {MillilitrePerHour, "mL/h"},
	{Kilopascal, "kPa"}, {MmHg, "mm[Hg]"}, {Millibar, "mbar"}, {Millivolt, "mV"},
	{MmolPerLitre, "mmol/L"}, {Celsius, "Cel"},
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

// RefID returns the reference id of the nomenclature, such as
// "MDC_PULS_OXIM_SAT_O2", or "" if the code is not in the table.
func (c Code) RefID() string {
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
		return metrics[lo].refID
	}
	return ""
}

// CodeOf returns the code with the given reference id; ok is false if the table
// does not have it.
func CodeOf(refID string) (c Code, ok bool) {
	for i := range metrics {
		if metrics[i].refID == refID {
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

type metric struct {
	code  Code
	refID string
}

// metrics is sorted by code: the verified rows of the project's code table.
var metrics = [...]metric{
	{131328, "MDC_ECG_ELEC_POTL"},
	{131329, "MDC_ECG_ELEC_POTL_I"},
	{131330, "MDC_ECG_ELEC_POTL_II"},
	{131331, "MDC_ECG_ELEC_POTL_V1"},
	{131332, "MDC_ECG_ELEC_POTL_V2"},
	{131333, "MDC_ECG_ELEC_POTL_V3"},
	{131334, "MDC_ECG_ELEC_POTL_V4"},
	{131335, "MDC_ECG_ELEC_POTL_V5"},
	{131336, "MDC_ECG_ELEC_POTL_V6"},
	{131389, "MDC_ECG_ELEC_POTL_III"},
	{131390, "MDC_ECG_ELEC_POTL_AVR"},
	{131391, "MDC_ECG_ELEC_POTL_AVL"},
	{131392, "MDC_ECG_ELEC_POTL_AVF"},
	{131395, "MDC_ECG_ELEC_POTL_V"},
	{131840, "MDC_ECG_AMPL_ST"},
	{131841, "MDC_ECG_AMPL_ST_I"},
	{131842, "MDC_ECG_AMPL_ST_II"},
	{131901, "MDC_ECG_AMPL_ST_III"},
	{131902, "MDC_ECG_AMPL_ST_AVR"},
	{131903, "MDC_ECG_AMPL_ST_AVL"},
	{131904, "MDC_ECG_AMPL_ST_AVF"},
	{131907, "MDC_ECG_AMPL_ST_V"},
	{147842, "MDC_ECG_HEART_RATE"},
	{148065, "MDC_ECG_V_P_C_CNT"},
	{148066, "MDC_ECG_V_P_C_RATE"},
	{149514, "MDC_PULS_RATE"},
	{149522, "MDC_BLD_PULS_RATE_INV"},
	{149530, "MDC_PULS_OXIM_PULS_RATE"},
	{149546, "MDC_PULS_RATE_NON_INV"},
	{150020, "MDC_PRESS_BLD_NONINV"},
	{150021, "MDC_PRESS_BLD_NONINV_SYS"},
	{150022, "MDC_PRESS_BLD_NONINV_DIA"},
	{150023, "MDC_PRESS_BLD_NONINV_MEAN"},
	{150032, "MDC_PRESS_BLD_ART"},
	{150033, "MDC_PRESS_BLD_ART_SYS"},
	{150034, "MDC_PRESS_BLD_ART_DIA"},
	{150035, "MDC_PRESS_BLD_ART_MEAN"},
	{150036, "MDC_PRESS_BLD_ART_ABP"},
	{150037, "MDC_PRESS_BLD_ART_ABP_SYS"},
	{150038, "MDC_PRESS_BLD_ART_ABP_DIA"},
	{150039, "MDC_PRESS_BLD_ART_ABP_MEAN"},
	{150044, "MDC_PRESS_BLD_ART_PULM"},
	{150045, "MDC_PRESS_BLD_ART_PULM_SYS"},
	{150046, "MDC_PRESS_BLD_ART_PULM_DIA"},
	{150047, "MDC_PRESS_BLD_ART_PULM_MEAN"},
	{150084, "MDC_PRESS_BLD_VEN_CENT"},
	{150087, "MDC_PRESS_BLD_VEN_CENT_MEAN"},
	{150344, "MDC_TEMP"},
	{150364, "MDC_TEMP_BODY"},
	{150368, "MDC_TEMP_CORE"},
	{150372, "MDC_TEMP_ESOPH"},
	{150380, "MDC_TEMP_NASOPH"},
	{150388, "MDC_TEMP_SKIN"},
	{150392, "MDC_TEMP_TYMP"},
	{150448, "MDC_PULS_OXIM_PERF_REL"},
	{150452, "MDC_PULS_OXIM_PLETH"},
	{150456, "MDC_PULS_OXIM_SAT_O2"},
	{151552, "MDC_RESP"},
	{151562, "MDC_RESP_RATE"},
	{151570, "MDC_AWAY_RESP_RATE"},
	{151578, "MDC_TTHOR_RESP_RATE"},
	{151594, "MDC_CO2_RESP_RATE"},
	{151700, "MDC_CONC_AWAY_CO2"},
	{151708, "MDC_CONC_AWAY_CO2_ET"},
	{151716, "MDC_CONC_AWAY_CO2_INSP"},
	{151724, "MDC_AWAY_CO2"},
	{151728, "MDC_AWAY_CO2_ET"},
	{151738, "MDC_AWAY_CO2_INSP_MIN"},
	{151764, "MDC_FLOW_AWAY"},
	{151780, "MDC_IMPED_TTHOR"},
	{151792, "MDC_PRESS_AWAY"},
	{151868, "MDC_VOL_AWAY_TIDAL"},
	{151880, "MDC_VOL_MINUTE_AWAY"},
	{151908, "MDC_CONC_AWAY_O2"},
	{152196, "MDC_CONC_AWAY_O2_INSP"},
	{157784, "MDC_FLOW_FLUID_PUMP"},
	{160020, "MDC_CONC_GLU_GEN"},
	{160184, "MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD"},
	{160212, "MDC_CONC_GLU_ISF"},
	{160920, "MDC_VENT_CONC_AWAY_O2_INSP"},
	{188420, "MDC_TEMP_RECT"},
	{188424, "MDC_TEMP_ORAL"},
	{188436, "MDC_TEMP_BLD"},
	{188736, "MDC_MASS_BODY_ACTUAL"},
}
