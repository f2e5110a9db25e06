package mqtt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

func TestBrokerAddress(t *testing.T) {
	files := mqtt.Files{}
	for broker, want := range map[string]string{
		"mqtts://broker:8883": "", "tls://broker:8883": "", "ssl://broker:1": "", "MQTTS://broker": "", "mqtts://[::1]:8883/": "",
		"":                     "no scheme",
		"broker:8883":          "no scheme",
		"mqtt://broker:1883":   "plaintext",
		"tcp://broker:1883":    "plaintext",
		"TCP://broker:1883":    "plaintext",
		"ws://broker":          "plaintext",
		"wss://broker":         "not known",
		"unix:///run/broker":   "not known",
		"mqtts://":             "not host:port",
		"mqtts://broker:x":     "not host:port",
		"mqtts://u:hunter2@b":  "not host:port",
		"mqtt://u:hunter2@b":   "plaintext",
		"mqtts://broker/a?b=c": "not host:port",
	} {
		_, err := mqtt.NewPublisher(mqtt.Config{Broker: broker, ClientID: "gw-1", Credentials: files.Load})
		if want == "" && err != nil || want != "" && !contains(err, want) {
			t.Errorf("broker %q: %v, want %q", broker, err, want)
		}
		var e *mqtt.Error
		if want != "" && (!errors.As(err, &e) || e.Reason != mqtt.BadConfig || !strings.Contains(e.Hint, "mqtts://")) {
			t.Errorf("broker %q: no hint in %#v", broker, err)
		}
		if contains(err, "hunter2") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	good := mqtt.Config{Broker: "mqtts://broker", ClientID: "gw-1", Credentials: mqtt.Files{}.Load}
	if _, err := mqtt.NewPublisher(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*mqtt.Config){
		"no credentials":     func(c *mqtt.Config) { c.Credentials = nil },
		"no client id":       func(c *mqtt.Config) { c.ClientID = "" },
		"client id with nul": func(c *mqtt.Config) { c.ClientID = "a\x00" },
		"long client id":     func(c *mqtt.Config) { c.ClientID = strings.Repeat("a", 257) },
		"window":             func(c *mqtt.Config) { c.Window = -1 },
		"large window":       func(c *mqtt.Config) { c.Window = 1025 },
		"inbound":            func(c *mqtt.Config) { c.MaxInbound = 10 },
		"keep-alive":         func(c *mqtt.Config) { c.KeepAlive = 1500 * time.Millisecond },
		"timeout":            func(c *mqtt.Config) { c.Timeout = -1 },
		"backoff":            func(c *mqtt.Config) { c.MinBackoff, c.MaxBackoff = time.Minute, time.Second },
		"will":               func(c *mqtt.Config) { c.Will = &mqtt.Message{Topic: "vs1/#"} },
		"large will":         func(c *mqtt.Config) { c.Will = &mqtt.Message{Topic: "vs1", Payload: make([]byte, 1<<16)} },
		"online":             func(c *mqtt.Config) { c.Online = &mqtt.Message{} },
	} {
		c := good
		change(&c)
		if _, err := mqtt.NewPublisher(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	good.Will = &mqtt.Message{Topic: "vs1"}
	if _, err := mqtt.NewSubscriber(good); err == nil {
		t.Error("a subscriber with a will is accepted")
	}
}

func TestFilters(t *testing.T) {
	s, err := mqtt.NewSubscriber(mqtt.Config{Broker: "mqtts://broker", ClientID: "r", Credentials: mqtt.Files{}.Load})
	if err != nil {
		t.Fatal(err)
	}
	for _, filters := range [][]string{nil, {""}, {"vs1/#", ""}, {strings.Repeat("a", 1<<16)}} {
		if err := s.Run(t.Context(), filters, func(mqtt.Received) {}); err == nil {
			t.Errorf("%d filters accepted", len(filters))
		}
	}
}

// The end of a source: its own error, or a message that cannot be published,
// ends Run after what is under way is acknowledged.
func TestSourceEnds(t *testing.T) {
	ca := mqtttest.NewCA(t)
	broker := mqtttest.StartMochi(t, ca)
	broken := errors.New("outbox closed")
	for name, row := range map[string]struct {
		last func() (mqtt.Message, error)
		want string
	}{
		"error":     {func() (mqtt.Message, error) { return mqtt.Message{}, broken }, "outbox closed"},
		"end":       {func() (mqtt.Message, error) { return mqtt.Message{}, io.EOF }, ""},
		"wildcard":  {func() (mqtt.Message, error) { return mqtt.Message{Topic: "vs1/+/x"}, nil }, "cannot be published to"},
		"too long":  {func() (mqtt.Message, error) { return mqtt.Message{Topic: strings.Repeat("a", 1<<16)}, nil }, "cannot be published to"},
		"too large": {func() (mqtt.Message, error) { return mqtt.Message{Topic: "vs1", Payload: make([]byte, 1<<28)}, nil }, "does not fit"},
	} {
		p, err := mqtt.NewPublisher(ca.Config(broker.URL, "gw-1"))
		if err != nil {
			t.Fatal(err)
		}
		src := &ending{queue: newQueue(t, numbered("vs1/north/gw-1/state", 50)...), last: row.last}
		err = p.Run(t.Context(), src)
		if row.want == "" && err != nil || row.want != "" && !contains(err, row.want) {
			t.Errorf("%s: Run = %v, want %q", name, err, row.want)
		}
		if len(src.done) != 50 {
			t.Errorf("%s: %d of 50 acknowledged", name, len(src.done))
		}
	}
}

type ending struct {
	*queue
	last func() (mqtt.Message, error)
}

func (e *ending) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	m, id, err := e.queue.Next(ctx)
	if err == io.EOF {
		m, err = e.last()
		id = 1 << 32
	}
	return m, id, err
}

// Whatever a broker sends, paho reads only whole packets of the kinds and sizes
// that were let through, and those unchanged.
func FuzzGuard(f *testing.F) {
	hello := "\x20\x02\x00\x00"
	f.Add([]byte(hello))
	f.Add([]byte(hello + "\x32\x06\x00\x01a\x00\x01x" + "\xd0\x00" + "\x40\x02\x00\x01" + "\x90\x03\x00\x01\x01"))
	f.Add([]byte(hello + "\x30\xff\xff\xff\x7f"))
	f.Add([]byte("\x20\x02\x01\x05"))
	f.Add([]byte("\x20\x82\x00\x00\x00" + "\xd0\x00")) // 2, in two bytes
	f.Fuzz(func(t *testing.T, sent []byte) {
		var read bytes.Buffer
		g := io.TeeReader(mqtt.Guarded(bytes.NewReader(sent), 1024, 1, 1<<16), &read)
		for {
			p, err := packets.ReadPacket(g)
			if err != nil {
				break
			}
			switch p := p.(type) {
			case *packets.PublishPacket:
				if p.Qos > 1 || len(p.Payload) > 1024 {
					t.Errorf("publish with qos %d, %d bytes passed", p.Qos, len(p.Payload))
				}
			case *packets.SubackPacket:
				if len(p.ReturnCodes) != 1 {
					t.Errorf("suback with %d codes passed", len(p.ReturnCodes))
				}
			case *packets.ConnackPacket:
				if p.ReturnCode != 0 {
					t.Errorf("connack %d passed", p.ReturnCode)
				}
			case *packets.PubackPacket, *packets.PingrespPacket:
			default:
				t.Errorf("%T passed", p)
			}
		}
		if !bytes.HasPrefix(sent, read.Bytes()) {
			t.Errorf("paho read %x of %x", read.Bytes(), sent)
		}
	})
}

func ExampleTopic() {
	anchor := mqtt.Topic{Kind: mqtt.KindAnchor, Site: "north", Gateway: "bed-12", Device: "0123456789abcdef", EID: "fedcba9876543210"}
	fmt.Println(anchor)
	got, err := mqtt.ParseTopic("vs1/north/bed-12/state")
	fmt.Println(got.Kind, got.Gateway, err)
	_, err = mqtt.ParseTopic("vs1/+/bed-12/state")
	fmt.Println(err)
	// Output:
	// vs1/north/bed-12/0123456789abcdef/anchor/fedcba9876543210
	// state bed-12 <nil>
	// topic "vs1/+/bed-12/state": site "+" is not 1 to 64 of a-z, 0-9 and '-'
}

// outbox is the smallest Source: it keeps what is not yet acknowledged.
type outbox struct {
	waiting map[uint64]mqtt.Message
	offered map[uint64]bool
}

func (o *outbox) Next(context.Context) (mqtt.Message, uint64, error) {
	for id, m := range o.waiting {
		if !o.offered[id] {
			o.offered[id] = true
			return m, id, nil
		}
	}
	return mqtt.Message{}, 0, io.EOF
}

func (o *outbox) Done(id uint64) { delete(o.waiting, id) }
func (o *outbox) Rewind()        { clear(o.offered) }

func ExamplePublisher() {
	pub, err := mqtt.NewPublisher(mqtt.Config{
		Broker:      "mqtts://broker.ward.example:8883",
		ClientID:    "bed-12",
		Credentials: mqtt.Files{Cert: "bed-12.pem", Key: "bed-12.key", CA: "ca.pem"}.Load,
		OnState: func(s mqtt.State) {
			if s.Err != nil {
				fmt.Println("again in", s.Retry, "after", s.Err)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // an example has no broker
	fmt.Println(pub.Run(ctx, &outbox{}))
	// Output: <nil>
}

func ExampleNewPublisher_plaintext() {
	_, err := mqtt.NewPublisher(mqtt.Config{Broker: "tcp://broker.ward.example:1883"})
	var e *mqtt.Error
	if errors.As(err, &e) {
		fmt.Println(e)
		fmt.Println("hint:", e.Hint)
	}
	// Output:
	// broker "tcp://": scheme "tcp" is plaintext
	// hint: only TLS is spoken: write mqtts://host:8883
}
