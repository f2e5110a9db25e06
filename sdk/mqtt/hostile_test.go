package mqtt_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest/natstest"
)

// reasonOf gives the Reason of err, "" if it has none.
func reasonOf(err error) mqtt.Reason {
	var e *mqtt.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Reason
}

// Five bytes that announce 256 MiB cost the connection and no memory.
func TestAnnouncedLengthIsNotAllocated(t *testing.T) {
	ca, conf := fakeTLS(t)
	bomb := []byte{0x30, 0xff, 0xff, 0xff, 0x7f}
	for when, answerConnect := range map[string]bool{"instead of CONNACK": false, "after CONNACK": true} {
		t.Run(when, func(t *testing.T) {
			url := fake(t, conf, func(conn *tls.Conn) {
				if answerConnect {
					welcome(conn, 0)
				}
				_, _ = conn.Write(bomb)
				_, _ = io.Copy(io.Discard, conn) // until the client hangs up
			})
			c := ca.Config(url, "receiver")
			c.MinBackoff, c.MaxBackoff = time.Hour, time.Hour // one connection only
			st := watch(&c)
			s, err := mqtt.NewSubscriber(c)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			stop := start(t, func(ctx context.Context) error {
				return s.Run(ctx, []string{"vs1/#"}, func(mqtt.Received) { t.Error("received something") })
			})
			lost := st.wait(t, disconnected)
			runtime.ReadMemStats(&after)
			stop()
			// What else runs in this process meanwhile counts as well.
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
				t.Errorf("%d bytes were allocated", got)
			}
			if reasonOf(lost.Err) != mqtt.TooLarge || !contains(lost.Err, "announced a packet of 268435455 bytes, more than the 65536 allowed") {
				t.Errorf("error %q (%v)", lost.Err, reasonOf(lost.Err))
			}
		})
	}
}

// What a broker has no business to send ends the connection with a reason
// before paho sees it. Several of these make paho panic or lie.
func TestHostilePackets(t *testing.T) {
	ca, conf := fakeTLS(t)
	for name, row := range map[string]struct {
		packet     []byte
		subscriber bool
		reason     mqtt.Reason
	}{
		"publish to a publisher":         {packet: []byte{0x32, 6, 0, 1, 'a', 0, 1, 'x'}},
		"suback to a publisher":          {packet: []byte{0x90, 3, 0, 1, 1}},
		"suback with too many codes":     {packet: []byte{0x90, 5, 0, 1, 1, 1, 1}, subscriber: true},
		"suback with no code":            {packet: []byte{0x90, 2, 0, 1}, subscriber: true},
		"suback refuses":                 {packet: []byte{0x90, 3, 0, 1, 0x80}, subscriber: true, reason: mqtt.NotAuthorised},
		"puback instead of suback":       {packet: []byte{0x40, 2, 0, 1}, subscriber: true, reason: mqtt.NotAuthorised},
		"unsuback":                       {packet: []byte{0xb0, 2, 0, 1}, subscriber: true},
		"pubrec":                         {packet: []byte{0x50, 2, 0, 1}},
		"pubcomp":                        {packet: []byte{0x70, 2, 0, 1}},
		"second connack":                 {packet: []byte{0x20, 2, 0, 0}},
		"connect":                        {packet: []byte{0x10, 2, 0, 0}},
		"type 0":                         {packet: []byte{0x00, 0}},
		"type 15":                        {packet: []byte{0xf0, 0}},
		"publish with qos 2":             {packet: []byte{0x34, 6, 0, 1, 'a', 0, 1, 'x'}, subscriber: true},
		"publish with qos 3":             {packet: []byte{0x36, 6, 0, 1, 'a', 0, 1, 'x'}, subscriber: true},
		"publish without topic":          {packet: []byte{0x32, 1, 0}, subscriber: true},
		"publish with a topic beyond it": {packet: []byte{0x32, 4, 0xff, 0xff, 0, 1}, subscriber: true},
		"puback too long":                {packet: []byte{0x40, 3, 0, 1, 0}},
		"puback with flags":              {packet: []byte{0x42, 2, 0, 1}},
		"five length bytes":              {packet: []byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}, subscriber: true},
	} {
		t.Run(name, func(t *testing.T) {
			url := fake(t, conf, func(conn *tls.Conn) {
				if _, ok := welcome(conn, 0); ok {
					_, _ = packets.ReadPacket(conn) // SUBSCRIBE or PUBLISH
					_, _ = conn.Write(row.packet)
					_, _ = io.Copy(io.Discard, conn)
				}
			})
			c := ca.Config(url, "client")
			c.MinBackoff, c.MaxBackoff = time.Hour, time.Hour
			st := watch(&c)
			if row.subscriber {
				s, _ := mqtt.NewSubscriber(c)
				start(t, func(ctx context.Context) error {
					return s.Run(ctx, []string{"vs1/#"}, func(r mqtt.Received) { r.Ack() })
				})
			} else {
				q := newQueue(t, numbered("vs1/north/gw-1/state", 1)...)
				publisher(t, c, q)
				defer func() {
					if len(q.done) != 0 {
						t.Error("counted as acknowledged")
					}
				}()
			}
			lost := st.wait(t, disconnected)
			want := row.reason
			if want == "" {
				want = mqtt.Protocol
			}
			if reasonOf(lost.Err) != want {
				t.Errorf("error %q is %q, want %q", lost.Err, reasonOf(lost.Err), want)
			}
		})
	}
}

