//go:build linux

// Package inside is what the first processes of emulated computers have in common:
// they have neither an init nor udev.
package inside

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// PowerOff ends the machine.
func PowerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) // the kernel panics if it fails, and stops
}

// MountKernel mounts what the kernel itself has to say, and room for files that last
// as long as the machine.
func MountKernel() error {
	for _, m := range [][2]string{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	return nil
}

// LoadModules loads what is in a folder, in the order of the names, and removes it:
// its memory is needed.
func LoadModules(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.ko")) // sorted
	if err != nil {
		return err
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load %s: %w", file, err)
		}
	}
	return os.RemoveAll(folder)
}

// Appears waits for a device that a driver, already loaded, is still looking for.
func Appears(path string) error {
	for range 6000 {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("no %s appears", path)
}

// Uptime returns the seconds since the kernel started.
func Uptime() string {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return "unknown"
	}
	seconds, _, _ := strings.Cut(string(text), " ")
	return seconds
}
