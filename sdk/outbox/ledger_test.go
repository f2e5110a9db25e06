package outbox_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// state is what the outbox owes for a record.
type state int

const (
	appended  state = iota // nothing yet: it may be there or not after a crash
	committed              // it is there, once
	limbo                  // it was found after a failed sync and a restart: a cut may still take it
	acked                  // it may be there again after a crash
	dropping               // its segment was dropped; that is not committed
	gone                   // it must not come back
)

// entry is one record in the ledger. id is 0 while unknown.
type entry struct {
	rec     outbox.Record
	id      uint64
	state   state
	account *entry // for dropping: what must be durable before it may go
}

// ledger runs an outbox on a simulated disk and keeps account of what is owed.
type ledger struct {
	t    testing.TB
	what string // for messages: the seed and the run
	rng  *rand.Rand
	cfg  outbox.Config
	disk *disk
	q    *outbox.Queue // nil between a failed Close and a boot

	unclean bool // it was closed with an error and not audited since

	next    int
	entries map[int]*entry // by number; those that are gone for good are forgotten
	owner   map[uint64]int // id: the number of the record it was committed for
	top     [2]uint64      // greatest id that a Commit covered, by lane
	seen    struct{ cuts, recoveryCuts, records, acked, again, kept, torn, corrupt, probes, drops int }
}

func newLedger(t testing.TB, rng *rand.Rand, dir string) *ledger {
	d := newDisk(rng)
	return &ledger{
		t: t, rng: rng, disk: d, entries: map[int]*entry{}, owner: map[uint64]int{},
		cfg: outbox.Config{Dir: dir, SegmentBytes: 64 << 10, MaxBytes: 10 * 64 << 10, AlertReserve: 2 * 64 << 10},
	}
}

func (l *ledger) fatal(format string, args ...any) {
	l.t.Helper()
	l.t.Fatalf("%s: %s", l.what, fmt.Sprintf(format, args...))
}

// boot opens the outbox; false says that the disk failed meanwhile.
func (l *ledger) boot() bool {
	l.cfg.FS = l.disk
	q, err := outbox.Open(l.cfg)
	if err != nil {
		return false
	}
	l.q = q
	if !l.unclean || l.audit(false) == nil {
		return true
	}
	_ = q.Close() // the disk failed again
	l.q, l.unclean = nil, true
	return false
}

func (l *ledger) append(class outbox.Class, size int) (ok bool, err error) {
	r := record(class, l.next, size)
	id, err := l.q.Append(r)
	if err != nil {
		return false, err
	}
	if n, ok := l.owner[id]; ok || id <= l.top[id&1] {
		l.fatal("id %d is given to record %d after it was committed for %d (greatest %d)", id, l.next, n, l.top[id&1])
	}
	l.entries[l.next] = &entry{rec: r, id: id}
	l.next++
	l.seen.records++
	return true, nil
}

func (l *ledger) commit() error {
	err := l.q.Commit()
	if err == nil {
		l.promise()
	}
	return err
}

// promise notes that everything appended is committed.
func (l *ledger) promise() {
	for n, e := range l.entries {
		switch e.state {
		case appended:
			e.state = committed
			l.own(e, n)
		case dropping:
			e.state = gone
		}
	}
}

func (l *ledger) own(e *entry, n int) {
	if e.id == 0 {
		return
	}
	l.owner[e.id] = n
	l.top[e.id&1] = max(l.top[e.id&1], e.id)
}

// ack acknowledges some of what waits, oldest first for the most part.
func (l *ledger) ack(share int) {
	var ids []int
	for n, e := range l.entries {
		if e.state == committed && e.id != 0 {
			ids = append(ids, n)
		}
	}
	slices.Sort(ids)
	for _, n := range ids[:len(ids)*share/100] {
		if l.rng.IntN(10) == 0 {
			continue
		}
		e := l.entries[n]
		if err := l.q.Ack(e.id); err != nil {
			l.fatal("acknowledge committed record %d: %v", e.id, err)
		}
		e.state = acked
		l.seen.acked++
	}
}