// The broker cuts the connection at random, before and after PUBACK: each Done
// was acknowledged, and in the end all are.
func TestDoneOnlyAfterPuback(t *testing.T) {
	ca, conf := fakeTLS(t)
	var mu sync.Mutex
	acked, seen := map[string]bool{}, 0
	random := rand.New(rand.NewPCG(1, 2))
	url := fake(t, conf, func(conn *tls.Conn) {
		if _, ok := welcome(conn, 0); !ok {
			return
		}
		for {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return
			}
			pub, ok := p.(*packets.PublishPacket)
			if !ok {
				return // DISCONNECT
			}
			mu.Lock()
			seen++
			dice := random.IntN(60)
			if dice != 0 {
				acked[string(pub.Payload)] = true
			}
			mu.Unlock()
			if dice == 0 {
				return // seen and not acknowledged
			}
			if puback(conn, pub.MessageID) != nil || dice == 1 {
				return
			}
		}
	})
	check := &checked{queue: newQueue(t, numbered("vs1/north/gw-1/state", 1000)...), ok: func(payload string) bool {
		mu.Lock()
		defer mu.Unlock()
		return acked[payload]
	}}
	c := ca.Config(url, "gw-1")
	c.MaxBackoff, c.Timeout = 20*time.Millisecond, 5*time.Second // for noLeak
	p, err := mqtt.NewPublisher(c)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	if err := p.Run(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	if len(check.done) != 1000 {
		t.Errorf("%d of 1000 acknowledged", len(check.done))
	}
	t.Logf("1000 messages, %d connections cut, %d publishes seen by the broker (%d doubles)", check.rewinds-1, seen, seen-1000)
	noLeak(t, before)
}

// checked is a queue that asks at each Done whether the broker acknowledged.
type checked struct {
	*queue
	ok func(payload string) bool
}

func (c *checked) Done(id uint64) {
	if !c.ok(string(c.messages[id].Payload)) {
		c.t.Errorf("Done(%d) without PUBACK", id)
	}
	c.queue.Done(id)
}

