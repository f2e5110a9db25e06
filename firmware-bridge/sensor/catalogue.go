package sensor

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/alaris"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/bbraun"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/capnostream"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/contec"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/gedri"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/healthypi"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/intellivue"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/masimo"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/medibus"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/nellcor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/nonin"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/pb840"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/suntech"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

// drivers returns the catalogue, in the order of Names.
func drivers() []Driver {
	slow := Line{Baud: 9600, DataBits: 8, Parity: 'N', StopBits: 1}
	return []Driver{
		{
			Name: "nonin-df2", Title: "Nonin oximeter, data format 2: numbers and 8-bit pleth",
			Line: slow, Period: time.Second / 3, Silence: 2 * time.Second,
			New:      noninFormat(2, func() Decoder { return new(nonin.DF2) }),
			Simulate: func(s sim.Source) Simulator { return nonin.SimulateDF2(s) },
		},
		{
			Name: "nonin-df7", Title: "Nonin oximeter, data format 7: numbers and 16-bit pleth",
			Line: slow, Period: time.Second / 3, Silence: 2 * time.Second,
			New:      noninFormat(7, func() Decoder { return new(nonin.DF7) }),
			Simulate: func(s sim.Source) Simulator { return nonin.SimulateDF7(s) },
		},
		{
			Name: "nonin-df8", Title: "Nonin oximeter, data format 8: numbers once a second, no check sum",
			Line: slow, Period: time.Second, Silence: 4 * time.Second, Unchecked: true,
			New:      noninFormat(8, func() Decoder { return new(nonin.DF8) }),
			Simulate: func(s sim.Source) Simulator { return nonin.SimulateDF8(s) },
		},
		{
			Name: "nonin-df13", Title: "Nonin oximeter, data format 13: spot checks, when they are made",
			Line: slow, Period: nonin.SpotCheck, Silence: 24 * time.Hour, // days may pass between two spot checks
			New:      noninFormat(13, func() Decoder { return new(nonin.DF13) }),
			Simulate: func(s sim.Source) Simulator { return nonin.SimulateDF13(s) },
		},
		{
			Name: "masimo-ascii1", Title: "Masimo oximeter, ASCII 1: a line a second",
			Line: slow, Period: time.Second, Silence: 4 * time.Second, Unchecked: true,
			New:      plain("masimo-ascii1", func() Decoder { return new(masimo.Decoder) }),
			Simulate: func(s sim.Source) Simulator { return masimo.Simulate(s) },
		},
		{
			Name: "contec-v7", Title: "Contec CMS50 oximeters, protocol V7.0: numbers and pleth",
			Line: Line{Baud: 115200, DataBits: 8, Parity: 'N', StopBits: 1}, Period: time.Second, Silence: 4 * time.Second, Unchecked: true,
			New:      plain("contec-v7", func() Decoder { return new(contec.V7) }),
			Simulate: func(s sim.Source) Simulator { return contec.SimulateV7(s) },
		},
		{
			Name: "contec-v5", Title: "Contec CMS50 oximeters, protocol V5.0A: numbers and pleth, no check sum",
			Line: Line{Baud: 4800, DataBits: 8, Parity: 'O', StopBits: 1}, Period: time.Second, Silence: 4 * time.Second, Unchecked: true,
			New:      plain("contec-v5", func() Decoder { return contec.NewV5() }),
			Simulate: func(s sim.Source) Simulator { return contec.SimulateV5(s) },
		},
		{
			Name: "nellcor-n595", Title: "Nellcor N-595 oximeter: columns of text",
			Line: slow, Period: nellcor.Period, Silence: 10 * time.Second, Unchecked: true,
			New:      plain("nellcor-n595", func() Decoder { return new(nellcor.Decoder) }),
			Simulate: func(s sim.Source) Simulator { return nellcor.Simulate(s) },
		},
		{
			Name: "medibus", Title: "Dräger ventilators and monitors, MEDIBUS: numbers, alarms, settings, waves",
			Line: Line{Baud: 19200, DataBits: 8, Parity: 'E', StopBits: 1}, Period: medibus.DefaultInterval, Silence: 10 * time.Second,
			New: func(o Options) (Decoder, error) {
				if err := o.check("medibus", takesWaves|takesInterval); err != nil {
					return nil, err
				}
				d, err := medibus.New(medibus.Config{Waves: o.Waves, Interval: o.Interval})
				if err != nil {
					return nil, err // not the pointer, as below
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return medibus.Simulate(s) },
		},
		{
			Name: "ge-dri", Title: "GE (Datex-Ohmeda) S/5, B and CARESCAPE monitors: numbers and waves",
			Line: Line{Baud: 19200, DataBits: 8, Parity: 'E', StopBits: 1}, Period: gedri.DefaultInterval, Silence: 15 * time.Second,
			New: func(o Options) (Decoder, error) {
				if err := o.check("ge-dri", takesWaves|takesInterval); err != nil {
					return nil, err
				}
				d, err := gedri.New(gedri.Config{Waves: o.Waves, Interval: o.Interval})
				if err != nil {
					return nil, err // not the pointer, as below
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return gedri.Simulate(s) },
		},
		{
			Name: "bbraun-bcc", Title: "B. Braun Space and CompactPlus pumps, BCC: rates, volumes, alarms; read only",
			Line: slow, Period: bbraun.DefaultInterval, Silence: 4 * bbraun.DefaultInterval,
			New: func(o Options) (Decoder, error) {
				if err := o.check("bbraun-bcc", takesInterval); err != nil {
					return nil, err
				}
				d, err := bbraun.New(bbraun.Config{Interval: o.Interval})
				if err != nil {
					return nil, err // not the pointer, as below
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return bbraun.Simulate(s) },
		},
		{
			Name: "alaris-asena", Title: "Alaris Asena syringe pumps: rate, volume, pressure, alarm; read only",
			Line: Line{Baud: 38400, DataBits: 8, Parity: 'N', StopBits: 1}, Period: alaris.DefaultInterval, Silence: 7 * alaris.DefaultInterval,
			New: func(o Options) (Decoder, error) {
				if err := o.check("alaris-asena", takesInterval); err != nil {
					return nil, err
				}
				d, err := alaris.New(alaris.Config{Interval: o.Interval})
				if err != nil {
					return nil, err // not the pointer, as below
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return alaris.Simulate(s) },
		},
		{
			Name: "intellivue-mib", Title: "Philips IntelliVue monitors, MIB/RS232 data export: numbers, alarms, waves",
			Line: Line{Baud: 115200, DataBits: 8, Parity: 'N', StopBits: 1}, Period: intellivue.DefaultInterval, Silence: 15 * time.Second,
			New: func(o Options) (Decoder, error) {
				if err := o.check("intellivue-mib", takesWaves|takesInterval); err != nil {
					return nil, err
				}
				d, err := intellivue.New(intellivue.Config{Waves: o.Waves, Interval: o.Interval})
				if err != nil {
					return nil, err // not the pointer, as below
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return intellivue.Simulate(s) },
		},
		{
			Name: "capnostream", Title: "Capnostream monitors: end-tidal CO2, respiration, SpO2, the CO2 wave",
			Line: Line{Baud: 115200, DataBits: 8, Parity: 'N', StopBits: 1}, Period: capnostream.Period, Silence: 4 * time.Second,
			New:      plain("capnostream", func() Decoder { return new(capnostream.Decoder) }),
			Simulate: func(s sim.Source) Simulator { return capnostream.Simulate(s) },
		},
		{
			Name: "suntech-nibp", Title: "SunTech blood pressure modules; starts no measurement without an interval",
			Line: slow, Period: suntech.SelfPeriod, Silence: 2 * suntech.SelfPeriod, // without an interval: what others start
			New: func(o Options) (Decoder, error) {
				if err := o.check("suntech-nibp", takesInterval); err != nil {
					return nil, err
				}
				d, err := suntech.New(suntech.Config{Interval: o.Interval})
				if err != nil {
					return nil, err // not the pointer, as above
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return suntech.Simulate(s) },
		},
		{
			Name: "healthypi5", Title: "HealthyPi 5 boards over USB: numbers, ECG and impedance",
			Line: Line{Baud: 115200, DataBits: 8, Parity: 'N', StopBits: 1}, Period: time.Second, Silence: 4 * time.Second, Unchecked: true,
			New:      plain("healthypi5", func() Decoder { return new(healthypi.Decoder) }),
			Simulate: func(s sim.Source) Simulator { return healthypi.Simulate(s) },
		},
		{
			Name: "pb840", Title: "Puritan Bennett 840 ventilators: numbers, settings, alarms; waves on the waveform port",
			Line: Line{Baud: 38400, DataBits: 8, Parity: 'N', StopBits: 1}, Period: pb840.DefaultInterval, Silence: 7 * pb840.DefaultInterval,
			New: func(o Options) (Decoder, error) {
				if err := o.check("pb840", takesInterval); err != nil {
					return nil, err
				}
				d, err := pb840.New(pb840.Config{Interval: o.Interval})
				if err != nil {
					return nil, err // not the pointer, as below
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return pb840.Simulate(s) },
		},
		{
			Name: "lines", Title: "key=value or CSV lines, with a mapping or by well-known names",
			Line: slow, Period: time.Second, Silence: 10 * time.Second, Unchecked: true,
			New: func(o Options) (Decoder, error) {
				if err := o.check("lines", takesLines); err != nil {
					return nil, err
				}
				d, err := lines.New(o.Lines)
				if err != nil {
					return nil, err // not the pointer: a nil *lines.Decoder is a Decoder
				}
				return d, nil
			},
			Simulate: func(s sim.Source) Simulator { return lines.Simulate(s) },
		},
	}
}

// takes is what options a driver takes.
type takes uint8

const (
	takesLines takes = 1 << iota
	takesWaves
	takesInterval
	takesSetUp
)

// check refuses the options that a driver does not take.
func (o Options) check(name string, t takes) error {
	switch {
	case t&takesLines == 0 && !reflect.ValueOf(o.Lines).IsZero():
		return fmt.Errorf("sensor: %s takes no mapping of fields: that is for the driver %q", name, "lines")
	case t&takesWaves == 0 && len(o.Waves) > 0:
		return fmt.Errorf("sensor: %s cannot be asked for waves", name)
	case t&takesInterval == 0 && o.Interval != 0:
		return fmt.Errorf("sensor: %s takes no interval: the device sets its own pace", name)
	case t&takesSetUp == 0 && o.SetUp:
		return fmt.Errorf("sensor: %s has nothing to set up at the device", name)
	case o.Interval < 0:
		return fmt.Errorf("sensor: interval %v is negative", o.Interval)
	}
	return nil
}

// noninFormat makes a New for a data format, which selects it if it may.
func noninFormat(format int, decoder func() Decoder) func(Options) (Decoder, error) {
	return func(o Options) (Decoder, error) {
		if err := o.check(fmt.Sprintf("nonin-df%d", format), takesSetUp); err != nil {
			return nil, err
		}
		if !o.SetUp {
			return decoder(), nil
		}
		d, err := nonin.NewSelecting(format)
		if err != nil {
			return nil, err // not the pointer, as above
		}
		return d, nil
	}
}

// plain makes a New for a driver that has no options.
func plain(name string, decoder func() Decoder) func(Options) (Decoder, error) {
	return func(o Options) (Decoder, error) {
		if err := o.check(name, 0); err != nil {
			return nil, err
		}
		return decoder(), nil
	}
}

// Lookup returns the driver of a name. The error names the nearest one, and all.
func Lookup(name string) (Driver, error) {
	all := drivers()
	for _, d := range all {
		if d.Name == name {
			return d, nil
		}
	}
	near := ""
	if n := nearest(name); n != "" {
		near = fmt.Sprintf("did you mean %q? ", n)
	}
	return Driver{}, fmt.Errorf("sensor: no driver %q: %sknown are %s", name, near, strings.Join(Names(), ", "))
}

// Names returns the names of all drivers.
func Names() []string {
	var names []string
	for _, d := range drivers() {
		names = append(names, d.Name)
	}
	return names
}

// nearest returns the name that takes the fewest edits to reach, or "" if all
// are far off.
func nearest(name string) string {
	name = strings.ToLower(name)
	best, least := "", len(name)/2+1
	for _, n := range Names() {
		d := distance(name, n)
		if strings.HasPrefix(n, name) && name != "" {
			d = 0
		}
		if d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the number of letters to change, add or take away (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
