package port_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
)

// bench is a machine made of directories: /sys and /dev as the kernel and udev
// fill them.
type bench struct {
	t        *testing.T
	sys, dev string
}

func newBench(t *testing.T) bench {
	t.Helper()
	b := bench{t, filepath.Join(t.TempDir(), "sys"), filepath.Join(t.TempDir(), "dev")}
	for _, dir := range []string{"serial/by-id", "serial/by-path"} {
		b.try(os.MkdirAll(filepath.Join(b.dev, dir), 0o755))
	}
	b.try(os.MkdirAll(filepath.Join(b.sys, "class/tty"), 0o755))
	return b
}

func (b bench) try(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b bench) write(path, text string) {
	b.t.Helper()
	b.try(os.MkdirAll(filepath.Dir(path), 0o755))
	b.try(os.WriteFile(path, []byte(text+"\n"), 0o644))
}

// usb plugs an adapter into a socket: "ttyUSB0", "1-2", "0403:6001:A1B2".
func (b bench) usb(tty, socket, ids string) {
	b.t.Helper()
	part := strings.Split(ids, ":")
	usb := filepath.Join(b.sys, "devices/pci0/usb1", socket)
	b.write(filepath.Join(usb, "idVendor"), part[0])
	b.write(filepath.Join(usb, "idProduct"), part[1])
	b.write(filepath.Join(usb, "manufacturer"), "Acme \x1b[31m")
	b.write(filepath.Join(usb, "product"), `9" adapter`)
	if part[2] != "" {
		b.write(filepath.Join(usb, "serial"), part[2])
	}
	iface := filepath.Join(usb, socket+":1.0")
	b.write(filepath.Join(iface, "bInterfaceNumber"), "00")
	device := filepath.Join(iface, tty)
	b.try(os.MkdirAll(device, 0o755))
	b.link(filepath.Join(b.sys, "bus/usb-serial/drivers/ftdi_sio"), filepath.Join(device, "driver"))
	b.link(device, filepath.Join(b.sys, "class/tty", tty, "device"))
}

func (b bench) unplug(tty, socket string) {
	b.t.Helper()
	b.try(os.RemoveAll(filepath.Join(b.sys, "devices/pci0/usb1", socket)))
	b.try(os.RemoveAll(filepath.Join(b.sys, "class/tty", tty)))
}

func (b bench) link(target, name string) {
	b.t.Helper()
	b.try(os.MkdirAll(filepath.Dir(name), 0o755))
	b.try(os.Symlink(target, name))
}

func TestAdapters(t *testing.T) {
	b := newBench(t)
	b.usb("ttyUSB10", "1-1.4", "0403:6001:A1B2")
	b.usb("ttyUSB2", "1-2", "10c4:ea60:")
	b.usb("ttyUSB3", "1-3", "10c4:ea60:")
	board := filepath.Join(b.sys, "devices/pnp0/00:04")
	b.try(os.MkdirAll(board, 0o755))
	for tty, kind := range map[string]string{"ttyS0": "4", "ttyS1": "0"} {
		b.write(filepath.Join(b.sys, "class/tty", tty, "type"), kind)
		b.link(board, filepath.Join(b.sys, "class/tty", tty, "device"))
	}
	b.try(os.MkdirAll(filepath.Join(b.sys, "class/tty/tty0"), 0o755))
	for _, tty := range []string{"ttyUSB10", "ttyUSB2", "ttyUSB3", "ttyS0"} {
		b.write(filepath.Join(b.dev, tty), "")
	}
	b.link("../../ttyUSB10", filepath.Join(b.dev, "serial/by-id/usb-FTDI_A1B2-if00"))
	b.link("../../ttyUSB3", filepath.Join(b.dev, "serial/by-id/usb-CP2102-if00")) // whichever came last
	b.link("../../ttyUSB2", filepath.Join(b.dev, "serial/by-path/socket-2"))
	b.link("../../ttyUSB3", filepath.Join(b.dev, "serial/by-path/socket-3"))

	all, err := port.AdaptersOf(b.sys, b.dev)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range all {
		name, _ := filepath.Rel(b.dev, a.Name(all))
		got = append(got, fmt.Sprintf("%s %s %04x:%04x %q %q %q %s %v", filepath.Base(a.Path), a.Driver, a.Vendor, a.Product, a.Maker, a.Serial, a.Model, name, a.USB()))
	}
	want := []string{
		`ttyS0 . 0000:0000 "" "" "" ttyS0 false`,
		`ttyUSB2 ftdi_sio 10c4:ea60 "Acme \\x1b[31m" "" "9\" adapter" serial/by-path/socket-2 true`,
		`ttyUSB3 ftdi_sio 10c4:ea60 "Acme \\x1b[31m" "" "9\" adapter" serial/by-path/socket-3 true`,
		`ttyUSB10 ftdi_sio 0403:6001 "Acme \\x1b[31m" "A1B2" "9\" adapter" serial/by-id/usb-FTDI_A1B2-if00 true`,
	}
	want[0] = strings.Replace(want[0], " . ", "  ", 1)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := port.AdaptersOf(filepath.Join(b.sys, "nowhere"), b.dev); err == nil {
		t.Error("no sysfs, and no error")
	}
}

