package pb840

import "time"

// requests are all that is ever sent.
var requests = [...]string{"SNDF\r", "SNDA\r"}

const (
	replyTime = 3 * time.Second // in which something must be heard
	wholeTime = 15 * time.Second
	quiet     = 10 * time.Second // that a port which sends waves is left alone
	triesMax  = 3
)

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask
// knows the time.
type host struct {
	interval               time.Duration
	heard, answered, waves bool // notes of Decode

	which         int // of the requests
	pending       bool
	tries         int
	since, sentAt time.Duration
	due           time.Duration
}

// Open says that the line was opened.
func (d *Decoder) Open() {
	d.line, d.over = d.line[:0], false
	d.breath.n, d.breath.on = 0, false
	d.host = host{interval: d.host.interval}
}

// Ask appends what is to be sent now.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.heard {
		h.since = now
	}
	switch {
	case h.waves:
		h.pending, h.tries, h.due = false, 0, now+quiet
	case h.pending && h.answered:
		h.pending, h.tries, h.due = false, 0, max(now, h.sentAt+h.interval)
	case h.pending && (now-h.since >= replyTime || now-h.sentAt >= wholeTime):
		h.giveUp(now)
	}
	h.heard, h.answered, h.waves = false, false, false
	if !h.pending && now >= h.due {
		h.pending, h.since, h.sentAt = true, now, now
		h.tries++
		dst = append(dst, requests[h.which]...)
	}
	if h.pending {
		return dst, min(h.since+replyTime, h.sentAt+wholeTime)
	}
	return dst, h.due
}

// giveUp asks again, or with the other request.
func (h *host) giveUp(now time.Duration) {
	h.pending, h.due = false, now
	if h.tries >= triesMax {
		h.tries = 0
		h.which = 1 - h.which
	}
}
