package outbox_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// A backlog held to a rate takes as long as it should, and what is urgent or
// live passes it at once; everything is handed out once.
func TestFeed(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	q, _ := failing(t, dir)
	const old, rate = 3000, 500
	for n := range old {
		add(t, q, record(outbox.Data, n, 60))
		if n%100 == 99 {
			commit(t, q)
		}
	}
	f := q.Feed(rate)
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f.Hold(start)
	if _, wait, err := f.Next(start.Add(-time.Hour)); !errors.Is(err, io.EOF) || wait != time.Hour {
		t.Fatalf("while the backlog is held: wait %v, %v", wait, err)
	}
	now, next, backlog := start, old, 0
	var want []int // alerts and live data not handed out yet
	for second := 1; backlog < old; {
		r, wait, err := f.Next(now)
		if errors.Is(err, io.EOF) {
			if wait <= 0 || wait > time.Second/rate {
				t.Fatalf("after %d of the backlog: wait %v", backlog, wait)
			}
			if now = now.Add(wait); now.After(start.Add(time.Duration(second) * 100 * time.Millisecond)) {
				second++ // something new every tenth of a second
				add(t, q, record(outbox.Data, next, 60))
				add(t, q, record(outbox.Alert, next+1, 60))
				commit(t, q)
				want = append(want, next+1, next)
				next += 2
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		n := number(t, r)
		if len(want) > 0 {
			if n != want[0] {
				t.Fatalf("record %d, want %d", n, want[0])
			}
			want = want[1:]
			continue
		}
		if n != backlog {
			t.Fatalf("record %d, want %d of the backlog", n, backlog)
		}
		backlog++
	}
	took := now.Sub(start)
	if should := old * time.Second / rate; took > should || took < should*9/10 {
		t.Errorf("%d records took %v at %d a second", old, took, rate)
	}
	if _, wait, err := f.Next(now); !errors.Is(err, io.EOF) || wait != 0 {
		t.Errorf("at the end: wait %v, %v", wait, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	unbound := q.Feed(0)
	defer unbound.Close()
	for n := range next {
		if _, _, err := unbound.Next(now); err != nil {
			t.Fatalf("record %d of %d without a rate: %v", n, next, err)
		}
	}
	closeQueue(t, q)
}

// What was handed out and is wanted again comes once more, behind what is live, and
// nothing else does; a long search for it does not hold up what is live.
func TestFeedAgain(t *testing.T) {
	q, _ := failing(t, t.TempDir()+"/outbox")
	next := 0
	put := func(class outbox.Class, count int) {
		for range count {
			add(t, q, record(class, next, 60))
			if next++; next%100 == 0 {
				commit(t, q)
			}
		}
		commit(t, q)
	}
	var now time.Time
	var f *outbox.Feed
	take := func(count int) (got []int) {
		t.Helper()
		for len(got) < count {
			r, wait, err := f.Next(now)
			if errors.Is(err, io.EOF) && wait > 0 {
				now = now.Add(wait)
				continue
			}
			if err != nil {
				t.Fatalf("after %d of %d: %v", len(got), count, err)
			}
			got = append(got, number(t, r))
		}
		return got
	}
	for _, rate := range []float64{0, 1000} {
		first := next
		put(outbox.Data, 1000)
		f = q.Feed(rate)
		put(outbox.Alert, 10)
		put(outbox.Data, 10)
		if got := take(520); got[0] != first+1000 || got[19] != first+1019 || got[519] != first+499 {
			t.Fatalf("handed out %v", got)
		}
		to := f.Position()
		put(outbox.Alert, 1)
		put(outbox.Data, 1)
		var again []uint64
		f.Again(to, func(r *outbox.Record) bool {
			if !to.Includes(r.ID) {
				t.Errorf("record %d is asked for, which had not been handed out", r.ID)
			}
			n := number(t, *r)
			if (n-first)%100 == 7 || n >= first+1000 {
				again = append(again, r.ID)
				return true
			}
			return false
		})
		if !f.Repeating() {
			t.Error("nothing is to be repeated")
		}
		got := take(2 + 20 + 5)
		for i, n := range got {
			switch want := first; {
			case i < 12: // two new ones, ten alerts
				want += []int{1020, 1021, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009}[i]
				if n != want {
					t.Errorf("%d: got %d, want %d", i, n-first, want-first)
				}
			}
		}
		rest := take(500)
		all := map[int]int{}
		for _, n := range append(got, rest...) {
			all[n-first]++
		}
		for _, n := range []int{7, 107, 207, 307, 407, 1000, 1010, 1019, 500, 999} {
			if all[n] != 1 {
				t.Errorf("rate %v: record %d came %d times", rate, n, all[n])
			}
		}
		if all[507] != 1 || all[8] != 0 {
			t.Errorf("records 507 and 8 came %d and %d times", all[507], all[8])
		}
		if _, wait, err := f.Next(now.Add(time.Second)); !errors.Is(err, io.EOF) || wait != 0 || f.Repeating() {
			t.Errorf("at the end: wait %v, %v", wait, err)
		}
		for _, id := range again {
			if !to.Includes(id) || (outbox.Position{}).Includes(id) {
				t.Errorf("record %d: wrong side of a position", id)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := q.Sift(func(outbox.Stretch) bool { return true }, func(*outbox.Record) bool { return true }); err != nil {
			t.Error(err)
		}
	}
	closeQueue(t, q)
}
