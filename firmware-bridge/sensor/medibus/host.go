package medibus

import "time"

const (
	silence    = 3 * time.Second  // after which communication is broken
	replyTime  = 10 * time.Second // for a complete reply
	keepAlive  = 2 * time.Second  // after which NOP is sent
	settle     = 200 * time.Millisecond
	unasked    = time.Second // to wait for a device to ask who we are
	slowly     = 10 * time.Second
	rarely     = 10 * time.Minute
	again      = 5 * time.Second // between two enabling records
	dead       = 30 * time.Second
	triesMax   = 4  // a command and three repetitions
	answersMax = 16 // answers that wait to be sent

	versionLists  = 300 // settings, texts and realtime data
	versionAlarms = 400 // alarms of code page 2
)

// identity is what we tell of ourselves: the number is the one the document has
// for computers.
const identity = "0161'vitalseal'01.00:04.03"

// state is how far the host is.
type state uint8

const (
	starting state = iota // initialise, until it is answered
	asking                // who is there
	running
)

// job is something to ask for again and again.
type job struct {
	code byte
	due  time.Duration
	off  bool
}

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask
// knows the time.
type host struct {
	interval time.Duration
	state    state
	version  int // of the device's MEDIBUS, times 100

	// Notes of Decode.
	heard   bool
	corrupt bool // a reply failed
	answers []byte
	reply   byte // the code of the last reply
	got     bool
	aborted bool // CAN
	held    bool // DC1
	notes   notes

	// What Ask keeps.
	heardAt, sentAt, heldAt time.Duration
	wasHeld                 bool
	pending                 byte // the command that waits for a reply, 0: none
	pendingAt               time.Duration
	tries                   int
	jobs                    []job
	configureAt             time.Duration // when to ask for realtime data, -1: not
	enableAt, recordAt      time.Duration
}

// notes are commands of the device that change what we do.
type notes struct {
	initialise, stop, clock, realtime, asked bool
}

func (h *host) control(b byte) {
	switch b {
	case dc1:
		h.held = true
	case dc3:
		h.held = false
	case can:
		h.aborted = true
	}
}

// answer notes a code to answer.
func (h *host) answer(code byte) {
	if len(h.answers) < answersMax {
		h.answers = append(h.answers, code)
	}
}

// command takes a command of the device.
func (h *host) command(code byte) {
	h.answer(code)
	switch code {
	case cmdInitialise:
		h.notes.initialise = true
	case cmdStop:
		h.notes.stop = true
	case cmdTimeChanged:
		h.notes.clock = true
	case cmdChanged:
		h.notes.realtime = true
	case cmdIdentify:
		h.notes.asked = true
	}
}

func (h *host) replied(code byte) { h.reply, h.got = code, true }

// Open says that the line was opened.
func (d *Decoder) Open() {
	d.frames.flush()
	d.rt.active, d.rt.chosen = 0, 0
	d.host = host{interval: d.host.interval, version: d.host.version, answers: d.host.answers[:0], jobs: d.host.jobs[:0], configureAt: -1}
	d.host.sentAt = -replyTime
}

// Ask appends what is to be sent now.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.heard {
		h.heard, h.heardAt = false, now
	}
	if h.held {
		return d.hold(dst, now)
	}
	h.wasHeld = false
	dst = h.sendAnswers(dst, now)
	d.follow(now)
	dst = d.progress(dst, now)
	dst = d.enable(dst, now)
	return dst, d.next(now)
}

// hold sends nothing while the device has said DC1, for three seconds.
func (d *Decoder) hold(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if !h.wasHeld {
		h.wasHeld, h.heldAt = true, now
	}
	if now-h.heldAt < silence {
		return dst, h.heldAt + silence
	}
	h.held, h.wasHeld = false, false
	d.restart()
	return d.Ask(dst, now)
}

func (h *host) sendAnswers(dst []byte, now time.Duration) []byte {
	for _, code := range h.answers {
		if code == cmdIdentify {
			dst = appendFrame(dst, soh, code, []byte(identity)...)
		} else {
			dst = appendFrame(dst, soh, code)
		}
		h.sentAt = now
	}
	h.answers = h.answers[:0]
	return dst
}

// follow does what the device's commands ask for.
func (d *Decoder) follow(now time.Duration) {
	h := &d.host
	n := h.notes
	h.notes = notes{}
	if n.stop {
		d.restart()
		h.sentAt = now // it wants to be left alone for the moment
		return
	}
	if n.initialise { // all that was configured is gone
		h.pending, h.got = 0, false
		h.state = asking
		d.rt.active, d.rt.chosen = 0, 0
		h.configureAt = -1
	}
	if n.clock {
		h.hurry(cmdDate, now)
	}
	if n.realtime && h.state == running {
		d.rt.active, d.rt.chosen = 0, 0
		h.configureAt = now
	}
	if n.asked && h.state == running && h.configureAt > now {
		h.configureAt = now + settle
	}
}

func (h *host) hurry(code byte, now time.Duration) {
	for i := range h.jobs {
		if h.jobs[i].code == code {
			h.jobs[i].due = now
		}
	}
}

// restart begins with "initialise".
func (d *Decoder) restart() {
	h := &d.host
	h.state, h.pending, h.got, h.tries, h.configureAt = starting, 0, false, 0, -1
	d.rt.active, d.rt.chosen = 0, 0
}

