package outbox_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// readFS counts the bytes read through it.
type readFS struct {
	outbox.FS
	n atomic.Int64
}

type readFile struct {
	outbox.File
	fs *readFS
}

func (f *readFS) Open(name string) (outbox.File, error) {
	file, err := f.FS.Open(name)
	return &readFile{file, f}, err
}

func (f *readFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	f.fs.n.Add(int64(n))
	return n, err
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Open reads one segment a lane and a summary of each other one, and keeps
// nothing of the backlog in memory, whatever its size. OUTBOX_OPEN_MIB lists
// sizes, 1,4096 for instance.
func TestOpenReadsNoBacklog(t *testing.T) {
	sizes := os.Getenv("OUTBOX_OPEN_MIB")
	if sizes == "" {
		sizes = "1,96"
	}
	for _, size := range strings.Split(sizes, ",") {
		mib, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		const segment = 16 << 20
		dir := t.TempDir() + "/outbox"
		lazy := &faultFS{FS: outbox.DirFS(dir), lazy: true}
		cfg := outbox.Config{Dir: dir, MaxBytes: 8 << 30, SegmentBytes: segment, FS: lazy}
		q := open(t, cfg)
		payload := make([]byte, 4<<10)
		records := mib << 20 / len(payload)
		for n := range records {
			add(t, q, outbox.Record{Class: outbox.Data, Seq: uint64(n), Topic: "t", Payload: payload})
			if n%1000 == 999 {
				commit(t, q)
			}
		}
		closeQueue(t, q)
		fs := &readFS{FS: lazy}
		cfg.FS = fs
		before := heap()
		start := time.Now()
		q = open(t, cfg)
		took := time.Since(start)
		kept := heap() - before
		read := fs.n.Load()
		st := q.Stats()
		t.Logf("%d MiB, %d records, %d segments: Open took %v, read %d bytes, keeps %d bytes of heap",
			mib, st.Records, st.Segments, took.Round(time.Millisecond), read, kept)
		if int(st.Records) != records {
			t.Errorf("%d records, want %d", st.Records, records)
		}
		if limit := int64(segment + st.Segments*5000); read > limit {
			t.Errorf("read %d bytes, want at most %d", read, limit)
		}
		if limit := int64(256<<10 + st.Segments*1000); kept > limit {
			t.Errorf("keeps %d bytes, want at most %d", kept, limit)
		}
		f := q.Feed(0)
		for range min(records, 1000) {
			if _, _, err := f.Next(start); err != nil {
				t.Fatal(err)
			}
		}
		if held := heap() - before; held > 1<<20 {
			t.Errorf("%d bytes of heap with a reader at work", held)
		}
		f.Close()
		closeQueue(t, q)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}
