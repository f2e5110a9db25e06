package sdk_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// TestBytesAReading prints what a reading costs all told (encoded, encrypted,
// signed, chained) and holds it to what the documents say.
func TestBytesAReading(t *testing.T) {
	seed := [32]byte{1}
	sealer := seal.NewSealer(keys.NewEd25519(&seed))
	anchor := seal.Anchor{Site: "ward-3", Boot: 1, Salt: [16]byte{1}}
	if _, err := sealer.Begin(nil, &anchor, &seed); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		n    int
		most float64 // bytes a reading
	}{{1, 165}, {8, 23}, {32, 7.5}, {128, 3.4}} {
		var b vital.Batch
		for i := range tt.n {
			b.Numerics = append(b.Numerics, vital.Numeric{
				Time: uint64(60_000 + 1000*i + rng.IntN(7)), Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(95 + rng.IntN(4)),
			})
		}
		payload, err := b.Append(nil)
		must(t, err)
		message, err := sealer.Seal(nil, payload)
		must(t, err)
		each := float64(len(message)) / float64(tt.n)
		t.Logf("%3d readings of one metric: payload %4d bytes, message %4d bytes, %6.1f bytes a reading", tt.n, len(payload), len(message), each)
		if each > tt.most {
			t.Errorf("%d readings: %.1f bytes each, more than %.1f", tt.n, each, tt.most)
		}
	}
}

// TestEvery prints what Every costs in latency and saves in bytes: ten readings a
// second of one device through mosquitto to the receiver's sink.
func TestEvery(t *testing.T) {
	for _, every := range []time.Duration{0, time.Second} {
		w := sdktest.NewWard(t, "oximeter")
		got := w.Receive()
		conf := w.Config()
		conf.Every = every
		p := w.Open(conf)
		d := w.Device(p, "oximeter")
		must(t, d.Record(spo2(0)))
		got.Until("the first reading", func(f *sdktest.Found) bool { return len(f.Numerics) == 1 })
		const n = 40
		latency := make([]time.Duration, 0, n)
		sent := make([]time.Time, n+1)
		tick := time.NewTicker(100 * time.Millisecond)
		arrived := make(chan int, n)
		go func() {
			for i := 1; i <= n; i++ {
				<-tick.C
				sent[i] = time.Now()
				if d.Record(spo2(i)) != nil {
					return
				}
				arrived <- i
			}
		}()
		for range n {
			i := <-arrived
			got.Until("each reading", func(f *sdktest.Found) bool { return len(f.Numerics) > i })
			latency = append(latency, time.Since(sent[i]))
		}
		tick.Stop()
		must(t, p.Sync(context.Background()))
		messages := p.Stats().Connection.Acked
		w.Close(p)
		slices.Sort(latency)
		t.Logf("every %v: median %v, longest %v from Record to a durable, verified reading; %d messages for %d readings",
			every, latency[n/2].Round(100*time.Microsecond), latency[n-1].Round(100*time.Microsecond), messages, n+1)
	}
}
