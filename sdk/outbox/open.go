package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"syscall"
)

// Open opens the outbox in cfg.Dir, or makes it. What a crash left is put in
// order without help: a torn tail is cut, damage is skipped and counted in
// Stats. The time it takes is that of reading one segment a lane, whatever the
// backlog: the others are known by a summary of 4 KiB each. Errors: ErrLocked,
// a directory others may read, a format from a newer version, a bad Config.
func Open(cfg Config) (*Queue, error) {
	q, err := configure(cfg)
	if err != nil {
		return nil, fmt.Errorf("open outbox %q: %w", cfg.Dir, err)
	}
	if err := makeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	if q.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err := q.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open outbox %q: %w", cfg.Dir, err), q.closeFiles())
	}
	return q, nil
}

func configure(cfg Config) (*Queue, error) {
	maxBytes := cmp.Or(cfg.MaxBytes, 256<<20)
	segBytes := cmp.Or(cfg.SegmentBytes, min(max(maxBytes/64&^4095, minSegment), 16<<20))
	reserve := cmp.Or(cfg.AlertReserve, maxBytes/8)
	switch {
	case segBytes < minSegment || segBytes > maxSegment || segBytes%4096 != 0:
		return nil, fmt.Errorf("segment size %d: want a multiple of 4096 from %d to %d", segBytes, minSegment, maxSegment)
	case maxBytes < 6*segBytes:
		return nil, fmt.Errorf("bound of %d bytes: want at least six segments of %d", maxBytes, segBytes)
	case reserve < 0:
		return nil, fmt.Errorf("alert reserve of %d bytes", reserve)
	}
	q := &Queue{fs: cfg.FS, segBytes: segBytes, maxSegs: int(maxBytes/segBytes) - 1}
	q.room = headroom(cfg)
	q.dataSegs = q.maxSegs - int(max((reserve+segBytes-1)/segBytes, 1))
	if q.dataSegs < 2 {
		return nil, fmt.Errorf("alert reserve of %d bytes leaves data less than two segments of %d", reserve, segBytes)
	}
	if q.fs == nil {
		q.fs = DirFS(cfg.Dir)
	}
	for i := range q.lanes {
		q.lanes[i] = lane{id: i, next: 1, stored: 1}
	}
	return q, nil
}

// recover builds the state from the directory.
func (q *Queue) recover() error {
	names, err := q.fs.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		if s, ok := parseName(name); ok {
			q.lanes[s.lane].segs = append(q.lanes[s.lane].segs, s)
			q.gen = max(q.gen, uint32(s.salt>>32))
		} else if strings.HasSuffix(name, spareSuffix) {
			q.adopt(name)
		} else {
			q.adoptBad(name)
		}
	}
	for len(q.bad) > maxBad && q.dropBad() {
	}
	for i := range q.lanes {
		if err := q.recoverLane(&q.lanes[i]); err != nil {
			return err
		}
	}
	q.recycle()
	q.measure()
	q.stock()
	return nil
}

// adopt keeps a spare file that is of use and removes one that is not.
func (q *Queue) adopt(name string) {
	if f, err := q.fs.Open(name); err == nil {
		size, err := f.Size()
		f.Close()
		if err == nil && size == q.segBytes && len(q.spares) < maxSpares {
			q.spares = append(q.spares, name)
			return
		}
	}
	_ = q.fs.Remove(name) // else the next Open does
}

func (q *Queue) recoverLane(l *lane) error {
	slices.SortFunc(l.segs, func(a, b *segment) int { return cmp.Compare(a.salt, b.salt) })
	segs := slices.Clone(l.segs)
	found := make([]loaded, len(segs))
	for i, s := range segs {
		nextBase := uint64(math.MaxUint64)
		if i+1 < len(segs) {
			nextBase = segs[i+1].base
		}
		var err error
		if found[i], err = q.load(s, nextBase); err != nil {
			return fmt.Errorf("segment %q: %w", s.name(), err)
		}
	}
	if err := q.recoverAcks(l, segs, found); err != nil {
		return err
	}
	for i, s := range segs {
		q.count(s, found[i], i == len(segs)-1)
		l.next = s.base + s.n + found[i].skip
	}
	q.retire(l)
	l.stored = l.next
	l.replan(q.segBytes)
	return nil
}

