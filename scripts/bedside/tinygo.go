package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
)

// haveTinyGo reports whether there is a tinygo to build firmware with.
func haveTinyGo() bool {
	_, err := exec.LookPath("tinygo")
	return err == nil
}

// tinygoKind is the sensor that seals for itself on an emulated Cortex-M3. What is
// put in its place is another one of the same site.
func tinygoKind() kind {
	k, own := sealedKind()
	k.name, k.title = "tinygo", "the sensor in TinyGo, which seals for itself, on an emulated Cortex-M3"
	k.prepare, k.some = buildTinyGo, 3
	k.make = func(r *rig, which int, socket string) (sensor, error) {
		if which == 1 {
			return newSealing(&own[1], socket)
		}
		b, err := newBoard(r, socket)
		if err != nil {
			return nil, err
		}
		image, err := firmware.AppendProvision(nil, siteName, &own[0].seed, &own[0].psk)
		if err != nil {
			return nil, err
		}
		b.board.Flash = filepath.Join(b.board.Dir, "flash")
		return b, os.WriteFile(b.board.Flash, image, 0o600)
	}
	return k
}

// buildTinyGo builds the firmware. TinyGo wants the absolute path of a linker
// script, so that the target is completed first.
func buildTinyGo(r *rig) error {
	source := filepath.Join(r.root, "firmware-bridge/firmware/tinygo")
	target, err := os.ReadFile(filepath.Join(source, "targets/lm3s6965.json"))
	if err != nil {
		return err
	}
	target = bytes.ReplaceAll(target, []byte("@DIR@"), []byte(filepath.Join(source, "targets")))
	file := r.path("target.json")
	if err := os.WriteFile(file, target, 0o600); err != nil {
		return err
	}
	build := exec.Command("tinygo", "build", "-target="+file, "-opt=z", "-o", r.path("sensor.elf"), ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("tinygo build: %v\n%s", err, out)
	}
	return nil
}
