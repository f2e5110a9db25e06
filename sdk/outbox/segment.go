package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"strconv"
	"strings"
)

const (
	version    = 1
	headerLen  = 64
	footerLen  = 4096
	minSegment = 64 << 10
	maxSegment = 1 << 30
	maxAcks    = 4 << 10 // bytes of the longest frame of acknowledgements
	maxAnchors = 256     // anchors counted in a footer; with more, Pending reads the segment
)

// segment is one file of one lane. Records in it have the indexes base to
// base+n-1, whether they can still be read or not.
type segment struct {
	lane int
	base uint64 // index of its first record
	salt uint64 // generation << 32 | random: newer segments have greater salts
	seed uint32
	size int64 // of the file

	n      uint64   // records committed
	end    int64    // offset after the last committed frame
	acked  []uint64 // bit i: record base+i needs no sending any more; may be short
	nacked uint64   // bits set

	startIndex uint64 // all before this one are acknowledged,
	start      int64  // and end before this offset; 0: nobody has looked

	anchors   anchorCounts
	sealed    bool // nothing more is written to it
	summed    bool // known by its footer alone: its frames were not read by Open
	failed    bool // a write or sync of it failed, or may have: never to be used again, and frames may follow its end
	damaged   bool // some of it cannot be read: the file is kept aside when it is done with
	condemned bool // dropped; goes when the account of it is durable
	gone      bool // not in its lane any more; the file may hold something else by now

	file File // while it is written to
}

var laneLetter = [lanes]string{"u", "d"}

// name carries all that is needed to read the file, so a damaged header costs
// nothing.
func (s *segment) name() string {
	return fmt.Sprintf("%s-%016x-%016x"+segmentSuffix, laneLetter[s.lane], s.base, s.salt)
}

func parseName(name string) (*segment, bool) {
	stem, ok := strings.CutSuffix(name, segmentSuffix)
	parts := strings.Split(stem, "-")
	if !ok || len(parts) != 3 {
		return nil, false
	}
	base, err1 := strconv.ParseUint(parts[1], 16, 62)
	salt, err2 := strconv.ParseUint(parts[2], 16, 64)
	if err1 != nil || err2 != nil || base == 0 {
		return nil, false
	}
	for lane, letter := range laneLetter {
		s := &segment{lane: lane, base: base, salt: salt, seed: seedOf(salt), end: headerLen}
		if parts[0] == letter && s.name() == name {
			return s, true
		}
	}
	return nil, false
}

const (
	segmentSuffix = ".seg"
	spareSuffix   = ".spare"
)

// limit is the offset frames must end at or before, terminator included.
func (s *segment) limit() int64 { return s.size - footerLen }

