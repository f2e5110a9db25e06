package sdk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// offer is a claim that is to be compared with what was sealed.
type offer struct {
	from  *receiver
	key   keys.PublicKey // that signed it
	chain chainID
	*claim
	wrong error
}

// offers takes what was offered, from receivers that the roster still has.
func (r *receipts) offers(now time.Time) (all []*offer) {
	roster := r.roster.at(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, from := range r.receivers {
		key, err := roster.ReceiptKey(from.name)
		from.adopt(key)
		if err != nil && from.err == nil {
			from.refuse(r.log, err)
		}
		for id, c := range from.offered {
			all = append(all, &offer{from: from, key: from.key, chain: id, claim: c})
		}
		clear(from.offered)
	}
	return all
}

// offerAgain puts back what could not be compared, unless something newer has come.
func (r *receipts) offerAgain(offers []*offer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range offers {
		if o.key == o.from.key && o.from.offered[o.chain] == nil {
			o.from.offered[o.chain] = o.claim
		}
	}
}

var (
	errOtherHead   = errors.New("another message has the number that it names")
	errNeverSealed = errors.New("no message with the number that it names was ever sealed")
)

// compare finds the messages that offers name the heads of, as far as they are
// still in the outbox, and says of an offer what is wrong with it.
func (r *receipts) compare(ctx context.Context, offers []*offer) error {
	wanted := map[chainID][]*offer{}
	r.mu.Lock()
	for _, o := range offers {
		before := o.from.claims[o.chain]
		newest, begun := r.newest[o.chain]
		switch {
		case o.Head == (seal.Head{}), before != nil && before.Checkpoint == o.Checkpoint:
		case begun && o.Seq > newest:
			o.wrong = errNeverSealed
		default:
			wanted[o.chain] = append(wanted[o.chain], o)
		}
	}
	r.mu.Unlock()
	if len(wanted) == 0 {
		return nil
	}
	err := r.queue.Sift(func(of outbox.Stretch) bool {
		if ctx.Err() != nil {
			return false
		}
		s := r.stretches[of.First]
		if s == nil || s.next != of.Next {
			return true
		}
		for id, offers := range wanted {
			if slices.ContainsFunc(offers, func(o *offer) bool { return s.has(id, o.Seq) }) {
				return true
			}
		}
		return false
	}, func(record *outbox.Record) bool {
		for _, o := range wanted[chainOf(record)] {
			if o.Seq == record.Seq && receiptable(record) {
				o.wrong = r.compareHead(o, record)
			}
		}
		return false
	})
	return cmp.Or(err, ctx.Err())
}

// compareHead says what is wrong with an offer that names the head of a message. A
// message that cannot be verified here proves nothing.
func (r *receipts) compareHead(o *offer, record *outbox.Record) error {
	device, _ := r.roster.at(time.Now()).Device(record.Device)
	envelope, err := seal.Parse(record.Payload)
	if err != nil {
		return nil
	}
	v, err := r.verifier.Verify(envelope, &device.PublicKey)
	if err == nil && v.Head() != o.Head {
		return errOtherHead
	}
	return nil
}

// accept puts what was offered and is not wrong in the place of what was claimed
// before.
func (r *receipts) accept(offers []*offer) (changes []change) {
	var wrong []*offer
	r.mu.Lock()
	for _, o := range offers {
		before := o.from.claims[o.chain]
		switch {
		case o.key != o.from.key: // the roster has another by now
		case o.wrong != nil && !o.from.disputed[o.chain]:
			wrong = append(wrong, o)
			fallthrough
		case o.wrong != nil:
			o.from.dispute(o)
		default:
			o.from.settle(o.chain)
			o.from.claims[o.chain] = o.claim
			changes = append(changes, change{o.chain, before, o.claim})
			if o.Refused && (before == nil || !before.Refused) {
				r.log.Warn("a receiver takes nothing more of a chain: what waits for it is given up",
					"receiver", o.from.name, "device", o.chain.device, "chain", o.chain.eid)
			}
		}
	}
	r.mu.Unlock()
	for _, o := range wrong {
		r.report(o)
	}
	return changes
}

// dispute notes an offer that is wrong. r.mu is held.
func (from *receiver) dispute(o *offer) {
	from.refused++
	from.wrong = fmt.Errorf("it contradicts the chain %v of device %v: %w", o.chain.eid, o.chain.device, o.wrong)
	if len(from.disputed) < maxClaims {
		from.disputed[o.chain] = true
	}
}

// settle notes that a chain is disputed no more. r.mu is held.
func (from *receiver) settle(chain chainID) {
	delete(from.disputed, chain)
	if len(from.disputed) == 0 {
		from.wrong = nil
	}
}

// report signs for a claim that contradicts what was sealed.
func (r *receipts) report(o *offer) {
	r.log.Error("a receipt contradicts what was sealed: it is forged with the receiver's key, or the chain is forked",
		"receiver", o.from.name, "device", o.chain.device, "chain", o.chain.eid, "number", o.Seq, "error", o.wrong)
	ids := ": " + o.chain.device.String() + " " + o.chain.eid.String()
	name := o.from.name[:min(len(o.from.name), vital.MaxText-len(ids))]
	if err := r.event(vital.Event{Kind: vital.EventReceipt, Text: name + ids}); err != nil && !errors.Is(err, ErrClosed) {
		r.log.Error("the contradiction is not signed for", "error", err)
	}
}