// count gives up what was found missing and was not acknowledged before, and
// reports it.
func (q *Queue) count(s *segment, found loaded, last bool) {
	var lost uint64
	for _, g := range found.gaps {
		lost += s.giveUp(g[0], g[1])
	}
	lost += found.corrupt
	q.corrupt += lost
	q.lanes[s.lane].unsaved += int(lost)
	if found.torn {
		q.torn++
	}
	if lost == 0 && !found.torn {
		return
	}
	d := Damage{
		Kind: DamageTail, Urgent: s.lane == urgent, Segment: s.name(),
		Records: lost, Bytes: found.bytes, Ranges: found.ranges,
	}
	if !last || s.sealed {
		d.Kind, d.Kept, s.damaged = DamageRecords, s.badName(), true
	}
	q.report(d)
}

// recoverAcks uses the lane's last acknowledgements, found as far as segments
// had to be read. Every segment begins with some, but a power cut may have left
// the last one empty: then they are in the one before, passed over so far.
func (q *Queue) recoverAcks(l *lane, segs []*segment, found []loaded) error {
	for i := len(segs) - 1; i >= 0; i-- {
		acks := found[i].acks
		if acks == nil && segs[i].summed {
			var err error
			if acks, err = segs[i].lastAcks(q.fs); err != nil {
				return fmt.Errorf("segment %q: %w", segs[i].name(), err)
			}
		}
		if acks != nil {
			l.useAcks(acks)
			return nil
		}
	}
	return nil
}

// lastAcks reads the frames of a sealed segment for the last acknowledgements.
func (s *segment) lastAcks(dir FS) (acks frame, err error) {
	f, err := dir.Open(s.name())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	body := make([]byte, s.end-headerLen)
	if _, err := readHoles(f, body, headerLen); err != nil {
		return nil, err
	}
	scanFrames(body, headerLen, s, func(f frame, _ int64) {
		if f.isAcks() {
			acks = slices.Clone(f)
		}
	})
	return acks, nil
}

// loaded is what load finds beside the segment's own state.
type loaded struct {
	survey
	corrupt uint64 // records missing at the end, where something says that they were there
	skip    uint64 // indexes not to be given again, because records may have had them
}

// load learns n, end and the anchors of a segment from its footer or by
// reading it. Records from index nextBase on were written again to the next
// segment after a failure, and do not count. The last segment stays open for
// writing if it can be written on.
func (q *Queue) load(s *segment, nextBase uint64) (found loaded, err error) {
	f, err := q.fs.Open(s.name())
	if err != nil {
		return found, err
	}
	defer func() {
		if s.file == nil {
			err = errors.Join(err, f.Close())
		}
	}()
	have, err := f.Size()
	if err != nil {
		return found, err
	}
	head := make([]byte, min(headerLen, have))
	if _, err := q.readAlive(f, head, 0); err != nil {
		return found, err
	}
	if v, foreign := foreignVersion(head); foreign {
		return found, fmt.Errorf("format version %d, want %d", v, version)
	}
	last := nextBase == math.MaxUint64
	// A file is cut short only by an accident; its frames may reach its end.
	s.size = max(have, headerLen+footerLen)
	s.sealed = !last || have != q.segBytes
	summary, summed, err := q.summary(s, f, have)
	if err != nil {
		return found, err
	}
	if summed && !last {
		*s = summary
		s.summed = true
		s.trim(nextBase)
		return found, nil
	}
	s.failed = !last
	if found, err = q.scan(s, f, have, nextBase); err != nil {
		return found, err
	}
	if s.n == 0 && !s.begun(head) {
		found.torn = false // never written to since the file got its name
	}
	if summed { // a crash came before its successor; to write on would make the footer a lie
		if s.n < summary.n {
			found.gaps = append(found.gaps, [2]uint64{s.base + s.n, s.base + summary.n})
			s.n = summary.n
		}
		s.sealed, found.torn, found.skip = true, false, 0
	}
	if !s.sealed {
		s.file = f
	}
	return found, nil
}

