package firmware_test

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// start is the wall time at which a rig's clock begins.
var start = time.Now().UTC().Add(time.Minute).Truncate(time.Second)

// entropy is a working random generator, or one that fails.
type entropy struct {
	err   error
	stuck bool
	weak  bool
}

func (e *entropy) Weak() bool { return e.weak }

func (e *entropy) Fill(p []byte) error {
	if e.stuck {
		clear(p)
		return nil
	}
	rand.Read(p)
	return e.err
}

// rig is a sensor, the line, a gateway and a receiver, in a time of its own.
type rig struct {
	t       testing.TB
	flash   *flash
	entropy *entropy
	config  firmware.Config
	sensor  *firmware.Sensor
	booted  uint64 // rig time of the sensor's start

	gateway link.Gateway
	up      bool
	beacon  seal.Beacon
	clock   time.Time // of the gateway at rig time 0; zero: it has none
	fresh   [][]byte  // taken and not yet durable
	taken   uint32
	next    map[uint32]uint32 // durable, by session
	session uint32
	commit  uint64 // ms between two commits

	now      uint64 // ms
	loss     float64
	random   *mathrand.Rand
	device   keys.PublicKey
	receiver *receive.Receiver
	found    found
}

// found is what came out at the receiver.
type found struct {
	verdicts   map[receive.Verdict]int
	numerics   map[vital.Decimal]int // by value, which the tests make unique
	waves      int
	alerts     []vital.Alert
	alertsWith int // readings beside alerts in their messages
	events     map[vital.EventKind]int
	beats      int
	dropped    uint64
	anchors    []seal.Anchor
	readings   uint64
	messages   int
}

func (f *found) Sync() error { return nil }

func (f *found) Write(r *receive.Record) error {
	f.verdicts[r.Verdict]++
	if r.Batch == nil {
		return nil
	}
	f.messages++
	b := r.Batch
	for _, n := range b.Numerics {
		f.numerics[n.Value]++
	}
	f.waves += len(b.Waves)
	f.alerts = append(f.alerts, b.Alerts...)
	if len(b.Alerts) > 0 {
		f.alertsWith += b.Len() - 1
	}
	for _, e := range b.Events {
		f.events[e.Kind]++
	}
	f.beats += len(b.Heartbeats)
	for _, d := range b.Drops {
		f.dropped += d.Count
		if d.Reason != vital.DropSensor {
			return errors.New("dropped for another reason")
		}
	}
	f.readings += uint64(len(b.Numerics) + len(b.Waves) + len(b.Alerts) + len(b.Events) + len(b.Enumerations))
	return nil
}

type directory struct{ roster *identity.Roster }

func (d directory) Lookup(kid keys.KeyID) (receive.Device, bool) {
	dev, ok := d.roster.Device(kid)
	return receive.Device{Key: dev.PublicKey, Name: dev.Name}, ok
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{
		t: t, flash: provisioned(t, 4, 4096), entropy: &entropy{}, up: true, clock: start, commit: 50,
		next: map[uint32]uint32{}, random: mathrand.New(mathrand.NewPCG(7, 7)), device: *deviceKey(),
		found: found{verdicts: map[receive.Verdict]int{}, numerics: map[vital.Decimal]int{}, events: map[vital.EventKind]int{}},
	}
	r.enrol(filepath.Join(t.TempDir(), "site"))
	r.startGateway()
	r.startSensor()
	return r
}

// enrol makes a site that knows the device, and the receiver of its recipient.
func (r *rig) enrol(dir string) {
	r.t.Helper()
	site, err := identity.CreateSite(dir, "ward-3", identity.SiteOptions{})
	r.must(err)
	_, err = site.AddRecipient("station", identity.RecipientOptions{})
	r.must(err)
	r.must(site.AddGateway("gw-1"))
	psk := testPSK
	_, err = site.AddDevice("gw-1", "monitor-7", identity.DeviceOptions{PublicKey: r.device, PreShared: true, PreSharedKey: &psk})
	r.must(err)
	recipient, err := identity.LoadReceiver(filepath.Join(dir, "recipients", "station"))
	r.must(err)
	r.receiver, err = receive.Open(receive.Config{
		Site: "ward-3", Directory: directory{recipient.Roster}, Secrets: recipient.Keyring, Sink: &r.found,
		StatePath: filepath.Join(r.t.TempDir(), "state"), Clock: func() time.Time { return start.Add(time.Duration(r.now) * time.Millisecond) },
	})
	r.must(err)
	r.t.Cleanup(func() { r.receiver.Close() })
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) startSensor() {
	r.t.Helper()
	r.config.Slot, r.config.Entropy, r.config.Firmware = r.flash, r.entropy, "test 1"
	var err error
	r.sensor, err = firmware.Open(r.config)
	r.must(err)
	r.booted = r.now
}

// startGateway starts the gateway, which has lost all that was not durable.
func (r *rig) startGateway() {
	r.t.Helper()
	r.fresh, r.session, r.up = nil, 0, true
	r.must(r.gateway.Init(link.GatewayConfig{
		Receive: make([]byte, link.MaxFrame),
		Random:  func(c *[32]byte) error { _, err := rand.Read(c[:]); return err },
	}))
	r.setTime()
}

func (r *rig) setTime() {
	t := link.Time{Beacon: r.beacon, Error: link.NoBound}
	if !r.clock.IsZero() {
		t.UnixMilli, t.Error = uint64(r.clock.UnixMilli())+r.now, 20
	}
	r.gateway.SetTime(t, r.now)
}

func (r *rig) Hello(h *link.Hello) link.Reason {
	if h.KeyID != link.KeyID(r.device.ID()) {
		return link.ReasonUnknown
	}
	return 0
}

