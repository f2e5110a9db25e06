package medibus

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// Private codes: see the table in the package comment.
const (
	family        = 3 << 8
	nCompliance   = 0x50
	nResistance   = 0x51
	nCO2          = 0x52
	nPhase        = 0x53
	nText         = 0x54
	nClock        = 0x55
	nLimitLow     = 0x90
	nLimitHigh    = 0xa0
	nVolume       = 0xf1
	nFlowInsp     = 0xf2
	nFlowExp      = 0xf3
	nVolumeExp    = 0xf4
	nAgent        = 0xf5
	tidalSetting  = vital.Code(16929196)
	pressureMax   = vital.Code(151957)
	pressureMean  = vital.Code(151975)
	pressurePlat  = vital.Code(152424)
	peepPressure  = vital.Code(151976)
	minuteVolume  = vital.Code(151880)
	co2Rate       = vital.Code(151594)
	etCO2Conc     = vital.Code(151708)
	inCO2Conc     = vital.Code(151716)
	inspiredO2    = vital.Code(152196)
	airwayPress   = vital.Code(151792)
	airwayFlow    = vital.Code(151764)
	airwayCO2     = vital.Code(151724)
	airwayCO2Conc = vital.Code(151700)
)

// topic is what limits and alarms are about.
type topic uint8

const (
	noTopic topic = iota
	peak
	tidal
	minute
	rate
	etCO2
	inCO2
	inO2
	spo2
	pulse
	peep
	airwayTemp
	volumes // all that the flow sensor tells but those above
	topics
)

// quantity is a value in a list of measured data.
type quantity struct {
	code  vital.Code // 0: not known
	unit  vital.Unit
	shift int8 // power of ten from the device's unit to ours
	same  byte // the code under which it is remembered, where there are two
	topic topic
}

func private(n byte) vital.Code { return vital.Private(family | uint16(n)) }

// page1 are the measured data of code page 1, by code.
var page1 = [256]quantity{
	0x06: {code: private(nCompliance), same: 0x06},
	0x07: {code: private(nCompliance), same: 0x06},
	0x08: {code: private(nResistance), same: 0x08},
	0x0b: {code: private(nResistance), same: 0x08},
	0x09: {code: private(nCO2), same: 0x09, topic: etCO2},
	0x69: {code: private(0x69), unit: vital.Second, same: 0x69},
	0x6f: {code: private(0x6f), unit: vital.Second, same: 0x6f},
	0x71: {code: private(0x71), unit: vital.Millibar, same: 0x71},
	0x72: {code: private(0x72), unit: vital.Millibar, same: 0x72},
	0x73: {code: pressureMean, unit: vital.Millibar, same: 0x73},
	0x74: {code: pressurePlat, unit: vital.Millibar, same: 0x74},
	0x76: {code: private(0x76), same: 0x76, topic: volumes},
	0x78: {code: peepPressure, unit: vital.Millibar, same: 0x78, topic: peep},
	0x79: {code: private(0x79), unit: vital.Millibar, same: 0x79},
	0x7a: {code: private(0xb7), unit: vital.LitrePerMinute, same: 0xb7, topic: volumes},
	0x7d: {code: pressureMax, unit: vital.Millibar, same: 0x7d, topic: peak},
	0x81: {code: private(0x81), unit: vital.Millilitre, same: 0x81, topic: volumes},
	0x82: {code: vital.TidalVolume, unit: vital.Millilitre, shift: 3, same: 0x82, topic: tidal},
	0x88: {code: vital.TidalVolume, unit: vital.Millilitre, same: 0x82, topic: tidal},
	0x89: {code: private(0x89), unit: vital.Millilitre, same: 0x89, topic: volumes},
	0x8a: {code: private(0x8a), unit: vital.Percent, same: 0x8a, topic: volumes},
	0x8b: {code: private(0x8b), unit: vital.Millilitre, same: 0x8b, topic: volumes},
	0x8d: {code: private(0x8d), unit: vital.Millibar, same: 0x8d},
	0xb5: {code: private(0xb5), unit: vital.BreathsPerMinute, same: 0xb5},
	0xb7: {code: private(0xb7), unit: vital.LitrePerMinute, same: 0xb7, topic: volumes},
	0xb8: {code: minuteVolume, unit: vital.LitrePerMinute, same: 0xb9, topic: minute},
	0xb9: {code: minuteVolume, unit: vital.LitrePerMinute, same: 0xb9, topic: minute},
	0xc1: {code: private(0xc1), unit: vital.Celsius, same: 0xc1, topic: airwayTemp},
	0xc6: {code: private(0xc6), unit: vital.Percent, same: 0xc6},
	0xc7: {code: private(0xc7), unit: vital.Percent, same: 0xc7, topic: inO2},
	0xc9: {code: private(0xc9), same: 0xc9},
	0xd5: {code: co2Rate, unit: vital.BreathsPerMinute, same: 0xd5, topic: etCO2},
	0xd6: {code: vital.RespRate, unit: vital.BreathsPerMinute, same: 0xd6, topic: rate},
	0xda: {code: inCO2Conc, unit: vital.Percent, same: 0xda, topic: inCO2},
	0xdb: {code: etCO2Conc, unit: vital.Percent, same: 0xdb, topic: etCO2},
	0xe1: {code: vital.PulseRate, unit: vital.BeatsPerMinute, same: 0xe1, topic: pulse},
	0xe3: {code: etCO2Conc, unit: vital.Kilopascal, same: 0xe3, topic: etCO2},
	0xe5: {code: inCO2Conc, unit: vital.MmHg, same: 0xe5, topic: inCO2},
	0xe6: {code: vital.EtCO2, unit: vital.MmHg, same: 0xe6, topic: etCO2},
	0xe7: {code: private(0xe7), unit: vital.NoUnit, same: 0xe7},
	0xe8: {code: private(0xe8), unit: vital.NoUnit, same: 0xe8},
	0xeb: {code: vital.SpO2, unit: vital.Percent, same: 0xeb, topic: spo2},
	0xef: {code: private(0xef), unit: vital.Percent, same: 0xef, topic: inO2},
	0xf0: {code: inspiredO2, unit: vital.Percent, same: 0xf0, topic: inO2},
	0xff: {code: inCO2Conc, unit: vital.Kilopascal, same: 0xff, topic: inCO2},
}

