package agent

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// bucket lets a few of something through at once, and then one in a while, and
// counts those it holds back.
type bucket struct {
	burst int
	every time.Duration

	spent  int
	refill time.Time // when one of those spent comes back
	held   uint64
}

// take counts n more and returns how many are to be told now, those held back
// before included; 0: hold them back.
func (b *bucket) take(n uint64, now time.Time) uint64 {
	b.held += n
	for b.spent > 0 && !now.Before(b.refill) {
		b.spent--
		b.refill = b.refill.Add(b.every)
	}
	if b.held == 0 || b.spent >= b.burst {
		return 0
	}
	if b.spent == 0 {
		b.refill = now.Add(b.every)
	}
	b.spent++
	told := b.held
	b.held = 0
	return told
}

// count32 is a count as events have it.
func count32(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// watch notices that the device of a port is not heard.
type watch struct {
	heard  time.Time
	silent bool
}

func (w *watch) begin(now time.Time) { w.heard, w.silent = now, false }

// look takes when the device was heard last, zero if not at all, and returns
// whether its silence began or ended.
func (w *watch) look(heard, now time.Time, bound time.Duration) (began, ended bool) {
	if heard.After(w.heard) {
		w.heard = heard
	}
	silent := bound > 0 && now.Sub(w.heard) >= bound
	began, ended = silent && !w.silent, !silent && w.silent
	w.silent = silent
	return began, ended
}

// notices are what is said of a port no more often than an operator reads it.
type notices struct {
	refusals [4]notice
	lines    bucket // of the sensor's log
	bad      bucket // frames that were damaged
	why      error  // of the newest EventRefused

	// Since when somebody says that it is the device and proves nothing; zero: nobody.
	unproven time.Time

	badSeen  uint64
	unsealed bool // that events are not sealed has been said
}

// notice is one kind of refusal.
type notice struct {
	bucket
	kind vital.EventKind
	key  string // of the newest
}

// refusalTexts are what the log says.
var refusalTexts = map[vital.EventKind]string{
	vital.EventUnknownDevice: "an unknown device is on the port: nothing is taken from it",
	vital.EventWrongDevice:   "another device is on the port: nothing is taken from it",
	vital.EventImpostor:      "a device cannot prove that it is the one it says: nothing is taken from it",
	vital.EventRefused:       "what came on the port is not the device's own: it is not taken",
}

func (n *notices) fill() {
	*n = notices{unsealed: n.unsealed}
	for i, kind := range []vital.EventKind{vital.EventUnknownDevice, vital.EventWrongDevice, vital.EventImpostor, vital.EventRefused} {
		n.refusals[i] = notice{kind: kind, bucket: bucket{burst: 3, every: time.Minute}}
	}
	n.lines = bucket{burst: 10, every: time.Second}
	n.bad = bucket{burst: 1, every: reportBad}
}

// refuse notes a refusal, and tells of it if it is time.
func (l *linked) refuse(kind vital.EventKind, key string) {
	for i := range l.notices.refusals {
		if n := &l.notices.refusals[i]; n.kind == kind {
			n.key = key
			l.tell(n, n.take(1, time.Now()))
		}
	}
}

// tell has the gateway sign for refusals, and logs them. 0: not yet.
func (l *linked) tell(n *notice, count uint64) {
	if count == 0 {
		return
	}
	attrs := []any{"count", count}
	text := l.conf.Device
	if n.key != "" {
		attrs = append(attrs, "key", n.key)
		text = cut(text, vital.MaxText-len(": ")-len(n.key)) + ": " + n.key
	}
	if n.kind == vital.EventRefused {
		attrs = append(attrs, "error", l.notices.why)
	}
	l.log.Warn(refusalTexts[n.kind], attrs...)
	l.sign(vital.Event{Kind: n.kind, Count: count32(count), Text: text})
}

// report seals a fact about the port: as its device where the gateway seals for
// it, and else as the gateway itself, which names the device.
func (l *linked) report(kind vital.EventKind, count uint64, text string) {
	e := vital.Event{Kind: kind, Count: count32(count), Text: text}
	if l.device != nil {
		if err := l.device.Event(e); err != nil {
			l.log.Error("event is not sealed", "event", kind, "error", err)
		}
		return
	}
	e.Text = l.conf.Device
	if text != "" {
		e.Text = cut(e.Text+": "+text, vital.MaxText)
	}
	l.sign(e)
}

// sign seals an event as the gateway itself.
func (l *linked) sign(e vital.Event) {
	if err := l.pipeline.Event(e); err != nil && !l.notices.unsealed {
		l.notices.unsealed = true
		l.log.Error("events of the gateway are not sealed", "event", e.Kind, "error", err)
	}
}

// look says what is due: refusals held back, damaged frames, silence and its end.
func (l *linked) look(now time.Time) {
	for i := range l.notices.refusals {
		l.tell(&l.notices.refusals[i], l.notices.refusals[i].take(0, now))
	}
	s := l.gateway.State()
	if n := l.notices.bad.take(s.Bad-l.notices.badSeen, now); n > 0 {
		l.report(vital.EventBadFrames, n, "")
	}
	l.notices.badSeen = s.Bad
	l.lookUnproven(s, now)
	if l.writer == nil {
		return
	}
	var heard time.Time
	if s.Phase == link.GatewayAccepted {
		heard = l.begun.Add(time.Duration(s.Heard) * time.Millisecond)
	}
	switch began, ended := l.watch.look(heard, now, l.silence()); {
	case began:
		l.log.Warn("the device is not heard on the port", "for", l.silence())
		l.report(vital.EventLineSilent, 0, "")
	case ended:
		l.log.Info("the device is heard again")
		l.report(vital.EventLineResumed, 0, "")
	}
}

// proofWait is how long a device may take for its proof; it signs in less than 4 s.
// A recording of another session never gets there.
const proofWait = 6 * time.Second

func (l *linked) lookUnproven(s link.GatewayState, now time.Time) {
	n := &l.notices
	switch {
	case s.Phase != link.GatewayChallenged:
		n.unproven = time.Time{}
	case n.unproven.IsZero():
		n.unproven = now
	case now.Sub(n.unproven) >= proofWait:
		n.unproven = now
		l.refuse(vital.EventImpostor, keys.KeyID(s.KeyID).String())
	}
}

// cut shortens a text to n bytes of UTF-8.
func cut(text string, n int) string {
	for len(text) > n {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
