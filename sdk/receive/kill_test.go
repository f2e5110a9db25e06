//go:build linux

package receive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/receive"
)

// The moments of a batch at which the receiver is killed, in their order.
var moments = []string{"write", "half written", "before sync", "after sync", "mark", "first ack", "last ack"}

const (
	killEnv   = "RECEIVE_TEST_KILL"
	killTotal = 60 // readings
	killBatch = 7
)

// TestKill kills a receiving process (SIGKILL) at each moment of a batch, again
// and again, has the broker send again what was not acknowledged, and then
// counts: no reading may be lost, and none written twice.
func TestKill(t *testing.T) {
	if spec := os.Getenv(killEnv); spec != "" {
		moment, dir, _ := strings.Cut(spec, "@")
		receiveUntilKilled(t, moment, dir)
		return
	}
	for _, moment := range moments {
		t.Run(moment, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			dir := t.TempDir()
			kills := 0
			for runChild(t, moment, dir) {
				if kills++; kills > 10*killTotal {
					t.Fatal("no progress")
				}
			}
			lost, doubled, repeated := countReadings(t, filepath.Join(dir, "lines"))
			t.Logf("killed %d times: %d readings lost, %d doubled, %d messages named duplicate", kills, lost, doubled, repeated)
			if lost != 0 || doubled != 0 {
				t.Errorf("%d readings lost, %d doubled", lost, doubled)
			}
			if kills < 4 {
				t.Errorf("killed %d times only", kills)
			}
		})
	}
}

// runChild runs the receiver until it is killed (true) or has all (false).
func runChild(t *testing.T, moment, dir string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$", "-test.count=1")
	cmd.Env = append(os.Environ(), killEnv+"="+moment+"@"+dir)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the receiver failed: %v\n%s", err, out)
	}
	return true
}

func countReadings(t *testing.T, path string) (lost, doubled, repeated int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, l := range parseLines(t, text) {
		if l.Value != nil {
			seen[l.Value.String()]++
		}
		if l.Verdict == "duplicate" {
			repeated++
		}
	}
	for i := range killTotal {
		switch n := seen[strconv.Itoa(i+1)]; {
		case n == 0:
			lost++
		case n > 1:
			doubled += n - 1
		}
	}
	return lost, doubled, repeated
}

// receiveUntilKilled is the process that is killed, in its second batch. Its
// broker is a file with the numbers of the messages that were acknowledged.
func receiveUntilKilled(t *testing.T, moment, dir string) {
	d := newDevice(t, 1)
	messages := append([][]byte{d.begin()}, d.readings(killTotal)...)
	ros := newRoster(d)
	f, err := receive.OpenFile(filepath.Join(dir, "lines"))
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{File: f, moment: moment, armed: killBatch > len(messages)}
	r, err := receive.Open(receive.Config{Site: site, Directory: ros, Secrets: ros, Sink: k, StatePath: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	acked, err := os.OpenFile(filepath.Join(dir, "acked"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(acked.Name())
	if err != nil {
		t.Fatal(err)
	}
	var batch []receive.Message
	for i, payload := range messages {
		if bytes.Contains(text, fmt.Appendf(nil, "<%d>", i)) {
			continue
		}
		batch = append(batch, receive.Message{Site: site, Payload: payload, Ack: func() {
			k.at("first ack")
			fmt.Fprintf(acked, "<%d>", i)
			if i == len(messages)-1 || i%killBatch == killBatch-1 {
				k.at("last ack")
			}
		}})
		if len(batch) == killBatch || i == len(messages)-1 {
			if _, err := r.HandleBatch(context.Background(), batch); err != nil {
				t.Fatal(err)
			}
			batch, k.armed = nil, true
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// killer is a file of lines that kills its process at one moment once armed.
type killer struct {
	*receive.File
	moment string
	armed  bool
}

func (k *killer) at(moment string) {
	if k.armed && k.moment == moment {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal has come
	}
}

func (k *killer) Write(r *receive.Record) error {
	k.at("write")
	return k.File.Write(r)
}

func (k *killer) Sync() error {
	k.at("before sync")
	if k.armed && k.moment == "half written" {
		f, err := os.OpenFile(k.Name(), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		f.WriteString(`{"verdict":"valid","value":1` + "}\n" + `{"verdict":"val`)
		k.at(k.moment)
	}
	err := k.File.Sync()
	k.at("after sync")
	return err
}

func (k *killer) Mark() ([]byte, error) {
	k.at("mark")
	return k.File.Mark()
}

// TestStateCannotBeStored takes the right to write away from the state's open
// file, after the lines are durable and before the state is.
func TestStateCannotBeStored(t *testing.T) {
	d := newDevice(t, 1)
	g := newRig(t, d)
	g.r.Close()
	lines := filepath.Join(t.TempDir(), "lines")
	reopen := func() *receive.File {
		f, err := receive.OpenFile(lines)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		g.conf.Sink = f
		g.open()
		return f
	}
	reopen()
	g.want(receive.Valid, d.begin())
	m := d.readings(2)
	readOnly(t, g.conf.StatePath)
	for range 2 {
		if _, err := g.r.Handle(context.Background(), g.message(m[0])); !errors.Is(err, receive.ErrBroken) {
			t.Fatal(err)
		}
	}
	if g.acks != 1 {
		t.Errorf("%d messages acknowledged, want 1", g.acks)
	}
	for range 2 {
		if err := g.r.Close(); err != nil { // it has nothing to write any more
			t.Errorf("closing what is broken: %v", err)
		}
	}
	reopen()
	g.want(receive.Valid, m[0])
	g.want(receive.Valid, m[1])
	text, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	if got := short(parseLines(t, text)); got != "valid anchor; valid 1; valid 2" {
		t.Errorf("lines %s", got)
	}
}

// readOnly puts a read-only description in the place of this process's
// descriptor of path, so that writing fails as on a broken disk.
func readOnly(t *testing.T, path string) {
	t.Helper()
	ro, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	done := false
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); err != nil || to != path || fd == int(ro.Fd()) {
			continue
		}
		if err := syscall.Dup3(int(ro.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		done = true
	}
	if !done {
		t.Fatal("the state is not open")
	}
}
