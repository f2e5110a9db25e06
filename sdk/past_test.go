package sdk_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// newForgetfulWard makes a ward whose broker forgets all when it ends.
func newForgetfulWard(t *testing.T, devices ...string) *sdktest.Ward {
	t.Helper()
	start := func(files string) sdktest.Broker {
		return sdktest.Mosquitto(t, files, "persistence true", "persistence false")
	}
	return sdktest.NewWardOn(t, start, devices...)
}

// waitEmpty waits until the broker has acknowledged all.
func waitEmpty(t *testing.T, p *sdk.Pipeline) {
	t.Helper()
	for deadline := time.After(sdktest.Patience); p.Stats().Outbox.Records > 0; {
		select {
		case <-deadline:
			t.Fatalf("%d records wait in vain to be acknowledged", p.Stats().Outbox.Records)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestPastOfManyChains has a gateway seal under chains that a broker has long
// acknowledged and then, killed, forgotten; go on without a broker through several
// starts; and then find a receiver that has never heard of any of it.
// SDK_STARTS sets how often the gateway is started without a broker.
func TestPastOfManyChains(t *testing.T) {
	t.Parallel()
	names := []string{"oximeter", "monitor", "psk-pump"}
	starts, each := number(t, "SDK_STARTS", 3), 12
	w := newForgetfulWard(t, names...)
	conf := w.Config()
	n, alerts := 0, 0
	record := func(p *sdk.Pipeline) {
		for range each {
			for _, name := range names {
				d := w.Device(p, name)
				must(t, d.Record(spo2(n)))
				n++
				if n%5 == 0 {
					must(t, d.Alert(vital.Alert{Source: vital.SpO2, Value: vital.Int(alerts), Limit: vital.NaN}))
					alerts++
				}
			}
			must(t, p.Sync(context.Background()))
		}
	}
	p := w.Open(conf)
	for _, name := range names {
		w.Device(p, name)
	}
	must(t, p.Sync(context.Background()))
	waitEmpty(t, p) // the broker has acknowledged all anchors
	w.Broker.Kill()
	record(p)
	for range starts {
		w.CloseAtOnce(p)
		p = w.Open(conf)
		record(p)
	}
	w.CloseAtOnce(p)
	w.Broker.Start()
	got := w.ReceiveWith(sdk.ReceiverConfig{AcceptPast: true})
	p = w.Open(conf)
	record(p)
	got.Until("all readings and alerts", func(f *sdktest.Found) bool { return len(f.Numerics) >= n && len(f.Alerts) >= alerts })
	w.Close(p)
	got.EachOnce(n)
	got.Look(func(f *sdktest.Found) {
		t.Logf("%d readings, %d alerts; verdicts %v", n, alerts, f.Verdicts)
		reasons := slices.DeleteFunc(slices.Clone(f.Reasons), func(r string) bool {
			return strings.HasPrefix(r, "duplicate: ") || strings.HasPrefix(r, "silent: ") // a machine was slow, and a connection ended
		})
		if len(f.Alerts) != alerts || len(reasons) != 0 {
			t.Errorf("%d alerts, %d received; reasons %q", alerts, len(f.Alerts), reasons)
		}
	})
}
