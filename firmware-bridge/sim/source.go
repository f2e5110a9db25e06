package sim

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Source is what a simulated sensor is attached to. Times are elapsed since the
// simulation began, from zero up. Implementations answer in any order and from
// several goroutines.
type Source interface {
	Vitals(at time.Duration) Vitals
	Pleth(at time.Duration) float64 // 0 to 1 of the device's range
	ECG(at time.Duration) float64   // mV, lead II where there is a choice; NaN when off
	Resp(at time.Duration) float64  // 0 (breathed out) to 1

	Pressure(at time.Duration) float64 // mm[Hg], in an artery; NaN when there is none
	CO2(at time.Duration) float64      // mm[Hg], in the breathed gas; NaN when there is none
}

// Vitals are the numbers at one moment. NaN means that there is no value.
type Vitals struct {
	HeartRate float64 // /min, from the ECG
	PulseRate float64 // /min, from the pleth
	SpO2      float64 // %
	Perfusion float64 // %, perfusion index
	RespRate  float64 // /min
	Temp      float64 // Cel
	Systolic  float64 // mm[Hg], the last cuff measurement
	Diastolic float64 // mm[Hg]
	Mean      float64 // mm[Hg]
	EtCO2     float64 // mm[Hg], at the end of a breath; 0 when no breath comes

	// Of the pressure wave, now, in mm[Hg]. Without a pulse there is a mean alone.
	ArterialSystolic, ArterialDiastolic, ArterialMean float64

	// Status is the state of the oximeter's sensor and signal: the bits
	// SensorDisconnected, SensorOff, SignalErratic, SignalSearching,
	// SignalNonPulsatile and SignalLowPerfusion, as far as the device can tell.
	Status     vital.Status
	ECGStatus  vital.Status // SensorOff: a lead is off
	LowBattery bool
}

// NoVitals returns vitals of which every number is missing.
func NoVitals() Vitals {
	nan := math.NaN()
	return Vitals{
		HeartRate: nan, PulseRate: nan, SpO2: nan, Perfusion: nan, RespRate: nan,
		Temp: nan, Systolic: nan, Diastolic: nan, Mean: nan, EtCO2: nan,
		ArterialSystolic: nan, ArterialDiastolic: nan, ArterialMean: nan,
	}
}

// Fixed is a Source that never changes: the same numbers and flat waves.
type Fixed struct {
	Numbers    Vitals
	PlethLevel float64 // 0 to 1
}

// Vitals returns the numbers.
func (f Fixed) Vitals(time.Duration) Vitals { return f.Numbers }

// Pleth returns the level.
func (f Fixed) Pleth(time.Duration) float64 { return f.PlethLevel }

// ECG returns 0 mV.
func (f Fixed) ECG(time.Duration) float64 { return 0 }

// Resp returns 0.
func (f Fixed) Resp(time.Duration) float64 { return 0 }

// Pressure returns the mean pressure.
func (f Fixed) Pressure(time.Duration) float64 { return f.Numbers.ArterialMean }

// CO2 returns 0 mm[Hg].
func (f Fixed) CO2(time.Duration) float64 { return 0 }
