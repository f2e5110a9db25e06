package machine

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Gateway is a gateway that is to be started: a general purpose ARM computer with
// a disk, a network and a serial adapter on USB.
type Gateway struct {
	Arch      string // "arm64" or "armv7"
	Kernel    *Kernel
	Initramfs string   // path
	Disk      string   // path of a raw image; it appears as /dev/vda
	Serial    string   // path of the unix socket that is the other end of the serial line
	Dir       string   // for sockets
	Arguments []string // of init
	Console   *Console
}

// The network inside of QEMU's user mode, as its documentation has it: the host is
// at HostAddress, and the guest's loopback is the guest's own.
const (
	GuestAddress = "10.0.2.15"
	HostAddress  = "10.0.2.2"
)

// arch is how one kind of gateway is emulated.
type arch struct {
	program string
	args    []string
}

var arches = map[string]arch{
	"arm64": {"qemu-system-aarch64", []string{"-machine", "virt", "-cpu", "cortex-a53"}},
	// Debian's kernel for ARMv7 without LPAE sees 32 bits of addresses.
	"armv7": {"qemu-system-arm", []string{"-machine", "virt,highmem=off", "-cpu", "cortex-a15"}},
}

// Start boots the gateway.
func (g *Gateway) Start() (*Machine, error) {
	a, ok := arches[g.Arch]
	if !ok {
		return nil, fmt.Errorf("gateway %q is neither arm64 nor armv7", g.Arch)
	}
	initramfs, err := filepath.Abs(g.Initramfs)
	if err != nil {
		return nil, err
	}
	usb, err := json.Marshal(adapter()) // QEMU takes JSON for a device
	if err != nil {
		return nil, err
	}
	args := append([]string{}, a.args...)
	args = append(args,
		"-m", "256", "-kernel", g.Kernel.Image, "-initrd", initramfs,
		"-append", "console=ttyAMA0 quiet panic=-1 -- "+strings.Join(g.Arguments, " "), "-no-reboot",
		"-drive", "id=disk,if=none,format=raw,file="+g.Disk, "-device", "virtio-blk-pci,drive=disk",
		// No romfile: it boots from no network, and Debian has the ROMs in another package.
		"-netdev", "user,id=net,ipv6=off,host="+HostAddress, "-device", "virtio-net-pci,id=nic,netdev=net,romfile=",
		"-chardev", "socket,id=serial,path="+g.Serial+",server=off",
		"-device", "qemu-xhci,id=usb", "-device", string(usb))
	return start(a.program, g.Dir, g.Console, args)
}

// adapter is the serial adapter in the first socket. It is there whether or not
// somebody holds the other end of its line.
func adapter() map[string]any {
	return map[string]any{
		"driver": "usb-serial", "id": adapterID, "bus": "usb.0", "port": "1", "chardev": "serial", "always-plugged": true,
	}
}

const adapterID = "adapter"

// Unplug pulls the serial adapter out of its socket.
func (m *Machine) Unplug() error { return m.monitor.unplug(adapterID) }

// Plug puts it back.
func (m *Machine) Plug() error { return m.monitor.command("device_add", adapter()) }

// Link plugs the network cable in, or pulls it out.
func (m *Machine) Link(up bool) error {
	return m.monitor.command("set_link", map[string]any{"name": "nic", "up": up})
}

// MakeDisk makes an image of megabytes MiB at path with an ext4 file system that
// holds a copy of what is in a folder. The blocks that nothing is in take no space.
func MakeDisk(path, folder string, megabytes int) error {
	program, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		program = "/usr/sbin/mkfs.ext4" // not in everybody's PATH
	}
	out, err := exec.Command(program, "-q", "-F", "-d", folder, path, fmt.Sprintf("%dM", megabytes)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4 (of the package e2fsprogs): %v\n%s", err, out)
	}
	return nil
}
