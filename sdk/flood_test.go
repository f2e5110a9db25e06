package sdk_test

import (
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

const throttleTick = 20 * time.Millisecond

// throttled gives an address that leads to a broker and carries so many bytes a
// second to it, all connections together, until it is widened.
func throttled(t *testing.T, url string, rate int) (address string, widen func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	tokens, ended, wide := make(chan int), make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(ended); l.Close() })
	go func() {
		tick := time.NewTicker(throttleTick)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ended:
				return
			}
			select {
			case tokens <- rate * int(throttleTick/time.Millisecond) / 1000:
			default: // nobody has anything to send: a link does not save up
			}
		}
	}()
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(url, "mqtts://"))
			if err != nil {
				near.Close()
				continue
			}
			_ = near.(*net.TCPConn).SetReadBuffer(64 << 10) // the link is to be full, not the kernel
			go func() {
				defer near.Close()
				defer far.Close()
				for {
					select {
					case n := <-tokens:
						if _, err := io.CopyN(far, near, int64(n)); err != nil {
							return
						}
					case <-wide:
						_, _ = io.Copy(far, near)
						return
					case <-ended:
						return
					}
				}
			}()
			go func() {
				defer near.Close()
				defer far.Close()
				_, _ = io.Copy(near, far)
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "mqtts://localhost:" + port, func() { close(wide) }
}

// flat demands that what was measured at last is not above what it had come to
// before, but for some noise. The first third is warming up.
func flat(t *testing.T, what string, measured []int64, factor float64, slack int64) {
	t.Helper()
	third := len(measured) / 3
	var before, after int64
	for _, n := range measured[third : 2*third] {
		before = max(before, n)
	}
	for _, n := range measured[2*third:] {
		after = max(after, n)
	}
	t.Logf("%s: at most %d in the second third, %d in the last, of %d measurements", what, before, after, len(measured))
	if bound := int64(float64(before)*factor) + slack; after > bound {
		t.Errorf("%s grows: %d in the last third, more than %d: %v", what, after, bound, measured)
	}
}

// TestFlood records many times what the link to the broker carries into a small
// outbox: memory stays where it is, every alert comes through, and what is not
// received is signed for: what was dropped envelope by envelope, and what was refused
// reading by reading. SDK_FLOOD sets for how long; if it
// is not set, until the outbox has been filled some ten times.
func TestFlood(t *testing.T) {
	const link, stored, waiting = 64 << 10, 1 << 20, 128 << 10 // which a disk that is slow for a moment fills
	w := sdktest.NewWard(t, "oximeter")
	l := newBook(t)
	receiveInto(t, w, l)
	address, widen := throttled(t, w.Broker.URL, link)
	g := startGateway(t, w, buildGateway(t), "SDK_BROKER="+address, "SDK_STORED="+strconv.Itoa(stored), "SDK_WAITING="+strconv.Itoa(waiting))
	g.do("flood %d", 40*link)
	for g.status().Dropped == 0 { // the outbox is full for the first time
	}
	var rss, heap, disk, goroutines []int64
	begun, last := time.Now(), int64(0)
	for {
		s := g.status()
		if s.Offered-last >= stored/6 {
			last = s.Offered
			rss, heap = append(rss, resident(t, g.cmd.Process.Pid)), append(heap, int64(s.Heap))
			disk, goroutines = append(disk, s.Stored), append(goroutines, int64(s.Goroutines))
			if done(t, begun, len(rss)) {
				break
			}
		}
	}
	took := time.Since(begun)
	g.do("ebb")
	s := g.status()
	l.mu.Lock()
	t.Logf("%v: %d MiB offered, %d waves taken, %d alerts of which %d are received; %d envelopes acknowledged, %d dropped, %d readings refused",
		took.Round(time.Second), s.Offered>>20, s.Waves, s.Alerts, l.alerts.n, s.Acked, s.Dropped, s.Refused)
	l.mu.Unlock()
	widen() // what is left does not take ten times as long
	flat(t, "resident memory", rss, 1.2, 4<<20)
	flat(t, "heap", heap, 1.5, 4<<20)
	if most := slices.Max(disk); most > stored {
		t.Errorf("the outbox takes %d bytes, more than %d", most, stored)
	}
	flat(t, "goroutines", goroutines, 1, 4)
	const few = 10 // with no more in the outbox, nothing that is still said has others dropped
	l.until("the alerts and the accounts", func() bool {
		s = g.status() // a heartbeat may have made more go
		return s.Waiting <= few && l.alerts.n >= int(s.Alerts) && l.count[vital.DropStore] >= s.Dropped && l.count[vital.DropBound] >= s.Refused
	})
	g.close()
	l.balance(s)
}

// done reports whether it was long enough.
func done(t *testing.T, begun time.Time, measured int) bool {
	t.Helper()
	text := os.Getenv("SDK_FLOOD")
	if text == "" {
		return measured >= 60
	}
	long, err := time.ParseDuration(text)
	must(t, err)
	return time.Since(begun) >= long
}

// account compares what is not received with what is signed for.
func (l *book) account() (missing, unsigned, late int) {
	for eid, got := range l.got {
		for _, gap := range got.Missing(nil, got.Max()) {
			for seq := gap.First; seq <= gap.Last; seq++ {
				if missing++; !intervals(l.signed, eid).Contains(seq) {
					unsigned++
				}
			}
		}
		for _, run := range intervals(l.signed, eid).Runs() {
			for seq := run.First; seq <= run.Last; seq++ {
				if got.Contains(seq) {
					late++
				}
			}
		}
	}
	return missing, unsigned, late
}

// balance holds what was dropped against what is signed for and not received.
func (l *book) balance(s gatewayStatus) {
	l.until("all that was not given up", func() bool {
		_, unsigned, _ := l.account()
		return unsigned == 0
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, unsigned, late := l.account()
	l.t.Logf("%d envelopes missing, %d signed for: %d of them were on their way when they were given up, and came; %d alerts, %d waves received; verdicts %v",
		missing, l.count[vital.DropStore], late, l.alerts.n, l.waves, l.verdicts)
	if dropped := l.count[vital.DropStore]; dropped != s.Dropped || uint64(missing+late) != dropped || unsigned != 0 || l.twice != 0 {
		l.t.Errorf("%d dropped, %d signed for (%d twice), %d missing of which %d unsigned, %d came all the same",
			s.Dropped, dropped, l.twice, missing, unsigned, late)
	}
	if offered := s.OfferedWaves + s.Alerts + s.Unraised; l.count[vital.DropBound] != s.Refused || uint64(offered-s.Waves-s.Alerts) != s.Refused {
		l.t.Errorf("%d readings offered, %d taken, %d counted as refused, %d signed for",
			offered, s.Waves+s.Alerts, s.Refused, l.count[vital.DropBound])
	}
	l.t.Logf("%d readings refused, signed for in %d accounts", s.Refused, l.accounts)
	if l.alerts.n != int(s.Alerts) || l.alerts.doubled != 0 {
		l.t.Errorf("%d alerts raised, %d received, %d doubled", s.Alerts, l.alerts.n, l.alerts.doubled)
	}
}
