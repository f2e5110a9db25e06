package vital

// Status says what is wrong with a value; zero means nothing is. The lower 16
// bits are the MeasurementStatus of IEEE 11073-20601, the upper 16 the device
// and sensor status of IEEE 11073-10404 (pulse oximeter), which the other
// families use for the same conditions: a lead that is off is SensorOff.
type Status uint32

// MeasurementStatus, IEEE 11073-20601. Bit n here is bit n there, counted from
// the least significant end.
const (
	Invalid      Status = 1 << 0 // the device says the value is wrong
	Questionable Status = 1 << 1 // the device doubts the value
	NotAvailable Status = 1 << 2 // there is no value; Numeric.Value is NaN
	Calibrating  Status = 1 << 3
	TestData     Status = 1 << 4
	DemoData     Status = 1 << 5
	Validated    Status = 1 << 8 // confirmed by a person
	Early        Status = 1 << 9 // an early estimate
	Ongoing      Status = 1 << 10
	InAlarm      Status = 1 << 14
	AlarmOff     Status = 1 << 15 // alarms of this metric are inhibited
)

// Device and sensor status, IEEE 11073-10404.
const (
	SensorDisconnected    Status = 1 << 16 // the sensor is not plugged in
	SensorMalfunction     Status = 1 << 17
	SensorDisplaced       Status = 1 << 18
	SensorUnsupported     Status = 1 << 19
	SensorOff             Status = 1 << 20 // no finger, lead off: not on the patient
	SensorInterference    Status = 1 << 21
	SignalSearching       Status = 1 << 22
	SignalQuestionable    Status = 1 << 23 // questionable pulse
	SignalNonPulsatile    Status = 1 << 24
	SignalErratic         Status = 1 << 25 // artifact
	SignalLowPerfusion    Status = 1 << 26
	SignalPoor            Status = 1 << 27
	SignalInadequate      Status = 1 << 28
	SignalProcessing      Status = 1 << 29 // processing irregularity
	EquipmentMalfunction  Status = 1 << 30
	ExtendedDisplayUpdate Status = 1 << 31 // the display holds an old value
)

// statusNames is indexed by bit; an empty name is a bit with no meaning.
var statusNames = [32]string{
	0: "invalid", 1: "questionable", 2: "not-available", 3: "calibration-ongoing",
	4: "test-data", 5: "demo-data", 8: "validated-data", 9: "early-indication",
	10: "msmt-ongoing", 14: "msmt-state-in-alarm", 15: "msmt-state-al-inhibited",
	16: "sensor-disconnected", 17: "sensor-malfunction", 18: "sensor-displaced",
	19: "sensor-unsupported", 20: "sensor-off", 21: "sensor-interference",
	22: "signal-searching", 23: "signal-pulse-questionable", 24: "signal-non-pulsatile",
	25: "signal-erratic", 26: "signal-low-perfusion", 27: "signal-poor",
	28: "signal-inadequate", 29: "signal-processing-irregularity",
	30: "device-equipment-malfunction", 31: "device-extended-update",
}

// Bit returns the name that IEEE 11073 gives bit i (0 to 31) if s has it, and
// "" if it does not. A bit without a name reads "status-bit-N".
func (s Status) Bit(i int) string {
	if i < 0 || i > 31 || s&(1<<i) == 0 {
		return ""
	}
	if name := statusNames[i]; name != "" {
		return name
	}
	return "status-bit-" + string(appendUint(nil, uint32(i)))
}

// Names returns the names of the bits that are set, lowest first, and nil for
// a status of zero.
func (s Status) Names() []string {
	var names []string
	for i := range 32 {
		if name := s.Bit(i); name != "" {
			names = append(names, name)
		}
	}
	return names
}