func (r *rig) Proof(_ *link.Hello, message, signature []byte) link.Reason {
	if !r.device.Verify(message, signature) {
		return link.ReasonSignature
	}
	return 0
}

func (r *rig) Begin(h *link.Hello) (uint32, bool) {
	r.session = h.Session
	next, known := r.next[h.Session]
	if !known {
		next = h.Base
	}
	r.taken, r.fresh = next, nil
	return next, known
}

func (r *rig) Data(d *link.Data) bool {
	r.fresh = append(r.fresh, append([]byte(nil), d.Body...))
	r.taken = d.Seq + 1
	return true
}

func (r *rig) Heartbeat(*link.Heartbeat) {}
func (r *rig) Log(*link.Log)             {}

// store makes what was taken durable and hands it on to the receiver.
func (r *rig) store() {
	r.t.Helper()
	if len(r.fresh) == 0 {
		return
	}
	var verifier seal.Verifier
	var messages []receive.Message
	for _, body := range r.fresh {
		e, err := seal.Parse(body)
		r.must(err)
		v, err := verifier.Verify(e, &r.device)
		r.must(err)
		if v.Kind() == seal.KindAnchor {
			a, err := v.Anchor()
			r.must(err)
			r.found.anchors = append(r.found.anchors, a)
		}
		messages = append(messages, receive.Message{Payload: body})
	}
	_, err := r.receiver.HandleBatch(context.Background(), messages)
	r.must(err)
	r.fresh = nil
	r.next[r.session] = r.taken
	r.gateway.Durable(r.session, r.taken)
}

// noisy is what the line makes of bytes.
func (r *rig) noisy(p []byte) []byte {
	if r.random.Float64() >= r.loss || len(p) == 0 {
		return p
	}
	p = append([]byte(nil), p...)
	switch r.random.IntN(3) {
	case 0:
		return nil
	case 1:
		return p[:r.random.IntN(len(p))]
	}
	p[r.random.IntN(len(p))] ^= 1 << r.random.IntN(8)
	return p
}

// run lets ms pass in steps of 10, and calls each, if not nil, in each.
func (r *rig) run(ms uint64, each func(uptime uint64)) {
	r.t.Helper()
	for end := r.now + ms; r.now < end; r.now += 10 {
		uptime := r.now - r.booted
		if each != nil {
			each(uptime)
		}
		var down []byte
		if r.up {
			for {
				out := r.gateway.Send(nil, r.now)
				if len(out) == 0 {
					break
				}
				down = append(down, r.noisy(out)...)
			}
		}
		for {
			out := r.sensor.Poll(uptime, down)
			down = nil
			if len(out) == 0 {
				break
			}
			if r.up {
				r.gateway.Receive(r.noisy(out), r.now, r)
			}
		}
		if r.up && r.now%r.commit == 0 {
			r.store()
		}
		if r.now%60000 == 0 {
			r.setTime()
		}
	}
}

// patient records what a monitor would: seven numerics each second, an ECG and
// a pleth wave.
type patient struct {
	r     *rig
	next  int
	waves int
	wave  vital.Wave
	plain bool // no waves
}

func (p *patient) record(uptime uint64) {
	if uptime%1000 == 0 {
		for _, code := range []vital.Code{vital.HeartRate, vital.SpO2, vital.PulseRate, vital.RespRate, vital.TempBody, vital.NIBPSystolic, vital.NIBPDiastolic} {
			p.r.must(p.r.sensor.Numeric(vital.Numeric{Time: uptime, Code: code, Value: vital.Int(p.next)}))
			p.next++
		}
	}
	if uptime%500 == 0 && !p.plain {
		for i, code := range []vital.Code{vital.ECGLeadII, vital.Pleth} {
			p.wave.Time, p.wave.Code, p.wave.Rate = uptime, code, vital.Int(250-125*i)
			p.wave.Samples = p.wave.Samples[:0]
			for s := range 125 - 60*i {
				p.wave.Samples = append(p.wave.Samples, int32((s+int(uptime)/4)%70*((s/9)%5+2)))
			}
			p.r.must(p.r.sensor.Wave(&p.wave))
			p.waves++
		}
	}
}

// settle waits until the gateway has everything.
func (r *rig) settle() {
	r.t.Helper()
	for range 120 {
		r.run(1000, nil)
		if s := r.sensor.State(); s.Waiting == 0 && s.Link.Unacked == 0 {
			return
		}
	}
	r.t.Fatalf("the gateway did not get everything: %+v", r.sensor.State())
}

// check holds what was found against what was recorded.
func (r *rig) check(p *patient, whole bool) {
	r.t.Helper()
	f := &r.found
	doubled, missing := 0, 0
	for i := range p.next {
		switch n := f.numerics[vital.Int(i)]; {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
	}
	for v, n := range f.verdicts {
		if v != receive.Valid && v != receive.Filled {
			r.t.Errorf("%d times %v", n, v)
		}
	}
	state := r.sensor.State()
	r.t.Logf("%d numerics, %d waves recorded: %d messages, %d anchors, %d numerics missing, %d doubled, %d waves, %d beats, %d admitted to be dropped",
		p.next, p.waves, f.messages, len(f.anchors), missing, doubled, f.waves, f.beats, f.dropped)
	if doubled > 0 || whole && (missing > 0 || f.waves != p.waves || f.dropped > 0 || state.Dropped > 0) {
		r.t.Error("not each once")
	}
	if f.readings+f.dropped != uint64(p.next+p.waves)+uint64(len(f.alerts))+uint64(f.events[vital.EventStarted]) {
		r.t.Errorf("%d readings received and %d admitted to be dropped", f.readings, f.dropped)
	}
}
