// Command quickstart records one oxygen saturation: sealed with the device's
// keys, on disk before it says so, and published to the broker.
//
//	go run ./examples/quickstart -identity site/gateways/gw-1 -broker mqtts://localhost:8883 -device oximeter-3 -spo2 97
//
// The identity is what `vitalseal site` and `vitalseal device` made. Nothing is
// lost if the broker is away: the next run sends what this one could not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func main() {
	identity := flag.String("identity", "gateway", "`directory` that the site made for this gateway")
	broker := flag.String("broker", "mqtts://localhost:8883", "`address` of the broker")
	device := flag.String("device", "oximeter-3", "`name` of a device of this gateway")
	spo2 := flag.Int("spo2", 97, "oxygen saturation, in `%`")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := record(ctx, sdk.Config{Identity: *identity, Broker: *broker}, *device, *spo2); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart: error:", err)
		os.Exit(1)
	}
}

// record is the quick start.
func record(ctx context.Context, conf sdk.Config, device string, spo2 int) (err error) {
	pipeline, err := sdk.Open(ctx, conf)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pipeline.Close(ctx)) }() // sends what is left, while ctx lasts
	oximeter, err := pipeline.Device(device)
	if err != nil {
		return err
	}
	err = oximeter.Record(vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(spo2)})
	if err != nil {
		return err
	}
	return pipeline.Sync(ctx) // on disk: a power cut does not lose it now
}
