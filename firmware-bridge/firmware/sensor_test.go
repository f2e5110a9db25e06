package firmware_test

import (
	"errors"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/firmware-bridge/firmware/tinygo/bedside"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func TestSensorToReceiver(t *testing.T) {
	r := newRig(t)
	r.config.Flags = seal.FlagTest
	r.startSensor()
	p := &patient{r: r}
	r.run(120000, p.record)
	r.settle()
	r.check(p, true)
	a := r.found.anchors
	if len(a) != 1 {
		t.Fatalf("%d anchors", len(a))
	}
	if got := a[0].Clock.UnixMilli - start.UnixMilli(); got < -50 || got > 50 || a[0].Clock.Error < 20 || a[0].Clock.Error > 500 {
		t.Errorf("clock is %d ms off, ± %d", got, a[0].Clock.Error)
	}
	if a[0].Flags != seal.FlagTest || a[0].Boot != 1 || a[0].Generation != 0 || a[0].Heartbeat != 10000 {
		t.Errorf("anchor %+v", a[0])
	}
	if r.found.events[vital.EventStarted] != 1 {
		t.Error("it does not say that it started")
	}
}

// TestAlertsGoAtOnce: an alert overtakes what waits, in a message of its own.
func TestAlertsGoAtOnce(t *testing.T) {
	r := newRig(t)
	r.config.Every = 60000
	r.commit = 10
	r.startSensor()
	p := &patient{r: r}
	r.run(5000, nil)
	r.must(r.sensor.Numeric(vital.Numeric{Time: 5000, Code: vital.HeartRate}))
	r.must(r.sensor.Alert(vital.Alert{Time: 5000, Source: vital.HeartRate, Priority: vital.PriorityHigh, Value: vital.Int(180), Limit: vital.Int(150)}))
	r.run(50, nil)
	if len(r.found.alerts) != 1 || r.found.alertsWith != 0 || len(r.found.numerics) != 0 {
		t.Fatalf("after 50 ms: %d alerts with %d others, %d numerics", len(r.found.alerts), r.found.alertsWith, len(r.found.numerics))
	}
	r.run(60000, nil)
	p.next = 1
	r.check(p, true)
}

// TestHeartbeats: a device with nothing to say says so.
func TestHeartbeats(t *testing.T) {
	r := newRig(t)
	r.run(120000, nil)
	if r.found.beats < 11 || r.found.beats > 20 {
		t.Errorf("%d heartbeats in two minutes with one promised each 10 s", r.found.beats)
	}
	if n := r.found.verdicts[receive.Silent]; n != 0 {
		t.Errorf("silent %d times", n)
	}
}

// TestGatewayRestartsAndNoise: the gateway loses what it had not stored, again and
// again, and the line loses and damages frames, and nothing is missing.
func TestGatewayRestartsAndNoise(t *testing.T) {
	r := newRig(t)
	r.config.Keep = 8192
	r.startSensor()
	r.loss = 0.02
	p := &patient{r: r}
	for range 20 {
		r.commit = uint64(10 + 10*r.random.IntN(40))
		r.run(uint64(10000+10*r.random.IntN(500)), p.record)
		r.up = false
		r.run(uint64(10*r.random.IntN(200)), p.record)
		r.startGateway()
		r.run(5000, p.record)
	}
	r.settle()
	r.check(p, true)
}

// TestLongOutage: for two minutes there is no gateway. What did not fit is given
// up, waves first, and admitted to.
func TestLongOutage(t *testing.T) {
	r := newRig(t)
	p := &patient{r: r}
	r.run(10000, p.record)
	r.up = false
	r.run(120000, p.record)
	missing := r.sensor.State().Dropped
	r.startGateway()
	r.run(20000, p.record)
	r.settle()
	if r.found.dropped == 0 || r.found.dropped < missing {
		t.Errorf("%d given up, %d admitted to", missing, r.found.dropped)
	}
	r.check(p, false)
	lasts := 0
	for r.found.numerics[vital.Int(10*7+lasts)] == 1 {
		lasts++
	}
	t.Logf("numerics of the first %d s of it arrived", lasts/7)
	if lasts < 8*7 {
		t.Error("too little")
	}
}

// TestShortOutages measures for how long the simulated patient (five numerics a
// second, an ECG and a pleth wave) loses nothing without a gateway, which
// PORTING.md states.
func TestShortOutages(t *testing.T) {
	for keep, want := range map[int]int{4096: 4, 8192: 12} {
		lasts := 0
		for seconds := want; seconds < 40; seconds++ {
			r := newRig(t)
			r.config.Keep = keep
			r.startSensor()
			p := bedside.New(7)
			record := func(uptime uint64) { r.must(p.Record(r.sensor, uptime)) }
			r.run(10000, record)
			r.up = false
			r.run(uint64(seconds)*1000, record)
			r.startGateway()
			r.run(10000, record)
			if r.sensor.State().Dropped > 0 {
				break
			}
			lasts = seconds
		}
		t.Logf("a ring of %d bytes lasts %d s", keep, lasts)
		if lasts < want {
			t.Errorf("a ring of %d bytes lasts %d s, want %d", keep, lasts, want)
		}
	}
}

