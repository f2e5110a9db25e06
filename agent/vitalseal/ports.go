package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
)

func portsCommand() command {
	return command{
		name: "ports", args: "[PORT...]", summary: "list serial ports, and say what is plugged into them",
		about: `
Lists the serial ports of this machine: the name to use in a configuration, the
adapter, the kernel's driver, and whether this user may open it. An adapter without
a serial number that has a twin is named by its socket.

With -probe it opens each port (or those named) at each speed that a known sensor
uses, listens for -for at each, and says which driver reads what arrives, with the
lines for the configuration. It sends nothing, so that a device that speaks only
when asked is not found. Opening a port raises DTR and RTS, which resets some
boards; a port that another program holds is left alone.

The exit status is 1 if no port could be opened.`,
		example: "vitalseal ports\nvitalseal ports -probe /dev/ttyUSB0",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			p := ports{}
			flags.BoolVar(&p.probe, "probe", false, "listen on each port and say which driver reads it")
			flags.DurationVar(&p.span, "for", 4*time.Second, "`TIME` to listen at each speed")
			return p.run
		},
	}
}

// ports is one run of the command.
type ports struct {
	probe bool
	span  time.Duration
}

func (p *ports) run(c *call) error {
	if p.span < 100*time.Millisecond || p.span > 10*time.Minute {
		return &usageError{text: fmt.Sprintf("-for %v is outside 100ms to 10m", p.span), hint: see("ports")}
	}
	all, err := port.Adapters()
	if err != nil {
		return &hinted{err, "serial ports are listed on linux only; name them"}
	}
	chosen := all
	if len(c.args) > 0 {
		if chosen, err = named(c.args, all); err != nil {
			return err
		}
	}
	if len(chosen) == 0 {
		_, err := fmt.Fprintln(c.stdout, "no serial port on this machine")
		return err
	}
	if !p.probe {
		return listPorts(c.stdout, chosen, all)
	}
	return p.probeAll(c.stdout, chosen, all)
}

