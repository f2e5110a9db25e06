package sdk_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// bytesUnder returns what the files of a directory take.
func bytesUnder(t *testing.T, dir string) (n int64) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return nil // it may be gone by now
	}))
	return n
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// lows are the least of each five measurements in a row: what a connection that was lost
// and is made anew takes for a moment goes again, and a leak stays.
func lows(measured []int64) (least []int64) {
	for i := range measured {
		least = append(least, slices.Min(measured[max(0, i-4):i+1]))
	}
	return least
}

// TestSoak has readings pass from Record through the outbox and mosquitto to a
// receiver's sink, while chains are renewed, labels change and alerts are raised:
// each comes once, and goroutines, files, memory and disk stay where they are.
// SDK_SOAK sets how many readings.
func TestSoak(t *testing.T) {
	const rounds, alertsEach = 30, 5
	each := number(t, "SDK_SOAK", 300_000) / rounds
	w := sdktest.NewWard(t, "oximeter")
	l := newBook(t)
	state := receiveInto(t, w, l)
	conf := w.Config()
	conf.Renew, conf.MaxWaiting = time.Second, 16<<20
	conf.Quick(2*time.Second, time.Second) // old anchors go within the test
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	var goroutines, open, heap, stored, known []int64
	begun, n, alerts := time.Now(), 0, 0
	for round := range rounds {
		must(t, d.Label([]string{"", "bed 1", "bed 2"}[round%3]))
		for i := range each {
			if i%(each/alertsEach) == 0 {
				must(t, d.Alert(alert(alerts)))
				alerts++
			}
			must(t, d.Record(spo2(n)))
			if n++; n%20_000 == 0 {
				must(t, p.Sync(context.Background()))
			}
		}
		must(t, p.Sync(context.Background()))
		l.until("all readings", func() bool { return l.readings.n >= n && l.alerts.n >= alerts })
		goroutines, open = append(goroutines, int64(runtime.NumGoroutine())), append(open, int64(files(t)))
		heap = append(heap, heapInUse())
		stored, known = append(stored, bytesUnder(t, conf.Data)), append(known, bytesUnder(t, filepath.Dir(state)))
	}
	took := time.Since(begun)
	w.Close(p)
	t.Logf("%d readings and %d alerts in %v, %.0f readings/s, from Record to a durable, verified reading",
		n, alerts, took.Round(time.Millisecond), float64(n)/took.Seconds())
	flat(t, "goroutines", lows(goroutines), 1, 4)
	flat(t, "open files", lows(open), 1, 4)
	flat(t, "heap", lows(heap), 1.2, 2<<20)
	flat(t, "outbox", lows(stored), 1.2, 4<<20)
	flat(t, "receiver's state", known, 2, 512<<10) // a file that doubles when it is full, as it may once
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("verdicts %v", l.verdicts)
	if l.readings.n != n || l.readings.doubled != 0 || l.alerts.n != alerts || l.alerts.doubled != 0 || len(l.count) != 0 {
		t.Errorf("%d readings, %d received, %d doubled; %d alerts, %d received, %d doubled; dropped %v; reasons %v",
			n, l.readings.n, l.readings.doubled, alerts, l.alerts.n, l.alerts.doubled, l.count, l.reasons)
	}
}