// socket is a place to plug pseudo-terminals into, as if they were USB adapters.
type socket struct {
	bench
	name string
}

func (s socket) plug(c cable, link, ids string) {
	s.t.Helper()
	s.usb(filepath.Base(c.slave.Name()), s.name, ids)
	plug(s.t, link, c)
}

func (s socket) pull(c cable, link string) {
	s.t.Helper()
	s.try(os.Remove(link))
	s.unplug(filepath.Base(c.slave.Name()), s.name)
	c.unplug()
}

// newPorts gives a machine whose terminals are pseudo-terminals.
func newPorts(t *testing.T) bench {
	b := newBench(t)
	b.dev = "/dev/pts"
	return b
}

func TestAnotherAdapterIsRefused(t *testing.T) {
	b, link, r := newPorts(t), filepath.Join(t.TempDir(), "by-path-socket"), newRecorder()
	first, other := socket{b, "1-1"}, socket{b, "1-1"}
	a := newCable(t)
	first.plug(a, link, "0403:6001:A1B2")
	start(t, port.Config{Name: link}.On(b.sys, b.dev), r)
	if e := r.untilEvents(t, 1); e.Kind != port.Opened {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
	first.pull(a, link)
	r.untilEvents(t, 2) // lost

	c := newCable(t)
	other.plug(c, link, "0403:6001:C3D4") // into the same socket
	e := r.untilEvents(t, 3)
	if e.Kind != port.Replaced || !strings.Contains(e.Reason.Error(), "it was 0403:6001 A1B2 line 00, and is 0403:6001 C3D4 line 00") {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
	c.send(t, "another patient")
	other.pull(c, link)

	again := newCable(t)
	first.plug(again, link, "0403:6001:A1B2") // renumbered: another terminal
	r.until(t, "opened again", func(r *recorder) bool { return r.events[len(r.events)-1].Kind == port.Opened })
	again.send(t, "the first")
	r.untilData(t, "the first")
}

func TestTwinsNeedTheirSockets(t *testing.T) {
	b, r := newPorts(t), newRecorder()
	dev := t.TempDir()
	one, two := newCable(t), newCable(t)
	socket{b, "1-1"}.plug(one, filepath.Join(dev, "socket-1"), "10c4:ea60:")
	start(t, port.Config{Name: filepath.Join(dev, "socket-1")}.On(b.sys, b.dev), r)
	if e := r.untilEvents(t, 1); e.Kind != port.Opened { // by its socket a twin is known
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
	socket{b, "1-2"}.plug(two, filepath.Join(dev, "socket-2"), "10c4:ea60:")
	r2 := newRecorder()
	start(t, port.Config{Name: filepath.Join(dev, "socket-2")}.On(b.sys, b.dev), r2)
	if e := r2.untilEvents(t, 1); e.Kind != port.Opened {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
	one.send(t, "1")
	two.send(t, "2")
	r.untilData(t, "1")
	r2.untilData(t, "2")
}

// A name by id leads to whichever twin came last, and is refused until there is
// only one.
func TestTwinsHaveNoNameOfTheirOwn(t *testing.T) {
	b, r := newPorts(t), newRecorder()
	dir := filepath.Join(t.TempDir(), "serial/by-id")
	b.try(os.MkdirAll(dir, 0o755))
	link, one, two := filepath.Join(dir, "usb-CP2102"), newCable(t), newCable(t)
	b.usb(filepath.Base(one.slave.Name()), "1-1", "10c4:ea60:")
	socket{b, "1-2"}.plug(two, link, "10c4:ea60:")
	start(t, port.Config{Name: link}.On(b.sys, b.dev), r)
	e := r.untilEvents(t, 1)
	if e.Kind != port.Replaced || !strings.Contains(e.Reason.Error(), "no serial number tells them apart") {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
	b.unplug(filepath.Base(one.slave.Name()), "1-1")
	if e := r.untilEvents(t, 2); e.Kind != port.Opened {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
}

// The kernel says that a terminal came: the port is opened at once, long before
// it would be polled.
func TestHotplug(t *testing.T) {
	const uevent = "/sys/class/tty/tty0/uevent"
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have the kernel announce a terminal")
	}
	link, r, c := byID(t), newRecorder(), newCable(t)
	start(t, port.Config{Name: link, RetryMin: time.Hour, RetryMax: time.Hour}, r)
	r.untilEvents(t, 1) // unavailable
	plug(t, link, c)
	if err := os.WriteFile(uevent, []byte("add"), 0); err != nil {
		t.Fatal(err)
	}
	if e := r.untilEvents(t, 2); e.Kind != port.Opened {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
	c.send(t, "hello")
	r.untilData(t, "hello")
}
