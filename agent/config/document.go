package config

import (
	"bytes"
	"errors"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is a parsed file: its values, and where in the file each one is.
// go-toml gives values without places to a map, and places to one error only;
// its parser, walked over the same bytes, gives the places of everything.
type document struct {
	file  string
	root  map[string]any
	lines []int // offsets at which lines start

	keys, values map[path]int // offsets
	tables       map[path]int // how many of each [[table]] there were so far
}

// path is a place in the tree of values: keys joined by zero bytes, which no key
// holds unescaped, and elements of arrays as [number].
type path string

func (p path) key(name string) path { return p + "\x00" + path(strconv.Quote(name)) }
func (p path) element(i int) path   { return p + path("["+strconv.Itoa(i)+"]") }

// deepest is the number of keys and elements that any path of the configuration
// has at most, with room to spare. What lies deeper is unknown further up and is
// reported there; its place need not be kept.
const deepest = 10

func parseDocument(file string, data []byte) (*document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // the mark some editors leave
	d := &document{file: file, lines: lineStarts(data),
		keys: map[path]int{}, values: map[path]int{}, tables: map[path]int{}}
	if err := toml.Unmarshal(data, &d.root); err != nil {
		return nil, d.syntax(err)
	}
	var p unstable.Parser
	p.Reset(data)
	var table path
	depth := 0
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, depth = d.enter(e)
		case unstable.KeyValue:
			d.place(table, e, depth)
		}
	}
	if err := p.Error(); err != nil {
		return nil, d.syntax(err)
	}
	return d, nil
}

// syntax turns go-toml's error, which is about the first place where the file
// is not TOML, into our form.
func (d *document) syntax(err error) Problems {
	p := Problem{File: d.file, Line: 1, Column: 1, Message: strings.TrimPrefix(err.Error(), "toml: ")}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		p.Line, p.Column = at.Position()
	}
	return Problems{p}
}

// enter notes a [table] or [[table]] and returns its path and depth.
func (d *document) enter(e *unstable.Node) (at path, depth int) {
	keys := e.Key()
	for keys.Next() {
		if depth++; depth > deepest {
			return at, depth
		}
		k := keys.Node()
		at = at.key(string(k.Data))
		d.note(d.keys, at, k)
		if keys.IsLast() && e.Kind == unstable.ArrayTable {
			d.tables[at]++
		}
		if n := d.tables[at]; n > 0 {
			at = at.element(n - 1)
			d.note(d.keys, at, k)
		}
	}
	return at, depth
}

// place notes a key, its value and what is within.
func (d *document) place(at path, e *unstable.Node, depth int) {
	keys := e.Key()
	for keys.Next() {
		if depth++; depth > deepest {
			return
		}
		at = at.key(string(keys.Node().Data))
		d.note(d.keys, at, keys.Node())
	}
	d.within(at, e.Value(), depth)
}

func (d *document) within(at path, value *unstable.Node, depth int) {
	if depth > deepest {
		return
	}
	if value.Raw.Length > 0 { // arrays have none
		d.note(d.values, at, value)
		d.note(d.keys, at, value) // elements have no key
	}
	it := value.Children()
	switch value.Kind {
	case unstable.InlineTable:
		for it.Next() {
			d.place(at, it.Node(), depth)
		}
	case unstable.Array:
		for i := 0; it.Next(); i++ {
			d.within(at.element(i), it.Node(), depth+1)
		}
	}
}

// note keeps the first place of a path: dotted keys pass the same one again.
func (d *document) note(places map[path]int, at path, n *unstable.Node) {
	if _, ok := places[at]; !ok {
		places[at] = int(n.Raw.Offset)
	}
}

func lineStarts(data []byte) []int {
	starts := []int{0}
	for i, b := range data {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// position gives line and column of a byte offset, both from 1.
func (d *document) position(offset int) (line, column int) {
	line = sort.SearchInts(d.lines, offset+1)
	return line, offset - d.lines[line-1] + 1
}
