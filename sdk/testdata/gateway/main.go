// Command gateway is a pipeline for the rigs: it does what each line of its
// standard input says, and answers with one line.
//
//	record FIRST END   records the numbers from FIRST up to END, and syncs: "synced END"
//	flood BYTES        records waves of some BYTES a second, and an alert each 100 ms, until "ebb"
//	ebb                ends the flood and syncs
//	status             a line of JSON: see status
//
// It closes the pipeline when its input ends.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx := context.Background()
	conf := sdk.Config{
		Identity: os.Getenv("SDK_IDENTITY"), Broker: os.Getenv("SDK_BROKER"), Data: os.Getenv("SDK_DATA"), Heartbeat: time.Second,
	}
	var err error
	if conf.Renew, err = time.ParseDuration(os.Getenv("SDK_RENEW")); err != nil {
		return err
	}
	if conf.MaxStored, err = strconv.ParseInt(os.Getenv("SDK_STORED"), 10, 64); err != nil {
		return err
	}
	if conf.MaxWaiting, err = strconv.Atoi(os.Getenv("SDK_WAITING")); err != nil {
		return err
	}
	g := gateway{ebb: make(chan struct{})}
	if g.pipeline, err = sdk.Open(ctx, conf); err != nil {
		return err
	}
	if g.device, err = g.pipeline.Device("oximeter"); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := g.obey(ctx, lines.Text()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return g.pipeline.Close(ctx)
}

type gateway struct {
	pipeline *sdk.Pipeline
	device   *sdk.Device

	ebb           chan struct{}
	flooding      sync.WaitGroup
	offered       atomic.Int64 // bytes of waves
	waves, alerts atomic.Int64 // taken
	unraised      atomic.Int64 // alerts that were refused
}

func (g *gateway) obey(ctx context.Context, line string) error {
	var a, b int
	switch {
	case line == "status":
		return json.NewEncoder(os.Stdout).Encode(g.status())
	case line == "ebb":
		close(g.ebb)
		g.flooding.Wait()
		return g.sync(ctx, 0)
	case scan(line, "flood %d", &a):
		g.flooding.Go(func() { g.flood(a) })
		_, err := fmt.Println("flooding")
		return err
	case scan(line, "record %d %d", &a, &b):
		for n := a; n < b; n++ {
			if err := g.device.Record(vital.Numeric{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(n)}); err != nil {
				return err
			}
		}
		return g.sync(ctx, b)
	}
	return fmt.Errorf("%q is no command", line)
}

func scan(line, format string, to ...any) bool {
	n, err := fmt.Sscanf(line, format, to...)
	return n == len(to) && err == nil
}

func (g *gateway) sync(ctx context.Context, upTo int) error {
	if err := g.pipeline.Sync(ctx); err != nil {
		return err
	}
	_, err := fmt.Println("synced", upTo)
	return err
}

// status is what the rigs look at.
type status struct {
	Connected bool
	Err       string // why readings wait, or the chain is not renewed

	Heap       uint64 // bytes of it, the dead that are not collected included
	Goroutines uint64

	Waves, Alerts    int64  // taken
	Unraised         int64  // alerts that were refused
	Refused, Dropped uint64 // readings; envelopes
	Offered          int64  // bytes of waves
	OfferedWaves     int64
	Acked            uint64 // envelopes
	Waiting          uint64 // envelopes
	Stored           int64  // bytes
}

func (g *gateway) status() status {
	p, d := g.pipeline.Stats(), g.device.Stats()
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	s := status{
		Connected: p.Connection.Connected, Heap: samples[0].Value.Uint64(), Goroutines: samples[1].Value.Uint64(),
		Waves: g.waves.Load(), Alerts: g.alerts.Load(), Unraised: g.unraised.Load(),
		Offered: g.offered.Load(), OfferedWaves: g.offered.Load() / floodWave,
		Refused: d.Refused, Dropped: p.Outbox.Dropped, Acked: p.Connection.Acked, Waiting: p.Outbox.Records, Stored: p.Outbox.Bytes,
	}
	if err := errors.Join(p.Err, d.Err); err != nil {
		s.Err = err.Error()
	}
	return s
}

// floodWave is how many bytes a wave of a flood has, four a sample.
const floodWave = 3600

// flood records noise, which nothing makes shorter, at a rate.
func (g *gateway) flood(rate int) {
	w := vital.Wave{Code: vital.ECG, Unit: vital.Millivolt, Rate: vital.Int(500), Factor: vital.Int(1), Samples: make([]int32, floodWave/4)}
	b := vital.Batch{Waves: []vital.Wave{w}}
	tick, alarm := time.NewTicker(10*time.Millisecond), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	defer alarm.Stop()
	for begun := time.Now(); ; {
		select {
		case <-tick.C:
		case <-alarm.C:
			if g.device.Alert(vital.Alert{Source: vital.SpO2, Value: vital.Int(int(g.alerts.Load())), Limit: vital.NaN}) == nil {
				g.alerts.Add(1)
			} else {
				g.unraised.Add(1)
			}
			continue
		case <-g.ebb:
			return
		}
		for due := int64(time.Since(begun).Seconds() * float64(rate)); g.offered.Load() < due; {
			for i := range b.Waves[0].Samples {
				b.Waves[0].Samples[i] = int32(rand.Uint32())
			}
			g.offered.Add(floodWave)
			if g.device.RecordBatch(time.Now(), &b) == nil { // what is refused the pipeline counts
				g.waves.Add(1)
			}
		}
	}
}
