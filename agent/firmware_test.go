package agent_test

import (
	"crypto/rand"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// flash is a slot in memory.
type flash struct {
	mu    sync.Mutex
	bytes []byte
}

func newFlash(image []byte) *flash {
	f := &flash{bytes: make([]byte, firmware.SlotSize(4, 1024))}
	for i := range f.bytes {
		f.bytes[i] = 0xff
	}
	copy(f.bytes, image)
	return f
}

func (f *flash) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return copy(p, f.bytes[off:]), nil
}

func (f *flash) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, b := range p {
		f.bytes[off+int64(i)] &= b
	}
	return len(p), nil
}

func (f *flash) EraseBlocks(start, n int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := start * 1024; i < (start+n)*1024; i++ {
		f.bytes[i] = 0xff
	}
	return nil
}

func (f *flash) Size() int64           { return int64(len(f.bytes)) }
func (f *flash) WriteBlockSize() int64 { return 4 }
func (f *flash) EraseBlockSize() int64 { return 1024 }

type entropy struct{}

func (entropy) Fill(p []byte) error { _, err := rand.Read(p); return err }
func (entropy) Weak() bool          { return false }

// provisioned makes a device as "vitalseal device provision" does, and returns its
// flash.
func provisioned(b *bedside, name string) *flash {
	b.t.Helper()
	var seed, psk [keys.SecretSize]byte
	_, _ = rand.Read(seed[:])
	_, _ = rand.Read(psk[:])
	image, err := firmware.AppendProvision(nil, "ward-3", &seed, &psk)
	b.Must(err)
	site, err := identity.OpenSite(b.Dir)
	b.Must(err)
	_, err = site.AddDevice("gw-1", name, identity.DeviceOptions{
		PublicKey: keys.NewEd25519(&seed).Public(), PreShared: true, PreSharedKey: &psk,
	})
	b.Must(err)
	return newFlash(image)
}

// runFirmware boots a sensor's own program on a line. It makes a reading every 10
// ms, numbered from first on, and is reset when stop is closed; then it returns
// the number of the next.
func runFirmware(t *testing.T, f *flash, line io.ReadWriter, first int, enough func(n int) bool) (next int) {
	t.Helper()
	s, err := firmware.Open(firmware.Config{Slot: f, Entropy: entropy{}, Flags: seal.FlagTest, Every: 50, Patience: uint32(sdktest.Patience.Milliseconds()), Keep: 8192, Firmware: "test 1.0"})
	if err != nil {
		t.Fatal(err)
	}
	bytes := make(chan []byte, 64)
	go func() {
		for {
			buf := make([]byte, 256)
			n, err := line.Read(buf)
			if err != nil {
				return
			}
			bytes <- buf[:n]
		}
	}()
	begun := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(sdktest.Patience)
	for n := first; ; {
		var in []byte
		select {
		case in = <-bytes:
		case <-tick.C:
			state := s.State()
			if enough(n) {
				if state.Link.Unacked == 0 && state.Waiting == 0 {
					return n
				}
				break
			}
			if state.Waiting >= 25 {
				break // it has no room for more until it is told the time, or the gateway has taken some, whenever that is
			}
			r := reading(n)
			r.Time = uint64(time.Since(begun).Milliseconds())
			if err := s.Numeric(r); err != nil {
				t.Fatal(err)
			}
			n++
		case <-deadline:
			t.Fatalf("the sensor does not come to an end: %+v", s.State())
		}
		now := uint64(time.Since(begun).Milliseconds()) // when the bytes are here, not when they were waited for
		for out := s.Poll(now, in); len(out) > 0; out = s.Poll(now, nil) {
			_, _ = line.Write(out)
		}
	}
}

// TestSensorsOwnProgram runs the program of a sensor's microcontroller against the
// agent: sealed at the sensor, carried, received, with the sensor reset in the
// middle.
func TestSensorsOwnProgram(t *testing.T) {
	t.Parallel()
	b := newBedside(t)
	f := provisioned(b, "monitor-4")
	b.conf.Sensors = append(b.conf.Sensors, b.linkConf("monitor-4", config.Sealed))
	line := b.plug("monitor-4")
	got := b.Receive()
	b.run(agent.Options{})
	begun := time.Now()
	// It starts when the gateway does. In the end it makes more than it has room for.
	n := 0
	for _, readings := range []int{25, 200, 200} {
		end := n + readings
		n = runFirmware(t, f, line, n, func(n int) bool { return n >= end })
		line.Close()
		line = b.plug("monitor-4")
	}
	got.Until("all readings", func(found *sdktest.Found) bool { return len(found.Numerics) >= n })
	got.EachOnce(n)
	onlyGood(t, got)
	got.Look(func(found *sdktest.Found) {
		if len(found.Drops) > 0 {
			t.Errorf("the sensor dropped readings: %+v", found.Drops)
		}
		timed := 0
		for i, at := range found.Times {
			if at.IsZero() { // sealed before the gateway had told the time
				continue
			}
			timed++
			if at.Before(begun.Add(-sdktest.Patience)) || time.Until(at) > time.Second { // a time may have been long on its way
				t.Fatalf("reading %v is told of %v", found.Numerics[i].Value, at)
			}
		}
		if timed < n/3 {
			t.Errorf("%d of %d readings have a time", timed, n)
		}
	})
}
