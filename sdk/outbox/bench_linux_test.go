package outbox_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/outbox"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// envelope is the size of a record, topic included, in every measurement.
const envelope = 350

// store is what is compared: put one record, make all durable.
type store interface {
	put(n int, payload []byte) error
	commit() error
	close() error
}

// BenchmarkCommit compares the outbox with its floor (a bare append and
// fdatasync into a file whose blocks are all written already), with the same
// into a file that is only preallocated, and with bbolt; both drained as they
// are filled, and offline, when everything stays. It reports the bytes
// that reach the disk of the temporary directory for each byte stored, the
// file system's journal included: a disk that nothing else writes to gives the
// cleanest numbers. (/proc/self/io would not do: it counts whole folios of the
// page cache, up to 2 MiB for a commit of 350 bytes, and no journal.)
func BenchmarkCommit(b *testing.B) {
	stores := []struct {
		name string
		make func(dir string) (store, error)
	}{{"floor", newFloor}, {"preallocated", newPreallocated}, {"outbox", newOutbox}, {"bbolt", newBolt},
		{"outbox-offline", newOffline}, {"bbolt-offline", newBoltOffline}}
	for _, per := range []int{1, 10, 100} {
		for _, s := range stores {
			b.Run(fmt.Sprintf("%s/%d", s.name, per), func(b *testing.B) {
				dir := b.TempDir()
				st, err := s.make(dir)
				if err != nil {
					b.Fatal(err)
				}
				benchCommit(b, st, dir, per)
				if err := st.close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func benchCommit(b *testing.B, st store, dir string, per int) {
	payload := make([]byte, envelope-len("vs1/site/gateway/device/data"))
	before := written(b, dir)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for range per {
			if err := st.put(n, payload); err != nil {
				b.Fatal(err)
			}
			n++
		}
		if err := st.commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(written(b, dir)-before)/float64(n*envelope), "written/stored")
}

// written is how many bytes went to the disk under dir so far.
func written(b testing.TB, dir string) int {
	f, err := os.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := errors.Join(unix.Syncfs(int(f.Fd())), unix.Fstat(int(f.Fd()), &st)); err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return 0 // not on a block device
	}
	sectors, err := strconv.Atoi(strings.Fields(string(stat))[6])
	if err != nil {
		b.Fatal(err)
	}
	return sectors * 512
}

// bare appends and syncs, round and round in one file.
type bare struct {
	f    outbox.File
	buf  []byte
	off  int64
	size int64
}

const bareSize = 64 << 20

func newPreallocated(dir string) (store, error) {
	f, err := outbox.DirFS(dir).Create("log", bareSize)
	return &bare{f: f, size: bareSize}, err
}

func newFloor(dir string) (store, error) {
	f, err := outbox.DirFS(dir).Create("log", bareSize)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(make([]byte, bareSize), 0); err != nil {
		return nil, err
	}
	return &bare{f: f, size: bareSize}, f.Sync()
}

func (s *bare) put(_ int, payload []byte) error {
	s.buf = append(append(s.buf, "vs1/site/gateway/device/data"...), payload...)
	return nil
}

func (s *bare) commit() error {
	if s.off+int64(len(s.buf)) > s.size {
		s.off = 0
	}
	_, err := s.f.WriteAt(s.buf, s.off)
	s.off += int64(len(s.buf))
	s.buf = s.buf[:0]
	if err != nil {
		return err
	}
	return s.f.Sync()
}

func (s *bare) close() error { return s.f.Close() }

// queueStore acknowledges what it stores a little later, as a publisher does,
// unless it is offline.
type queueStore struct {
	q       *outbox.Queue
	ids     []uint64
	offline bool
}

func newOffline(dir string) (store, error) {
	q, err := outbox.Open(outbox.Config{Dir: filepath.Join(dir, "outbox")})
	return &queueStore{q: q, offline: true}, err
}

// newOutbox makes an outbox that has been in use for a while: its segments are
// recycled ones.
func newOutbox(dir string) (store, error) {
	q, err := outbox.Open(outbox.Config{Dir: filepath.Join(dir, "outbox")})
	if err != nil {
		return nil, err
	}
	s := &queueStore{q: q}
	for n := range 500 {
		if err := s.put(n, make([]byte, 32<<10)); err != nil {
			return nil, err
		}
		if n%50 == 49 {
			if err := s.commit(); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *queueStore) put(n int, payload []byte) error {
	id, err := s.q.Append(outbox.Record{Class: outbox.Data, Seq: uint64(n), Topic: "vs1/site/gateway/device/data", Payload: payload})
	if !s.offline {
		s.ids = append(s.ids, id)
	}
	return err
}

func (s *queueStore) commit() error {
	if err := s.q.Commit(); err != nil {
		return err
	}
	for _, id := range s.ids {
		if err := s.q.Ack(id); err != nil {
			return err
		}
	}
	s.ids = s.ids[:0]
	return nil
}

func (s *queueStore) close() error { return s.q.Close() }

// boltStore is the best case of bbolt: keys in order, full pages, deletions
// in the transaction of the next records.
type boltStore struct {
	db      *bolt.DB
	tx      *bolt.Tx
	n, done int
	last    int
	offline bool
}

func newBoltOffline(dir string) (store, error) {
	db, err := bolt.Open(filepath.Join(dir, "bolt"), 0o600, nil)
	return &boltStore{db: db, offline: true}, err
}

func newBolt(dir string) (store, error) {
	db, err := bolt.Open(filepath.Join(dir, "bolt"), 0o600, nil)
	return &boltStore{db: db}, err
}

func boltKey(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func (s *boltStore) put(n int, payload []byte) error {
	if s.tx == nil {
		tx, err := s.db.Begin(true)
		if err != nil {
			return err
		}
		s.tx = tx
	}
	bucket, err := s.tx.CreateBucketIfNotExists([]byte("q"))
	if err != nil {
		return err
	}
	bucket.FillPercent = 1
	s.n = n + 1
	return bucket.Put(boltKey(n), append([]byte("vs1/site/gateway/device/data"), payload...))
}

func (s *boltStore) commit() error {
	bucket := s.tx.Bucket([]byte("q"))
	for ; s.done < s.last && !s.offline; s.done++ {
		if err := bucket.Delete(boltKey(s.done)); err != nil {
			return err
		}
	}
	s.last = s.n
	err := s.tx.Commit()
	s.tx = nil
	return err
}

func (s *boltStore) close() error { return s.db.Close() }

// BenchmarkOpen gives the time Open takes by the size of the backlog, to set
// beside bbolt's with the same records. OUTBOX_OPEN_MIB lists the sizes.
func BenchmarkOpen(b *testing.B) {
	sizes := os.Getenv("OUTBOX_OPEN_MIB")
	if sizes == "" {
		sizes = "1,64"
	}
	for _, size := range strings.Split(sizes, ",") {
		mib, err := strconv.Atoi(size)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("outbox/"+size+"MiB", func(b *testing.B) { benchOpenOutbox(b, mib) })
		b.Run("bbolt/"+size+"MiB", func(b *testing.B) { benchOpenBolt(b, mib) })
	}
}

func benchOpenOutbox(b *testing.B, mib int) {
	cfg := outbox.Config{Dir: filepath.Join(b.TempDir(), "outbox"), MaxBytes: 8 << 30, SegmentBytes: 16 << 20}
	q := open(b, cfg)
	payload := make([]byte, envelope-len("vs1/site/gateway/device/data"))
	for n := range mib << 20 / envelope {
		add(b, q, outbox.Record{Class: outbox.Data, Seq: uint64(n), Topic: "vs1/site/gateway/device/data", Payload: payload})
		if n%5000 == 4999 {
			commit(b, q)
		}
	}
	closeQueue(b, q)
	var in time.Duration
	for b.Loop() {
		start := time.Now()
		q := open(b, cfg)
		in += time.Since(start)
		closeQueue(b, q)
	}
	b.ReportMetric(float64(in.Microseconds())/float64(b.N), "us/open")
}

func benchOpenBolt(b *testing.B, mib int) {
	dir := b.TempDir()
	st, err := newBolt(dir)
	if err != nil {
		b.Fatal(err)
	}
	s := st.(*boltStore)
	payload := make([]byte, envelope-len("vs1/site/gateway/device/data"))
	for n := range mib << 20 / envelope {
		if err := s.put(n, payload); err != nil {
			b.Fatal(err)
		}
		if n%5000 == 4999 || n == mib<<20/envelope-1 {
			if err := s.tx.Commit(); err != nil {
				b.Fatal(err)
			}
			s.tx = nil
		}
	}
	if err := s.close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		st, err := newBolt(dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := st.close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "us/open")
}
