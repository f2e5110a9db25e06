package vital_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const shared = "../../../../shared"

func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(shared, name))
	if err != nil {
		t.Skip("shared data absent: ../shared/" + name + " is not beside the checkout")
	}
	return raw
}

// unpack212 reads WFDB format 212, two 12-bit samples in three bytes, and
// returns the signals, which alternate.
func unpack212(raw []byte, signals int) [][]int32 {
	out := make([][]int32, signals)
	n := 0
	put := func(v uint32) {
		out[n%signals] = append(out[n%signals], int32(v<<20)>>20)
		n++
	}
	for ; len(raw) >= 3; raw = raw[3:] {
		put(uint32(raw[0]) | uint32(raw[1]&0x0f)<<8)
		put(uint32(raw[2]) | uint32(raw[1]&0xf0)<<4)
	}
	return out
}

type signal struct {
	name    string
	samples []int32
	zero    int32
	rate    vital.Decimal
	at      float64 // bits a sample that waves of one second must not exceed
}

// records returns the signals of two WFDB records and one of samples in volts.
func records(t testing.TB) []signal {
	mit := unpack212(sharedFile(t, "data/physionet/100.dat"), 2)
	v102s := unpack212(sharedFile(t, "data/physionet/v102s.dat"), 4)
	hz360, hz250 := vital.Int(360), vital.Int(250)
	out := []signal{
		{"100 MLII", mit[0], 1024, hz360, 4.95},
		{"100 V5", mit[1], 1024, hz360, 4.95},
		{"v102s II", v102s[0], 0, hz250, 8.9},
		{"v102s V", v102s[1], 0, hz250, 8.3},
		{"v102s PLETH", v102s[2], 0, hz250, 8.95},
		{"v102s RESP", v102s[3], 0, hz250, 6.6},
	}
	rows, err := csv.NewReader(strings.NewReader(string(sharedFile(t, "data/bidmc/bidmc_01_Signals.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for column, name := range rows[0] {
		if column == 0 {
			continue
		}
		s := signal{name: "bidmc" + name, rate: vital.Int(125), at: 9.1}
		for _, row := range rows[1:] {
			v, err := strconv.ParseFloat(row[column], 64)
			if err != nil {
				t.Fatal(err)
			}
			s.samples = append(s.samples, int32(math.Round(v*1023)))
		}
		out = append(out, s)
	}
	return out
}

// TestRealRecordsKeepEverySample sends records second by second, and the same
// in the two fixed codings, and compares every sample.
func TestRealRecordsKeepEverySample(t *testing.T) {
	for _, s := range records(t) {
		var b, back vital.Batch
		var payload []byte
		seconds, bytes := 0, 0
		n := int(s.rate.Mantissa)
		for chunk := range slices.Chunk(s.samples, n) {
			b.Reset()
			for _, coding := range []vital.Coding{vital.CodingAuto, vital.CodingInt16, vital.Coding12Bit} {
				w := b.AddWave()
				w.Time, w.Code, w.Unit, w.Rate, w.Zero = uint64(seconds*1000), vital.ECG, vital.Millivolt, s.rate, s.zero
				w.Factor, w.Divisor = vital.Int(1), 2281
				w.Samples, w.Coding = append(w.Samples, chunk...), coding
			}
			var err error
			if payload, err = b.Append(payload[:0]); err != nil {
				t.Fatal(s.name, err)
			}
			if err := back.Decode(payload); err != nil {
				t.Fatal(s.name, err)
			}
			for i := range back.Waves {
				if !slices.Equal(back.Waves[i].Samples, chunk) {
					t.Fatalf("%s: second %d, coding %d: other samples came back", s.name, seconds, back.Waves[i].Coding)
				}
			}
			b.Waves = b.Waves[:1]
			payload, _ = b.Append(payload[:0])
			bytes += len(payload)
			seconds++
		}
		perSample := float64(bytes) * 8 / float64(len(s.samples))
		t.Logf("%-14s %6d samples: %.2f bits a sample, all told", s.name, len(s.samples), perSample)
		if perSample > s.at {
			t.Errorf("%s: %.2f bits a sample, %.2f or less was expected", s.name, perSample, s.at)
		}
	}
}
