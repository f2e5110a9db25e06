package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

// The plain ward is the control: the same sensors, the same broker, the same
// mutual TLS, and readings as JSON that whoever is in between can read and write.

const plainTopics = "plain/"

func plainTopic(device string) string { return plainTopics + device }

// plainReport is what the plain gateway publishes.
type plainReport struct {
	Time     time.Time      `json:"time"`
	Readings []plainReading `json:"readings"`
}

type plainReading struct {
	Code  vital.Code `json:"code"`
	Value float64    `json:"value"`
}

// plainGateway reads a sensor's second line and publishes what it decodes.
type plainGateway struct {
	topic   string
	decoder sensor.Decoder
	batch   vital.Batch
	queue   chan<- mqtt.Message
}

// runPlainGateway reads all sensors until ctx ends.
func runPlainGateway(ctx context.Context, s *site, broker string, sensors []*simulated) error {
	gateway, err := identity.LoadGateway(s.gateway())
	if err != nil {
		return err
	}
	publisher, err := mqtt.NewPublisher(mqtt.Config{
		Broker: broker, ClientID: gatewayName + ".plain", Credentials: gateway.Credentials,
	})
	if err != nil {
		return err
	}
	queue := make(chan mqtt.Message, 64)
	services := []func(context.Context) error{
		func(ctx context.Context) error { return publisher.Run(ctx, plainQueue(queue)) },
	}
	for _, sim := range sensors {
		decoder, err := sim.driver.New(sensor.Options{})
		if err != nil {
			return err
		}
		g := &plainGateway{topic: plainTopic(sim.device), decoder: decoder, queue: queue}
		conf := port.Config{Name: sim.plain.name(), Line: port.Line(sim.driver.Line)}
		services = append(services, func(ctx context.Context) error { return port.Run(ctx, conf, g) })
	}
	return together(ctx, services...)
}

// Data implements port.Handler.
func (g *plainGateway) Data(p []byte, at time.Time) {
	g.batch.Reset()
	g.decoder.Decode(&g.batch, p)
	report := plainReport{Time: at}
	for _, n := range g.batch.Numerics {
		if n.Value.IsNumber() {
			report.Readings = append(report.Readings, plainReading{n.Code, float(n.Value)})
		}
	}
	if len(report.Readings) == 0 {
		return
	}
	select {
	case g.queue <- mqtt.Message{Topic: g.topic, Payload: report.encode()}:
	default: // nothing here is durable either
	}
}

// Event implements port.Handler: the plain gateway has no way to tell anybody.
func (g *plainGateway) Event(port.Event) {}

// plainQueue is a mqtt.Source without a memory.
type plainQueue <-chan mqtt.Message

// Next implements mqtt.Source.
func (q plainQueue) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	select {
	case m := <-q:
		return m, 0, nil
	case <-ctx.Done():
		return mqtt.Message{}, 0, ctx.Err()
	}
}

// Done implements mqtt.Source.
func (q plainQueue) Done(uint64) {}

// Rewind implements mqtt.Source.
func (q plainQueue) Rewind() {}

// runPlainReceiver gives the board what arrives, until ctx ends.
func runPlainReceiver(ctx context.Context, s *site, broker string, b *board) error {
	station, err := identity.LoadReceiver(s.station())
	if err != nil {
		return err
	}
	subscriber, err := mqtt.NewSubscriber(mqtt.Config{
		Broker: broker, ClientID: stationName + ".plain", Credentials: station.Credentials,
	})
	if err != nil {
		return err
	}
	return subscriber.Run(ctx, []string{plainTopics + "#"}, func(m mqtt.Received) {
		defer m.Ack()
		device := strings.TrimPrefix(m.Topic, plainTopics)
		if report, err := decodePlain(m.Payload); err == nil {
			b.showPlain(device, report, time.Now())
		}
	})
}

func (r plainReport) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a time of this age, numbers that are finite
	}
	return b
}

func decodePlain(b []byte) (r plainReport, err error) {
	err = json.Unmarshal(b, &r)
	return r, err
}

// flatten is what the attacker does to a plain report: every rate becomes 0.
func flatten(payload []byte) []byte {
	report, err := decodePlain(payload)
	if err != nil {
		return payload
	}
	for i, r := range report.Readings {
		if r.Code == vital.PulseRate || r.Code == vital.HeartRate {
			report.Readings[i].Value = 0
		}
	}
	return report.encode()
}

// float is for showing and comparing only: a binary float is not what was sent.
func float(d vital.Decimal) float64 {
	x, err := strconv.ParseFloat(string(d.AppendText(nil)), 64)
	if err != nil {
		panic(err) // AppendText of a number is a JSON number
	}
	return x
}
