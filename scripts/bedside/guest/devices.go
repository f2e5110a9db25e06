//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vitalseal/vitalseal/scripts/bedside/inside"
)

// devices hears from the kernel what is plugged in and out.
type devices struct{ fd int }

// Where udev names serial adapters by the socket they are in, and by what they say
// of themselves.
const (
	serialByPath = "/dev/serial/by-path"
	serialByID   = "/dev/serial/by-id"
)

// watchDevices begins to listen, before the first driver is loaded.
func watchDevices() (*devices, error) {
	for _, folder := range []string{serialByPath, serialByID} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("listen to the kernel: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		return nil, fmt.Errorf("listen to the kernel: %w", err)
	}
	return &devices{fd: fd}, nil
}

// follow keeps the links to serial adapters as they should be.
func (d *devices) follow() {
	message := make([]byte, 8<<10)
	for {
		n, _, err := unix.Recvfrom(d.fd, message, 0)
		if err != nil {
			continue // ENOBUFS: some were missed, which the next one shows if they mattered
		}
		heard(message[:n])
	}
}

// heard takes a message such as "add@/devices/.../tty/ttyUSB0\x00ACTION=add\x00...".
func heard(message []byte) {
	head, _, _ := bytes.Cut(message, []byte{0})
	action, path, _ := strings.Cut(string(head), "@")
	name := filepath.Base(path)
	if !strings.HasPrefix(name, "ttyUSB") || filepath.Base(filepath.Dir(path)) != "tty" {
		return
	}
	switch action {
	case "add":
		link := filepath.Join(serialByPath, "usb-"+socketOf(path))
		point(link, name)
		point(filepath.Join(serialByID, idOf("/sys"+path)), name) // of two, it is the last one's
		fmt.Println("bedside: plugged", link, name, "uptime="+inside.Uptime())
	case "remove":
		unname(name)
		fmt.Println("bedside: unplugged", name)
	}
}

// point makes a link to a terminal.
func point(link, name string) {
	_ = os.Remove(link) // to another terminal, or one whose going was missed
	if err := os.Symlink("/dev/"+name, link); err != nil {
		fmt.Println("bedside: link:", err)
	}
}

// unname removes the links to a terminal. A name by id that another adapter has
// too is that one's now.
func unname(name string) {
	for _, folder := range []string{serialByPath, serialByID} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			fmt.Println("bedside: links:", err)
		}
		for _, e := range entries {
			link := filepath.Join(folder, e.Name())
			if target, err := os.Readlink(link); err != nil || target != "/dev/"+name {
				continue
			}
			_ = os.Remove(link)
			if other := named(e.Name(), name); folder == serialByID && other != "" {
				point(link, other)
			}
		}
	}
}

// named returns a terminal but for one that has a name by id, or "".
func named(id, but string) string {
	others, _ := filepath.Glob("/sys/class/tty/ttyUSB*") // the pattern is good
	for _, dir := range others {
		path, err := filepath.EvalSymlinks(dir)
		if err == nil && filepath.Base(dir) != but && idOf(path) == id {
			return filepath.Base(dir)
		}
	}
	return ""
}

// socketOf returns the name of the USB interface in .../usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0.
func socketOf(path string) string {
	return filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(path))))
}

// idOf returns the name that systemd's rules for udev (60-serial.rules) give to the
// adapter of such a path below /sys.
func idOf(path string) string {
	port := filepath.Dir(filepath.Dir(path))
	side := filepath.Dir(port)
	adapter := filepath.Dir(side)
	id := "usb-" + attribute(adapter, "manufacturer") + "_" + attribute(adapter, "product")
	if serial := attribute(adapter, "serial"); serial != "" {
		id += "_" + serial
	}
	return id + "-if" + attribute(side, "bInterfaceNumber") + "-port" + attribute(port, "port_number")
}

// attribute reads one of sysfs, as it is in a name: "" if there is none.
func attribute(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, strings.TrimSpace(string(text)))
}
