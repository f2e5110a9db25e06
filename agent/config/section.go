package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader turns a document into a Config and collects what is wrong.
type reader struct {
	doc      *document
	dir      string
	drivers  []string
	problems Problems

	sections []*section // those that are finished

	refIDs, units []string // known names, for hints; nil until one is needed
}

func (r *reader) problem(offset int, hint, format string, args ...any) {
	line, column := r.doc.position(offset)
	r.problems = append(r.problems, Problem{File: r.doc.file, Line: line, Column: column,
		Message: fmt.Sprintf(format, args...), Hint: hint})
}

// section is one table of the file while it is read. The keys that are asked for
// are the ones that exist; finish reports all others.
type section struct {
	*reader
	at    path
	title string // as a person writes it: "[broker]", "[[sensor]]"; "" for the top
	m     map[string]any
	asked []string

	broken bool // it is no table, which is reported: nothing is missing from it
}

func (s *section) in() string {
	if s.title == "" {
		return ""
	}
	return " in " + s.title
}

func (s *section) get(key string) (value any, ok bool) {
	s.asked = append(s.asked, key)
	value, ok = s.m[key]
	return value, ok
}

// wrong reports the value of a key.
func (s *section) wrong(key, hint, format string, args ...any) {
	s.wrongAt(s.at.key(key), hint, format, args...)
}

func (s *section) wrongAt(at path, hint, format string, args ...any) {
	offset, ok := s.doc.values[at]
	if !ok {
		offset = s.doc.keys[at]
	}
	s.problem(offset, hint, format, args...)
}

// missing reports a key that must be there, at the head of its section.
func (s *section) missing(key, hint string) {
	if !s.broken {
		s.problem(s.doc.keys[s.at], hint, "missing %q%s", key, s.in())
	}
}

func (s *section) wrongType(key, want string, got any, hint string) {
	s.wrong(key, hint, "%q%s must be %s, not %s", key, s.in(), want, typeName(got))
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

// str returns a string and whether there is a good one.
func (s *section) str(key string) (string, bool) {
	v, ok := s.get(key)
	if !ok {
		return "", false
	}
	text, ok := v.(string)
	if !ok {
		hint := ""
		if n, isInt := v.(int64); isInt {
			hint = fmt.Sprintf("write %q", strconv.FormatInt(n, 10))
		}
		s.wrongType(key, "a string", v, hint)
	}
	return text, ok
}

// required is str for a key that must be there and not empty.
func (s *section) required(key, hint string) (string, bool) {
	if _, ok := s.m[key]; !ok {
		s.get(key)
		s.missing(key, hint)
		return "", false
	}
	text, ok := s.str(key)
	if ok && text == "" {
		s.wrong(key, hint, "%q%s is empty", key, s.in())
		return "", false
	}
	return text, ok
}

func (s *section) boolean(key string) bool {
	v, ok := s.get(key)
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		s.wrongType(key, "true or false", v, "")
	}
	return b
}

// integer returns a number within bounds, or def.
func (s *section) integer(key string, def, low, high int) int {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	n, ok := v.(int64)
	if !ok {
		s.wrongType(key, "an integer", v, "")
		return def
	}
	if n < int64(low) || n > int64(high) {
		s.wrong(key, "", "%q%s is %d, outside %d to %d", key, s.in(), n, low, high)
		return def
	}
	return int(n)
}

// choice returns the place of a string among names, or -1 if there is no key.
func (s *section) choice(key string, names ...string) int {
	text, ok := s.str(key)
	if !ok {
		return -1
	}
	i := slices.Index(names, text)
	if i < 0 {
		s.wrong(key, suggest(text, names), "unknown %s %q%s", strings.ReplaceAll(key, "_", " "), text, s.in())
	}
	return i
}

