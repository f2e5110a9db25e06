package sdk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// receipts has the outbox keep what is published until every receiver of
// Config.Receipts has signed that it has it durably.
//
// A receipt tells of runs of sequence numbers, and the outbox is not indexed by
// them: that would grow with the backlog. So a goroutine of its own sifts the
// outbox when claims have changed. It remembers of each file which chains are left
// in it, and reads only those about which a claim has changed; and where that still
// takes long, it rests for longer.
type receipts struct {
	site, gateway string
	log           *slog.Logger
	queue         *outbox.Queue
	feed          *feed
	roster        *rosterFile
	event         func(vital.Event) error // the gateway's own
	period        time.Duration           // between two times that the same is sent again

	arrived chan struct{} // signalled when a receipt has come

	// Those of the goroutine.
	stretches map[uint64]*stretch // by the id of the first record
	passes    uint64
	repeated  time.Time // when something was last sent again
	verifier  seal.Verifier

	mu        sync.Mutex
	receivers []*receiver             // as in Config.Receipts
	newest    map[chainID]uint64      // number of the newest message, of chains begun since Open
	current   map[keys.KeyID]seal.EID // of those, the newest chain of each device
	left      map[chainID]bool        // chains of which something was left when the outbox was sifted
	read      error                   // why the outbox cannot be sifted just now
	listening error                   // why receipts cannot come just now
}

// receiver is one of those whose receipts count. receipts.mu guards it.
type receiver struct {
	name string
	key  keys.PublicKey // that signed the claims

	offered  map[chainID]*claim // not yet compared with what was sealed
	claims   map[chainID]*claim
	disputed map[chainID]bool // claims of these were refused

	count   uint64 // receipts taken
	last    time.Time
	left    []leftover // what it has not signed for, by stretch
	signed  uint64     // records that it signed for, which wait for another receiver
	given   uint64     // records given up because it will never take them
	refused uint64     // receipts, and claims in them
	err     error      // why what it sent last does not count
	wrong   error      // what contradicts what was sealed; nil: nothing does
}

const (
	// repeatPeriod is how often at most what a receiver has not signed for is sent
	// to it again.
	repeatPeriod = 30 * time.Second

	// siftRest is how long sifting rests, in terms of how long it took, and at least.
	siftRest    = 9
	minSiftRest = 100 * time.Millisecond

	// maxClaims bounds the chains of one receiver whose claims are remembered, and
	// those whose claims wait for a pass. One that is forgotten comes again when what
	// is left of the chain is sent again.
	maxClaims = 8192

	// maxReceivers bounds Config.Receipts.
	maxReceivers = 16
)

var errOtherReceipt = errors.New("it is another gateway's, site's or receiver's")

func (p *Pipeline) newReceipts() (*receipts, error) {
	r := &receipts{
		site: p.site, gateway: p.gateway.Name, log: p.log, queue: p.queue, feed: p.feed, roster: &p.roster,
		event: p.Event, period: p.conf.periods.repeat,
		arrived: make(chan struct{}, 1), stretches: map[uint64]*stretch{},
		newest: map[chainID]uint64{}, current: map[keys.KeyID]seal.EID{},
	}
	for _, name := range p.conf.Receipts {
		key, err := p.gateway.Roster.ReceiptKey(name)
		if err != nil {
			return nil, fmt.Errorf("receipts of %q cannot be verified: %w", name, err)
		}
		r.receivers = append(r.receivers, &receiver{
			name: name, key: key,
			offered: map[chainID]*claim{}, claims: map[chainID]*claim{}, disputed: map[chainID]bool{},
		})
	}
	return r, nil
}

// wanted reports whether anything waits for receipts.
func (r *receipts) wanted() bool { return len(r.receivers) > 0 }

// maxInbound is the largest packet that a gateway takes.
func (r *receipts) maxInbound() int {
	if r.wanted() {
		return seal.MaxMessage + 1<<10
	}
	return 1 << 10
}

// lacks reports whether something of a chain was still to be signed for when the
// outbox was sifted.
func (r *receipts) lacks(chain chainID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left[chain]
}

