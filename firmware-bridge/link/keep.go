package link

// KeepCost is how many bytes of SensorConfig.Keep a data frame takes beside its
// body: its type and the length of the body.
const KeepCost = 3

// keep is a ring of data frames that are not acknowledged yet. Positions are
// indexes into buf; an entry may go over the end and on at the beginning.
type keep struct {
	buf  []byte
	head int // position of the oldest entry
	used int // bytes
}

// free returns the length of the longest body that has room, which is negative
// if none has.
func (k *keep) free() int { return len(k.buf) - k.used - KeepCost }

// wrap brings a position of less than twice the length back into the ring.
func (k *keep) wrap(at int) int {
	if at >= len(k.buf) {
		at -= len(k.buf)
	}
	return at
}

// push adds an entry, which has room.
func (k *keep) push(t Type, body []byte) {
	at := k.wrap(k.head + k.used)
	for _, b := range [KeepCost]byte{byte(t), byte(len(body) >> 8), byte(len(body))} {
		k.buf[at] = b
		at = k.wrap(at + 1)
	}
	n := copy(k.buf[at:], body)
	copy(k.buf, body[n:])
	k.used += KeepCost + len(body)
}

// entry returns the type and the length of the body of the entry at a position,
// and the position of the body.
func (k *keep) entry(at int) (t Type, n, body int) {
	t = Type(k.buf[at])
	at = k.wrap(at + 1)
	n = int(k.buf[at]) << 8
	at = k.wrap(at + 1)
	n |= int(k.buf[at])
	return t, n, k.wrap(at + 1)
}

// after returns the position behind a body.
func (k *keep) after(body, n int) int { return k.wrap(body + n) }

// pop frees the oldest entry.
func (k *keep) pop() {
	_, n, body := k.entry(k.head)
	k.head = k.after(body, n)
	k.used -= KeepCost + n
}

// encode writes a body to e.
func (k *keep) encode(e *encoder, body, n int) {
	if end := len(k.buf) - body; n > end {
		e.write(k.buf[body:])
		e.write(k.buf[:n-end])
		return
	}
	e.write(k.buf[body : body+n])
}
