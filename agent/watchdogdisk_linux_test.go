package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// fill puts a file system of its own under what is in a directory, fills it to the
// last byte and returns what makes room again. Only root may.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	must(err)
	kept := map[string][]byte{}
	for _, f := range files {
		kept[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name()))
		must(err)
	}
	if err := syscall.Mount("full", dir, "tmpfs", 0, "size=256k,mode=700"); errors.Is(err, syscall.EPERM) {
		t.Skip("NOT TESTED on a disk that is full: only root may mount one")
	} else {
		must(err)
	}
	t.Cleanup(func() { must(syscall.Unmount(dir, syscall.MNT_DETACH)) })
	for name, content := range kept {
		must(os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	ballast := filepath.Join(dir, ".ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return func() { must(os.Remove(ballast)) }
}

// TestWatchdogAndADiskThatRefuses has the disk say no to the boot record, before
// which nothing can be sealed. A manager that ended the agent for that would lose
// what waits in memory and mend nothing, so the word is sent on; vitalseal status
// says what is the matter, and all is well when there is room.
func TestWatchdogAndADiskThatRefuses(t *testing.T) {
	b := newBedside(t, "late")
	line := b.sensor("late", "late")
	stop := make(chan struct{})
	defer close(stop)
	go speak(line, stop, pulses)
	got := b.Receive()
	free := fill(t, filepath.Join(b.GatewayDir(), "devices"))
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	b.run(agent.Options{
		Lookup:  func(string) (sensor.Driver, error) { return sensor.Lookup("lines") },
		Service: notify.Service{Socket: m.path, Watchdog: time.Second},
	})
	broken := func(s *status.Report) bool {
		return slices.ContainsFunc(s.Problems, func(p status.Problem) bool {
			return p.What == "outbox" && p.Severity == status.Broken && strings.Contains(p.Why, "no space left on device")
		})
	}
	b.until("the disk refuses", broken)
	m.mark("refused")
	m.until("refused")
	told := 0
	for words, deadline := 0, time.Now().Add(sdktest.Patience); words < 10 || told == 0; words++ { // the manager would have ended it twice
		fed := m.until("WATCHDOG=1")
		slow := slices.ContainsFunc(fed, func(f string) bool { return strings.HasPrefix(f, "STATUS=agent: ") }) // so is the machine
		switch {
		case slices.ContainsFunc(fed, func(f string) bool { return strings.Contains(f, "they cannot be sealed or stored") }):
			told++
		case !slow || time.Now().After(deadline):
			t.Fatalf("told the manager %q", fed)
		}
	}
	b.until("it still does, and is not stuck", func(s *status.Report) bool {
		return broken(s) && s.Broker.Connected && s.Problems[0].What != "agent"
	})
	free()
	got.Until("readings", func(f *sdktest.Found) bool { return len(f.Numerics) > 0 })
	b.until("all is well", func(s *status.Report) bool { return !broken(s) })
	m.until("WATCHDOG=1")
}
