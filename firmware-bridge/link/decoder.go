package link

// Decoder finds frames in a stream of bytes. It takes what arrives in pieces of
// any size, one byte included, never blocks, and after noise goes on at the next
// delimiter. Call Reset before the first use.
type Decoder struct {
	buf  []byte
	n    int  // bytes decoded
	left int  // bytes left in the open COBS block
	run  bool // the open block has 254 bytes, so that no zero follows it
	any  bool // something came since the last delimiter
	skip bool // what came is no frame: wait for a delimiter

	good, bad uint64
}

// Reset begins anew with the caller's buffer. Its length is the size of the
// longest frame that is taken, CRC included; COBS needs no room beside it. The
// counts stay.
func (d *Decoder) Reset(buf []byte) {
	d.buf = buf
	d.clear()
}

func (d *Decoder) clear() {
	d.n, d.left = 0, 0
	d.run, d.any, d.skip = false, false, false
}

// Next takes bytes from p until a good frame is complete. It returns the frame
// without its CRC, which lies in the Decoder's buffer until the next call, and
// the part of p that it has not looked at. When p is used up first, frame is
// nil. What is no frame (its COBS or CRC is wrong, it is shorter than a type and
// a CRC, or longer than the buffer) is counted and passed over.
func (d *Decoder) Next(p []byte) (frame, rest []byte) {
	for i, b := range p {
		if b != delimiter {
			d.take(b)
			continue
		}
		n := d.finish()
		d.clear()
		if n > 0 {
			return d.buf[:n:n], p[i+1:]
		}
	}
	return nil, nil
}

// Counts returns how many frames were good, and how many runs of bytes between
// two delimiters were not.
func (d *Decoder) Counts() (good, bad uint64) { return d.good, d.bad }

// take takes a byte that is no delimiter.
func (d *Decoder) take(b byte) {
	switch {
	case d.skip:
	case d.left > 0:
		d.left--
		d.put(b)
	default: // the code of a block
		if d.any && !d.run {
			d.put(0)
		}
		d.left, d.run = int(b)-1, b == cobsFull
	}
	d.any = true
}

// put appends a decoded byte.
func (d *Decoder) put(b byte) {
	if d.n == len(d.buf) {
		d.skip = true
		return
	}
	d.buf[d.n] = b
	d.n++
}

// finish is called at a delimiter and returns the length without CRC of the
// frame that is complete, or 0.
func (d *Decoder) finish() int {
	if !d.any {
		return 0 // delimiters in a row mean nothing
	}
	n := d.n - CRCSize
	if d.skip || d.left > 0 || n < 1 || !crcMatches(d.buf[:d.n]) {
		d.bad++
		return 0
	}
	d.good++
	return n
}

// crcMatches reports whether the last four bytes of p are the CRC of those
// before.
func crcMatches(p []byte) bool {
	n := len(p) - CRCSize
	return checksum(p[:n]) == getUint32(p[n:])
}
