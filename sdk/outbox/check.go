package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Report is what Check finds.
type Report struct {
	Segments    int
	Spares      int
	Quarantined int    // damaged segments kept aside
	Records     uint64 // readable, acknowledged or not
	Missing     uint64 // committed records that cannot be read
	Torn        int    // segments that end in a write cut short
}

// Check reads every byte of an outbox that nobody has open, changes nothing,
// and says what it holds. Damage that Open would step over is counted; the
// error is for what must never be there: a file others may read, records out
// of order or in two places, a summary that contradicts its segment. Files of
// others, whose names end in none of the outbox's suffixes, may be beside it.
func Check(dir string) (Report, error) {
	var rep Report
	lock, err := lockDir(dir)
	if err != nil {
		return rep, err
	}
	defer unlockDir(lock)
	rep, err = check(DirFS(dir), func(name string) error { return checkMode(dir, name) })
	if err != nil {
		return rep, fmt.Errorf("check outbox %q: %w", dir, err)
	}
	return rep, nil
}

func check(fs FS, mode func(name string) error) (rep Report, err error) {
	names, err := fs.List()
	if err != nil {
		return rep, err
	}
	var segs [lanes][]*segment
	for _, name := range names {
		if err := mode(name); err != nil {
			return rep, err
		}
		s, ok := parseName(name)
		switch {
		case ok:
			segs[s.lane] = append(segs[s.lane], s)
		case strings.HasSuffix(name, spareSuffix):
			rep.Spares++
		case new(Queue).adoptBad(name):
			rep.Quarantined++
		case strings.HasSuffix(name, segmentSuffix), strings.HasSuffix(name, badSuffix):
			return rep, fmt.Errorf("%q does not belong here", name)
		}
	}
	for _, list := range segs {
		if err := rep.checkLane(fs, list); err != nil {
			return rep, err
		}
	}
	return rep, nil
}

func checkMode(dir, name string) error {
	info, err := os.Lstat(string(dirFS(dir).path(name)))
	if err != nil {
		return err
	}
	if info.Mode() != 0o600 {
		return fmt.Errorf("%q has mode %v, want a file of 0600", name, info.Mode())
	}
	return nil
}

func (rep *Report) checkLane(fs FS, segs []*segment) error {
	slices.SortFunc(segs, func(a, b *segment) int { return cmp.Compare(a.salt, b.salt) })
	for i, s := range segs {
		nextBase := uint64(maxIndex)
		if i+1 < len(segs) {
			nextBase = segs[i+1].base
		}
		if nextBase < s.base {
			return fmt.Errorf("segment %q begins after the one that follows it", s.name())
		}
		rep.Segments++
		if err := rep.checkSegment(fs, s, nextBase); err != nil {
			return fmt.Errorf("segment %q: %w", s.name(), err)
		}
	}
	return nil
}

func (rep *Report) checkSegment(fs FS, s *segment, nextBase uint64) (err error) {
	f, err := fs.Open(s.name())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if s.size, err = f.Size(); err != nil {
		return err
	}
	b := make([]byte, s.size)
	if _, err := readHoles(f, b, 0); err != nil {
		return err
	}
	summary := segment{base: s.base, seed: s.seed, size: s.size}
	summed := len(b) >= headerLen+footerLen && summary.useFooter(b[len(b)-footerLen:])
	if len(b) < headerLen {
		return nil
	}
	read := b[headerLen:]
	if len(read) > footerLen {
		read = read[:len(read)-footerLen]
	}
	var count, at uint64
	at = s.base
	got := scanFrames(read, headerLen, s, func(f frame, _ int64) {
		if f.isAcks() || f.index() >= nextBase {
			return
		}
		if f.index() < at {
			err = errors.Join(err, fmt.Errorf("record %d comes after %d", f.index(), at))
		}
		count++
		at = f.index() + 1
	})
	if summed && at > s.base+summary.n {
		err = errors.Join(err, fmt.Errorf("summary ends before record %d, which is there", at-1))
	}
	if summed {
		at = s.base + summary.n
	}
	begun := count > 0 || s.begun(b)
	if got.torn && begun && !summed {
		rep.Torn++
	}
	rep.Records += count
	rep.Missing += at - s.base - count
	return err
}
