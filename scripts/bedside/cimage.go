package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/vitalseal/vitalseal/scripts/bedside/machine"
	"github.com/vitalseal/vitalseal/scripts/bedside/wire"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// cKind is the sensor in C, which has no crypto: its gateway seals. What is put in
// its place is a sensor that seals for itself and that nobody knows.
func cKind() kind {
	var tap *linkTap
	return kind{
		name: "c", title: "the sensor in C on an emulated Cortex-M3", acknowledged: true, proves: true,
		unit: "readings", some: 14,
		config: "driver = \"link\"\nmode = \"plain\"\n",
		prepare: func(r *rig) error {
			build := exec.Command(filepath.Join(r.root, "firmware-bridge/firmware/c/image/build"), r.path("sensor.elf"))
			if out, err := build.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %v\n%s(scripts/install installs what it needs)", build, err, out)
			}
			return nil
		},
		enrol: func(_ *rig, site *identity.Site) error {
			_, err := site.AddDevice(gatewayName, deviceName, identity.DeviceOptions{})
			return err
		},
		make: func(r *rig, which int, socket string) (sensor, error) {
			if which == 1 {
				stranger := newSecrets()
				return newSealing(&stranger, socket)
			}
			return newBoard(r, socket)
		},
		identify: identifyReceived(false),
		tap: func(l *ledger) wire.Tap {
			tap = newLinkTap(l, keys.PublicKey{})
			return tap.tap
		},
		attacks: func(*rig) []attack { return linkAttacks(tap) },
	}
}

// board is a microcontroller under QEMU.
type board struct {
	board machine.Board
	power *machine.Machine // nil: it is off
}

func newBoard(r *rig, socket string) (*board, error) {
	dir := r.path("board")
	return &board{board: machine.Board{
		Image: r.path("sensor.elf"), Serial: socket, Dir: dir, Console: &machine.Console{},
	}}, os.MkdirAll(dir, 0o700)
}

func (b *board) on() (err error) {
	b.power, err = b.board.Start()
	return err
}

func (b *board) off() error {
	if b.power == nil {
		return errors.New("the board is not on")
	}
	b.power.Kill()
	b.power = nil
	return nil
}
