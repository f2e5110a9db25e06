package link

// flight is what a sensor has to send and not yet acknowledged, and how far it
// got: go-back-N over the ring of kept frames. Numbers wrap around.
//
//	base <= sending <= high <= next
type flight struct {
	keep    keep
	base    uint32 // the oldest frame kept
	sending uint32 // the next to be sent
	high    uint32 // behind the last that was ever sent
	next    uint32 // the next to be queued
	at      int    // position of sending in keep

	maxFrame int // the longest frame that the gateway takes
	window   byte
	retry    uint64 // ms without progress, then send again
	retryAt  uint64
	hurried  bool // base was sent again before its time
}

func (f *flight) begin(buf []byte, first uint32) {
	f.keep.buf = buf
	f.base, f.sending, f.high, f.next = first, first, first, first
	f.maxFrame = MaxFrame
	f.retry = retryFirst
}

// largest returns the length of the longest body of type t that is ever taken.
func (f *flight) largest(t Type) int {
	n := len(f.keep.buf) - KeepCost
	if most := MaxBody(t, f.maxFrame); n > most {
		n = most
	}
	return n
}

func (f *flight) queue(t Type, body []byte) {
	f.keep.push(t, body)
	f.next++
}

// rewind sends again from the oldest frame.
func (f *flight) rewind() { f.sending, f.at = f.base, f.keep.head }

// inFlight returns how many frames wait for an acknowledgement.
func (f *flight) inFlight() uint32 { return f.sending - f.base }

// due returns when there is a frame to send.
func (f *flight) due() uint64 {
	switch {
	case f.window == 0:
		return never
	case f.sending != f.next && f.inFlight() < uint32(f.window) && f.fits():
		return 0
	case f.inFlight() > 0:
		return f.retryAt
	}
	return never
}

// fits reports whether the gateway takes a frame as long as the next one. It was
// queued before the gateway said what it takes, if not.
func (f *flight) fits() bool {
	t, n, _ := f.keep.entry(f.at)
	return n <= MaxBody(t, f.maxFrame)
}

// send writes the next frame to e, or the oldest when the time to wait for an
// acknowledgement is over. It is due.
func (f *flight) send(e *encoder, session uint32, now uint64) {
	if f.sending == f.next || f.inFlight() >= uint32(f.window) || !f.fits() {
		f.rewind()
		f.retry = sooner(2*f.retry, retryLast)
		f.hurried = false
	}
	t, n, body := f.keep.entry(f.at)
	e.byte(byte(t))
	e.uint32(session)
	e.uint32(f.sending)
	if t == TypeReadings {
		e.uint64(now)
	}
	f.keep.encode(e, body, n)
	f.at = f.keep.after(body, n)
	f.sending++
	if before(f.high, f.sending) {
		f.high = f.sending
	}
	f.retryAt = now + f.retry
}

// ack takes an acknowledgement.
func (f *flight) ack(next uint32, now uint64) {
	n := next - f.base
	if n > f.high-f.base {
		return // of what was not sent, or older than what is known
	}
	if n == 0 {
		if f.inFlight() > 1 && !f.hurried {
			f.rewind()
			f.hurried = true
		}
		return
	}
	behind := before(f.sending, next)
	for ; n > 0; n-- {
		f.keep.pop()
	}
	f.base = next
	if behind {
		f.rewind()
	}
	f.retry, f.retryAt, f.hurried = retryFirst, now+retryFirst, false
}

// accepted sends all again that is not acknowledged: the gateway goes on where
// it was, and answers what it has with an acknowledgement.
func (f *flight) accepted() {
	f.rewind()
	f.retry, f.hurried = retryFirst, false
}
