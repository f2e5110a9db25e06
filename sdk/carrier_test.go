package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// carrying is a ward with a sensor that seals for itself and a pipeline that
// carries it. The pipeline reads its roster anew each time.
func carrying(t *testing.T) (*sdktest.Ward, *sdktest.Sealing, *sdk.Pipeline, *sdk.Carrier) {
	t.Helper()
	w := sdktest.NewWard(t, "oximeter")
	s := w.NewSealing("monitor-4")
	conf := w.Config()
	conf.QuickRoster()
	p := w.Open(conf)
	c, err := p.Carrier("monitor-4")
	must(t, err)
	return w, s, p, c
}

func carry(t *testing.T, c *sdk.Carrier, messages ...[]byte) {
	t.Helper()
	for _, m := range messages {
		must(t, c.Carry(m))
	}
}

func refused(t *testing.T, c *sdk.Carrier, messages ...[]byte) {
	t.Helper()
	before := c.Last()
	for _, m := range messages {
		if err := c.Carry(m); !errors.Is(err, sdk.ErrRefused) {
			t.Errorf("a message that does not follow: %v", err)
		}
	}
	if c.Last() != before {
		t.Errorf("what was refused has changed %+v to %+v", before, c.Last())
	}
}

// beacon waits until the receiver's beacon has been heard.
func beacon(t *testing.T, c *sdk.Carrier) seal.Beacon {
	t.Helper()
	deadline := time.After(sdktest.Patience)
	for {
		if b := c.Beacon(); b != (seal.Beacon{}) {
			return b
		}
		select {
		case <-deadline:
			t.Fatal("no beacon is heard")
		case <-c.BeaconHeard():
		}
	}
}

// TestCarriedEnvelopesArrive has a sensor seal for itself, beside a device that
// the gateway seals for; each reading comes out at the receiver once. What was carried
// is not taken again, unless it is to begin there again.
func TestCarriedEnvelopesArrive(t *testing.T) {
	t.Parallel()
	w, s, p, c := carrying(t)
	got := w.Receive()
	d := w.Device(p, "oximeter")
	anchor := s.Begin(beacon(t, c))
	carry(t, c, anchor)
	var before sdk.Carried
	var kept [][]byte
	for i := range 100 {
		m := s.Seal(spo2(i))
		carry(t, c, m)
		if i%10 == 0 {
			refused(t, c, m, anchor)
		}
		if i == 50 {
			before = c.Last()
			kept = nil
		} else {
			kept = append(kept, m)
		}
	}
	c.Continue(before)
	carry(t, c, kept...)
	carry(t, c, s.Begin(c.Beacon()))
	for i := range 100 {
		carry(t, c, s.Seal(spo2(100+i)))
		must(t, d.Record(spo2(200+i)))
	}
	must(t, c.Sync(context.Background()))
	if stats := c.Stats(); stats.Carried != 251 || stats.Refused != 20 || stats.KeyID != s.KeyID() {
		t.Errorf("%+v", stats)
	}
	got.Until("300 readings", func(f *sdktest.Found) bool { return len(f.Numerics) >= 300 })
	w.Close(p)
	got.EachOnce(300)
	got.Look(func(f *sdktest.Found) {
		for v, n := range f.Verdicts {
			switch v {
			case receive.Valid, receive.Duplicate, receive.Gap, receive.Filled: // an anchor overtakes data
			default:
				t.Errorf("%d messages are %v: %q", n, v, f.Reasons)
			}
		}
	})
}