// limited are the topics that the documents give limits for.
const limited = pulse

// settings are the values in the reply to 29, by code. Private codes are the
// device's own.
var settings = [256]quantity{
	0x01: {code: private(0x01), unit: vital.Percent, same: 0x01},              // inspired O2
	0x02: {code: private(0x02), unit: vital.LitrePerMinute, same: 0x02},       // greatest inspiratory flow
	0x04: {code: tidalSetting, unit: vital.Millilitre, shift: 3, same: 0x04},  // tidal volume
	0x05: {code: private(0x05), unit: vital.Second, same: 0x05},               // inspiratory time
	0x07: {code: private(0x07), unit: vital.NoUnit, same: 0x07},               // I of I:E
	0x08: {code: private(0x08), unit: vital.NoUnit, same: 0x08},               // E of I:E
	0x09: {code: private(0x09), unit: vital.BreathsPerMinute, same: 0x09},     // frequency, IMV
	0x0a: {code: private(0x0a), unit: vital.BreathsPerMinute, same: 0x0a},     // frequency, IPPV
	0x0b: {code: private(0x0b), unit: vital.Millibar, same: 0x0b},             // PEEP
	0x0c: {code: private(0x0c), unit: vital.Millibar, same: 0x0c},             // intermittent PEEP
	0x0d: {code: private(0x0d), unit: vital.Millibar, same: 0x0d},             // low pressure, BIPAP or APRV
	0x0e: {code: private(0x0e), unit: vital.Millibar, same: 0x0e},             // high pressure
	0x0f: {code: private(0x0f), unit: vital.Second, same: 0x0f},               // time at the low pressure
	0x10: {code: private(0x10), unit: vital.Second, same: 0x10},               // time at the high pressure
	0x11: {code: private(0x11), unit: vital.Second, same: 0x11},               // apnoea time
	0x12: {code: private(0x12), unit: vital.Millibar, same: 0x12},             // pressure support (ASB)
	0x13: {code: private(0x13), unit: vital.Millibar, same: 0x13},             // greatest inspiratory pressure
	0x15: {code: private(0x15), unit: vital.Millibar, same: 0x15},             // trigger pressure
	0x16: {code: private(0x16), unit: vital.BreathsPerMinute, same: 0x16},     // tachyapnoea frequency
	0x17: {code: private(0x17), unit: vital.Second, same: 0x17},               // tachyapnoea duration
	0x29: {code: private(0x29), unit: vital.LitrePerMinute, same: 0x29},       // flow trigger
	0x2e: {code: private(0x2e), unit: vital.Second, same: 0x2e},               // pressure support ramp
	0x3c: {code: private(0x3c), same: 0x3c},                                   // flow assist, mbar s/L/10
	0x3d: {code: private(0x3d), same: 0x3d},                                   // volume assist, mbar/L/10
	0x42: {code: private(0x42), unit: vital.BreathsPerMinute, same: 0x42},     // backup frequency
	0x44: {code: private(0x44), unit: vital.Millilitre, shift: 3, same: 0x44}, // backup tidal volume
	0x45: {code: private(0x45), unit: vital.Millibar, same: 0x45},             // inspiratory pressure
	0x4e: {code: private(0x4e), unit: vital.Second, same: 0x4e},               // disconnection time
	0x4f: {code: private(0x4f), same: 0x4f},                                   // flow acceleration, mbar/s
}

// curve is a stream of realtime data.
type curve struct {
	name  string // in Options.Waves
	code  vital.Code
	unit  vital.Unit
	topic topic
}

// curveOf returns what a realtime code means; the name is empty if nothing is
// known of it.
func curveOf(code byte) curve {
	switch code {
	case 0x00:
		return curve{"paw", airwayPress, vital.Millibar, noTopic}
	case 0x01:
		return curve{"flow", airwayFlow, vital.LitrePerMinute, volumes}
	case 0x02:
		return curve{"pleth", vital.Pleth, vital.Percent, spo2}
	case 0x03:
		return curve{"volume", private(nVolume), vital.Millilitre, volumes}
	case 0x06:
		return curve{"co2", airwayCO2, vital.MmHg, etCO2}
	case 0x07:
		return curve{"co2", airwayCO2Conc, vital.Kilopascal, etCO2}
	case 0x08:
		return curve{"co2", airwayCO2Conc, vital.Percent, etCO2}
	case 0x0a:
		return curve{"agent", private(nAgent), vital.Percent, noTopic}
	case 0x20:
		return curve{"inspiratory-flow", private(nFlowInsp), vital.LitrePerMinute, volumes}
	case 0x21:
		return curve{"expiratory-flow", private(nFlowExp), vital.LitrePerMinute, volumes}
	case 0x24:
		return curve{"expiratory-volume", private(nVolumeExp), vital.Millilitre, volumes}
	}
	return curve{}
}

// waveNames are the names that Config.Waves takes, and defaultWaves those that
// are asked for without.
var (
	waveNames = [...]string{"paw", "flow", "pleth", "volume", "co2", "agent", "inspiratory-flow", "expiratory-flow",
		"expiratory-volume"}
	defaultWaves = [...]string{"paw", "flow", "co2", "pleth"}
)
