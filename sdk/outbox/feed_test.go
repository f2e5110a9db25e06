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
