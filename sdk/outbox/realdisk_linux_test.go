package outbox_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// volume is a small ext4 of its own.
type volume struct {
	image, dir string
}

func newVolume(t testing.TB, bytes int64, mkfs ...string) *volume {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED on a real file system: only root may mount one")
	}
	tmp := t.TempDir()
	v := &volume{image: filepath.Join(tmp, "image"), dir: filepath.Join(tmp, "mount")}
	if err := errors.Join(os.WriteFile(v.image, nil, 0o600), os.Truncate(v.image, bytes), os.Mkdir(v.dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	run(t, 0, "mkfs.ext4", append(append([]string{"-q"}, mkfs...), v.image)...)
	v.mount(t)
	t.Cleanup(func() { _ = syscall.Unmount(v.dir, syscall.MNT_DETACH) }) // mounted or not
	return v
}

func run(t testing.TB, worst int, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if out, err := cmd.CombinedOutput(); err != nil && (cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > worst) {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

func (v *volume) mount(t testing.TB) {
	t.Helper()
	run(t, 0, "mount", "-o", "loop,errors=remount-ro", v.image, v.dir)
}

func (v *volume) unmount(t testing.TB) {
	t.Helper()
	if err := syscall.Unmount(v.dir, 0); err != nil {
		t.Fatal(err)
	}
}

// device is the name of the loop device.
func (v *volume) device(t testing.TB) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(mounts), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[1] == v.dir {
			return filepath.Base(f[0])
		}
	}
	t.Fatalf("%q is not mounted", v.dir)
	return ""
}

func (v *volume) config(headroom, inodes int64) outbox.Config {
	cfg := small(v.dir + "/outbox")
	cfg.MaxBytes, cfg.Headroom, cfg.HeadroomFiles = 64<<20, headroom, inodes
	return cfg
}

// fill appends and commits records of a class until an error.
func fill(q *outbox.Queue, class outbox.Class, n *int) error {
	for {
		if _, err := q.Append(record(class, *n, 3000)); err != nil {
			return err
		}
		*n++
		if err := q.Commit(); err != nil {
			return err
		}
	}
}

// numbers are the records that wait.
func numbers(t *testing.T, q *outbox.Queue) map[int]bool {
	t.Helper()
	m := map[int]bool{}
	for _, r := range waiting(t, q) {
		m[number(t, r)] = true
	}
	return m
}

// The last megabyte and the last inode of a real ext4: data leave the headroom,
// alerts use it up, nothing that was committed suffers, and all goes on when
// there is room again.
func TestRealFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		mkfs            []string
		headroom, files int64
	}{
		"the last megabyte": {[]string{"-m", "0"}, 1 << 20, -1},
		"the last inode":    {[]string{"-N", "24", "-m", "0"}, -1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVolume(t, 4<<20, c.mkfs...)
			cfg := v.config(c.headroom, c.files)
			q := open(t, cfg)
			n := 0
			if err := fill(q, outbox.Data, &n); !errors.Is(err, outbox.ErrHeadroom) {
				t.Fatalf("data: %v", err)
			}
			data, st := n, q.Stats()
			if st.DiskFree < c.headroom || st.DiskInodes < c.files || !st.Low {
				t.Fatalf("the headroom is gone: %+v", st)
			}
			if err := fill(q, outbox.Alert, &n); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("alerts: %v", err)
			}
			full := q.Stats()
			t.Logf("data until %d bytes and %d inodes were left (%d records), alerts until %d and %d (%d records)",
				st.DiskFree, st.DiskInodes, data, full.DiskFree, full.DiskInodes, n-data)
			if n-data < 20 {
				t.Errorf("%d alerts", n-data)
			}
			if got := numbers(t, q); len(got) != n-1 {
				t.Fatalf("%d records wait, want %d", len(got), n-1)
			}
			for i, r := range waiting(t, q) {
				if i%2 == 0 || r.Class == outbox.Data { // publishing goes on and makes room
					ack(t, q, r.ID)
				}
			}
			commit(t, q)
			left := numbers(t, q)
			if !left[n-1] {
				t.Error("the alert that found no room is not there")
			}
			closeQueue(t, q)
			check(t, cfg.Dir)
			v.unmount(t)
			v.mount(t)
			q = open(t, cfg)
			if got := numbers(t, q); fmt.Sprint(got) != fmt.Sprint(left) {
				t.Errorf("%d records after a new mount, want %d", len(got), len(left))
			}
			closeQueue(t, q)
		})
	}
}

// A real ext4 finds itself damaged and goes read-only in the middle of work:
// Commit says so, what waits can still be read, and after the repair all that
// was committed is there.
func TestRealReadOnly(t *testing.T) {
	v := newVolume(t, 16<<20)
	cfg := v.config(1<<20, -1)
	q := open(t, cfg)
	addMany(t, q, 0, 150)
	commit(t, q)
	if err := os.WriteFile("/sys/fs/ext4/"+v.device(t)+"/trigger_fs_error", []byte("test"), 0); err != nil {
		t.Fatal(err)
	}
	n := 150
	var err error
	for err == nil {
		addMany(t, q, n, n+10)
		n += 10
		err = q.Commit()
	}
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EIO) {
		t.Fatalf("commit on a disk that became read-only: %v", err)
	}
	t.Logf("%v", err)
	if got := numbers(t, q); len(got) < n-10 {
		t.Fatalf("%d records wait, want at least %d", len(got), n-10)
	}
	if err := q.Close(); err == nil {
		t.Error("Close on a read-only disk")
	}
	q = open(t, cfg) // a restart of the process does not need a disk that can be written
	if got := numbers(t, q); len(got) < n-10 {
		t.Errorf("%d records wait after a restart, want at least %d", len(got), n-10)
	}
	addMany(t, q, n, n+1)
	if err := q.Commit(); err == nil {
		t.Error("a commit on a read-only disk")
	}
	_ = q.Close() // as before
	v.unmount(t)
	run(t, 1, "e2fsck", "-fy", v.image)
	v.mount(t)
	q = open(t, cfg)
	got := numbers(t, q)
	for i := range n - 10 {
		if !got[i] {
			t.Fatalf("record %d was committed and is not there", i)
		}
	}
	closeQueue(t, q)
	check(t, cfg.Dir)
}
