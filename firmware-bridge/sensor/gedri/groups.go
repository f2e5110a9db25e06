package gedri

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const family = 4 << 8

func private(n int) vital.Code { return vital.Private(uint16(family | n)) }

// Private codes, of the table in the package comment, that are not in a group.
const (
	nAgent       = 0x08
	nArrhythmia  = 0x18
	nPacer       = 0x3b
	nClock       = 0x3c
	nWave        = 0x40
	nTemperature = 0x68
	nPressure    = 0x80
	nPressWave   = 0xdc
)

// class is that of a sub-record of numbers.
const (
	basic = iota
	ext1
	ext2
	ext3
	classes
)

// kind is what the status and the label of a group mean.
type kind uint8

const (
	plain kind = iota // no more than exists and active
	ecg
	ecg12
	arrhythmia
	pressure
	nibp
	temperature
	spo2
	co2
	gas // O2, N2O and agents
	agent
	flow
	svo2
	entropy
	spi
	kinds
)

// field is a value of a group: its offset in the sub-record, and its power of ten.
type field struct {
	at   uint16
	code vital.Code // 0: depends on the label
	unit vital.Unit
	exp  int8
}

// group is a status and a label at a place, and values.
type group struct {
	at      uint16
	kind    kind
	channel uint8 // of pressures and temperatures, from 1
	fields  []field
}

// quiet reports whether a field is left out until it first is a number.
func (f *field) quiet() bool { return f.code.Partition() == 1024 }

func pressureGroup(at uint16, channel uint8) group {
	return group{at, pressure, channel, []field{
		{at: at + 6, unit: vital.MmHg, exp: -2}, {at: at + 8, unit: vital.MmHg, exp: -2},
		{at: at + 10, unit: vital.MmHg, exp: -2}, {at: at + 12, unit: vital.BeatsPerMinute},
	}}
}

func temperatureGroup(at uint16, channel uint8) group {
	return group{at, temperature, channel, []field{{at: at + 6, unit: vital.Celsius, exp: -2}}}
}

