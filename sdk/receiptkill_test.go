package sdk_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
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
	fmt.Println("open")
	return r.Run(context.Background())
}

// receiverProcess is a receiver in a process of its own, to be killed.
type receiverProcess struct {
	cmd *exec.Cmd

	// open is closed when it has taken back what it had not made durable, or has ended.
	open chan struct{}
}

func (w crashWard) startReceiver(t *testing.T) *receiverProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SDK_CHILD=receiver", "SDK_IDENTITY="+w.RecipientDir(), "SDK_BROKER="+w.Broker.URL,
		"SDK_LINES="+w.lines, "SDK_STATE="+w.state)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	r := &receiverProcess{cmd, make(chan struct{})}
	go func() {
		defer close(r.open)
		bufio.NewScanner(out).Scan()
	}()
	return r
}

// kill kills it, unless that was done, and waits for its end.
func (r *receiverProcess) kill() {
	_ = r.cmd.Process.Kill() // it may have ended before
	_ = r.cmd.Wait()         // its status says how we ended it
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
	defer func() { receiver.kill() }()
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
			receiver.kill()
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
		} else {
			must(t, l.stdin.Close())
		}
		synced = append(synced, l.last(n))
		done += synced[round] - round*perLife
	}
	p := w.goOn(t)
	w.untilArrived(t, receiver, synced)
	receiver.kill()
	receiver = w.startReceiver(t) // which takes back what it had not made durable, and gets it again
	w.untilArrived(t, receiver, synced)
	w.Close(p)
	receiver.kill()
	numbers, verdicts := w.count(t)
	lost, doubled := lostOf(synced, numbers)
	t.Logf("%d gateways, %d receivers and %d brokers killed, %d readings synced: %d lost, %d doubled; lines %v",
		kills, receivers, brokers, done, lost, doubled, verdicts)
	delete(verdicts, "cannot open: its anchor has not come") // the broker kept too little: it comes again
	if lost != 0 || doubled != 0 || alarms(verdicts) {
		t.Error("readings were lost or doubled, or a crash looks like an attack")
	}
}

// lostOf returns how many of the numbers that lives had synced, up to these ends,
// never came, and how many of all came twice.
func lostOf(synced []int, numbers map[int]int) (lost, doubled int) {
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

// goOn has the last gateway begin again, without readings of its own.
func (w crashWard) goOn(t *testing.T) *sdk.Pipeline {
	t.Helper()
	conf := w.Config()
	conf.Data, conf.Receipts, conf.Heartbeat = w.data, []string{"station"}, time.Second
	conf.QuickRepeat(200 * time.Millisecond)
	p := w.Open(conf)
	w.Device(p, "oximeter")
	return p
}

// untilArrived waits, while a receiver runs, until all that was synced has arrived.
func (w crashWard) untilArrived(t *testing.T, receiver *receiverProcess, synced []int) {
	t.Helper()
	<-receiver.open // until then it may cut the file
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * sdktest.Patience); ; {
		numbers, _ := w.count(t)
		if lost, _ := lostOf(synced, numbers); lost == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			return // the verdict says how many are lost
		}
	}
}