func (s *segment) header() []byte {
	be := binary.BigEndian
	b := make([]byte, 0, headerLen)
	b = be.AppendUint32(b, magicHeader)
	b = be.AppendUint32(b, 0)
	b = be.AppendUint16(b, version)
	b = be.AppendUint16(b, uint16(s.lane))
	b = be.AppendUint32(b, uint32(s.size))
	b = be.AppendUint64(b, s.base)
	b = be.AppendUint64(b, s.salt)
	b = b[:headerLen]
	be.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// foreignVersion reports the version of a sound header that this code does
// not read; a damaged header, or one left from the file's last use, is none.
func foreignVersion(b []byte) (int, bool) {
	be := binary.BigEndian
	if len(b) < headerLen || be.Uint32(b) != magicHeader || be.Uint32(b[4:]) != crc32.Checksum(b[8:headerLen], castagnoli) {
		return 0, false
	}
	v := int(be.Uint16(b[8:]))
	return v, v != version
}

// begun reports whether b is the header of this use of the file: the first
// commit to it was at least tried.
func (s *segment) begun(b []byte) bool {
	be := binary.BigEndian
	return len(b) >= headerLen && be.Uint32(b[4:]) == crc32.Checksum(b[8:headerLen], castagnoli) && be.Uint64(b[24:]) == s.salt
}

// footer is the summary that lets Open pass over a sealed segment.
func (s *segment) footer() []byte {
	be := binary.BigEndian
	b := be.AppendUint32(nil, magicFooter)
	b = be.AppendUint32(b, 0)
	b = be.AppendUint64(b, s.n)
	b = be.AppendUint64(b, uint64(s.end))
	if s.anchors.overflow {
		b = be.AppendUint32(b, 1<<31)
	} else {
		b = be.AppendUint32(b, uint32(len(s.anchors.counts)))
		for _, c := range s.anchors.counts {
			b = append(b, c.anchor[:]...)
			b = be.AppendUint32(b, c.n)
		}
	}
	b = append(b, make([]byte, footerLen-len(b))...)
	be.PutUint32(b[4:], crc32.Update(s.seed, castagnoli, b[8:]))
	return b
}

// useFooter takes n, end and the anchors from a sound footer.
func (s *segment) useFooter(b []byte) bool {
	be := binary.BigEndian
	if len(b) != footerLen || be.Uint32(b) != magicFooter || be.Uint32(b[4:]) != crc32.Update(s.seed, castagnoli, b[8:]) {
		return false
	}
	n, end, count := be.Uint64(b[8:]), int64(be.Uint64(b[16:])), be.Uint32(b[24:])
	if end < headerLen || end > s.limit() || n > uint64(end)/frameHead {
		return false
	}
	var a anchorCounts
	a.overflow = count == 1<<31
	if !a.overflow && count > maxAnchors {
		return false
	}
	for i := 0; !a.overflow && i < int(count); i++ {
		c := anchorCount{n: be.Uint32(b[28+12*i+8:])}
		copy(c.anchor[:], b[28+12*i:])
		a.counts = append(a.counts, c)
	}
	s.n, s.end, s.anchors = n, end, a
	return true
}

// Acknowledgements, one bit a record.

func (s *segment) isAcked(i uint64) bool {
	w := i / 64
	return w < uint64(len(s.acked)) && s.acked[w]>>(i%64)&1 == 1
}

// ack marks record base+i and reports whether it was not marked before.
func (s *segment) ack(i uint64) bool {
	if s.isAcked(i) {
		return false
	}
	for uint64(len(s.acked)) <= i/64 {
		s.acked = append(s.acked, 0)
	}
	s.acked[i/64] |= 1 << (i % 64)
	s.nacked++
	return true
}

func (s *segment) done() bool { return s.nacked == s.n }

// next returns the first i at or after from whose mark is want, or n.
func (s *segment) next(from uint64, want bool) uint64 {
	for i := from; i < s.n; {
		w := i / 64
		if w >= uint64(len(s.acked)) {
			if want {
				return s.n
			}
			return i
		}
		word := s.acked[w]
		if !want {
			word = ^word
		}
		if word >>= i % 64; word != 0 {
			return min(i+uint64(bits.TrailingZeros64(word)), s.n)
		}
		i = (w + 1) * 64
	}
	return s.n
}

// anchorCounts counts records by the anchor they are sealed under. A segment
// holds few anchors, so a list is enough.
type anchorCounts struct {
	counts   []anchorCount
	overflow bool
}

type anchorCount struct {
	anchor [8]byte
	n      uint32
}

func (a *anchorCounts) add(anchor [8]byte) {
	for i := range a.counts {
		if a.counts[i].anchor == anchor {
			a.counts[i].n++
			return
		}
	}
	if a.overflow || len(a.counts) == maxAnchors {
		a.overflow = true
		return
	}
	a.counts = append(a.counts, anchorCount{anchor, 1})
}

func (a *anchorCounts) get(anchor [8]byte) uint32 {
	for _, c := range a.counts {
		if c.anchor == anchor {
			return c.n
		}
	}
	return 0
}

// scan is what reading a segment from end to end finds.
type scan struct {
	end  int64 // after the last sound frame
	torn bool  // neither a frame nor a terminator follows it
}

// scanFrames calls visit for each sound frame of b, which starts at the
// offset from of a segment that begins with record base, and ends at the limit
// of frames. Damage is stepped
// over: the search goes on to the last byte, because a page can be lost in the
// middle of what was written.
func scanFrames(b []byte, from int64, s *segment, visit func(f frame, off int64)) scan {
	last := s.base - 1
	off, end := 0, 0
	for off < len(b) {
		f, ok := parseFrame(b[off:], s.seed, s.lane)
		if ok && !f.isAcks() {
			ok = f.index() > last && f.index()-s.base <= uint64(len(b)/frameHead)
		}
		if !ok {
			skip := nextMark(b[off+1:], s.seed)
			if skip < 0 {
				break
			}
			off += 1 + skip
			continue
		}
		if !f.isAcks() {
			last = f.index()
		}
		visit(f, from+int64(off))
		off += len(f)
		end = off
	}
	tail := b[end:]
	clean := len(tail) >= terminator && binary.BigEndian.Uint32(tail) == 0
	return scan{end: from + int64(end), torn: !clean}
}

// nextMark finds where the next frame may start.
func nextMark(b []byte, seed uint32) int {
	var mark [4]byte
	binary.BigEndian.PutUint32(mark[:], seed)
	return bytes.Index(b, mark[:])
}