// duration returns a time within bounds, or def. The integer 0 needs no unit.
func (s *section) duration(key string, def, low, high time.Duration) time.Duration {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	const hint = `write a number and a unit, such as "1s" or "500ms"`
	var d time.Duration
	switch v := v.(type) {
	case string:
		var err error
		if d, err = time.ParseDuration(v); err != nil {
			s.wrong(key, hint, "bad duration %q for %q%s", v, key, s.in())
			return def
		}
	case int64:
		if v != 0 {
			s.wrong(key, hint, "duration %d for %q%s has no unit", v, key, s.in())
			return def
		}
	default:
		s.wrongType(key, "a duration", v, hint)
		return def
	}
	if d < low || d > high {
		s.wrong(key, "", "%q%s is %s, outside %s to %s", key, s.in(), durationText(d), durationText(low), durationText(high))
		return def
	}
	return d
}

// size returns a number of bytes within bounds, or def.
func (s *section) size(key string, def, low, high int64) int64 {
	v, ok := s.get(key)
	if !ok {
		return def
	}
	const hint = `write a number and a unit, such as "256MiB" or "2GB"`
	var n int64
	switch v := v.(type) {
	case string:
		if n, ok = parseSize(v); !ok {
			s.wrong(key, hint, "bad size %q for %q%s", v, key, s.in())
			return def
		}
	case int64:
		n = v
	default:
		s.wrongType(key, "a size", v, hint)
		return def
	}
	if n < low || n > high {
		s.wrong(key, "", "%q%s is %s, outside %s to %s", key, s.in(), sizeText(n), sizeText(low), sizeText(high))
		return def
	}
	return n
}

// file returns a path, relative ones from the directory of the configuration.
func (s *section) file(key, text string) string {
	if strings.ContainsRune(text, 0) {
		s.wrong(key, "", "path %q for %q%s holds a zero byte", text, key, s.in())
	}
	if strings.HasPrefix(text, "~") || strings.HasPrefix(text, "$") {
		s.wrong(key, "write the path out: ~ and variables are not expanded", "path %q for %q%s", text, key, s.in())
	}
	return s.resolve(text)
}

func (s *section) optionalFile(key string) string {
	text, ok := s.str(key)
	if !ok || text == "" {
		return ""
	}
	return s.file(key, text)
}

func (r *reader) resolve(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(r.dir, name)
}

// table returns a section within; an absent one reads as empty and is placed
// where its parent is.
func (s *section) table(key, title string) (sub *section, ok bool) {
	sub = &section{reader: s.reader, at: s.at.key(key), title: title}
	v, ok := s.get(key)
	if !ok {
		s.doc.keys[sub.at] = s.doc.keys[s.at]
		return sub, false
	}
	if sub.m, ok = v.(map[string]any); !ok {
		sub.broken = true
		s.wrongType(key, "a table", v, "write "+title+" above its keys")
		return sub, false
	}
	return sub, true
}

// arrayOfTables returns the sections of [[key]].
func (s *section) arrayOfTables(key, title string) []*section {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	hint := "write " + title + " above the keys of each"
	list, ok := v.([]any)
	if !ok {
		s.wrongType(key, "an array of tables", v, hint)
		return nil
	}
	var all []*section
	for i, v := range list {
		sub := &section{reader: s.reader, at: s.at.key(key).element(i), title: title}
		if sub.m, ok = v.(map[string]any); !ok {
			s.wrongAt(sub.at, hint, "%q must hold tables, not %s", key, typeName(v))
			continue
		}
		all = append(all, sub)
	}
	return all
}

// finish says that every key that exists was asked for.
func (s *section) finish() { s.sections = append(s.sections, s) }

// unknown reports the keys that nobody asked for, once all sections are
// finished.
func (r *reader) unknown() {
	home := map[string]*section{} // of every key there is, the first section that has it
	for _, s := range r.sections {
		for _, key := range s.asked {
			if _, ok := home[key]; !ok {
				home[key] = s
			}
		}
	}
	for _, s := range r.sections {
		for key := range s.m {
			if !slices.Contains(s.asked, key) {
				s.problem(s.doc.keys[s.at.key(key)], s.unknownHint(key, home[key]), "unknown key %q%s", key, s.in())
			}
		}
	}
}

// unknownHint knows two mistakes: a slip of the finger, and a key that strayed
// below the wrong table, which TOML makes easy.
func (s *section) unknownHint(key string, home *section) string {
	switch {
	case home == nil:
		return suggest(key, s.asked)
	case home.title == "":
		return "it belongs at the top, above the first table"
	}
	return "it belongs in " + home.title
}
