package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const fieldForm = `{ code = "MDC_ECG_HEART_RATE", unit = "/min" }`

// lines reads [sensor.lines], also below a driver that is mistyped. Without it
// the decoder goes by the names it knows.
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
	before := len(s.problems)
	l := &Lines{
		Separator: sub.separator(),
		Header:    sub.boolean("header"),
		SkipFirst: sub.boolean("skip_first"),
		Missing:   sub.strings("missing"),
		Fields:    sub.fields(),
	}
	l.Comment, _ = sub.str("comment")
	if len(s.problems) > before {
		return l
	}
	// What only the decoder knows, such as a column that is mapped twice.
	if _, err := lines.New(*l); err != nil {
		s.problem(s.doc.keys[sub.at], "", "%s", strings.TrimPrefix(err.Error(), "lines: "))
	}
	return l
}

func (s *section) separator() string {
	text, ok := s.str("separator")
	if ok && (len(text) != 1 || text == "\r" || text == "\n") {
		s.wrong("separator", `such as "," or "\t"`, "separator %q is not one character", text)
	}
	return text
}

// strings returns an array of strings; nil if there is none.
func (s *section) strings(key string) []string {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		s.wrongType(key, "an array of strings", v, "")
		return nil
	}
	texts := []string{}
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			s.wrongAt(s.at.key(key).element(i), "", "%q%s must hold strings, not %s", key, s.in(), typeName(v))
		}
		texts = append(texts, text)
	}
	return texts
}

// fields returns them in the order of the file, which the decoder's errors count
// by.
func (s *section) fields() []lines.Field {
	sub, _ := s.table("fields", "[sensor.lines.fields]")
	var names []string
	for name := range sub.m {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return s.doc.keys[sub.at.key(a)] - s.doc.keys[sub.at.key(b)]
	})
	var fields []lines.Field
	for _, name := range names {
		if _, ok := sub.m[name].(map[string]any); !ok {
			sub.wrongType(name, "a table", sub.m[name], fmt.Sprintf("write %s = %s", name, fieldForm))
			continue
		}
		field, _ := sub.table(name, fmt.Sprintf("the field %q", name))
		fields = append(fields, field.field(name))
	}
	return fields
}

func (s *section) field(name string) lines.Field {
	defer s.finish()
	return lines.Field{
		Name:     name,
		Column:   s.integer("column", 0, 1, 256),
		Code:     s.code(),
		Unit:     s.unit(),
		Exponent: int8(s.integer("exponent", 0, -9, 9)),
	}
}

// code takes a reference id that the table has, or any number.
func (s *section) code() string {
	v, ok := s.get("code")
	if !ok {
		s.missing("code", `such as code = "MDC_ECG_HEART_RATE"`)
		return ""
	}
	switch v := v.(type) {
	case string:
		_, numeric := strconv.ParseUint(v, 10, 32)
		if _, known := vital.CodeOf(v); !known && numeric != nil {
			s.wrong("code", s.refIDHint(v), "unknown code %q", v)
		}
		return v
	case int64:
		if v < 1 || v > 1<<32-1 {
			s.wrong("code", "", "code %d is outside 1 to %d", v, uint32(1<<32-1))
		}
		return strconv.FormatInt(v, 10)
	}
	s.wrongType("code", "a reference id or a number", v, "")
	return ""
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

func (s *section) unit() string {
	text, _ := s.str("unit")
	if text == "" {
		return ""
	}
	if _, ok := vital.UnitOf(text); !ok {
		s.wrong("unit", suggest(text, s.ucumNames()), "unknown unit %q", text)
	}
	return text
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