// TestCarriedSyncHolds kills nothing, but closes a pipeline that has no broker and
// opens it on the same disk.
func TestCarriedSyncHolds(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	s := w.NewSealing("monitor-4")
	conf := w.Config()
	w.Broker.Kill()
	p := w.Open(conf)
	c, err := p.Carrier("monitor-4")
	must(t, err)
	carry(t, c, s.Begin(seal.Beacon{}))
	for i := range 50 {
		carry(t, c, s.Seal(spo2(i)))
	}
	must(t, c.Sync(context.Background()))
	w.CloseAtOnce(p)
	if err := c.Carry(s.Seal(spo2(50))); !errors.Is(err, sdk.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	w.Broker.Start()
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	p = w.Open(conf)
	got.Until("what was synced", func(f *sdktest.Found) bool { return len(f.Numerics) >= 50 })
	w.Close(p)
	got.EachOnce(50)
}

// TestWhatIsNotTheDevicesIsNotCarried attacks a carrier with everything that is
// not the device's own.
func TestWhatIsNotTheDevicesIsNotCarried(t *testing.T) {
	t.Parallel()
	w, s, p, c := carrying(t)
	defer w.CloseAtOnce(p)
	other, stranger := w.NewSealing("monitor-5"), sdktest.MakeSealing(t, "stranger")
	anchor, message := s.Begin(seal.Beacon{}), s.Seal(spo2(97))
	plain, err := (&vital.Batch{Numerics: []vital.Numeric{spo2(97)}}).Append(nil)
	must(t, err)
	for name, bad := range map[string][]byte{
		"nothing":              nil,
		"plain readings":       plain,
		"text":                 []byte("hr=72 spo2=97"),
		"another device's":     other.Begin(seal.Beacon{}),
		"a stranger's":         stranger.Begin(seal.Beacon{}),
		"oversized":            make([]byte, seal.MaxMessage+1),
		"oversized, well made": append(bytes.Clone(message), make([]byte, seal.MaxMessage)...),
		"a byte more":          append(bytes.Clone(message), 0),
	} {
		if err := c.Carry(bad); !errors.Is(err, sdk.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, m := range [][]byte{anchor, message} {
		for i := range m {
			bad := bytes.Clone(m)
			bad[i] ^= 1 << (i % 8)
			if err := c.Carry(bad); !errors.Is(err, sdk.ErrRefused) {
				t.Errorf("byte %d of %d altered: %v", i, len(m), err)
			}
			if err := c.Carry(m[:i]); !errors.Is(err, sdk.ErrRefused) {
				t.Errorf("cut to %d bytes: %v", i, err)
			}
		}
	}
	if stats := c.Stats(); stats.Carried != 0 || stats.Refused != uint64(8+2*len(anchor)+2*len(message)) {
		t.Errorf("%+v", stats)
	}
	must(t, c.Sync(context.Background()))
	if n := p.Stats().Outbox; n.Records+n.Uncommitted != 0 {
		t.Errorf("%d records are in the outbox", n.Records)
	}
}

// TestRevokedDeviceIsNotCarried revokes a device that is being carried, enrols
// another of the same name, and revokes that too.
func TestRevokedDeviceIsNotCarried(t *testing.T) {
	t.Parallel()
	w, s, p, c := carrying(t)
	defer w.CloseAtOnce(p)
	carry(t, c, s.Begin(seal.Beacon{}))
	site, err := identity.OpenSite(w.Dir)
	must(t, err)
	must(t, site.RevokeDevice("monitor-4", time.Now()))
	message := s.Seal(spo2(1))
	if err := c.Carry(message); !errors.Is(err, sdk.ErrRefused) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("revoked: %v", err)
	}
	next := sdktest.MakeSealing(t, "the next one")
	_, err = site.AddDevice("gw-1", "monitor-4", identity.DeviceOptions{PublicKey: next.Key.Public(), NotAfter: time.Now().Add(time.Hour)})
	must(t, err)
	if err := c.Carry(message); !errors.Is(err, sdk.ErrRefused) {
		t.Errorf("of the one before: %v", err)
	}
	carry(t, c, next.Begin(seal.Beacon{}), next.Seal(spo2(2)))
	if d, err := c.Device(); err != nil || d.KeyID != next.KeyID() {
		t.Errorf("%v, %v", d.KeyID, err)
	}
}

// TestDeviceAndCarrierExclude has no device sealed for that seals for itself.
func TestDeviceAndCarrierExclude(t *testing.T) {
	t.Parallel()
	w, _, p, c := carrying(t)
	defer w.CloseAtOnce(p)
	site, err := identity.OpenSite(w.Dir)
	must(t, err)
	must(t, site.AddGateway("gw-2"))
	_, err = site.AddDevice("gw-2", "theirs", identity.DeviceOptions{PublicKey: sdktest.MakeSealing(t, "theirs").Key.Public()})
	must(t, err)
	if again, err := p.Carrier("monitor-4"); again != c || err != nil {
		t.Errorf("the second call: %v", err)
	}
	for name, get := range map[string]func() error{
		"a device that seals for itself":  func() error { _, err := p.Device("monitor-4"); return err },
		"a device that the gateway seals": func() error { _, err := p.Carrier("oximeter"); return err },
		"the gateway itself":              func() error { _, err := p.Carrier("gw-1"); return err },
		"another gateway's":               func() error { _, err := p.Carrier("theirs"); return err },
		"nobody":                          func() error { _, err := p.Carrier("nobody"); return err },
		"no name":                         func() error { _, err := p.Carrier("../gw-2"); return err },
	} {
		var hint interface{ Hint() string }
		if err := get(); !errors.As(err, &hint) || hint.Hint() == "" {
			t.Errorf("%s: %v, without a hint", name, err)
		}
	}
}

// TestCarriedAnchorsAreClearedAndReturn supersedes an anchor, which is cleared at
// the broker; the newest is published again by a pipeline that was restarted, for
// a broker that has forgotten it.
func TestCarriedAnchorsAreClearedAndReturn(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	s := w.NewSealing("monitor-4")
	conf := w.Config()
	conf.Quick(10*time.Millisecond, 10*time.Millisecond)
	conf.Heartbeat = time.Second // when it looks for what to clear, if nothing else happens
	p := w.Open(conf)
	c, err := p.Carrier("monitor-4")
	must(t, err)
	first := s.Begin(seal.Beacon{})
	carry(t, c, first, s.Seal(spo2(0)))
	carry(t, c, s.Begin(seal.Beacon{}), s.Seal(spo2(1)))
	c.Continue(sdk.Carried{Boot: 0, Seq: 1}) // so that the old one passes: it is not the chain in use
	carry(t, c, first)
	must(t, c.Sync(context.Background()))
	untilOneAnchor(t, conf.Data, s.KeyID())
	w.Close(p)
	w.Broker.Kill() // while nobody is connected to notice
	w.Broker.Start()
	p = w.Open(conf)
	_, err = p.Carrier("monitor-4")
	must(t, err)
	defer w.Close(p)
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	got.Until("the newest anchor", func(f *sdktest.Found) bool { return f.Verdicts[receive.Valid] >= 1 })
	got.Look(func(f *sdktest.Found) {
		if f.Verdicts[receive.Rollback]+f.Verdicts[receive.Fork] > 0 {
			t.Errorf("verdicts %v: %q", f.Verdicts, f.Reasons)
		}
	})
}

// untilOneAnchor waits until the state has one anchor of a device that is retained.
func untilOneAnchor(t *testing.T, data string, kid keys.KeyID) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(sdktest.Patience); anchorsOf(t, data, kid) != 1; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d anchors are not cleared", anchorsOf(t, data, kid)-1)
		}
	}
}

