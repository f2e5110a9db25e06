package sdk_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest/natstest"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// TestAcknowledgements has a broker that acknowledges late, too late, never, twice,
// or not before the next. What it took and did not acknowledge in time is sent
// again, and received once.
func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	for name := range acknowledging() {
		t.Run(name, func(t *testing.T) {
			eachBroker(t, func(t *testing.T, w *sdktest.Ward) {
				x := wireOf(t, w)
				x.conf.AckTimeout = 500 * time.Millisecond
				cert, roots, err := x.conf.Credentials()
				must(t, err)
				x.proxy.Forward(mqtttest.StartFront(t, x.brokerTLS(), x.broker, &tls.Config{
					MinVersion: tls.VersionTLS13, ServerName: "localhost", RootCAs: roots, Certificates: []tls.Certificate{cert},
				}, acknowledging()[name]))
				for range 5 {
					x.session()
				}
				x.verdict("acknowledged " + name)
			}, "oximeter")
		})
	}
}

// acknowledging are the ways of a broker with its acknowledgements.
func acknowledging() map[string]func(conn, n int, send func()) {
	after := func(d time.Duration, do func()) {
		<-time.After(d) // the broker's slowness
		do()
	}
	var mu sync.Mutex // a connection may not know yet that it has ended when the next begins
	before := map[int]func(){}
	return map[string]func(conn, n int, send func()){
		"late": func(_, _ int, send func()) { after(20*time.Millisecond, send) },
		"later than anybody waits": func(conn, _ int, send func()) {
			if conn%2 == 0 {
				after(700*time.Millisecond, func() {})
			}
			send()
		},
		"never, on every second connection": func(conn, _ int, send func()) {
			if conn%2 == 1 {
				send()
			}
		},
		"never the second, on every second connection": func(conn, n int, send func()) {
			if conn%2 == 1 || n != 1 {
				send()
			}
		},
		"twice": func(_, _ int, send func()) { send(); send() },
		"and again with the next": func(conn, _ int, send func()) {
			send()
			mu.Lock()
			again := before[conn]
			before[conn] = send
			mu.Unlock()
			if again != nil {
				again()
			}
		},
	}
}

// brokerTLS is what the site's broker shows and asks for.
func (x *wire) brokerTLS() *tls.Config {
	x.t.Helper()
	cert, err := tls.LoadX509KeyPair(filepath.Join(x.site, "broker", "cert.pem"), filepath.Join(x.site, "broker", "key.pem"))
	must(x.t, err)
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}
}

// TestCertificateExpiresInMidSession has a gateway's certificate end while it is
// connected: the connection goes on, a new one is refused until the certificate is
// renewed, and then everything arrives.
func TestCertificateExpiresInMidSession(t *testing.T) {
	eachBroker(t, testCertificateExpiresInMidSession, "oximeter")
}

