package intellivue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// DefaultInterval is the time between two values of a numeric.
const DefaultInterval = time.Second

// Config is what a decoder can be told. The zero value is a good one.
type Config struct {
	Waves    []string      // to ask for; default: see the package comment
	Interval time.Duration // between two values of a numeric, a second or more; default: DefaultInterval
}

// Decoder reads what a monitor sends, and is the host's side of the line. Make
// one with New.
type Decoder struct {
	frames frames
	waves  waves
	limits limits
	alerts alerts
	mds    mds
	host   host
}

// New returns a decoder.
func New(cfg Config) (*Decoder, error) {
	names := cfg.Waves
	if len(names) == 0 {
		names = defaultWaves[:]
	}
	if len(names) == 1 && names[0] == "none" {
		names = nil
	}
	d := &Decoder{host: host{interval: cfg.Interval}}
	for i, name := range names {
		label, ok := waveLabel(name)
		if !ok {
			return nil, fmt.Errorf("intellivue: no wave %q: known are %s, or none", name, strings.Join(waveNames(), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("intellivue: wave %q is asked for twice", name)
		}
		d.host.labels = append(d.host.labels, label)
	}
	if err := checkCount(d.host.labels); err != nil {
		return nil, err
	}
	switch {
	case cfg.Interval == 0:
		d.host.interval = DefaultInterval
	case cfg.Interval < DefaultInterval:
		return nil, fmt.Errorf("intellivue: interval %v is below %v, the shortest that the monitor has", cfg.Interval, DefaultInterval)
	}
	return d, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		message := d.frames.next(b)
		if message == nil {
			continue
		}
		if !d.message(dst, message) {
			d.frames.good--
			d.frames.bad++
			continue
		}
		d.host.heard = true
	}
}

// Flush ends the stream. A frame without its end is bad.
func (d *Decoder) Flush(*vital.Batch) {
	d.frames.flush()
	d.forget()
	d.mds.mode, d.mds.moded = 0, false
}

// forget drops what holds for one association only: handles can mean other objects
// in the next.
func (d *Decoder) forget() {
	d.waves.forget()
	d.limits = limits{}
}

// Frames counts as the package comment says.
func (d *Decoder) Frames() (good, bad uint64) { return d.frames.good, d.frames.bad }

// message reads a message; false if it cannot be one.
func (d *Decoder) message(dst *vital.Batch, p []byte) bool {
	if len(p) == 0 {
		return false
	}
	switch p[0] {
	case dataExport:
		r := reader{p: p}
		r.u32() // session and presentation context
		return d.operation(dst, &r)
	case accepted:
		d.forget()
		d.host.accept(p)
	case refused:
		d.host.notes.refused = true
	case releaseAsked:
		d.host.notes.release = true
	case released, aborted:
		d.host.notes.ended = true
	case requested: // a host's, in a recording of both sides
	default:
		return false
	}
	return true
}

func (d *Decoder) operation(dst *vital.Batch, r *reader) bool {
	kind := r.u16()
	body := r.part()
	if kind == roLinked {
		body.u16() // first, middle or last, and a count
	}
	invoke, command := body.u16(), body.u16()
	data := body.part()
	if data.bad {
		return false
	}
	switch {
	case kind == roInvoke && command <= cmdConfirmedEvent:
		return d.event(dst, invoke, command, &data)
	case kind == roInvoke, kind == roError:
		// an invocation is a host's, in a recording; an error says that what we
		// asked for does not come, and we ask again when it is due
		return true
	case (kind == roResult || kind == roLinked) && command == cmdAction:
		return d.action(dst, &data)
	case kind == roResult && command == cmdConfirmedSet:
		d.host.notes.set = true
		return true
	}
	return kind == roResult || kind == roLinked
}

// event takes the report that comes after association, and tells that it must be
// confirmed.
func (d *Decoder) event(dst *vital.Batch, invoke, command uint16, r *reader) bool {
	o, at, kind := r.object(), r.u32(), r.u16()
	info := r.part()
	if info.bad {
		return false
	}
	if kind == eventCreated {
		info.object()
		n, attributes := info.list()
		if !wholeAttributes(attributes, n) {
			return false
		}
		d.mds.attributes(dst, attributes, n)
	}
	if command == cmdConfirmedEvent {
		d.host.notes.event = event{true, kind == eventCreated, invoke, o, at, kind}
	}
	return true
}

// action takes the result of a poll.
func (d *Decoder) action(dst *vital.Batch, r *reader) bool {
	r.object()
	action := r.u16()
	data := r.part()
	if data.bad {
		return false
	}
	reply := reply{single: action == actPoll}
	switch action {
	case actPoll:
		data.u16() // poll number
	case actPollExt:
		data.u16()
		reply.sequence = data.u16()
	default:
		return true
	}
	reply.at = data.u32()
	data.take(8) // an absolute time, which monitors leave at FF
	partition := data.u16()
	reply.class = data.u16()
	data.u16() // group
	n, contexts := data.list()
	if !wholeContexts(contexts, n) || partition != partObject {
		return false
	}
	d.host.replied(&reply)
	d.contexts(dst, &reply, contexts, n)
	return true
}
