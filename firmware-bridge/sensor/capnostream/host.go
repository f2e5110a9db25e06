package capnostream

import "time"

// All that is ever sent.
const (
	enable     = "\x85\x01\x01\x00" // communication
	start      = "\x85\x01\x04\x05" // real-time data
	linkActive = "\x85\x01\x06\x07"
)

const (
	silence   = 3 * time.Second // after which communication is enabled again
	keepAlive = 5 * time.Second
	unasked   = time.Second // to wait for a monitor to say who it is
)

// host is our side of the line. Decode leaves notes, Ask acts on them: only Ask
// knows the time.
type host struct {
	heard, known bool // notes of Decode

	enabled, started         bool
	heardAt, enabledAt, keep time.Duration
}

// Open says that the line was opened.
func (d *Decoder) Open() {
	d.frames.flush()
	d.host = host{}
}

// Ask appends what is to be sent now.
func (d *Decoder) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	h := &d.host
	if h.heard {
		h.heard, h.heardAt = false, now
	}
	if !h.enabled || now-max(h.heardAt, h.enabledAt) >= silence {
		*h = host{enabled: true, heardAt: h.heardAt, enabledAt: now, keep: now + keepAlive}
		dst = append(dst, enable...)
	}
	if !h.started && (h.known || now-h.enabledAt >= unasked) {
		h.started = true
		dst = append(dst, start...)
	}
	if now >= h.keep {
		h.keep = now + keepAlive
		dst = append(dst, linkActive...)
	}
	next := min(max(h.heardAt, h.enabledAt)+silence, h.keep)
	if !h.started {
		next = min(next, h.enabledAt+unasked)
	}
	return dst, next
}
