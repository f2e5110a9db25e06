package agent_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// linkPort plugs a peer into a serial line with the link. Closing the line unplugs it.
func (b *bedside) linkPort(device, mode string, p *peer) *os.File {
	b.t.Helper()
	b.conf.Sensors = append(b.conf.Sensors, b.linkConf(device, mode))
	line := b.plug(device)
	go p.plug(line)
	return line
}

func (b *bedside) linkConf(device, mode string) config.Sensor {
	return config.Sensor{
		Device: device, Driver: config.LinkDriver, Mode: mode,
		Port: port.Config{Name: filepath.Join(b.dir, device), Silence: 3 * time.Second, RetryMin: 10 * time.Millisecond},
	}
}

// onlyGood demands that a receiver has refused nothing. A silence is no refusal: the
// heartbeats of these tests come each second, and a slow machine may miss two.
func onlyGood(t *testing.T, got *sdktest.Collector) {
	t.Helper()
	got.Look(func(f *sdktest.Found) {
		for v, n := range f.Verdicts {
			switch v {
			case receive.Valid, receive.Duplicate, receive.Gap, receive.Filled, receive.Silent, receive.Resumed:
			default:
				t.Errorf("%d messages are %v: %q", n, v, f.Reasons)
			}
		}
	})
}

func TestSealedAtTheSensor(t *testing.T) {
	t.Parallel()
	b := newBedside(t)
	s := b.NewSealing("monitor-4")
	p := sealingPeer(t, s)
	b.linkPort("monitor-4", config.Sealed, p)
	got := b.Receive()
	b.run(agent.Options{})
	p.queue(link.TypeAnchor, s.Begin(p.beacon()))
	for i := range 300 {
		p.queue(link.TypeSealed, s.Seal(reading(i)))
	}
	p.flushed()
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= 300 })
	got.Until("what the gateway says of it", func(f *sdktest.Found) bool {
		return f.Events[vital.EventLineOpened] >= 1 && f.Events[vital.EventIdentified] >= 1
	})
	got.EachOnce(300)
	onlyGood(t, got)
	waitFor(t, "the sensor's line in the log", func() bool {
		p.mu.Lock()
		p.sensor.Log(link.LevelWarn, "battery low\n\x1b[2J") // again and again: a line is not acknowledged
		p.mu.Unlock()
		return strings.Contains(b.log.String(), `battery low\\n\\x1b[2J`)
	})
}

func TestSealedByTheGateway(t *testing.T) {
	t.Parallel()
	b := newBedside(t, "board")
	p := newPeer(t, link.SensorConfig{})
	b.linkPort("board", config.Plain, p)
	got := b.Receive()
	b.run(agent.Options{})
	made := make([]time.Time, 300)
	for i := range made {
		made[i] = time.Now()
		p.queue(link.TypeReadings, p.readings(i))
	}
	p.flushed()
	arrived := time.Now()
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= 300 })
	got.EachOnce(300)
	onlyGood(t, got)
	got.Look(func(f *sdktest.Found) {
		for i, n := range f.Numerics {
			if made := made[n.Value.Mantissa]; !between(f.Times[i], made, arrived) {
				t.Fatalf("reading %v was made at %v, and is told of %v", n.Value, made, f.Times[i])
			}
		}
	})
}

// between reports whether a reading is told of a time when it may have been made. A
// frame that was long on its way, on a slow machine, makes its readings as much later:
// not later than the frame had arrived.
func between(told, made, arrived time.Time) bool {
	const rounding = time.Second // and more
	return told.After(made.Add(-rounding)) && told.Before(arrived.Add(rounding))
}

