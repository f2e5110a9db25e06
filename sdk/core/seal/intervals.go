package seal

import "github.com/vitalseal/vitalseal/sdk/core/cbor"

// Interval is a run of sequence numbers, both ends included.
type Interval struct{ First, Last uint64 }

// Intervals is a set of sequence numbers, kept as disjoint runs in ascending
// order: what a receiver has of a chain. The zero value is the empty set. It is
// small when little is missing, however long the chain is.
type Intervals struct{ runs []Interval }

// Add adds seq, 0 to MaxSeq, and reports whether it was new.
func (s *Intervals) Add(seq uint64) bool {
	i := s.search(seq)
	if i < len(s.runs) && s.runs[i].First <= seq {
		return false
	}
	joinsLeft := i > 0 && s.runs[i-1].Last+1 == seq
	joinsRight := i < len(s.runs) && s.runs[i].First == seq+1
	switch {
	case joinsLeft && joinsRight:
		s.runs[i-1].Last = s.runs[i].Last
		s.runs = append(s.runs[:i], s.runs[i+1:]...)
	case joinsLeft:
		s.runs[i-1].Last = seq
	case joinsRight:
		s.runs[i].First = seq
	default:
		s.runs = append(s.runs, Interval{})
		copy(s.runs[i+1:], s.runs[i:])
		s.runs[i] = Interval{seq, seq}
	}
	return true
}

// Contains reports whether seq is in the set.
func (s *Intervals) Contains(seq uint64) bool {
	i := s.search(seq)
	return i < len(s.runs) && s.runs[i].First <= seq
}

// Max returns the largest number in the set, or 0 if it is empty.
func (s *Intervals) Max() uint64 {
	if len(s.runs) == 0 {
		return 0
	}
	return s.runs[len(s.runs)-1].Last
}

// Runs returns the runs in ascending order. The slice is the set's own: read it
// before the next Add.
func (s *Intervals) Runs() []Interval { return s.runs }

// Missing appends the runs between 1 and last that are not in the set.
func (s *Intervals) Missing(dst []Interval, last uint64) []Interval {
	next := uint64(1)
	for _, run := range s.runs {
		if run.First > last {
			break
		}
		if run.First > next {
			dst = append(dst, Interval{next, run.First - 1})
		}
		next = run.Last + 1
	}
	if next <= last {
		dst = append(dst, Interval{next, last})
	}
	return dst
}

// AppendCBOR appends the set as an array of alternating distances: how many
// numbers are missing before a run, and how many follow its first.
func (s *Intervals) AppendCBOR(dst []byte) []byte {
	dst = cbor.AppendArray(dst, 2*len(s.runs))
	next := uint64(0)
	for _, run := range s.runs {
		dst = cbor.AppendUint(dst, run.First-next)
		dst = cbor.AppendUint(dst, run.Last-run.First)
		next = run.Last + 1
	}
	return dst
}

// ReadCBOR replaces the set by the next item of r, which must be what AppendCBOR
// makes; r has the error otherwise.
func (s *Intervals) ReadCBOR(r *cbor.Reader) {
	s.runs = s.runs[:0]
	n := r.Array()
	if n%2 != 0 {
		r.Fail(cbor.ErrRange)
		return
	}
	next := uint64(0)
	for i := range n / 2 {
		skip, more := r.UintMax(MaxSeq), r.UintMax(MaxSeq)
		first := next + skip
		last := first + more
		if r.Err() != nil || last > MaxSeq || (i > 0 && skip == 0) {
			r.Fail(cbor.ErrRange)
			s.runs = s.runs[:0]
			return
		}
		s.runs = append(s.runs, Interval{first, last})
		next = last + 1
	}
}

// search returns the index of the first run that ends at seq or later.
func (s *Intervals) search(seq uint64) int {
	lo, hi := 0, len(s.runs)
	for lo < hi {
		mid := (lo + hi) / 2
		if s.runs[mid].Last < seq {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
