package sdk

import (
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// chainID names a chain.
type chainID struct {
	device keys.KeyID
	eid    seal.EID
}

func chainOf(r *outbox.Record) chainID { return chainID{r.Device, r.Anchor} }

// receiptable reports whether receivers sign for a record: it is a message of a
// chain, and not one that clears what is retained.
func receiptable(r *outbox.Record) bool { return len(r.Payload) > 0 }

// claim is what a receiver said last of one chain.
type claim struct {
	seal.ReceivedChain
	receipt uint64 // the number of the receipt that said it
}

// settles reports whether a message of the chain need not be sent to the receiver
// any more: it has it, or will never take it.
func (c *claim) settles(seq uint64) bool {
	return c != nil && (c.Received(seq) || c.Refuses(seq))
}

// open appends the runs of numbers from first to last that c does not settle. A nil
// claim settles none.
func (c *claim) open(dst []seal.Interval, first, last uint64) []seal.Interval {
	if c == nil {
		return append(dst, seal.Interval{First: first, Last: last})
	}
	if c.Refused {
		return dst
	}
	for _, m := range append(slices.Clip(c.Missing), seal.Interval{First: c.Seq + 1, Last: seal.MaxSeq}) {
		if m.First, m.Last = max(m.First, first), min(m.Last, last); m.First <= m.Last {
			dst = append(dst, m)
		}
	}
	return dst
}

// change is a claim and the one that took its place.
type change struct {
	chain         chainID
	before, after *claim
}

// touches reports whether the two differ about any number in a run.
func (c *change) touches(in seal.Interval) bool {
	return !slices.Equal(c.before.open(nil, in.First, in.Last), c.after.open(nil, in.First, in.Last))
}

// stretch is what is remembered of a stretch of the outbox that was sifted, so that
// it is read again only when a claim about something in it changes. Its size is by
// the chains in it and not by the records.
type stretch struct {
	next   uint64                    // outbox.Stretch.Next at that time
	chains map[chainID]seal.Interval // of the records that are left; there may be others between
	left   []leftover                // of each receiver
	sifted uint64                    // the pass that found it in the outbox last
}

// leftover is how much of a stretch one receiver has not signed for.
type leftover struct {
	signed      uint64 // records that it signed for, which wait for another receiver
	first, last uint64 // ids of the oldest and newest that it has not signed for; 0: it has all
	oldest      time.Time
}

func newStretch(of outbox.Stretch, receivers int) *stretch {
	return &stretch{next: of.Next, chains: map[chainID]seal.Interval{}, left: make([]leftover, receivers)}
}

// keep notes a record that is left.
func (s *stretch) keep(r *outbox.Record) {
	id := chainOf(r)
	in, ok := s.chains[id]
	if !ok {
		in = seal.Interval{First: r.Seq, Last: r.Seq}
	}
	s.chains[id] = seal.Interval{First: min(in.First, r.Seq), Last: max(in.Last, r.Seq)}
}

// note takes down whether a receiver signed for a record that is left.
func (l *leftover) note(r *outbox.Record, signed bool) {
	switch {
	case signed:
		l.signed++
		return
	case l.first == 0:
		l.first, l.oldest = r.ID, r.Time
	}
	l.last = r.ID
}

// has reports whether a record of the number may be left in the stretch.
func (s *stretch) has(chain chainID, seq uint64) bool {
	in, ok := s.chains[chain]
	return ok && seq >= in.First && seq <= in.Last
}

// touched reports whether any of the changes is about something in the stretch.
func (s *stretch) touched(changes []change) bool {
	for i := range changes {
		if in, ok := s.chains[changes[i].chain]; ok && changes[i].touches(in) {
			return true
		}
	}
	return false
}