// sealed notes the newest message of a chain that was begun since Open.
func (r *receipts) sealed(check seal.Checkpoint, device keys.KeyID) {
	if !r.wanted() {
		return
	}
	id := chainID{device, check.EID}
	r.mu.Lock()
	defer r.mu.Unlock()
	if newest, begun := r.newest[id]; begun || check.Seq == 0 {
		r.newest[id] = max(newest, check.Seq) // a sensor sends again what it is not told was carried
	}
	if check.Seq == 0 {
		r.current[device] = check.EID
	}
}

// take takes what came under the topic of a receiver's receipts.
func (r *receipts) take(name string, payload []byte, now time.Time) {
	i := slices.IndexFunc(r.receivers, func(from *receiver) bool { return from.name == name })
	if i < 0 || len(payload) == 0 {
		return
	}
	from := r.receivers[i]
	key, err := r.roster.at(now).ReceiptKey(name)
	var receipt seal.Receipt
	if err == nil {
		receipt, err = seal.ReadReceipt(payload, &key)
	}
	if err == nil && (receipt.Site != r.site || receipt.Gateway != r.gateway || receipt.Receiver != name) {
		err = errOtherReceipt
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		from.refuse(r.log, err)
		return
	}
	from.adopt(key)
	from.err, from.last = nil, now
	from.count++
	for _, c := range receipt.Chains {
		id := chainID{c.Device, c.EID}
		if len(from.offered) < maxClaims || from.offered[id] != nil {
			from.offered[id] = &claim{c, from.count}
		}
	}
	signal(r.arrived)
}

// refuse notes a receipt that does not count. r.mu is held.
func (from *receiver) refuse(log *slog.Logger, err error) {
	from.refused++
	if from.err == nil || from.err.Error() != err.Error() {
		log.Warn("a receipt does not count", "receiver", from.name, "error", err)
	}
	from.err = err
}

// adopt forgets what was signed with another key. r.mu is held.
func (from *receiver) adopt(key keys.PublicKey) {
	if from.key != key {
		from.key = key
		clear(from.offered)
		clear(from.claims)
	}
}

// run sifts the outbox whenever there is reason to, until ctx ends.
func (r *receipts) run(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-r.arrived:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		if err := r.pass(ctx, began); ctx.Err() == nil {
			r.note(err)
		}
		rest := time.NewTimer(max(siftRest*time.Since(began), minSiftRest))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
	}
}

// note keeps the error of a pass, which the next one may not have.
func (r *receipts) note(err error) {
	r.mu.Lock()
	before := r.read
	r.read = err
	r.mu.Unlock()
	if err != nil {
		clear(r.stretches) // what was not looked at is not known
		if before == nil {
			r.log.Error("receipts wait: the outbox cannot be sifted", "error", err)
		}
	}
}

// pass has what was signed for leave the outbox, and what was lost on its way sent
// again. It ends soon after ctx does, for Close waits for it.
func (r *receipts) pass(ctx context.Context, now time.Time) error {
	r.passes++
	offers := r.offers(now)
	if err := r.compare(ctx, offers); err != nil {
		r.offerAgain(offers)
		return err
	}
	changes := r.accept(offers)
	if err := r.release(ctx, changes); err != nil {
		return err
	}
	r.sum()
	r.repeat(now)
	return nil
}

// release acknowledges the records that every receiver has signed for.
func (r *receipts) release(ctx context.Context, changes []change) error {
	var s *stretch
	released := false
	err := r.queue.Sift(func(of outbox.Stretch) bool {
		if ctx.Err() != nil {
			return false
		}
		if s = r.stretches[of.First]; s != nil && s.next == of.Next && !s.touched(changes) {
			s.sifted = r.passes
			return false
		}
		s = newStretch(of, len(r.receivers))
		s.sifted = r.passes
		r.stretches[of.First] = s
		return true
	}, func(record *outbox.Record) bool {
		if !receiptable(record) || !r.settled(record, s) {
			return false
		}
		released = true
		return true
	})
	if released {
		r.feed.progress()
	}
	return cmp.Or(err, ctx.Err())
}

