package outbox_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// small is a configuration whose segments are full soon.
func small(dir string) outbox.Config {
	return outbox.Config{Dir: dir, SegmentBytes: 64 << 10, MaxBytes: 16 * 64 << 10}
}

func open(t testing.TB, cfg outbox.Config) *outbox.Queue {
	t.Helper()
	q, err := outbox.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func check(t testing.TB, dir string) outbox.Report {
	t.Helper()
	rep, err := outbox.Check(dir)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// record makes the record number n, whose payload tells its number and fills
// size bytes.
func record(class outbox.Class, n, size int) outbox.Record {
	p := bytes.Repeat([]byte{byte(n), byte(n >> 8), 0x56, 0xa5}, (size+3)/4)[:max(size, 8)]
	binary.BigEndian.PutUint64(p, uint64(n))
	return outbox.Record{
		Class: class, Device: [8]byte{'d', byte(n % 3)}, Anchor: [8]byte{'a', byte(n % 3)}, Seq: uint64(n / 3),
		Topic: "vs1/site/gateway/device/data", Payload: p, Retain: class == outbox.Anchor,
	}
}

func number(t testing.TB, r outbox.Record) int {
	t.Helper()
	n := int(binary.BigEndian.Uint64(r.Payload))
	want := record(r.Class, n, len(r.Payload))
	want.ID, want.Time = r.ID, r.Time
	if !bytes.Equal(want.Payload, r.Payload) || want.Topic != r.Topic || want.Device != r.Device ||
		want.Anchor != r.Anchor || want.Seq != r.Seq || want.Retain != r.Retain {
		t.Fatalf("record %d came back different: %+v", n, r)
	}
	return n
}

func add(t testing.TB, q *outbox.Queue, r outbox.Record) uint64 {
	t.Helper()
	id, err := q.Append(r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func commit(t testing.TB, q *outbox.Queue) {
	t.Helper()
	if err := q.Commit(); err != nil {
		t.Fatal(err)
	}
}

func ack(t testing.TB, q *outbox.Queue, id uint64) {
	t.Helper()
	if err := q.Ack(id); err != nil {
		t.Fatal(err)
	}
}

func closeQueue(t testing.TB, q *outbox.Queue) {
	t.Helper()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

// drain reads r to its end.
func drain(t testing.TB, r *outbox.Reader) []outbox.Record {
	t.Helper()
	defer r.Close()
	var recs []outbox.Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return recs
		}
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, rec)
	}
}

// waiting returns everything that is committed and not acknowledged: first the
// urgent lane, then the data.
func waiting(t testing.TB, q *outbox.Queue) []outbox.Record {
	t.Helper()
	urgent, live, backlog := q.Readers()
	live.Close()
	return append(drain(t, urgent), drain(t, backlog)...)
}

func TestLanes(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	q := open(t, small(dir))
	for n := range 10 {
		add(t, q, record(outbox.Data, n, 300))
	}
	if got := waiting(t, q); len(got) != 0 {
		t.Fatalf("%d records before the commit", len(got))
	}
	add(t, q, record(outbox.Anchor, 10, 300))
	commit(t, q)
	urgent, live, backlog := q.Readers()
	add(t, q, record(outbox.Alert, 11, 300))
	add(t, q, record(outbox.Data, 12, 300))
	commit(t, q)
	for _, c := range []struct {
		name        string
		r           *outbox.Reader
		first, upTo int
	}{{"urgent", urgent, 10, 12}, {"live", live, 12, 13}, {"backlog", backlog, 0, 10}} {
		recs := drain(t, c.r)
		if len(recs) != c.upTo-c.first {
			t.Fatalf("%s: %d records, want %d", c.name, len(recs), c.upTo-c.first)
		}
		for i, r := range recs {
			if n := number(t, r); n != c.first+i {
				t.Errorf("%s: record %d, want %d", c.name, n, c.first+i)
			}
		}
	}
	closeQueue(t, q)
	check(t, dir)
}

func TestAcksSurviveClose(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	q := open(t, small(dir))
	var ids []uint64
	for n := range 1000 {
		ids = append(ids, add(t, q, record(outbox.Data, n, 300)))
		if n%10 == 9 {
			commit(t, q)
		}
	}
	for n, id := range ids {
		if n%7 != 0 {
			ack(t, q, id)
			ack(t, q, id)
		}
	}
	closeQueue(t, q)
	check(t, dir)
	q = open(t, small(dir))
	got := waiting(t, q)
	if len(got) != 143 {
		t.Fatalf("%d records, want 143", len(got))
	}
	for i, r := range got {
		if n := number(t, r); n != 7*i {
			t.Fatalf("record %d, want %d", n, 7*i)
		}
		ack(t, q, r.ID)
	}
	if st := q.Stats(); st.Records != 0 || st.Segments != 1 || st.Corrupt != 0 {
		t.Fatalf("all acknowledged: %+v", st)
	}
	if id := add(t, q, record(outbox.Data, 1, 300)); id <= ids[999] {
		t.Fatalf("id %d given again (last was %d)", id, ids[999])
	}
	if err := q.Ack(1 << 40); err == nil {
		t.Error("acknowledged a record that never was")
	}
	closeQueue(t, q)
	check(t, dir)
}

func TestBoundAndDrop(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	cfg := small(dir)
	q := open(t, cfg)
	anchor := add(t, q, record(outbox.Anchor, 0, 300))
	var n int
	for n = 1; ; n++ {
		_, err := q.Append(record(outbox.Data, n, 300))
		if errors.Is(err, outbox.ErrFull) {
			break
		}
		if errors.Is(err, outbox.ErrUncommitted) {
			commit(t, q)
			n--
		} else if err != nil {
			t.Fatal(err)
		}
	}
	commit(t, q)
	add(t, q, record(outbox.Alert, n, 300)) // the reserve
	commit(t, q)
	before := q.Stats()

	refused := errors.New("no key")
	if _, err := q.DropOldest(func([]outbox.Range) ([]outbox.Record, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Fatalf("error %v, want %v", err, refused)
	}
	if st := q.Stats(); st != before {
		t.Fatalf("a refused drop changed something: %+v, %+v", before, st)
	}
	var ranges []outbox.Range
	ok, err := q.DropOldest(func(r []outbox.Range) ([]outbox.Record, error) {
		ranges = r
		return []outbox.Record{record(outbox.Dropped, n+1, 300)}, nil
	})
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := q.DropOldest(nil); !errors.Is(err, outbox.ErrUncommitted) {
		t.Fatalf("second drop: %v, want ErrUncommitted", err)
	}
	var count uint64
	for _, r := range ranges {
		count += r.Count
		if r.Count != r.To-r.From+1 {
			t.Errorf("range %+v does not add up", r)
		}
	}
	if len(ranges) != 3 || count != q.Stats().Dropped {
		t.Fatalf("%d ranges of %d records, dropped %d", len(ranges), count, q.Stats().Dropped)
	}
	commit(t, q)
	st := q.Stats()
	if st.Records != before.Records-count+1 || st.Bytes > cfg.MaxBytes {
		t.Fatalf("%d records of %d dropped: %+v", count, before.Records, st)
	}
	got := waiting(t, q)
	if got[0].ID != anchor || number(t, got[3]) != int(count)+1 {
		t.Fatalf("first %d, oldest data %d", got[0].ID, number(t, got[3]))
	}
	closeQueue(t, q)
	check(t, dir)
	q = open(t, cfg)
	if st2 := q.Stats(); st2.Records != st.Records {
		t.Fatalf("reopened: %+v, before %+v", st2, st)
	}
	closeQueue(t, q)
}

// An outbox that is full for ever stays within its bound, keeps the newest
// data and every alert, and accounts for every record it dropped.
func TestFullForever(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	cfg := small(dir)
	q := open(t, cfg)
	var told, appended uint64
	put := func(r outbox.Record) {
		for {
			_, err := q.Append(r)
			switch {
			case err == nil:
				return
			case errors.Is(err, outbox.ErrUncommitted):
				commit(t, q)
			case errors.Is(err, outbox.ErrFull):
				_, err := q.DropOldest(func(rs []outbox.Range) ([]outbox.Record, error) {
					for _, r := range rs {
						told += r.Count
					}
					return []outbox.Record{record(outbox.Dropped, 0, 100)}, nil
				})
				if err != nil && !errors.Is(err, outbox.ErrUncommitted) {
					t.Fatal(err)
				}
				commit(t, q)
			default:
				t.Fatal(err)
			}
		}
	}
	for n := range 20000 {
		put(record(outbox.Data, n, 300))
		appended++
		if n%200 == 0 {
			put(record(outbox.Alert, n, 300))
			commit(t, q)
		}
		if st := q.Stats(); st.Bytes > cfg.MaxBytes {
			t.Fatalf("%d bytes on disk, bound %d", st.Bytes, cfg.MaxBytes)
		}
	}
	commit(t, q)
	alerts, kept := 0, uint64(0)
	for _, r := range waiting(t, q) {
		switch r.Class {
		case outbox.Alert:
			alerts++
		case outbox.Data:
			kept++
		}
	}
	if alerts != 100 || told+kept != appended || told != q.Stats().Dropped {
		t.Fatalf("%d alerts of 100; %d data appended, %d kept, %d accounted as dropped", alerts, appended, kept, told)
	}
	closeQueue(t, q)
	check(t, dir)
}

func TestPendingAndOldest(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	q := open(t, small(dir))
	start := time.UnixMilli(1_800_000_000_000)
	var ids []uint64
	for n := range 900 {
		r := record(outbox.Data, n, 300)
		r.Time = start.Add(time.Duration(n) * time.Second)
		ids = append(ids, add(t, q, r))
		if n%100 == 99 {
			commit(t, q)
		}
	}
	for n, id := range ids {
		if n < 450 || n%3 == 1 {
			ack(t, q, id)
		}
		if n%100 != 0 {
			continue
		}
		for a := range 3 {
			got, err := q.Pending([8]byte{'a', byte(a)})
			want := 0
			for m := range 900 {
				if m%3 == a && (m > n || m >= 450 && m%3 != 1) {
					want++
				}
			}
			if err != nil || got != want {
				t.Fatalf("after %d: anchor %d has %d pending, want %d (%v)", n, a, got, want, err)
			}
		}
	}
	for range 2 {
		if at, err := q.Oldest(); err != nil || !at.Equal(start.Add(450*time.Second)) {
			t.Fatalf("oldest %v, %v", at, err)
		}
	}
	closeQueue(t, q)
	q = open(t, small(dir))
	if got, err := q.Pending([8]byte{'a', 2}); err != nil || got != 150 {
		t.Fatalf("reopened: %d pending, want 150 (%v)", got, err)
	}
	for _, r := range waiting(t, q) {
		ack(t, q, r.ID)
	}
	if at, err := q.Oldest(); err != nil || !at.IsZero() {
		t.Fatalf("empty, and the oldest is of %v (%v)", at, err)
	}
	closeQueue(t, q)
}

func TestCommitted(t *testing.T) {
	q := open(t, small(t.TempDir()+"/outbox"))
	ch := q.Committed()
	add(t, q, record(outbox.Data, 1, 300))
	select {
	case <-ch:
		t.Fatal("woken before the commit")
	default:
	}
	commit(t, q)
	<-ch
	ch = q.Committed()
	closeQueue(t, q)
	<-ch // Close wakes whoever waits
	if _, err := q.Append(record(outbox.Data, 1, 300)); !errors.Is(err, outbox.ErrClosed) {
		t.Fatalf("append after Close: %v", err)
	}
	if err := q.Commit(); !errors.Is(err, outbox.ErrClosed) {
		t.Fatalf("commit after Close: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	q := open(t, small(dir))
	if _, err := outbox.Open(small(dir)); !errors.Is(err, outbox.ErrLocked) {
		t.Errorf("second opener: %v, want ErrLocked", err)
	}
	if _, err := outbox.Check(dir); !errors.Is(err, outbox.ErrLocked) {
		t.Errorf("check of an open outbox: %v, want ErrLocked", err)
	}
	for name, r := range map[string]outbox.Record{
		"class":   {Class: 9},
		"topic":   {Topic: string(make([]byte, 70000))},
		"payload": {Payload: make([]byte, 60<<10)},
	} {
		if _, err := q.Append(r); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	closeQueue(t, q)
	for _, cfg := range []outbox.Config{
		{SegmentBytes: 1000}, {SegmentBytes: 64<<10 + 1}, {MaxBytes: 64 << 10}, {AlertReserve: -1}, {AlertReserve: 256 << 20},
	} {
		cfg.Dir = dir
		if _, err := outbox.Open(cfg); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
	// A pipeline keeps a file of its own beside the segments.
	for name, ours := range map[string]bool{"chains.json": false, "d-1-1.seg": true, "d-1-1.bad": true} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := outbox.Check(dir); (err != nil) != ours {
			t.Errorf("check beside %q: %v", name, err)
		}
		if err := os.Remove(dir + "/" + name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(small(dir)); err == nil {
		t.Error("opened a directory that others may read")
	}
}
