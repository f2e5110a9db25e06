// Package sdktest gives a test a whole site: identities, a real broker with the
// shipped access list, and a receiver that collects what it finds.
package sdktest

import (
	"bytes"
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// Patience is how long anything may take before a test gives up on it.
const Patience = 2 * time.Minute

// Ward is the site "ward-3" with the gateway "gw-1" and the recipient "station",
// and a broker that runs until the test ends.
type Ward struct {
	Dir    string // of the site
	Broker Broker

	t         testing.TB
	receivers bool // some run that need an answer to their beacons
}

// Broker is a running broker of any kind.
type Broker struct {
	URL string // mqtts://localhost:port

	// Stop ends it in order and Kill does not; Start runs it again on its files.
	Start, Stop, Kill func()
}

// NewWard makes a ward with the given devices, and mosquitto. A device whose name
// begins with "psk" has a pre-shared key.
func NewWard(t testing.TB, devices ...string) *Ward {
	t.Helper()
	return NewWardOn(t, func(files string) Broker { return Mosquitto(t, files) }, devices...)
}

// NewWardOn is NewWard with the broker that start runs, with ca.pem, cert.pem and
// key.pem in files, the directory that the site made for its broker.
func NewWardOn(t testing.TB, start func(files string) Broker, devices ...string) *Ward {
	t.Helper()
	w := &Ward{t: t, Dir: filepath.Join(t.TempDir(), "site")}
	site, err := identity.CreateSite(w.Dir, "ward-3", identity.SiteOptions{})
	w.Must(err)
	_, err = site.AddRecipient("station", identity.RecipientOptions{})
	w.Must(err)
	w.Must(site.AddBroker([]string{"localhost"}))
	w.Must(site.AddGateway("gw-1"))
	for _, name := range devices {
		_, err := site.AddDevice("gw-1", name, identity.DeviceOptions{PreShared: strings.HasPrefix(name, "psk")})
		w.Must(err)
	}
	w.Broker = start(filepath.Join(w.Dir, "broker"))
	return w
}

// Mosquitto runs mosquitto for NewWardOn, with its configuration changed as
// mqtttest.StartMosquitto does.
func Mosquitto(t testing.TB, files string, replacements ...string) Broker {
	t.Helper()
	m := mqtttest.StartMosquitto(t, mqtttest.NewCA(t), append([]string{
		"cafile ", "cafile " + files + "/ca.pem\n#", "certfile ", "certfile " + files + "/cert.pem\n#",
		"keyfile ", "keyfile " + files + "/key.pem\n#",
	}, replacements...)...)
	return Broker{URL: m.URL, Start: m.Start, Stop: m.Stop, Kill: m.Kill}
}

// Must ends the test if err is not nil.
func (w *Ward) Must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// GatewayDir returns the directory of the gateway's identity.
func (w *Ward) GatewayDir() string { return filepath.Join(w.Dir, "gateways", "gw-1") }

// RecipientDir returns the directory of the recipient's identity.
func (w *Ward) RecipientDir() string { return w.Recipient("station") }

// Config returns the configuration of a pipeline with an outbox of its own.
func (w *Ward) Config() sdk.Config {
	return sdk.Config{Identity: w.GatewayDir(), Broker: w.Broker.URL, Data: filepath.Join(w.t.TempDir(), "data")}
}

// Open opens a pipeline. The caller closes it.
func (w *Ward) Open(conf sdk.Config) *sdk.Pipeline {
	w.t.Helper()
	p, err := sdk.Open(context.Background(), conf)
	w.Must(err)
	return p
}

// Device returns a device of a pipeline. If a receiver runs that needs an answer to
// its beacon, it waits until the pipeline has heard one: what is sealed before that,
// the receiver refuses.
func (w *Ward) Device(p *sdk.Pipeline, name string) *sdk.Device {
	w.t.Helper()
	w.AwaitHeard(p)
	d, err := p.Device(name)
	w.Must(err)
	return d
}

// AwaitHeard waits until a pipeline has heard a beacon, if a receiver runs that needs
// an answer to its own.
func (w *Ward) AwaitHeard(p *sdk.Pipeline) {
	w.t.Helper()
	if w.receivers {
		w.until("the pipeline has heard a beacon", func() bool { return p.Stats().Receivers > 0 })
	}
}

// Close closes a pipeline once the broker has everything.
func (w *Ward) Close(p *sdk.Pipeline) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	w.Must(p.Close(ctx))
}

