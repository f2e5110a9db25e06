package mqtt_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest/natstest"
)

// users are those whose certificates mqtttest.CA makes.
func users(gateways ...string) natstest.Users {
	return natstest.Users{Bare: true, Site: "*", Gateways: gateways}
}

// quick has a nats-server send again sooner what is not acknowledged.
var quick = []string{`ack_wait: "10s"`, `ack_wait: "1s"`}

// eachBroker runs a test against each kind of broker. Tests that run against one
// alone are about its access list, what it forgets when it is killed, or how far
// ahead of a receiver it sends: those differ, as scripts/nats says.
func eachBroker(t *testing.T, test func(t *testing.T, ca *mqtttest.CA, url string)) {
	t.Run("mosquitto", func(t *testing.T) {
		ca := mqtttest.NewCA(t)
		test(t, ca, mqtttest.StartMosquitto(t, ca).URL)
	})
	t.Run("nats", func(t *testing.T) {
		ca := mqtttest.NewCA(t)
		test(t, ca, natstest.Start(t, ca, users("gw-1", "gw-2"), quick...).Nodes[0].URL)
	})
}

// The access list of nats-server: a gateway writes below its own branch, and what
// it writes elsewhere is acknowledged and dropped; a subscription elsewhere, and a
// certificate without a line, are refused.
func TestNATSAccessList(t *testing.T) {
	ca := mqtttest.NewCA(t)
	url := natstest.Start(t, ca, users("gw-1", "gw-2"), quick...).Nodes[0].URL
	l := listen(t, ca.Config(url, "receiver"), "vs1/#")
	for name, forbidden := range map[string][]string{
		"gw-1": {
			"vs1/north/gw-2/" + device + "/data", "vs1/north/gw-2/state", "vs1/north/beacon/r", "vs1/state", "other", "vs1/gw-1/north/state",
			"vs1/north/gw-2/receipt/r", "vs1/north/gw-1", "vs1/north/gw-1.gw-2/state", "vs1//x", "$MQTT/sess/x", "$MQTT/msgs/vs1/north/gw-2/state", "$JS/API/STREAM/DELETE/$MQTT_msgs",
		},
		"receiver": {"vs1/north/gw-1/" + device + "/data", "vs1/north/gw-1/state", "vs1/north/gw-1/receipt/r/x", "vs1/north/gw-1/receipt"},
	} {
		var ms []mqtt.Message
		for _, topic := range forbidden {
			ms = append(ms, mqtt.Message{Topic: topic, Payload: []byte("forged by " + name)})
		}
		c := ca.Config(url, name)
		c.ClientID = "publisher-of-" + name
		publishAll(t, c, ms...)
	}
	publishAll(t, ca.Config(url, "gw-1"), mqtt.Message{Topic: "vs1/north/gw-1/state", Payload: []byte("allowed")})
	c := ca.Config(url, "receiver")
	c.ClientID = "beacons"
	publishAll(t, c, mqtt.Message{Topic: "vs1/north/beacon/r", Payload: []byte("sixteen bytes...")},
		mqtt.Message{Topic: "vs1/north/gw-1/receipt/r", Payload: []byte("a receipt")})
	l.wantOnly("vs1/north/gw-1/state allowed", "vs1/north/beacon/r sixteen bytes...", "vs1/north/gw-1/receipt/r a receipt")
	for _, name := range []string{"beacon", "gw-3", "+", "*", ">", "gw-1,O=x", "CN=gw-1"} {
		c := ca.Config(url, name)
		c.ClientID = "intruder"
		if err := mqtt.Probe(t.Context(), c); reasonOf(err) != mqtt.NotAuthorised {
			t.Errorf("a certificate for %q: %v", name, err)
		}
	}
	for _, filter := range []string{"vs1/#", "vs1/north/gw-1/#", "#", "$MQTT/#", "$MQTT/sub/#", "vs1/north/+/r", "vs1/north/+/receipt/r", "vs1/north/gw-1/receipt/r"} {
		if err := subscribeOnce(t, ca.Config(url, "gw-2"), filter); reasonOf(err) != mqtt.NotAuthorised {
			t.Errorf("a gateway subscribes to %q: %v", filter, err)
		}
	}
	for _, filter := range []string{"vs1/north/beacon/+", "vs1/north/gw-2/receipt/r", "vs1/north/gw-2/receipt/+"} {
		if err := subscribeOnce(t, ca.Config(url, "gw-2"), filter); err != nil {
			t.Errorf("a gateway subscribes to %q: %v", filter, err)
		}
	}
}

