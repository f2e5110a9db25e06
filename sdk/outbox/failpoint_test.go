package outbox_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// script is a fixed piece of work that meets every kind of operation: new
// segments and recycled ones in both lanes, drops, readers, a restart.
func script(l *ledger, steps int) (failed int) {
	for range steps {
		if l.q == nil && !l.boot() {
			return failed // whoever starts it again does so later
		}
		if err := l.step(); err != nil {
			failed++
		}
		if l.disk.dead {
			return failed
		}
	}
	return failed
}

// Every single operation on the disk, one after the other, in a fixed piece of
// work: it fails once; it is the last before the process is killed; it is the
// last before the power goes. The work goes on where there is something to go
// on, and then everything owed is there, once. OUTBOX_STRIDE=1 takes every
// operation, more than each run of the tests has time for.
func TestEveryFailpoint(t *testing.T) {
	const steps = 60
	start := time.Now()
	seed := fromEnv(t, "OUTBOX_SEED", 5)
	dir := t.TempDir()
	chmod(t, dir)
	setUp := func(what string) *ledger {
		l := newLedger(t, rand.New(rand.NewPCG(seed, 1)), dir)
		l.what = fmt.Sprintf("OUTBOX_SEED=%d OUTBOX_STRIDE=1, %s", seed, what)
		return l
	}
	whole := setUp("without a failure")
	script(whole, steps)
	calls := whole.disk.calls
	whole.crash(keepAll)
	whole.stop()
	runs, failed, met := 0, 0, map[string]int{}
	stride := int(fromEnv(t, "OUTBOX_STRIDE", 19)) // prime to 3: every kind of error meets every kind of operation
	for at := 1; at <= calls; at += stride {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
			if at%3 != int(errno)%3 && errno != syscall.EIO {
				continue
			}
			l := setUp(fmt.Sprintf("%v at operation %d", errno, at))
			l.disk.fail = func(call int, op string) error {
				if call != at {
					return nil
				}
				met[op]++
				return errno
			}
			failed += min(script(l, steps), 1)
			l.disk.fail = nil
			l.crash([]int{keepAll, keepNone, keepSectors}[at%3])
			l.stop()
			runs++
		}
		for _, rule := range []int{keepAll, keepNone} {
			l := setUp(fmt.Sprintf("stop by rule %d at operation %d", rule, at))
			l.disk.power = at
			script(l, steps)
			l.crash(rule)
			l.stop()
			runs++
		}
	}
	t.Logf("%d operations, %d runs (%d in which a caller saw the error), 0 lost, 0 doubled, %v; operations that failed: %v",
		calls, runs, failed, time.Since(start).Round(time.Millisecond), met)
}

// From any operation on every one fails, for some time; when the disk works
// again, so does the outbox, without a restart.
func TestDiskGoneForAWhile(t *testing.T) {
	dir := t.TempDir()
	chmod(t, dir)
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		for from := 20; from < 400; from += 7 {
			l := newLedger(t, rand.New(rand.NewPCG(7, uint64(from))), dir)
			l.what = fmt.Sprintf("%v from operation %d on", errno, from)
			l.boot()
			script(l, 5)
			l.disk.fail = func(call int, op string) error {
				// A disk that is full or read-only can still be read.
				if call < from || errno != syscall.EIO && (op == "read" || op == "open" || op == "size" || op == "list") {
					return nil
				}
				return errno
			}
			for range 10 {
				if l.q != nil {
					_ = l.step()
				}
			}
			l.disk.fail = nil
			if l.q == nil && !l.boot() {
				l.fatal("the outbox does not open")
			}
			if err := l.commit(); err != nil {
				l.fatal("the outbox does not go on: %v", err)
			}
			if err := l.audit(false); err != nil {
				l.fatal("the outbox cannot be read: %v", err)
			}
			if st := l.q.Stats(); st.Corrupt > 0 {
				l.fatal("a disk that came back costs records: %+v", st)
			}
			l.crash(keepNone)
			l.stop()
		}
	}
}