// CloseAtOnce closes a pipeline without waiting for the broker.
func (w *Ward) CloseAtOnce(p *sdk.Pipeline) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.Must(p.Close(ctx))
}

// until waits until a condition holds.
func (w *Ward) until(what string, holds func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(Patience); !holds(); {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// Receive runs a receiver until the test ends. It returns once the receiver has
// subscribed, so that what is published from then on reaches it, and the broker has
// its beacon, unless it needs none.
func (w *Ward) Receive() *Collector { return w.ReceiveWith(sdk.ReceiverConfig{}) }

// AddRecipient adds a recipient to the site, whose identity Recipient names.
func (w *Ward) AddRecipient(name string) {
	w.t.Helper()
	site, err := identity.OpenSite(w.Dir)
	w.Must(err)
	_, err = site.AddRecipient(name, identity.RecipientOptions{})
	w.Must(err)
}

// Recipient returns the directory of a recipient's identity.
func (w *Ward) Recipient(name string) string { return filepath.Join(w.Dir, "recipients", name) }

// ReceiveWith is Receive with a configuration, of which the sink is filled in, and
// the identity and the broker if they are empty.
func (w *Ward) ReceiveWith(conf sdk.ReceiverConfig) *Collector {
	w.t.Helper()
	c := &Collector{t: w.t, changed: make(chan struct{}, 1)}
	conf.Sink = c
	w.RunReceiver(conf)
	return c
}

// RunReceiver is ReceiveWith for a sink of the caller's.
func (w *Ward) RunReceiver(conf sdk.ReceiverConfig) {
	w.t.Helper()
	if conf.Identity == "" {
		conf.Identity = w.RecipientDir()
	}
	if conf.Broker == "" {
		conf.Broker = w.Broker.URL
	}
	told := conf.OnState
	var subscribed atomic.Bool
	conf.OnState = func(s mqtt.State) {
		if s.Connected {
			subscribed.Store(true)
		}
		if told != nil {
			told(s)
		}
	}
	r, err := sdk.OpenReceiver(conf)
	w.Must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("receiver: %v", err)
		}
		w.Must(r.Close())
	})
	w.until("the receiver has subscribed", subscribed.Load)
	if !conf.TrustFirst {
		w.AwaitBeacon(conf)
	}
}

// AwaitBeacon waits until the broker retains a receiver's beacon, so that pipelines hear
// it before they seal. That it passes it on is not enough: a nats-server passes on a
// message before it gives it to those who subscribe later.
func (w *Ward) AwaitBeacon(conf sdk.ReceiverConfig) {
	w.t.Helper()
	id, err := identity.LoadReceiver(conf.Identity)
	w.Must(err)
	topic := mqtt.Topic{Kind: mqtt.KindBeacon, Site: id.Site.Name, Receiver: id.Name}.String()
	s, err := mqtt.NewSubscriber(mqtt.Config{Broker: conf.Broker, ClientID: id.Name + "_watch", Credentials: id.Credentials})
	w.Must(err)
	ctx, heard := context.WithTimeout(context.Background(), Patience)
	defer heard()
	for ctx.Err() == nil {
		// A nats-server may keep a message that is retained as one subscribes from it.
		try, again := context.WithTimeout(ctx, Patience/10)
		w.Must(s.Run(try, []string{topic}, func(m mqtt.Received) {
			m.Ack()
			switch {
			case m.Retained:
				heard()
			case !m.Duplicate: // nor one of the subscription before
				again()
			}
		}))
		again()
	}
	if ctx.Err() == context.DeadlineExceeded {
		w.t.Fatalf("the receiver %s publishes no beacon", id.Name)
	}
	w.receivers = true
}