func testCertificateExpiresInMidSession(t *testing.T, w *sdktest.Ward) {
	ca := mqtttest.NewCA(t) // the site's own issues no certificate for some seconds
	admit(t, filepath.Join(w.Dir, "broker", "ca.pem"), ca.File())
	w.Broker.Stop()
	w.Broker.Start()
	x := wireOf(t, w)
	_, roots, err := x.conf.Credentials()
	must(t, err)
	x.conf.Timeout, x.conf.AckTimeout, x.conf.KeepAlive = sdktest.Patience, sdktest.Patience, sdktest.Patience // slowness ends no connection
	var shown atomic.Pointer[tls.Certificate]
	show := func(change ...func(*x509.Certificate)) {
		named := func(c *x509.Certificate) { c.Subject.Organization = []string{"vitalseal ward-3"} } // as nats-server's list has it
		id := ca.Client("gw-1", append(change, named)...)
		shown.Store(&id.Certificate)
	}
	var ends time.Time
	showUntil := func(life time.Duration) {
		ends = time.Now().Add(life).Truncate(time.Second)
		show(func(c *x509.Certificate) { c.NotAfter = ends })
	}
	showUntil(7 * time.Second)
	x.conf.Credentials = func() (tls.Certificate, *x509.CertPool, error) { return *shown.Load(), roots, nil }
	states := make(chan mqtt.State, 10_000)
	x.conf.OnState = func(s mqtt.State) { states <- s }
	expect := func(what string, is func(mqtt.State) bool) mqtt.State {
		for deadline := time.After(sdktest.Patience); ; {
			select {
			case s := <-states:
				if is(s) {
					return s
				}
			case <-deadline:
				t.Fatal("waited in vain for " + what)
			}
		}
	}
	src := &growing{list: list{messages: x.first}, more: make(chan struct{}, 1)}
	src.add(x.sealed(10)...)
	p, err := mqtt.NewPublisher(x.conf)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, src) }()
	expired := func(s mqtt.State) bool {
		var e *mqtt.Error
		return errors.As(s.Err, &e) && e.Reason == mqtt.CertificateExpired
	}
	for life := 14 * time.Second; !expect("a connection", func(s mqtt.State) bool { return s.Connected || expired(s) }).Connected; life *= 2 {
		showUntil(life) // it took longer than that to connect
	}
	before := len(x.proxy.Traffic())
	<-time.After(time.Until(ends.Add(time.Second))) // the certificate's end
	src.add(x.sealed(10)...)
	x.got.Until("what was recorded after it", func(f *sdktest.Found) bool { return len(f.Numerics) >= x.n })
	if n := len(x.proxy.Traffic()) - before; n != 0 {
		t.Errorf("%d connections after the first and before the cut, want 0", n)
	}
	x.proxy.Cut()
	src.add(x.sealed(10)...)
	expect("the end of the connection", func(s mqtt.State) bool { return s.Err != nil })
	expect("a refusal", expired)
	show()
	expect("a connection with the renewed certificate", func(s mqtt.State) bool { return s.Connected })
	x.verdict("certificate expired in mid-session, renewed")
	cancel()
	must(t, <-ended)
}

// TestBrokersCertificateExpires has the broker's own certificate end while a
// gateway and a receiver are connected: both go on. Once they are cut off they say
// why they cannot come back and try on, and what is recorded meanwhile arrives
// once the broker has a new certificate.
func TestBrokersCertificateExpires(t *testing.T) {
	t.Parallel()
	eachBroker(t, testBrokersCertificateExpires, "oximeter")
}

