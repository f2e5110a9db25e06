package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/receive"
)

// attacker owns the broker. It reads and writes all that passes, sends what it
// likes, has a recording of the night before, and knows everything that is
// public: the roster, the format, the topics. Keys of devices it does not have.
type attacker struct {
	*tap
	broker *broker
	site   *site
	board  *board
	night  []message
	beds   []bed
	pace   time.Duration

	once chan struct{} // closed when every attack was made once and calm is back
}

func newAttacker(w *ward, tap *tap, night []message) *attacker {
	return &attacker{
		tap: tap, broker: w.broker, site: w.site, board: w.board, night: night,
		beds: beds(), pace: pace(w.options.length), once: make(chan struct{}),
	}
}

const (
	calm   = 3 * time.Second         // before the first attack, with readings on the screen
	ending = 1500 * time.Millisecond // no attack begins so close to the end
	giveUp = patience                // when an attack is not named, it goes unnamed
)

// pace is how long an attack lasts at least, so that a person can follow; in a
// short run it is what fits.
func pace(length time.Duration) time.Duration {
	const slow, quick = 2500 * time.Millisecond, 300 * time.Millisecond
	if length == 0 {
		return slow
	}
	spare := length - calm - ending - 4*time.Second // some attacks take their time
	return min(slow, max(quick, spare/time.Duration(2*len(attacks()))))
}

// run makes every attack in turn, over and over, until ctx ends or its time,
// unless that is 0, is nearly over.
func (a *attacker) run(ctx context.Context, length time.Duration) error {
	end := time.Now().Add(length - ending)
	if !a.prepared(ctx) || !pause(ctx, calm) {
		return nil
	}
	for first := true; ; first = false {
		for _, k := range attacks() {
			if !first && length > 0 && time.Now().After(end) {
				return nil
			}
			if err := a.carryOut(ctx, k); err != nil {
				return err
			}
			if !pause(ctx, a.pace) {
				return nil
			}
		}
		if !pause(ctx, ending) {
			return nil
		}
		if first {
			close(a.once)
		}
	}
}

// prepared waits until there is a recording to work with and the sealed ward shows
// something to attack; it reports false when ctx ends first.
func (a *attacker) prepared(ctx context.Context) bool {
	for range int(giveUp / redraw) {
		if a.has(a.victim()) && a.has(a.other()) && a.board.shows() {
			break
		}
		if !pause(ctx, redraw) {
			return false
		}
	}
	return true
}

// carryOut makes one attack: it lasts until the sealed ward has named it and its
// time is over.
func (a *attacker) carryOut(ctx context.Context, k attack) error {
	named := a.board.attacked(k)
	inFlight, err := k.begin(a)
	if err != nil {
		return fmt.Errorf("attack %q: %w", k.name, err)
	}
	a.set(a.andFlatten(inFlight))
	begun := time.Now()
	timer := time.NewTimer(giveUp)
	defer timer.Stop()
	select {
	case <-named:
		pause(ctx, time.Until(begun.Add(a.pace)))
	case <-timer.C:
	case <-ctx.Done():
	}
	a.set(nil)
	a.board.calm(ctx.Err() == nil)
	return nil
}

// andFlatten adds to a tamper what the attacker does to the plain ward all along.
func (a *attacker) andFlatten(inFlight tamper) tamper {
	return func(m message) (message, bool) {
		switch {
		case strings.HasPrefix(m.topic, plainTopics):
			m.payload = flatten(m.payload)
		case inFlight != nil:
			return inFlight(m)
		}
		return m, true
	}
}

// pause waits; it reports false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// attack is one way to make a patient's heart stop on the screen.
type attack struct {
	name string
	says string            // how, for people
	want []receive.Verdict // what the sealed ward has to call it, all of them

	// begin sends what the attack sends and returns what it does in flight, nil
	// for nothing.
	begin func(*attacker) (tamper, error)
}

// attacks are in this order so that a gap that one leaves behind is not taken
// for the gap that another is to be named by: dropping comes before all else
// that destroys readings.
func attacks() []attack {
	return []attack{
		{"forge", "signs readings of 0 with a key of its own, in the device's name and its own",
			[]receive.Verdict{receive.BadSignature, receive.WrongDevice}, (*attacker).forge},
		{"plaintext", "sends the 0 as plain text and as a torn envelope",
			[]receive.Verdict{receive.Malformed}, (*attacker).plaintext},
		{"replay", "sends sealed messages of before once more",
			[]receive.Verdict{receive.Replay}, (*attacker).replay},
		{"roll back", "sends last night's anchor, and the 0 that was sealed under it",
			[]receive.Verdict{receive.Rollback}, (*attacker).rollBack},
		{"splice", "puts the header of one bed before the readings of another",
			[]receive.Verdict{receive.BadSignature}, (*attacker).splice},
		{"drop", "drops a run of sealed messages",
			[]receive.Verdict{receive.Gap}, (*attacker).drop},
		{"alter", "flips a bit of sealed messages in flight",
			[]receive.Verdict{receive.BadSignature}, (*attacker).alter},
		{"swap", "exchanges the topics of two beds in flight",
			[]receive.Verdict{receive.WrongDevice}, (*attacker).swap},
		{"cut off", "drops all that a bed sends, heartbeats too",
			[]receive.Verdict{receive.Silent}, (*attacker).cutOff},
	}
}
