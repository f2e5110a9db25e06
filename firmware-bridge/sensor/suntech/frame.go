package suntech

const (
	hostStart   = 0x3a
	moduleStart = 0x3e
	replyLen    = 4
	cuffLen     = 5
	resultLen   = 24
)

// frames finds messages of the module. The zero value is ready.
type frames struct {
	buf     [resultLen]byte
	n       int
	skipped bool // in a run of bytes that belong to no message
	good    uint64
	bad     uint64
}

// next takes a byte; messages that are then whole are given to take.
func (f *frames) next(b byte, take func([]byte)) {
	f.buf[f.n] = b
	f.n++
	f.search(take)
}

// search looks for messages at the beginning of buf. Of one that turns out to be none
// only the first byte is dropped.
func (f *frames) search(take func([]byte)) {
	for f.n > 0 {
		size, possible := f.size()
		switch {
		case !possible, f.n >= size && size > 2 && sum(f.buf[:size]) != 0:
			f.skip()
		case f.n < size || size == 2:
			return
		default:
			f.good++
			f.skipped = false
			take(f.buf[:size])
			f.n = copy(f.buf[:], f.buf[size:f.n])
		}
	}
}

// flush drops what is not whole, but for messages in it.
func (f *frames) flush(take func([]byte)) {
	for f.n > 0 {
		f.skip()
		f.search(take)
	}
	f.skipped = false
}

// size returns how long the message is; false if what is there can be none.
func (f *frames) size() (n int, possible bool) {
	if f.buf[0] != moduleStart {
		return 0, false
	}
	if f.n == 1 {
		return 2, true
	}
	n = int(f.buf[1])
	return n, n == replyLen || n == cuffLen || n == resultLen
}

// skip drops a byte; a run of them counts once.
func (f *frames) skip() {
	if !f.skipped {
		f.bad++
	}
	f.skipped = true
	f.n = copy(f.buf[:], f.buf[1:f.n])
}

func sum(p []byte) (s byte) {
	for _, b := range p {
		s += b
	}
	return s
}

// appendMessage appends a message with the sum that it needs; what is given begins it.
func appendMessage(dst []byte, p ...byte) []byte {
	return append(append(dst, p...), -sum(p))
}
