package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

func simCommand() command {
	return command{
		name: "sim", args: "DRIVER=PLACE...", summary: "simulate a bed: a patient, and devices on serial lines",
		about: `
Simulates devices that are all on one patient, until it gets SIGINT or SIGTERM, or
for -for. Each speaks its device's side of the line at the device's pace, and
answers what it is asked. A DRIVER is a sensor's name in a configuration, and PLACE
is where its line ends:

    pty:LINK        a pseudo-terminal, with a symbolic link to it
    unix:PATH       a socket, made with the rights of this user's files
    tcp:HOST:PORT   a port on the loopback interface; 0 picks one
    /dev/...        a serial port, at the driver's own speed: with a cable to a gateway

Once all lines are there it prints a line for each device, with the port as a
configuration names it, and then when the patient's time began. What nobody reads
is lost, as on a wire; a device does not begin anew when a host comes or goes. A
line has one host at a time: a second one on a socket is hung up on. Links and
sockets are removed at the end.

The patient is made up from -seed, which decides everything. With -scenario things
happen: "sinus 60s, desaturation 2m, sinus"; those that happen at once are joined,
"tachycardia+lead-off 1m". Waves and numbers of all devices agree. With -record a
WFDB record is replayed over and over, its check sums verified first; what it does
not have is made up, at its beats and breaths. Simulated readings are to be marked: see -test of
"vitalseal run".`,
		example: "vitalseal sim nonin-df2=pty:/tmp/oximeter medibus=unix:/tmp/ventilator.sock\nvitalseal sim -scenario \"sinus 60s, apnoea 90s, sinus\" ge-dri=tcp:127.0.0.1:4001\nvitalseal sim -list",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			var s simulation
			flags.Uint64Var(&s.seed, "seed", 1, "`NUMBER` that the patient is made up from")
			flags.StringVar(&s.scenario, "scenario", "", "`LIST` of what happens to the patient (default sinus)")
			flags.StringVar(&s.record, "record", "", "`PATH` of a WFDB record to replay")
			flags.DurationVar(&s.span, "for", 0, "end after this `DURATION`, such as 20s")
			flags.BoolVar(&s.list, "list", false, "list drivers and scenarios, and end")
			return s.run
		},
	}
}

// simulation is one run of the command.
type simulation struct {
	seed             uint64
	scenario, record string
	span             time.Duration
	list             bool
}

func (s *simulation) run(c *call) error {
	if s.list {
		if err := c.want("sim -list", 0, 0); err != nil {
			return err
		}
		return listSimulated(c.stdout)
	}
	if s.span < 0 {
		return &usageError{text: fmt.Sprintf("-for %v is negative", s.span), hint: see("sim")}
	}
	if len(c.args) == 0 {
		return &usageError{text: "no device to simulate", hint: `name one as "nonin-df2=pty:/tmp/oximeter"; "vitalseal sim -list" lists drivers`}
	}
	wanted, err := parseWanted(c.args)
	if err != nil {
		return err
	}
	patient, err := s.patient()
	if err != nil {
		return err
	}
	return (&bed{wanted: wanted, patient: patient, span: s.span}).run(c)
}

func (s *simulation) patient() (sim.Source, error) {
	timeline, err := sim.ParseTimeline(s.scenario)
	if err != nil {
		return nil, &usageError{text: "-scenario: " + strings.TrimPrefix(err.Error(), "sim: "), hint: `see "vitalseal sim -list"`}
	}
	made := sim.NewPatientIn(s.seed, timeline)
	if s.record == "" {
		return made, nil
	}
	if s.scenario != "" {
		return nil, &usageError{text: "-scenario and -record exclude each other", hint: "what happens in a record has happened"}
	}
	record, err := sim.OpenRecord(s.record)
	if err != nil {
		return nil, err
	}
	return sim.NewReplay(sim.ReplayConfig{Record: record, Fill: made})
}

// wantedDevice is one argument.
type wantedDevice struct {
	driver sensor.Driver
	place  string
}

func parseWanted(args []string) ([]wantedDevice, error) {
	var all []wantedDevice
	at := map[string]string{}
	for _, arg := range args {
		name, place, ok := strings.Cut(arg, "=")
		if !ok || place == "" {
			return nil, &usageError{text: fmt.Sprintf("%q is not DRIVER=PLACE", arg), hint: `write it as "nonin-df2=pty:/tmp/oximeter"`}
		}
		driver, err := sensor.Lookup(name)
		if err != nil {
			text, hint, _ := strings.Cut(withoutPackage(err.Error()), fmt.Sprintf("%q: ", name))
			return nil, &usageError{text: text + strconv.Quote(name), hint: hint}
		}
		if driver.Simulate == nil {
			return nil, &usageError{text: fmt.Sprintf("%q has no simulator", name), hint: `see "vitalseal sim -list"`}
		}
		if other, taken := at[place]; taken && !strings.HasSuffix(place, ":0") {
			return nil, &usageError{text: fmt.Sprintf("%q is already the place of %s", place, other), hint: "a line has one device"}
		}
		at[place] = name
		all = append(all, wantedDevice{driver, place})
	}
	return all, nil
}

func listSimulated(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "Drivers:")
	for _, name := range sensor.Names() {
		driver, err := sensor.Lookup(name)
		if err != nil {
			return err
		}
		if driver.Simulate != nil {
			fmt.Fprintf(t, "    %s\t%s\n", driver.Name, driver.Title)
		}
	}
	fmt.Fprintln(t, "\nScenarios:")
	for _, s := range sim.Scenarios() {
		fmt.Fprintf(t, "    %s\t%s\n", s.Name, s.Summary)
	}
	return t.Flush()
}

// openPlace makes the end of a line ready for hosts.
func openPlace(d wantedDevice) (place, error) {
	kind, address, _ := strings.Cut(d.place, ":")
	switch {
	case kind == "pty" && address != "":
		link, err := filepath.Abs(address)
		if err != nil {
			return nil, err
		}
		return openPTY(link)
	case kind == "unix" && address != "":
		return listenUnix(address)
	case kind == "tcp":
		return listenTCP(address)
	case filepath.IsAbs(d.place):
		return openSerial(d)
	}
	return nil, &usageError{text: fmt.Sprintf("%q is no place for a device", d.place),
		hint: "places are pty:LINK, unix:PATH, tcp:127.0.0.1:PORT, or the path of a serial port"}
}

// openPlaces opens all or none.
func openPlaces(wanted []wantedDevice) ([]place, error) {
	var all []place
	for _, w := range wanted {
		p, err := openPlace(w)
		if err != nil {
			for _, open := range all {
				err = errors.Join(err, open.close())
			}
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
