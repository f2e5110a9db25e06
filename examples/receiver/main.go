// Command receiver prints what it receives of a site, each reading with its
// verdict, and every message that it refuses.
//
//	go run ./examples/receiver -identity site/recipients/station -broker mqtts://localhost:8883
//
// For programs there are JSON lines: receive.NewLines or receive.OpenFile in the
// place of the printer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func main() {
	identity := flag.String("identity", "station", "`directory` that the site made for this recipient")
	broker := flag.String("broker", "mqtts://localhost:8883", "`address` of the broker")
	trust := flag.Bool("trust-first", false, "believe a device that was never received before, without waiting for its echo of our beacon")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conf := sdk.ReceiverConfig{Identity: *identity, Broker: *broker, TrustFirst: *trust, Sink: printer{os.Stdout}}
	if err := run(ctx, conf); err != nil {
		fmt.Fprintln(os.Stderr, "receiver: error:", err)
		os.Exit(1)
	}
}

// run receives until ctx ends.
func run(ctx context.Context, conf sdk.ReceiverConfig) error {
	receiver, err := sdk.OpenReceiver(conf)
	if err != nil {
		return err
	}
	return errors.Join(receiver.Run(ctx), receiver.Close())
}

// printer is a receive.Sink for people.
type printer struct{ out io.Writer }

// Write implements receive.Sink.
func (p printer) Write(r *receive.Record) error {
	device := r.Device.String()
	if r.Name != "" { // as the roster has it; only devices that are in it have one
		device = r.Name
	}
	if r.Batch == nil {
		_, err := fmt.Fprintf(p.out, "%s %s %s%s\n", r.Verdict, device, r.Event, r.Reason)
		return err
	}
	var errs []error
	for _, n := range r.Batch.Numerics {
		_, err := fmt.Fprintf(p.out, "%s %s %s %s %s\n", r.Verdict, device, n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM())
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Sync implements receive.Sink: a terminal keeps nothing.
func (p printer) Sync() error { return nil }
