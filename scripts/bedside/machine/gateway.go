package machine

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Gateway is a gateway that is to be started: a general purpose ARM computer with
// a disk, a network, and four USB sockets for serial adapters.
type Gateway struct {
	Arch      string // "arm64" or "armv7"
	Kernel    *Kernel
	Initramfs string // path
	Disk      string // path of a raw image; it appears as /dev/vda
	Second    string // path of another one, /dev/vdb; empty: none
	Adapters  []Adapter
	Dir       string   // for sockets
	Arguments []string // of init
	Console   *Console
}

// Adapter is a serial adapter on USB, FTDI's FT232BM to the kernel.
type Adapter struct {
	Name    string // of this very adapter, in QEMU
	Line    string // path of the unix socket that is the other end of its line
	Serial  string // number, which no other should have; empty: none, as many are sold
	Socket  int    // 1 to 4, where it is when the gateway starts; 0: in none
	Capture string // path of a file for what goes over USB, whole when it is unplugged; empty: none
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
	args := append([]string{}, a.args...)
	args = append(args,
		"-m", "256", "-kernel", g.Kernel.Image, "-initrd", initramfs,
		// The kernel says what is critical only: its words may come in the middle of a
		// program's line, which is waited for.
		"-append", "console=ttyAMA0 loglevel=3 panic=-1 -- "+strings.Join(g.Arguments, " "), "-no-reboot",
		"-drive", "id=disk,if=none,format=raw,file="+g.Disk, "-device", "virtio-blk-pci,drive=disk")
	if g.Second != "" {
		args = append(args, "-drive", "id=second,if=none,format=raw,file="+g.Second, "-device", "virtio-blk-pci,drive=second")
	}
	args = append(args,
		// No romfile: it boots from no network, and Debian has the ROMs in another package.
		"-netdev", "user,id=net,ipv6=off,host="+HostAddress, "-device", "virtio-net-pci,id=nic,netdev=net,romfile=",
		"-device", "qemu-xhci,id=usb")
	for _, each := range g.Adapters {
		args = append(args, "-chardev", "socket,id=line-"+each.Name+",path="+each.Line+",server=off")
		if each.Socket == 0 {
			continue
		}
		device, err := json.Marshal(each.in(each.Socket)) // QEMU takes JSON for a device
		if err != nil {
			return nil, err
		}
		args = append(args, "-device", string(device))
	}
	return start(a.program, g.Dir, g.Console, args)
}

// in describes the adapter in a socket to QEMU. It is there whether or not somebody
// holds the other end of its line. QEMU would make up a serial number for one that
// is given none, not even an empty one.
func (a *Adapter) in(socket int) map[string]any {
	device := map[string]any{
		"driver": "usb-serial", "id": a.Name, "bus": "usb.0", "port": strconv.Itoa(socket),
		"chardev": "line-" + a.Name, "serial": a.Serial, "always-plugged": true,
	}
	if a.Capture != "" {
		device["pcap"] = a.Capture
	}
	return device
}

// Unplug pulls an adapter out of its socket.
func (m *Machine) Unplug(a Adapter) error { return m.monitor.unplug(a.Name) }

// Plug puts one of Gateway.Adapters into a socket.
func (m *Machine) Plug(a Adapter, socket int) error {
	return m.monitor.command("device_add", a.in(socket))
}

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
