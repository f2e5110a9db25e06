package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestHostSensor runs the sensor as a program of the host, three times on one
// flash file and killed in between, and verifies everything that it seals.
func TestHostSensor(t *testing.T) {
	dir := t.TempDir()
	sensor, verify := build(t, dir, "sensor", "."), build(t, dir, "verify", "./verify")
	flash, line := filepath.Join(dir, "flash"), "unix:"+filepath.Join(dir, "line")
	if out, err := exec.Command(verify, "-provision", "-flash", flash).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for range 3 {
		run := exec.Command(sensor, "-flash", flash, "-listen", line, "-soak", "100000")
		run.Stdout, run.Stderr = os.Stdout, os.Stderr
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(verify, "-flash", flash, "-line", line, "-messages", "300").CombinedOutput()
		run.Process.Kill()
		run.Wait()
		if err != nil || !strings.Contains(string(out), " 0 dropped") {
			t.Fatalf("%v: %s", err, out)
		}
		t.Logf("%s", out)
	}
}

// TestHostSensorEnds: a soak that is whole says what it took.
func TestHostSensorEnds(t *testing.T) {
	dir := t.TempDir()
	sensor, verify := build(t, dir, "sensor", "."), build(t, dir, "verify", "./verify")
	flash, line := filepath.Join(dir, "flash"), "unix:"+filepath.Join(dir, "line")
	if out, err := exec.Command(verify, "-provision", "-flash", flash).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := exec.Command(sensor, "-flash", flash, "-listen", line, "-soak", "200")
	var said strings.Builder
	run.Stdout, run.Stderr = &said, os.Stderr
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(verify, "-flash", flash, "-line", line, "-messages", "200", "-farewell", "2m").CombinedOutput()
	if err != nil {
		run.Process.Kill()
	}
	whole := regexp.MustCompile(`soak: messages=2\d\d dropped=0 `) // more than 200 when a heartbeat or an anchor is due at the end
	if ended := run.Wait(); err != nil || ended != nil || !whole.MatchString(said.String()) {
		t.Fatalf("%v, %v: %s%s", err, ended, out, said.String())
	}
}

// TestNotProvisioned: an empty flash is refused, and not written to.
func TestNotProvisioned(t *testing.T) {
	dir := t.TempDir()
	sensor, flash := build(t, dir, "sensor", "."), filepath.Join(dir, "flash")
	if err := os.WriteFile(flash, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(sensor, "-flash", flash, "-listen", "unix:"+filepath.Join(dir, "line")).CombinedOutput()
	if !strings.Contains(string(out), "slot is not provisioned") {
		t.Fatalf("%s", out)
	}
}

func build(t *testing.T, dir, name, pkg string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}
