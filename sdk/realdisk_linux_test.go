package sdk_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// smallDisk mounts an ext4 of its own.
func smallDisk(t *testing.T, bytes int64) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED on a real file system: only root may mount one")
	}
	tmp := t.TempDir()
	image, dir := filepath.Join(tmp, "image"), filepath.Join(tmp, "mount")
	must(t, errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, bytes), os.Mkdir(dir, 0o700)))
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-m", "0", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // mounted or not
	return dir
}

// fillUp is others, who take all that is left.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; block = block[:len(block)/2] {
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// TestRealDiskIsFull has others take a real ext4 to its last byte: readings go on
// arriving, alerts raised without a broker are there after a restart on the full disk,
// what is lost is signed for, and when the others have left all is stored again.
func TestRealDiskIsFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 32<<20)
	w := sdktest.NewWard(t, "oximeter")
	l := newBook(t)
	receiveInto(t, w, l)
	conf := w.Config()
	conf.Data, conf.MaxStored, conf.MaxWaiting, conf.Heartbeat = filepath.Join(disk, "data"), 4<<20, 64<<10, time.Hour
	conf.Quick(time.Hour, time.Hour)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	l.until("the first", func() bool { return l.readings.n == 1 })
	filler := filepath.Join(disk, "others")
	fillUp(t, filler)

	n, alerts, rng := 1, 0, rand.New(rand.NewPCG(1, 1))
	some := func() {
		t.Helper()
		must(t, d.RecordBatch(time.Now(), noise(rng)))
		must(t, d.Record(spo2(n)))
		n++
		if n%10 == 0 {
			must(t, d.Alert(alert(alerts)))
			alerts++
		}
		if err := d.Sync(context.Background()); err != nil && !errors.Is(err, sdk.ErrNotDurable) {
			t.Fatal(err)
		}
	}
	for p.Stats().Memory.Published < 60 {
		some()
		synced(t, p.Sync) // at the pace of the broker
	}
	l.until("all that was recorded on a full disk", func() bool { return l.readings.n == n && l.alerts.n == alerts })
	live := p.Stats()
	t.Logf("%d bytes and %d files left: %d readings and %d alerts arrived, %d envelopes from memory", live.Outbox.DiskFree, live.Outbox.DiskInodes, n, alerts, live.Memory.Published)

	w.Broker.Stop()
	for range 40 {
		some()
	}
	at, cancel := context.WithCancel(context.Background())
	cancel()
	closed := p.Close(at)
	if closed != nil && !errors.Is(closed, sdk.ErrNotDurable) {
		t.Fatal(closed)
	}
	dropped := p.Stats()
	w.Broker.Start()
	p = w.Open(conf)
	d = w.Device(p, "oximeter")
	l.until("the alerts, and accounts of the rest", func() bool {
		missing, unsigned, _ := l.account()
		return l.alerts.n == alerts && unsigned == 0 && missing+l.readings.n >= n
	})
	must(t, os.Remove(filler))
	synced(t, p.Sync)
	for !p.Stats().Memory.Since.IsZero() {
		some()
	}
	some()
	must(t, p.Sync(context.Background()))
	w.Close(p)
	l.until("all that was not given up", func() bool {
		missing, unsigned, late := l.account() // beyond the newest of a chain nothing is missing: what is signed for may lie there yet
		return unsigned == 0 && uint64(missing+late) >= l.count[vital.DropStore] && l.alerts.n == alerts && l.readings.has(n-1)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, unsigned, late := l.account()
	t.Logf("%d readings, %d received; %d+%d envelopes given up, %d missing, %d unsigned, %d came all the same; %d alerts; Close said %v",
		n, l.readings.n, dropped.Outbox.Dropped, dropped.Memory.Dropped, missing, unsigned, late, alerts, closed)
	if l.readings.doubled != 0 || l.alerts.doubled != 0 || uint64(missing+late) != l.count[vital.DropStore] {
		t.Errorf("%d readings and %d alerts doubled, %d envelopes missing, %d signed for", l.readings.doubled, l.alerts.doubled, missing, l.count[vital.DropStore])
	}
}