// TestGatewaySealsItsOwnEvents, also the account of what it lost of a device that
// it cannot seal for.
func TestGatewaySealsItsOwnEvents(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	got := w.Receive()
	conf := w.Config()
	p := w.Open(conf)
	if n := len(p.Stats().Devices); n != 0 {
		t.Errorf("%d devices before the first event", n)
	}
	w.AwaitHeard(p) // or the receiver may refuse what is sealed
	must(t, p.Event(vital.Event{Kind: vital.EventUnknownDevice, Count: 1, Text: "monitor-4: 0102030405060708"}))
	got.Until("the event", func(f *sdktest.Found) bool { return f.Events[vital.EventUnknownDevice] == 1 })
	w.Close(p)
	// Having spoken, it has heartbeats that receivers wait for, without a new event.
	p = w.Open(conf)
	got.Until("its next start", func(f *sdktest.Found) bool { return f.Events[vital.EventStarted] == 2 })
	w.Close(p)
}

func TestLossOfWhatWasCarriedIsSigned(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	s := w.NewSealing("monitor-4")
	conf := w.Config()
	conf.MaxStored = 1 << 20
	got := w.ReceiveWith(sdk.ReceiverConfig{TrustFirst: true})
	w.Broker.Stop() // which keeps what the receiver subscribed to
	p := w.Open(conf)
	c, err := p.Carrier("monitor-4")
	must(t, err)
	carry(t, c, s.Begin(seal.Beacon{}))
	big := make([]vital.Numeric, 4000)
	for i := range big {
		big[i] = vital.Numeric{Time: uint64(i * i), Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(i)}
	}
	for p.Stats().Outbox.Dropped == 0 {
		must(t, c.Carry(s.Seal(big...)))
		must(t, c.Sync(context.Background()))
	}
	w.Broker.Start()
	got.Until("the gateway's account", func(f *sdktest.Found) bool {
		for _, d := range f.Drops {
			if d.Reason == vital.DropStore && d.Count > 0 {
				return true
			}
		}
		return false
	})
	w.Close(p)
}

