package bbraun

import (
	"bytes"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// DefaultInterval is the time between two requests for everything.
const DefaultInterval = 5 * time.Second

// Config is what a decoder can be told. The zero value is a good one.
type Config struct {
	Interval time.Duration // between two requests for everything, at least 0.5 s; default: DefaultInterval

	// Pumps are the addresses of the pumps to ask for, such as "13": pillar 1 to 3,
	// slot 1 to 9 or A to O from the bottom. Default: all, with one request.
	Pumps []string
}

const (
	pillars = 3
	slots   = 24
)

// Decoder reads what a ComDevice sends, and is the host's side of the line. Make
// one with New.
type Decoder struct {
	frames frames
	pumps  [pillars + 1][slots + 1]*pump // those that were seen, by address; [0][0] is the ComDevice
	host   host
	said   string // the last version
}

// New returns a decoder.
func New(cfg Config) (*Decoder, error) {
	interval := cfg.Interval
	if interval == 0 {
		interval = DefaultInterval
	}
	if interval < beforeGet {
		return nil, fmt.Errorf("bbraun: interval %v is shorter than %v", interval, beforeGet)
	}
	d := &Decoder{host: host{interval: interval}}
	for _, a := range cfg.Pumps {
		x, y, ok := slotOf([]byte(a))
		if !ok || x == 0 {
			return nil, fmt.Errorf("bbraun: no pump %q: an address is a pillar, 1 to 3, and a slot, 1 to 9 or A to O", a)
		}
		d.host.pumps = append(d.host.pumps, address{x, y})
	}
	return d, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		m, got := d.frames.next(b)
		if got != nothing || d.frames.open {
			d.host.heard = true
		}
		switch got {
		case corrupt:
			d.host.corrupt = true
		case whole:
			if !d.message(dst, m) {
				d.frames.good--
				d.frames.bad++
				d.host.corrupt = true
			}
		}
	}
}

// Flush ends the stream. What was known of the pumps is forgotten.
func (d *Decoder) Flush(*vital.Batch) {
	d.frames.flush()
	for x := range d.pumps {
		for _, p := range d.pumps[x] {
			if p != nil {
				*p = pump{told: p.told, short: p.short, long: p.long}
			}
		}
	}
}

// Frames counts messages, as the package comment says.
func (d *Decoder) Frames() (good, bad uint64) { return d.frames.good, d.frames.bad }

// message reads a block; false if it cannot be one.
func (d *Decoder) message(dst *vital.Batch, m message) bool {
	if bytes.HasPrefix(m.text, []byte("ADMIN:")) || bytes.HasPrefix(m.text, []byte("MEM:")) {
		return true // a request, in a recording of both sides
	}
	var r reply
	var p *pump
	var at address
	for rest, more := m.text, true; more; {
		var one []byte
		one, rest, more = bytes.Cut(rest, []byte{rs})
		q, ok := parseQuadruple(one)
		if !ok {
			continue
		}
		r.any = true
		if p == nil || q.at != at {
			p.finish(dst, at)
			p, at = d.pump(q.at), q.at
		}
		d.quadruple(dst, p, q, &r)
	}
	p.finish(dst, at)
	if r.any {
		d.host.block(m, r)
	}
	return r.any
}

// reply is what a block says to the host.
type reply struct {
	any   bool // a quadruple
	ready bool // GNACK
	fault int  // GNERR of the whole
}

func (d *Decoder) quadruple(dst *vital.Batch, p *pump, q quadruple, r *reply) {
	switch string(q.name) {
	case "GNACK":
		r.ready = true
		p.healthy(dst, q.at)
	case "GNERR":
		code, ok := number(q.value)
		if !ok || len(q.value) > 5 {
			code = -1
		}
		d.fault(dst, p, q.at, code)
		if q.at == (address{}) {
			r.fault = code
		}
	default:
		if q.at == (address{}) {
			if q.value == nil {
				d.version(dst, q.name)
			} else {
				p.healthy(dst, q.at)
			}
			return
		}
		p.healthy(dst, q.at)
		if all := d.pumps[0][0]; all != nil {
			all.healthy(dst, address{})
		}
		p.take(dst, q)
	}
}

