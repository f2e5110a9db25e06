package sdk

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const (
	// maxChunk is how many bytes of payload one message gets at most, estimated
	// from above: half of what a message holds, so that one lost message costs
	// little and an MQTT packet stays small. An offer that takes more and fits a
	// message is not cut.
	maxChunk     = 16 << 10
	maxWavePiece = 1920 // samples; 15 kB at worst
)

// cut moves from what was taken to piece as much as one message takes, and reports
// whether there is anything to seal. Both keep their memory. What is moved leaves
// sealing for good: the caller seals piece until it succeeds. Offers are kept whole.
func (c *chain) cut() bool {
	c.pass(ends{})
	room, upTo := maxChunk, endsOf(c.sealing)
	if len(c.marks) > 0 {
		room, upTo = c.whole()
	}
	before := endsOf(c.sealing)
	if !move(&c.piece, c.sealing, upTo, room) {
		return false
	}
	c.finished = c.pass(before.minus(endsOf(c.sealing)))
	return true
}

// whole returns the end of the last offer that fits into a message together with
// those before it, and the room that they may take: any. If the first fits into
// none, it is cut.
func (c *chain) whole() (room int, upTo ends) {
	fits := 0
	for i := range c.marks {
		if b := c.marks[i].ends.of(c.sealing); batchCost(&b) > maxChunk {
			break
		}
		fits = i + 1
	}
	if fits > 0 {
		return maxPayload, c.marks[fits-1].ends
	}
	upTo = c.marks[0].ends
	b := upTo.of(c.sealing)
	b.Label = c.span.label
	if payload, err := b.Append(c.payload[:0]); err != nil || len(payload) > maxPayload {
		return maxChunk, upTo
	}
	return 1 << 30, upTo
}

// maxPayload is what a message holds.
const maxPayload = vital.MaxPayload

// pass moves the marks to where they are when so many entries are gone, and returns
// what is then decided: the newest offer of which nothing is left.
func (c *chain) pass(gone ends) (decided *Progress) {
	done := 0
	for i := range c.marks {
		m := &c.marks[i]
		if m.ends = m.ends.minus(gone); m.ends == (ends{}) {
			decided = &Progress{Token: m.token}
			done = i + 1
		}
	}
	c.marks = c.marks[:copy(c.marks, c.marks[done:])]
	if decided != nil && gone == (ends{}) { // without a message of its own
		c.intend(*decided, c.noting.lastID)
	}
	return decided
}

// decidesAlert returns what the alert that is sealed next decides.
func (c *chain) decidesAlert() *Progress {
	for _, m := range c.marks {
		if n := c.alertAt - m.before; n >= 0 && n < m.alerts {
			return &Progress{Token: m.token, Alerts: n + 1}
		}
	}
	return nil
}

// move moves entries up to some from src to dst, which is reset, while there is
// room, and reports whether it moved any.
func move(dst, src *vital.Batch, upTo ends, room int) bool {
	dst.Reset()
	if src.Len() == 0 {
		return false
	}
	moveWaves(dst, src, upTo.waves, &room)
	dst.Numerics, src.Numerics = moveSome(dst.Numerics, src.Numerics, upTo.numerics, numericCost, &room)
	dst.Enumerations, src.Enumerations = moveSome(dst.Enumerations, src.Enumerations, upTo.enumerations, recordCost, &room)
	dst.Events, src.Events = moveSome(dst.Events, src.Events, upTo.events, recordCost, &room)
	dst.Drops, src.Drops = moveSome(dst.Drops, src.Drops, upTo.drops, recordCost, &room)
	return true
}

// moveSome moves entries of one kind.
func moveSome[T any](dst, src []T, upTo, cost int, room *int) ([]T, []T) {
	n := min(upTo, max(0, *room)/cost)
	*room -= n * cost
	dst = append(dst, src[:n]...)
	return dst, src[:copy(src, src[n:])]
}

// moveWaves swaps waves over, so that each batch keeps sample memory to reuse.
func moveWaves(dst, src *vital.Batch, upTo int, room *int) {
	n := 0
	for ; n < upTo; n++ {
		cost := waveCost + sampleCost*len(src.Waves[n].Samples)
		if n > 0 && cost > *room {
			break
		}
		*room -= cost
		w := dst.AddWave()
		*w, src.Waves[n] = src.Waves[n], *w
	}
	for i := n; i < len(src.Waves); i++ {
		src.Waves[i-n], src.Waves[i] = src.Waves[i], src.Waves[i-n]
	}
	src.Waves = src.Waves[:len(src.Waves)-n]
}
