package gedri

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// Labels of pressures.
const (
	labelART = 1
	labelCVP = 2
	labelPA  = 3
	labelABP = 8
	labelP1  = 9 // to P6, 14
	labelP7  = 20
	labelP8  = 21
	labelMax = 22
)

// channelLabel is the label of a channel that has none, or another's.
func channelLabel(channel uint8) int {
	if channel > 6 {
		return labelP7 + int(channel) - 7
	}
	return labelP1 + int(channel) - 1
}

// pressureCode returns the code of value i (systolic, diastolic, mean, rate) of a
// pressure.
func pressureCode(label, i int) vital.Code {
	var first vital.Code
	switch label {
	case labelART:
		first = 150033
	case labelABP:
		first = vital.ABPSystolic
	case labelPA:
		first = 150045
	case labelCVP:
		if i == 2 {
			return 150087
		}
	}
	switch {
	case first != 0 && i < 3:
		return first + vital.Code(i)
	case (label == labelART || label == labelABP) && i == 3:
		return 149522
	}
	return private(nPressure + 4*label + i)
}

// pressureWave returns the code of the wave of a pressure.
func pressureWave(label int) vital.Code {
	switch label {
	case labelART:
		return 150032
	case labelABP:
		return vital.ABP
	case labelPA:
		return 150044
	case labelCVP:
		return 150084
	}
	return private(nPressWave + label)
}

const (
	labelT1   = 11
	labelTMax = 18
)

// temperatureCode returns the code of a temperature, 0 if the channel is not used.
func temperatureCode(label int) vital.Code {
	switch label {
	case 0:
		return 0
	case 1:
		return 150372
	case 2:
		return 150380
	case 3:
		return 150392
	case 4:
		return 188420
	case 7:
		return 150388
	case labelT1:
		return vital.Temp
	case 15:
		return 150368
	}
	if label > labelTMax {
		return 0
	}
	return private(nTemperature + label)
}

// leads are the ST and the wave of each lead, by the four bits of the ECG's label.
var leads = [...]struct{ st, wave vital.Code }{
	{0, vital.ECG}, {131841, vital.ECGLeadI}, {131842, vital.ECGLeadII}, {131901, vital.ECGLeadIII},
	{131902, vital.ECGLeadAVR}, {131903, vital.ECGLeadAVL}, {131904, vital.ECGLeadAVF}, {131907, vital.ECGLeadV},
}

// leadOf returns the lead of ECG channel 1 to 3.
func leadOf(label uint16, channel int) int {
	if n := int(label >> (4 * (3 - channel)) & 0x0f); n < len(leads) {
		return n
	}
	return 0
}

// Sources of the heart rate that are the ECG.
const (
	sourceECG1    = 1
	sourceMortara = 9
)

// heartRateCode returns the code of the heart rate by the ECG group's status.
func heartRateCode(status uint32) vital.Code {
	switch source := status >> 3 & 0x0f; source {
	case sourceECG1, sourceMortara:
		return vital.HeartRate
	case 2, 3, 4, 5, 7, 8, 10, 11: // invasive pressures
		return 149522
	}
	return vital.PulseRateGeneric
}

var agents = [...]string{"unknown", "none", "HAL", "ENF", "ISO", "DES", "SEV"}
