package sdk_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// perSession is how many messages one session of the rig publishes.
const perSession = 3

// wire is a sensor that seals for itself, a publisher, a proxy and a broker, with
// a receiver behind them that judges and dedupes.
type wire struct {
	t      *testing.T
	site   string // its directory
	broker string // its address
	proxy  *mqtttest.Proxy
	conf   mqtt.Config
	sensor *sdktest.Sealing
	topic  mqtt.Topic
	got    *sdktest.Collector
	n      int // readings published
	first  []mqtt.Message
}

func wireOf(t *testing.T, w *sdktest.Ward) *wire {
	t.Helper()
	x := &wire{t: t, site: w.Dir, broker: w.Broker.URL, sensor: w.NewSealing("monitor-4"), proxy: mqtttest.StartProxy(t, w.Broker.URL)}
	x.got = w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	dir := w.GatewayDir()
	x.conf = mqtt.Config{
		Broker: x.proxy.URL, ClientID: "gw-1",
		Credentials: mqtt.Files{Cert: filepath.Join(dir, "gateway.pem"), Key: filepath.Join(dir, "gateway.key"), CA: filepath.Join(dir, "ca.pem")}.Load,
		MinBackoff:  time.Millisecond, MaxBackoff: 10 * time.Millisecond,
		Timeout: 2 * time.Second, AckTimeout: 2 * time.Second,
	}
	kid := x.sensor.KeyID()
	x.topic = mqtt.Topic{Kind: mqtt.KindData, Site: "ward-3", Gateway: "gw-1", Device: fmt.Sprintf("%x", kid[:])}
	anchor := x.topic
	anchor.Kind, anchor.EID = mqtt.KindAnchor, "0123456789abcdef"
	x.first = []mqtt.Message{{Topic: anchor.String(), Payload: x.sensor.Begin(seal.Beacon{}), Retain: true}}
	return x
}

// session publishes the next readings until the broker has acknowledged them all,
// over as many connections as that takes.
func (x *wire) session() {
	x.t.Helper()
	src := &list{messages: append(x.first, x.sealed(perSession)...)}
	x.first = nil
	p, err := mqtt.NewPublisher(x.conf)
	must(x.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), sdktest.Patience)
	defer cancel()
	must(x.t, p.Run(ctx, src))
	if len(src.done) != len(src.messages) {
		x.t.Fatalf("%d of %d messages were acknowledged", len(src.done), len(src.messages))
	}
}

// sealed are messages with the next n readings.
func (x *wire) sealed(n int) (all []mqtt.Message) {
	for range n {
		all = append(all, mqtt.Message{Topic: x.topic.String(), Payload: x.sensor.Seal(spo2(x.n))})
		x.n++
	}
	return all
}

// verdict waits for the readings and checks that each was received once.
func (x *wire) verdict(what string) {
	x.t.Helper()
	x.got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= x.n })
	x.got.EachOnce(x.n)
	x.got.Look(func(f *sdktest.Found) {
		x.t.Logf("%s: %d connections, %d readings published, %d received, verdicts %v", what, len(x.proxy.Traffic()), x.n, len(f.Numerics), f.Verdicts)
		// Silent is the ward's other device, when the rig takes longer than that is waited for.
		harmless := []receive.Verdict{receive.Valid, receive.Duplicate, receive.Gap, receive.Filled, receive.Silent}
		for v := range f.Verdicts {
			if !slices.Contains(harmless, v) {
				x.t.Errorf("a fault of the network looks like an attack: %q", f.Reasons)
			}
		}
	})
}

// list is a mqtt.Source of some messages.
type list struct {
	mu       sync.Mutex
	messages []mqtt.Message
	next     int
	done     map[uint64]bool
}

func (l *list) Next(context.Context) (mqtt.Message, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; l.next < len(l.messages); l.next++ {
		if !l.done[uint64(l.next)] {
			l.next++
			return l.messages[l.next-1], uint64(l.next - 1), nil
		}
	}
	return mqtt.Message{}, 0, io.EOF
}

