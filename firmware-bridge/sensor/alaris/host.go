package alaris

import "time"

const (
	replyTime = 4 * time.Second // that the pump says an answer may take
	triesMax  = 3
)

// questions are all that is ever sent: none has an argument, and none can change
// anything at a pump.
var questions = [...]string{
	askSerial:   "!INST_SERIALNO|457D\r",
	askProtocol: "!COMMS_PROTOCOL|E8DA\r",
	askInfusion: "!INF|4961\r",
}

const (
	askSerial = iota
	askProtocol
	askInfusion
)

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask
// knows the time.
type host struct {
	interval time.Duration
	answered [len(questions)]bool // notes of Decode

	question int
	pending  bool
	sentAt   time.Duration
	tries    int
	due      time.Duration
}

// reply notes that a question was answered.
func (h *host) reply(command []byte) {
	switch string(command) {
	case "INST_SERIALNO":
		h.answered[askSerial] = true
	case "COMMS_PROTOCOL":
		h.answered[askProtocol] = true
	case "INF":
		h.answered[askInfusion] = true
	}
}

// Open says that the line was opened.
func (d *Decoder) Open() {
	d.frames.drop()
	d.frames.stray = false
	d.host = host{interval: d.host.interval}
}

// Ask appends what is to be sent now.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.pending && h.answered[h.question] {
		h.next(now)
	}
	if h.pending && now-h.sentAt >= replyTime {
		h.giveUp(now)
	}
	h.answered = [len(questions)]bool{}
	if !h.pending && now >= h.due {
		h.pending, h.sentAt = true, now
		h.tries++
		dst = append(dst, questions[h.question]...)
	}
	if h.pending {
		return dst, h.sentAt + replyTime
	}
	return dst, h.due
}

// next plans the next question.
func (h *host) next(now time.Duration) {
	h.pending, h.tries, h.due = false, 0, now
	if h.question == askInfusion {
		h.due = max(now, h.sentAt+h.interval)
	} else {
		h.question++
	}
}

// giveUp asks again, or begins anew. A pump that does not know a question about
// itself is asked for the infusion all the same.
func (h *host) giveUp(now time.Duration) {
	h.pending, h.due = false, now
	if h.tries < triesMax {
		return
	}
	h.tries = 0
	if h.question++; h.question == len(questions) {
		h.question = askSerial
	}
}
