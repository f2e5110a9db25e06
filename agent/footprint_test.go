package agent_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

var measure = flag.Duration("measure", 3*time.Second, "how long TestFootprint measures the agent")

// TestFootprint runs the static binary as a gateway does, with eight sensors of
// ten readings a second each, and prints what it takes of memory and processor.
// What it holds it to is generous: the numbers are for people.
func TestFootprint(t *testing.T) {
	const sensors = 8
	var names []string
	for i := range sensors {
		names = append(names, fmt.Sprintf("sensor-%d", i+1))
	}
	w := sdktest.NewWard(t, names...)
	dir := t.TempDir()
	binary := filepath.Join(dir, "vitalseal")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./vitalseal")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	conf := fmt.Sprintf("site = %q\ndata = %q\n[gateway]\nname = \"gw-1\"\n[broker]\nurl = %q\n[batch]\nevery = \"1s\"\n",
		w.GatewayDir(), filepath.Join(dir, "data"), w.Broker.URL)
	stop := make(chan struct{})
	defer close(stop)
	for _, name := range names {
		ours, theirs, err := pty.Open()
		w.Must(err)
		t.Cleanup(func() { ours.Close(); theirs.Close() })
		conf += fmt.Sprintf("[[sensor]]\ndevice = %q\ndriver = \"lines\"\nport = %q\n", name, theirs.Name())
		go tenASecond(ours, stop)
	}
	file := filepath.Join(dir, "vitalseal.toml")
	w.Must(os.WriteFile(file, []byte(conf), 0o600))
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true}) // an agent may be slow to hear a beacon
	agent := exec.Command(binary, "run", "-config", file)
	agent.Stderr = os.Stderr
	w.Must(agent.Start())
	t.Cleanup(func() {
		if err := agent.Wait(); err != nil {
			t.Errorf("vitalseal run: %v", err)
		}
	})
	t.Cleanup(func() { _ = agent.Process.Signal(syscall.SIGTERM) })

	got.Until("readings of all sensors", func(f *sdktest.Found) bool { return len(f.Numerics) > 2*10*sensors })
	before, cpu, start := 0, processorTime(t, agent.Process.Pid), time.Now()
	got.Look(func(f *sdktest.Found) { before = len(f.Numerics) })
	want := before + int(measure.Seconds())*10*sensors
	for next := before; next < want; { // in steps, each within the patience of a test
		next = min(want, next+10*10*sensors)
		got.Until("the measured readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= next })
	}
	took := time.Since(start)
	cpu = processorTime(t, agent.Process.Pid) - cpu
	resident := procStatus(t, agent.Process.Pid, "VmRSS")
	t.Logf("%d sensors, %d readings in %v: resident memory %.1f MiB, processor %.2f %% of one core",
		sensors, want-before, took.Round(time.Millisecond), float64(resident)/1024, 100*cpu.Seconds()/took.Seconds())
	if resident > 64<<10 {
		t.Errorf("resident memory is %d KiB", resident)
	}
}

func tenASecond(line *os.File, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(line, "hr=%d\n", 60+i%40); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// processorTime returns the user and system time of a process (proc_pid_stat(5),
// fields 14 and 15, in ticks of 10 ms).
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// procStatus returns a line of /proc/PID/status in KiB.
func procStatus(t *testing.T, pid int, key string) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), key+":"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", key)
	return 0
}
