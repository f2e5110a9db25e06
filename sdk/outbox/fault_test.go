package outbox_test

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// faultFS is a real directory in which every operation asks fail first.
type faultFS struct {
	outbox.FS
	mu   sync.Mutex
	fail func(op string) error

	lazy    bool  // syncs do nothing: for tests that are not about them
	badPage int64 // page of every file that cannot be read; 0: none
}

func (f *faultFS) ask(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		return nil
	}
	return f.fail(op)
}

func (f *faultFS) set(fail func(op string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *faultFS) wrap(file outbox.File, err error) (outbox.File, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f}, nil
}

func (f *faultFS) Create(name string, size int64) (outbox.File, error) {
	if err := f.ask("create"); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.Create(name, size))
}

func (f *faultFS) Open(name string) (outbox.File, error) {
	if err := f.ask("open"); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.Open(name))
}

func (f *faultFS) Rename(from, to string) error {
	return errors.Join(f.ask("rename"), f.FS.Rename(from, to))
}

func (f *faultFS) Remove(name string) error {
	if err := f.ask("remove"); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faultFS) SyncDir() error {
	if err := f.ask("syncdir"); err != nil {
		return err
	}
	if f.lazy {
		return nil
	}
	return f.FS.SyncDir()
}

// faultFile fails a write after half of it, and a sync without doing it.
type faultFile struct {
	outbox.File
	fs *faultFS
}

func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.ask("write"); err != nil {
		n, _ := f.File.WriteAt(b[:len(b)/2], off)
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *faultFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.fs.ask("read"); err != nil {
		return 0, err
	}
	if bad := f.fs.badPage * 4096; bad > 0 && off < bad+4096 && off+int64(len(b)) > bad {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(b, off)
}

func (f *faultFile) Sync() error {
	if err := f.fs.ask("sync"); err != nil {
		return err
	}
	if f.fs.lazy {
		return nil
	}
	return f.File.Sync()
}

// Each kind of failure, met in the middle of work: Commit says so, nothing is
// lost or doubled, and the next Commit mends it.
func TestFailedCommits(t *testing.T) {
	for _, op := range []string{"write", "sync", "create", "syncdir"} {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
			t.Run(op+" "+errno.Error(), func(t *testing.T) {
				dir := t.TempDir() + "/outbox"
				fs := &faultFS{FS: outbox.DirFS(dir), lazy: true}
				cfg := small(dir)
				cfg.FS = fs
				q := open(t, cfg)
				fails := 0
				for n := range 2000 {
					add(t, q, record(outbox.Data, n, 300))
					if n%10 != 9 {
						continue
					}
					if n%50 == 49 {
						fs.set(func(o string) error {
							if o == op {
								return errno
							}
							return nil
						})
					}
					err := q.Commit()
					fs.set(nil)
					if err != nil {
						fails++
						if !errors.Is(err, errno) {
							t.Fatalf("error %v does not say %v", err, errno)
						}
						commit(t, q)
					}
					if n%500 == 499 {
						for _, r := range waiting(t, q) {
							if number(t, r) < n-100 {
								ack(t, q, r.ID)
							}
						}
					}
				}
				if fails == 0 && op != "create" {
					t.Fatal("nothing failed")
				}
				expectLast(t, q, 2000, 101)
				closeQueue(t, q)
				check(t, dir)
				q = open(t, small(dir))
				expectLast(t, q, 2000, 101)
				closeQueue(t, q)
			})
		}
	}
}

// expectLast wants exactly the last n records of those below end.
func expectLast(t *testing.T, q *outbox.Queue, end, n int) {
	t.Helper()
	got := waiting(t, q)
	if len(got) != n {
		t.Fatalf("%d records, want %d", len(got), n)
	}
	for i, r := range got {
		if number(t, r) != end-n+i {
			t.Fatalf("record %d, want %d", number(t, r), end-n+i)
		}
	}
	if st := q.Stats(); st.Corrupt != 0 || st.Torn != 0 {
		t.Fatalf("damage where none was: %+v", st)
	}
}

// A disk that fails all the time is not filled by trying, and memory has a
// bound; when it works again everything is written.
func TestDeadDisk(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	fs := &faultFS{FS: outbox.DirFS(dir), lazy: true}
	cfg := small(dir)
	cfg.FS = fs
	q := open(t, cfg)
	add(t, q, record(outbox.Data, 0, 300))
	commit(t, q)
	fs.set(func(op string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	})
	n := 1
	for ; ; n++ {
		_, err := q.Append(record(outbox.Data, n, 300))
		if errors.Is(err, outbox.ErrUncommitted) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Commit(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("commit: %v", err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 3 {
		t.Fatalf("%d files after %d failures (%v)", len(entries), n-1, err)
	}
	fs.set(nil)
	commit(t, q)
	expectLast(t, q, n, n)
	closeQueue(t, q)
	check(t, dir)
}

// A sector that cannot be read is damage like any other: it costs the records
// in it.
func TestUnreadableSector(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	const count = 2000
	filled(t, dir, count)
	cfg := small(dir)
	cfg.FS = &faultFS{FS: outbox.DirFS(dir), badPage: 3}
	q := open(t, cfg)
	corrupt := q.Stats().Corrupt                  // the last segment's: Open read it
	cfg.FS.(*faultFS).set(func(op string) error { // the whole disk is gone: nothing is given up
		if op == "read" || op == "create" {
			return syscall.EIO
		}
		return nil
	})
	if _, err := (&ledger{q: q}).read(); !errors.Is(err, outbox.ErrUnread) || q.Stats().Corrupt != corrupt {
		t.Fatalf("%v, %+v", err, q.Stats())
	}
	cfg.FS.(*faultFS).set(nil)
	kept := len(waiting(t, q))
	st := q.Stats()
	segments := st.Segments
	if lost := count - kept; lost != int(st.Corrupt) || lost < segments || lost > segments*(4096/frame+2) {
		t.Fatalf("kept %d of %d: %+v", kept, count, st)
	}
	t.Logf("a bad sector in each of %d segments: kept %d of %d, counted %d", segments, kept, count, st.Corrupt)
	closeQueue(t, q)
}
