package outbox

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
)

// DamageKind says what was found.
type DamageKind uint8

const (
	// DamageRecords is committed records in a segment that cannot be read any
	// more: flipped bits, lost pages, bad sectors, a file cut short.
	DamageRecords DamageKind = iota
	// DamageTail is found by Open at the end of a lane: a write that a crash cut
	// short, of records that no Commit promised, or a last one that rotted. The
	// two cannot be told apart. Records are those with something sound behind
	// them; how many the last bytes were is not known.
	DamageTail
	// DamageMore is the sum of what was found after maxDamage reports that
	// nobody took.
	DamageMore
)

func (k DamageKind) String() string {
	switch k {
	case DamageRecords:
		return "records"
	case DamageTail:
		return "tail"
	case DamageMore:
		return "more"
	}
	return "unknown"
}

// Damage is what was found wrong with one segment at one time. It is for a
// signed report: it holds nothing of what the records said.
type Damage struct {
	Kind    DamageKind
	Urgent  bool    // in the urgent lane, not the data
	Segment string  // file the damage is in; empty for DamageMore
	Kept    string  // name under which the file stays for a while when all else in it is done with, or empty
	Records uint64  // records that are lost, by their ids; 0 where their number cannot be known
	Bytes   int64   // of the damaged places between sound frames
	Ranges  []Range // sequence numbers missing between sound neighbours: what was lost, and what is in the other lane; at most 64
}

const (
	maxDamage = 32 // reports that wait to be taken
	maxRanges = 64 // ranges in one of them
	maxBad    = 4  // damaged files kept aside
	badSuffix = ".bad"
)

// TakeDamage returns what was found damaged since the last call, oldest first,
// at most 33 entries; what Open found is in the first. It does no input or
// output. After a crash the same damage may be found and reported again.
func (q *Queue) TakeDamage() []Damage {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.damage
	q.damage = nil
	return d
}

// report keeps d for TakeDamage. q.mu is held, or nobody else has q yet.
func (q *Queue) report(d Damage) {
	if len(q.damage) < maxDamage {
		q.damage = append(q.damage, d)
		return
	}
	if len(q.damage) == maxDamage {
		q.damage = append(q.damage, Damage{Kind: DamageMore})
	}
	more := &q.damage[maxDamage]
	more.Urgent = more.Urgent || d.Urgent
	more.Records += d.Records
	more.Bytes += d.Bytes
}

// survey is what reading a segment from end to end finds.
type survey struct {
	n      uint64      // records up to the last sound one
	end    int64       // after the last sound frame
	torn   bool        // neither a frame nor a terminator follows it
	acks   frame       // the last there are
	gaps   [][2]uint64 // indexes [from, to) of records missing before a sound one
	bytes  int64       // between sound frames
	ranges []Range
}

// look surveys body, the bytes of s from the header on. Records from index
// nextBase on do not count. Each sound one is shown to visit.
func (s *segment) look(body []byte, nextBase uint64, visit func(frame)) survey {
	var v survey
	type stream struct{ device, anchor [8]byte }
	type at struct {
		seq  uint64
		gaps int
	}
	last := map[stream]at{}
	end := int64(headerLen)
	got := scanFrames(body, headerLen, s, func(f frame, off int64) {
		v.bytes += off - end
		end = off + int64(len(f))
		if f.isAcks() {
			v.acks = slices.Clone(f)
			return
		}
		if f.index() >= nextBase {
			return
		}
		i := f.index() - s.base
		if i > v.n {
			v.gaps = append(v.gaps, [2]uint64{s.base + v.n, f.index()})
		}
		v.n = i + 1
		key := stream{f.device(), f.anchor()}
		before, known := last[key]
		if known && before.gaps < len(v.gaps) && f.seq() > before.seq+1 && len(v.ranges) < maxRanges {
			v.ranges = append(v.ranges, Range{Device: key.device, Anchor: key.anchor,
				From: before.seq + 1, To: f.seq() - 1, Count: f.seq() - before.seq - 1})
		}
		if known || len(last) < maxAnchors {
			last[key] = at{f.seq(), len(v.gaps)}
		}
		visit(f)
	})
	v.end, v.torn = got.end, got.torn
	return v
}

// giveUp marks the records [from, to) as needing no sending and returns how
// many of them did. q.mu is held, or nobody else has q yet.
func (s *segment) giveUp(from, to uint64) (lost uint64) {
	for i := max(from, s.base); i < min(to, s.base+s.n); i++ {
		if s.ack(i - s.base) {
			lost++
		}
	}
	return lost
}