// TestOneDeviceDoesNotHoldUpAnother: a device that cannot be sealed for, because
// its boot record cannot be stored, keeps a Sync of all waiting, and not that of a carrier.
func TestOneDeviceDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	s := w.NewSealing("monitor-4")
	p := w.Open(w.Config())
	c, err := p.Carrier("monitor-4")
	must(t, err)
	must(t, os.Symlink("nowhere", filepath.Join(w.GatewayDir(), "devices", "oximeter.boot"))) // where the boot record goes
	d := w.Device(p, "oximeter")
	must(t, d.Record(spo2(1)))
	carry(t, c, s.Begin(seal.Beacon{}))
	must(t, c.Sync(context.Background()))
	if err := d.Sync(context.Background()); err == nil {
		t.Error("the device that cannot be sealed for is on disk")
	}
	if err := p.Sync(context.Background()); err == nil {
		t.Error("all is on disk, the device that cannot be sealed for too")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Close(ended); err == nil {
		t.Errorf("closed with %v", err)
	}
}

// TestFullCarrierKeepsNothing fills a carrier whose disk does not write.
func TestFullCarrierKeepsNothing(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t)
	s := w.NewSealing("monitor-4")
	conf := w.Config()
	conf.MaxWaiting, conf.MaxStored = 64<<10, 1<<20
	must(t, os.MkdirAll(conf.Data, 0o700))
	disk := &brittle{FS: outbox.DirFS(conf.Data)}
	conf.Files(disk)
	p := w.Open(conf)
	c, err := p.Carrier("monitor-4")
	must(t, err)
	disk.broken.Store(true)
	carry(t, c, s.Begin(seal.Beacon{}))
	big := make([]vital.Numeric, 4000)
	for i := range big {
		big[i] = vital.Numeric{Time: uint64(i * i), Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(i)}
	}
	n := 0
	for err = nil; err == nil; n++ {
		if n > 1000 { // much more than the carrier and the outbox have room for
			t.Fatal("there is no bound")
		}
		err = c.Carry(s.Seal(big...))
	}
	if !errors.Is(err, sdk.ErrFull) {
		t.Fatalf("at the bound: %v", err)
	}
	disk.broken.Store(false)
	w.CloseAtOnce(p)
}