// TestPlainTimesAndDrops sends what a sensor kept for hours, a wave, and drops
// told in a batch, in heartbeats, and in both.
func TestPlainTimesAndDrops(t *testing.T) {
	t.Parallel()
	b := newBedside(t, "board")
	p := newPeer(t, link.SensorConfig{})
	p.begun = time.Now().Add(-5 * time.Hour)
	b.linkPort("board", config.Plain, p)
	got := b.Receive()
	b.run(agent.Options{})
	batch := vital.Batch{Numerics: []vital.Numeric{reading(0), reading(1), reading(2)}, Drops: []vital.Dropped{{Reason: vital.DropBound, Count: 7}}}
	now, up := time.Now(), p.uptime()
	ages := []time.Duration{4 * time.Hour, time.Minute, -time.Hour} // the last one's clock is wrong
	for i := range batch.Numerics {
		batch.Numerics[i].Time = uint64(int64(up) - ages[i].Milliseconds())
	}
	batch.Drops[0].Time = up
	w := batch.AddWave()
	w.Time, w.Code, w.Unit, w.Rate, w.Samples = up-3_600_000, vital.ECG, vital.Millivolt, vital.Int(250), make([]int32, 500)
	payload, err := batch.Append(nil)
	b.Must(err)
	p.queue(link.TypeReadings, payload)
	p.mu.Lock()
	p.sensor.Dropped(10) // the 7 among them
	p.mu.Unlock()
	got.Until("all of it", func(f *sdktest.Found) bool {
		lost := uint64(0)
		for _, d := range f.Drops {
			lost += d.Count
		}
		return len(f.Numerics) == 3 && len(f.Waves) == 1 && lost == 10
	})
	got.Look(func(f *sdktest.Found) {
		for i, n := range f.Numerics {
			age := max(0, ages[n.Value.Mantissa])
			if !between(f.Times[i], now.Add(-age), time.Now().Add(-age)) {
				t.Errorf("reading %v is %v off", n.Value, f.Times[i].Sub(now.Add(-age)))
			}
		}
	})
}

// TestForeignDevicesOnAPort puts devices on a port that belong elsewhere or nowhere.
// Each is refused for its own reason, nothing of it is taken, and the gateway
// signs for it.
func TestForeignDevicesOnAPort(t *testing.T) {
	t.Parallel()
	b := newBedside(t, "legacy")
	s, other := b.NewSealing("monitor-4"), b.NewSealing("monitor-5")
	revoked := b.NewSealing("monitor-6")
	site, err := identity.OpenSite(b.Dir)
	b.Must(err)
	b.Must(site.RevokeDevice("monitor-6", time.Now().Add(-time.Minute)))
	stranger := sdktest.MakeSealing(t, "stranger")
	got := b.Receive()
	tests := map[string]struct {
		conf   link.SensorConfig
		reason link.Reason
		event  vital.EventKind
	}{
		"other":    {link.SensorConfig{KeyID: link.KeyID(other.KeyID()), Signer: other.Key}, link.ReasonOther, vital.EventWrongDevice},
		"stranger": {link.SensorConfig{KeyID: link.KeyID(stranger.KeyID()), Signer: stranger.Key}, link.ReasonUnknown, vital.EventUnknownDevice},
		"revoked":  {link.SensorConfig{KeyID: link.KeyID(revoked.KeyID()), Signer: revoked.Key}, link.ReasonUnknown, vital.EventUnknownDevice},
		"impostor": {link.SensorConfig{KeyID: link.KeyID(s.KeyID()), Signer: stranger.Key}, link.ReasonSignature, vital.EventImpostor},
		"plain":    {link.SensorConfig{}, link.ReasonMode, vital.EventWrongDevice},
		"own, plain": {link.SensorConfig{KeyID: link.KeyID(s.KeyID()), Signer: s.Key, Capabilities: link.CapPlain},
			link.ReasonMode, vital.EventWrongDevice},
	}
	want := map[vital.EventKind]int{}
	first := true
	p := newPeer(t, link.SensorConfig{})
	for name, test := range tests {
		p.restart(test.conf)
		if first {
			b.linkPort("monitor-4", config.Sealed, p)
			b.run(agent.Options{})
			first = false
		}
		p.until(name+" is refused", func(s link.SensorState) bool {
			return s.Phase == link.SensorRefused && s.Reason == test.reason
		})
		want[test.event]++
	}
	// The right one is welcome after all of them.
	p.restart(link.SensorConfig{KeyID: link.KeyID(s.KeyID()), Signer: s.Key})
	p.queue(link.TypeAnchor, s.Begin(p.beacon()))
	p.queue(link.TypeSealed, s.Seal(reading(0)))
	p.flushed()
	got.Until("what the gateway says of them", func(f *sdktest.Found) bool {
		for kind, n := range want {
			if f.Events[kind] < n {
				return false
			}
		}
		return len(f.Numerics) == 1
	})
	onlyGood(t, got)
}

