package main

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/scripts/bedside/wire"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// hostKind is a sensor that seals its own readings: the firmware of a
// microcontroller, run on this machine.
func hostKind() kind {
	k, own := sealedKind()
	k.name, k.title = "host", "a sensor that seals for itself, on this machine"
	k.make = func(_ *rig, which int, socket string) (sensor, error) { return newSealing(&own[which], socket) }
	return k
}

// sealedKind is what sensors that seal for themselves have in common, and the
// secrets of two of them: the other one belongs to another port.
func sealedKind() (kind, *[2]secrets) {
	own := &[2]secrets{newSecrets(), newSecrets()}
	var tap *linkTap
	return kind{
		acknowledged: true, proves: true, unit: "messages", some: 8,
		config: "driver = \"link\"\nmode = \"sealed\"\n",
		enrol: func(_ *rig, site *identity.Site) error {
			return errors.Join(own[0].enrol(site, deviceName), own[1].enrol(site, "sensor-2"))
		},
		identify: identifyReceived(true),
		tap: func(l *ledger) wire.Tap {
			tap = newLinkTap(l, own[0].public())
			return tap.tap
		},
		attacks: func(*rig) []attack { return sealedAttacks(tap) },
	}, own
}

// secrets are what a sensor that seals for itself is given on the bench.
type secrets struct{ seed, psk [keys.SecretSize]byte }

func newSecrets() secrets {
	var s secrets
	rand.Read(s.seed[:])
	rand.Read(s.psk[:])
	return s
}

func (s *secrets) public() keys.PublicKey { return keys.NewEd25519(&s.seed).Public() }

func (s *secrets) enrol(site *identity.Site, name string) error {
	psk := s.psk // AddDevice's caller erases it
	_, err := site.AddDevice(gatewayName, name, identity.DeviceOptions{PublicKey: s.public(), PreShared: true, PreSharedKey: &psk})
	return err
}

// sealing is such a sensor. Its flash outlives its power.
type sealing struct {
	socket string
	flash  *flash

	conn net.Conn
	stop chan struct{}
	done sync.WaitGroup
}

func newSealing(s *secrets, socket string) (*sealing, error) {
	image, err := firmware.AppendProvision(nil, siteName, &s.seed, &s.psk)
	if err != nil {
		return nil, err
	}
	f := newFlash()
	copy(f.cells[f.Size()-firmware.SlotSize(f.WriteBlockSize(), f.EraseBlockSize()):], image)
	return &sealing{socket: socket, flash: f}, nil
}

func (s *sealing) on() error {
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		return err
	}
	device, err := firmware.Open(firmware.Config{
		Slot: s.flash, Entropy: entropy{}, Flags: seal.FlagTest, Firmware: "bedside",
		Every: 250, Heartbeat: 5000, Keep: 16 << 10,
	})
	if err != nil {
		conn.Close()
		return err
	}
	s.conn, s.stop = conn, make(chan struct{})
	arrived := make(chan []byte, 16)
	s.done.Go(func() { s.listen(conn, arrived) })
	s.done.Go(func() { s.loop(device, conn, arrived) })
	return nil
}

// listen is the UART's interrupt handler.
func (s *sealing) listen(conn net.Conn, arrived chan<- []byte) {
	for {
		buf := make([]byte, 256)
		n, err := conn.Read(buf)
		if err != nil {
			return // switched off
		}
		select {
		case arrived <- buf[:n]:
		case <-s.stop:
			return
		}
	}
}

// loop is the main loop of the firmware.
func (s *sealing) loop(device *firmware.Sensor, conn io.Writer, arrived <-chan []byte) {
	started := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for measured := uint64(0); ; {
		var in []byte
		select {
		case in = <-arrived:
		case <-tick.C:
		case <-s.stop:
			return
		}
		now := uint64(time.Since(started).Milliseconds())
		if now >= measured+250 {
			measured = now
			for _, n := range vitals(now) {
				_ = device.Numeric(n) // a reading that finds no room is counted by the sensor
			}
		}
		for out := device.Poll(now, in); len(out) > 0; out = device.Poll(now, nil) {
			if _, err := conn.Write(out); err != nil {
				return // switched off
			}
		}
	}
}

// vitals are those of a patient who is well.
func vitals(now uint64) []vital.Numeric {
	return []vital.Numeric{
		{Time: now, Code: vital.HeartRate, Unit: vital.BeatsPerMinute, Value: vital.Int(70 + int(now/1000)%9)},
		{Time: now, Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(96 + int(now/5000)%3)},
	}
}

func (s *sealing) off() error {
	if s.conn == nil {
		return errors.New("the sensor is not on")
	}
	close(s.stop)
	s.conn.Close()
	s.done.Wait()
	s.conn = nil
	return nil
}

// entropy is this machine's.
type entropy struct{}

func (entropy) Fill(p []byte) error {
	_, err := rand.Read(p)
	return err
}

func (entropy) Weak() bool { return false }

// flash is NOR memory: erasing sets bits, writing clears them.
type flash struct{ cells []byte }

const flashBlock = 512

func newFlash() *flash {
	f := &flash{cells: make([]byte, 8*flashBlock)}
	for i := range f.cells {
		f.cells[i] = 0xff
	}
	return f
}

func (f *flash) Size() int64           { return int64(len(f.cells)) }
func (f *flash) WriteBlockSize() int64 { return 4 }
func (f *flash) EraseBlockSize() int64 { return flashBlock }

func (f *flash) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > f.Size() {
		return 0, os.ErrInvalid
	}
	return copy(p, f.cells[off:]), nil
}

func (f *flash) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > f.Size() {
		return 0, os.ErrInvalid
	}
	for i, b := range p {
		f.cells[off+int64(i)] &= b
	}
	return len(p), nil
}

func (f *flash) EraseBlocks(start, n int64) error {
	if start < 0 || n < 0 || (start+n)*flashBlock > f.Size() {
		return os.ErrInvalid
	}
	for i := start * flashBlock; i < (start+n)*flashBlock; i++ {
		f.cells[i] = 0xff
	}
	return nil
}
