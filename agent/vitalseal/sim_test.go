package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

// patient READINGS SIMULATION SEED SCENARIO DEVICE REFID COUNT [LEAST] waits until COUNT
// readings of the device are received, one of them at least LEAST, and demands of
// each that the simulated patient had had this value by this time. SIMULATION is what
// "vitalseal sim" printed.
func patient(ts *testscript.TestScript, _ bool, args []string) {
	began := beginning(ts, ts.ReadFile(args[1]))
	seed, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	timeline, err := sim.ParseTimeline(args[3])
	ts.Check(err)
	want, err := strconv.Atoi(args[6])
	ts.Check(err)
	least := math.Inf(-1)
	if len(args) > 7 {
		least, err = strconv.ParseFloat(args[7], 64)
		ts.Check(err)
	}
	p := sim.NewPatientIn(seed, timeline)
	waitUntil(ts, fmt.Sprintf("%s has %d readings of %s", args[4], want, args[5]), func() bool {
		n, most := 0, math.Inf(-1)
		for _, r := range received(ts, args[0]) {
			if r.Device != args[4] || r.RefID != args[5] || r.Value == nil {
				continue
			}
			if r.Verdict != "valid" || !hadValue(p, args[5], *r.Value, r.Time.Sub(began)) {
				ts.Fatalf("%+v with a value of %v at %v: the patient never had it", r, *r.Value, r.Time.Sub(began))
			}
			n, most = n+1, math.Max(most, *r.Value)
		}
		return n >= want && most >= least
	})
}

func beginning(ts *testscript.TestScript, printed string) time.Time {
	_, text, _ := strings.Cut(printed, "the patient's time began at ")
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	ts.Check(err)
	return at
}

type receivedReading struct {
	Verdict string    `json:"verdict"`
	Device  string    `json:"device_name"`
	RefID   string    `json:"refid"`
	Value   *float64  `json:"value"`
	Time    time.Time `json:"time"`
}

// received returns the readings in the whole lines of a file that is being written.
func received(ts *testscript.TestScript, file string) []receivedReading {
	var all []receivedReading
	for _, line := range wholeLines(ts, file) {
		if !bytes.Contains(line, []byte(`"value"`)) || bytes.Contains(line, []byte(`"samples"`)) {
			continue
		}
		var r receivedReading
		ts.Check(json.Unmarshal(line, &r))
		all = append(all, r)
	}
	return all
}

// hadValue reports whether the patient had the value, rounded as devices do, before
// the reading's time. How long before is not asked: a device measures, waits to be
// asked, and sends, and what it sent is read when this machine has the time. With a
// clock that waits for everybody TestDriversAgreeWithThePatient asks.
func hadValue(p sim.Source, refid string, value float64, at time.Duration) bool {
	const step = 20 * time.Millisecond
	for t := at + 100*time.Millisecond; t >= 0; t -= step {
		v := p.Vitals(t)
		x := map[string]float64{
			"MDC_PULS_OXIM_SAT_O2": v.SpO2, "MDC_PULS_OXIM_PULS_RATE": v.PulseRate, "MDC_ECG_HEART_RATE": v.HeartRate,
		}[refid]
		if math.Abs(x-value) <= 0.5+1e-9 {
			return true
		}
	}
	return false
}
