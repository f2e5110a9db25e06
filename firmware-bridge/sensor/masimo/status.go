package masimo

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// absent is a sensor that cannot give a number, whatever the line says.
const absent = vital.SensorDisconnected | vital.SensorMalfunction | vital.SensorOff | vital.SensorUnsupported

// exceptions are the bits of EXC with a meaning, by the operator's manual.
var exceptions = [...]struct {
	bit    uint32
	status vital.Status
}{
	{0x001, vital.SensorDisconnected},
	{0x002, vital.SensorMalfunction},
	{0x004, vital.SignalLowPerfusion},
	{0x008, vital.SignalSearching | vital.Questionable},
	{0x010, vital.SensorInterference | vital.Questionable},
	{0x020, vital.SensorOff},
	{0x040, vital.SensorInterference | vital.Questionable},
	{0x080, vital.SensorUnsupported},
	{0x400, vital.SignalPoor | vital.Questionable},
}

func statusOf(exc uint32) (s vital.Status) {
	for _, e := range exceptions {
		if exc&e.bit != 0 {
			s |= e.status
		}
	}
	return s
}
