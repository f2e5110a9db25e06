package nonin

import (
	"strconv"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	frameLen   = 5
	frames     = 25 // in a packet
	packetLen  = frames * frameLen
	damagedMax = 4 // damaged frames that a packet may have
	sureFrames = 3 // intact frames from SYNC on that are no accident
	sampleRate = 75
)

// DF2 decodes data format 2: five-byte frames that begin with 01, 8-bit pleth.
// The zero value is ready.
type DF2 struct{ stream stream }

// Decode appends what the bytes completed.
func (d *DF2) Decode(dst *vital.Batch, p []byte) { d.stream.decode(dst, p, df2) }

// Flush ends the stream; see the package comment.
func (d *DF2) Flush(dst *vital.Batch) { d.stream.flush(dst, df2) }

// Frames returns the number of frames of five bytes that were taken, and of
// those that failed: the damaged frames of packets, and skipped bytes that no
// intact frame covers, five counting as one. Intact frames of a packet of which
// the beginning was missed count as neither.
func (d *DF2) Frames() (good, bad uint64) { return d.stream.good, d.stream.badFrames() }

// DF7 decodes data format 7: five-byte frames that begin with STATUS, 16-bit
// pleth. The zero value is ready.
type DF7 struct{ stream stream }

// Decode appends what the bytes completed.
func (d *DF7) Decode(dst *vital.Batch, p []byte) { d.stream.decode(dst, p, df7) }

// Flush ends the stream; see the package comment.
func (d *DF7) Flush(dst *vital.Batch) { d.stream.flush(dst, df7) }

// Frames counts as those of DF2 do.
func (d *DF7) Frames() (good, bad uint64) { return d.stream.good, d.stream.badFrames() }

// layout is what formats 2 and 7 do differently.
type layout struct {
	name   string
	first  byte // value of the bits in mask of the first byte
	mask   byte
	status int // index of STATUS
	wide   bool
}

var (
	df2 = &layout{name: "Nonin data format 2", first: 0x01, mask: 0xff, status: 1}
	df7 = &layout{name: "Nonin data format 7", first: statusFrame, mask: statusFrame, status: 0, wide: true}
)

// intact reports whether f, of five bytes, is a frame.
func (l *layout) intact(f []byte) bool {
	return f[0]&l.mask == l.first && f[l.status]&statusFrame != 0 && f[0]+f[1]+f[2]+f[3] == f[4]
}

func (l *layout) pleth(f []byte) int32 {
	if l.wide {
		return int32(f[1])<<8 | int32(f[2])
	}
	return int32(f[2])
}

// stream cuts bytes into packets. It holds at most one packet.
type stream struct {
	buf     [packetLen]byte
	n       int  // bytes in buf
	judged  int  // frames of buf that have been looked at
	damaged uint // bit i: frame i failed its check
	count   int  // bits set in damaged
	locked  bool // buf begins where a whole packet ended
	covered int  // bytes at the beginning of buf that are not to be counted as skipped
	skipped int  // bytes skipped in this run
	good    uint64
	bad     uint64
	battery battery
	known   bool // revision is known
	rev     byte
}

func (s *stream) decode(dst *vital.Batch, p []byte, l *layout) {
	for len(p) > 0 {
		n := copy(s.buf[s.n:], p)
		s.n, p = s.n+n, p[n:]
		for s.step(dst, l) {
		}
	}
}

// step looks at one more frame; false means that more bytes are needed.
func (s *stream) step(dst *vital.Batch, l *layout) bool {
	if s.judged == frames {
		s.take(dst, l)
		return true
	}
	at := s.judged * frameLen
	if s.n < at+frameLen {
		return false
	}
	f := s.buf[at : at+frameLen]
	if s.judge(f, l) {
		s.judged++
	} else {
		s.skip(l)
	}
	return true
}

// judge reports whether the packet can go on with frame f.
func (s *stream) judge(f []byte, l *layout) bool {
	intact := l.intact(f)
	sync := intact && f[l.status]&statusSync != 0
	if s.judged == 0 && !s.locked {
		return sync
	}
	if intact {
		return sync == (s.judged == 0)
	}
	s.damaged |= 1 << s.judged
	s.count++
	return s.count <= damagedMax
}

