package config

import (
	"errors"
	"fmt"
	"maps"
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
// of envelopes, two that share a port would each get half of the bytes.
func (s *section) sensors() []Sensor {
	sections := s.arrayOfTables("sensor", "[[sensor]]")
	if list, ok := s.m["sensor"].([]any); s.m["sensor"] == nil || ok && len(list) == 0 {
		s.missing("sensor", "write [[sensor]] with device, driver and port")
	}
	devices, ports := map[string]int{}, map[string]int{} // to the line of the first
	var all []Sensor
	for _, sub := range sections {
		sensor := sub.sensor()
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
			Silence: s.duration("silence", 10*time.Second, 0, time.Hour),
		},
	}
	sensor.Lines = s.lines(sensor.Driver)
	return sensor
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
	err := port.Config{Name: text}.Validate()
	if e := (*port.Error)(nil); errors.As(err, &e) {
		s.wrong("port", e.Hint, "%v", e)
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

// lines reads [sensor.lines], also below a driver that is mistyped.
func (s *section) lines(driver string) *Lines {
	sub, ok := s.table("lines", "[sensor.lines]")
	if driver != LinesDriver {
		known := slices.Contains(s.drivers, driver)
		if ok && known {
			s.problem(s.doc.keys[sub.at], "", "[sensor.lines] is for the driver %q, not for %q", LinesDriver, driver)
		}
		if !ok || known {
			return nil
		}
	}
	defer sub.finish()
	l := &Lines{
		Separator: sub.separator(),
		Header:    sub.boolean("header"),
		Columns:   sub.columns(),
		Fields:    sub.fields(),
	}
	sub.checkColumns(l)
	return l
}

func (s *section) separator() string {
	if _, ok := s.m["separator"]; !ok {
		s.get("separator")
		return ","
	}
	text, ok := s.str("separator")
	if n := utf8.RuneCountInString(text); ok && (n < 1 || n > 4 || strings.ContainsAny(text, "\r\n")) {
		s.wrong("separator", "", "separator %q is not 1 to 4 characters of one line", text)
	}
	return text
}

func (s *section) columns() []string {
	v, ok := s.get("columns")
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		s.wrongType("columns", "an array of strings", v, `write columns = ["hr", "spo2"]`)
		return nil
	}
	var names []string
	for i, v := range list {
		name, ok := v.(string)
		if !ok {
			s.wrongAt(s.at.key("columns").element(i), "", "%q%s must hold strings, not %s", "columns", s.in(), typeName(v))
		}
		names = append(names, name)
	}
	return names
}

// checkColumns finds what contradicts itself: two sources of names, a name
// twice, and a field that no column has. A column without a field is one that
// nobody wants.
func (s *section) checkColumns(l *Lines) {
	if len(l.Columns) == 0 {
		return
	}
	if l.Header {
		s.wrong("columns", "remove one of them", "columns%s have names from %q and from the header", s.in(), "columns")
	}
	for i, name := range l.Columns {
		if name != "" && slices.Index(l.Columns, name) < i {
			s.wrongAt(s.at.key("columns").element(i), "", "column %q%s is there twice", name, s.in())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Fields)) {
		if !slices.Contains(l.Columns, name) {
			s.problem(s.doc.keys[s.at.key("fields").key(name)], suggest(name, l.Columns), "no column for the field %q", name)
		}
	}
}

func (s *section) fields() map[string]Field {
	sub, ok := s.table("fields", "[sensor.lines.fields]")
	if len(sub.m) == 0 {
		if _, there := s.m["fields"]; ok || !there {
			s.missing("fields", `such as hr = { code = "MDC_ECG_HEART_RATE", unit = "/min" }`)
		}
		return nil
	}
	fields := map[string]Field{}
	for _, name := range slices.Sorted(maps.Keys(sub.m)) {
		if _, ok := sub.m[name].(map[string]any); !ok {
			sub.get(name)
			sub.wrongType(name, "a table", sub.m[name], "write "+name+` = { code = "MDC_ECG_HEART_RATE", unit = "/min" }`)
			continue
		}
		field, _ := sub.table(name, fmt.Sprintf("the field %q", name))
		fields[name] = field.field()
	}
	return fields
}

func (s *section) field() Field {
	defer s.finish()
	return Field{Code: s.code(), Unit: s.unit()}
}

// code takes a reference id that the table has, or any number.
func (s *section) code() vital.Code {
	v, ok := s.get("code")
	if !ok {
		s.missing("code", `such as code = "MDC_ECG_HEART_RATE"`)
		return 0
	}
	switch v := v.(type) {
	case string:
		code, ok := vital.CodeOf(v)
		if !ok {
			s.wrong("code", s.refIDHint(v), "unknown code %q", v)
		}
		return code
	case int64:
		if v < 1 || v > 1<<32-1 {
			s.wrong("code", "", "code %d is outside 1 to %d", v, uint32(1<<32-1))
		}
		return vital.Code(v)
	}
	s.wrongType("code", "a reference id or a number", v, "")
	return 0
}

func (r *reader) refIDHint(name string) string {
	if r.refIDs == nil {
		for code := vital.Code(2 << 16); code < 3<<16; code++ { // the partition of metrics
			if id := code.RefID(); id != "" {
				r.refIDs = append(r.refIDs, id)
			}
		}
	}
	if near := nearest(name, r.refIDs); near != "" {
		return suggest(name, []string{near})
	}
	return "codes that are not in the table can be given as numbers, such as code = 147842"
}

func (s *section) unit() vital.Unit {
	text, ok := s.str("unit")
	if !ok || text == "" {
		return 0
	}
	unit, ok := vital.UnitOf(text)
	if !ok {
		s.wrong("unit", suggest(text, s.ucumNames()), "unknown unit %q", text)
	}
	return unit
}

func (r *reader) ucumNames() []string {
	if r.units == nil {
		for unit := vital.Unit(4 << 16); unit < 5<<16; unit++ { // the partition of dimensions
			if name := unit.UCUM(); name != "" && !slices.Contains(r.units, name) {
				r.units = append(r.units, name)
			}
		}
	}
	return r.units
}
