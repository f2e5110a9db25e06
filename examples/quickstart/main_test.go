package main

import (
	"context"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

func withPatience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sdktest.Patience)
	t.Cleanup(cancel)
	return ctx
}

func TestRecordReachesAReceiver(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter-3")
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	w.Must(record(withPatience(t), w.Config(), "oximeter-3", 97))
	got.Until("the saturation", func(f *sdktest.Found) bool { return len(f.Numerics) > 0 })
	got.Look(func(f *sdktest.Found) {
		n := f.Numerics[0]
		if len(f.Numerics) != 1 || n.Code != vital.SpO2 || n.Unit != vital.Percent || n.Value != vital.Int(97) {
			t.Errorf("received %v", f.Numerics)
		}
		if f.Verdicts[receive.Valid] == 0 {
			t.Errorf("verdicts %v", f.Verdicts)
		}
	})
}

// TestRecordWithoutABroker records while the broker is away; the next run sends
// both readings.
func TestRecordWithoutABroker(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter-3")
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	conf := w.Config()
	w.Broker.Stop() // it keeps the receiver's session
	away, cancel := context.WithCancel(t.Context())
	p := w.Open(conf)
	w.Must(w.Device(p, "oximeter-3").Record(vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(96)}))
	w.Must(p.Sync(away))
	cancel()
	w.Must(p.Close(away))
	w.Broker.Start()
	w.Must(record(withPatience(t), conf, "oximeter-3", 97))
	got.Until("both saturations", func(f *sdktest.Found) bool { return len(f.Numerics) == 2 })
}

func TestRecordOfAnUnknownDevice(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter-3")
	err := record(withPatience(t), w.Config(), "oximeter-4", 97)
	if err == nil || !strings.Contains(err.Error(), "oximeter-4") {
		t.Errorf("error %v does not name the device", err)
	}
}
