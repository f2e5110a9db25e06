package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/scripts/bedside/machine"
	"github.com/vitalseal/vitalseal/scripts/bedside/wire"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// The adapters, each with its board, in the order of kind.make. All are of one make.
const (
	twinA   = iota // without a serial number, known by its socket
	twinB          // another
	own            // with a serial number, known by it
	counted        // with a serial number too, known by the number that the kernel gave it
	clone          // with the serial number of own, and no business here
)

// adaptersKind is four boards on adapters that somebody plugs in and out, and a
// fifth adapter that belongs nowhere. What a board prints may come out under the
// name of its own device only.
func adaptersKind() kind {
	k := linesKind()
	k.name, k.title, k.some = "adapters", "boards that print lines, on USB adapters that are plugged in and out", 4
	k.places = []place{
		twinA:   {"sensor-1", "/dev/serial/by-path/usb-1-1:1.0"},
		twinB:   {"sensor-2", "/dev/serial/by-path/usb-1-2:1.0"},
		own:     {"sensor-3", "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_C3-if00-port0"},
		counted: {"sensor-4", "/dev/ttyUSB0"},
	}
	k.enrol = func(_ *rig, site *identity.Site) error {
		var errs []error
		for _, p := range k.places {
			_, err := site.AddDevice(gatewayName, p.device, identity.DeviceOptions{})
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	identify := k.identify
	k.identify = func(r *receive.Record) []id {
		ids := identify(r)
		for i, n := range ids {
			if n.sensor >= len(k.places) || k.places[n.sensor].device != r.Name {
				ids[i].name += " as " + r.Name // which is made by no sensor
			}
		}
		return ids
	}
	k.connect = connectAdapters
	k.steps = func(s *scenario) []step { return (&sockets{scenario: s}).steps() }
	return k
}

// connectAdapters gives each board an adapter, and leaves them out of the sockets.
func connectAdapters(r *rig) error {
	r.gateway.Adapters = []machine.Adapter{
		twinA: {Name: "a", Capture: r.path("usb")}, twinB: {Name: "b"},
		own: {Name: "c", Serial: "C3"}, counted: {Name: "d", Serial: "D4"}, clone: {Name: "e", Serial: "C3"},
	}
	for i := range r.gateway.Adapters {
		a := &r.gateway.Adapters[i]
		a.Line = r.path("line-" + a.Name)
		socket := r.path("sensor-" + a.Name)
		w, err := wire.Open(a.Line, []string{socket}, nil)
		if err != nil {
			return err
		}
		r.wires = append(r.wires, w)
		s, err := r.kind.make(r, i, socket)
		if err != nil {
			return err
		}
		r.sensors = append(r.sensors, s)
	}
	return nil
}

// sockets is the scenario of those who plug in and out.
type sockets struct {
	*scenario
	plugged time.Time // when the last one was plugged in
	line    int       // of the console, then
}

func (s *sockets) steps() []step {
	return []step{
		{"power on, and plug in four adapters", s.begin},
		{"unplug one, and plug it into the same socket", s.same},
		{"unplug all, and plug them in so that the kernel numbers them differently", s.renumber},
		{"unplug the one that is known by its number, and give it its number again", s.numberAgain},
		{"plug the one with a serial number into the socket of another", s.elsewhere},
		{"plug in another with the same serial number, and pull the first", s.cloned},
		{"switch off", s.end},
	}
}

// in plugs an adapter in, and returns when the gateway has named it. Its cable is
// cut while it is out: nothing that is old may come out of it later.
func (s *sockets) in(ctx context.Context, which, socket int) error {
	s.plugged, s.line = time.Now(), s.console.lines()
	if err := s.guest.Plug(s.gateway.Adapters[which], socket); err != nil {
		return err
	}
	if err := s.console.until(ctx, s.line, "bedside: plugged", fmt.Sprintf("usb-1-%d:", socket)); err != nil {
		return err
	}
	s.wires[which].Cut(false)
	return nil
}

// out pulls adapters, and returns when the gateway has seen it.
func (s *sockets) out(ctx context.Context, which ...int) error {
	for _, each := range which {
		s.wires[each].Cut(true)
		line := s.console.lines()
		if err := s.guest.Unplug(s.gateway.Adapters[each]); err != nil {
			return err
		}
		if err := s.console.until(ctx, line, "bedside: unplugged"); err != nil {
			return err
		}
	}
	return nil
}

// flow waits for new readings of each of the boards.
func (s *sockets) flow(ctx context.Context, which ...int) error {
	for _, each := range which {
		if err := s.awaitNew(ctx, each, s.kind.some); err != nil {
			return err
		}
	}
	return nil
}

// signs counts the signed events of a kind under the name of a board's device.
func (s *sockets) signs(which int, kind vital.EventKind) int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.told[told{s.kind.places[which].device, kind}]
}

// signed does something, and waits for the signed event that it has.
func (s *sockets) signed(ctx context.Context, which int, kind vital.EventKind, do func() error) error {
	before, device := s.signs(which, kind), s.kind.places[which].device
	if err := do(); err != nil {
		return err
	}
	err := s.await(ctx, fmt.Sprintf("the event %q of %s", kind, device), func(l *ledger) bool {
		return l.told[told{device, kind}] > before
	})
	if err == nil {
		s.say("          the receiver has the signed event %q of %s", kind, device)
	}
	return err
}

// refuse is signed, of an attack: something is where it does not belong.
func (s *sockets) refuse(ctx context.Context, what string, which int, do func() error) error {
	s.result.attacks++
	if err := s.signed(ctx, which, vital.EventReplaced, do); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.result.refused = append(s.result.refused, what)
	return nil
}

func (s *sockets) begin(ctx context.Context) error {
	for _, b := range s.sensors {
		if err := b.on(); err != nil {
			return err
		}
	}
	if err := s.boot(); err != nil {
		return err
	}
	if err := s.console.until(ctx, 0, "bedside: agent pid"); err != nil {
		return err
	}
	s.wires[clone].Cut(true)
	for _, at := range [][2]int{{counted, 4}, {twinA, 1}, {twinB, 2}, {own, 3}} {
		if err := s.in(ctx, at[0], at[1]); err != nil {
			return err
		}
	}
	if err := s.await(ctx, "the first reading", func(l *ledger) bool { return len(l.received) > 0 }); err != nil {
		return err
	}
	s.result.verified, s.result.began = time.Since(s.guest.Started), s.console.portOpened()
	return s.flow(ctx, twinA, twinB, own, counted)
}

func (s *sockets) same(ctx context.Context) error {
	if err := s.signed(ctx, twinA, vital.EventLineLost, func() error { return s.out(ctx, twinA) }); err != nil {
		return err
	}
	if err := s.raised(); err != nil {
		return err
	}
	if err := s.signed(ctx, twinA, vital.EventLineOpened, func() error { return s.reopen(ctx, twinA, 1) }); err != nil {
		return err
	}
	return s.flow(ctx, twinA)
}

// reopen plugs an adapter in and says how soon its port was open.
func (s *sockets) reopen(ctx context.Context, which, socket int) error {
	if err := s.in(ctx, which, socket); err != nil {
		return err
	}
	named := time.Since(s.plugged)
	if err := s.console.until(ctx, s.line, `msg="port is open"`, s.kind.places[which].device); err != nil {
		return err
	}
	s.say("          plugged in, it had a name after %.2f s and was open after %.2f s", named.Seconds(), time.Since(s.plugged).Seconds())
	return nil
}

// raised makes sure that an open port has DTR and RTS raised: there are monitors
// that send nothing without.
func (s *sockets) raised() error {
	capture, err := os.ReadFile(s.path("usb"))
	if err != nil {
		return err
	}
	lines, err := machine.ModemLines(capture)
	if err != nil {
		return err
	}
	s.say("          what it was told of DTR and RTS: %s", strings.Join(lines, ", "))
	if !slices.Contains(lines, "DTR on") || !slices.Contains(lines, "RTS on") {
		s.result.problems = append(s.result.problems, "opening the port did not raise DTR and RTS")
	}
	return nil
}

// renumber: the port that is known by its number finds another adapter there.
func (s *sockets) renumber(ctx context.Context) error {
	if err := s.out(ctx, twinA, twinB, own, counted); err != nil {
		return err
	}
	err := s.refuse(ctx, "another adapter under the same number", counted, func() error {
		for _, at := range [][2]int{{twinB, 2}, {twinA, 1}, {own, 3}, {counted, 4}} {
			if err := s.in(ctx, at[0], at[1]); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, s.flow(ctx, twinA, twinB, own))
}

func (s *sockets) numberAgain(ctx context.Context) error {
	if err := s.out(ctx, twinB, counted); err != nil {
		return err
	}
	if err := errors.Join(s.in(ctx, counted, 4), s.in(ctx, twinB, 2)); err != nil {
		return err
	}
	return s.flow(ctx, counted, twinB)
}

// elsewhere: the name by id follows the adapter, the name by path refuses it.
func (s *sockets) elsewhere(ctx context.Context) error {
	if err := s.out(ctx, twinA, own); err != nil {
		return err
	}
	err := s.refuse(ctx, "another adapter in the same socket", twinA, func() error { return s.reopen(ctx, own, 1) })
	if err = errors.Join(err, s.flow(ctx, own)); err != nil {
		return err
	}
	s.say("          known by its serial number, it goes on under its own name")
	if err := s.out(ctx, own); err != nil {
		return err
	}
	if err := errors.Join(s.in(ctx, twinA, 1), s.in(ctx, own, 3)); err != nil {
		return err
	}
	return s.flow(ctx, twinA, own)
}

// cloned: nothing but the socket tells the two apart.
func (s *sockets) cloned(ctx context.Context) error {
	if err := s.out(ctx, counted); err != nil {
		return err
	}
	err := s.signed(ctx, counted, vital.EventReplaced, func() error { return s.in(ctx, clone, 4) }) // under its number
	if err != nil {
		return err
	}
	if err := s.flow(ctx, own); err != nil { // it is open already, and goes on
		return err
	}
	err = s.refuse(ctx, "another adapter with the same serial number", own, func() error { return s.out(ctx, own) })
	if err = errors.Join(err, s.out(ctx, clone)); err != nil {
		return err
	}
	if err := errors.Join(s.in(ctx, counted, 4), s.in(ctx, own, 3)); err != nil {
		return err
	}
	return s.flow(ctx, twinA, twinB, own, counted)
}

// end counts too how often it was said that an adapter is another one: an alarm that
// is false each time that somebody pulls a plug is one that nobody reads.
func (s *sockets) end(ctx context.Context) error {
	for which, want := range map[int]int{twinA: 1, twinB: 0, counted: 2} { // the clone came under the number of counted
		if n := s.signs(which, vital.EventReplaced); n != want {
			s.result.problems = append(s.result.problems, fmt.Sprintf("%s has %d events %q, and %d were due",
				s.kind.places[which].device, n, vital.EventReplaced, want))
		}
	}
	for _, b := range s.sensors {
		if err := b.off(); err != nil {
			return err
		}
	}
	return nil
}
