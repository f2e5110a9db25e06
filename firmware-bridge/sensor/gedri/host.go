package gedri

import "time"

const (
	slack     = 5 * time.Second  // beyond two intervals, before numbers are asked for again
	firstWave = 5 * time.Second  // for waves to begin
	laterWave = 30 * time.Second // between two requests for waves that do not come

	numbersRequestLen = 9
	wavesRequestLen   = 32

	allClasses = 0x0e // basic is sent unless it is denied
)

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask
// knows the time.
type host struct {
	interval time.Duration
	waves    []byte // types to ask for; none: they are stopped

	numbersSeen, wavesSeen bool
	opened                 bool
	numbersAt, wavesAt     time.Duration // when to ask again
	record                 [headerLen + wavesRequestLen]byte
}

// Open says that the line was opened.
func (d *Decoder) Open() {
	h := &d.host
	d.frames.flush()
	h.opened, h.numbersSeen, h.wavesSeen, h.numbersAt, h.wavesAt = true, false, false, 0, 0
}

// Ask appends what is to be sent now.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	first := h.opened
	h.opened = false
	if h.numbersSeen {
		h.numbersSeen, h.numbersAt = false, now+2*h.interval+slack
	}
	if h.wavesSeen {
		h.wavesSeen, h.wavesAt = false, now+firstWave
	}
	if now >= h.numbersAt || first {
		h.numbersAt = now + 2*h.interval + slack
		dst = h.askNumbers(dst)
	}
	if len(h.waves) == 0 {
		if first {
			dst = h.askWaves(dst)
		}
		return dst, h.numbersAt
	}
	if now >= h.wavesAt || first {
		h.wavesAt = now + laterWave
		if first {
			h.wavesAt = now + firstWave
		}
		dst = h.askWaves(dst)
	}
	return dst, min(h.numbersAt, h.wavesAt)
}

// begin makes a record with one sub-record, a request.
func (h *host) begin(kind byte, n int) []byte {
	h.record = [len(h.record)]byte{}
	r := h.record[:headerLen+n]
	r[0] = byte(len(r))
	r[14] = kind
	r[18], r[21] = subRequest, subEnd
	return r
}

// askNumbers asks for displayed numbers of all classes.
func (h *host) askNumbers(dst []byte) []byte {
	r := h.begin(typeNumbers, numbersRequestLen)
	seconds := int(h.interval / time.Second)
	r[headerLen] = subDisplayed
	r[headerLen+1], r[headerLen+2] = byte(seconds), byte(seconds>>8)
	r[headerLen+3] = allClasses
	return appendFrame(dst, r)
}

// askWaves asks for the waves, or for none.
func (h *host) askWaves(dst []byte) []byte {
	r := h.begin(typeWaves, wavesRequestLen)
	if len(h.waves) == 0 {
		r[headerLen] = 1
	}
	n := copy(r[headerLen+4:], h.waves)
	if n < wavesMax {
		r[headerLen+4+n] = subEnd
	}
	return appendFrame(dst, r)
}
