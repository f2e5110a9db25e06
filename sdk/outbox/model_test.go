package outbox_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
	"pgregory.net/rapid"
)

// model is what an outbox must hold, in the simplest form: payload numbers by
// id, and which of them are promised.
type model struct {
	t         *testing.T
	dir       string
	fs        *faultFS
	q         *outbox.Queue
	next      int
	appended  map[uint64]outbox.Record // not committed
	committed map[uint64]outbox.Record // not acknowledged
	acked     map[uint64]outbox.Record // only a crash may forget that
	uncertain map[uint64]outbox.Record // appended before a crash: may be there
	top       [2]uint64                // greatest id committed, by lane
}

func (m *model) reopen(t *rapid.T) {
	q, err := outbox.Open(outbox.Config{Dir: m.dir, SegmentBytes: 64 << 10, MaxBytes: 16 * 64 << 10, FS: m.fs})
	if err != nil {
		t.Fatal(err)
	}
	m.q = q
}

func (m *model) append(t *rapid.T) {
	for range rapid.IntRange(1, 30).Draw(t, "records") {
		class := rapid.SampledFrom([]outbox.Class{outbox.Data, outbox.Data, outbox.Data, outbox.Alert, outbox.Anchor}).Draw(t, "class")
		r := record(class, m.next, rapid.IntRange(8, 4000).Draw(t, "size"))
		id, err := m.q.Append(r)
		if errors.Is(err, outbox.ErrFull) || errors.Is(err, outbox.ErrUncommitted) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if id <= m.top[id&1] {
			t.Fatalf("id %d is given again after %d", id, m.top[id&1])
		}
		m.next++
		m.appended[id] = r
	}
}

func (m *model) commit(t *rapid.T) {
	if err := m.q.Commit(); err != nil {
		t.Fatal(err)
	}
	maps.Copy(m.committed, m.appended)
	clear(m.appended)
}

// fail makes one operation of a commit fail, the at-th of its kind.
func (m *model) fail(t *rapid.T) {
	op := rapid.SampledFrom([]string{"write", "sync", "create", "syncdir"}).Draw(t, "operation")
	at := rapid.IntRange(0, 2).Draw(t, "at")
	m.fs.set(func(o string) error {
		if o != op {
			return nil
		}
		at--
		if at >= 0 {
			return nil
		}
		return syscall.EIO
	})
	err := m.q.Commit()
	m.fs.set(nil)
	if err == nil {
		maps.Copy(m.committed, m.appended)
		clear(m.appended)
	}
	for _, r := range m.waiting(t) { // what got to the disk before the failure
		if a, ok := m.appended[r.ID]; ok {
			m.committed[r.ID] = a
			delete(m.appended, r.ID)
		}
	}
}

func (m *model) ack(t *rapid.T) {
	ids := slices.Sorted(maps.Keys(m.committed))
	if len(ids) == 0 {
		return
	}
	from := rapid.IntRange(0, len(ids)-1).Draw(t, "from")
	for _, id := range ids[from:min(from+rapid.IntRange(1, 80).Draw(t, "count"), len(ids))] {
		if err := m.q.Ack(id); err != nil {
			t.Fatal(err)
		}
		m.acked[id] = m.committed[id]
		delete(m.committed, id)
	}
}