// noLeak waits for the goroutines of closed connections to go. paho may hold a
// publish for its write timeout.
func noLeak(t *testing.T, before int) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(patience)
	for runtime.NumGoroutine() > before+2 {
		select {
		case <-ticker.C:
		case <-timeout:
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// A broker that takes publishes and never acknowledges sees the window and no
// more, loses the connection after AckTimeout, and gets no Done.
func TestWindowAndAckTimeout(t *testing.T) {
	ca, conf := fakeTLS(t)
	counts := make(chan int, 10_000) // publishes of each connection
	url := fake(t, conf, func(conn *tls.Conn) {
		n := 0
		if _, ok := welcome(conn, 0); ok {
			for p, err := packets.ReadPacket(conn); err == nil; p, err = packets.ReadPacket(conn) {
				if _, ok := p.(*packets.PublishPacket); ok {
					n++
				}
			}
		}
		counts <- n
	})
	c := ca.Config(url, "gw-1")
	c.Window, c.AckTimeout = 7, 2*time.Second
	st := watch(&c)
	q := newQueue(t, numbered("vs1/north/gw-1/state", 100)...)
	stop := publisher(t, c, q)
	st.wait(t, func(s mqtt.State) bool { return contains(s.Err, "no acknowledgement in time") })
	timeout := time.After(patience)
	for n := 0; n != 7; { // a slow machine may not have sent them all in that time at first
		select {
		case n = <-counts:
		case <-timeout:
			t.Fatal("the broker never saw a full window")
		}
		if n > 7 {
			t.Fatalf("the broker saw %d publishes in a window of 7", n)
		}
	}
	stop()
	if len(q.done) != 0 || q.peak > 7 {
		t.Errorf("%d done, %d offered at a time", len(q.done), q.peak)
	}
}

// A broker that stops reading blocks the connection; the end of ctx still ends
// Run, and nothing lingers.
func TestBlockedPublishEndsWithContext(t *testing.T) {
	ca, conf := fakeTLS(t)
	released := make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	defer release()
	url := fake(t, conf, func(conn *tls.Conn) {
		welcome(conn, 0)
		<-released
	})
	c := ca.Config(url, "gw-1")
	c.Timeout = 5 * time.Second
	st := watch(&c)
	var big []mqtt.Message
	for range 200 {
		big = append(big, mqtt.Message{Topic: "vs1/north/gw-1/state", Payload: make([]byte, 256<<10)})
	}
	before := runtime.NumGoroutine()
	q := newQueue(t, big...)
	stop := publisher(t, c, q)
	st.wait(t, connected)
	stop()
	release() // the broker's own goroutines
	noLeak(t, before)
}

// As above, but nobody ends ctx: the write timeout gives the connection up.
func TestBlockedPublishTimesOut(t *testing.T) {
	ca, conf := fakeTLS(t)
	release := make(chan struct{})
	url := fake(t, conf, func(conn *tls.Conn) {
		welcome(conn, 0)
		<-release
	})
	defer close(release)
	c := ca.Config(url, "gw-1")
	c.Timeout, c.AckTimeout = time.Second, time.Hour
	st := watch(&c)
	var big []mqtt.Message
	for range 64 {
		big = append(big, mqtt.Message{Topic: "vs1/north/gw-1/state", Payload: make([]byte, 1<<20)})
	}
	publisher(t, c, newQueue(t, big...))
	st.wait(t, func(s mqtt.State) bool { // a slow machine may not connect in that time at first
		return reasonOf(s.Err) == mqtt.Lost && contains(s.Err, "i/o timeout")
	})
}

// A broker that answers no ping is given up.
func TestUnansweredPing(t *testing.T) {
	ca, conf := fakeTLS(t)
	url := fake(t, conf, func(conn *tls.Conn) {
		welcome(conn, 0)
		_, _ = io.Copy(io.Discard, conn)
	})
	c := ca.Config(url, "gw-1")
	c.KeepAlive, c.Timeout = time.Second, 2*time.Second
	st := watch(&c)
	q := newQueue(t)
	q.keep = true
	publisher(t, c, q)
	st.wait(t, func(s mqtt.State) bool { return contains(s.Err, "no answer to a ping") }) // as above
}

func TestManyReconnectsLeakNothing(t *testing.T) {
	ca, conf := fakeTLS(t)
	url := fake(t, conf, func(conn *tls.Conn) {
		if _, ok := welcome(conn, 0); ok {
			_, _ = packets.ReadPacket(conn) // and hang up
		}
	})
	c := ca.Config(url, "gw-1")
	c.MinBackoff, c.MaxBackoff, c.Timeout = time.Millisecond, 2*time.Millisecond, time.Second
	st := watch(&c)
	before := runtime.NumGoroutine()
	q := newQueue(t, numbered("vs1/north/gw-1/state", 100)...)
	stop := publisher(t, c, q)
	d := ca.Config(url, "receiver")
	d.MinBackoff, d.MaxBackoff, d.Timeout = time.Millisecond, 2*time.Millisecond, time.Second
	dt := watch(&d)
	s, err := mqtt.NewSubscriber(d)
	if err != nil {
		t.Fatal(err)
	}
	stopSub := start(t, func(ctx context.Context) error {
		return s.Run(ctx, []string{"vs1/#"}, func(mqtt.Received) {})
	})
	for range 100 {
		st.wait(t, disconnected)
		dt.wait(t, disconnected)
	}
	stop()
	stopSub()
	noLeak(t, before)
}

// The broker is asked for MQTT 3.1.1 once; a refusal is not retried with 3.1,
// and a code outside the standard is not success.
func TestRefusedConnect(t *testing.T) {
	ca, conf := fakeTLS(t)
	for code, want := range map[byte]mqtt.Reason{
		1: mqtt.Refused, 2: mqtt.Refused, 3: mqtt.Refused, 4: mqtt.Refused, 5: mqtt.NotAuthorised,
		6: mqtt.Refused, 0x87: mqtt.Refused, 254: mqtt.Refused, 255: mqtt.Refused,
	} {
		versions := make(chan byte, 10)
		url := fake(t, conf, func(conn *tls.Conn) {
			if p, err := packets.ReadPacket(conn); err == nil {
				versions <- p.(*packets.ConnectPacket).ProtocolVersion
				_, _ = conn.Write([]byte{0x20, 2, 0, code})
			}
		})
		err := mqtt.Probe(t.Context(), ca.Config(url, "gw-1"))
		if reasonOf(err) != want || !contains(err, fmt.Sprintf("code %d (", code)) {
			t.Errorf("code %d: %v (%v)", code, err, reasonOf(err))
		}
		if v := <-versions; v != 4 || len(versions) != 0 {
			t.Errorf("code %d: CONNECT with version %d, and %d more", code, v, len(versions))
		}
	}
}

func TestProbe(t *testing.T) {
	ca, other := mqtttest.NewCA(t), mqtttest.NewCA(t)
	broker := mqtttest.StartMosquitto(t, ca)
	old := mqtttest.ServerTLS(ca)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
	tls12URL := fake(t, old, hangUp)
	plain := mqtttest.StartMosquitto(t, ca, "\ncafile", "\n#", "\ncertfile", "\n#", "\nkeyfile", "\n#", "\ntls_version", "\n#",
		"\nrequire_certificate", "\n#", "\nuse_identity_as_username", "\n#")
	mochi := mqtttest.StartMochi(t, ca)
	nats := natstest.Start(t, ca, users("gw-1")).Nodes[0]
	expiredURL := fake(t, withCertificate(ca.Server(mqtttest.Expired).Certificate, ca), hangUp)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	atIP := strings.Replace(broker.URL, "localhost", "127.0.0.1", 1)
	for name, row := range map[string]struct {
		url    string
		id     mqtttest.Identity
		change func(*mqtt.Config)
		want   mqtt.Reason
	}{
		"mosquitto":                     {url: broker.URL, id: ca.Client("gw-1")},
		"mosquitto by address":          {url: atIP, id: ca.Client("gw-1")},
		"mochi":                         {url: mochi.URL, id: ca.Client("gw-1")},
		"nats":                          {url: nats.URL, id: ca.Client("gw-1")},
		"broker of another CA":          {url: broker.URL, id: other.Client("gw-1"), want: mqtt.UnknownAuthority},
		"client of another CA":          {url: broker.URL, id: mixed(other.Client("gw-1"), ca), want: mqtt.CertificateRefused},
		"client of another CA at mochi": {url: mochi.URL, id: mixed(other.Client("gw-1"), ca), want: mqtt.CertificateRefused},
		"client of another CA at nats":  {url: nats.URL, id: mixed(other.Client("gw-1"), ca), want: mqtt.CertificateRefused},
		"expired client":                {url: broker.URL, id: ca.Client("gw-1", mqtttest.Expired), want: mqtt.CertificateExpired},
		"expired client at mochi":       {url: mochi.URL, id: ca.Client("gw-1", mqtttest.Expired), want: mqtt.CertificateExpired},
		"expired client at nats":        {url: nats.URL, id: ca.Client("gw-1", mqtttest.Expired), want: mqtt.CertificateExpired},
		"expired broker":                {url: expiredURL, id: ca.Client("gw-1"), want: mqtt.BrokerExpired},
		"other name":                    {url: broker.URL, id: ca.Client("gw-1"), change: func(c *mqtt.Config) { c.ServerName = "broker.example" }, want: mqtt.BrokerName},
		"tls 1.2 only":                  {url: tls12URL, id: ca.Client("gw-1"), want: mqtt.TLSTooOld},
		"plaintext":                     {url: plain.URL, id: ca.Client("gw-1"), want: mqtt.NotTLS},
		"plaintext that answers":        {url: strings.Replace(web.URL, "http", "mqtts", 1), id: ca.Client("gw-1"), want: mqtt.NotTLS},
		"nothing there":                 {url: "mqtts://localhost:" + mqtttest.FreePort(t), id: ca.Client("gw-1"), want: mqtt.Unreachable},
		"no such host":                  {url: "mqtts://broker.invalid", id: ca.Client("gw-1"), want: mqtt.Unreachable},
		"no certificate":                {url: broker.URL, change: func(c *mqtt.Config) { c.Credentials = bare(ca.Pool()) }, want: mqtt.CertificateRequired},
		"no roots":                      {url: broker.URL, change: func(c *mqtt.Config) { c.Credentials = credentials(ca.Client("gw-1"), nil) }, want: mqtt.BadCredentials},
		"empty roots":                   {url: broker.URL, change: func(c *mqtt.Config) { c.Credentials = credentials(ca.Client("gw-1"), x509.NewCertPool()) }, want: mqtt.BadCredentials},
		"no key file":                   {url: broker.URL, id: mqtttest.Identity{Files: mqtt.Files{Cert: "none.pem", Key: "none.key", CA: ca.File()}}, want: mqtt.BadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			c := mqtt.Config{Broker: row.url, ClientID: "gw-1", Credentials: row.id.Files.Load, Timeout: patience}
			if row.change != nil {
				row.change(&c)
			}
			err := mqtt.Probe(t.Context(), c)
			if row.want == "" && err != nil || reasonOf(err) != row.want {
				t.Fatalf("%v (%q), want %q", err, reasonOf(err), row.want)
			}
			var e *mqtt.Error
			if errors.As(err, &e) {
				t.Logf("%v\n\thint: %s", e, e.Hint)
				if e.Hint == "" {
					t.Error("no hint")
				}
			}
		})
	}
}

// mixed is an identity that trusts ca although another issued it.
func mixed(id mqtttest.Identity, ca *mqtttest.CA) mqtttest.Identity {
	id.Files.CA = ca.File()
	return id
}

func credentials(id mqtttest.Identity, roots *x509.CertPool) func() (tls.Certificate, *x509.CertPool, error) {
	return func() (tls.Certificate, *x509.CertPool, error) { return id.Certificate, roots, nil }
}

func bare(roots *x509.CertPool) func() (tls.Certificate, *x509.CertPool, error) {
	return credentials(mqtttest.Identity{}, roots)
}

func withCertificate(cert tls.Certificate, ca *mqtttest.CA) *tls.Config {
	conf := mqtttest.ServerTLS(ca)
	conf.Certificates = []tls.Certificate{cert}
	return conf
}

func hangUp(*tls.Conn) {}

// The shipped configuration admits no client without a certificate.
func TestBrokerRequiresCertificate(t *testing.T) { eachBroker(t, testBrokerRequiresCertificate) }

func testBrokerRequiresCertificate(t *testing.T, ca *mqtttest.CA, url string) {
	conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "mqtts://"), &tls.Config{RootCAs: ca.Pool()})
	if err == nil { // in TLS 1.3 the verdict comes with the first read
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	if !contains(err, "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
}

// Each connection shows both certificates again: TLS 1.3 and no resumption.
func TestNoResumption(t *testing.T) {
	ca, conf := fakeTLS(t)
	seen := make(chan tls.ConnectionState, 3)
	url := fake(t, conf, func(conn *tls.Conn) {
		seen <- conn.ConnectionState()
		welcome(conn, 0)
		_, _ = packets.ReadPacket(conn)
	})
	c := ca.Config(url, "gw-1")
	for range 3 {
		if err := mqtt.Probe(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if s := <-seen; s.DidResume || s.Version != tls.VersionTLS13 || len(s.PeerCertificates) == 0 {
			t.Errorf("resumed %t, version %#x, %d client certificates", s.DidResume, s.Version, len(s.PeerCertificates))
		}
	}
}

func TestProxyFromEnvironmentIsIgnored(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMochi(t, ca)
	for _, name := range []string{"all_proxy", "ALL_PROXY", "HTTPS_PROXY", "https_proxy"} {
		t.Setenv(name, "socks5://127.0.0.1:1")
	}
	if err := mqtt.Probe(t.Context(), ca.Config(broker.URL, "gw-1")); err != nil {
		t.Error(err)
	}
}
