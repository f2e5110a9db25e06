package notify_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vitalseal/vitalseal/agent/notify"
)

// TestWatchdog has rounds that end, one that fails and one that hangs, and demands
// that the manager hears of the first kind alone. Each word has the number of its
// round.
func TestWatchdog(t *testing.T) {
	const fails, hangs = 3, 5
	m := listen(t, filepath.Join(t.TempDir(), "notify"))
	n, hanging := 0, make(chan struct{})
	var begun []time.Time // of each round, as Stuck says
	w := &notify.Watchdog{Service: notify.Service{Socket: m.LocalAddr().String(), Watchdog: 4 * time.Millisecond}}
	w.Round = func(ctx context.Context) error {
		n++
		since, stuck := w.Stuck(time.Now().Add(time.Hour))
		if begun = append(begun, since); !stuck {
			t.Errorf("round %d would not be stuck after an hour", n)
		}
		switch n {
		case fails:
			return errors.New("no progress")
		case hangs:
			close(hanging)
			<-ctx.Done()
			return nil // too late to be told
		}
		return nil
	}
	w.Summary = func(context.Context) string { return fmt.Sprintf("round %d", n) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	for _, round := range []int{1, 2, 4} {
		if got, want := next(t, m), []string{"READY=1", fmt.Sprintf("STATUS=round %d", round), "WATCHDOG=1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	<-hanging
	if since, stuck := w.Stuck(begun[hangs-1].Add(w.Period())); !stuck || !since.Equal(begun[hangs-1]) {
		t.Errorf("a round that hangs for a period is stuck: %v, since %v", stuck, since)
	}
	if _, stuck := w.Stuck(begun[hangs-1].Add(w.Period() - 1)); stuck {
		t.Error("a round is stuck before its period is over")
	}
	cancel()
	<-ended
	if !begun[fails].Equal(begun[fails-1]) || begun[fails-1].Equal(begun[fails-2]) || begun[hangs-1].Equal(begun[hangs-2]) {
		t.Errorf("a round after one that failed began with it, and no other: %v", begun)
	}
	if err := w.Service.Tell("END=1"); err != nil {
		t.Fatal(err)
	}
	if got := next(t, m); got[0] != "END=1" {
		t.Errorf("told of a round that did not end: %q", got)
	}
}

// TestWatchdogOfNobody goes rounds where no manager watches, and asks for no word to
// send.
func TestWatchdogOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		rounds := 0
		w := new(notify.Watchdog)
		w.Summary = func(context.Context) string { t.Error("asked for a summary"); return "" }
		w.Round = func(context.Context) error { rounds++; return nil }
		go w.Run(ctx)
		time.Sleep(10*w.Period() + 1) // the bubble's time
		synctest.Wait()
		if _, stuck := w.Stuck(time.Now().Add(time.Hour)); stuck || rounds != 11 || w.Period() != 30*time.Second {
			t.Errorf("stuck: %v; %d rounds, one each %v", stuck, rounds, w.Period())
		}
		cancel()
	})
}
