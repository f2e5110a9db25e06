package c_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestLinkFuzz runs test/link_fuzz.c from every wire of the vectors. LINK_SEED
// repeats a run, LINK_EFFORT makes it longer.
func TestLinkFuzz(t *testing.T) {
	program := linkProgram(t, "link_fuzz")
	seed, rounds := linkSeed(t), 400*linkEffort(t)
	args := []string{strconv.FormatUint(seed, 10), strconv.Itoa(rounds)}
	out, err := exec.Command(program, append(args, linkCorpus(t)...)...).CombinedOutput()
	if err != nil || string(out) != fmt.Sprintf("%d rounds\n", rounds) {
		t.Fatalf("link_fuzz: %v\n%s", err, out)
	}
}

// linkCorpus writes the wires of the vectors to files of their own.
func linkCorpus(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for _, folder := range []string{"frames", "messages", "sensor"} {
		for name, steps := range linkSteps(t, folder) {
			for i, s := range steps {
				if s[0] != "wire" && s[0] != "rx" {
					continue
				}
				p, err := hex.DecodeString(s[1])
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				f := filepath.Join(dir, fmt.Sprintf("%s-%s-%d", folder, name, i))
				if err := os.WriteFile(f, p, 0o600); err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
		}
	}
	return files
}
