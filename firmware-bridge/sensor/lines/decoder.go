package lines

import (
	"bytes"
	"strings"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/internal/line"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const columnsMax = 256

// Decoder decodes text lines. New makes one.
type Decoder struct {
	lines   line.Splitter
	fields  []field
	missing []string
	comment string
	shape   shape
	sep     byte  // 0: not known yet
	columns []int // field of each column, -1 for none; nil until the header is read
	skip    bool  // up to the first line end
	usual   bool  // fields are the well-known names
	good    uint64
	bad     uint64
	unknown uint64
	found   []vital.Numeric // of the line being read
	seen    uint64          // bit i: field i was in the line
	extra   uint64          // unknown keys of the line
}

type shape uint8

const (
	undecided shape = iota // key=value, unless the first line is a header
	pairs
	named    // columns by header
	numbered // columns by number
)

// New returns a decoder, or an error that names the field that is wrong.
func New(c Config) (*Decoder, error) {
	fields, err := c.compile()
	if err != nil {
		return nil, err
	}
	d := &Decoder{fields: fields, missing: c.Missing, comment: c.Comment, skip: c.SkipFirst}
	if d.comment == "" {
		d.comment = "#"
	}
	if d.missing == nil {
		d.missing = []string{"", "-", "--", "---", "nan", "na", "n/a", "null"}
	}
	if c.Separator != "" {
		d.sep = c.Separator[0]
	}
	switch {
	case c.Header:
		d.shape = named
	case len(fields) > 0 && fields[0].column >= 0:
		d.shape = numbered
	case len(fields) > 0:
		d.shape = pairs
	}
	if len(fields) == 0 {
		d.fields, d.usual = wellKnown(), true
	}
	d.found = make([]vital.Numeric, 0, len(d.fields))
	return d, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for {
		text, rest, kind := d.lines.Next(p)
		if kind == line.None {
			return
		}
		d.line(dst, text, kind)
		p = rest
	}
}

// Flush ends the stream: a last line without an end is taken as one.
func (d *Decoder) Flush(dst *vital.Batch) {
	if text, kind := d.lines.Flush(); kind != line.None {
		d.line(dst, text, kind)
	}
}

// Frames returns the number of lines that were taken (a header among them) and
// of those that were not: too long, control characters, something else than
// numbers where numbers belong, a key twice, a column more or less. Comments,
// empty lines and a first line that was skipped count as neither.
func (d *Decoder) Frames() (good, bad uint64) { return d.good, d.bad }

// Unknown returns the number of keys and cells in good lines that are not
// mapped to a metric.
func (d *Decoder) Unknown() uint64 { return d.unknown }

func (d *Decoder) line(dst *vital.Batch, text []byte, kind line.Kind) {
	text = bytes.TrimSpace(text)
	switch {
	case d.skip:
		d.skip = false
		return
	case kind == line.Good && (len(text) == 0 || bytes.HasPrefix(text, []byte(d.comment))):
		return
	case kind == line.Bad || !d.read(text):
		d.bad++
		return
	}
	d.good++
	d.unknown += d.extra
	dst.Numerics = append(dst.Numerics, d.found...)
}

// read fills found, seen and extra.
func (d *Decoder) read(text []byte) bool {
	d.found, d.seen, d.extra = d.found[:0], 0, 0
	switch {
	case d.shape == undecided && (bytes.IndexByte(text, '=') >= 0 || d.firstPair(text)):
		ok := d.pairs(text)
		if ok && len(d.found) > 0 {
			d.shape = pairs
		}
		return ok
	case d.shape == undecided && !d.looksLikeHeader(text):
		return false
	case d.shape == undecided:
		d.shape = named
		return d.header(text)
	case d.shape == pairs:
		return d.pairs(text)
	case d.shape == named && d.columns == nil:
		return d.header(text)
	}
	return d.row(text) || d.shape == named && d.again(text)
}

// again reads a header that comes anew, from a device that was restarted.
func (d *Decoder) again(text []byte) bool {
	d.found, d.seen, d.extra = d.found[:0], 0, 0
	return d.looksLikeHeader(text) && d.header(text)
}

// firstPair reports whether the line begins with a known "key:".
func (d *Decoder) firstPair(text []byte) bool {
	key, _, ok := bytes.Cut(text, []byte{':'})
	return ok && d.byName(bytes.TrimSpace(key)) >= 0
}

// looksLikeHeader reports whether a line has a known name and no numbers.
func (d *Decoder) looksLikeHeader(text []byte) bool {
	sep := d.sep
	defer func() { d.sep = sep }()
	d.separator(text)
	hit := false
	for more := true; more; {
		var cell []byte
		cell, text, more = d.cut(text)
		if len(cell) > 0 && (cell[0] >= '0' && cell[0] <= '9' || cell[0] == '-' || cell[0] == '.') {
			return false
		}
		hit = hit || d.byTitle(cell) >= 0
	}
	return hit
}

// pairs reads key=value or key:value. Words alone, such as "OK" or "bpm", count
// as unknown; numbers alone do not belong there.
func (d *Decoder) pairs(text []byte) bool {
	some := false
	for {
		if text = bytes.TrimLeft(text, between); len(text) == 0 {
			return some
		}
		end := bytes.IndexAny(text, "=:"+between)
		if end < 0 {
			end = len(text)
		}
		key := text[:end]
		text = text[end:]
		if t := bytes.TrimLeft(text, " "); len(t) > 0 && t[0] == '=' {
			text = t // "hr = 72"
		}
		if len(text) == 0 || text[0] != '=' && text[0] != ':' {
			if !isWord(key) {
				return false
			}
			d.extra++
			continue
		}
		value, rest := pairValue(text[1:])
		if end == 0 || bytes.IndexByte(value, '=') >= 0 || !d.value(d.byName(key), value) {
			return false
		}
		text, some = rest, true
	}
}

// between parts key=value pairs.
const between = " \t,;"

// pairValue returns the value after the sign and the rest. There may be blanks
// before the value, unless what follows them is the next pair.
func pairValue(text []byte) (value, rest []byte) {
	bare := bytes.TrimLeft(text, " ")
	end := bytes.IndexAny(bare, between)
	if end < 0 {
		end = len(bare)
	}
	if len(bare) < len(text) && bytes.ContainsAny(bare[:end], "=:") {
		return nil, bare
	}
	return bare[:end], bare[end:]
}

func isWord(text []byte) bool {
	c := text[0] | 0x20
	return c >= 'a' && c <= 'z' || text[0] == '%' || text[0] == '$'
}

// header finds the field of each column.
func (d *Decoder) header(text []byte) bool {
	d.separator(text)
	columns, hit, rest, more := []int{}, false, text, true
	for more {
		var cell []byte
		cell, rest, more = d.cut(rest)
		f := d.byTitle(cell)
		for _, other := range columns {
			if f >= 0 && other >= 0 && d.fields[f].code == d.fields[other].code {
				f = -1 // a second column of the same metric: the first counts
			}
		}
		columns = append(columns, f)
		hit = hit || f >= 0
		if len(columns) > columnsMax {
			return false
		}
	}
	if hit {
		d.columns = columns
	}
	return hit
}

func (d *Decoder) row(text []byte) bool {
	d.separator(text)
	n, more := 0, true
	for more {
		var cell []byte
		cell, text, more = d.cut(text)
		if d.shape == named && n >= len(d.columns) {
			return false
		}
		if !d.value(d.ofColumn(n), cell) {
			return false
		}
		n++
	}
	if d.shape == named {
		return n == len(d.columns)
	}
	return len(d.found) == len(d.fields)
}

func (d *Decoder) ofColumn(n int) int {
	if d.shape == named {
		return d.columns[n]
	}
	for i := range d.fields {
		if d.fields[i].column == n {
			return i
		}
	}
	return -1
}

// separator decides what parts columns, once.
func (d *Decoder) separator(text []byte) {
	if d.sep != 0 {
		return
	}
	for _, c := range []byte("\t;,") {
		if bytes.IndexByte(text, c) >= 0 {
			d.sep = c
			return
		}
	}
	if d.shape == numbered && bytes.IndexByte(text, ' ') >= 0 {
		d.sep = ' '
		return
	}
	d.sep = ','
}

// cut returns the first cell without blanks and quotes, and what follows it.
func (d *Decoder) cut(text []byte) (cell, rest []byte, more bool) {
	end := bytes.IndexByte(text, d.sep)
	cell = text
	if more = end >= 0; more {
		cell, rest = text[:end], text[end+1:]
		if d.sep == ' ' {
			rest = bytes.TrimLeft(rest, " ")
		}
	}
	cell = bytes.TrimSpace(cell)
	if len(cell) >= 2 && cell[0] == '"' && cell[len(cell)-1] == '"' {
		cell = bytes.TrimSpace(cell[1 : len(cell)-1])
	}
	return cell, rest, more
}

// byTitle finds the field of a column's name, which may end in a unit in
// brackets. A well-known name with another unit than the usual is not known.
func (d *Decoder) byTitle(cell []byte) int {
	if f := d.byName(cell); f >= 0 && !(d.usual && strings.EqualFold(string(cell), "resp")) {
		return f // RESP alone may well be a wave
	}
	open := bytes.IndexAny(cell, "[(")
	if open < 0 {
		return -1
	}
	f := d.byName(bytes.TrimSpace(cell[:open]))
	unit := strings.TrimRight(string(cell[open+1:]), "])")
	if f >= 0 && d.usual && !d.fields[f].writtenAs(unit) {
		return -1
	}
	return f
}

func (d *Decoder) byName(key []byte) int {
	for i := range d.fields {
		if name := d.fields[i].name; len(name) == len(key) && name != "" && equalFold(name, key) {
			return i
		}
	}
	return -1
}

// equalFold compares with a name in lower case, of the same length, in ASCII.
func equalFold(name string, key []byte) bool {
	for i, c := range key {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
