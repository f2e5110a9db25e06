package seal_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// checkModel holds a set against a map with the same numbers, up to last.
func checkModel(t *testing.T, s *seal.Intervals, model map[uint64]bool, last uint64) {
	t.Helper()
	var highest uint64
	var runs, missing []seal.Interval
	for seq := range last + 1 {
		if s.Contains(seq) != model[seq] {
			t.Fatalf("Contains(%d) is %v, want %v", seq, !model[seq], model[seq])
		}
		if model[seq] {
			highest = seq
			if n := len(runs); n > 0 && runs[n-1].Last+1 == seq {
				runs[n-1].Last = seq
			} else {
				runs = append(runs, seal.Interval{First: seq, Last: seq})
			}
			continue
		}
		if n := len(missing); seq > 0 && n > 0 && missing[n-1].Last+1 == seq {
			missing[n-1].Last = seq
		} else if seq > 0 {
			missing = append(missing, seal.Interval{First: seq, Last: seq})
		}
	}
	if s.Max() != highest {
		t.Errorf("Max is %d, want %d", s.Max(), highest)
	}
	if !slices.Equal(s.Runs(), runs) {
		t.Fatalf("Runs are %v, want %v", s.Runs(), runs)
	}
	if got := s.Missing(nil, last); !slices.Equal(got, missing) {
		t.Fatalf("Missing up to %d is %v, want %v; the set is %v", last, got, missing, runs)
	}
	for upto := range last {
		n := 0
		for _, gap := range s.Missing(nil, upto) {
			n += int(gap.Last - gap.First + 1)
			if gap.First == 0 || gap.First > gap.Last || gap.Last > upto {
				t.Fatalf("Missing up to %d has %v; the set is %v", upto, gap, runs)
			}
		}
		for seq := range upto {
			if !model[seq+1] {
				n--
			}
		}
		if n != 0 {
			t.Fatalf("Missing up to %d counts %d too many; the set is %v", upto, n, runs)
		}
	}
}

func TestIntervalsAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var s seal.Intervals
		model := map[uint64]bool{}
		last := 1 + rng.Uint64N(100)
		for range rng.IntN(150) {
			seq := rng.Uint64N(last + 1)
			if round%2 == 0 { // runs rather than noise
				seq = min(last, seq/8*8+uint64(len(model))%8)
			}
			if fresh := s.Add(seq); fresh == model[seq] {
				t.Fatalf("Add(%d) reports %v", seq, fresh)
			}
			model[seq] = true
		}
		checkModel(t, &s, model, last)
		roundTrip(t, &s)
	}
}

func roundTrip(t *testing.T, s *seal.Intervals) {
	t.Helper()
	encoded := s.AppendCBOR(nil)
	r := cbor.NewReader(encoded)
	var back seal.Intervals
	back.Add(99) // is replaced
	back.ReadCBOR(&r)
	if err := r.Done(); err != nil || !slices.Equal(back.Runs(), s.Runs()) {
		t.Fatalf("%v is read back as %v, %v", s.Runs(), back.Runs(), err)
	}
}

func TestIntervalsAtTheEdges(t *testing.T) {
	var s seal.Intervals
	if s.Max() != 0 || s.Contains(0) || len(s.Runs()) != 0 {
		t.Error("the zero set is not empty")
	}
	if got := s.Missing(nil, 0); len(got) != 0 {
		t.Errorf("up to 0 %v is missing", got)
	}
	roundTrip(t, &s)
	for _, seq := range []uint64{seal.MaxSeq, 0, seal.MaxSeq - 1, 1} {
		if !s.Add(seq) || s.Add(seq) {
			t.Errorf("adding %d twice", seq)
		}
	}
	want := []seal.Interval{{First: 0, Last: 1}, {First: seal.MaxSeq - 1, Last: seal.MaxSeq}}
	if !slices.Equal(s.Runs(), want) {
		t.Errorf("runs are %v, want %v", s.Runs(), want)
	}
	roundTrip(t, &s)
}

func TestIntervalsRefuse(t *testing.T) {
	for name, in := range map[string][]byte{
		"odd number of items":  {0x81, 0x01},
		"runs that touch":      {0x84, 0x01, 0x00, 0x00, 0x00},
		"beyond MaxSeq":        {0x82, 0x1b, 0, 0, 1, 0, 0, 0, 0, 0, 0x00},
		"sum beyond MaxSeq":    {0x82, 0x1b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"ends inside":          {0x82, 0x01},
		"not an array":         {0xa0},
		"negative":             {0x82, 0x20, 0x00},
		"longer than it needs": {0x82, 0x18, 0x01, 0x00},
	} {
		r := cbor.NewReader(in)
		var s seal.Intervals
		s.ReadCBOR(&r)
		if r.Err() == nil || len(s.Runs()) != 0 {
			t.Errorf("%s: read as %v, %v", name, s.Runs(), r.Err())
		}
	}
}

// FuzzIntervals: what is read re-encodes to the same bytes.
func FuzzIntervals(f *testing.F) {
	var s seal.Intervals
	f.Add(s.AppendCBOR(nil))
	for _, seq := range []uint64{1, 2, 5, 0, seal.MaxSeq, 1000} {
		s.Add(seq)
		f.Add(s.AppendCBOR(nil))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var s seal.Intervals
		r := cbor.NewReader(in)
		s.ReadCBOR(&r)
		if r.Err() != nil {
			return
		}
		if out := s.AppendCBOR(nil); !bytes.Equal(out, in[:r.Offset()]) {
			t.Fatalf("%x is read as %v, which is %x", in[:r.Offset()], s.Runs(), out)
		}
		for i, run := range s.Runs() {
			if run.First > run.Last || run.Last > seal.MaxSeq || (i > 0 && s.Runs()[i-1].Last+1 >= run.First) {
				t.Fatalf("runs %v", s.Runs())
			}
			if !s.Contains(run.First) || !s.Contains(run.Last) || s.Add(run.Last) {
				t.Fatalf("%v does not contain its own run %v", s.Runs(), run)
			}
		}
	})
}
