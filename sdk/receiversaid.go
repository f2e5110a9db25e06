package sdk

import (
	"context"
	"errors"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

const defaultReceiptInterval = time.Second

// speak publishes what a receiver has to say, from its first subscription on: what
// devices seal in answer to the beacon is then kept for it.
func (r *Receiver) speak(ctx context.Context) error {
	select {
	case <-r.subscribed:
	case <-ctx.Done():
		return nil
	}
	return r.said.Run(ctx, &announcer{receiver: r, anew: true})
}

// announcer is the source of a receiver's own messages, all retained: its beacon,
// and its receipts, each in the place of the one before. A broker that was killed
// may have forgotten what it had retained, so that everything is said anew at each
// connection of either client.
type announcer struct {
	receiver *Receiver
	anew     bool
	more     bool // there are receipts that wait for the next time
	waiting  []mqtt.Message
	count    uint64
	last     time.Time // when receipts were made
	refused  string    // why none are signed, as it was logged
}

// Next implements mqtt.Source.
func (a *announcer) Next(ctx context.Context) (mqtt.Message, uint64, error) {
	for {
		select {
		case <-a.receiver.subscribed:
			a.anew = true
		default:
		}
		if a.anew {
			a.anew = false
			a.waiting = append(a.waiting[:0], a.beacon())
			a.receipts(true)
		}
		if len(a.waiting) > 0 {
			m := a.waiting[0]
			a.waiting = a.waiting[1:]
			a.count++
			return m, a.count, nil
		}
		if err := a.wait(ctx); err != nil {
			return mqtt.Message{}, 0, err
		}
	}
}

// wait returns when there may be something to say.
func (a *announcer) wait(ctx context.Context) error {
	var due <-chan struct{}
	if !a.receiver.conf.NoReceipts {
		due = a.receiver.judge.ReceiptsDue()
	}
	if !a.more {
		select {
		case <-due:
		case <-a.receiver.subscribed:
			a.anew = true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	timer := time.NewTimer(a.receiver.conf.ReceiptInterval - time.Since(a.last))
	defer timer.Stop()
	select {
	case <-timer.C:
		a.receipts(false)
		return nil
	case <-a.receiver.subscribed:
		a.anew = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done implements mqtt.Source: what is lost with its connection is said anew.
func (a *announcer) Done(uint64) {}

// Rewind implements mqtt.Source.
func (a *announcer) Rewind() { a.anew = true }

func (a *announcer) beacon() mqtt.Message {
	topic := mqtt.Topic{Kind: mqtt.KindBeacon, Site: a.receiver.identity.Site.Name, Receiver: a.receiver.identity.Name}
	beacon := a.receiver.judge.Beacon()
	return mqtt.Message{Topic: topic.String(), Payload: beacon[:], Retain: true}
}

// receipts signs what is due, or all.
func (a *announcer) receipts(all bool) {
	r := a.receiver
	a.last, a.more = time.Now(), false
	if r.conf.NoReceipts || !a.trusted() {
		return
	}
	var receipts []seal.Receipt
	receipts, a.more = r.judge.Receipts(all)
	for i := range receipts {
		receipts[i].Receiver = r.identity.Name
		topic := mqtt.Topic{Kind: mqtt.KindReceipt, Site: receipts[i].Site, Gateway: receipts[i].Gateway, Receiver: r.identity.Name}
		payload, err := seal.AppendReceipt(nil, r.identity.Receipts, &receipts[i])
		if err != nil {
			r.log.Error("a receipt cannot be signed", "gateway", topic.Gateway, "error", err)
			continue
		}
		a.waiting = append(a.waiting, mqtt.Message{Topic: topic.String(), Payload: payload, Retain: true})
	}
}

// trusted reports whether gateways would believe a receipt, and says why not.
func (a *announcer) trusted() bool {
	err := a.receiver.identity.CheckReceipts(a.receiver.roster.roster.Load())
	if err == nil {
		a.refused = ""
		return true
	}
	if why := err.Error(); why != a.refused {
		a.refused = why
		var h interface{ Hint() string }
		if errors.As(err, &h) {
			why += ": " + h.Hint()
		}
		a.receiver.log.Warn("no receipts are signed", "error", why)
	}
	return false
}
