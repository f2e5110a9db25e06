package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// receiving is a receiver that runs until it is killed.
func receiving() error {
	file, err := receive.OpenFile(os.Getenv("SDK_LINES"))
	if err != nil {
		return err
	}
	r, err := sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: os.Getenv("SDK_IDENTITY"), Broker: os.Getenv("SDK_BROKER"), State: os.Getenv("SDK_STATE"), Sink: file, AcceptPast: true,
	})
	if err != nil {
		return err
	}
	return r.Run(context.Background())
}

// startReceiver runs a receiver in a process of its own, to be killed.
func (w crashWard) startReceiver(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SDK_CHILD=receiver", "SDK_IDENTITY="+w.RecipientDir(), "SDK_BROKER="+w.Broker.URL,
		"SDK_LINES="+w.lines, "SDK_STATE="+w.state)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	return cmd
}

// killed kills a process and waits for its end.
func killed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // its status says how we ended it
}

// arrived returns how often each number stands in the whole lines of the file.
func (w crashWard) arrived(t *testing.T) map[int]int {
	t.Helper()
	numbers := map[int]int{}
	raw, err := os.ReadFile(w.lines)
	if err != nil {
		return numbers // not there yet
	}
	for line := range bytes.Lines(raw[:bytes.LastIndexByte(raw, '\n')+1]) {
		var l struct {
			Verdict string
			Value   json.Number
			Alert   struct{ Value json.Number }
		}
		must(t, json.Unmarshal(line, &l))
		if value := l.Value + l.Alert.Value; l.Verdict == "valid" && value != "" {
			n, err := strconv.Atoi(string(value))
			must(t, err)
			numbers[n]++
		}
	}
	return numbers
}

// TestAllKilledWithReceipts kills, at random moments, the gateway, the receiver, and
// a broker that saves nothing and keeps little: with receipts every reading that a
// Sync had covered is received once. SDK_RECEIPT_KILLS sets how many gateways die.
func TestAllKilledWithReceipts(t *testing.T) {
	t.Parallel()
	kills, seed := number(t, "SDK_RECEIPT_KILLS", 6), number(t, "SDK_SEED", int(rand.Uint32()))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	w := newCrashWard(t, "oximeter")
	w.env = []string{"SDK_RECEIPTS=station"}
	receiver := w.startReceiver(t)
	defer func() { killed(t, receiver) }()
	var synced []int // each life's end
	var brokers, receivers, done int
	pause := func(ms int) { <-time.After(time.Duration(rng.IntN(ms)) * time.Millisecond) } // the moment is the point
	for round := 0; round <= kills; round++ {
		first := round * perLife
		l := w.live(t, first)
		n, alive := <-l.synced
		if !alive {
			t.Fatal("the child ended by itself")
		}
		pause(800)
		away, broker := rng.IntN(2) == 0, rng.IntN(2) == 0
		if away {
			killed(t, receiver)
			pause(300)
			receivers++
		}
		if broker {
			w.Broker.Kill()
			w.Broker.Start()
			brokers++
		}
		pause(300)
		if away {
			receiver = w.startReceiver(t)
		}
		if round < kills {
			must(t, l.cmd.Process.Kill())
			synced = append(synced, l.last(n))
		} else {
			n = w.untilAllArrived(t, synced, l, n)
			synced = append(synced, n)
		}
		done += synced[round] - round*perLife
	}
	killed(t, receiver)
	receiver = w.startReceiver(t) // which takes back what it had not made durable
	lost, doubled := w.verdict(t, synced)
	_, verdicts := w.count(t)
	t.Logf("%d gateways, %d receivers and %d brokers killed, %d readings synced: %d lost, %d doubled; lines %v",
		kills, receivers, brokers, done, lost, doubled, verdicts)
	delete(verdicts, "cannot open: its anchor has not come") // the broker kept too little: it comes again
	if lost != 0 || doubled != 0 || alarms(verdicts) {
		t.Error("readings were lost or doubled, or a crash looks like an attack")
	}
}

// verdict returns how many of the numbers that were synced never arrived, and how
// many twice.
func (w crashWard) verdict(t *testing.T, synced []int) (lost, doubled int) {
	t.Helper()
	numbers := w.arrived(t)
	for round, last := range synced {
		for n := round * perLife; n < last; n++ {
			if numbers[n] == 0 {
				lost++
			}
		}
	}
	for _, times := range numbers {
		if times > 1 {
			doubled++
		}
	}
	return lost, doubled
}

// untilAllArrived has the last gateway end, and begin again without readings of its
// own, until all has arrived. It returns the end of what it had synced.
func (w crashWard) untilAllArrived(t *testing.T, synced []int, l *life, n int) int {
	t.Helper()
	must(t, l.stdin.Close())
	n = l.last(n)
	all := append(synced[:len(synced):len(synced)], n)
	conf := w.Config()
	conf.Data, conf.Receipts, conf.Heartbeat = w.data, []string{"station"}, time.Second
	conf.QuickRepeat(200 * time.Millisecond)
	p := w.Open(conf)
	w.Device(p, "oximeter")
	defer w.Close(p)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * sdktest.Patience); ; {
		if lost, _ := w.verdict(t, all); lost == 0 {
			return n
		}
		select {
		case <-tick.C:
		case <-deadline:
			return n // the verdict says how many are lost
		}
	}
}
