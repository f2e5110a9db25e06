package sdk

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// Journal notes for one device how far what was offered has come, so that after a
// crash its caller offers each thing once: neither what is in the outbox nor, on top
// of it, what is not.
//
// Each commit stores at most one record that decides about offers. Before it, Intend
// notes "p is true if the outbox holds the record id", and returns when that is on
// disk; after it, Committed says that it is true. At the next start Config.Recover
// tells which of two notes became true. If a commit fails the same id comes again,
// with the same p or a later one. An id of 0 means that no record is needed.
//
// Readings do not wait for a Journal that fails or that takes longer than two
// seconds: they are stored without a note. Committed then follows all the same, and
// it is the Journal's to note p before the source of the readings is told.
//
// The methods are called from one goroutine at a time. Committed must not wait.
type Journal interface {
	Intend(p Progress, id uint64) error
	Committed(p Progress, id uint64)
}

// Progress is how far the offers of a device have come.
type Progress struct {
	// Token is that of an offer.
	Token any
	// Alerts is 0 if all of that offer is stored, and all before it. Alerts are
	// stored ahead of readings: if it is not 0, that many alerts of the offer are
	// stored, and those of the offers before it; of the rest this says nothing.
	Alerts int
}

// Keep has a Journal note what is offered from now on.
func (d *Device) Keep(j Journal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.journal = j
}

// mark is the end of an offer among the entries of a span.
type mark struct {
	token          any
	ends           ends // of its entries, and of those recorded before it
	alerts, before int  // of the span's alerts: before it, and its own
}

// ends counts the entries of a batch that come before a mark.
type ends struct{ waves, numerics, enumerations, events, drops int }

func endsOf(b *vital.Batch) ends {
	return ends{len(b.Waves), len(b.Numerics), len(b.Enumerations), len(b.Events), len(b.Drops)}
}

func (e ends) minus(o ends) ends {
	return ends{
		max(0, e.waves-o.waves), max(0, e.numerics-o.numerics), max(0, e.enumerations-o.enumerations),
		max(0, e.events-o.events), max(0, e.drops-o.drops),
	}
}

// of returns the entries of b that come before e, which alias those of b.
func (e ends) of(b *vital.Batch) vital.Batch {
	return vital.Batch{
		Label: b.Label, Waves: b.Waves[:e.waves], Numerics: b.Numerics[:e.numerics],
		Enumerations: b.Enumerations[:e.enumerations], Events: b.Events[:e.events], Drops: b.Drops[:e.drops],
	}
}

// markOffer notes where an offer ends. d.mu is held.
func (d *Device) markOffer(token any, alerts int) {
	s := d.now
	s.marks = append(s.marks, mark{token: token, ends: endsOf(s.open), before: len(s.alerts) - alerts, alerts: alerts})
}

// intent is a record that decides about offers, and is not committed.
type intent struct {
	p     Progress
	id    uint64
	noted bool
}

// noting is what a chain has to do with its device's Journal.
type noting struct {
	intent  *intent
	lastID  uint64     // of the last record that decided about offers
	busy    chan error // the call that has not returned
	asked   *intent    // what it is for
	late    *intent    // committed meanwhile
	failing bool
}

// journalWait is how long a commit waits for a Journal.
const journalWait = 2 * time.Second

// intend notes what the record that was appended last decides. While something of the
// device is in the ring, that decides: its readings are stored, or acknowledged by the
// broker, in their order.
func (c *chain) intend(p Progress, id uint64) {
	if p.Alerts > 0 || !c.pipeline.ring.decide(c.device, p) {
		c.decided(p, id)
	}
}

// decided notes what a record decides.
func (c *chain) decided(p Progress, id uint64) {
	c.noting.intent = &intent{p: p, id: id}
	c.noting.lastID = id
}

// commitAll is Queue.Commit, and has the Journals know what it decides.
func (p *Pipeline) commitAll() error {
	p.noteAll()
	if err := p.queue.Commit(); err != nil {
		return err
	}
	p.committed()
	p.ring.show()
	return nil
}

// committed tells the Journals what has become true.
func (p *Pipeline) committed() {
	for _, d := range p.allDevices() {
		n := &d.chain.noting
		if n.intent == nil {
			continue
		}
		if n.busy == nil {
			d.kept().Committed(n.intent.p, n.intent.id)
		} else {
			n.late = n.intent
		}
		n.intent = nil
	}
}

// noteAll has all intents noted, side by side, and waits a while for it.
func (p *Pipeline) noteAll() {
	var asked []*Device
	for _, d := range p.allDevices() {
		if d.ask() {
			asked = append(asked, d)
		}
	}
	if len(asked) == 0 {
		return
	}
	timer := time.NewTimer(p.conf.periods.journal)
	defer timer.Stop()
	expired := false
	for _, d := range asked {
		n := &d.chain.noting
		if expired {
			d.poll()
			continue
		}
		select {
		case err := <-n.busy:
			d.answered(err)
		case <-timer.C:
			expired = true
			d.slow()
		}
	}
}

// ask begins to have the intent noted, if there is one and nothing is in the way.
func (d *Device) ask() bool {
	n := &d.chain.noting
	if d.poll(); n.busy != nil || n.intent == nil || n.intent.noted {
		return false
	}
	busy, it, j := make(chan error, 1), *n.intent, d.kept()
	n.busy, n.asked = busy, n.intent
	go func() { busy <- j.Intend(it.p, it.id) }()
	return true
}

// poll takes the answer of a call that took too long.
func (d *Device) poll() {
	n := &d.chain.noting
	if n.busy == nil {
		return
	}
	select {
	case err := <-n.busy:
		late := n.late
		n.late = nil
		d.answered(err)
		if late != nil {
			d.kept().Committed(late.p, late.id)
		}
	default:
		d.slow()
	}
}

func (d *Device) answered(err error) {
	n := &d.chain.noting
	n.asked.noted = err == nil
	n.busy, n.asked = nil, nil
	if err != nil && !n.failing {
		d.pipeline.log.Error("readings are stored, and how far they have come is not noted: after a crash some may come twice",
			"device", d.kid, "error", err)
	}
	n.failing = err != nil
}

func (d *Device) slow() {
	n := &d.chain.noting
	if !n.failing {
		d.pipeline.log.Error("readings do not wait for how far they have come to be noted: after a crash some may come twice", "device", d.kid)
	}
	n.failing = true
}

// kept returns the device's Journal.
func (d *Device) kept() Journal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.journal
}

// Recover is what Config.Recover is called with: it reports whether a record that a
// Journal has noted is in the outbox as it was found, or was until it was sent or
// dropped. It may be kept, and asked as long as the pipeline is open.
type Recover func(id uint64) (bool, error)

// recoverer answers for records that were there before this pipeline added any.
func recoverer(q *outbox.Queue) Recover {
	first := map[uint64]uint64{} // by lane, which is the lowest bit of an id
	for _, c := range []outbox.Class{outbox.Alert, outbox.Data} {
		next := q.Next(c)
		first[next&1] = next
	}
	return func(id uint64) (bool, error) {
		if id >= first[id&1] {
			return false, nil
		}
		return q.Stored(id)
	}
}
