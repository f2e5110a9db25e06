package sdk_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// gateway is testdata/gateway in a process of its own, whose memory and clock
// are not the test's.
type gateway struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// gatewayStatus is testdata/gateway's.
type gatewayStatus struct {
	Connected        bool
	Err              string
	Heap, Goroutines uint64
	Waves, Alerts    int64
	Unraised         int64
	Refused, Dropped uint64
	Offered          int64
	OfferedWaves     int64
	Acked, Waiting   uint64
	Stored           int64
}

// buildGateway builds it.
func buildGateway(t *testing.T, flags ...string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "gateway")
	build := exec.Command("go", append(append([]string{"build", "-o", binary}, flags...), "./testdata/gateway")...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// startGateway runs it with what it is to know beside the ward's own.
func startGateway(t *testing.T, w *sdktest.Ward, binary string, env ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, cmd: exec.Command(binary)}
	g.cmd.Env = append(os.Environ(), "SDK_IDENTITY="+w.GatewayDir(), "SDK_BROKER="+w.Broker.URL,
		"SDK_DATA="+filepath.Join(t.TempDir(), "data"), "SDK_RENEW=24h", "SDK_STORED=0",
		"SDK_WAITING="+strconv.Itoa(16<<20)) // so that a disk that is slow for a moment refuses nothing
	g.cmd.Env = append(g.cmd.Env, env...)
	g.cmd.Stderr = os.Stderr
	var err error
	g.stdin, err = g.cmd.StdinPipe()
	must(t, err)
	out, err := g.cmd.StdoutPipe()
	must(t, err)
	g.lines = bufio.NewScanner(out)
	must(t, g.cmd.Start())
	t.Cleanup(func() {
		_ = g.cmd.Process.Kill() // it has ended by itself if all went well
		_ = g.cmd.Wait()
	})
	return g
}

// do has it do something and returns its answer.
func (g *gateway) do(format string, args ...any) string {
	g.t.Helper()
	fmt.Fprintf(g.stdin, format+"\n", args...)
	if !g.lines.Scan() {
		g.t.Fatalf("the gateway ended at %q", fmt.Sprintf(format, args...))
	}
	return g.lines.Text()
}

func (g *gateway) status() (s gatewayStatus) {
	g.t.Helper()
	must(g.t, json.Unmarshal([]byte(g.do("status")), &s))
	return s
}

// close has it end, once the broker has everything.
func (g *gateway) close() {
	g.t.Helper()
	must(g.t, g.stdin.Close())
	for g.lines.Scan() {
	}
	must(g.t, g.cmd.Wait())
}

// resident returns the resident memory of a process in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("process %d has ended", pid)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	must(t, err)
	return kib << 10
}

// book is a receive.Sink that counts, and keeps nothing else: what it takes
// does not grow with what is received but by a bit a reading and a run a gap.
type book struct {
	t       *testing.T
	changed chan struct{}

	mu       sync.Mutex
	readings tally
	alerts   tally
	waves    int
	got      map[seal.EID]*seal.Intervals // valid messages
	signed   map[seal.EID]*seal.Intervals // dropped
	count    map[vital.DropReason]uint64
	twice    int // envelopes signed for twice
	accounts int // of readings that were refused
	verdicts map[receive.Verdict]int
	reasons  map[string]int
}

// tally counts numbers that are to come once each.
type tally struct {
	seen    []uint64 // a bit each
	n       int
	doubled int
}

func (c *tally) add(n int) {
	for len(c.seen) <= n/64 {
		c.seen = append(c.seen, 0)
	}
	if c.seen[n/64]&(1<<(n%64)) != 0 {
		c.doubled++
		return
	}
	c.seen[n/64] |= 1 << (n % 64)
	c.n++
}

func (c *tally) has(n int) bool { return n/64 < len(c.seen) && c.seen[n/64]&(1<<(n%64)) != 0 }

func newBook(t *testing.T) *book {
	return &book{
		t: t, changed: make(chan struct{}, 1), got: map[seal.EID]*seal.Intervals{}, signed: map[seal.EID]*seal.Intervals{},
		count: map[vital.DropReason]uint64{}, verdicts: map[receive.Verdict]int{}, reasons: map[string]int{},
	}
}

// Write implements receive.Sink.
func (l *book) Write(r *receive.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verdicts[r.Verdict] += int(max(r.Count, 1))
	if r.Reason != "" {
		l.reasons[r.Verdict.String()+": "+r.Reason]++
	}
	if r.Verdict == receive.Valid && r.Seq > 0 {
		intervals(l.got, r.EID).Add(r.Seq)
	}
	b := r.Batch
	if b == nil {
		return nil
	}
	for i := range b.Numerics {
		l.readings.add(int(b.Numerics[i].Value.Mantissa))
	}
	for i := range b.Alerts {
		l.alerts.add(int(b.Alerts[i].Value.Mantissa))
	}
	l.waves += len(b.Waves)
	for _, d := range b.Drops {
		l.count[d.Reason] += d.Count
		if d.Reason == vital.DropBound {
			l.accounts++
		}
		for seq := d.From; seq <= d.To && d.To > 0; seq++ {
			if !intervals(l.signed, d.EID).Add(seq) {
				l.twice++
			}
		}
	}
	return nil
}

func intervals(of map[seal.EID]*seal.Intervals, eid seal.EID) *seal.Intervals {
	if of[eid] == nil {
		of[eid] = new(seal.Intervals)
	}
	return of[eid]
}

// Sync implements receive.Sink.
func (l *book) Sync() error {
	select {
	case l.changed <- struct{}{}:
	default:
	}
	return nil
}

// receiveInto runs a receiver until the test ends, and returns once it has
// subscribed.
func receiveInto(t *testing.T, w *sdktest.Ward, l receive.Sink) (state string) {
	t.Helper()
	state = filepath.Join(t.TempDir(), "state.db")
	w.RunReceiver(sdk.ReceiverConfig{State: state, Sink: l, AcceptPast: true}) // a gateway may be slow to hear of it
	return state
}

// until waits until a condition holds.
func (l *book) until(what string, holds func() bool) {
	l.t.Helper()
	for deadline := time.After(sdktest.Patience); ; {
		l.mu.Lock()
		ok := holds()
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-l.changed:
		case <-deadline:
			l.mu.Lock()
			defer l.mu.Unlock()
			l.t.Fatalf("waited in vain for %s: %d readings, %d alerts, %d waves, dropped %v, verdicts %v, reasons %v",
				what, l.readings.n, l.alerts.n, l.waves, l.count, l.verdicts, l.reasons)
		}
	}
}