// skip gives up on a packet that begins with the first byte in buf.
func (s *stream) skip(l *layout) {
	if s.n >= frameLen && l.intact(s.buf[:frameLen]) {
		s.covered = max(s.covered, frameLen)
	}
	if s.covered > 0 {
		s.covered--
		s.endRun()
	} else {
		s.skipped++
	}
	s.locked = false
	s.drop(1)
	// Bytes that cannot begin a packet go at once: each move costs.
	for s.covered == 0 && s.n >= frameLen && s.buf[0]&l.mask != l.first {
		k := 1
		for k < s.n && s.buf[k]&l.mask != l.first {
			k++
		}
		s.skipped += k
		s.drop(k)
	}
}

// endRun closes a run of skipped bytes.
func (s *stream) endRun() {
	s.bad += uint64((s.skipped + frameLen - 1) / frameLen)
	s.skipped = 0
}

// badFrames includes the run that is still open.
func (s *stream) badFrames() uint64 {
	return s.bad + uint64((s.skipped+frameLen-1)/frameLen)
}

// drop removes k bytes from the beginning of buf and starts over.
func (s *stream) drop(k int) {
	s.n = copy(s.buf[:], s.buf[k:s.n])
	s.judged, s.damaged, s.count = 0, 0, 0
}

// take emits a whole packet. Damaged frames at its end may hide the beginning
// of the next one, if bytes were lost: they stay in buf to be searched, and are
// not counted again.
func (s *stream) take(dst *vital.Batch, l *layout) {
	s.emit(dst, l, frames)
	whole := frames
	for s.damaged&(1<<(whole-1)) != 0 {
		whole--
	}
	s.locked = whole == frames
	s.covered = (frames - whole) * frameLen
	s.drop(whole * frameLen)
}

func (s *stream) flush(dst *vital.Batch, l *layout) {
	if s.count == 0 && (s.locked && s.judged > 0 || s.judged >= sureFrames) {
		s.emit(dst, l, s.judged)
	}
	s.endRun()
	s.drop(s.n)
	s.locked, s.covered = false, 0
}

// emit appends what n frames of a packet say.
func (s *stream) emit(dst *vital.Batch, l *layout, n int) {
	s.endRun()
	s.good += uint64(n - s.count)
	s.bad += uint64(s.count)
	var status vital.Status
	for i := range n {
		if s.has(n, i) {
			status |= statusOf(s.buf[i*frameLen+l.status])
		}
	}
	if s.has(n, 0) && s.has(n, 1) {
		rate(dst, int(s.float(0)&0x03)<<7|int(s.float(1)&0x7f), status)
	}
	if s.has(n, 2) {
		saturation(dst, int(s.float(2)&0x7f), status)
	}
	if s.has(n, 3) {
		s.identify(dst, l)
	}
	if s.has(n, 7) {
		s.battery.set(dst, s.float(7)&stat2LowBattery != 0)
	}
	if s.count == 0 {
		s.wave(dst, l, n, status)
	}
}

// has reports whether frame i is among the n and intact.
func (s *stream) has(n, i int) bool { return i < n && s.damaged&(1<<i) == 0 }

func (s *stream) float(i int) byte { return s.buf[i*frameLen+3] }

func (s *stream) wave(dst *vital.Batch, l *layout, n int, status vital.Status) {
	w := dst.AddWave()
	w.Code, w.Unit, w.Rate, w.Status = vital.Pleth, vital.NoUnit, vital.Int(sampleRate), status
	if status&absent != 0 {
		w.Status |= vital.Questionable // the sensor sees something, but no pulse
	}
	for i := range n {
		w.Samples = append(w.Samples, l.pleth(s.buf[i*frameLen:]))
	}
}

// identify tells the firmware revision once, and again if it changes: another
// module was put on the line.
func (s *stream) identify(dst *vital.Batch, l *layout) {
	rev := s.float(3) & 0x7f
	if rev == 0 || s.known && rev == s.rev {
		return
	}
	s.known, s.rev = true, rev
	dst.Events = append(dst.Events, vital.Event{
		Kind: vital.EventIdentified, Text: l.name + ", firmware revision " + strconv.Itoa(int(rev)),
	})
}
