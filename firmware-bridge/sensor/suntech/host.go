package suntech

import "time"

const (
	resultEvery = 10 * time.Second
	cuffEvery   = time.Second
	replyTime   = time.Second
	settle      = 2 * time.Second  // from an empty cuff to the result, and between tries
	fillTime    = 30 * time.Second // in which the cuff must fill
	measureTime = 3 * time.Minute
	resultTries = 3
	rest        = 30 * time.Second // that the arm has between two measurements
)

// phase is how far a measurement that the host started is.
type phase uint8

const (
	waiting   phase = iota // for the next
	measuring              // the cuff is watched
	fetching               // the result is asked for
)

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask knows
// the time.
type host struct {
	interval time.Duration

	// Notes of Decode.
	answered byte // the length of the last message
	fresh    bool // there is a new result
	gaveUp   bool // of Ask, for Decode: the measurement failed

	// What Ask keeps.
	phase    phase
	pending  byte // the length of the message that is waited for, 0: none
	until    time.Duration
	startAt  time.Duration // of the next measurement
	beganAt  time.Duration // of this one
	cuffAt   time.Duration // of the next requests
	resultAt time.Duration
	tries    int
}

// Open says that the line was opened: no measurement is under way that we know of.
func (d *Decoder) Open() {
	d.frames = frames{good: d.frames.good, bad: d.frames.bad}
	d.known, d.cuff = false, resting
	d.host = host{interval: d.host.interval, startAt: d.host.interval}
}

// Ask appends what is to be sent now: one request at a time.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.pending != 0 && h.answered != h.pending && now < h.until {
		return dst, h.until
	}
	if h.pending != 0 && h.answered != h.pending {
		d.frames.n = 0 // half a message does not wait for the next
	}
	h.pending, h.answered = 0, 0
	d.progress(now)
	switch {
	case h.phase == waiting && h.interval > 0 && now >= h.startAt:
		h.startAt = now + h.interval
		h.phase, h.beganAt, h.cuffAt, h.fresh = measuring, now, now+cuffEvery, false
		d.cuff = resting
		h.pending = replyLen
		dst = appendMessage(dst, hostStart, 0x20)
	case h.phase == measuring && now >= h.cuffAt:
		h.cuffAt = now + cuffEvery
		h.pending = cuffLen
		dst = appendMessage(dst, hostStart, 0x79, 0x05, 0x00)
	case h.phase != measuring && now >= h.resultAt:
		h.resultAt = now + resultEvery
		if h.phase == fetching {
			h.tries++
			h.resultAt = now + settle
		}
		h.pending = resultLen
		dst = appendMessage(dst, hostStart, 0x79, 0x03, 0x00)
	}
	if h.pending != 0 {
		h.until = now + replyTime
		return dst, h.until
	}
	return dst, h.next(now)
}

// progress moves a measurement on.
func (d *Decoder) progress(now time.Duration) {
	h := &d.host
	switch {
	case h.phase == measuring && (d.cuff == done || now-h.beganAt >= measureTime):
		h.phase, h.tries, h.resultAt = fetching, 0, now+settle
	case h.phase == measuring && d.cuff == resting && now-h.beganAt >= fillTime:
		h.end(now, true)
	case h.phase == fetching && h.fresh:
		h.end(now, false)
	case h.phase == fetching && h.tries >= resultTries && now >= h.resultAt:
		h.end(now, true)
	}
}

// end ends a measurement.
func (h *host) end(now time.Duration, failed bool) {
	h.phase, h.gaveUp = waiting, failed
	h.resultAt = now + resultEvery
	h.startAt = max(h.startAt, now+rest)
}

// next returns when there is something to send again.
func (h *host) next(now time.Duration) time.Duration {
	at := h.resultAt
	if h.phase == measuring {
		at = min(h.cuffAt, h.beganAt+measureTime)
	}
	if h.phase == waiting && h.interval > 0 {
		at = min(at, h.startAt)
	}
	return max(at, now+time.Millisecond)
}
