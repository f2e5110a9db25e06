package config

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// sensors reads every [[sensor]]. Two that share a device would break its chain
// of envelopes, two that share a port would each get half of the bytes. The device
// with the gateway's name is the gateway itself.
func (s *section) sensors(gateway string) []Sensor {
	sections := s.arrayOfTables("sensor", "[[sensor]]")
	if list, ok := s.m["sensor"].([]any); s.m["sensor"] == nil || ok && len(list) == 0 {
		s.missing("sensor", "write [[sensor]] with device, driver and port")
	}
	devices, ports := map[string]int{}, map[string]int{} // to the line of the first
	var all []Sensor
	for _, sub := range sections {
		sensor := sub.sensor()
		if sensor.Device == gateway && gateway != "" {
			sub.wrong("device", "name the device on this port", "device %q is the gateway itself", gateway)
		}
		sub.once(devices, "device", sensor.Device)
		sub.once(ports, "port", sensor.Port.Name)
		all = append(all, sensor)
	}
	return all
}

// once reports a value that an earlier sensor has.
func (s *section) once(seen map[string]int, key, value string) {
	if value == "" {
		return // reported already
	}
	if line, ok := seen[value]; ok {
		s.wrong(key, "", "%s %q is already the one of the sensor in line %d", key, value, line)
		return
	}
	seen[value], _ = s.doc.position(s.doc.keys[s.at])
}

func (s *section) sensor() Sensor {
	defer s.finish()
	sensor := Sensor{
		Device: s.name("device", "the device identity that seals these readings"),
		Driver: s.driver(),
		Label:  s.label(),
		Port: port.Config{
			Name:    s.port(),
			Line:    s.line(),
			Silence: s.duration("silence", DriverSilence, 0, time.Hour),
		},
	}
	sensor.Lines = s.lines(sensor.Driver)
	sensor.Waves = s.strings("waves")
	sensor.Interval = s.duration("interval", 0, 100*time.Millisecond, time.Hour)
	sensor.SetUp = s.boolean("set_up")
	for _, key := range []string{"waves", "interval", "set_up"} {
		if _, given := s.m[key]; given && sensor.Driver == LinkDriver {
			s.wrong(key, "", "%q is not for the driver %q: the sensor knows what it measures", key, LinkDriver)
		}
	}
	sensor.Mode = s.mode(sensor.Driver)
	if sensor.Mode == Sealed && sensor.Label != "" {
		s.wrong("label", `the sensor seals, and its labels with it; mode = "plain" has the gateway seal`,
			"a label cannot be put on what the device sealed itself")
	}
	return sensor
}

// mode reads who seals on a port with the link.
func (s *section) mode(driver string) string {
	modes := []string{Sealed, Plain}
	i := s.choice("mode", modes...)
	switch _, given := s.m["mode"]; {
	case driver == LinkDriver && i >= 0:
		return modes[i]
	case driver == LinkDriver:
		return Sealed
	case given && driver != "":
		s.problem(s.doc.keys[s.at.key("mode")], "", "%q%s is for the driver %q, not for %q", "mode", s.in(), LinkDriver, driver)
	}
	return ""
}

func (s *section) driver() string {
	text, ok := s.required("driver", suggest("", s.drivers))
	if ok && !slices.Contains(s.drivers, text) {
		s.wrong("driver", suggest(text, s.drivers), "unknown driver %q", text)
	}
	return text
}

func (s *section) label() string {
	text, _ := s.str("label")
	if len(text) > vital.MaxText {
		s.wrong("label", "", "label of %d bytes is longer than %d", len(text), vital.MaxText)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		s.wrong("label", "", "label holds control characters")
	}
	return text
}

func (s *section) port() string {
	text, ok := s.required("port", `such as "/dev/serial/by-id/usb-..."`)
	if !ok {
		return ""
	}
	if err := (port.Config{Name: text}).Validate(); err != nil {
		s.wrong("port", hintOf(err), "%v", err)
		return ""
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return "unix:" + s.resolve(path)
	}
	if strings.HasPrefix(text, "/") {
		return filepath.Clean(text)
	}
	return text
}

// line reads what differs from the driver's own settings.
func (s *section) line() port.Line {
	line := port.Line{
		Baud:     s.integer("baud", 0, 50, 4_000_000),
		DataBits: s.integer("data_bits", 0, 5, 8),
		StopBits: s.integer("stop_bits", 0, 1, 2),
	}
	if i := s.choice("parity", "none", "even", "odd"); i >= 0 {
		line.Parity = "NEO"[i]
	}
	return line
}
