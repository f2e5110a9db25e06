package mqtt_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

func TestPublishAndReceive(t *testing.T) { eachBroker(t, testPublishAndReceive) }

func testPublishAndReceive(t *testing.T, ca *mqtttest.CA, url string) {
	l := listen(t, ca.Config(url, "receiver"), "vs1/#")
	topic := "vs1/north/gw-1/" + device + "/data"
	publishAll(t, ca.Config(url, "gw-1"), numbered(topic, 200)...)
	l.wait(200)
}

// Receivers take any order, and nats-server does not always keep it: this is what
// the subscriber must not add to.
func TestOrderIsKept(t *testing.T) {
	ca := mqtttest.NewCA(t)
	url := mqtttest.StartMosquitto(t, ca).URL
	l := listen(t, ca.Config(url, "receiver"), "vs1/#")
	publishAll(t, ca.Config(url, "gw-1"), numbered("vs1/north/gw-1/"+device+"/data", 200)...)
	l.wait(200)
	if !slices.IsSortedFunc(l.arrived(), func(a, b mqtt.Received) int { return slices.Compare(a.Payload, b.Payload) }) {
		t.Error("one publisher's messages arrived out of order")
	}
}

// The broker acknowledges what its access list denies (MQTT 3.1.1 has no other
// answer), so the proof is that the message does not arrive while one published
// after it does.
func TestAccessList(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMosquitto(t, ca)
	l := listen(t, ca.Config(broker.URL, "receiver"), "vs1/#")
	for name, forbidden := range map[string][]string{
		"gw-1": {
			"vs1/north/gw-2/" + device + "/data", "vs1/north/gw-2/state", "vs1/north/beacon/r", "vs1/state", "other", "vs1/gw-1/north/state",
			"vs1/north/gw-2/receipt/r", "vs1/north/receipt/r",
		},
		"beacon":   {"vs1/north/beacon/r", "vs1/north/beacon/state", "vs1/north/gw-1/receipt/beacon"},
		"receiver": {"vs1/north/gw-1/" + device + "/data", "vs1/north/gw-1/state", "vs1/north/gw-1/receipt/r/x", "vs1/north/gw-1/receipt"},
		"+":        {"vs1/north/gw-1/" + device + "/data"},
		"#":        {"vs1/north/gw-1/" + device + "/data"},
	} {
		var ms []mqtt.Message
		for _, topic := range forbidden {
			ms = append(ms, mqtt.Message{Topic: topic, Payload: []byte("forged by " + name)})
		}
		c := ca.Config(broker.URL, name)
		c.ClientID = "publisher of " + name
		publishAll(t, c, ms...)
	}
	c := ca.Config(broker.URL, "gw-1")
	c.ClientID = "allowed"
	publishAll(t, c, mqtt.Message{Topic: "vs1/north/gw-1/state", Payload: []byte("allowed")})
	c = ca.Config(broker.URL, "receiver")
	c.ClientID = "beacons"
	publishAll(t, c, mqtt.Message{Topic: "vs1/north/beacon/r", Payload: []byte("sixteen bytes...")},
		mqtt.Message{Topic: "vs1/north/gw-1/receipt/r", Payload: []byte("a receipt")})
	l.wantOnly("vs1/north/gw-1/state allowed", "vs1/north/beacon/r sixteen bytes...", "vs1/north/gw-1/receipt/r a receipt")
}

// A gateway reads beacons and the receipts for it, and nothing of another gateway's
// branch.
func TestGatewayReadsBeaconsAndReceiptsOnly(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMosquitto(t, ca)
	spy := ca.Config(broker.URL, "gw-2")
	l := listen(t, spy, "vs1/#")
	publishAll(t, ca.Config(broker.URL, "gw-1"), mqtt.Message{Topic: "vs1/north/gw-1/state", Payload: []byte("secret")})
	publishAll(t, ca.Config(broker.URL, "receiver"), mqtt.Message{Topic: "vs1/north/gw-1/receipt/r", Payload: []byte("another's")},
		mqtt.Message{Topic: "vs1/north/beacon/r", Payload: []byte("beacon")}, mqtt.Message{Topic: "vs1/north/gw-2/receipt/r", Payload: []byte("its own")})
	l.wantOnly("vs1/north/beacon/r beacon", "vs1/north/gw-2/receipt/r its own")
}

// The broker stops (with a saved state) and comes back while 1,000 messages are
// under way, several times: every acknowledged message arrives, doubles are
// counted.
func TestBrokerRestartsUnderLoad(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMosquitto(t, ca)
	l, q := load(t, ca, broker, broker.Stop)
	l.wait(len(q.messages))
	report(t, "stopped 3 times", l, q)
}