// drop drops the oldest data; what became of it is known after the next Commit.
func (l *ledger) drop() {
	var ranges []outbox.Range
	account := &entry{rec: record(outbox.Dropped, l.next, 100)}
	ok, err := l.q.DropOldest(func(r []outbox.Range) ([]outbox.Record, error) {
		ranges = r
		return []outbox.Record{account.rec}, nil
	})
	if err != nil || !ok || len(ranges) == 0 {
		return
	}
	l.entries[l.next] = account
	l.next++
	l.seen.drops++
	for _, e := range l.entries {
		if e.rec.Class != outbox.Data || e.state > limbo { // a commit that failed may have stored what is only appended
			continue
		}
		for _, r := range ranges {
			if r.Device == e.rec.Device && r.From <= e.rec.Seq && e.rec.Seq <= r.To {
				e.state, e.account = dropping, account
			}
		}
	}
}

// read returns what waits, or an error of the disk.
func (l *ledger) read() (recs []outbox.Record, err error) {
	urgent, live, backlog := l.q.Readers()
	defer urgent.Close()
	defer live.Close()
	defer backlog.Close()
	for _, r := range []*outbox.Reader{urgent, backlog} {
		for {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			recs = append(recs, rec)
		}
	}
	return recs, nil
}

// audit compares what waits with what is owed. crashed says that what was not
// promised may have become anything.
func (l *ledger) audit(crashed bool) error {
	recs, err := l.read()
	if err != nil {
		return err
	}
	restarted := l.unclean && !crashed
	crashed = crashed || l.unclean
	l.unclean = false
	there := map[int]bool{}
	var last [2]uint64
	for _, r := range recs {
		n := int(binary.BigEndian.Uint64(r.Payload))
		e := l.entries[n]
		switch {
		case e == nil:
			l.fatal("record %d (number %d) came from nowhere", r.ID, n)
		case there[n] || r.ID <= last[r.ID&1]:
			l.fatal("record %d (number %d) comes after %d, seen %v", r.ID, n, last[r.ID&1], there[n])
		case e.id != 0 && e.id != r.ID:
			l.fatal("record number %d has id %d and had %d", n, r.ID, e.id)
		case string(e.rec.Payload) != string(r.Payload) || e.rec.Class != r.Class || e.rec.Seq != r.Seq || e.rec.Topic != r.Topic:
			l.fatal("record %d (number %d) is not what was put in", r.ID, n)
		case e.state == gone:
			l.fatal("record %d (number %d) came back after its loss was committed", r.ID, n)
		case e.state == acked && !crashed:
			l.fatal("record %d (number %d) is there after it was acknowledged", r.ID, n)
		}
		if m, ok := l.owner[r.ID]; ok && m != n {
			l.fatal("id %d was committed for record %d and is now that of %d", r.ID, m, n)
		}
		there[n], last[r.ID&1] = true, r.ID
		e.id = r.ID
		if e.state == appended && crashed {
			l.seen.kept++
		}
		if e.state == acked {
			l.seen.again++
		}
		switch {
		case restarted && e.state <= limbo && e.state != committed, e.state == limbo && !crashed:
			e.state = limbo
			continue
		case e.state != dropping || crashed: // and what was being dropped is as if it had not been
			e.state, e.account = committed, nil
		}
		l.own(e, n)
	}
	for n, e := range l.entries {
		if there[n] {
			continue
		}
		switch {
		case e.state == committed:
			l.fatal("record %d (number %d) was committed and is not there", e.id, n)
		case e.state == dropping && crashed && !there[l.number(e.account)]:
			l.fatal("record %d (number %d) was dropped and no account of it is there", e.id, n)
		case crashed && e.state != acked || e.state == gone:
			delete(l.entries, n) // never promised
		}
	}
	return nil
}

func (l *ledger) number(e *entry) int { return int(binary.BigEndian.Uint64(e.rec.Payload)) }

// forget drops acknowledged entries: after a Close without error they may not
// come back.
func (l *ledger) forget() {
	maps.DeleteFunc(l.entries, func(_ int, e *entry) bool { return e.state == acked })
}

