package main

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// board is what both wards show, and the count of what they showed. It is a
// receive.Sink for the sealed one.
type board struct {
	mu      sync.Mutex
	url     string
	began   time.Time
	rows    []*row
	scores  []*score // of the attacks, in their order
	current *score   // nil: the attacker rests
	log     []entry  // the newest findings that are not readings
	logged  int      // entries ever made
	refused int      // messages
}

// row is one bed.
type row struct {
	*simulated
	kid           keys.KeyID
	sealed, plain panel
}

// panel is what one ward shows of one bed.
type panel struct {
	rate, spo2 float64 // NaN: nothing to show
	trend      []float64
	found      receive.Verdict // the last that was not valid
	foundAt    time.Time

	shown int // readings that were compared with the patient
	wrong int // of these, what the patient did not have
	flat  int // of these, a rate of 0
}

// score is how one attack went.
type score struct {
	attack
	begun   time.Time // the last time
	made    int       // how often it was begun
	named   int       // how often all its verdicts were found
	left    int       // cut short by the end
	missing []receive.Verdict
	told    chan struct{} // closed once it is named
	seen    map[receive.Verdict]int
}

// entry is a finding, with how often it came in a row.
type entry struct {
	at      time.Time
	verdict receive.Verdict
	device  string
	reason  string
	count   int
}

const (
	maxTrend = 64
	maxLog   = 64
)

func newBoard(s *site, sensors []*simulated, url string) *board {
	b := &board{url: url}
	none := panel{rate: math.NaN(), spo2: math.NaN()}
	for _, sim := range sensors {
		b.rows = append(b.rows, &row{simulated: sim, kid: s.device(sim.device).KeyID, sealed: none, plain: none})
	}
	for _, k := range attacks() {
		b.scores = append(b.scores, &score{attack: k, seen: map[receive.Verdict]int{}})
	}
	return b
}

// begin starts the clock.
func (b *board) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.began = time.Now()
}

// Write implements receive.Sink.
func (b *board) Write(r *receive.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	row := b.rowOf(r.Device)
	if r.Batch != nil && row != nil {
		row.showSealed(r)
	}
	if r.Verdict != receive.Valid {
		b.found(r, row)
	}
	return nil
}

// Sync implements receive.Sink: the board is not durable.
func (b *board) Sync() error { return nil }

// shows reports whether the sealed ward has shown readings of every bed.
func (b *board) shows() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !slices.ContainsFunc(b.rows, func(r *row) bool { return r.sealed.shown == 0 })
}

func (b *board) rowOf(kid keys.KeyID) *row {
	for _, row := range b.rows {
		if row.kid == kid {
			return row
		}
	}
	return nil
}

// showSealed shows what was verified and opened, and holds it against what the
// patient had at the time that the reading carries.
func (r *row) showSealed(rec *receive.Record) {
	for _, n := range rec.Batch.Numerics {
		at := time.UnixMilli(rec.Clock.UnixMilli + int64(n.Time))
		if n.Value.IsNumber() {
			r.show(&r.sealed, n.Code, float(n.Value), at)
		}
	}
}

func (r *row) show(p *panel, code vital.Code, value float64, at time.Time) {
	switch code {
	case r.rate:
		p.rate = value
	case vital.SpO2:
		p.spo2 = value
	}
	had, compared := r.has(code, value, at)
	if !compared {
		return
	}
	p.shown++
	if !had {
		p.wrong++
	}
	if !had && value == 0 && code != vital.SpO2 {
		p.flat++
	}
}

// showPlain shows what arrived at the plain ward.
func (b *board) showPlain(device string, report plainReport, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range b.rows {
		if row.device != device {
			continue
		}
		for _, reading := range report.Readings {
			row.show(&row.plain, reading.Code, reading.Value, at)
		}
	}
}

// found takes in a verdict that is not valid.
func (b *board) found(r *receive.Record, row *row) {
	device := "a stranger"
	if row != nil {
		device = row.device
		row.sealed.found, row.sealed.foundAt = r.Verdict, r.Received
		if r.Verdict == receive.Silent { // fail closed: an old number is no number
			row.sealed.rate, row.sealed.spo2 = math.NaN(), math.NaN()
		}
	}
	switch r.Verdict {
	case receive.Gap, receive.Filled, receive.Silent, receive.Resumed:
	default:
		b.refused++
	}
	b.note(entry{r.Received, r.Verdict, device, r.Reason, 1})
	if s := b.current; s != nil {
		s.take(r.Verdict)
	}
}

func (b *board) note(e entry) {
	if n := len(b.log); n > 0 {
		if last := &b.log[n-1]; last.verdict == e.verdict && last.device == e.device && last.reason == e.reason {
			last.count++
			return
		}
	}
	if len(b.log) == maxLog {
		b.log = slices.Delete(b.log, 0, 1)
	}
	b.log = append(b.log, e)
	b.logged++
}

// take takes in a verdict that came while the attack went on.
func (s *score) take(v receive.Verdict) {
	if !slices.Contains(s.want, v) {
		return
	}
	s.seen[v]++
	if len(s.missing) == 0 {
		return
	}
	s.missing = slices.DeleteFunc(s.missing, func(m receive.Verdict) bool { return m == v })
	if len(s.missing) == 0 {
		s.named++
		close(s.told)
	}
}

// attacked says that an attack begins. The channel is closed once it is named.
func (b *board) attacked(k attack) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.scores, func(s *score) bool { return s.attack.name == k.name })
	s := b.scores[i]
	s.made++
	s.begun = time.Now()
	s.missing, s.told = slices.Clone(k.want), make(chan struct{})
	b.current = s
	return s.told
}

// calm says that the attack is over: at its end, or cut short.
func (b *board) calm(whole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.current; !whole && len(s.missing) > 0 {
		s.left++
	}
	b.current = nil
}

// sample adds what is shown now to the trends.
func (b *board) sample() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range b.rows {
		for _, p := range []*panel{&row.sealed, &row.plain} {
			if len(p.trend) == maxTrend {
				p.trend = slices.Delete(p.trend, 0, 1)
			}
			p.trend = append(p.trend, p.rate)
		}
	}
}