// The broker is killed: what it had acknowledged and neither passed on nor saved
// is gone with its memory, and so is a subscriber's session that it never saved.
// That is the broker's loss, which receivers see as a gap; here it is only
// counted. Every message must still be acknowledged in the end.
func TestBrokerKilledUnderLoad(t *testing.T) {
	for name, save := range map[string]bool{"session never saved": false, "session saved": true} {
		t.Run(name, func(t *testing.T) {
			ca := mqtttest.NewCA(t)
			broker := mqtttest.StartMosquitto(t, ca)
			l, q := load(t, ca, broker, func() {
				if save {
					broker.Save()
				}
				broker.Kill()
			})
			publishAll(t, ca.Config(broker.URL, "gw-2"), mqtt.Message{Topic: "vs1/north/gw-2/state", Payload: []byte("last"), Retain: true})
			// It comes after all that the broker still holds.
			l.until(func() bool { return l.has("vs1/north/gw-2/state", "last") })
			report(t, "killed 3 times, "+name, l, q)
		})
	}
}

// load publishes 1,000 messages to a persistent subscriber and ends the broker
// after the 100th, 300th and 600th acknowledgement.
func load(t *testing.T, ca *mqtttest.CA, broker *mqtttest.Mosquitto, end func()) (*listener, *queue) {
	t.Helper()
	return loadOn(t, ca, broker.URL, broker.URL, func(int) {
		end()
		broker.Start()
	})
}

// report says what became of what was acknowledged, and returns how much is lost.
func report(t *testing.T, how string, l *listener, q *queue) (lost int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	doubled := 0
	for i := range q.messages {
		switch n := l.count[q.messages[i].Topic+" "+string(q.messages[i].Payload)]; n {
		case 0:
			lost++
		default:
			doubled += n - 1
		}
	}
	t.Logf("broker %s: %d messages, %d acknowledged, %d offered, %d lost by the broker, %d received twice or more, %d connections lost",
		how, len(q.messages), len(q.done), q.offers, lost, doubled, q.rewinds-1)
	return lost
}

