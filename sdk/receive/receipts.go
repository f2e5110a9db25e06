package receive

import (
	"cmp"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// receipts is what is to be said to gateways about chains, as it stands in the
// state. It holds the newest chain of every device, and those that messages came
// for lately, new or once more: a gateway that sends again what was received has
// not heard of it.
type receipts struct {
	said   map[chainName]*said
	newest map[keys.KeyID]seal.EID
	count  uint64
	wake   chan struct{}
}

type chainName struct {
	kid keys.KeyID
	eid seal.EID
}

// said is what a receipt would say about one chain.
type said struct {
	seal.ReceivedChain
	quarantine Verdict   // of a refused chain
	since      time.Time // when it was first seen to be refused
	last       uint64    // of receipts.count, when a message came for it
	due        bool
}

const (
	// maxSaid bounds the chains that are remembered beside the newest of each device.
	maxSaid = 4096

	// maxOlder bounds the chains in a receipt that are neither due nor the newest of
	// their device. A receipt can be lost, as when a broker is killed, and the next one
	// then says what it said; what is older comes up again when its gateway sends it
	// again.
	maxOlder = 16

	// receiptRoom is what the chains of a receipt may take, beside names and signature.
	receiptRoom = seal.MaxMessage - 512
)

func newReceipts() receipts {
	return receipts{said: map[chainName]*said{}, newest: map[keys.KeyID]seal.EID{}, wake: make(chan struct{}, 1)}
}

// note takes in what the state has of a chain.
func (r *receipts) note(d *device, eid seal.EID, now time.Time) {
	name := chainName{d.kid, eid}
	s := r.said[name]
	if s == nil {
		s = &said{}
		r.said[name] = s
	}
	r.count++
	s.last, s.due = r.count, true
	s.ReceivedChain = seal.ReceivedChain{Device: d.kid, Checkpoint: seal.Checkpoint{EID: eid}}
	if c, known := d.chains[eid]; known {
		s.ReceivedChain = c.receipt(d.kid)
	}
	verdict, refused := d.verdictOf(eid)
	if _, retired := d.retired[eid]; retired {
		verdict, refused = Replay, true
	}
	if refused && s.quarantine == 0 {
		s.since = now
	}
	s.quarantine = verdict
	r.newest[d.kid] = d.newest
	r.trim()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// trim lets go of the older half of the chains that no device goes on with.
func (r *receipts) trim() {
	if len(r.said) <= maxSaid+len(r.newest) {
		return
	}
	older := make([]*said, 0, len(r.said))
	for _, s := range r.said {
		if r.newest[s.Device] != s.EID {
			older = append(older, s)
		}
	}
	slices.SortFunc(older, func(a, b *said) int { return cmp.Compare(a.last, b.last) })
	for _, s := range older[:len(older)/2] {
		delete(r.said, chainName{s.Device, s.EID})
	}
}

// ReceiptsDue returns the channel that has a value when Receipts has something new
// to say.
func (r *Receiver) ReceiptsDue() <-chan struct{} { return r.receipts.wake }

// Receipts returns what gateways may be told is durable here: a receipt for each
// gateway that something has changed for since the last call or, with all set, for
// each that anything is known for. Receiver is left empty.
//
// The newest chain of each of the gateway's devices is in it, and every chain that
// messages came for since the last call, as far as a message has room; the rest is
// left for the next call, and more is true. It is true, too, while a refused chain
// is not mentioned yet because another may still come that vouches for it
// (Config.PendingTimeout).
func (r *Receiver) Receipts(all bool) (receipts []seal.Receipt, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.conf.Clock()
	for gateway, chains := range r.sayable(now) {
		due := slices.ContainsFunc(chains, func(s *said) bool { return s.due })
		if !due && !all {
			continue
		}
		chosen := r.receipts.choose(chains)
		receipts = append(receipts, seal.Receipt{Site: r.conf.Site, Gateway: gateway, Chains: chosen})
	}
	slices.SortFunc(receipts, func(a, b seal.Receipt) int { return cmp.Compare(a.Gateway, b.Gateway) })
	for _, s := range r.receipts.said {
		more = more || s.due
	}
	return receipts, more
}

// sayable returns, by gateway, the chains that there is something to say about, as
// the directory has it now. What there is nothing to say about is not due.
func (r *Receiver) sayable(now time.Time) map[string][]*said {
	byGateway := map[string][]*said{}
	devices := map[keys.KeyID]Device{}
	for _, s := range r.receipts.said {
		d, looked := devices[s.Device]
		if !looked {
			d, _ = r.conf.Directory.Lookup(s.Device)
			devices[s.Device] = d
		}
		// A rollback is one until a chain comes that vouches for it.
		waits := s.quarantine == Rollback && now.Sub(s.since) < r.conf.PendingTimeout
		s.Refused = s.quarantine != 0 && !waits || r.clock.status(&d, now) != enrolled
		switch {
		case d.Gateway == "", s.Head == (seal.Head{}) && !s.Refused && !waits:
			s.due = false
		case s.Head != (seal.Head{}) || s.Refused:
			byGateway[d.Gateway] = append(byGateway[d.Gateway], s)
		}
	}
	return byGateway
}

// choose returns the chains of one receipt in its order, which are then not due.
func (r *receipts) choose(chains []*said) []seal.ReceivedChain {
	rank := func(s *said) int {
		newest := r.newest[s.Device] == s.EID
		switch {
		case newest && s.due:
			return 0
		case s.due:
			return 1
		case newest:
			return 2
		}
		return 3
	}
	slices.SortFunc(chains, func(a, b *said) int {
		if a.due && b.due {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.last, b.last)) // nothing waits for ever
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.last, a.last))
	})
	room, older := receiptRoom, 0
	var chosen []seal.ReceivedChain
	for _, s := range chains {
		if rank(s) == 3 {
			older++
		}
		room -= receiptSize(&s.ReceivedChain)
		if room < 0 || older > maxOlder || len(chosen) == seal.MaxReceiptChains {
			break
		}
		s.due = false
		chosen = append(chosen, s.ReceivedChain)
	}
	slices.SortFunc(chosen, func(a, b seal.ReceivedChain) int {
		return cmp.Or(slices.Compare(a.Device[:], b.Device[:]), slices.Compare(a.EID[:], b.EID[:]))
	})
	return chosen
}

// receiptSize is no less than the bytes that a chain takes in a receipt.
func receiptSize(c *seal.ReceivedChain) int {
	n := 72
	for _, m := range c.Missing {
		n += cbor.HeadLen(m.First) + cbor.HeadLen(m.Last)
	}
	return n
}
