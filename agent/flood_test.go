package agent_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// pour writes to a line as fast as the port is read until so many bytes are gone.
func pour(t *testing.T, line *os.File, total int, chunk func() []byte) {
	t.Helper()
	for total > 0 {
		n, err := line.Write(chunk())
		if err != nil {
			t.Fatal(err)
		}
		total -= n
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestGarbageFlood pours garbage into a port that has a decoder, and into one
// that has the link, hellos of a stranger among it: a hundred seconds of a line at
// 115,200 bits a second each, as fast as it is read. Memory stays where it is, and
// what is signed of it is a handful of events.
func TestGarbageFlood(t *testing.T) {
	const line, rounds = 11520, 12
	b := newBedside(t, "oximeter")
	b.NewSealing("monitor-4")
	stranger := sdktest.MakeSealing(t, "stranger")
	plain := b.sensor("oximeter", "nonin-df2")
	b.conf.Sensors = append(b.conf.Sensors, b.linkConf("monitor-4", config.Sealed))
	linked := b.plug("monitor-4")
	got := b.Receive()
	b.run(agent.Options{})
	got.Until("the ports", func(f *sdktest.Found) bool { return f.Events[vital.EventLineOpened] >= 2 })
	p := newPeer(t, link.SensorConfig{KeyID: link.KeyID(stranger.KeyID()), Signer: stranger.Key})
	hello := p.sensor.Send(nil, 0)

	go func() { // what the gateway answers is to go somewhere
		buf := make([]byte, 4096)
		for {
			if _, err := linked.Read(buf); err != nil {
				return
			}
		}
	}()
	var heaps []int64
	for range rounds {
		pour(t, plain, 100*line/rounds, func() []byte { return noise(2000) })
		pour(t, linked, 100*line/rounds, func() []byte {
			if rand.IntN(2) == 0 {
				return hello
			}
			return noise(2000)
		})
		heaps = append(heaps, heap())
	}
	got.Until("what is said of it", func(f *sdktest.Found) bool {
		return f.Events[vital.EventBadFrames] > 0 && f.Events[vital.EventUnknownDevice] > 0
	})
	t.Logf("heap %v; the log has %d lines", heaps, strings.Count(b.log.String(), "\n"))
	before, after := heaps[rounds/3], heaps[rounds-1]
	for _, h := range heaps[rounds/3 : 2*rounds/3] {
		before = max(before, h)
	}
	if after > before+before/5+2<<20 {
		t.Errorf("heap grows: %v", heaps)
	}
	if n := strings.Count(b.log.String(), "\n"); n > 200 {
		t.Errorf("the log has %d lines", n)
	}
	got.Look(func(f *sdktest.Found) {
		t.Logf("events %v, verdicts %v", f.Events, f.Verdicts)
		if len(f.Numerics) != 0 {
			t.Errorf("garbage gave %d readings", len(f.Numerics))
		}
	})
}