func TestRenewedCertificateIsUsed(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMosquitto(t, ca)
	old, renewed := ca.Client("gw-1"), ca.Client("gw-1")
	var connections atomic.Int32
	var serial atomic.Value
	var renewing sync.Mutex // no attempt begins before the renewal and ends after it
	c := ca.Config(broker.URL, "gw-1")
	c.Credentials = func() (tls.Certificate, *x509.CertPool, error) {
		renewing.Lock()
		defer renewing.Unlock()
		cert, pool, err := old.Files.Load()
		if err == nil {
			leaf, _ := x509.ParseCertificate(cert.Certificate[0])
			serial.Store(leaf.SerialNumber.String())
			connections.Add(1)
		}
		return cert, pool, err
	}
	st := watch(&c)
	q := newQueue(t)
	q.keep = true
	publisher(t, c, q)
	st.wait(t, connected)
	if got := serial.Load(); got != old.Certificate.Leaf.SerialNumber.String() {
		t.Fatalf("first connection with certificate %v", got)
	}
	renewing.Lock()
	broker.Stop()
	move(t, renewed.Files.Cert, old.Files.Cert)
	move(t, renewed.Files.Key, old.Files.Key)
	renewing.Unlock()
	broker.Start()
	st.wait(t, connected)
	if got := serial.Load(); got != renewed.Certificate.Leaf.SerialNumber.String() {
		t.Errorf("connection %d with certificate %v, not the renewed one", connections.Load(), got)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// The broker publishes the will when the connection is cut, and the publisher
// itself when it leaves; the online message comes first on each connection.
func TestWillAndOnline(t *testing.T) { eachBroker(t, testWillAndOnline) }

func testWillAndOnline(t *testing.T, ca *mqtttest.CA, url string) {
	l := listen(t, ca.Config(url, "receiver"), "vs1/+/+/state")
	c := ca.Config(url, "gw-1")
	c.Online = &mqtt.Message{Topic: "vs1/north/gw-1/state", Payload: []byte("online"), Retain: true}
	c.Will = &mqtt.Message{Topic: "vs1/north/gw-1/state", Payload: []byte("gone"), Retain: true}
	relay := mqtttest.StartProxy(t, url)
	c.Broker = relay.URL
	// Who comes back before the broker knows that he was gone takes his session over,
	// and a nats-server then publishes no will. So he comes back when he may.
	var mayConnect sync.Mutex
	load := c.Credentials
	c.Credentials = func() (tls.Certificate, *x509.CertPool, error) {
		mayConnect.Lock()
		defer mayConnect.Unlock()
		return load()
	}
	st := watch(&c)
	q := newQueue(t)
	q.keep = true
	stop := publisher(t, c, q)
	st.wait(t, connected)
	l.wantStates("online")
	mayConnect.Lock()
	relay.Cut()
	st.wait(t, disconnected)
	l.wantStates("online", "gone")
	mayConnect.Unlock()
	st.wait(t, connected)
	l.wantStates("online", "gone", "online")
	stop()
	l.wantStates("online", "gone", "online", "gone") // and once more if the broker was slow to acknowledge it
	// A nats-server may keep what is retained some time after it acknowledged it.
	deadline := time.Now().Add(patience)
	for n := 0; ; n++ {
		late := ca.Config(url, "receiver")
		late.ClientID = fmt.Sprint("late-", n)
		r := firstRetained(t, late, "vs1/+/+/state")
		if string(r.Payload) == "gone" && r.Retained {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a late receiver finds %q, retained %t", r.Payload, r.Retained)
		}
	}
}

// wantStates returns once that many messages are here, without those that the
// broker sent again, and checks them.
func (l *listener) wantStates(want ...string) {
	l.t.Helper()
	var got []string
	l.until(func() bool {
		got = nil
		for _, r := range l.order {
			if !r.Duplicate {
				got = append(got, string(r.Payload))
			}
		}
		return len(got) >= len(want)
	})
	if !slices.Equal(got[:len(want)], want) {
		l.t.Fatalf("states = %q, want %q", got, want)
	}
}

// firstRetained is what a new receiver gets first, nothing if nothing comes.
func firstRetained(t *testing.T, c mqtt.Config, filter string) (first mqtt.Received) {
	t.Helper()
	s, err := mqtt.NewSubscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, found := context.WithTimeout(t.Context(), patience/10)
	defer found()
	if err := s.Run(ctx, []string{filter}, func(r mqtt.Received) {
		if r.Ack(); first.Topic == "" {
			first = r
			found()
		}
	}); err != nil {
		t.Fatal(err)
	}
	return first
}

// A receiver that dies before it acknowledges gets the messages again.
func TestUnacknowledgedComesAgain(t *testing.T) { eachBroker(t, testUnacknowledgedComesAgain) }

func testUnacknowledgedComesAgain(t *testing.T, ca *mqtttest.CA, url string) {
	c := ca.Config(url, "receiver")
	relay := mqtttest.StartProxy(t, url)
	c.Broker = relay.URL
	st := watch(&c)
	first, err := mqtt.NewSubscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan mqtt.Received, 1000) // more than two windows
	stop := start(t, func(ctx context.Context) error {
		return first.Run(ctx, []string{"vs1/#"}, func(r mqtt.Received) { got <- r })
	})
	st.wait(t, connected)
	publishAll(t, ca.Config(url, "gw-1"), numbered("vs1/north/gw-1/"+device+"/data", 10)...)
	var held []mqtt.Received
	for different := map[string]bool{}; len(different) < 10; { // a slow one gets some again before
		r := <-got
		held = append(held, r)
		different[string(r.Payload)] = true
	}
	held[0].Ack()
	relay.Cut()
	st.wait(t, disconnected)
	for _, r := range held {
		r.Ack() // of a dead connection: without effect, without harm
		r.Ack()
	}
	stop()
	l := listen(t, ca.Config(url, "receiver"), "vs1/#")
	l.wait(9)
	for _, r := range l.arrived() {
		if !r.Duplicate {
			t.Errorf("%q comes again without the duplicate flag", r.Payload)
		}
	}
}

// TestResubscribe has a subscriber that is there ask for what is retained: it comes
// again, as retained, on the same connection, and what is published meanwhile too.
func TestResubscribe(t *testing.T) { eachBroker(t, testResubscribe) }

func testResubscribe(t *testing.T, ca *mqtttest.CA, url string) {
	c := ca.Config(url, "receiver")
	st := watch(&c)
	s, err := mqtt.NewSubscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Resubscribe() // without a connection: nothing, and no harm
	got := make(chan mqtt.Received, 1000)
	start(t, func(ctx context.Context) error {
		return s.Run(ctx, []string{"vs1/#"}, func(r mqtt.Received) { r.Ack(); got <- r })
	})
	st.wait(t, connected)
	kept := "vs1/north/gw-1/" + device + "/anchor/0123456789abcdef"
	live := "vs1/north/gw-1/" + device + "/data"
	until := func(topic, payload string, retained bool) {
		t.Helper()
		for deadline := time.After(patience); ; {
			select {
			case r := <-got:
				if r.Topic == topic && string(r.Payload) == payload && r.Retained == retained {
					return
				}
			case <-deadline:
				t.Fatalf("%q does not come (retained: %t)", payload, retained)
			}
		}
	}
	publishAll(t, ca.Config(url, "gw-1"), mqtt.Message{Topic: kept, Payload: []byte("anchor"), Retain: true})
	until(kept, "anchor", false)
	for n := range 3 {
		s.Resubscribe()
		publishAll(t, ca.Config(url, "gw-1"), mqtt.Message{Topic: live, Payload: fmt.Appendf(nil, "m%d", n)})
		until(kept, "anchor", true)
	}
	publishAll(t, ca.Config(url, "gw-1"), mqtt.Message{Topic: live, Payload: []byte("last")})
	until(live, "last", false)
	select {
	case state := <-st:
		t.Errorf("on the way: %+v", state)
	default:
	}
}

// A stalled receiver holds no more than its window, keeps the connection while
// the broker's own limit is no larger, and gets everything in order after.
func TestReceiverWindow(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMosquitto(t, ca, "max_inflight_messages 64", "max_inflight_messages 0")
	c := ca.Config(broker.URL, "receiver")
	c.Window = 8
	st := watch(&c)
	s, err := mqtt.NewSubscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan mqtt.Received, 1000)
	start(t, func(ctx context.Context) error {
		return s.Run(ctx, []string{"vs1/#"}, func(r mqtt.Received) { got <- r })
	})
	st.wait(t, connected)
	publishAll(t, ca.Config(broker.URL, "gw-1"), numbered("vs1/north/gw-1/"+device+"/data", 500)...)
	for i := 0; i < 500; {
		var held []mqtt.Received
		for range min(8, 500-i) {
			held = append(held, <-got)
		}
		if extra := len(got); extra != 0 {
			t.Fatalf("%d messages beyond the window of 8", extra)
		}
		for _, r := range held {
			if want := fmt.Sprintf("m%05d", i); string(r.Payload) != want {
				t.Fatalf("message %d is %q", i, r.Payload)
			}
			i++
		}
		for _, r := range held {
			r.Ack()
		}
	}
}