// named returns the adapters behind the names; what is none of them, such as a
// simulator's socket, has a name only.
func named(names []string, all []port.Adapter) ([]port.Adapter, error) {
	var chosen []port.Adapter
	for _, name := range names {
		if err := (port.Config{Name: name}).Validate(); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(a port.Adapter) bool { return a.Path == name || a.ByID == name || a.ByPath == name })
		if i < 0 {
			chosen = append(chosen, port.Adapter{Path: name})
			continue
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func listPorts(w io.Writer, chosen, all []port.Adapter) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i := range chosen {
		a := &chosen[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", a.Name(all), hardware(a), a.Driver, usable(a))
	}
	return t.Flush()
}

func hardware(a *port.Adapter) string {
	switch {
	case !strings.HasPrefix(a.Path, "/"):
		return "a simulator's socket"
	case !a.USB():
		return "on the board"
	}
	text := fmt.Sprintf("USB %04x:%04x %s", a.Vendor, a.Product, strings.TrimSpace(a.Maker+" "+a.Model))
	if a.Serial != "" {
		text += " serial " + a.Serial
	}
	return text
}

// usable says whether the port can be opened now.
func usable(a *port.Adapter) string {
	_, err := port.Check(port.Config{Name: a.Path})
	if err == nil {
		return "free"
	}
	var e *port.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// probeAll listens on all ports at once.
func (p *ports) probeAll(w io.Writer, chosen, all []port.Adapter) error {
	answers := make([]string, len(chosen))
	opened := make([]bool, len(chosen))
	var probes sync.WaitGroup
	for i := range chosen {
		probes.Go(func() { answers[i], opened[i] = p.probeOne(&chosen[i], chosen[i].Name(all)) })
	}
	probes.Wait()
	for _, text := range answers {
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	if !slices.Contains(opened, true) {
		return errors.New("no port could be opened")
	}
	return nil
}

// probeOne tries the speeds one after the other, those of most drivers first.
func (p *ports) probeOne(a *port.Adapter, name string) (answer string, opened bool) {
	answer = name + ": " + hardware(a) + "\n"
	var heard int
	for _, line := range speeds(a) {
		stream, err := listen(port.Config{Name: name, Line: line}, p.span)
		if err != nil {
			return answer + "  " + err.Error() + "\n", opened
		}
		opened = true
		heard += len(stream)
		if text := recognise(stream, name, line); text != "" {
			return answer + text, true
		}
	}
	if heard == 0 {
		return answer + "  nothing arrives: is the device on, is it one that has to be asked, or are its lines crossed?\n", opened
	}
	return answer + fmt.Sprintf("  %d bytes arrived that no driver reads at these speeds\n", heard), opened
}

// speeds are the settings that known sensors leave the factory with. Sockets have
// none.
func speeds(a *port.Adapter) []port.Line {
	if !strings.HasPrefix(a.Path, "/") {
		return []port.Line{{}}
	}
	count := map[port.Line]int{{Baud: agent.LinkBaud, DataBits: 8, Parity: 'N', StopBits: 1}: 1}
	for _, name := range sensor.Names() {
		d, err := sensor.Lookup(name)
		if err == nil {
			count[port.Line(d.Line)]++
		}
	}
	var lines []port.Line
	for line := range count {
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b port.Line) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a.String(), b.String())
	})
	return lines
}

// recognise returns what to say of a stream, or "" if no driver reads it.
func recognise(stream []byte, name string, line port.Line) string {
	if isLink(stream) {
		return fmt.Sprintf("  it speaks the link%s\n%s", at(line), toPaste(config.LinkDriver, name, line, port.Line{Baud: agent.LinkBaud}))
	}
	found := sensor.Recognise(stream)
	if len(found) == 0 {
		return ""
	}
	best := found[0]
	text := fmt.Sprintf("  %s%s: %d frames, %d readings\n", best.Driver.Title, at(line), best.Good, best.Readings)
	for _, other := range found[1:] {
		text += fmt.Sprintf("  also read by %s\n", other.Driver.Name)
	}
	return text + toPaste(best.Driver.Name, name, line, port.Line(best.Driver.Line))
}

// at names the speed, which a socket has not.
func at(line port.Line) string {
	if line == (port.Line{}) {
		return ""
	}
	return fmt.Sprintf(", at %v", line)
}

func isLink(stream []byte) bool {
	var d link.Decoder
	d.Reset(make([]byte, link.MaxFrame))
	for frame, rest := d.Next(stream); frame != nil; frame, rest = d.Next(rest) {
		if _, err := link.ParseHello(frame); err == nil {
			return true
		}
	}
	return false
}

// toPaste gives the lines for the configuration; what the driver sets by itself is
// left out.
func toPaste(driver, name string, line, own port.Line) string {
	text := fmt.Sprintf("    [[sensor]]\n    device = \"\" # as in \"vitalseal device add\"\n    driver = %q\n    port = %q\n", driver, name)
	if line != (port.Line{}) && line.String() != own.String() {
		text += fmt.Sprintf("    baud = %d\n    data_bits = %d\n    parity = %q\n    stop_bits = %d\n", line.Baud, line.DataBits, parityName(line.Parity), line.StopBits)
	}
	return text
}

func parityName(p byte) string {
	switch p {
	case 'E':
		return "even"
	case 'O':
		return "odd"
	}
	return "none"
}

// heardEnough bounds what is kept of a line that floods.
const heardEnough = 64 << 10

// ear is a port's handler that only listens.
type ear struct {
	stream []byte
	err    error
	stop   context.CancelFunc
}

func (e *ear) Data(p []byte, _ time.Time) {
	if e.stream = append(e.stream, p...); len(e.stream) >= heardEnough {
		e.stop()
	}
}

func (e *ear) Event(event port.Event) {
	switch event.Kind {
	case port.Unavailable, port.Replaced, port.Lost:
		e.err = event.Reason
		e.stop()
	}
}

// listen returns what arrives in the span.
func listen(conf port.Config, span time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), span)
	defer cancel()
	e := &ear{stop: cancel}
	if err := port.Run(ctx, conf, e); err != nil {
		return nil, err
	}
	if len(e.stream) > 0 {
		return e.stream, nil // what came before it was lost may be enough
	}
	return nil, e.err
}
