package pb840

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// DefaultInterval is the time between two requests.
const DefaultInterval = 2 * time.Second

const (
	stx = 0x02
	etx = 0x03
	cr  = '\r'
	lf  = '\n'

	lineMax = 2048 // MISCF has 1,244
)

// Config is what a decoder can be told. The zero value is a good one.
type Config struct {
	Interval time.Duration // between two requests; default: DefaultInterval
}

// Decoder reads what a ventilator sends, and is the host's side of the line. Make one
// with New.
type Decoder struct {
	line      []byte
	over      bool // the line is too long, or has what no line has
	good, bad uint64
	host      host

	fields [fieldsMax][]byte // of the answer being read, from firstNo on
	n      int
	seen   [len(quantities)]bool
	level  [len(alarms)]vital.Priority // of alarms that are present
	told   string
	mode   string
	words  []byte
	breath breath
}

// New returns a decoder.
func New(cfg Config) (*Decoder, error) {
	interval := cfg.Interval
	if interval == 0 {
		interval = DefaultInterval
	}
	if interval < 0 {
		return nil, fmt.Errorf("pb840: interval %v is negative", interval)
	}
	return &Decoder{host: host{interval: interval}}, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	if len(p) > 0 {
		d.host.heard = true
	}
	for _, b := range p {
		switch {
		case b == cr || b == lf:
			d.end(dst)
		case d.over:
		case len(d.line) == lineMax, b < ' ' && b != stx && b != etx, b > '~':
			d.over = true
		default:
			d.line = append(d.line, b)
		}
	}
}

// Flush ends the stream: it appends what there is of a breath. What was known of the
// ventilator is forgotten, but who it is.
func (d *Decoder) Flush(dst *vital.Batch) {
	if len(d.line) > 0 || d.over {
		d.bad++
	}
	d.line, d.over = d.line[:0], false
	d.breath.end(dst)
	d.seen = [len(quantities)]bool{}
	d.level = [len(alarms)]vital.Priority{}
}

// Frames counts answers and lines, as the package comment says.
func (d *Decoder) Frames() (good, bad uint64) { return d.good, d.bad }

// end takes a line.
func (d *Decoder) end(dst *vital.Batch) {
	line, over := d.line, d.over
	d.line, d.over = d.line[:0], false
	if len(line) == 0 && !over {
		return
	}
	switch {
	case !over && bytes.HasPrefix(line, []byte("MISC")):
		over = !d.answer(dst, line)
	case !over:
		kind := d.breath.line(dst, line)
		if kind == outside {
			return
		}
		if over = kind == noWave; !over {
			d.host.waves = true
		}
	}
	if over {
		d.bad++
	} else {
		d.good++
	}
}

// answer reads MISCA or MISCF; false if it is not whole.
func (d *Decoder) answer(dst *vital.Batch, line []byte) bool {
	name, rest, ok1 := bytes.Cut(line, []byte{','})
	count, rest, ok2 := bytes.Cut(rest, []byte{','})
	fields, rest, ok3 := bytes.Cut(rest, []byte{',', stx})
	long := string(name) == "MISCF"
	if !ok1 || !ok2 || !ok3 || !long && string(name) != "MISCA" || len(rest) == 0 || rest[len(rest)-1] != etx {
		return false
	}
	rest = rest[:len(rest)-1]
	characters, ok4 := number(count)
	n, ok5 := number(bytes.TrimRight(fields, " "))
	if !ok4 || !ok5 || characters != len(rest) || n > fieldsMax || !d.cut(rest, n) {
		return false
	}
	d.host.answered = true
	d.alarms(dst, long)
	d.numbers(dst, long)
	d.state(dst, long)
	return true
}

// cut parts the fields, each with its comma. None has a control character.
func (d *Decoder) cut(p []byte, n int) bool {
	for d.n = 0; len(p) > 0; d.n++ {
		field, rest, ok := bytes.Cut(p, []byte{','})
		if !ok || d.n == n || bytes.IndexByte(field, stx) >= 0 || bytes.IndexByte(field, etx) >= 0 {
			return false
		}
		d.fields[d.n] = bytes.TrimRight(field, " ")
		p = rest
	}
	return d.n == n
}