// subscribeOnce returns how the first attempt ends.
func subscribeOnce(t *testing.T, c mqtt.Config, filter string) error {
	t.Helper()
	// A nats-server keeps whoever comes before it knows that he is gone waiting, and
	// hangs up. So each attempt is somebody else's.
	c.ClientID = fmt.Sprintf("%s-%x", c.ClientID, filter)
	st := watch(&c)
	s, err := mqtt.NewSubscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, func(ctx context.Context) error {
		return s.Run(ctx, []string{filter}, func(r mqtt.Received) { r.Ack() })
	})
	first := st.wait(t, func(mqtt.State) bool { return true })
	stop()
	return first.Err
}

// A nats-server is killed three times under load and comes back on its files:
// unlike mosquitto it loses nothing that it acknowledged.
func TestNATSKilledUnderLoad(t *testing.T) {
	ca := mqtttest.NewCA(t)
	node := natstest.Start(t, ca, users("gw-1"), quick...).Nodes[0]
	l, q := loadOn(t, ca, node.URL, node.URL, func(int) {
		node.Kill()
		node.Start()
	})
	l.wait(len(q.messages))
	if lost := report(t, "nats-server killed 3 times", l, q); lost != 0 {
		t.Errorf("%d messages that were acknowledged are lost", lost)
	}
}

// One node of three is killed in the middle of a stream: the one that the gateway
// uses, the one that the receiver uses, or the third, and each in its turn with
// MQTT_TEST_LONG set. Who used it goes to the next one.
func TestNATSClusterLosesANode(t *testing.T) {
	ca := mqtttest.NewCA(t)
	cluster := natstest.StartCluster(t, ca, users("gw-1"), quick...)
	seed := seedOf(t)
	order, kills := rand.New(rand.NewPCG(seed, 0)).Perm(3), 1
	if os.Getenv("MQTT_TEST_LONG") != "" {
		kills = 3
	}
	gateway, receiver := mqtttest.StartProxy(t, cluster.Nodes[0].URL), mqtttest.StartProxy(t, cluster.Nodes[1].URL)
	used := map[*mqtttest.Proxy]int{gateway: 0, receiver: 1}
	away := -1
	l, q := loadOn(t, ca, gateway.URL, receiver.URL, func(round int) {
		if round >= kills {
			return
		}
		if away >= 0 {
			cluster.Nodes[away].Start()
		}
		away = order[round]
		cluster.Nodes[away].Kill()
		for relay, node := range used {
			if node == away {
				used[relay] = (node + 1) % 3
				relay.Forward(cluster.Nodes[used[relay]].URL)
			}
		}
	})
	l.wait(len(q.messages))
	t.Logf("killed the nodes %v; 0 is the gateway's at first, 1 the receiver's", order[:kills])
	if lost := report(t, "cluster of three, killed a node", l, q); lost != 0 {
		t.Errorf("%d messages that were acknowledged are lost", lost)
	}
}

// loadOn publishes 1,000 messages to a persistent subscriber and calls disturb
// after the 100th, 300th and 600th acknowledgement.
func loadOn(t *testing.T, ca *mqtttest.CA, gateway, receiver string, disturb func(round int)) (*listener, *queue) {
	t.Helper()
	// A broker that comes back may owe an answer for ever: it is given up soon.
	hasty := func(url, cn string) mqtt.Config {
		c := ca.Config(url, cn)
		c.KeepAlive, c.Timeout, c.AckTimeout = 20*time.Second, 10*time.Second, 5*time.Second
		return c
	}
	l := listen(t, hasty(receiver, "receiver"), "vs1/#")
	q := newQueue(t, numbered("vs1/north/gw-1/"+device+"/data", 1000)...)
	q.keep = true
	stop := publisher(t, hasty(gateway, "gw-1"), q)
	for round, n := range []int{100, 300, 600} {
		q.waitDone(n)
		disturb(round)
	}
	q.waitDone(len(q.messages))
	stop()
	return l, q
}