// version tells the protocol version, when it is first told and when it changes.
func (d *Decoder) version(dst *vital.Batch, v []byte) {
	if len(v) < 2 || len(v) > 16 || v[0] != 'V' || !printable(v) || string(v) == d.said {
		return
	}
	d.said = string(v)
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: "B. Braun ComDevice, BCC " + d.said})
}

func (d *Decoder) pump(at address) *pump {
	p := &d.pumps[at.x][at.y]
	if *p == nil {
		*p = new(pump)
	}
	return *p
}

// Error codes of chapter 3.3. Those that begin with 4 are of the communication with a
// pump, with 5 of the whole rack.
const (
	errNone    = 11 // no further data, or no pumps
	errRemoved = 39
	errSyntax  = 68
	errAddress = 811
)

func (d *Decoder) fault(dst *vital.Batch, p *pump, at address, code int) {
	switch {
	case code == errSyntax || code == errAddress: // concerns a request
		return
	case code == errNone && at == (address{}):
		d.allAbsent(dst)
	case at != (address{}):
		p.absent(dst, at)
	}
	p.fail(dst, at, code)
}

// allAbsent says that no pump has values any more.
func (d *Decoder) allAbsent(dst *vital.Batch) {
	for x := range d.pumps {
		for y, p := range d.pumps[x] {
			if p != nil {
				p.absent(dst, address{x, y})
			}
		}
	}
}

// address is a pillar, 1 to 3, and a slot, 1 to 24; both are 0 for the ComDevice.
type address struct{ x, y int }

// String writes the address as requests have it.
func (a address) String() string { return string(a.append(nil)) }

func (a address) append(dst []byte) []byte {
	y := '0' + byte(a.y)
	if a.y > 9 {
		y = 'A' + byte(a.y-10)
	}
	return append(dst, '0'+byte(a.x), y)
}

// slotOf reads the last digits of an address: xy, or xdd as BCC 3.30 has been seen
// to write slots from 10 on.
func slotOf(p []byte) (x, y int, ok bool) {
	switch {
	case len(p) == 2 && p[1] >= 'A' && p[1] <= 'O':
		y = int(p[1]-'A') + 10
	case len(p) == 2 || len(p) == 3 && p[1] != '0':
		if y, ok = number(p[1:]); !ok {
			return 0, 0, false
		}
	default:
		return 0, 0, false
	}
	x, ok = number(p[:1])
	return x, y, ok && x <= pillars && y <= slots && (x == 0) == (y == 0)
}

// quadruple is time, address, parameter, value. value is nil if there is none.
type quadruple struct {
	at          address
	name, value []byte
}

func parseQuadruple(p []byte) (q quadruple, ok bool) {
	seconds, p, ok1 := bytes.Cut(p, []byte{','})
	where, p, ok2 := bytes.Cut(p, []byte{','})
	if !ok1 || !ok2 || len(seconds) == 0 || len(seconds) > 10 || !bytes.HasPrefix(where, []byte("501")) {
		return q, false
	}
	if _, digits := number(seconds); !digits {
		return q, false
	}
	q.at.x, q.at.y, ok = slotOf(where[3:])
	q.name = p
	if name, value, cut := bytes.Cut(p, []byte{','}); cut {
		q.name, q.value = name, value
	}
	return q, ok && len(q.name) > 0
}

func printable(p []byte) bool {
	for _, c := range p {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// wellFormed reports whether p is text that a batch takes: the pump's own signs
// are in the private area of Unicode.
func wellFormed(p []byte) bool {
	if len(p) > vital.MaxText || !utf8.Valid(p) {
		return false
	}
	return bytes.IndexFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}