// progress looks at the reply and the time-outs, and sends the next command.
func (d *Decoder) progress(dst []byte, now time.Duration) []byte {
	h := &d.host
	got, reply, corrupt := h.got, h.reply, h.corrupt
	h.got, h.corrupt = false, false
	if h.pending != 0 {
		switch {
		case got && reply == h.pending:
			d.done(now)
		case got && reply == nak, corrupt, h.aborted, now-h.pendingAt >= replyTime:
			h.aborted = false
			return d.repeat(dst, now)
		}
	}
	h.aborted = false
	since := h.heardAt
	if h.pending != 0 {
		since = max(since, h.pendingAt)
	}
	if now-since >= silence {
		d.restart()
	}
	if h.pending != 0 {
		return dst
	}
	return d.issue(dst, now)
}

// done takes the reply to the command that waited for it.
func (d *Decoder) done(now time.Duration) {
	h := &d.host
	code := h.pending
	h.pending, h.tries = 0, 0
	switch {
	case h.state == starting:
		h.state = asking
	case h.state == asking:
		d.run(now)
	case code == cmdOffered && d.rt.chosen > 0:
		h.configureAt = now
	case code == cmdConfigure:
		h.enableAt, h.recordAt = now, now
	}
}

// run plans what to ask a device that said who it is, or would not.
func (d *Decoder) run(now time.Duration) {
	h := &d.host
	h.state = running
	h.jobs = append(h.jobs[:0], job{code: cmdMeasured}, job{code: cmdAlarms}, job{code: cmdAlarms2, off: h.version < versionAlarms},
		job{code: cmdLow}, job{code: cmdHigh}, job{code: cmdSettings, off: h.version < versionLists},
		job{code: cmdTexts, off: h.version < versionLists}, job{code: cmdDate})
	for i := range h.jobs {
		h.jobs[i].due = now
	}
	h.configureAt = -1
	if h.version >= versionLists && len(d.rt.wanted) > 0 {
		h.configureAt = now + unasked
	}
}

// repeat sends the command again that had no good reply; after three times it
// gives the command up, or everything.
func (d *Decoder) repeat(dst []byte, now time.Duration) []byte {
	h := &d.host
	code := h.pending
	h.pending = 0
	if h.tries < triesMax {
		return d.send(dst, code, now)
	}
	h.tries = 0
	if h.state == asking {
		d.run(now) // it does not tell
		return dst
	}
	d.restart()
	return d.issue(dst, now)
}

// issue sends the next command that is due.
func (d *Decoder) issue(dst []byte, now time.Duration) []byte {
	h := &d.host
	switch h.state {
	case starting:
		if now-h.sentAt < silence {
			return dst
		}
		return d.send(dst, cmdInitialise, now)
	case asking:
		return d.send(dst, cmdIdentify, now)
	}
	if h.configureAt >= 0 && now >= h.configureAt {
		return d.configure(dst, now)
	}
	var most *job
	for i := range h.jobs {
		j := &h.jobs[i]
		if !j.off && j.due <= now && (most == nil || j.due < most.due) {
			most = j
		}
	}
	if most != nil {
		most.due = now + h.period(most.code)
		return d.send(dst, most.code, now)
	}
	if now-h.sentAt >= keepAlive {
		return d.send(dst, cmdNOP, now)
	}
	return dst
}

// configure asks what realtime data there is, and then for what we want of it.
func (d *Decoder) configure(dst []byte, now time.Duration) []byte {
	d.host.configureAt = -1
	if d.rt.chosen == 0 {
		return d.send(dst, cmdOffered, now)
	}
	dst = d.rt.appendEnable(dst, false)
	return d.send(dst, cmdConfigure, now)
}

func (h *host) period(code byte) time.Duration {
	switch code {
	case cmdMeasured, cmdAlarms, cmdAlarms2:
		return h.interval
	case cmdDate:
		return rarely
	}
	return slowly
}

func (d *Decoder) send(dst []byte, code byte, now time.Duration) []byte {
	h := &d.host
	h.pending, h.pendingAt, h.sentAt = code, now, now
	h.tries++
	if code == cmdConfigure {
		var argument [4 * streamMax]byte
		return appendFrame(dst, esc, code, d.rt.appendConfigure(argument[:0])...)
	}
	return appendFrame(dst, esc, code)
}

// enable switches the streams on, again and again: that command has no reply.
// When no record comes for long, the configuration begins anew.
func (d *Decoder) enable(dst []byte, now time.Duration) []byte {
	h := &d.host
	if d.rt.seen {
		d.rt.seen, h.recordAt = false, now
	}
	if h.state != running || d.rt.active == 0 {
		return dst
	}
	if now-h.recordAt >= dead {
		d.rt.active, d.rt.chosen = 0, 0
		h.configureAt, h.recordAt = now, now
		return dst
	}
	if now < h.enableAt {
		return dst
	}
	h.enableAt = now + again
	return d.rt.appendEnable(dst, true)
}

// next returns when Ask has something to do again.
func (d *Decoder) next(now time.Duration) time.Duration {
	h := &d.host
	at := max(h.heardAt, h.sentAt) + keepAlive
	if h.pending != 0 {
		at = min(max(h.heardAt, h.pendingAt)+silence, h.pendingAt+replyTime)
	} else if h.state == starting {
		at = h.sentAt + silence
	}
	if h.state == running {
		if h.pending == 0 {
			for _, j := range h.jobs {
				if !j.off {
					at = min(at, j.due)
				}
			}
			if h.configureAt >= 0 {
				at = min(at, h.configureAt)
			}
			at = min(at, h.sentAt+keepAlive)
		}
		if d.rt.active > 0 {
			at = min(at, h.enableAt, h.recordAt+dead)
		}
	}
	return max(at, now+time.Millisecond)
}