func testBrokersCertificateExpires(t *testing.T, w *sdktest.Ward) {
	ca := mqtttest.NewCA(t) // the site's own issues no certificate for some seconds
	admit(t, filepath.Join(w.GatewayDir(), "ca.pem"), ca.File())
	admit(t, filepath.Join(w.RecipientDir(), "ca.pem"), ca.File())
	gateway, station := mqtttest.StartProxy(t, w.Broker.URL), mqtttest.StartProxy(t, w.Broker.URL)
	conf := w.Config()
	conf.Broker = gateway.URL
	conf.QuickBackoff(200 * time.Millisecond)
	receiving := sdk.ReceiverConfig{Broker: station.URL}
	receiving.QuickBackoff(200 * time.Millisecond)
	var state atomic.Pointer[mqtt.State] // the receiver's
	var made atomic.Uint64               // its connections
	receiving.OnState = func(s mqtt.State) {
		if s.Connected {
			made.Add(1)
		}
		state.Store(&s)
	}
	got := w.ReceiveWith(receiving)
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	n := 0
	record := func(what string) {
		for range 20 {
			must(t, d.Record(spo2(n)))
			n++
		}
		must(t, p.Sync(context.Background()))
		if what != "" {
			got.Until(what, func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
		}
	}
	await := func(what string, holds func(gateway, receiver mqtt.State) bool) {
		for deadline := time.Now().Add(sdktest.Patience); ; <-time.After(10 * time.Millisecond) {
			c := p.Stats().Connection
			if holds(mqtt.State{Connected: c.Connected, Err: c.Err}, *state.Load()) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain for %s: %v, %v", what, c.Err, state.Load().Err)
			}
		}
	}
	record("what was recorded before")
	serve := func(change ...func(*x509.Certificate)) {
		w.Broker.Stop()
		id := ca.Server(change...)
		files := filepath.Join(w.Dir, "broker")
		must(t, errors.Join(os.Rename(id.Files.Cert, filepath.Join(files, "cert.pem")), os.Rename(id.Files.Key, filepath.Join(files, "key.pem"))))
		w.Broker.Start()
	}
	var ends time.Time
	in := false
	for life := 4 * time.Second; !in; life *= 2 { // a slow machine needs more
		ends = time.Now().Add(life).Truncate(time.Second)
		g0, r0 := p.Stats().Connection.Count, made.Load() // those of before may not know yet that they have ended
		serve(func(c *x509.Certificate) { c.NotAfter = ends })
		await("both connections", func(g, r mqtt.State) bool {
			in = g.Connected && r.Connected && p.Stats().Connection.Count > g0 && made.Load() > r0
			return in || time.Now().After(ends)
		})
	}
	<-time.After(time.Until(ends.Add(time.Second))) // the certificate's end
	before := p.Stats().Connection.Count
	record("what was recorded after it")
	if again := p.Stats().Connection.Count - before; again != 0 {
		t.Errorf("%d connections were made without a cut", again)
	}
	gateway.Cut()
	station.Cut()
	record("")
	expired := func(s mqtt.State) bool {
		var e *mqtt.Error
		return !s.Connected && errors.As(s.Err, &e) && e.Reason == mqtt.BrokerExpired && e.Hint != ""
	}
	await("both to say that the broker's certificate is expired", func(g, r mqtt.State) bool { return expired(g) && expired(r) })
	record("")
	tried := len(gateway.Traffic())
	await("more attempts", func(g, r mqtt.State) bool { return len(gateway.Traffic()) >= tried+3 })
	serve()
	got.Until("all that was recorded", func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
	w.Close(p)
	got.EachOnce(n)
	got.Look(func(f *sdktest.Found) {
		t.Logf("broker's certificate expired: %d connections of the gateway, %d readings recorded, %d received, verdicts %v",
			len(gateway.Traffic()), n, len(f.Numerics), f.Verdicts)
	})
}

// admit adds an authority's certificate to a file of them.
func admit(t *testing.T, file, other string) {
	t.Helper()
	text, err := os.ReadFile(other)
	must(t, err)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.Write(text)
	must(t, errors.Join(err, f.Close()))
}

// growing is a list that waits for more at its end.
type growing struct {
	list
	more chan struct{}
}

func (g *growing) add(messages ...mqtt.Message) {
	g.mu.Lock()
	g.messages = append(g.messages, messages...)
	g.mu.Unlock()
	select {
	case g.more <- struct{}{}:
	default:
	}
}

func (g *growing) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	for {
		m, id, err := g.list.Next(ctx)
		if err != io.EOF {
			return m, id, err
		}
		select {
		case <-g.more:
		case <-ctx.Done():
			return m, 0, ctx.Err()
		}
	}
}

// TestPipelineOverNATS runs a whole pipeline over a cluster of three nats-servers
// and kills the node that it publishes to: every reading is received once.
func TestPipelineOverNATS(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter", "psk")
	cluster := natstest.StartCluster(t, mqtttest.NewCA(t), natstest.Users{}, natsConf(filepath.Join(w.Dir, "broker"))...)
	gateway := mqtttest.StartProxy(t, cluster.Nodes[0].URL)
	// While a cluster elects its leader it answers nobody: with the waits that spread
	// many gateways out, a few attempts in vain would be all that a test has time for.
	receiving := sdk.ReceiverConfig{Broker: cluster.Nodes[1].URL}
	receiving.QuickBackoff(time.Second)
	got := w.ReceiveWith(receiving)
	conf := w.Config()
	w.AwaitBeacon(sdk.ReceiverConfig{Identity: w.RecipientDir(), Broker: cluster.Nodes[0].URL}) // not only at the receiver's node
	conf.Broker = gateway.URL
	conf.QuickBackoff(time.Second)
	p := w.Open(conf)
	devices := []*sdk.Device{w.Device(p, "oximeter"), w.Device(p, "psk")}
	const n = 600
	for i := range n {
		must(t, devices[i%2].Record(spo2(i)))
		if i%10 == 9 {
			must(t, p.Sync(context.Background()))
		}
		if i == n/3 {
			got.Until("some", func(f *sdktest.Found) bool { return len(f.Numerics) >= 50 })
			cluster.Nodes[0].Kill()
			gateway.Forward(cluster.Nodes[2].URL)
		}
	}
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
	w.Close(p)
	got.EachOnce(n)
	got.Look(func(f *sdktest.Found) {
		t.Logf("one node of three killed: %d readings synced, %d received, verdicts %v", n, len(f.Numerics), f.Verdicts)
	})
}
