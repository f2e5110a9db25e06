package sdk_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// ward is a site with a gateway, a recipient and a real broker.
type ward struct {
	t      testing.TB
	dir    string
	broker *mqtttest.Mosquitto
}

func newWard(t testing.TB, devices ...string) *ward {
	t.Helper()
	w := &ward{t: t, dir: filepath.Join(t.TempDir(), "site")}
	site, err := identity.CreateSite(w.dir, "ward-3", identity.SiteOptions{})
	must(t, err)
	_, err = site.AddRecipient("station", identity.RecipientOptions{})
	must(t, err)
	must(t, site.AddBroker([]string{"localhost"}))
	must(t, site.AddGateway("gw-1"))
	for _, name := range devices {
		_, err := site.AddDevice("gw-1", name, identity.DeviceOptions{PreShared: name == "psk"})
		must(t, err)
	}
	files := filepath.Join(w.dir, "broker")
	w.broker = mqtttest.StartMosquitto(t, mqtttest.NewCA(t),
		"cafile ", "cafile "+files+"/ca.pem\n#", "certfile ", "certfile "+files+"/cert.pem\n#",
		"keyfile ", "keyfile "+files+"/key.pem\n#")
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *ward) config() sdk.Config {
	return sdk.Config{
		Identity: filepath.Join(w.dir, "gateways", "gw-1"), Broker: w.broker.URL, Data: filepath.Join(w.t.TempDir(), "data"),
	}
}

func (w *ward) open(conf sdk.Config) *sdk.Pipeline {
	w.t.Helper()
	p, err := sdk.Open(context.Background(), conf)
	must(w.t, err)
	return p
}

func (w *ward) device(p *sdk.Pipeline, name string) *sdk.Device {
	w.t.Helper()
	d, err := p.Device(name)
	must(w.t, err)
	return d
}

func (w *ward) close(p *sdk.Pipeline) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	must(w.t, p.Close(ctx))
}

// receiver runs a receiver until the test ends and collects what it finds.
func (w *ward) receiver() *collector {
	w.t.Helper()
	c := &collector{changed: make(chan struct{}, 1)}
	r, err := sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: filepath.Join(w.dir, "recipients", "station"), Broker: w.broker.URL, Sink: c,
	})
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("receiver: %v", err)
		}
		must(w.t, r.Close())
	})
	return c
}

// collector is a Sink that keeps numerics and counts verdicts.
type collector struct {
	mu       sync.Mutex
	numerics []vital.Numeric
	alerts   []vital.Alert
	waves    int
	events   map[vital.EventKind]int
	verdicts map[receive.Verdict]int
	reasons  []string
	changed  chan struct{}
}

func (c *collector) Write(r *receive.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.verdicts == nil {
		c.verdicts, c.events = map[receive.Verdict]int{}, map[vital.EventKind]int{}
	}
	c.verdicts[r.Verdict]++
	if r.Reason != "" {
		c.reasons = append(c.reasons, r.Verdict.String()+": "+r.Reason)
	}
	if b := r.Batch; b != nil {
		c.numerics = append(c.numerics, b.Numerics...)
		c.alerts = append(c.alerts, b.Alerts...)
		c.waves += len(b.Waves)
		for _, e := range b.Events {
			c.events[e.Kind]++
		}
	}
	return nil
}

func (c *collector) Sync() error {
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

// until waits until the condition holds for what was collected.
func (c *collector) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		ok := holds()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.changed:
		case <-deadline:
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Fatalf("waited in vain for %s: %d numerics, verdicts %v, reasons %q", what, len(c.numerics), c.verdicts, c.reasons)
		}
	}
}

func spo2(n int) vital.Numeric {
	return vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(n)}
}

func TestFromRecordToVerifiedReading(t *testing.T) {
	for _, name := range []string{"oximeter", "psk"} {
		t.Run(name, func(t *testing.T) {
			w := newWard(t, name)
			got := w.receiver()
			p := w.open(w.config())
			d := w.device(p, name)
			for i := range 500 {
				must(t, d.Record(spo2(i)))
			}
			must(t, d.Alert(vital.Alert{Source: vital.SpO2, Priority: vital.PriorityHigh, Value: vital.Int(80), Limit: vital.Int(90), Text: "low"}))
			got.until(t, "500 readings and an alert", func() bool { return len(got.numerics) >= 500 && len(got.alerts) == 1 })
			w.close(p)
			got.until(t, "the event that it stopped", func() bool { return got.events[vital.EventStopped] == 1 })
			checkEachOnce(t, got, 500)
		})
	}
}

// checkEachOnce counts each reading by its value.
func checkEachOnce(t *testing.T, got *collector, n int) {
	t.Helper()
	got.mu.Lock()
	defer got.mu.Unlock()
	seen := map[int32]int{}
	for _, r := range got.numerics {
		seen[r.Value.Mantissa]++
	}
	lost, doubled := 0, 0
	for i := range n {
		switch k := seen[int32(i)]; {
		case k == 0:
			lost++
		case k > 1:
			doubled++
		}
	}
	if lost != 0 || doubled != 0 || len(got.numerics) != n {
		t.Errorf("%d readings recorded, %d received: %d lost, %d doubled; verdicts %v", n, len(got.numerics), lost, doubled, got.verdicts)
	}
}

func TestSyncSurvivesAPipelineThatIsNeverClosed(t *testing.T) {
	w := newWard(t, "oximeter")
	conf := w.config()
	w.broker.Kill()
	p := w.open(conf)
	d := w.device(p, "oximeter")
	for i := range 200 {
		must(t, d.Record(spo2(i)))
	}
	must(t, p.Sync(context.Background()))
	if n := p.Stats().Outbox.Records; n == 0 {
		t.Fatal("after Sync nothing is in the outbox")
	}
	w.close2(p)
	w.broker.Start()
	got := w.receiver()
	again := w.open(conf)
	got.until(t, "the backlog", func() bool { return len(got.numerics) >= 200 })
	w.close(again)
	checkEachOnce(t, got, 200)
}

// close2 closes without waiting for the broker.
func (w *ward) close2(p *sdk.Pipeline) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	must(w.t, p.Close(ctx))
}

func TestBrokerRestarts(t *testing.T) {
	w := newWard(t, "oximeter")
	got := w.receiver()
	p := w.open(w.config())
	d := w.device(p, "oximeter")
	n := 0
	for round := range 3 {
		for range 100 {
			must(t, d.Record(spo2(n)))
			n++
			must(t, p.Sync(context.Background()))
		}
		if round < 2 {
			w.broker.Kill()
			w.broker.Start()
		}
	}
	got.until(t, "all readings", func() bool { return len(got.numerics) >= n })
	w.close(p)
	checkEachOnce(t, got, n)
}
