package sdk_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// movedClock is added to package time of a program that is built for these tests:
// its wall clock is so many seconds off as a file says, from one moment to the
// next, and its monotonic clock goes on as if nothing had happened. That is what a
// program sees of a clock that is set; and, forwards, of a machine that was
// suspended, whose monotonic clock stood still meanwhile.
const movedClock = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var moved = func() *int64 {
	path, _ := syscall.Getenv("MOVED_CLOCK")
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic("no file in MOVED_CLOCK")
	}
	page, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&page[0]))
}()

func movedNow() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	return sec + atomic.LoadInt64(moved), nsec, mono
}
`

// buildMoved builds the gateway with a clock that can be moved.
func buildMoved(t *testing.T) (binary string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	pkg, dir := filepath.Join(strings.TrimSpace(string(root)), "src", "time"), t.TempDir()
	source, err := os.ReadFile(filepath.Join(pkg, "time.go"))
	must(t, err)
	const before, after = "sec, nsec, mono := runtimeNow()", "sec, nsec, mono := movedNow()"
	if n := strings.Count(string(source), before); n != 1 {
		t.Fatalf("time.Now of this Go asks the runtime %d times, want 1: this test is to be adapted", n)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range map[string]string{"time.go": strings.Replace(string(source), before, after, 1), "moved.go": movedClock} {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, []byte(text), 0o600))
		overlay["Replace"][filepath.Join(pkg, name)] = file
	}
	raw, err := json.Marshal(overlay)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "overlay.json"), raw, 0o600))
	return buildGateway(t, "-overlay", filepath.Join(dir, "overlay.json"))
}

// clockFile is where a moved clock is read.
type clockFile struct{ *os.File }

func newClockFile(t *testing.T) clockFile {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "clock"))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return clockFile{f}
}

// move has the clock be off by so much, in whole seconds.
func (c clockFile) move(t *testing.T, by time.Duration) {
	t.Helper()
	_, err := c.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(by/time.Second)), 0)
	must(t, err)
}

// told is what a receiver says of a reading.
type told struct {
	at      time.Time
	quality string
}

// clockBook is a book that keeps times.
type clockBook struct {
	*book
	told  map[int]told
	steps int
}

// Write implements receive.Sink.
func (l *clockBook) Write(r *receive.Record) error {
	if err := l.book.Write(r); err != nil || r.Batch == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range r.Batch.Events {
		if e.Kind == vital.EventClockStep {
			l.steps++
		}
	}
	for line := range strings.Lines(string(receive.AppendRecord(nil, r))) {
		var reading struct {
			Value   json.Number
			Time    time.Time
			Quality string `json:"time_quality"`
		}
		if err := json.Unmarshal([]byte(line), &reading); err != nil {
			return err
		}
		if n, err := strconv.Atoi(string(reading.Value)); err == nil {
			l.told[n] = told{reading.Time, reading.Quality}
		}
	}
	return nil
}

const (
	year = 365 * 24 * time.Hour

	// rounding is how much earlier than it was made a reading may seem: an anchor's
	// clock and the time since it are both in whole milliseconds.
	rounding = 2 * time.Millisecond

	// slide is how far the wall clock may be slewed in the life of a chain.
	slide = 50 * time.Millisecond
)

// TestClockIsSet has a gateway that boots in 1970, is told the time, and then has
// its clock set by years and back, and is suspended, while it records and renews
// its chains. Every reading comes once and with its time, each step is signed for
// once, and chains are renewed as if nothing had happened.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	floor := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // before it there is no clock
	phases := []struct {
		name string
		off  time.Duration
	}{
		{"no clock at boot", -time.Since(time.Unix(86400, 0)).Truncate(time.Second)},
		{"told the time", 0},
		{"five years on", 5 * year},
		{"years back, before any believable time", -(time.Since(floor).Truncate(time.Second) + 3*year)},
		{"right again", 0},
		{"eight hours suspended", 8 * time.Hour},
		{"a century on", 100 * year},
		{"right at last", 0},
	}
	w := sdktest.NewWard(t, "oximeter")
	l := &clockBook{book: newBook(t), told: map[int]told{}}
	receiveInto(t, w, l)
	clock := newClockFile(t)
	env := []string{"MOVED_CLOCK=" + clock.Name(), "SDK_RENEW=1s", "SDK_DATA=" + filepath.Join(t.TempDir(), "data")}
	binary := buildMoved(t)
	clock.move(t, 0)
	g := startGateway(t, w, binary, env...) // the receiver gets to know the device
	g.do("record 0 10")
	g.close()
	clock.move(t, phases[0].off)
	g = startGateway(t, w, binary, env...)
	type window struct {
		phase         int
		before, after time.Time
	}
	windows := []window{{phase: -1}} // of each ten readings
	record := func(phase int) {
		before := time.Now()
		g.do("record %d %d", 10*len(windows), 10*len(windows)+10)
		windows = append(windows, window{phase, before, time.Now()})
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i, phase := range phases {
		clock.move(t, phase.off)
		record(i)
		if i == 0 {
			for range 20 {
				<-tick.C
				record(i)
			}
			if s := g.status(); s.Connected {
				t.Error("connected in 1970, when no certificate is valid yet")
			}
			continue
		}
		l.until("all readings", func() bool { return l.readings.n >= 10*len(windows) })
		renewed := func(more int) func() bool {
			chains := len(l.got)
			return func() bool { return len(l.got) >= chains+more }
		}
		l.mu.Lock()
		enough := renewed(2)
		l.mu.Unlock()
		for deadline := time.Now().Add(sdktest.Patience); ; {
			<-tick.C
			record(i)
			l.mu.Lock()
			ok := enough()
			l.mu.Unlock()
			if ok {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the chain is not renewed: %+v", phase.name, g.status())
			}
		}
	}
	n := 10 * len(windows)
	l.until("all readings", func() bool { return l.readings.n >= n })
	g.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d readings in %d chains; %d steps signed for of %d; verdicts %v", n, len(l.got), l.steps, len(phases)-1, l.verdicts)
	if l.readings.n != n || l.readings.doubled != 0 || l.steps != len(phases)-1 {
		t.Errorf("%d readings, %d received, %d doubled; %d steps of %d; reasons %v", n, l.readings.n, l.readings.doubled, l.steps, len(phases)-1, l.reasons)
	}
	wrong, last := map[string]int{}, told{}
	for i := 10; i < n; i++ {
		in := windows[i/10]
		phase, got := phases[in.phase], l.told[i]
		if windows[i/10-1].phase != in.phase {
			last = told{}
		}
		switch known := in.before.Add(phase.off).After(floor); {
		case !known && got.quality != "received":
			wrong[phase.name+": a clock that nobody had: "+got.quality]++
		case known && got.quality != "clock" && got.quality != "unsynchronized":
			wrong[phase.name+": "+got.quality]++
		case known && (got.at.Before(in.before.Add(phase.off-rounding-slide)) || got.at.After(in.after.Add(phase.off+slide))):
			wrong[phase.name+": another time"]++
		case known && got.at.Before(last.at.Add(-rounding-slide)): // of the chain before, maybe
			wrong[phase.name+": out of order"]++
		}
		last = got
	}
	if len(wrong) > 0 {
		t.Errorf("readings with a wrong time: %v", wrong)
	}
}

// TestClockEndsNoEnrolment has a gateway's clock be set, or be none at the start.
func TestClockEndsNoEnrolment(t *testing.T) {
	now := time.Now()
	issued := now.Round(0)
	ends := identity.Device{NotAfter: issued.Add(time.Hour)}
	revoked, planned := identity.Device{Revoked: issued}, identity.Device{Revoked: issued.Add(year)}
	unset := -50 * year
	for _, row := range []struct {
		name       string
		d          identity.Device
		began, off time.Duration // of the clock
		after      time.Duration
		want       identity.Status
	}{
		{"right", ends, 0, 0, 0, identity.Valid},
		{"set ahead", ends, 0, 20 * year, 0, identity.Valid},
		{"set back", ends, 0, -20 * year, 0, identity.Valid},
		{"right, later", ends, 0, 0, 2 * time.Hour, identity.Expired},
		{"set ahead, later", ends, 0, 20 * year, 2 * time.Hour, identity.Expired},
		{"told the time late", ends, unset, 0, 2 * time.Hour, identity.Expired},
		{"no clock", ends, unset, unset, 0, identity.Valid},
		{"no clock, revoked", revoked, unset, unset, 0, identity.Revoked},
		{"set back, revoked", revoked, 0, -20 * year, 0, identity.Revoked},
		{"to be revoked", planned, 0, 0, 0, identity.Valid},
		{"to be revoked, set ahead", planned, 0, 2 * year, 0, identity.Revoked},
		{"to be revoked, set back in time", planned, 0, -20 * year, 2 * year, identity.Revoked},
	} {
		began := sdktest.MovedClock(t, now, row.began)
		if got := sdk.Standing(&row.d, issued, began, sdktest.MovedClock(t, now.Add(row.after), row.off)); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestClockStepIsSaid sets the clock, and then something other than a reading
// begins the next chain.
func TestClockStepIsSaid(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	got.Until("the first", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
	d.SetClock(-time.Hour)
	must(t, d.Label("bed 1"))
	must(t, d.Record(spo2(1)))
	got.Until("both", func(f *sdktest.Found) bool { return len(f.Numerics) == 2 })
	d.SetClock(-time.Hour)
	must(t, d.RecordBatch(time.Now().Add(-time.Hour), &vital.Batch{Numerics: []vital.Numeric{spo2(2)}}))
	w.Close(p)
	got.Until("all", func(f *sdktest.Found) bool { return len(f.Numerics) == 3 })
	got.Look(func(f *sdktest.Found) {
		if n := f.Events[vital.EventClockStep]; n != 2 {
			t.Errorf("%d events of a clock that was set twice", n)
		}
	})
}
