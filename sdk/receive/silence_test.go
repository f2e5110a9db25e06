package receive_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func TestSilence(t *testing.T) {
	d := newDevice(t, 1)
	d.tweak = func(a *seal.Anchor) { a.Heartbeat = 10_000 }
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	m := d.readings(4)
	g.lines()
	g.tick(19 * time.Second)
	g.want(receive.Valid, m[0])
	g.tick(19 * time.Second)
	g.wantLines("valid 1")
	g.want(receive.Duplicate, m[0]) // proves nothing
	g.lines()
	g.tick(time.Second)
	g.wantLines("silent")
	g.tick(time.Hour)
	g.restart()
	g.tick(time.Hour)
	g.wantLines("")
	g.want(receive.Valid, m[1])
	g.wantLines("resumed; valid 2")
	// A heartbeat with another interval.
	g.want(receive.Valid, m[3])
	g.want(receive.Valid, d.batch(&vital.Batch{Heartbeats: []vital.Heartbeat{{Interval: 1000}}}))
	g.lines()
	g.tick(time.Second)
	g.want(receive.Filled, m[2]) // withheld until now: no sign of life either
	g.lines()
	g.tick(time.Second)
	g.wantLines("silent")
	g.want(receive.Valid, d.reading(1))
	g.lines()
	g.now = g.now.Add(time.Hour)
	g.restart() // while nobody listened there was no silence
	g.tick(time.Second)
	g.wantLines("")
	g.tick(time.Second)
	g.wantLines("silent")
}

func TestRunReportsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, 1)
		d.tweak = func(a *seal.Anchor) { a.Heartbeat = 5000 }
		g := newRig(t, d)
		g.r.Close()
		g.conf.Clock = nil
		g.open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.r.Run(ctx) }()
		synctest.Wait()
		m := g.message(d.begin())
		m.Received = time.Time{}
		g.handle(m)
		g.lines()
		time.Sleep(9_999 * time.Millisecond) // of the bubble's clock
		synctest.Wait()
		g.wantLines("")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		g.wantLines("silent")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		g.r.Close()
	})
}