// TestRevokedWhileItSpeaks revokes a device in the middle of its session.
func TestRevokedWhileItSpeaks(t *testing.T) {
	t.Parallel()
	b := newBedside(t)
	s := b.NewSealing("monitor-4")
	p := sealingPeer(t, s)
	b.linkPort("monitor-4", config.Sealed, p)
	got := b.Receive()
	b.run(agent.Options{})
	p.queue(link.TypeAnchor, s.Begin(p.beacon()))
	p.queue(link.TypeSealed, s.Seal(reading(0)))
	p.flushed()
	site, err := identity.OpenSite(b.Dir)
	b.Must(err)
	b.Must(site.RevokeDevice("monitor-4", time.Now()))
	p.until("it is refused", func(state link.SensorState) bool {
		if state.Unacked == 0 {
			p.queue(link.TypeSealed, s.Seal(reading(1)))
		}
		return state.Phase == link.SensorRefused && state.Reason == link.ReasonUnknown
	})
	got.Until("what the gateway says of it", func(f *sdktest.Found) bool {
		return f.Events[vital.EventUnknownDevice] > 0
	})
}

// TestReplayedProof plays a whole session again, on a port where the device is not
// there any more.
func TestReplayedProof(t *testing.T) {
	t.Parallel()
	b := newBedside(t)
	s := b.NewSealing("monitor-4")
	p := sealingPeer(t, s)
	line := b.linkPort("monitor-4", config.Sealed, p)
	got := b.Receive()
	b.run(agent.Options{})
	p.queue(link.TypeAnchor, s.Begin(p.beacon()))
	p.queue(link.TypeSealed, s.Seal(reading(0)))
	p.flushed()
	line.Close()
	p.until("it is unplugged", func(link.SensorState) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.line == nil
	})
	again := b.plug("monitor-4") // the recording, under the same name
	stop := make(chan struct{})
	defer close(stop)
	go speak(again, stop, func(int) string { return string(p.said) })
	got.Until("the reading, and the impostor", func(f *sdktest.Found) bool {
		return len(f.Numerics) >= 1 && f.Events[vital.EventImpostor] >= 1
	})
	got.EachOnce(1)
	onlyGood(t, got)
}

// TestForgeriesOnTheLine writes between a sensor's frames what is not the
// sensor's: garbage, envelopes of others, altered ones, and plain readings. All
// that the sensor said arrives, once, and nothing else.
func TestForgeriesOnTheLine(t *testing.T) {
	t.Parallel()
	b := newBedside(t)
	s, other := b.NewSealing("monitor-4"), b.NewSealing("monitor-5")
	p := sealingPeer(t, s)
	b.linkPort("monitor-4", config.Sealed, p)
	got := b.Receive()
	b.run(agent.Options{})
	p.queue(link.TypeAnchor, s.Begin(p.beacon()))
	theirs := other.Begin(seal.Beacon{})
	forged := other.Seal(reading(999))
	for i := range 100 {
		p.queue(link.TypeSealed, s.Seal(reading(i)))
		if i%10 != 0 {
			continue
		}
		p.flushed() // so that the number of the next frame is known
		state := p.state()
		p.inject(noise(2000))
		for _, d := range []link.Data{
			{Type: link.TypeSealed, Body: forged}, {Type: link.TypeAnchor, Body: theirs},
			{Type: link.TypeSealed, Body: []byte("not an envelope")}, {Type: link.TypeReadings, Now: 1, Body: p.readings(998)},
		} {
			d.Session, d.Seq = p.session(), state.Next
			p.inject(link.AppendFrame(nil, d.Append(nil)))
		}
	}
	p.flushed()
	got.Until("all readings, and what the gateway says of the forgeries", func(f *sdktest.Found) bool {
		return len(f.Numerics) >= 100 && f.Events[vital.EventRefused] > 0 && f.Events[vital.EventBadFrames] > 0
	})
	got.EachOnce(100)
	onlyGood(t, got)
}

