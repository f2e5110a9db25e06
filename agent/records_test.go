package agent_test

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

const shared = "../../shared/data/"

func skipIfAbsent(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("shared data absent: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// patients are recordings of people, replayed as sensors.
func patients(t *testing.T) map[string]sim.ReplayConfig {
	t.Helper()
	all := map[string]sim.ReplayConfig{}
	for _, name := range []string{"100", "v102s"} {
		record, err := sim.OpenRecord(shared + "physionet/" + name)
		skipIfAbsent(t, err)
		all[name] = sim.ReplayConfig{Record: record}
	}
	signals, err := os.Open(shared + "bidmc/bidmc_01_Signals.csv")
	skipIfAbsent(t, err)
	defer signals.Close()
	record, err := sim.ReadSignalsCSV(signals, "bidmc_01")
	skipIfAbsent(t, err)
	all["bidmc"] = sim.ReplayConfig{Record: record}
	table, err := os.Open(shared + "physionet/s25047-2704-05-04-10-44n_numerics_1permin.csv")
	skipIfAbsent(t, err)
	defer table.Close()
	numerics, err := sim.ReadNumericsCSV(table, "s25047")
	skipIfAbsent(t, err)
	all["numerics"] = sim.ReplayConfig{Numerics: numerics}
	return all
}

// speech returns what a device says in the given time of a patient.
func speech(t *testing.T, driver sensor.Driver, patient sim.ReplayConfig, length time.Duration) []byte {
	t.Helper()
	source, err := sim.NewReplay(patient)
	if err != nil {
		t.Fatal(err)
	}
	device := driver.Simulate(source)
	var bytes []byte
	for at := time.Duration(0); at < length; {
		var wait time.Duration
		bytes, wait = device.Next(bytes)
		at += wait
	}
	return bytes
}

// TestRecordsReplayedAsSensors replays recordings of people as sensors speaking
// their protocols on pseudo-terminals, and compares what came out of mosquitto and
// was verified, value by value and sample by sample, with what the same bytes
// decode to beside the device.
func TestRecordsReplayedAsSensors(t *testing.T) {
	for name, patient := range patients(t) {
		for _, driver := range []string{"nonin-df2", "nonin-df7", "masimo-ascii1"} {
			t.Run(name+"/"+driver, func(t *testing.T) {
				t.Parallel()
				replayAsSensor(t, patient, driver)
			})
		}
	}
}

func replayAsSensor(t *testing.T, patient sim.ReplayConfig, name string) {
	driver, err := sensor.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	said := speech(t, driver, patient, 2*time.Minute)
	decoder, err := driver.New(sensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want vital.Batch
	decoder.Decode(&want, said)

	b := newBedside(t, "sensor")
	line := b.sensor("sensor", name)
	got := b.Receive()
	b.run(agent.Options{})
	got.Until("the port to be open", func(f *sdktest.Found) bool { return f.Events[vital.EventLineOpened] >= 1 })
	if _, err := line.Write(said); err != nil {
		t.Fatal(err)
	}
	got.Until("all readings", func(f *sdktest.Found) bool {
		return len(f.Numerics) >= len(want.Numerics) && len(f.Waves) >= len(want.Waves)
	})
	got.Look(func(f *sdktest.Found) { compareReadings(t, f, &want) })
}

func compareReadings(t *testing.T, f *sdktest.Found, want *vital.Batch) {
	t.Helper()
	if len(want.Numerics) == 0 {
		t.Error("the device said nothing")
	}
	for _, code := range []vital.Code{vital.PulseRate, vital.SpO2, vital.PerfusionIndex} {
		got, want := valuesOf(f.Numerics, code), valuesOf(want.Numerics, code)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d values received, %d sent, or others", code.RefID(), len(got), len(want))
		}
	}
	var sent, received []int32
	for i := range want.Waves {
		sent = append(sent, want.Waves[i].Samples...)
	}
	for i := range f.Waves {
		received = append(received, f.Waves[i].Samples...)
	}
	if !slices.Equal(sent, received) {
		t.Errorf("pleth: %d samples received, %d sent, or others", len(received), len(sent))
	}
}

type value struct {
	vital.Decimal
	vital.Status
}

// valuesOf returns the values of a metric, sorted: two minutes are written at once
// here, and among readings of one millisecond a batch keeps no order.
func valuesOf(numerics []vital.Numeric, code vital.Code) (values []value) {
	for _, n := range numerics {
		if n.Code == code {
			values = append(values, value{n.Value, n.Status})
		}
	}
	slices.SortFunc(values, func(a, b value) int {
		return cmp.Or(cmp.Compare(a.Mantissa, b.Mantissa), cmp.Compare(a.Exponent, b.Exponent), cmp.Compare(a.Status, b.Status))
	})
	return values
}