// Found is what a Collector has collected.
type Found struct {
	Numerics []vital.Numeric
	Times    []time.Time // of Numerics, zero under an anchor without a clock
	Labels   []string    // of Numerics
	Alerts   []vital.Alert
	Beds     []string // labels of Alerts
	Beats    []vital.Heartbeat
	Waves    []vital.Wave
	Places   []Place // of Waves
	Drops    []vital.Dropped
	Events   map[vital.EventKind]int
	Verdicts map[receive.Verdict]int
	Reasons  []string // of refusals and gaps
	Bytes    int      // of JSON lines
}

// Place is a message's in what a gateway sealed.
type Place struct {
	EID seal.EID
	Seq uint64
}

// Sealed returns the waves of each chain in the order in which they were sealed. They
// may have arrived in any other.
func (f *Found) Sealed() []vital.Wave {
	order := make([]int, len(f.Waves))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := f.Places[i], f.Places[j]
		return cmp.Or(bytes.Compare(a.EID[:], b.EID[:]), cmp.Compare(a.Seq, b.Seq))
	})
	var all []vital.Wave
	for _, i := range order {
		all = append(all, f.Waves[i])
	}
	return all
}

// Collector is a receive.Sink that keeps what is found.
type Collector struct {
	t       testing.TB
	mu      sync.Mutex
	found   Found
	changed chan struct{}
}

// Write implements receive.Sink.
func (c *Collector) Write(r *receive.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.found
	if f.Verdicts == nil {
		f.Verdicts, f.Events = map[receive.Verdict]int{}, map[vital.EventKind]int{}
	}
	f.Verdicts[r.Verdict] += int(max(r.Count, 1))
	if r.Reason != "" {
		f.Reasons = append(f.Reasons, r.Verdict.String()+": "+r.Reason)
	}
	if b := r.Batch; b != nil {
		f.Numerics = append(f.Numerics, b.Numerics...)
		f.Alerts = append(f.Alerts, b.Alerts...)
		f.Beats = append(f.Beats, b.Heartbeats...)
		for i := range b.Numerics {
			f.Labels = append(f.Labels, r.Label)
			f.Times = append(f.Times, timeOf(r, b.Numerics[i].Time))
		}
		for range b.Alerts {
			f.Beds = append(f.Beds, r.Label)
		}
		f.Drops = append(f.Drops, b.Drops...)
		for _, w := range b.Waves {
			w.Samples = append([]int32(nil), w.Samples...)
			f.Waves, f.Places = append(f.Waves, w), append(f.Places, Place{r.EID, r.Seq})
		}
		for _, e := range b.Events {
			f.Events[e.Kind] += int(max(e.Count, 1))
		}
	}
	f.Bytes += len(receive.AppendRecord(nil, r))
	return nil
}

func timeOf(r *receive.Record, ms uint64) time.Time {
	if r.Clock.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(r.Clock.UnixMilli + int64(ms))
}

// Sync implements receive.Sink.
func (c *Collector) Sync() error {
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

// Until waits until the condition holds for what was found.
func (c *Collector) Until(what string, holds func(*Found) bool) {
	c.t.Helper()
	deadline := time.After(Patience)
	for {
		ok := false
		c.Look(func(f *Found) { ok = holds(f) })
		if ok {
			return
		}
		select {
		case <-c.changed:
		case <-deadline:
			c.Look(func(f *Found) {
				c.t.Fatalf("waited in vain for %s: %d numerics, %d waves, events %v, verdicts %v, reasons %q",
					what, len(f.Numerics), len(f.Waves), f.Events, f.Verdicts, f.Reasons)
			})
		}
	}
}

// Look shows what was found so far.
func (c *Collector) Look(look func(*Found)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	look(&c.found)
}

// EachOnce checks that the whole numbers from 0 to n-1 were each received once,
// and says how many were lost and how many doubled.
func (c *Collector) EachOnce(n int) {
	c.t.Helper()
	c.Look(func(f *Found) {
		seen := map[int32]int{}
		for _, r := range f.Numerics {
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
		if lost != 0 || doubled != 0 || len(f.Numerics) != n {
			c.t.Errorf("%d readings recorded, %d received: %d lost, %d doubled; verdicts %v, reasons %q",
				n, len(f.Numerics), lost, doubled, f.Verdicts, f.Reasons)
		}
	})
}