// TestPowerCycles: each start begins a chain that names the one before, and the
// receiver believes them all.
func TestPowerCycles(t *testing.T) {
	r := newRig(t)
	p := &patient{r: r}
	for i := range 40 {
		r.run(5000, p.record)
		r.settle()
		r.run(uint64(r.random.IntN(9)*10), p.record)
		r.settle()
		r.startSensor()
		if n := len(r.found.anchors); n != i+1 {
			t.Fatalf("%d anchors after %d starts", n, i+1)
		}
	}
	for i, a := range r.found.anchors {
		if a.Boot != uint64(i+1) || a.Generation != uint32(i) {
			t.Fatalf("anchor %d: boot %d, generation %d", i, a.Boot, a.Generation)
		}
		if i > 0 && a.Previous.EID == (seal.EID{}) {
			t.Fatalf("anchor %d names no chain before", i)
		}
	}
	r.run(4000, nil)
	r.settle()
	r.check(p, true)
}

// TestWaitsForNoGateway: without a gateway a chain begins after Patience; with
// its first time of day another.
func TestWaitsForNoGateway(t *testing.T) {
	r := newRig(t)
	r.up = false
	p := &patient{r: r, plain: true}
	r.run(2000, p.record)
	if r.sensor.State().Sealing {
		t.Error("it did not wait for the time")
	}
	r.run(3000, p.record)
	if !r.sensor.State().Sealing {
		t.Error("it waits for a gateway")
	}
	r.startGateway()
	r.run(5000, p.record)
	r.settle()
	if a := r.found.anchors; len(a) != 2 || !a[0].Clock.IsZero() || a[1].Clock.IsZero() || a[1].Previous.Seq == 0 {
		t.Errorf("anchors %+v", a)
	}
	r.check(p, true)
}

// TestBeaconsAndClocks: new ones begin chains, at a rate that flash stands,
// whoever holds the line.
func TestBeaconsAndClocks(t *testing.T) {
	r := newRig(t)
	r.run(5000, nil)
	r.beacon = seal.Beacon{1}
	r.setTime()
	r.run(2000, nil)
	if a := r.found.anchors; len(a) != 2 || a[1].Beacon != r.beacon {
		t.Fatalf("%d anchors after a beacon", len(a))
	}
	r.clock = r.clock.Add(10e9)
	r.setTime()
	r.run(62000, nil)
	if a := r.found.anchors; len(a) != 3 || a[2].Clock.UnixMilli-a[1].Clock.UnixMilli < 10000 {
		t.Fatalf("%d anchors after the clock was set", len(a))
	}
	for i := range 3600 {
		r.beacon = seal.Beacon{2, byte(i), byte(i >> 8)}
		r.setTime()
		r.run(1000, nil)
	}
	if n := len(r.found.anchors); n > 3+4+4 {
		t.Errorf("a beacon each second for an hour: %d anchors", n)
	}
}

// TestDaily: the chain is begun anew each day.
func TestDaily(t *testing.T) {
	r := newRig(t)
	r.run(5000, nil)
	for range 25 * 60 {
		r.now += 58000 // nothing at all happens, then two seconds
		r.run(2000, nil)
	}
	if n := len(r.found.anchors); n != 2 {
		t.Errorf("%d anchors in 25 hours", n)
	}
}

