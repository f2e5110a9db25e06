package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// started runs the example until the test ends, and returns its lines once it
// has subscribed.
func started(t *testing.T, w *sdktest.Ward) *bufio.Scanner {
	t.Helper()
	lines, out := io.Pipe()
	subscribed := make(chan struct{}, 16)
	conf := sdk.ReceiverConfig{
		Identity: w.RecipientDir(), Broker: w.Broker.URL, TrustFirst: true, Sink: printer{out},
		OnState: func(s mqtt.State) {
			if s.Connected {
				subscribed <- struct{}{}
			}
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, conf) }()
	t.Cleanup(func() {
		cancel()
		lines.Close() // a line that nobody reads any more is no reason to wait
		if err := <-ended; err != nil {
			t.Errorf("receiver: %v", err)
		}
	})
	select {
	case <-subscribed:
	case <-time.After(sdktest.Patience):
		t.Fatal("the receiver does not subscribe")
	}
	return bufio.NewScanner(lines)
}

// find reads lines up to one that begins and ends so.
func find(t *testing.T, lines *bufio.Scanner, begin, end string) {
	t.Helper()
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), begin) && strings.HasSuffix(lines.Text(), end) {
			return
		}
		t.Logf("passed over %q", lines.Text())
	}
	t.Errorf("no line %q ... %q: %v", begin, end, lines.Err())
}

func TestReceiverPrintsReadings(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter-3")
	lines := started(t, w)
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter-3")
	w.Must(d.Record(vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Dec(975, -1)}))
	find(t, lines, "valid oximeter-3 anchor", "")
	find(t, lines, "valid oximeter-3 MDC_PULS_OXIM_SAT_O2 97.5", " %")
	go func() { // the rest, so that the receiver goes on
		for lines.Scan() {
		}
	}()
	w.Close(p)
}

func TestReceiverPrintsRefusals(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter-3")
	lines := started(t, w)
	publish(t, w, "vs1/ward-3/gw-1/0123456789abcdef/data", `{"spo2":0}`)
	find(t, lines, "malformed 0123456789abcdef ", "not a sealed message")
}

// publish sends as the gateway whatever it likes.
func publish(t *testing.T, w *sdktest.Ward, topic, payload string) {
	t.Helper()
	files := mqtt.Files{
		Cert: w.GatewayDir() + "/gateway.pem", Key: w.GatewayDir() + "/gateway.key", CA: w.GatewayDir() + "/ca.pem",
	}
	p, err := mqtt.NewPublisher(mqtt.Config{Broker: w.Broker.URL, ClientID: "gw-1", Credentials: files.Load})
	w.Must(err)
	w.Must(p.Run(t.Context(), &one{message: mqtt.Message{Topic: topic, Payload: []byte(payload)}}))
}

// one is a mqtt.Source of one message.
type one struct {
	message     mqtt.Message
	given, done bool
}

func (o *one) Next(context.Context) (mqtt.Message, uint64, error) {
	if o.given || o.done {
		return mqtt.Message{}, 0, io.EOF
	}
	o.given = true
	return o.message, 1, nil
}
func (o *one) Done(uint64) { o.done = true }
func (o *one) Rewind()     { o.given = o.done }
