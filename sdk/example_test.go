package sdk_test

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// A vendor's program: readings in, sealed, kept and published. It stands in the
// README; examples/quickstart runs it.
func ExampleOpen() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p, err := sdk.Open(ctx, sdk.Config{Identity: "site/gateways/gw-1", Broker: "mqtts://localhost:8883"})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close(ctx) // sends what is left, while ctx lasts
	oximeter, err := p.Device("oximeter-3")
	if err != nil {
		log.Fatal(err)
	}
	err = oximeter.Record(vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(98)})
	if err != nil {
		log.Fatal(err) // refused: too much is waiting for the disk
	}
	if err := p.Sync(ctx); err != nil {
		log.Fatal(err) // not yet on disk
	}
}

// A hospital's program: what arrives comes out verified, as JSON lines with a
// verdict each.
func ExampleOpenReceiver() {
	r, err := sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: "site/recipients/station", Broker: "mqtts://localhost:8883", Sink: receive.NewLines(os.Stdout),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err := r.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
