package vital_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// anHour is where the batches of the size tests begin.
const anHour = 3_600_000

type metric struct {
	code   vital.Code
	unit   vital.Unit
	exp    int8
	around int
}

var monitor = []metric{
	{vital.SpO2, vital.Percent, 0, 97}, {vital.PulseRate, vital.BeatsPerMinute, 0, 72},
	{vital.HeartRate, vital.BeatsPerMinute, 0, 72}, {vital.RespRate, vital.BreathsPerMinute, 0, 14},
	{vital.ABPSystolic, vital.MmHg, 0, 121}, {vital.ABPDiastolic, vital.MmHg, 0, 78},
	{vital.ABPMean, vital.MmHg, 0, 92}, {vital.TempBody, vital.Celsius, -1, 368},
}

// oneHertz returns n readings of each metric, a second apart but for the jitter
// of the line, ±3 ms; apart spreads the metrics of one second by so many ms.
func oneHertz(metrics []metric, n, apart int) *vital.Batch {
	rng := rand.New(rand.NewPCG(7, 7))
	b := new(vital.Batch)
	for i := range n {
		t := uint64(anHour + i*1000 + rng.IntN(7) - 3)
		for j, m := range metrics {
			b.Numerics = append(b.Numerics, vital.Numeric{Time: t + uint64(j*apart), Code: m.code, Unit: m.unit,
				Value: vital.Dec(m.around+rng.IntN(3)-1, m.exp)})
			if apart > 0 {
				b.Numerics[len(b.Numerics)-1].Time += uint64(rng.IntN(7))
			}
		}
	}
	return b
}

func syntheticECG(n int) []int32 {
	rng := rand.New(rand.NewPCG(8, 8))
	out := make([]int32, n)
	for i := range out {
		phase := math.Mod(float64(i)/250*1.2, 1)
		bump := func(at, width, height float64) float64 {
			return height * math.Exp(-(phase-at)*(phase-at)/(2*width*width))
		}
		mv := bump(0.2, 0.025, 0.15) - bump(0.36, 0.01, 0.15) + bump(0.38, 0.012, 1.1) - bump(0.40, 0.01, 0.2) + bump(0.6, 0.04, 0.3)
		out[i] = int32(math.Round(mv*200 + rng.NormFloat64()*2))
	}
	return out
}

// TestSizesAreAsDocumented computes the table of sizes in FORMAT.md.
func TestSizesAreAsDocumented(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, readings int, b *vital.Batch) {
		t.Helper()
		payload, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprintf("| %s | %d | %d | %.2f |", name, readings, len(payload), float64(len(payload))/float64(readings))
		if !strings.Contains(string(doc), row) {
			t.Errorf("not in FORMAT.md: %s", row)
		}
	}
	for _, n := range []int{1, 8, 32, 128} {
		check(fmt.Sprintf("1 metric, %d s", n), n, oneHertz(monitor[:1], n, 0))
	}
	for _, n := range []int{1, 8, 32, 128} {
		check(fmt.Sprintf("8 metrics at once, %d s", n), 8*n, oneHertz(monitor, n, 0))
	}
	for _, n := range []int{1, 2, 8, 32} {
		check(fmt.Sprintf("8 metrics one by one, %d s", n), 8*n, oneHertz(monitor, n, 9))
	}
	b := new(vital.Batch)
	w := b.AddWave()
	w.Time, w.Code, w.Unit, w.Rate, w.Factor = anHour, vital.ECGLeadII, vital.Millivolt, vital.Int(250), vital.Dec(5, -3)
	w.Samples = syntheticECG(250)
	check("synthetic ECG, 250 samples", 250, b)
}
