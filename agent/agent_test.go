package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// bedside is a ward whose sensors are pseudo-terminals.
type bedside struct {
	*sdktest.Ward
	t    *testing.T
	dir  string
	conf *config.Config
	log  lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newBedside(t *testing.T, devices ...string) *bedside {
	w := sdktest.NewWard(t, devices...)
	return &bedside{Ward: w, t: t, dir: t.TempDir(), conf: &config.Config{
		Site: w.GatewayDir(), Data: filepath.Join(t.TempDir(), "data"),
		Gateway: config.Gateway{Name: "gw-1"}, Broker: config.Broker{URL: w.Broker.URL},
		Batch: config.Batch{Heartbeat: time.Second},
	}}
}

// Receive runs a receiver that trusts what it sees first: an agent may be slow to
// hear its beacon, and readings come at once.
func (b *bedside) Receive() *sdktest.Collector {
	b.t.Helper()
	return b.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
}

// sensor plugs in a serial line under a stable name and returns the device's end.
func (b *bedside) sensor(device, driver string) *os.File {
	b.t.Helper()
	name := filepath.Join(b.dir, device)
	b.conf.Sensors = append(b.conf.Sensors, config.Sensor{
		Device: device, Driver: driver,
		Port: port.Config{Name: name, Silence: 300 * time.Millisecond, RetryMin: 10 * time.Millisecond},
	})
	return b.plug(device)
}

func (b *bedside) plug(device string) *os.File {
	b.t.Helper()
	ours, theirs, err := pty.Open()
	b.Must(err)
	b.t.Cleanup(func() { ours.Close(); theirs.Close() })
	name := filepath.Join(b.dir, device)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	b.Must(os.Symlink(theirs.Name(), name))
	return ours
}

// run runs the agent until the test ends, which it must do without an error.
func (b *bedside) run(opts agent.Options) {
	b.t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(&b.log, nil))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx, b.conf, opts) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("agent: %v", err)
		}
		if b.t.Failed() {
			b.t.Logf("agent's log:\n%s", b.log.String())
		}
	})
}

// speak writes lines to a sensor's line until stop is closed.
func speak(line *os.File, stop <-chan struct{}, text func(i int) string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if _, err := line.WriteString(text(i)); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func pulses(i int) string { return fmt.Sprintf("hr=%d spo2=97\n", 60+i%40) }

func TestEachSensorByItself(t *testing.T) {
	b := newBedside(t, "good", "panics", "unplugged")
	good, bad, gone := b.sensor("good", "lines"), b.sensor("panics", "panics"), b.sensor("unplugged", "lines")
	b.conf.Sensors = append(b.conf.Sensors, config.Sensor{
		Device: "no-such-device", Driver: "lines", Port: port.Config{Name: filepath.Join(b.dir, "nowhere")},
	})
	got := b.Receive()
	b.run(agent.Options{Lookup: lookup})
	stop := make(chan struct{})
	defer close(stop)
	go speak(good, stop, pulses)
	go speak(bad, stop, pulses)
	go speak(gone, stop, pulses)
	got.Until("readings and contained panics", func(f *sdktest.Found) bool {
		return len(f.Numerics) > 20 && f.Events[vital.EventDecoderPanic] > 3 && f.Events[vital.EventLineOpened] >= 3
	})
	gone.Close()
	got.Until("the lost line", func(f *sdktest.Found) bool { return f.Events[vital.EventLineLost] >= 1 })
	again := b.plug("unplugged")
	go speak(again, stop, pulses)
	got.Until("the line that is back", func(f *sdktest.Found) bool { return f.Events[vital.EventLineOpened] >= 4 })
	before := 0
	got.Look(func(f *sdktest.Found) { before = len(f.Numerics) })
	got.Until("readings to go on", func(f *sdktest.Found) bool { return len(f.Numerics) > before+20 })
	if text := b.log.String(); bytes.Contains([]byte(text), []byte("patient-value")) {
		t.Errorf("what the decoder panicked with is in the log:\n%s", text)
	}
}

func TestSilentLineIsAnEvent(t *testing.T) {
	b := newBedside(t, "good")
	line := b.sensor("good", "lines")
	got := b.Receive()
	b.run(agent.Options{})
	stop := make(chan struct{})
	go speak(line, stop, pulses)
	got.Until("readings", func(f *sdktest.Found) bool { return len(f.Numerics) > 5 })
	close(stop)
	// A slow machine may have been silent before that.
	got.Until("the silence", func(f *sdktest.Found) bool { return f.Events[vital.EventLineSilent] > f.Events[vital.EventLineResumed] })
	again := make(chan struct{})
	defer close(again)
	go speak(line, again, pulses)
	got.Until("the line to resume", func(f *sdktest.Found) bool {
		return f.Events[vital.EventLineResumed] > 0 && f.Events[vital.EventLineResumed] == f.Events[vital.EventLineSilent]
	})
}

func TestGarbageIsCounted(t *testing.T) {
	b := newBedside(t, "oximeter")
	line := b.sensor("oximeter", "nonin-df2")
	got := b.Receive()
	b.run(agent.Options{})
	stop := make(chan struct{})
	defer close(stop)
	go speak(line, stop, func(int) string { return "this is not a Nonin packet; the rate is wrong" })
	got.Until("bad frames", func(f *sdktest.Found) bool {
		return f.Events[vital.EventBadFrames] > 0 && f.Events[vital.EventGarbled] > 0
	})
	got.Look(func(f *sdktest.Found) {
		if len(f.Numerics) != 0 {
			t.Errorf("garbage gave %d readings", len(f.Numerics))
		}
	})
}

func TestAnotherGatewaysName(t *testing.T) {
	b := newBedside(t, "good")
	b.conf.Gateway.Name = "gw-2"
	err := agent.Run(context.Background(), b.conf, agent.Options{})
	const want = `gateway is "gw-2" in the configuration and "gw-1" in its certificate`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// lookup adds the driver "panics" to the project's own.
func lookup(name string) (sensor.Driver, error) {
	if name != "panics" {
		return sensor.Lookup(name)
	}
	return sensor.Driver{
		Name: name,
		New:  func(sensor.Options) (sensor.Decoder, error) { return panics{}, nil },
	}, nil
}

// panics is a decoder that fails on everything, with a reading in its message.
type panics struct{}

func (panics) Decode(*vital.Batch, []byte) { panic("patient-value 97") }
func (panics) Flush(*vital.Batch)          {}
func (panics) Frames() (good, bad uint64)  { return 0, 0 }
