package pb840

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const (
	family    = 12 << 8
	firstNo   = 5 // of the first field, as the vendor counts
	fieldsMax = 200

	rate    vital.Code = 151562   // MDC_RESP_RATE
	minute  vital.Code = 151880   // MDC_VOL_MINUTE_AWAY
	peak    vital.Code = 151957   // airway pressure max
	mean    vital.Code = 151975   // airway pressure mean
	inO2    vital.Code = 152196   // MDC_CONC_AWAY_O2_INSP
	peep    vital.Code = 151976   // MDC_VENT_PRESS_AWAY_END_EXP_POS
	plateau vital.Code = 152424   // airway pressure plateau
	setVT   vital.Code = 16929196 // tidal volume setting
	flow    vital.Code = 151764   // MDC_FLOW_AWAY
	airway  vital.Code = 151792   // MDC_PRESS_AWAY

	modes = 20 // the private number of the modes
)

func private(n uint16) vital.Code { return vital.Private(family | n) }

// quantity is one number and where it stands.
type quantity struct {
	f, a      int // the field of MISCF and of MISCA, 0: not there
	code      vital.Code
	unit      vital.Unit
	shift     int8 // decimal places to the unit
	manoeuvre bool // 0 is none
}

var quantities = [...]quantity{
	{f: 70, a: 34, code: rate, unit: vital.BreathsPerMinute},
	{f: 71, a: 35, code: vital.TidalVolume, unit: vital.Millilitre, shift: 3},
	{f: 72, a: 36, code: minute, unit: vital.LitrePerMinute},
	{f: 73, a: 38, code: peak, unit: vital.CmH2O},
	{f: 74, a: 39, code: mean, unit: vital.CmH2O},
	{f: 77, code: inO2, unit: vital.Percent},
	{f: 87, code: peep, unit: vital.CmH2O},
	{f: 94, code: plateau, unit: vital.CmH2O, manoeuvre: true},
	{f: 14, a: 11, code: setVT, unit: vital.Millilitre, shift: 3},
	{f: 13, a: 10, code: private(1), unit: vital.BreathsPerMinute},
	{f: 15, a: 12, code: private(2), unit: vital.LitrePerMinute},
	{f: 16, a: 13, code: private(3), unit: vital.Percent},
	{f: 18, a: 15, code: private(4), unit: vital.CmH2O},
	{f: 31, a: 26, code: private(5), unit: vital.CmH2O},
	{f: 46, code: private(6), unit: vital.CmH2O},
	{f: 47, code: private(7), unit: vital.Second},
	{f: 60, code: private(8), unit: vital.Kilogram},
	{f: 69, a: 40, code: private(9), unit: vital.CmH2O},
	{f: 75, a: 41, code: private(10), unit: vital.NoUnit},
	{f: 78, code: private(11), unit: vital.Millilitre, shift: 3},
	{f: 79, code: private(12), unit: vital.CmH2O},
	{f: 85, code: private(13)},
	{f: 86, code: private(14)},
	{f: 92, a: 63, code: private(15), manoeuvre: true},
	{f: 93, a: 64, code: private(16), manoeuvre: true},
	{f: 96, a: 65, code: private(17)},
	{f: 97, a: 66, code: private(18)},
	{f: 102, a: 67, code: private(19), unit: vital.CmH2O, manoeuvre: true},
}

// alarm is one that the ventilator tells; of 0 is a technical one.
type alarm struct {
	f, a int
	text string
	of   vital.Code
}

var alarms = [...]alarm{
	{106, 57, "apnea ventilation", rate},
	{107, 0, "high exhaled minute volume", minute},
	{108, 0, "high exhaled tidal volume", vital.TidalVolume},
	{109, 0, "high O2", inO2},
	{110, 48, "high inspiratory pressure", peak},
	{111, 0, "high ventilator pressure", 0},
	{112, 53, "high respiratory rate", rate},
	{113, 0, "AC power loss", 0},
	{114, 0, "inoperative battery", 0},
	{115, 0, "low battery", 0},
	{116, 0, "loss of power", 0},
	{117, 51, "low exhaled mandatory tidal volume", vital.TidalVolume},
	{118, 52, "low exhaled minute volume", minute},
	{119, 0, "low exhaled spontaneous tidal volume", vital.TidalVolume},
	{120, 0, "low O2", inO2},
	{121, 55, "low air supply pressure", 0},
	{122, 54, "low O2 supply pressure", 0},
	{123, 0, "compressor inoperative", 0},
	{124, 0, "disconnect", 0},
	{125, 0, "severe occlusion", 0},
	{126, 0, "inspiration too long", 0},
	{127, 0, "procedure error", 0},
	{128, 0, "compliance limited tidal volume", 0},
	{129, 0, "high inspired spontaneous tidal volume", private(11)},
	{130, 0, "high inspired mandatory tidal volume", private(11)},
	{131, 0, "high compensation limit", 0},
	{132, 0, "PAV startup too long", 0},
	{133, 0, "PAV R and C not assessed", 0},
	{134, 0, "volume not delivered (VC+)", 0},
	{135, 0, "volume not delivered (VS)", 0},
	{136, 0, "low inspiratory pressure", peak},
	{137, 0, "technical malfunction A5", 0},
	{138, 0, "technical malfunction A10", 0},
	{139, 0, "technical malfunction A15", 0},
	{140, 0, "technical malfunction A20", 0},
	{141, 0, "technical malfunction A25", 0},
	{142, 0, "technical malfunction A30", 0},
	{143, 0, "technical malfunction A35", 0},
	{144, 0, "technical malfunction A40", 0},
	{145, 0, "technical malfunction A45", 0},
	{146, 0, "technical malfunction A50", 0},
	{147, 0, "technical malfunction A55", 0},
	{148, 0, "technical malfunction A60", 0},
	{149, 0, "technical malfunction A65", 0},
	{150, 0, "technical malfunction A70", 0},
	{151, 0, "technical malfunction A75", 0},
	{152, 0, "technical malfunction A80", 0},
	{153, 0, "technical malfunction A85", 0},
}
