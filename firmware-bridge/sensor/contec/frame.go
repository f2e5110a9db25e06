package contec

const (
	flag    = 0x80
	v5Len   = 5
	v5Sure  = 6 * v5Len // bytes of whole messages that are no accident
	v7Sure  = 2 * 9
	heldMax = v5Sure + 9
)

// v7Length returns how long a V7 message of the type is, 0 if there is no such type.
func v7Length(kind byte) int {
	switch kind {
	case msgRealtime, msgDevice, msgUser, msgNotice, msgStorageID:
		return 9
	case msgDate, msgTime, msgLength, msgStoredPairs:
		return 8
	case msgStored:
		return 6
	case msgSegments, msgFeedback:
		return 4
	case msgDisconnect, msgHasPI, msgUsers:
		return 3
	case msgFree:
		return 2
	}
	return 0
}

// framer cuts bytes into messages by their bits 7. The zero value is for V7.
type framer struct {
	v5       bool
	buf      [heldMax]byte // messages that wait, then the one that is coming
	n        int           // bytes in buf
	done     int           // of them in messages that wait
	held     int           // how many wait
	sure     bool          // messages follow each other without a break
	skipping bool          // in a run of bytes that begin nothing
	out      [heldMax]byte
	good     uint64
	bad      uint64
	before   uint64 // bad when this stream began
}

func (f *framer) length(first byte) int {
	if f.v5 {
		return v5Len
	}
	return v7Length(first)
}

// need returns the length of the message that is coming.
func (f *framer) need() int { return f.length(f.buf[f.done]) }

// next takes a byte and returns the messages that are now believed, one behind the
// other, until the next call.
func (f *framer) next(b byte) []byte {
	if (b&flag != 0) == f.v5 {
		return f.begin(b)
	}
	if f.n == f.done || f.n-f.done == f.need() {
		f.lose()
		return nil
	}
	f.buf[f.n] = b
	f.n++
	enough := v7Sure
	if f.v5 {
		enough = v5Sure
	}
	if f.sure || f.n-f.done < f.need() || f.n < enough {
		return nil
	}
	f.sure = true
	out := f.release()
	f.n = copy(f.buf[:], f.buf[f.done:f.n])
	f.done = 0
	return out
}

// begin takes the first byte of a message, which ends the one before.
func (f *framer) begin(b byte) (out []byte) {
	if f.n > f.done {
		out = f.end()
	}
	if f.length(b) == 0 {
		f.lose()
		return out
	}
	f.skipping = false
	f.buf[f.n] = b
	f.n++
	return out
}

// end ends the message that is coming.
func (f *framer) end() []byte {
	if f.n-f.done < f.need() {
		f.lose()
		f.skipping = false // the byte at hand may begin a message
		return nil
	}
	f.held++
	f.done = f.n
	if !f.sure {
		return nil
	}
	out := f.release()
	f.n, f.done = 0, 0
	return out
}

// release copies out the messages that wait.
func (f *framer) release() []byte {
	f.good += uint64(f.held)
	f.held = 0
	return f.out[:copy(f.out[:], f.buf[:f.done])]
}

// lose drops everything; a run of bytes counts once.
func (f *framer) lose() {
	if !f.skipping {
		f.bad++
	}
	f.bad += uint64(f.held)
	f.n, f.done, f.held, f.sure, f.skipping = 0, 0, 0, false, true
}

// flush ends the stream. Messages that wait are believed if nothing was ever wrong.
func (f *framer) flush() (out []byte) {
	if f.n > f.done {
		if f.n-f.done < f.need() {
			f.n = f.done
			f.bad++
		} else {
			f.held++
			f.done = f.n
		}
	}
	if f.sure || f.bad == f.before {
		out = f.release()
	} else {
		f.bad += uint64(f.held)
	}
	f.before = f.bad
	f.n, f.done, f.held, f.sure, f.skipping = 0, 0, 0, false, false
	return out
}
