package sdk_test

import (
	"context"
	"testing"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func spo2(n int) vital.Numeric {
	return vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(n)}
}

func TestFromRecordToVerifiedReading(t *testing.T) {
	for _, name := range []string{"oximeter", "psk"} {
		t.Run(name, func(t *testing.T) {
			w := sdktest.NewWard(t, name)
			got := w.Receive()
			p := w.Open(w.Config())
			d := w.Device(p, name)
			for i := range 500 {
				must(t, d.Record(spo2(i)))
			}
			must(t, d.Alert(vital.Alert{
				Source: vital.SpO2, Priority: vital.PriorityHigh, Value: vital.Int(80), Limit: vital.Int(90), Text: "low",
			}))
			got.Until("500 readings and an alert", func(f *sdktest.Found) bool {
				return len(f.Numerics) >= 500 && len(f.Alerts) == 1
			})
			w.Close(p)
			got.Until("the event that it stopped", func(f *sdktest.Found) bool { return f.Events[vital.EventStopped] == 1 })
			got.EachOnce(500)
		})
	}
}

func TestSyncHoldsWithoutABroker(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	conf := w.Config()
	w.Broker.Kill()
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	for i := range 200 {
		must(t, d.Record(spo2(i)))
	}
	must(t, p.Sync(context.Background()))
	if n := p.Stats().Outbox.Records; n == 0 {
		t.Fatal("after Sync nothing is in the outbox")
	}
	w.CloseAtOnce(p)
	w.Broker.Start()
	got := w.ReceiveWith(sdk.ReceiverConfig{AcceptPast: true})
	again := w.Open(conf)
	w.Device(again, "oximeter") // which vouches for its chain of before
	got.Until("the backlog", func(f *sdktest.Found) bool { return len(f.Numerics) >= 200 })
	w.Close(again)
	got.EachOnce(200)
}

func TestBrokerRestarts(t *testing.T) { eachBroker(t, testBrokerRestarts, "oximeter") }

func testBrokerRestarts(t *testing.T, w *sdktest.Ward) {
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	n := 0
	for round := range 3 {
		for range 100 {
			must(t, d.Record(spo2(n)))
			n++
			must(t, p.Sync(context.Background()))
		}
		if round < 2 {
			w.Broker.Stop() // not Kill: what mosquitto acknowledges and then loses, no gateway can know of
			w.Broker.Start()
		}
	}
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
	w.Close(p)
	got.EachOnce(n)
}

func TestRecordRefusesAtItsBound(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	taken := 0
	for range 10 {
		batch := make([]vital.Numeric, 5000) // 200 kB of the bound of 1 MiB
		for i := range batch {
			batch[i] = spo2(taken + i)
		}
		if err := d.Record(batch...); err == nil {
			taken += len(batch)
		}
	}
	got.Until("all that was taken", func(f *sdktest.Found) bool { return len(f.Numerics) >= taken })
	refused := d.Stats().Refused
	if uint64(taken)+refused != 50000 {
		t.Errorf("%d readings taken and %d refused of 50000", taken, refused)
	}
	w.Close(p)
	got.EachOnce(taken)
	got.Until("all that was refused, in signed records", func(f *sdktest.Found) bool {
		return signed(f.Drops, vital.DropBound) >= refused
	})
	got.Look(func(f *sdktest.Found) {
		if n := signed(f.Drops, vital.DropBound); n != refused {
			t.Errorf("%d readings refused, and signed records say %d", refused, n)
		}
	})
}

func TestWrongReadingIsRefusedAlone(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	got := w.Receive()
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(0)))
	absent := vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(97), Status: vital.NotAvailable}
	if err := d.Record(spo2(1), absent); err == nil {
		t.Error("a value that is not available and 97 was taken")
	}
	if err := d.Event(vital.Event{}); err == nil {
		t.Error("an event of no kind was taken")
	}
	must(t, d.Record(spo2(1)))
	got.Until("the good ones", func(f *sdktest.Found) bool { return len(f.Numerics) >= 2 })
	w.Close(p)
	got.EachOnce(2)
}

func TestClosedPipelineRefuses(t *testing.T) {
	w := sdktest.NewWard(t, "oximeter")
	p := w.Open(w.Config())
	d := w.Device(p, "oximeter")
	w.CloseAtOnce(p)
	for what, err := range map[string]error{
		"Record": d.Record(spo2(1)), "Alert": d.Alert(vital.Alert{Value: vital.NaN, Limit: vital.NaN}), "Sync": p.Sync(context.Background()),
		"Close": p.Close(context.Background()),
	} {
		if err != sdk.ErrClosed {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
}
