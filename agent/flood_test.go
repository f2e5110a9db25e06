package agent_test

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

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

// heap is what stays on the heap: the least of a few collections, for there is always
// something that somebody has in hand just then.
func heap() int64 {
	least := int64(math.MaxInt64)
	for range 3 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		least = min(least, int64(m.HeapAlloc))
	}
	return least
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
	b.conf.Sensors[0].Port.Silence = 0 // while the other port is poured into it is silent, as often as the machine is slow
	b.conf.Sensors = append(b.conf.Sensors, b.linkConf("monitor-4", config.Sealed))
	linked := b.plug("monitor-4")
	got := b.Receive()
	begun := time.Now()
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
	if n := strings.Count(b.log.String(), "\n"); n > mostLines(begun) {
		t.Errorf("the log has %d lines", n)
	}
	got.Look(func(f *sdktest.Found) {
		t.Logf("events %v, verdicts %v", f.Events, f.Verdicts)
		if len(f.Numerics) != 0 {
			t.Errorf("garbage gave %d readings", len(f.Numerics))
		}
	})
}

// TestGoodFlood pours undamaged frames into a port with the link while its device is
// accepted and works: frames taken long ago, frames far ahead of their turn, heartbeats
// and lines for the log, a hundred seconds of a line as fast as it is read. Memory stays
// where it is, none of it is taken, and the device's own readings come once each.
func TestGoodFlood(t *testing.T) {
	const bytesASecond, rounds, readings = 11520, 12, 240
	b := newBedside(t, "board")
	p := newPeer(t, link.SensorConfig{})
	b.linkPort("board", config.Plain, p)
	got := b.Receive()
	begun := time.Now()
	b.run(agent.Options{})
	p.queue(link.TypeReadings, p.readings(0))
	p.flushed()
	session := p.session()
	data := func(seq uint32) []byte {
		d := link.Data{Type: link.TypeReadings, Session: session, Seq: seq, Now: p.uptime(), Body: p.readings(100000)}
		return link.AppendFrame(nil, d.Append(nil))
	}
	frames := [][]byte{
		data(1), data(1 << 20), data(1<<32 - 1),
		link.AppendFrame(nil, (&link.Heartbeat{Session: session, Next: 1}).Append(nil)),
		link.AppendFrame(nil, (&link.Log{Session: session, Level: link.LevelWarn, Text: []byte("again and again")}).Append(nil)),
	}
	n := 1
	var heaps []int64
	for range rounds {
		for range readings / rounds {
			p.queue(link.TypeReadings, p.readings(n))
			n++
			for poured := 0; poured < 100*bytesASecond/readings; {
				f := frames[rand.IntN(len(frames))]
				p.inject(f)
				poured += len(f)
			}
		}
		heaps = append(heaps, heap())
	}
	p.flushed()
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= n })
	got.EachOnce(n)
	before := heaps[rounds/3]
	for _, h := range heaps[rounds/3 : 2*rounds/3] {
		before = max(before, h)
	}
	lines := strings.Count(b.log.String(), "\n")
	t.Logf("heap %v; the log has %d lines; %+v", heaps, lines, p.state())
	if after := heaps[rounds-1]; after > before+before/5+2<<20 {
		t.Errorf("heap grows: %v", heaps)
	}
	if lines > mostLines(begun) {
		t.Errorf("the log has %d lines", lines)
	}
}

// mostLines is what a log may have: a hundred at once and two a second, which are one
// of the sensor's own and, at most, a silence or its end.
func mostLines(begun time.Time) int { return 100 + 2*int(time.Since(begun).Seconds()) }