// field returns what stands at a number of the vendor's, without blanks; nil if there is
// no such field.
func (d *Decoder) field(no int) []byte {
	if no < firstNo || no-firstNo >= d.n {
		return nil
	}
	return d.fields[no-firstNo]
}

func number(p []byte) (n int, ok bool) {
	for _, c := range p {
		if c < '0' || c > '9' || n > 9999 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(p) > 0
}

// numbers gives every quantity that is there, and those that were and are not.
func (d *Decoder) numbers(dst *vital.Batch, long bool) {
	for i := range quantities {
		q := &quantities[i]
		no := q.a
		if long {
			no = q.f
		}
		text := d.field(no)
		if no == 0 {
			continue
		}
		n := vital.Numeric{Code: q.code, Unit: q.unit, Value: vital.NaN, Status: vital.NotAvailable | d.alarmed(q.code)}
		switch {
		case len(text) == 0 || string(text) == "OFF":
			if !d.seen[i] {
				continue
			}
		default:
			n.Value, n.Status = read(text, q, n.Status)
		}
		d.seen[i] = true
		dst.Numerics = append(dst.Numerics, n)
	}
}

// read reads an optional minus and digits with at most one point. A ratio is 1:x.
func read(text []byte, q *quantity, s vital.Status) (vital.Decimal, vital.Status) {
	v, err := vital.ParseDecimal(text)
	switch {
	case err != nil || bytes.ContainsAny(text, "eE+") || len(text) > 6:
		return vital.NaN, s | vital.Invalid
	case q.manoeuvre && v.Mantissa == 0:
		return vital.NaN, s
	}
	v.Exponent += q.shift
	return v, s &^ vital.NotAvailable
}

// alarmed returns the status of a metric of which an alarm is present.
func (d *Decoder) alarmed(code vital.Code) vital.Status {
	for i := range alarms {
		if alarms[i].of == code && d.level[i] != vital.PriorityNone {
			return vital.InAlarm
		}
	}
	return 0
}

// alarms tells which began, changed and ended.
func (d *Decoder) alarms(dst *vital.Batch, long bool) {
	for i := range alarms {
		a := &alarms[i]
		no := a.a
		if long {
			no = a.f
		}
		level, ok := levelOf(d.field(no))
		if !ok || level == d.level[i] {
			continue
		}
		alert := vital.Alert{Source: a.of, Kind: vital.Technical, Priority: level, Value: vital.NaN, Limit: vital.NaN, Text: a.text}
		if a.of != 0 {
			alert.Kind = vital.Physiological
		}
		if level == vital.PriorityNone {
			alert.Priority, alert.State = d.level[i], vital.AlertEnded
		}
		d.level[i] = level
		dst.Alerts = append(dst.Alerts, alert)
	}
}

// levelOf reads the state of an alarm; ok is false if it is not told.
func levelOf(text []byte) (p vital.Priority, ok bool) {
	switch string(text) {
	case "NORMAL", "RESET":
		return vital.PriorityNone, true
	case "LOW":
		return vital.PriorityLow, true
	case "MEDIUM":
		return vital.PriorityMedium, true
	case "HIGH", "ALARM":
		return vital.PriorityHigh, true
	}
	return 0, false
}

// state gives the modes, and who the ventilator is when that is new.
func (d *Decoder) state(dst *vital.Batch, long bool) {
	first, last := 9, 9
	if long {
		first, last = 8, 11
	}
	d.words = d.words[:0]
	for no := first; no <= last; no++ {
		if text := d.field(no); len(text) > 0 && len(d.words)+len(text) < vital.MaxText {
			d.words = append(append(d.words, text...), ' ')
		}
	}
	if words := bytes.TrimRight(d.words, " "); d.mode != string(words) {
		d.mode = string(words)
	}
	e := vital.Enumeration{Code: private(modes), Text: d.mode}
	if d.mode == "" {
		e.Status = vital.NotAvailable
	}
	dst.Enumerations = append(dst.Enumerations, e)
	if id := d.field(6); len(id) > 0 && len(id) <= 18 && d.told != string(id) {
		d.told = string(id)
		dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: "Puritan Bennett " + d.told})
	}
}
