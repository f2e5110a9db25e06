package sdk_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// perLife is how many numbers one life of the child has.
const perLife = 50_000

func TestMain(m *testing.M) {
	live := child
	switch os.Getenv("SDK_CHILD") {
	case "":
		os.Exit(m.Run())
	case "short":
		live = shortLife
	case "receiver":
		live = receiving
	}
	if err := live(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child records numbered readings until it is killed or its standard input ends,
// and prints each number that a Sync has covered.
func child() error {
	first, err := strconv.Atoi(os.Getenv("SDK_FIRST"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	conf := sdk.Config{
		Identity: os.Getenv("SDK_IDENTITY"), Broker: os.Getenv("SDK_BROKER"), Data: os.Getenv("SDK_DATA"), Renew: time.Second,
	}
	if receivers := os.Getenv("SDK_RECEIPTS"); receivers != "" {
		conf.Receipts, conf.Heartbeat = strings.Fields(receivers), time.Second
		conf.QuickRepeat(200 * time.Millisecond)
	}
	p, err := sdk.Open(ctx, conf)
	if err != nil {
		return err
	}
	d, err := p.Device("oximeter")
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	for n := first; ; {
		select {
		case <-ended:
			ctx, cancel := context.WithTimeout(ctx, sdktest.Patience)
			defer cancel()
			return p.Close(ctx)
		default:
		}
		if n >= first+perLife-20 {
			<-ended
			continue
		}
		for range 1 + rand.IntN(15) {
			if rand.IntN(20) == 0 {
				err = d.Alert(vital.Alert{Source: vital.SpO2, Value: vital.Int(n), Limit: vital.NaN})
			} else {
				err = d.Record(spo2(n))
			}
			if err != nil {
				return err
			}
			n++
		}
		if err := p.Sync(ctx); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// life is one run of the child.
type life struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	synced chan int // closed at its end
}

func (w crashWard) live(t *testing.T, first int) *life {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SDK_CHILD=1", "SDK_FIRST="+strconv.Itoa(first), "SDK_IDENTITY="+w.GatewayDir(),
		"SDK_BROKER="+w.Broker.URL, "SDK_DATA="+w.data)
	cmd.Env = append(cmd.Env, w.env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	l := &life{cmd: cmd, stdin: stdin, synced: make(chan int, perLife)}
	go func() {
		defer close(l.synced)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				return // cut off by the kill: not printed
			}
			l.synced <- n
		}
	}()
	return l
}

// last waits for the end of the child and returns the end of what was synced.
func (l *life) last(first int) int {
	for n := range l.synced {
		first = n
	}
	_ = l.cmd.Wait() // its status says how we ended it
	return first
}

type crashWard struct {
	*sdktest.Ward
	data, lines, state string
	env                []string // of children, beside what they need
}

// notified is a file of lines that says when it has grown.
type notified struct {
	*receive.File
	grown chan struct{}
}

func (n notified) Sync() error {
	err := n.File.Sync()
	select {
	case n.grown <- struct{}{}:
	default:
	}
	return err
}

// receive runs a receiver on the same state and file as the one before it, until
// the returned function ends it. It returns once the receiver has subscribed: a
// broker keeps nothing for one that it does not know.
func (w crashWard) receive(t *testing.T, grown chan struct{}) (end func()) {
	t.Helper()
	end, subscribed := w.receiveSoon(t, grown)
	select {
	case <-subscribed:
	case <-time.After(sdktest.Patience):
		t.Fatal("the receiver does not subscribe")
	}
	return end
}

// receiveSoon is receive that does not wait: subscribed is signalled when the
// receiver has.
func (w crashWard) receiveSoon(t *testing.T, grown chan struct{}) (end func(), subscribed <-chan struct{}) {
	t.Helper()
	file, err := receive.OpenFile(w.lines)
	must(t, err)
	connected := make(chan struct{}, 1)
	r, err := sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: w.RecipientDir(), Broker: w.Broker.URL, State: w.state, Sink: notified{file, grown}, AcceptPast: true,
		OnState: func(s mqtt.State) {
			if s.Connected {
				select {
				case connected <- struct{}{}:
				default:
				}
			}
		},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return func() {
		cancel()
		must(t, errors.Join(<-ended, r.Close(), file.Close()))
	}, connected
}

// count returns how often each number stands in the file as valid, and the
// verdicts of all lines. A line that is being written does not count yet.
func (w crashWard) count(t *testing.T) (numbers map[int]int, verdicts map[string]int) {
	t.Helper()
	raw, err := os.ReadFile(w.lines)
	must(t, err)
	numbers, verdicts = map[int]int{}, map[string]int{}
	for line := range bytes.Lines(raw[:bytes.LastIndexByte(raw, '\n')+1]) {
		var l struct {
			Verdict, Reason string
			Value           json.Number
			Alert           struct{ Value json.Number }
		}
		must(t, json.Unmarshal(line, &l))
		if l.Reason == "" {
			verdicts[l.Verdict]++
		} else {
			verdicts[l.Verdict+": "+l.Reason]++
		}
		if value := l.Value + l.Alert.Value; l.Verdict == "valid" && value != "" {
			n, err := strconv.Atoi(string(value))
			must(t, err)
			numbers[n]++
		}
	}
	return numbers, verdicts
}

// TestKilled kills a gateway at random moments, and closes the receiver in
// between, and then looks for every reading that a Sync had covered.
// SDK_KILLS sets how often, SDK_SEED repeats a run.
func TestKilled(t *testing.T) {
	t.Parallel()
	kills, seed := number(t, "SDK_KILLS", 15), number(t, "SDK_SEED", int(rand.Uint32()))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	dir := t.TempDir()
	w := crashWard{
		Ward: sdktest.NewWard(t, "oximeter"), data: filepath.Join(dir, "data"),
		lines: filepath.Join(dir, "lines"), state: filepath.Join(dir, "state.db"),
	}
	grown := make(chan struct{}, 1)
	end := w.receive(t, grown)
	var synced []int // each life's end
	var done, restarts int
	for round := 0; round <= kills; round++ {
		first := round * perLife
		l := w.live(t, first)
		if round < kills {
			if rng.IntN(4) > 0 {
				n, alive := <-l.synced // else it may be killed before it has begun
				if !alive {
					t.Fatal("the child ended by itself")
				}
				first = n
			}
			<-time.After(time.Duration(rng.IntN(250)) * time.Millisecond) // the moment is the point
			if rng.IntN(3) == 0 {
				end()
				end, _ = w.receiveSoon(t, grown) // the broker knows it
				restarts++
			}
			must(t, l.cmd.Process.Kill())
		} else {
			first = <-l.synced
			must(t, l.stdin.Close())
		}
		synced = append(synced, l.last(first))
		done += synced[round] - round*perLife
	}
	w.until(t, grown, "what was synced", func(numbers map[int]int) bool {
		lost, doubled := lostOf(synced, numbers)
		return lost == 0 || doubled > 0
	})
	end()
	numbers, verdicts := w.count(t)
	lost, doubled := lostOf(synced, numbers)
	t.Logf("%d kills, %d receivers closed and reopened, %d readings synced, %d received: %d lost, %d doubled; lines %v",
		kills, restarts, done, len(numbers), lost, doubled, verdicts)
	if lost != 0 || doubled != 0 || alarms(verdicts) {
		t.Error("readings were lost or doubled, or a crash looks like an attack")
	}
}

// alarms reports whether a crash looks like an attack.
func alarms(verdicts map[string]int) bool {
	for v := range verdicts {
		if strings.HasPrefix(v, "fork") || strings.HasPrefix(v, "rollback") || strings.HasPrefix(v, "bad") || strings.HasPrefix(v, "cannot") {
			return true
		}
	}
	return false
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}