// noise is bytes without meaning, with ends of frames among them.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		if rand.IntN(16) > 0 {
			b[i] = byte(rand.Uint32())
		}
	}
	return append(append([]byte{0}, b...), 0)
}

// TestMalformedPlainReadings has a sensor with a fault: one frame of nonsense does
// not keep back what follows.
func TestMalformedPlainReadings(t *testing.T) {
	t.Parallel()
	b := newBedside(t, "board")
	p := newPeer(t, link.SensorConfig{})
	b.linkPort("board", config.Plain, p)
	got := b.Receive()
	b.run(agent.Options{})
	for i := range 20 {
		p.queue(link.TypeReadings, p.readings(i))
		p.queue(link.TypeReadings, []byte("hr=72"))
	}
	p.flushed()
	got.Until("the good ones", func(f *sdktest.Found) bool {
		return len(f.Numerics) >= 20 && f.Events[vital.EventRefused] >= 1
	})
	got.EachOnce(20)
}

// TestLinkGoesSilent unplugs nothing: the sensor stops.
func TestLinkGoesSilent(t *testing.T) {
	t.Parallel()
	b := newBedside(t)
	s := b.NewSealing("monitor-4")
	p := sealingPeer(t, s)
	b.linkPort("monitor-4", config.Sealed, p)
	got := b.Receive()
	b.run(agent.Options{})
	p.until("it is accepted", func(s link.SensorState) bool { return s.Phase == link.SensorAccepted })
	p.mu.Lock()
	line := p.line
	p.line = nil
	p.mu.Unlock()
	got.Until("the silence", func(f *sdktest.Found) bool { return f.Events[vital.EventLineSilent] > f.Events[vital.EventLineResumed] })
	p.mu.Lock()
	p.line = line
	p.mu.Unlock()
	got.Until("the end of it", func(f *sdktest.Found) bool {
		return f.Events[vital.EventLineResumed] > 0 && f.Events[vital.EventLineResumed] == f.Events[vital.EventLineSilent]
	})
}

// TestSensorWaitsForTheDisk has a boot record that cannot be stored, so that
// nothing is sealed: nothing is acknowledged meanwhile, the window is closed, and
// all of it arrives once it can.
func TestSensorWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	b := newBedside(t, "board")
	p := newPeer(t, link.SensorConfig{})
	b.linkPort("board", config.Plain, p)
	b.Broker.Kill()
	obstacle := filepath.Join(b.GatewayDir(), "devices", "board.boot")
	b.Must(os.Symlink("nowhere", obstacle))
	b.run(agent.Options{})
	for i := range 50 {
		p.queue(link.TypeReadings, p.readings(i))
	}
	waitFor(t, "the closed window", func() bool { return strings.Contains(b.log.String(), "the sensor waits") })
	if s := p.state(); s.Acked != 1 {
		t.Errorf("acknowledged up to %d, and nothing is on disk", s.Acked)
	}
	b.Must(os.Remove(obstacle))
	p.flushed()
	b.Broker.Start()
	got := b.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	got.Until("all readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= 50 })
	got.EachOnce(50)
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(sdktest.Patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
