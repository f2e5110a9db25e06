package port_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
)

// held is a bench with terminals that are files, and one port that is held.
type held struct {
	bench
	link string
	hold *port.Held
}

func newHeld(t *testing.T, folder string) *held {
	h := &held{bench: newBench(t)}
	h.link = filepath.Join(h.dev, "serial", folder, "name")
	h.hold = port.Hold(h.sys, h.dev, h.link)
	return h
}

// plug puts an adapter into a socket, and the link there.
func (h *held) plug(tty, socket, ids string) {
	h.t.Helper()
	h.write(filepath.Join(h.dev, tty), "")
	h.usb(tty, socket, ids)
	h.point(tty)
}

func (h *held) point(tty string) {
	h.t.Helper()
	_ = os.Remove(h.link) // it may not be there
	h.bench.link(filepath.Join(h.dev, tty), h.link)
}

func (h *held) pull(tty, socket string) {
	h.t.Helper()
	h.try(os.Remove(filepath.Join(h.dev, tty)))
	h.unplug(tty, socket)
}

// opens opens the port; want is in the error, "" if there is to be none.
func (h *held) opens(want string) {
	h.t.Helper()
	err := h.hold.Open(func() {})
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		h.t.Fatalf("%v, want %q", err, want)
	}
}

// What a name holds on to, when the same kind of adapter comes back in another
// socket.
func TestWhatANameHolds(t *testing.T) {
	for _, c := range []struct{ name, folder, ids, want string }{
		{"a serial number moves", "by-id", "0403:6001:A1B2", ""},
		{"its own name", "special", "0403:6001:A1B2", ""},
		{"a socket does not", "by-path", "0403:6001:A1B2", "it was 0403:6001 A1B2 in socket 1-1 line 00, and is 0403:6001 A1B2 in socket 1-2 line 00"},
		{"without a serial number", "by-id", "10c4:ea60:", "it was 10c4:ea60 in socket 1-1 line 00, and is 10c4:ea60 in socket 1-2 line 00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHeld(t, c.folder)
			h.plug("ttyUSB0", "1-1", c.ids)
			h.opens("")
			h.pull("ttyUSB0", "1-1")
			h.opens("no such file")
			h.plug("ttyUSB0", "1-2", c.ids)
			h.opens(c.want)
			h.pull("ttyUSB0", "1-2")
			h.plug("ttyUSB5", "1-1", c.ids) // back again, and renumbered
			h.opens("")
		})
	}
}

// Of two adapters with one serial number, the second takes the name by id, and
// would be taken for the first when that is pulled.
func TestCloneDoesNotTakeOver(t *testing.T) {
	h := newHeld(t, "by-id")
	h.plug("ttyUSB0", "1-1", "0403:6001:0001")
	h.opens("")
	h.hold.Look() // nothing is there but itself
	h.plug("ttyUSB1", "1-2", "0403:6001:0001")
	h.hold.Look()
	h.opens("no serial number tells them apart")
	h.pull("ttyUSB0", "1-1")
	h.opens("it was 0403:6001 0001 in socket 1-1 line 00, and is 0403:6001 0001 in socket 1-2 line 00")
	h.pull("ttyUSB1", "1-2")
	h.plug("ttyUSB0", "1-1", "0403:6001:0001")
	h.opens("")
}

// An adapter that moved while its port was open is no twin of itself.
func TestMovedIsNoTwin(t *testing.T) {
	h := newHeld(t, "by-id")
	h.plug("ttyUSB0", "1-1", "0403:6001:A1B2")
	h.opens("")
	h.pull("ttyUSB0", "1-1")
	h.plug("ttyUSB1", "1-2", "0403:6001:A1B2")
	h.hold.Look()
	h.opens("")
}

// While a port is opened, another adapter comes under its name.
func TestReplacedWhileOpening(t *testing.T) {
	h := newHeld(t, "by-path")
	h.plug("ttyUSB0", "1-1", "0403:6001:A1B2")
	err := h.hold.Open(func() {
		h.pull("ttyUSB0", "1-1")
		h.plug("ttyUSB0", "1-1", "0403:6001:C3D4")
	})
	if err == nil || !strings.Contains(err.Error(), "it was 0403:6001 A1B2 in socket 1-1 line 00, and is 0403:6001 C3D4 in socket 1-1 line 00") {
		t.Errorf("%v", err)
	}
}

// A terminal that goes while it is opened is missing, not replaced.
func TestGoingIsNotReplaced(t *testing.T) {
	h := newHeld(t, "by-path")
	h.plug("ttyUSB0", "1-1", "0403:6001:A1B2")
	h.opens("")
	err := h.hold.Open(func() { h.try(os.Remove(filepath.Join(h.dev, "ttyUSB0"))) })
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
}

// Without the kernel's events ports are found by polling.
func TestPolled(t *testing.T) {
	link, r, c := byID(t), newRecorder(), newCable(t)
	start(t, port.Config{Name: link, RetryMin: time.Millisecond, RetryMax: 5 * time.Millisecond}.Polled(), r)
	r.untilEvents(t, 1) // unavailable
	plug(t, link, c)
	r.untilEvents(t, 2)
	c.send(t, "hello")
	r.untilData(t, "hello")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	c.unplug()
	if e := r.untilEvents(t, 3); e.Kind != port.Lost {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
	again := newCable(t)
	plug(t, link, again)
	if e := r.untilEvents(t, 4); e.Kind != port.Opened {
		t.Fatalf("%v: %v", e.Kind, e.Reason)
	}
}

// An adapter that goes while it is looked at is no other: without the number of its
// interface, which the kernel forgets first, and when the terminal is there again by
// the time that all was read, of which some was the hub's that it was plugged into.
func TestGoesWhileLookedAt(t *testing.T) {
	h := newHeld(t, "by-path")
	hub := filepath.Join(h.sys, "devices/pci0/usb1")
	h.plug("ttyUSB0", "1-1", "0403:6001:A1B2")
	h.opens("")
	number := filepath.Join(hub, "1-1/1-1:1.0/bInterfaceNumber")
	h.try(os.Remove(number))
	h.opens("no such file")
	h.write(number, "00")
	h.opens("")
	h.write(filepath.Join(hub, "idVendor"), "1d6b")
	h.write(filepath.Join(hub, "idProduct"), "0002")
	vendor := filepath.Join(hub, "1-1/idVendor")
	h.try(os.Remove(vendor))
	h.try(syscall.Mkfifo(vendor, 0o600))
	again := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(vendor, os.O_WRONLY, 0) // once it is being read
		if err == nil {
			err = errors.Join(
				os.WriteFile(vendor+"2", []byte("0403\n"), 0o600), os.Rename(vendor+"2", vendor),
				os.WriteFile(filepath.Join(h.dev, "new"), nil, 0o600),
				os.Rename(filepath.Join(h.dev, "new"), filepath.Join(h.dev, "ttyUSB0")), f.Close())
		}
		again <- err
	}()
	h.opens("no such file")
	h.try(<-again)
	h.opens("")
}