// TestRefusesToSeal: nothing is sealed while the random generator or the flash
// fails, and sealing goes on when they work again.
func TestRefusesToSeal(t *testing.T) {
	for name, c := range map[string]struct{ fail, mend func(r *rig) }{
		"generator says so":       {func(r *rig) { r.entropy.err = errors.New("no") }, func(r *rig) { r.entropy.err = nil }},
		"generator is stuck":      {func(r *rig) { r.entropy.stuck = true }, func(r *rig) { r.entropy.stuck = false }},
		"flash cannot be written": {func(r *rig) { r.flash.dead = true }, func(r *rig) { r.flash.dead = false }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c.fail(r)
			r.run(60000, nil)
			if s := r.sensor.State(); s.Sealing || s.Refusing == nil || s.Messages != 0 || len(r.found.anchors) != 0 {
				t.Fatalf("%+v", s)
			}
			c.mend(r)
			r.run(200000, nil)
			if s := r.sensor.State(); !s.Sealing || s.Refusing != nil || len(r.found.anchors) != 1 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

func TestWeakEntropyIsFlagged(t *testing.T) {
	r := newRig(t)
	r.entropy.weak = true
	r.run(5000, nil)
	if a := r.found.anchors; len(a) != 1 || a[0].Flags != seal.FlagWeakEntropy {
		t.Fatalf("%+v", a)
	}
}

// TestNoHeapAfterOpen: recording, sealing, chains and the link take none. (The
// standard library's Ed25519 takes some for a signature; none is left beside.)
func TestNoHeapAfterOpen(t *testing.T) {
	r := newRig(t)
	r.run(5000, nil)
	key := testKey()
	var scratch []byte
	signature := testing.AllocsPerRun(100, func() { scratch, _ = key.Sign(scratch[:0], r.flash.mem[:200]) })
	p := &patient{r: r}
	uptime := (r.now - r.booted) / 1000 * 1000
	p.record(uptime)
	var frame, line []byte
	before := r.sensor.State()
	const runs = 500
	allocs := testing.AllocsPerRun(runs, func() {
		uptime += 500
		p.record(uptime)
		r.must(r.sensor.Alert(vital.Alert{Time: uptime, Value: vital.NaN, Limit: vital.NaN}))
		for len(r.sensor.Poll(uptime, line)) > 0 || r.sensor.State().Waiting > 20 {
			line = line[:0]
		}
		ack := link.Ack{Session: r.session, Next: r.sensor.State().Link.Next, Window: 8}
		frame = ack.Append(frame[:0])
		line = link.AppendFrame(line[:0], frame)
	})
	after := r.sensor.State()
	messages := float64(after.Messages-before.Messages) / runs
	t.Logf("%.2f messages and %.2f allocations a run, %.2f a signature", messages, allocs, signature)
	if messages < 1.4 || after.Dropped > 0 {
		t.Errorf("%.2f messages a run, %d readings given up", messages, after.Dropped)
	}
	if allocs > messages*signature+0.1 {
		t.Errorf("%.2f allocations in a run beside those of signatures", allocs-messages*signature)
	}
}

// TestNoHeapForAnchors: nor do chains that are begun while others run. (The
// AEAD of x/crypto takes one block for a key; a microcontroller's takes none.)
func TestNoHeapForAnchors(t *testing.T) {
	r := newRig(t)
	r.run(5000, nil)
	uptime := r.now - r.booted
	message := link.Time{UnixMilli: 1, Error: link.NoBound}
	var frame, line []byte
	before := r.sensor.State().Boot
	const runs = 200
	flash := testing.AllocsPerRun(runs, func() { r.flash.WriteAt(frame[:0], 0) })
	writes, erases := r.flash.writes, r.flash.erases
	allocs := testing.AllocsPerRun(runs, func() {
		uptime += 16 * 60 * 1000
		message.Beacon[0]++
		frame = message.Append(frame[:0])
		line = link.AppendFrame(line[:0], frame)
		ack := link.Ack{Session: r.session, Next: r.sensor.State().Link.Next, Window: 8}
		frame = ack.Append(frame[:0])
		line = link.AppendFrame(line, frame)
		for len(r.sensor.Poll(uptime, line)) > 0 {
			line = line[:0]
		}
	})
	anchors := r.sensor.State().Boot - before
	operations := float64(r.flash.writes-writes+r.flash.erases-erases) / runs
	t.Logf("%d anchors, %.2f allocations a run, %.2f of an operation of the test's flash, of which there are %.2f", anchors, allocs, flash, operations)
	if anchors < runs {
		t.Errorf("%d anchors", anchors)
	}
	if allocs > flash*operations+1 {
		t.Error("anchors take heap")
	}
}

func TestOpenRefuses(t *testing.T) {
	f := provisioned(t, 4, 4096)
	for name, c := range map[string]firmware.Config{
		"no slot":         {Entropy: &entropy{}},
		"no entropy":      {Slot: f},
		"small ring":      {Slot: f, Entropy: &entropy{}, Keep: 1500},
		"small payload":   {Slot: f, Entropy: &entropy{}, Payload: 100},
		"large payload":   {Slot: f, Entropy: &entropy{}, Payload: 4000, Keep: 10000},
		"many numerics":   {Slot: f, Entropy: &entropy{}, Numerics: 300},
		"long firmware":   {Slot: f, Entropy: &entropy{}, Firmware: string(make([]byte, 33))},
		"not provisioned": {Slot: newFlash(t, 12288, 4, 4096), Entropy: &entropy{}},
	} {
		if _, err := firmware.Open(c); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestSessionsAreTheirOwn: no device repeats a session number, none is 0, and two
// devices at the same boot have two.
func TestSessionsAreTheirOwn(t *testing.T) {
	one, other := keys.KeyID{0xff, 0xff, 0xff, 0xf0}, keys.KeyID{7}
	seen := map[uint32]bool{}
	for boot := range uint64(100) {
		for _, kid := range []keys.KeyID{one, other} {
			n := firmware.Session(kid, boot)
			if n == 0 || seen[n] {
				t.Fatalf("boot %d of %v: session %d again", boot, kid, n)
			}
			seen[n] = true
		}
	}
}