// groups are those of each class, in the order of the sub-record. Offsets include
// the four bytes of the time.
var groups = [classes][]group{
	basic: {
		{4, ecg, 0, []field{
			{at: 10, unit: vital.BeatsPerMinute}, {at: 12, exp: -2}, {at: 14, exp: -2}, {at: 16, exp: -2},
			{18, vital.RespRateImpedance, vital.BreathsPerMinute, 0},
		}},
		pressureGroup(20, 1), pressureGroup(34, 2), pressureGroup(48, 3), pressureGroup(62, 4),
		{76, nibp, 0, []field{
			{82, vital.NIBPSystolic, vital.MmHg, -2}, {84, vital.NIBPDiastolic, vital.MmHg, -2},
			{86, vital.NIBPMean, vital.MmHg, -2}, {88, vital.PulseRateNIBP, vital.BeatsPerMinute, 0},
		}},
		temperatureGroup(90, 1), temperatureGroup(98, 2), temperatureGroup(106, 3), temperatureGroup(114, 4),
		{122, spo2, 0, []field{
			{128, vital.SpO2, vital.Percent, -2}, {130, vital.PulseRate, vital.BeatsPerMinute, 0}, {132, private(0x16), vital.Percent, -2},
		}},
		{136, co2, 0, []field{
			{142, 151708, vital.Percent, -2}, {144, 151716, vital.Percent, -2}, {146, 0, vital.BreathsPerMinute, 0},
			{148, private(0x01), vital.MmHg, -1},
		}},
		{150, gas, 0, []field{{156, private(0x02), vital.Percent, -2}, {158, 152196, vital.Percent, -2}}},
		{160, gas, 0, []field{{166, private(0x03), vital.Percent, -2}, {168, private(0x04), vital.Percent, -2}}},
		{170, agent, 0, []field{
			{176, private(0x05), vital.Percent, -2}, {178, private(0x06), vital.Percent, -2}, {180, private(0x07), vital.NoUnit, -2},
		}},
		{182, flow, 0, []field{
			{188, 151570, vital.BreathsPerMinute, 0}, {190, 151957, vital.CmH2O, -2}, {192, 151976, vital.CmH2O, -2},
			{194, 152424, vital.CmH2O, -2}, {196, private(0x0a), vital.Millilitre, -1}, {198, vital.TidalVolume, vital.Millilitre, -1},
			{200, private(0x0b), 0, -2}, {202, 151880, vital.LitrePerMinute, -2},
		}},
		{204, plain, 0, []field{
			{210, private(0x0c), 0, 0}, {212, 188436, vital.Celsius, -2}, {214, private(0x0d), vital.Percent, -2},
			{216, private(0x0e), vital.MmHg, -2},
		}},
		{218, plain, 0, []field{{224, private(0x0f), vital.Percent, -1}, {226, private(0x10), vital.Percent, -1}}},
		{236, svo2, 0, []field{{at: 242, unit: vital.Percent, exp: -2}}},
		pressureGroup(244, 5), pressureGroup(258, 6),
	},
	ext1: {
		{4, arrhythmia, 0, []field{{12, private(0x17), vital.Second, -3}, {14, 148066, vital.BeatsPerMinute, 0}}},
		{52, ecg12, 0, []field{
			{58, 131841, 0, -2}, {60, 131842, 0, -2}, {62, 131901, 0, -2}, {64, 131903, 0, -2}, {66, 131902, 0, -2}, {68, 131904, 0, -2},
			{70, private(0x19), 0, -2}, {72, private(0x1a), 0, -2}, {74, private(0x1b), 0, -2}, {76, private(0x1c), 0, -2},
			{78, private(0x1d), 0, -2}, {80, private(0x1e), 0, -2},
		}},
		pressureGroup(82, 7), pressureGroup(96, 8),
		{110, spo2, 0, []field{
			{116, private(0x1f), vital.Percent, -2}, {118, private(0x20), vital.BeatsPerMinute, 0}, {120, private(0x21), vital.Percent, -2},
		}},
		temperatureGroup(124, 5), temperatureGroup(132, 6),
	},
	ext2: {
		{4, plain, 0, []field{{10, private(0x22), vital.NoUnit, 0}}},
		{100, plain, 0, []field{
			{106, private(0x23), vital.NoUnit, 0}, {108, private(0x24), vital.Percent, 0}, {110, private(0x25), 0, 0},
			{112, private(0x26), vital.Percent, 0},
		}},
		{116, entropy, 0, []field{
			{122, private(0x27), vital.NoUnit, 0}, {124, private(0x28), vital.NoUnit, 0}, {126, private(0x29), vital.Percent, 0},
		}},
		{234, spi, 0, []field{{240, private(0x2a), vital.NoUnit, 0}}},
	},
	ext3: {
		{4, plain, 0, []field{
			{10, private(0x2b), 0, -1}, {12, private(0x2c), 0, -1}, {14, private(0x2d), 0, 0}, {16, private(0x2e), vital.NoUnit, -3},
		}},
		{18, plain, 0, []field{
			{24, private(0x2f), vital.CmH2O, -2}, {26, 151975, vital.CmH2O, -2}, {28, private(0x30), 0, -2},
			{30, private(0x31), vital.LitrePerMinute, -2}, {32, private(0x32), vital.CmH2O, -2}, {34, private(0x33), vital.LitrePerMinute, -2},
			{36, private(0x34), vital.NoUnit, -2}, {38, private(0x35), vital.Second, -2}, {40, private(0x36), vital.Second, -2},
		}},
		{96, plain, 0, []field{{102, private(0x09), vital.NoUnit, -2}}},
		{120, plain, 0, []field{{126, private(0x37), vital.MmHg, -2}, {128, private(0x38), vital.Percent, -2}}},
		{130, plain, 0, []field{{136, private(0x39), vital.MmHg, -2}}},
		{138, plain, 0, []field{{144, private(0x3a), vital.MmHg, -2}}},
	},
}

// Heart rates that have no group of their own: they go with the ECG's.
const (
	heartRateAt    = 10
	heartRateECGAt = 230
	heartRateMaxAt = 232
	heartRateMinAt = 234
	respSourceAt   = 146
	fiCO2At        = 144
	twelveAt       = 52 // of ext1: the status of the 12-lead group
	arrhythmiaAt   = 16 // of ext1, 32 bits
)
