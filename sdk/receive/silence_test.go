package receive_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
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

// expecting is a directory that expects all its devices to speak.
type expecting struct{ *roster }

func (e expecting) Expected() (kids []keys.KeyID) {
	for kid := range e.devices {
		kids = append(kids, kid)
	}
	return kids
}

// TestNeverHeard has a device that is enrolled and says nothing, or nothing that is
// believed: it is noticed once, within five minutes and the half that the roster
// takes to be looked at, and so is one that is enrolled later.
func TestNeverHeard(t *testing.T) {
	d, absent, late := newDevice(t, 1), newDevice(t, 2), newDevice(t, 3)
	g := newRig(t, d, absent)
	g.conf.Directory = expecting{g.ros}
	g.conf.RequireBeacon = true
	g.restart()
	d.tweak = func(a *seal.Anchor) { a.Beacon = g.r.Beacon() }
	g.want(receive.Valid, d.begin())
	g.want(receive.Valid, d.reading(0))
	old := absent.begin() // echoes nothing: it may be a recording
	quiet := func(g *rig, minutes int) {
		t.Helper()
		for range 2 * minutes {
			g.send(old)
			g.lines()
			g.tick(30 * time.Second)
			for _, l := range g.lines() {
				if l.Verdict == "silent" {
					t.Fatal("silent too soon")
				}
			}
		}
	}
	quiet(g, 3)
	g.ros.devices[late.kid()] = receive.Device{Key: late.key.Public()}
	g.ros.psks[late.kid()] = late.psk
	g.restart() // what has been waited so far does not count: nobody listened
	quiet(g, 4)
	g.lines()
	g.tick(time.Minute)
	var found []string
	for _, l := range g.lines() {
		if l.Verdict == "silent" {
			found = append(found, l.Device+" "+l.Reason)
		}
	}
	if want := 2; len(found) != want {
		t.Fatalf("silent: %q, want %d devices", found, want)
	}
	g.tick(time.Hour)
	g.restart()
	g.tick(time.Hour)
	g.wantLines("")
	late.tweak = d.tweak
	g.want(receive.Valid, late.begin())
	g.wantLines("resumed; valid anchor")
	for _, dev := range g.r.Stats().Devices {
		if dev.Silent != (dev.Device == absent.kid()) {
			t.Errorf("%v: silent %t", dev.Device, dev.Silent)
		}
	}
}

// TestNoLifeInWhatCannotBeRead has a device's messages open to nobody, forged,
// repeated and withheld ones come, each just in time: none is a sign of life.
func TestNoLifeInWhatCannotBeRead(t *testing.T) {
	d := newDevice(t, 1)
	d.tweak = func(a *seal.Anchor) { a.Heartbeat = 10_000 }
	g := newRig(t, d)
	g.want(receive.Valid, d.begin())
	m := d.readings(3)
	g.want(receive.Valid, m[0])
	g.want(receive.Valid, m[2])
	forged := append([]byte(nil), m[2]...)
	forged[len(forged)-1] ^= 1
	g.lines()
	for range 19 {
		g.tick(time.Second)
		g.want(receive.Duplicate, m[0])
		g.want(receive.BadSignature, forged)
		g.want(receive.Malformed, d.raw([]byte("authentic, and no batch")))
	}
	g.want(receive.Filled, m[1])
	g.lines()
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
