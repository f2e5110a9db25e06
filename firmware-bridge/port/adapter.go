package port

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Adapter is a serial port that this machine has, and what it is plugged into.
type Adapter struct {
	Path   string // "/dev/ttyUSB0": today's name
	ByID   string // "/dev/serial/by-id/...": the adapter, wherever it is plugged in; "" without udev
	ByPath string // "/dev/serial/by-path/...": the socket, whatever is plugged in; "" without udev
	Driver string // the kernel's, such as "ftdi_sio"

	// Of a USB adapter; zero for the ports of the board itself.
	Vendor, Product uint16
	Maker, Model    string
	Serial          string // "" for the many that have none
	Interface       string // two digits, of an adapter with several lines
	Socket          string // the kernel's name of the USB socket, "1-1.4"
}

// USB reports whether it can be unplugged.
func (a *Adapter) USB() bool { return a.Socket != "" }

// alike reports whether a and b are one adapter, or two that say the same of
// themselves.
func (a *Adapter) alike(b *Adapter) bool {
	return a.USB() && b.USB() && a.Serial == b.Serial && a.Vendor == b.Vendor && a.Product == b.Product &&
		a.Interface == b.Interface
}

// twin reports whether nothing but the socket tells a from b.
func (a *Adapter) twin(b *Adapter) bool {
	return a.alike(b) && a.Socket != b.Socket
}

// Name returns the name to write into a configuration: the adapter's own if it is
// the only one of its kind, else that of its socket. Twins are told apart by
// where they are plugged in.
func (a *Adapter) Name(all []Adapter) string {
	lone := !slices.ContainsFunc(all, func(b Adapter) bool { return a.twin(&b) })
	switch {
	case lone && a.ByID != "":
		return a.ByID
	case a.ByPath != "":
		return a.ByPath
	}
	return a.Path
}

// Adapters lists the serial ports of the machine, in the order of their paths. A
// port of the board that has no hardware behind it is left out.
func Adapters() ([]Adapter, error) { return thisMachine.adapters() }

// machine is where the kernel and udev say what there is.
type machine struct{ sys, dev string }

var thisMachine = machine{"/sys", "/dev"}

func (m machine) adapters() ([]Adapter, error) {
	class := filepath.Join(m.sys, "class/tty")
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, fmt.Errorf("port: list serial ports: %w", err)
	}
	ids, paths := m.links("serial/by-id"), m.links("serial/by-path")
	var all []Adapter
	for _, e := range entries {
		a, ok := m.adapter(filepath.Join(class, e.Name()))
		if !ok {
			continue
		}
		a.ByID, a.ByPath = ids[a.Path], paths[a.Path]
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Adapter) int { return naturally(a.Path, b.Path) })
	return all, nil
}

// adapter describes a terminal; ok is false for consoles, pseudo-terminals and
// ports without hardware.
func (m machine) adapter(dir string) (a Adapter, ok bool) {
	link := filepath.Join(dir, "device")
	if _, err := os.Lstat(link); err != nil {
		return a, false // a console or a pseudo-terminal, as most are
	}
	device, err := filepath.EvalSymlinks(link)
	if err != nil {
		return a, false // it is going
	}
	if kind := read(dir, "type"); kind == "0" {
		return a, false // PORT_UNKNOWN: the driver found no UART there
	}
	a.Path = filepath.Join(m.dev, filepath.Base(dir))
	if driver, err := os.Readlink(filepath.Join(device, "driver")); err == nil {
		a.Driver = filepath.Base(driver)
	}
	for up := device; len(up) > len(m.sys); up = filepath.Dir(up) {
		if a.Interface == "" {
			a.Interface = read(up, "bInterfaceNumber")
		}
		if vendor := read(up, "idVendor"); vendor != "" {
			a.Vendor, a.Product = hexadecimal(vendor), hexadecimal(read(up, "idProduct"))
			a.Maker, a.Model, a.Serial = read(up, "manufacturer"), read(up, "product"), read(up, "serial")
			a.Socket = filepath.Base(up)
			break
		}
	}
	return a, true
}

// links returns udev's names by the path they lead to.
func (m machine) links(dir string) map[string]string {
	names := map[string]string{}
	for _, link := range links(filepath.Join(m.dev, dir)) {
		if target, err := filepath.EvalSymlinks(link); err == nil {
			names[target] = link
		}
	}
	return names
}

// read returns an attribute, or "" if there is none. Those of USB come from the
// adapter: what is not printable is made visible, so that a hostile one writes
// nothing of its own to a terminal.
func read(dir, attribute string) string {
	data, err := os.ReadFile(filepath.Join(dir, attribute))
	if err != nil {
		return ""
	}
	text := strings.TrimSpace(string(data))
	if len(text) > 128 {
		text = text[:128]
	}
	quoted := strconv.QuoteToASCII(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func hexadecimal(text string) uint16 {
	n, err := strconv.ParseUint(text, 16, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// naturally orders ttyUSB2 before ttyUSB10.
func naturally(a, b string) int {
	if len(a) != len(b) && strings.TrimRight(a, "0123456789") == strings.TrimRight(b, "0123456789") {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// at returns the adapter at the path, and all there are.
func (m machine) at(path string) (found *Adapter, all []Adapter) {
	all, err := m.adapters()
	if err != nil {
		return nil, nil // not Linux, or no sysfs: nothing to tell adapters apart by
	}
	for i := range all {
		if all[i].Path == path {
			return &all[i], all
		}
	}
	return nil, all
}
