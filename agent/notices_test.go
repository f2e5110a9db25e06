package agent_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// TestBucket floods a bucket for an hour, and counts what it tells: a few at once,
// one a minute, and in the end nothing has been left out.
func TestBucket(t *testing.T) {
	now := time.Now()
	b := agent.NewBucket(3, time.Minute)
	told, times := uint64(0), 0
	for range 36_000 {
		if n := b.Take(1, now); n > 0 {
			told += n
			times++
		}
		now = now.Add(100 * time.Millisecond)
	}
	if times < 60 || times > 64 {
		t.Errorf("told %d times in an hour", times)
	}
	if told += b.Take(0, now.Add(time.Hour)); told != 36_000 {
		t.Errorf("told of %d, of 36000", told)
	}
	if n := b.Take(0, now.Add(2*time.Hour)); n != 0 {
		t.Errorf("told of %d that never were", n)
	}
}

// FuzzOnto demands that whatever a sensor says of times, what is recorded lies
// within a day before the frame arrived, and in the order in which it was.
func FuzzOnto(f *testing.F) {
	files, _ := filepath.Glob("../sdk/core/vital/testdata/vectors/*.txt")
	if len(files) == 0 {
		f.Fatal("no vectors of payloads")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payloadOf(string(text)), uint64(5000))
	}
	arrived := time.Now()
	f.Fuzz(func(t *testing.T, payload []byte, now uint64) {
		var b, before vital.Batch
		if b.Decode(payload) != nil || before.Decode(payload) != nil {
			return
		}
		at := agent.Onto(&b, now, arrived)
		if age := arrived.Sub(at); age < 0 || age > 24*time.Hour {
			t.Fatalf("times count from %v before the arrival", age)
		}
		agent.EachTime(&b, func(ms *uint64) {
			if end := at.Add(time.Duration(*ms) * time.Millisecond); *ms > 86_400_000 || end.After(arrived) {
				t.Fatalf("an entry %d ms after %v, which is after it arrived at %v", *ms, at, arrived)
			}
		})
		for i := 1; i < len(b.Numerics); i++ {
			was, is := before.Numerics, b.Numerics
			if was[i-1].Time <= was[i].Time && is[i-1].Time > is[i].Time {
				t.Fatalf("readings %d and %d have changed places", i-1, i)
			}
		}
	})
}

// payloadOf returns the payload of a vector file: the lines of hex behind the
// first empty one.
func payloadOf(text string) []byte {
	_, text, _ = strings.Cut(text, "\n\n")
	digits, _, _ := strings.Cut(text, "\n\n")
	payload, err := hex.DecodeString(strings.ReplaceAll(digits, "\n", ""))
	if err != nil {
		return nil
	}
	return payload
}