// A receiver that stalls for longer than the keep-alive, with a broker that
// sends far ahead, loses its connection and then nothing.
func TestStalledReceiverLosesNothing(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMosquitto(t, ca, "max_inflight_messages 64", "max_inflight_messages 0")
	c := ca.Config(broker.URL, "receiver")
	c.Window, c.KeepAlive, c.Timeout = 4, 2*time.Second, 2*time.Second
	st := watch(&c)
	s, err := mqtt.NewSubscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	var stalled atomic.Bool
	stalled.Store(true)
	var mu sync.Mutex
	got, all := map[string]bool{}, make(chan struct{})
	whole := sync.OnceFunc(func() { close(all) })
	start(t, func(ctx context.Context) error {
		return s.Run(ctx, []string{"vs1/#"}, func(r mqtt.Received) {
			if stalled.Load() {
				return // never acknowledged
			}
			r.Ack()
			mu.Lock()
			defer mu.Unlock()
			if got[string(r.Payload)] = true; len(got) == 100 {
				whole()
			}
		})
	})
	st.wait(t, connected)
	publishAll(t, ca.Config(broker.URL, "gw-1"), numbered("vs1/north/gw-1/"+device+"/data", 100)...)
	st.wait(t, func(s mqtt.State) bool { return contains(s.Err, "no answer to a ping") })
	stalled.Store(false)
	select {
	case <-all:
	case <-time.After(patience):
		t.Error("not all messages arrived")
	}
}

// BenchmarkPublish gives messages of 1 KiB from Next to Done, with the default
// window.
func BenchmarkPublish(b *testing.B) {
	ca := mqtttest.NewCA(b)
	for name, url := range map[string]string{
		"mosquitto": mqtttest.StartMosquitto(b, ca, "log_type all", "log_type information").URL,
		"mochi":     mqtttest.StartMochi(b, ca).URL,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(1024)
			m := mqtt.Message{Topic: "vs1/north/gw-1/" + device + "/data", Payload: make([]byte, 1024)}
			publishAll(b, ca.Config(url, "gw-1"), slices.Repeat([]mqtt.Message{m}, b.N)...)
		})
	}
}

func ExampleSubscriber() {
	c := mqtt.Config{
		Broker:      "mqtts://broker.ward.example:8883",
		ClientID:    "receiver-1",
		Credentials: mqtt.Files{Cert: "receiver.pem", Key: "receiver.key", CA: "ca.pem"}.Load,
	}
	sub, err := mqtt.NewSubscriber(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // an example has no broker
	err = sub.Run(ctx, []string{"vs1/north/#"}, func(r mqtt.Received) {
		topic, err := mqtt.ParseTopic(r.Topic)
		if err == nil {
			fmt.Println(topic.Device, len(r.Payload)) // store it, then:
		}
		r.Ack()
	})
	fmt.Println(err)
	// Output: <nil>
}
