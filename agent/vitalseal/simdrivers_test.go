package main

import (
	"math"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// numbers runs a driver on a patient and returns what it read from one time to
// another.
func numbers(t *testing.T, d sensor.Driver, scenario string, from, to time.Duration) (*sim.Patient, []vital.Numeric) {
	t.Helper()
	timeline, err := sim.ParseTimeline(scenario)
	if err != nil {
		t.Fatal(err)
	}
	p := sim.NewPatientIn(3, timeline)
	decoder, err := d.New(sensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := sensortest.Line{Decoder: decoder, Device: d.Simulate(p)}
	l.Run(from)
	return p, l.Run(to - from).Numerics
}

// Whatever happens to the patient, each driver reads of its own simulated device
// what the patient had, and no number where the patient has none. It is said once
// for each metric.
func TestDriversAgreeWithThePatient(t *testing.T) {
	compared := map[vital.Code]bool{}
	for _, name := range sensor.Names() {
		d, err := sensor.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if d.Simulate == nil {
			continue
		}
		for _, scenario := range []string{"sinus", "tachycardia", "desaturation", "apnoea", "asystole", "lead-off", "sensor-off", "unplugged"} {
			p, read := numbers(t, d, scenario, 60*time.Second, 100*time.Second)
			seen := map[vital.Code]bool{}
			for _, n := range read {
				at := time.Duration(n.Time) * time.Millisecond
				x := math.NaN()
				if n.Value.IsNumber() {
					compared[n.Code] = true
					x = float64(n.Value.Mantissa) * math.Pow10(int(n.Value.Exponent))
				}
				if !agrees(p, n, x, at) && !seen[n.Code] {
					seen[n.Code] = true
					t.Errorf("%s, %s, at %v: %d is %v %v", name, scenario, at, n.Code, x, n.Status.Names())
				}
			}
		}
	}
	for _, code := range []vital.Code{vital.PulseRate, vital.HeartRate, vital.SpO2, vital.RespRate, vital.RespRateImpedance, co2Rate,
		vital.EtCO2, etCO2Conc, artSystolic, artDiastolic, artMean, vital.NIBPSystolic, vital.NIBPDiastolic, vital.NIBPMean, vital.Temp} {
		if !compared[code] {
			t.Errorf("no driver gave %d", code)
		}
	}
}

// MDC codes of GE and of Dräger that the patient has a value for.
const (
	co2Rate       vital.Code = 151594 // MDC_CO2_RESP_RATE
	etCO2Conc     vital.Code = 151708 // MDC_CONC_AWAY_CO2_ET
	artSystolic   vital.Code = 150033 // MDC_PRESS_BLD_ART_SYS
	artDiastolic  vital.Code = 150034 // MDC_PRESS_BLD_ART_DIA
	artMean       vital.Code = 150035 // MDC_PRESS_BLD_ART_MEAN
	kPaInMmHg                = 7.50062
	percentInMmHg            = 7.6 // of 760 mmHg
)

// agrees reports whether the patient had the value in the last 5 seconds.
func agrees(p *sim.Patient, n vital.Numeric, x float64, at time.Duration) bool {
	switch n.Unit {
	case vital.Kilopascal:
		x *= kPaInMmHg
	case vital.Percent:
		if n.Code == etCO2Conc {
			x *= percentInMmHg
		}
	}
	for t := at - 5*time.Second; t <= at; t += 50 * time.Millisecond {
		v := p.Vitals(t)
		var y float64
		switch n.Code {
		case vital.PulseRate:
			y = v.PulseRate
		case vital.HeartRate:
			y = v.HeartRate
		case vital.SpO2:
			y = v.SpO2
		case vital.RespRate, vital.RespRateImpedance, co2Rate:
			if y = v.RespRate; y == 0 && math.IsNaN(x) {
				return true // some devices show no number in apnoea
			}
		case vital.EtCO2, etCO2Conc:
			if y = v.EtCO2; y == 0 && math.IsNaN(x) {
				return true // nor here
			}
		case vital.ABPSystolic, artSystolic:
			y = v.ArterialSystolic
		case vital.ABPDiastolic, artDiastolic:
			y = v.ArterialDiastolic
		case vital.ABPMean, artMean:
			y = v.ArterialMean
		case vital.NIBPSystolic:
			y = v.Systolic
		case vital.NIBPDiastolic:
			y = v.Diastolic
		case vital.NIBPMean:
			y = v.Mean
		case vital.Temp:
			y = v.Temp
		default:
			return true
		}
		if math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) < 0.51 {
			return true
		}
	}
	return false
}
