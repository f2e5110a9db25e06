package gedri

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const (
	bitExists = 1 << 0
	bitActive = 1 << 1

	// absent is a sensor that cannot give a number, whatever is sent.
	absent = vital.SensorOff | vital.SensorDisconnected | vital.NotAvailable
)

// bits are what status bits of a kind of group say of its values.
var bits = [kinds][]struct {
	bit    uint8
	status vital.Status
}{
	ecg: {{7, vital.SignalPoor | vital.Questionable}, {8, vital.SignalErratic | vital.Questionable},
		{9, vital.SignalSearching | vital.Questionable}},
	ecg12: {{7, vital.SignalPoor | vital.Questionable}, {8, vital.SignalErratic | vital.Questionable},
		{9, vital.SignalSearching | vital.Questionable}},
	arrhythmia: {{7, vital.SignalPoor | vital.Questionable}, {8, vital.SignalErratic | vital.Questionable},
		{9, vital.SignalSearching | vital.Questionable}},
	pressure: {{2, vital.Calibrating | vital.Questionable}},
	co2: {{3, vital.Calibrating | vital.Questionable}, {4, vital.Calibrating | vital.Questionable},
		{5, vital.SensorMalfunction | vital.Questionable}, {6, vital.SignalPoor | vital.Questionable}, {8, vital.AlarmOff}},
	gas:   {{2, vital.Calibrating | vital.Questionable}, {3, vital.NotAvailable}},
	agent: {{2, vital.Calibrating | vital.Questionable}, {3, vital.NotAvailable}},
	flow: {{2, vital.SensorDisplaced | vital.Questionable}, {3, vital.Calibrating | vital.Questionable},
		{4, vital.Calibrating | vital.Questionable}, {5, vital.Questionable}, {6, vital.Questionable}, {7, vital.NotAvailable}},
	svo2: {{3, vital.SensorMalfunction | vital.Questionable}, {4, vital.SensorDisconnected}, {5, vital.Calibrating | vital.Questionable},
		{7, vital.Questionable}, {8, vital.SensorDisplaced | vital.Questionable}, {9, vital.SignalQuestionable | vital.Questionable}},
	entropy: {{2, vital.SensorDisconnected}, {3, vital.SensorDisconnected}, {4, vital.SensorOff}, {11, vital.Early},
		{12, vital.SensorUnsupported | vital.Questionable}},
	spi: {{2, vital.SensorUnsupported | vital.Questionable}, {3, vital.SignalInadequate | vital.Questionable},
		{6, vital.SignalPoor | vital.Questionable}, {7, vital.Early}, {8, vital.SensorUnsupported | vital.Questionable}},
}

// labelBits are those of NIBP's label.
var labelBits = [...]struct {
	bit    uint8
	status vital.Status
}{{5, vital.Ongoing}, {7, vital.Calibrating | vital.Questionable}, {8, vital.ExtendedDisplayUpdate}}

func statusOf(k kind, status uint32, label uint16) (s vital.Status) {
	if status&bitActive == 0 {
		s |= vital.Questionable
	}
	for _, b := range bits[k] {
		if status&(1<<b.bit) != 0 {
			s |= b.status
		}
	}
	if k == nibp {
		for _, b := range labelBits {
			if label&(1<<b.bit) != 0 {
				s |= b.status
			}
		}
	}
	return s
}

// Of the ECG: asystole, and channels 1 to 3 are off.
const (
	bitAsystole    = 1 << 2
	bitChannelOff  = 11
	allChannelsOff = 7 << bitChannelOff
)

// condition is a status bit that is an alert.
type condition struct {
	at       uint16 // of the group, in the basic class
	bit      uint8
	source   vital.Code
	kind     vital.AlertKind
	priority vital.Priority
	text     string
}

var conditions = [...]condition{
	{4, 2, vital.HeartRate, vital.Physiological, vital.PriorityHigh, "asystole"},
	{136, 2, 151594, vital.Physiological, vital.PriorityHigh, "apnea"},
	{136, 7, vital.RespRateImpedance, vital.Physiological, vital.PriorityHigh, "apnea, impedance"},
	{136, 5, 151708, vital.Technical, vital.PriorityLow, "CO2 occlusion"},
	{136, 6, 151708, vital.Technical, vital.PriorityLow, "CO2 air leak"},
	{182, 2, vital.TidalVolume, vital.Technical, vital.PriorityLow, "spirometry disconnection"},
	{182, 5, vital.TidalVolume, vital.Technical, vital.PriorityLow, "spirometry obstruction"},
	{182, 6, vital.TidalVolume, vital.Technical, vital.PriorityLow, "spirometry leak"},
}

// Values that are none.
const (
	lastValue     = -32000
	invalid       = -32767
	underRange    = -32764
	overRange     = -32763
	notCalibrated = -32762
)

// valueOf translates a value of 16 bits.
func valueOf(v int16, exp int8) (vital.Decimal, vital.Status) {
	switch {
	case v >= lastValue:
		return vital.Dec(int(v), exp), 0
	case v == invalid:
		return vital.NaN, vital.Invalid | vital.NotAvailable
	case v == underRange:
		return vital.NegInf, vital.Questionable
	case v == overRange:
		return vital.PosInf, vital.Questionable
	case v == notCalibrated:
		return vital.NaN, vital.Calibrating | vital.NotAvailable
	}
	return vital.NaN, vital.NotAvailable // not updated, -32766, and others without a name
}

func emit(dst *vital.Batch, code vital.Code, unit vital.Unit, v vital.Decimal, s vital.Status) {
	if s&absent != 0 {
		v, s = vital.NaN, s&^vital.Questionable|vital.NotAvailable
	}
	dst.Numerics = append(dst.Numerics, vital.Numeric{Code: code, Unit: unit, Value: v, Status: s})
}