// summary returns s as the footer of its file describes it, if there is a sound
// one. have is the size of the file.
func (q *Queue) summary(s *segment, f File, have int64) (segment, bool, error) {
	summary := *s
	if have <= headerLen+footerLen {
		return summary, false, nil
	}
	foot := make([]byte, footerLen)
	if _, err := q.readAlive(f, foot, have-footerLen); err != nil {
		return summary, false, err
	}
	return summary, summary.useFooter(foot), nil
}

// scan reads all of a segment's frames.
func (q *Queue) scan(s *segment, f File, have int64, nextBase uint64) (found loaded, err error) {
	end := have
	if have == q.segBytes {
		end -= footerLen
	}
	body := make([]byte, max(end-headerLen, 0))
	holes, err := q.readAlive(f, body, headerLen)
	if err != nil {
		return found, err
	}
	last := nextBase == math.MaxUint64
	readOnly := false
	if last && have > 0 { // what a killed process wrote may not be on the disk yet
		err := f.Sync()
		readOnly = errors.Is(err, syscall.EROFS) // it can be read all the same
		if err != nil && !readOnly {
			return found, err
		}
	}
	found = s.take(body, nextBase)
	if readOnly {
		s.sealed, s.failed = true, true
	}
	if last && holes > 0 { // what may be in them is neither written over nor are its ids given again
		s.sealed, s.failed = true, true
		found.skip = uint64(holes/frameHead) + 1
	}
	return found, nil
}

func (s *segment) trim(nextBase uint64) {
	if nextBase < s.base+s.n {
		s.n = max(nextBase, s.base) - s.base
	}
}

// take reads a segment's frames. Records missing between two that are there
// are unreadable for good.
func (s *segment) take(body []byte, nextBase uint64) loaded {
	v := s.look(body, nextBase, func(f frame) { s.anchors.add(f.anchor()) })
	found := loaded{survey: v}
	s.n, s.end = v.n, v.end
	last := nextBase == math.MaxUint64
	if v.torn && !last && nextBase > s.base+s.n {
		found.corrupt++ // how many cannot be known
	}
	found.torn = v.torn && last
	return found
}

// readAlive is readHoles for Open, where nothing is known of the disk yet: what
// cannot be read is damage only if the disk can be written, and still cannot be
// read then. Else Open is to be tried again when the disk is back.
func (q *Queue) readAlive(f File, b []byte, off int64) (holes int, err error) {
	if holes, err = readHoles(f, b, off); holes == 0 || err != nil {
		return holes, err
	}
	if err := q.proveAlive(); err != nil {
		return holes, fmt.Errorf("%w: %w", ErrUnread, err)
	}
	return readHoles(f, b, off)
}

const probeName = "0" + spareSuffix

// proveAlive writes to the disk. One that is only full counts as alive.
func (q *Queue) proveAlive() error {
	q.probeMu.Lock()
	defer q.probeMu.Unlock()
	f, err := q.fs.Create(probeName, sectorLen)
	if errors.Is(err, fs.ErrExist) { // left by a crash
		err = q.fs.Remove(probeName)
		if err == nil {
			f, err = q.fs.Create(probeName, sectorLen)
		}
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, sectorLen), 0)
	return errors.Join(err, f.Sync(), f.Close(), q.fs.Remove(probeName))
}

const sectorLen = 512

// readHoles fills b from off. What the medium does not give back (EIO) reads
// as 0xff, page by page, and so as damage, and is counted in bytes; other
// errors are returned.
func readHoles(f File, b []byte, off int64) (holes int, err error) {
	const page = 4096
	if n, err := f.ReadAt(b, off); n == len(b) {
		return 0, nil
	} else if !errors.Is(err, syscall.EIO) {
		return 0, err
	}
	for at := 0; at < len(b); {
		n := min(page-int(off+int64(at))%page, len(b)-at)
		part := b[at : at+n]
		if m, err := f.ReadAt(part, off+int64(at)); m < n {
			if !errors.Is(err, syscall.EIO) {
				return holes, err
			}
			for i := range part {
				part[i] = 0xff
			}
			holes += n
		}
		at += n
	}
	return holes, nil
}
