package bbraun

import "time"

const (
	beforeAck = 100 * time.Millisecond // from a block to the answer to it
	beforeGet = 500 * time.Millisecond // from an answer to the next request
	replyTime = 3 * time.Second        // in which something must be heard
	blockTime = 30 * time.Second       // in which a whole block must be there
	cyclic    = 10 * time.Second       // that a device which sends unasked is left alone
	triesMax  = 3                      // of a request, and of a block
)

// state is how far the host is.
type state uint8

const (
	greeting state = iota // who is there
	version
	reading
)

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask
// knows the time. There is nothing in here that could say more to a device than
// appendRequest does.
type host struct {
	interval time.Duration
	pumps    []address

	// Notes of Decode.
	heard   bool
	corrupt bool
	got     bool // a block
	more    bool // and another one follows
	reply   reply
	bed     [bedMax]byte // of the last answer to ADMIN:ALIVE
	bedN    int

	// What Ask keeps.
	state   state
	next    int           // the pump to ask for next
	plain   bool          // without stuffing
	pending bool          // a request waits for its answer, or for the next block of it
	since   time.Duration // something was heard or sent
	asked   time.Duration // a block was asked for
	began   time.Duration // a round of requests
	answer  byte          // ACK or NAK that is due, or 0
	at      time.Duration
	last    bool // the answer is to the last block
	tries   int  // of the request
	naks    int  // of the block
	due     time.Duration
}

// block notes that a block is there.
func (h *host) block(m message, r reply) {
	h.got, h.more, h.reply = true, m.more, r
	if r.ready {
		h.bedN = copy(h.bed[:], m.bed)
	}
}

// Open says that the line was opened.
func (d *Decoder) Open() {
	d.frames.flush()
	d.host = host{interval: d.host.interval, pumps: d.host.pumps}
}

// Ask appends what is to be sent now.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.heard {
		h.heard, h.since = false, now
	}
	h.follow(now)
	if h.answer != 0 {
		if now < h.at {
			return dst, h.at
		}
		dst = d.respond(dst, now)
	}
	if h.pending && (now-h.since >= replyTime || now-h.asked >= blockTime) {
		d.giveUp(now)
	}
	if !h.pending && now >= h.due {
		dst = d.request(dst, now)
	}
	if h.pending {
		return dst, min(h.since+replyTime, h.asked+blockTime)
	}
	return dst, h.due
}

// follow plans the answer to what came. Only a block that was asked for is asked
// for again; an unasked one is of a device in cyclic mode, and is acknowledged.
func (h *host) follow(now time.Duration) {
	switch {
	case h.got:
		h.answer, h.at, h.last, h.naks = ack, now+beforeAck, !h.more, 0
	case h.corrupt && h.pending && h.naks < triesMax:
		h.answer, h.at, h.last = nak, now+beforeAck, false
		h.naks++
	}
	h.got, h.corrupt = false, false
}

// respond sends ACK or NAK, and ends what was asked for with the last block.
func (d *Decoder) respond(dst []byte, now time.Duration) []byte {
	h := &d.host
	dst = append(dst, h.answer)
	h.answer, h.since, h.asked = 0, now, now
	if h.last {
		h.last = false
		d.done(now)
	}
	return dst
}

// done plans what comes after an answer.
func (d *Decoder) done(now time.Duration) {
	h := &d.host
	h.due = now + beforeGet
	switch {
	case !h.pending && h.state != greeting:
	case h.state == greeting && h.reply.ready && h.pending:
		h.state, h.tries, h.next = version, 0, 0
	case h.reply.fault == errSyntax && h.pending:
		if h.state == greeting || h.tries >= triesMax {
			d.restart()
		}
	case h.state == greeting: // it sends unasked, or cannot yet
		h.due = now + cyclic
	case h.state == version:
		h.state, h.tries = reading, 0
	default:
		h.tries = 0
		if h.next++; h.next >= len(h.pumps) {
			h.next = 0
			h.due = max(h.due, h.began+h.interval)
		}
	}
	h.pending, h.reply = false, reply{}
}

// restart begins with ADMIN:ALIVE; if that is what failed, with the other stuffing.
func (d *Decoder) restart() {
	h := &d.host
	if h.state == greeting {
		h.plain = !h.plain
		d.frames.style = unknown
	}
	h.state, h.tries = greeting, 0
}

// giveUp asks again, or begins anew.
func (d *Decoder) giveUp(now time.Duration) {
	h := &d.host
	h.pending, h.answer, h.naks, h.due = false, 0, 0, now
	if h.state == greeting || h.tries >= triesMax {
		d.restart()
	}
}

// request sends the next request.
func (d *Decoder) request(dst []byte, now time.Duration) []byte {
	h := &d.host
	h.pending, h.since, h.asked = true, now, now
	h.tries++
	if h.state == reading && h.next == 0 {
		h.began = now
	}
	return d.appendRequest(dst)
}

// appendRequest appends one of the four requests that BCC has. None can change
// anything at a pump.
func (d *Decoder) appendRequest(dst []byte) []byte {
	h := &d.host
	bed := h.bed[:h.bedN]
	var words [16]byte
	what := append(words[:0], "MEM:GET"...)
	switch {
	case h.state == greeting:
		bed, what = []byte("1"), append(words[:0], "ADMIN:ALIVE"...)
	case h.state == version:
		what = append(words[:0], "ADMIN:VERSION"...)
	case len(h.pumps) > 0:
		what = h.pumps[h.next].append(append(words[:0], "MEM:GETSLOT#"...))
	}
	var room [64]byte
	m := appendMessage(room[:0], bed, what, etx)
	if d.frames.style == unstuffed || d.frames.style == unknown && h.plain {
		return append(dst, m...)
	}
	return appendStuffed(dst, m)
}