func (l *list) Done(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = map[uint64]bool{}
	}
	l.done[id] = true
}

func (l *list) Rewind() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = 0
}

// TestCutAtEveryByte cuts the first connection of a session after each of its
// bytes, in either direction: of its TLS handshake, of CONNECT, of each message
// and each acknowledgement. By default a sample; SDK_EVERY_BYTE=1 takes all.
func TestCutAtEveryByte(t *testing.T) { eachBroker(t, testCutAtEveryByte, "oximeter") }

func testCutAtEveryByte(t *testing.T, w *sdktest.Ward) {
	x := wireOf(t, w)
	seed := uint64(number(t, "SDK_SEED", int(rand.Uint32())))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x.session() // with the anchor
	x.session()
	whole := x.proxy.Traffic()[1]
	step := 150
	if os.Getenv("SDK_EVERY_BYTE") != "" {
		step = 1
	}
	cuts := 0
	for _, dir := range []struct {
		name  string
		bytes int
		plan  func(f mqtttest.Fault) (up, down mqtttest.Fault)
	}{
		{"up", whole.Up, func(f mqtttest.Fault) (up, down mqtttest.Fault) { return f, mqtttest.Fault{} }},
		{"down", whole.Down, func(f mqtttest.Fault) (up, down mqtttest.Fault) { return mqtttest.Fault{}, f }},
	} {
		for at := rng.IntN(step); at <= dir.bytes; at += step {
			kind := mqtttest.Cut
			if step > 1 && cuts%2 == 1 {
				kind = mqtttest.Reset
			}
			x.faulty(dir.plan, mqtttest.Fault{Kind: kind, After: at})
			x.session()
			cuts++
		}
	}
	x.verdict(fmt.Sprintf("%d cuts of a session of %d bytes up and %d down", cuts, whole.Up, whole.Down))
}

// faulty has the next connection suffer f, and none after it.
func (x *wire) faulty(plan func(mqtttest.Fault) (up, down mqtttest.Fault), f mqtttest.Fault) {
	x.proxy.Plan(func(n int) (up, down mqtttest.Fault) {
		if n > 0 {
			return up, down
		}
		return plan(f)
	})
}

// TestNetworkFaults has connections end early, stall, crawl, go silent and lose
// bytes, one fault in each direction at random places, many times over.
func TestNetworkFaults(t *testing.T) { eachBroker(t, testNetworkFaults, "oximeter") }

func testNetworkFaults(t *testing.T, w *sdktest.Ward) {
	seed := uint64(number(t, "SDK_SEED", int(rand.Uint32())))
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	x := wireOf(t, w)
	x.conf.Timeout, x.conf.AckTimeout = 500*time.Millisecond, 500*time.Millisecond
	kinds := []mqtttest.FaultKind{
		mqtttest.NoFault, mqtttest.Cut, mqtttest.Reset, mqtttest.Truncate, mqtttest.HalfOpen, mqtttest.Lose,
		mqtttest.Stall, mqtttest.Delay, mqtttest.Throttle,
	}
	suffered := map[mqtttest.FaultKind]int{}
	for range number(t, "SDK_FAULTS", 24) {
		var mu sync.Mutex
		fault := func(bytes int) mqtttest.Fault {
			kind := kinds[rng.IntN(len(kinds))]
			suffered[kind]++
			return mqtttest.Fault{Kind: kind, After: rng.IntN(bytes), Wait: time.Duration(1+rng.IntN(20)) * time.Millisecond}
		}
		x.proxy.Plan(func(n int) (up, down mqtttest.Fault) {
			mu.Lock()
			defer mu.Unlock()
			if n > 1 {
				return up, down
			}
			return fault(4500), fault(3500)
		})
		x.session()
	}
	delete(suffered, mqtttest.NoFault)
	x.verdict(fmt.Sprintf("faults %v", suffered))
}