// settled reports whether no receiver wants a record any more, and notes in s what
// is left.
func (r *receipts) settled(record *outbox.Record, s *stretch) bool {
	id := chainOf(record)
	var settled [maxReceivers]bool // on the stack: this is called for each record
	all := true
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, from := range r.receivers {
		settled[i] = from.claims[id].settles(record.Seq)
		all = all && settled[i]
	}
	if !all {
		s.keep(record)
	}
	for i, from := range r.receivers {
		switch {
		case !all:
			s.left[i].note(record, settled[i])
		case !from.claims[id].Received(record.Seq):
			from.given++
		}
	}
	return all
}

// sum notes for each receiver what it has not signed for, and forgets what is of no
// more use: stretches that are gone, and what is known of chains of which nothing is
// left.
func (r *receipts) sum() {
	maps.DeleteFunc(r.stretches, func(_ uint64, s *stretch) bool { return s.sifted != r.passes })
	left := map[chainID]bool{}
	for _, s := range r.stretches {
		for id := range s.chains {
			left[id] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = left
	for i, from := range r.receivers {
		from.left, from.signed = from.left[:0], 0
		for _, s := range r.stretches {
			from.signed += s.left[i].signed
			if s.left[i].first != 0 {
				from.left = append(from.left, s.left[i])
			}
		}
		maps.DeleteFunc(from.claims, func(id chainID, c *claim) bool { return !left[id] && c.receipt != from.count })
		for id := range from.claims {
			if len(from.claims) <= maxClaims {
				break
			}
			delete(from.claims, id)
		}
	}
	maps.DeleteFunc(r.newest, func(id chainID, _ uint64) bool { return !left[id] && r.current[id.device] != id.eid })
}

// repeat has sent again what was lost between the broker and a receiver. A broker
// passes on in the order of publishing, more or less; so when a receiver has signed
// for a message that was published after others, some time ago, it has been given
// those, or never will be. To one that is away or slow nothing is sent again.
func (r *receipts) repeat(now time.Time) {
	if now.Sub(r.repeated) < r.period {
		return
	}
	marks, connection := r.feed.published()
	passed := make([]outbox.Position, len(r.receivers))
	var to outbox.Position
	lost := false
	r.mu.Lock()
	for _, m := range marks {
		for i, from := range r.receivers {
			c := from.claims[m.chain]
			if c == nil || !c.Received(m.seq) || now.Sub(m.at) < r.period {
				continue
			}
			passed[i] = m.to
			if slices.ContainsFunc(from.left, func(l leftover) bool { return m.to.Includes(l.first) || m.to.Includes(l.last) }) {
				to, lost = m.to, true
			}
		}
	}
	r.mu.Unlock()
	if !lost {
		return
	}
	r.repeated = now
	r.log.Warn("envelopes that the broker took and a receiver did not sign for are sent again")
	r.feed.repeat(connection, to, func(record *outbox.Record) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, from := range r.receivers {
			if receiptable(record) && passed[i].Includes(record.ID) && !from.claims[chainOf(record)].settles(record.Seq) {
				return true
			}
		}
		return false
	})
}

// heard is told about the connection that receipts come through.
func (r *receipts) heard(s mqtt.State) {
	if !r.wanted() {
		return
	}
	r.mu.Lock()
	before := r.listening
	r.listening = s.Err
	r.mu.Unlock()
	if s.Err != nil && before == nil {
		r.log.Warn("receipts cannot come: not connected to the broker", "error", s.Err, "retry", s.Retry)
	}
}

// stats returns what is known of each receiver; records are in the outbox.
func (r *receipts) stats(records uint64, oldest time.Time) []ReceiptStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []ReceiptStats
	for _, from := range r.receivers {
		s := ReceiptStats{
			Receiver: from.name, Receipts: from.count, Last: from.last, Refused: from.refused, GivenUp: from.given,
			Behind: records - min(from.signed, records), Err: cmp.Or(from.err, from.wrong, r.read, r.listening),
		}
		for _, l := range from.left {
			if s.Oldest.IsZero() || l.oldest.Before(s.Oldest) {
				s.Oldest = l.oldest
			}
		}
		if s.Behind > 0 && s.Oldest.IsZero() { // what was stored since the outbox was sifted
			s.Oldest = oldest
		}
		all = append(all, s)
	}
	return all
}
