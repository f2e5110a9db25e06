package bbraun

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// kind is how the value of a parameter is read.
type kind uint8

const (
	unread   kind = iota
	numeric       // a number from 0 to most
	absent16      // the same, and 65535 is none
	coded         // a number that stands for something
	text          // words
	mode          // yes or no; n is the bit
	alarm         // yes or no; n is the bit
	model         // who the pump is
	serial
)

// parameter is one of chapter 3.4.2 of the specification.
type parameter struct {
	kind kind
	n    byte // of the private code, or the bit
	unit vital.Unit
	most int // the greatest value, in whole units
}

// Private codes of a pump, below the address.
const (
	nModes     = 0
	nRate      = 1
	nInfused   = 2
	nLeft      = 3
	nRemaining = 4
	nTime      = 5
	nBolusRate = 6
	nBolus     = 7
	nBoli      = 8
	nSyringe   = 9
	nConc      = 10
	nConcUnit  = 11
	nDose      = 12
	nDoseUnit  = 13
	nPressure  = 14
	nPercent   = 15
	nStandby   = 16
	nToInfuse  = 17
	nLimit     = 18
	nBattery   = 19
	nAverage   = 20
	nWeight    = 21
	nSwitch    = 22
	nShort     = 23
	nLong      = 24
)

// doseMode is the bit of the modes for INDOCAL, after those of INM1 to INM13.
const doseMode = 13

// parameterOf returns what a name means; those of chapter 3.4.2 that are not here
// are not read.
func parameterOf(name []byte) parameter {
	if len(name) >= 4 && len(name) <= 5 && (string(name[:3]) == "INM" || string(name[:3]) == "INA") {
		if n, ok := number(name[3:]); ok {
			return flagOf(name[2], n)
		}
	}
	switch string(name) {
	case "INRT":
		return parameter{numeric, nRate, vital.MillilitrePerHour, 1800}
	case "INVI":
		return parameter{numeric, nInfused, vital.Millilitre, 9999}
	case "INVOLACT":
		return parameter{numeric, nLeft, vital.Millilitre, 99999}
	case "INRMT":
		return parameter{absent16, nRemaining, vital.Second, 65535}
	case "INTIME":
		return parameter{numeric, nTime, 0, 6000}
	case "INBORT":
		return parameter{numeric, nBolusRate, vital.MillilitrePerHour, 1800}
	case "INBOVAL":
		return parameter{numeric, nBolus, vital.Millilitre, 500}
	case "INBOCNT":
		return parameter{numeric, nBoli, vital.NoUnit, 9}
	case "INSYR":
		return parameter{numeric, nSyringe, vital.Millilitre, 60}
	case "INDCON":
		return parameter{numeric, nConc, 0, 99999}
	case "INDCONU":
		return parameter{coded, nConcUnit, 0, 255}
	case "INDORT":
		return parameter{numeric, nDose, 0, 99999}
	case "INDORTU":
		return parameter{coded, nDoseUnit, 0, 255}
	case "INP1":
		return parameter{numeric, nPressure, vital.NoUnit, 8}
	case "INP2":
		return parameter{numeric, nPercent, vital.Percent, 100}
	case "INSTBY":
		return parameter{numeric, nStandby, 0, 1440}
	}
	return moreOf(name)
}

func moreOf(name []byte) parameter {
	switch string(name) {
	case "INVTB":
		return parameter{numeric, nToInfuse, vital.Millilitre, 9999}
	case "INPSOLL":
		return parameter{numeric, nLimit, vital.NoUnit, 8}
	case "INAKKU":
		return parameter{numeric, nBattery, 0, 1440}
	case "INAVRT":
		return parameter{numeric, nAverage, vital.MillilitrePerHour, 1800}
	case "PATW", "INPATW":
		return parameter{numeric, nWeight, vital.Kilogram, 250}
	case "INDOCAL":
		return parameter{kind: mode, n: doseMode}
	case "DSSTATUS":
		return parameter{coded, nSwitch, 0, 51}
	case "INSOLSN":
		return parameter{kind: text, n: nShort}
	case "INSOL":
		return parameter{kind: text, n: nLong}
	case "GNNEW", "GNMODEL":
		return parameter{kind: model}
	case "INSERNUM":
		return parameter{kind: serial}
	}
	return parameter{}
}

// flagOf returns INM1 to INM13 and INA1 to INA16, but for those that the
// specification says are not used.
func flagOf(which byte, n int) parameter {
	switch {
	case which == 'M' && n >= 1 && n <= 13 && n != 4 && n != 9 && n != 11:
		return parameter{kind: mode, n: byte(n - 1)}
	case which == 'A' && n >= 1 && n <= len(alarmTexts) && alarmTexts[n-1] != "":
		return parameter{kind: alarm, n: byte(n - 1)}
	}
	return parameter{}
}

// alarmTexts are INA1 to INA16.
var alarmTexts = [...]string{
	"battery empty", "syringe empty", "pressure", "", "standby over", "CC", "end of volume", "time over", "syringe", "",
	"battery pre-alarm", "syringe empty pre-alarm", "door open", "drop", "air", "KVO end",
}

// preAlarms are the bits of INA11 and INA12.
const preAlarms = 1<<10 | 1<<11

// codeOf returns the code of a quantity of the pump at pillar x, slot y.
func codeOf(x, y int, n byte) vital.Code {
	if x == 1 && y == 1 && n == nRate {
		return vital.InfusionRate
	}
	return vital.Private(uint16(0x8000 | x<<11 | y<<6 | int(n)))
}
