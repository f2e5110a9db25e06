//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// devices hears from the kernel what is plugged in and out.
type devices struct{ fd int }

// serialFolder is where udev names serial adapters by the socket they are in.
const serialFolder = "/dev/serial/by-path"

// watchDevices begins to listen, before the first driver is loaded.
func watchDevices() (*devices, error) {
	if err := os.MkdirAll(serialFolder, 0o755); err != nil {
		return nil, err
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
	link := filepath.Join(serialFolder, "usb-"+socketOf(path))
	switch action {
	case "add":
		_ = os.Remove(link) // of an adapter whose going was missed
		if err := os.Symlink("/dev/"+name, link); err != nil {
			fmt.Println("bedside: link:", err)
			return
		}
		fmt.Println("bedside: plugged", link, name, "uptime="+uptime())
	case "remove":
		_ = os.Remove(link)
		fmt.Println("bedside: unplugged", link, name)
	}
}

// socketOf returns the name of the USB interface in .../usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0.
func socketOf(path string) string {
	return filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(path))))
}
