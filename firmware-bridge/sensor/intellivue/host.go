package intellivue

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	retry     = 3 * time.Second  // between two association requests
	pause     = 2 * time.Second  // after the monitor ended an association
	patience  = 5 * time.Second  // after it refused one
	dead      = 10 * time.Second // without a frame, or without the event after association
	late      = 5 * time.Second  // without results that should come by themselves
	keepAlive = 3 * time.Second  // the monitor gives up after 10 s
	rarely    = time.Minute
	renewal   = 15 * time.Minute // of requests for periodic results
	active    = uint32(30 * 60 * ticks)
	setTries  = 3
)

// state is how far the conversation came.
type state int

const (
	waiting     state = iota // until it is time to request association
	requesting               // no answer yet
	associating              // accepted; the monitor is to introduce itself
	running
)

// job is something to poll.
type job struct {
	class, group uint16
	every        time.Duration // of single polls; 0: results are to come by themselves
	asked, due   time.Duration
}

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask
// knows the time.
type host struct {
	interval time.Duration
	labels   []vital.Code

	heard bool // a frame came
	notes notes

	state   state
	since   time.Duration // of the state
	heardAt time.Duration
	granted grant
	invoke  uint16
	jobs    []job
	setAt   time.Duration
	sets    int // requests for waves that were not confirmed
	scratch []byte
}

// notes are what messages ask for.
type notes struct {
	refused, ended, release, accepted, set bool
	granted                                grant
	event                                  event
	replied                                [4]bool // by position in periodic
}

// periodic are the classes whose results may come by themselves.
var periodic = [...]uint16{classNumeric, classAlerts, classWave}

func (h *host) accept(p []byte) {
	h.notes.accepted = true
	_, options, ok := parseUserInfo(after(p, userData[:]...))
	h.notes.granted = grant{numerics: !ok || options&optNumerics != 0, waves: !ok || options&optWaves != 0}
}

func (h *host) replied(r *reply) {
	for i, class := range periodic {
		if class == r.class && !r.single {
			h.notes.replied[i] = true
		}
	}
}

// Open says that the line was opened.
func (d *Decoder) Open() {
	d.frames.flush()
	d.forget()
	d.host = host{interval: d.host.interval, labels: d.host.labels, jobs: d.host.jobs[:0], scratch: d.host.scratch, invoke: d.host.invoke}
}

// Ask appends what is to be sent now.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.heard {
		h.heard, h.heardAt = false, now
	}
	n := h.notes
	h.notes = notes{}
	dst = h.follow(dst, &n, now)
	dst = h.progress(dst, now)
	if h.state == running {
		dst = d.poll(dst, &n, now)
	}
	return dst, max(h.next(), now+time.Millisecond)
}

// follow does what the monitor's messages ask for.
func (h *host) follow(dst []byte, n *notes, now time.Duration) []byte {
	switch {
	case n.release:
		dst = h.send(dst, []byte(releaseAnswer))
		h.enter(waiting, now+pause)
	case n.ended:
		h.enter(waiting, now+pause)
	case n.refused: // perhaps it is still associated with what we were before
		dst = h.send(dst, []byte(abort))
		h.enter(waiting, now+patience)
	case n.accepted:
		h.granted = n.granted
		h.enter(associating, now)
	}
	if e := &n.event; e.waits {
		h.scratch = appendConfirmation(h.scratch[:0], e)
		dst = appendFrame(dst, h.scratch)
		if e.created && h.state != running {
			if h.state != associating { // the answer was lost
				h.granted = grant{numerics: true, waves: true}
			}
			h.run(now)
		}
	}
	return dst
}

// enter changes the state; waiting ends at the time given.
func (h *host) enter(s state, at time.Duration) { h.state, h.since = s, at }

// progress looks at the time-outs.
func (h *host) progress(dst []byte, now time.Duration) []byte {
	switch {
	case h.state == waiting && now >= h.since, h.state == requesting && now-h.since >= retry:
		dst = h.request(dst, now)
	case h.state == associating && now-h.since >= dead, h.state == running && now-h.heardAt >= dead:
		dst = h.send(dst, []byte(abort))
		dst = h.request(dst, now)
	}
	return dst
}

func (h *host) request(dst []byte, now time.Duration) []byte {
	options := uint32(optNumerics)
	if len(h.labels) > 0 {
		options |= optWaves
	}
	h.enter(requesting, now)
	return h.send(dst, appendAssociation(nil, requested, requestHeader, systemClient, mtu, options))
}

func (h *host) send(dst, message []byte) []byte { return appendFrame(dst, message) }

// run plans what to poll.
func (h *host) run(now time.Duration) {
	h.enter(running, now)
	h.heardAt = now
	every, alerts := h.interval, 2*time.Second
	if h.granted.numerics {
		alerts = 0
		if h.interval == DefaultInterval {
			every = 0
		}
	}
	h.jobs = append(h.jobs[:0], job{class: classMDS, every: rarely}, job{class: classNumeric, group: groupStatic, every: rarely},
		job{class: classNumeric, group: groupValues, every: every}, job{class: classAlerts, group: groupAlerts, every: alerts})
	h.sets, h.setAt = setTries, now
	if len(h.labels) > 0 && h.granted.waves {
		h.sets = 0
		h.jobs = append(h.jobs, job{class: classWave, every: rarely}, job{class: classWave})
	}
	h.jobs = append(h.jobs, job{class: classAlerts, group: groupStatic, every: keepAlive, due: now + keepAlive})
	for i := range h.jobs {
		h.jobs[i].due = max(h.jobs[i].due, now)
	}
}

// poll sends what is due.
func (d *Decoder) poll(dst []byte, n *notes, now time.Duration) []byte {
	h := &d.host
	if n.set {
		h.sets = setTries
	}
	if h.sets < setTries && now >= h.setAt {
		h.sets++
		h.setAt = now + retry
		h.invoke++
		h.scratch = appendWanted(h.scratch[:0], h.invoke, h.labels)
		dst = appendFrame(dst, h.scratch)
	}
	for i := range h.jobs {
		j := &h.jobs[i]
		if j.every == 0 && n.came(j.class) {
			j.due = min(j.asked+renewal, now+late)
		}
		if d.waves.unknown && j.class == classWave && j.every > 0 {
			j.due = min(j.due, max(now, j.asked+late))
		}
		if now >= j.due {
			dst = h.ask(dst, j, now)
		}
	}
	d.waves.unknown = false
	return dst
}

func (n *notes) came(class uint16) bool {
	for i, c := range periodic {
		if c == class {
			return n.replied[i]
		}
	}
	return false
}

func (h *host) ask(dst []byte, j *job, now time.Duration) []byte {
	span := uint32(0)
	j.asked, j.due = now, now+j.every
	if j.every == 0 {
		j.due, span = now+late, active
	}
	h.invoke++
	h.scratch = appendPoll(h.scratch[:0], h.invoke, j.class, j.group, span)
	return appendFrame(dst, h.scratch)
}

// next returns when Ask has something to do again.
func (h *host) next() time.Duration {
	switch h.state {
	case waiting:
		return h.since
	case requesting:
		return h.since + retry
	case associating:
		return h.since + dead
	}
	at := h.heardAt + dead
	if h.sets < setTries {
		at = min(at, h.setAt)
	}
	for i := range h.jobs {
		at = min(at, h.jobs[i].due)
	}
	return at
}
