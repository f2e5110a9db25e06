package c_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	vitalVectors = "../../../sdk/core/vital/testdata/vectors"
	sealVectors  = "../../../sdk/core/seal/testdata/vectors"
)

// TestReadings runs test/vital_test.c: heads of CBOR, every valid vector of the
// payload's format, buffers of every length, and every refusal. The vectors that
// C does not write as they are must be those that Go, asked anew, does not either.
func TestReadings(t *testing.T) {
	var got []string
	for line := range strings.Lines(run(t, "vital_test", vitalVectors)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "other "); ok {
			got = append(got, name)
		}
	}
	var want []string
	same := 0
	for name, payload := range validPayloads(t) {
		if again, err := fresh(t, payload).Append(nil); err != nil || string(again) != string(payload) {
			want = append(want, name)
		} else {
			same++
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("C writes the vectors %q in another way, Go %q", got, want)
	}
	if same < 15 {
		t.Errorf("%d vectors are as the encoders write them", same)
	}
	t.Logf("%d vectors with identical bytes", same)
}

// TestEnvelopes runs test/seal_test.c: every batch vector and the chain of
// anchor-psk.txt made with identical bytes, buffers of every length, damaged
// records, and a random run in which everything fails that can. C_SEED and
// C_STEPS make that run another and longer one.
func TestEnvelopes(t *testing.T) {
	seed, steps := os.Getenv("C_SEED"), os.Getenv("C_STEPS")
	if seed == "" {
		seed = fmt.Sprint(uint32(time.Now().UnixNano()))
	}
	if steps == "" {
		steps = "20000"
	}
	t.Logf("C_SEED=%s C_STEPS=%s", seed, steps) // before it fails
	t.Log(run(t, "seal_test", sealVectors, seed, steps))
}

// TestFlash runs test/flash_test.c: power cuts at every byte of every operation.
func TestFlash(t *testing.T) { t.Log(run(t, "flash_test")) }

// TestEncodesLikeGo gives random batches to both encoders.
func TestEncodesLikeGo(t *testing.T) {
	p := startPeer(t)
	n, refused, size := 0, 0, 0
	for seed := range uint64(600) {
		b := randomBatch(seed)
		length, ok := p.compare(t, b)
		n++
		size += length
		if !ok {
			refused++
		}
	}
	t.Logf("%d batches, %d refused by both, %d bytes", n, refused, size)
	if refused == 0 || refused > n/2 {
		t.Errorf("%d of %d batches are refused", refused, n)
	}
}

// TestEncodesManyMetrics reaches what random batches do not: dictionaries of 256
// metrics and a second section of rows, and payloads that are too large.
func TestEncodesManyMetrics(t *testing.T) {
	p := startPeer(t)
	for _, metrics := range []int{1, 2, 255, 256, 257, 300, 520} {
		for values := 1; values <= 3; values++ {
			var b vital.Batch
			for v := range values {
				for m := range metrics {
					b.Numerics = append(b.Numerics, vital.Numeric{Time: uint64(1000*v + m*m%977 + 10*m), Code: vital.Code(131072 + m), Value: vital.Int(m + v)})
				}
			}
			if _, ok := p.compare(t, &b); !ok && metrics < 520 {
				t.Errorf("%d values of %d metrics are refused", values, metrics)
			}
		}
	}
}

// FuzzEncode has Go's fuzzer look for a batch that the two encoders do not agree
// on, or that makes the C encoder leave its memory.
func FuzzEncode(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seedBytes(seed))
	}
	p := startPeer(f) // one in each of the fuzzer's processes
	f.Fuzz(func(t *testing.T, data []byte) {
		p.compare(t, batchFrom(data))
	})
}

// TestExampleOfREADME compiles the program in README.md as strictly as the
// library and runs it.
func TestExampleOfREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```c\n")
	code, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("README.md has no example")
	}
	dir := t.TempDir()
	source, path := filepath.Join(dir, "example.c"), filepath.Join(dir, "example")
	if err := os.WriteFile(source, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(append(append([]string{}, strict...), sanitized...), "-o", path, source)
	args = append(append(args, union(readings, envelopes)...), psa...)
	if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	if text, err := exec.Command(path).CombinedOutput(); err != nil {
		t.Errorf("the example: %v\n%s", err, text)
	}
}