// step does one thing at random. It returns an error of the disk.
func (l *ledger) step() error {
	switch l.rng.IntN(12) {
	case 0, 1, 2, 3, 4, 5:
		for range 1 + l.rng.IntN(20) {
			class := outbox.Data
			if l.rng.IntN(8) == 0 {
				class = []outbox.Class{outbox.Alert, outbox.Anchor}[l.rng.IntN(2)]
			}
			size := 8 + l.rng.IntN(800)
			if l.rng.IntN(20) == 0 {
				size = 8 + l.rng.IntN(12000)
			}
			_, err := l.append(class, size)
			if errors.Is(err, outbox.ErrFull) && l.rng.IntN(2) == 0 {
				l.drop()
			} else if errors.Is(err, outbox.ErrFull) {
				l.ack(100)
			}
			if err != nil && !errors.Is(err, outbox.ErrFull) && !errors.Is(err, outbox.ErrUncommitted) {
				l.fatal("append: %v", err)
			}
		}
		return l.commit()
	case 6, 7:
		l.ack(30 + l.rng.IntN(71))
		return nil
	case 8:
		l.drop()
		return nil
	case 9:
		return l.audit(false)
	case 10:
		return l.reopen()
	}
	return l.commit()
}

// reopen closes and opens. What was acknowledged does not come back then.
func (l *ledger) reopen() error {
	err := l.q.Close()
	l.q = nil
	if err != nil {
		l.unclean = true
		return err
	}
	l.promise()
	l.forget()
	l.checkDisk()
	if !l.boot() {
		return errPower
	}
	return l.audit(false)
}

// stop gives the directory free for the next ledger.
func (l *ledger) stop() {
	if err := l.q.Close(); err != nil {
		l.fatal("close: %v", err)
	}
}

// checkDisk has Check read every byte of what is on the disk.
func (l *ledger) checkDisk() {
	if l.disk.dead {
		return
	}
	image := newDisk(l.rng) // whose operations nobody counts
	image.names = l.disk.names
	if _, err := outbox.CheckFS(image); err != nil {
		l.fatal("%v", err)
	}
}

// crash ends the boot as the rule says and boots again, with more cuts during
// the recovery, until one succeeds; then it audits.
func (l *ledger) crash(rule int) {
	cut := func() {
		if l.q != nil {
			_ = l.q.Close() // gives the lock free; the disk is dead
			l.q = nil
		}
		l.unclean = false
		l.disk = l.disk.cut(rule, l.rng.IntN(2) == 0)
		l.seen.cuts++
	}
	l.disk.mu.Lock()
	l.disk.dead = true
	l.disk.mu.Unlock()
	for first := true; ; first = false {
		cut()
		if !first {
			l.seen.recoveryCuts++
		}
		l.checkDisk()
		if l.rng.IntN(3) == 0 {
			l.disk.power = 1 + l.rng.IntN(30)
		}
		if !l.boot() {
			if !l.disk.dead {
				l.fatal("the outbox does not open")
			}
			continue
		}
		st := l.q.Stats()
		if err := l.audit(true); err == nil && l.commit() == nil && !l.disk.dead {
			l.disk.power = 0
			l.seen.torn += st.Torn
			l.seen.corrupt += int(l.q.Stats().Corrupt)
			return
		} else if !l.disk.dead {
			l.fatal("the outbox does not go on: %v", err)
		}
	}
}

// probe sees that data cannot take the reserve of the urgent lane, nor more
// disk than it may.
func (l *ledger) probe() {
	l.seen.probes++
	must := func(err error) {
		if err != nil {
			l.fatal("probe: %v", err)
		}
	}
	fill := func(class outbox.Class, bytes int) {
		for at := 0; at < bytes; at += 8000 {
			_, err := l.append(class, 8000)
			if errors.Is(err, outbox.ErrUncommitted) {
				must(l.commit())
				_, err = l.append(class, 8000)
			}
			if errors.Is(err, outbox.ErrFull) {
				if class != outbox.Data {
					l.fatal("the reserve is full after %d bytes: %+v", at, l.q.Stats())
				}
				break
			}
			must(err)
		}
		must(l.commit())
	}
	l.ack(100)
	l.ack(100)
	for _, e := range l.entries {
		if e.state == committed && e.rec.Class != outbox.Data {
			must(l.q.Ack(e.id))
			e.state = acked
		}
	}
	must(l.commit())
	fill(outbox.Data, 1<<20)
	fill(outbox.Alert, 7*8000) // what one segment takes: the other of the two may be begun
	if st := l.q.Stats(); st.Bytes > st.MaxBytes || st.Bytes > l.cfg.MaxBytes {
		l.fatal("%d bytes on disk: %+v", st.Bytes, st)
	}
	must(l.audit(false))
	l.ack(100)
}