// loseFile gives up all of a segment whose file is not there.
func (q *Queue) loseFile(s *segment) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.gone || s.condemned {
		return
	}
	lost := s.giveUp(s.base, s.base+s.n)
	q.lanes[s.lane].unsaved += int(lost)
	q.corrupt += lost
	q.report(Damage{Kind: DamageRecords, Urgent: s.lane == urgent, Segment: s.name(), Records: lost, Bytes: s.size})
	q.retire(&q.lanes[s.lane])
}

// lose finds all that cannot be read in s, by reading it from f, gives it up
// and reports it.
func (q *Queue) lose(s *segment, f File) error {
	q.mu.Lock()
	body := make([]byte, s.end-headerLen)
	nextBase := s.base + s.n
	q.mu.Unlock()
	if _, err := readHoles(f, body, headerLen); err != nil && !errors.Is(err, io.EOF) { // cut short: the rest is zeros
		return err
	}
	v := s.look(body, nextBase, func(frame) {})
	v.gaps = append(v.gaps, [2]uint64{s.base + v.n, nextBase})
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.gone || s.condemned {
		return nil
	}
	var lost uint64
	for _, g := range v.gaps {
		lost += s.giveUp(g[0], g[1])
	}
	if lost == 0 {
		return nil
	}
	l := &q.lanes[s.lane]
	l.unsaved += int(lost)
	q.corrupt += lost
	s.damaged = true
	q.report(Damage{
		Kind: DamageRecords, Urgent: s.lane == urgent, Segment: s.name(), Kept: s.badName(),
		Records: lost, Bytes: v.bytes + int64(len(body)) + headerLen - v.end, Ranges: v.ranges,
	})
	q.retire(l)
	return nil
}

// loseRecord gives up one record of s and reports it.
func (q *Queue) loseRecord(s *segment, index uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.gone || s.condemned || s.giveUp(index, index+1) == 0 {
		return
	}
	l := &q.lanes[s.lane]
	l.unsaved++
	q.corrupt++
	s.damaged = true
	q.report(Damage{Kind: DamageRecords, Urgent: s.lane == urgent, Segment: s.name(), Kept: s.badName(), Records: 1})
	q.retire(l)
}

// Quarantine: a damaged segment that is done with is not written over but kept
// aside, for whoever wants to look into it. It takes room that nothing else
// wants, and goes when something does.

func (s *segment) badName() string { return strings.TrimSuffix(s.name(), segmentSuffix) + badSuffix }

// quarantine keeps a segment's file aside.
func (q *Queue) quarantine(s *segment) error {
	if err := q.fs.Rename(s.name(), s.badName()); err != nil {
		return err
	}
	q.mu.Lock()
	q.bad = append(q.bad, s.badName())
	over := len(q.bad) > maxBad
	q.mu.Unlock()
	if over {
		q.dropBad()
	}
	return nil
}

// adoptBad takes up what an earlier Open kept aside.
func (q *Queue) adoptBad(name string) bool {
	s, ok := parseName(strings.TrimSuffix(name, badSuffix) + segmentSuffix)
	if !ok || !strings.HasSuffix(name, badSuffix) {
		return false
	}
	q.gen = max(q.gen, uint32(s.salt>>32))
	q.bad = append(q.bad, name)
	salt := func(n string) string { return n[max(len(n)-16-len(badSuffix), 0):] }
	slices.SortFunc(q.bad, func(a, b string) int { return cmp.Compare(salt(a), salt(b)) })
	return true
}

// dropBad removes the oldest file kept aside; false says that there is none, or
// that it resists.
func (q *Queue) dropBad() bool {
	q.mu.Lock()
	if len(q.bad) == 0 {
		q.mu.Unlock()
		return false
	}
	name := q.bad[0]
	q.mu.Unlock()
	if q.fs.Remove(name) != nil {
		return false
	}
	q.mu.Lock()
	q.bad = slices.DeleteFunc(q.bad, func(n string) bool { return n == name })
	q.mu.Unlock()
	return true
}

// makeWay lets files kept aside go for a new segment.
func (q *Queue) makeWay() {
	for {
		q.mu.Lock()
		over := q.files() > q.maxSegs
		q.mu.Unlock()
		if !over || !q.dropBad() {
			return
		}
	}
}