// sift acknowledges some of the records of some of the files.
func (m *model) sift(t *rapid.T) {
	some, all := rapid.Uint64Range(1, 5).Draw(t, "one in"), rapid.Bool().Draw(t, "every file")
	var within []outbox.Stretch
	seen := map[uint64]bool{}
	err := m.q.Sift(func(s outbox.Stretch) bool {
		if !all && s.First>>1%2 == 1 {
			return false
		}
		within = append(within, s)
		return true
	}, func(r *outbox.Record) bool {
		last := within[len(within)-1]
		if seen[r.ID] || r.ID < last.First || r.ID >= last.Next || r.ID&1 != last.First&1 {
			t.Fatalf("record %d of %+v, seen %v", r.ID, last, seen[r.ID])
		}
		seen[r.ID] = true
		return r.ID>>1%some == 0
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, r := range m.committed {
		inside := slices.ContainsFunc(within, func(s outbox.Stretch) bool {
			return id&1 == s.First&1 && id >= s.First && id < s.Next
		})
		if seen[id] != inside {
			t.Fatalf("record %d seen %v, in a stretch that is wanted: %v", id, seen[id], inside)
		}
		if inside && id>>1%some == 0 {
			m.acked[id] = r
			delete(m.committed, id)
		}
	}
}

func (m *model) drop(t *rapid.T) {
	var ranges []outbox.Range
	var account outbox.Record
	ok, err := m.q.DropOldest(func(r []outbox.Range) ([]outbox.Record, error) {
		ranges = r
		account = record(outbox.Dropped, m.next, 100)
		return []outbox.Record{account}, nil
	})
	if errors.Is(err, outbox.ErrUncommitted) || errors.Is(err, outbox.ErrFull) || err == nil && !ok {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		device [8]byte
		seq    uint64
	}
	lost := map[key]bool{}
	for _, r := range ranges {
		for s := r.From; s <= r.To; s++ {
			lost[key{r.Device, s}] = true
		}
	}
	total := len(lost)
	for id, r := range m.committed {
		if k := (key{r.Device, r.Seq}); r.Class == outbox.Data && lost[k] {
			delete(m.committed, id)
			delete(lost, k)
		}
	}
	if len(lost) != 0 {
		t.Fatalf("account lists %d of %d records that were not waiting", len(lost), total)
	}
	if len(ranges) > 0 {
		m.next++
	}
	m.commit(t)
	if total > 0 {
		m.findAccount(t, account)
	}
}

// findAccount gives the account of a drop its place in the model.
func (m *model) findAccount(t *rapid.T, account outbox.Record) {
	for _, r := range m.waiting(t) {
		if r.Class == outbox.Dropped && string(r.Payload) == string(account.Payload) {
			m.committed[r.ID] = account
			return
		}
	}
	t.Fatal("the account of the drop is not there")
}

func (m *model) waiting(t *rapid.T) []outbox.Record {
	urgent, live, backlog := m.q.Readers()
	live.Close()
	var recs []outbox.Record
	for _, r := range []*outbox.Reader{urgent, backlog} {
		for {
			rec, err := r.Next()
			if err != nil {
				break
			}
			recs = append(recs, rec)
		}
		r.Close()
	}
	return recs
}

func (m *model) restart(t *rapid.T) {
	if err := m.q.Close(); err != nil {
		t.Fatal(err)
	}
	maps.Copy(m.committed, m.appended)
	clear(m.appended)
	if _, err := outbox.Check(m.dir); err != nil {
		t.Fatal(err)
	}
	m.reopen(t)
	m.settle(t, false)
}

// crash takes the directory as it is and leaves the queue to itself.
func (m *model) crash(t *rapid.T) {
	dir := m.dir + "x"
	snapshot(m.t, m.dir).restore(m.t, dir)
	old := m.q
	m.dir = dir
	m.fs = &faultFS{FS: outbox.DirFS(dir), lazy: true}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	m.reopen(t)
	maps.Copy(m.uncertain, m.appended)
	clear(m.appended)
	m.settle(t, true)
}

// settle lets the model follow what a crash may do, and nothing but a crash:
// forget acknowledgements, keep what was appended and not committed, each
// record under the id it had.
func (m *model) settle(t *rapid.T, crashed bool) {
	for _, r := range m.waiting(t) {
		if _, ok := m.committed[r.ID]; ok {
			continue
		}
		u, ok := m.uncertain[r.ID]
		if !ok {
			u, ok = m.acked[r.ID]
		}
		if !ok || !crashed {
			t.Fatalf("record %d came from nowhere", r.ID)
		}
		m.committed[r.ID] = u
		delete(m.acked, r.ID)
	}
	clear(m.uncertain)
}

// check compares everything that waits with the model.
func (m *model) check(t *rapid.T) {
	got := m.waiting(t)
	seen := map[uint64]bool{}
	var last [2]uint64
	for _, r := range got {
		want, ok := m.committed[r.ID]
		lane := r.ID & 1
		if !ok || seen[r.ID] || r.ID <= last[lane] || string(want.Payload) != string(r.Payload) || want.Class != r.Class {
			t.Fatalf("record %d: expected %v, seen %v, after %d", r.ID, ok, seen[r.ID], last[lane])
		}
		seen[r.ID], last[lane] = true, r.ID
		m.top[lane] = max(m.top[lane], r.ID)
	}
	if len(got) != len(m.committed) {
		t.Fatalf("%d records wait, want %d", len(got), len(m.committed))
	}
	st := m.q.Stats()
	if int(st.Records) != len(got) || st.Corrupt != 0 || st.Bytes > st.MaxBytes+2*64<<10 {
		t.Fatalf("%d records wait: %+v", len(got), st)
	}
}

// The queue does what the model does through any sequence of appends, commits,
// failures, acknowledgements, drops, restarts and crashes.
func TestModel(t *testing.T) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		dir := fmt.Sprintf("%s/%d", t.TempDir(), run)
		m := &model{
			t: t, dir: dir, fs: &faultFS{FS: outbox.DirFS(dir), lazy: true},
			appended: map[uint64]outbox.Record{}, committed: map[uint64]outbox.Record{},
			acked: map[uint64]outbox.Record{}, uncertain: map[uint64]outbox.Record{},
		}
		m.reopen(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append again": m.append, "commit": m.commit, "fail": m.fail,
			"ack": m.ack, "sift": m.sift, "drop": m.drop, "restart": m.restart, "crash": m.crash, "": m.check,
		})
		if err := m.q.Close(); err != nil {
			rt.Fatal(err)
		}
		if _, err := outbox.Check(m.dir); err != nil {
			rt.Fatal(err)
		}
	})
}
