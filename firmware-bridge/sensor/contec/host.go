package contec

import "time"

// Commands of the host.
const (
	commandType = 0x7d
	cmdStart    = 0xa1
	cmdStop     = 0xa2
	cmdName     = 0xaa
	cmdAlive    = 0xaf
	commandLen  = 9
)

const (
	aliveEvery   = time.Second
	startEvery   = 2 * time.Second // and so long without data is silence
	nameTriesMax = 3
	notSupported = 5
)

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask knows
// the time.
type host struct {
	heard bool // realtime data, since the last Ask
	named bool // the device told its name, or will not

	startAt, aliveAt, nameAt time.Duration
	tries                    int // to get the name
}

// answered takes the device's answer to a command.
func (h *host) answered(command, reason byte) {
	if command == cmdName && reason == notSupported {
		h.named = true
	}
}

// Open says that the line was opened.
func (d *V7) Open() {
	d.framer = framer{good: d.framer.good, bad: d.framer.bad, before: d.framer.bad}
	d.host = host{aliveAt: aliveEvery}
}

// Ask appends what is to be sent now.
func (d *V7) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.heard {
		h.heard, h.startAt = false, now+startEvery
	}
	if now >= h.startAt {
		h.startAt = now + startEvery
		dst = appendCommand(dst, cmdStart)
	}
	if !h.named && h.tries < nameTriesMax && now >= h.nameAt {
		h.nameAt = now + startEvery
		h.tries++
		dst = appendCommand(dst, cmdName)
	}
	if now >= h.aliveAt {
		h.aliveAt = now + aliveEvery
		dst = appendCommand(dst, cmdAlive)
	}
	next := min(h.startAt, h.aliveAt)
	if !h.named && h.tries < nameTriesMax {
		next = min(next, h.nameAt)
	}
	return dst, next
}

// appendCommand appends a command without further information.
func appendCommand(dst []byte, command byte) []byte {
	return appendMessage(dst, commandType, command, 0, 0, 0, 0, 0, 0)
}

// appendMessage moves the bits 7 of the data into the second byte.
func appendMessage(dst []byte, kind byte, data ...byte) []byte {
	high := byte(flag)
	for i, b := range data {
		high |= b >> 7 << i
	}
	dst = append(dst, kind, high)
	for _, b := range data {
		dst = append(dst, b|flag)
	}
	return dst
}
