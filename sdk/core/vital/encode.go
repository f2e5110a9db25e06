package vital

import "github.com/vitalseal/vitalseal/sdk/core/cbor"

// Append appends the payload that FORMAT.md describes and returns the longer
// slice. It allocates only if dst or the batch's own scratch memory must grow.
//
// A batch that was decoded and not changed since gives the bytes it was decoded
// from. Otherwise numerics may be written in another order, see FORMAT.md; those
// of one metric keep theirs.
//
// On an error dst is returned as it was: ErrTooLarge and ErrSpan ask for the
// batch to be split, any other is what Validate says of one of the readings.
func (b *Batch) Append(dst []byte) ([]byte, error) {
	if len(b.Numerics) > MaxEntries {
		return dst, ErrTooLarge
	}
	base, err := b.check()
	if err != nil {
		return dst, err
	}
	p := &b.scratch
	if b.layoutFits() {
		p.keepLayout(b)
	} else {
		p.makePlan(b)
	}
	e := encoder{b: b, out: dst, base: base, limit: len(dst) + MaxPayload}
	if !e.payload(p) {
		return e.out[:len(dst)], ErrTooLarge
	}
	return e.out, nil
}

// checker collects the span of the times of a batch and the first error. It is
// no closure, which TinyGo would put on the heap.
type checker struct {
	first, last uint64
	any         bool
	err         error
}

func (c *checker) add(ms uint64, err error) {
	if !c.any || ms < c.first {
		c.first = ms
	}
	if !c.any || ms > c.last {
		c.last = ms
	}
	c.any = true
	if c.err == nil {
		c.err = err
	}
}

// check validates every reading and returns the first of their times, 0 if there
// is none.
func (b *Batch) check() (base uint64, err error) {
	c := checker{err: checkText(b.Label)}
	for i := range b.Numerics {
		n := &b.Numerics[i]
		if n.Status == 0 && n.Value.IsNumber() && n.Time <= maxTime {
			c.add(n.Time, nil) // by far the most
		} else {
			c.add(n.Time, n.Validate())
		}
	}
	for i := range b.Waves {
		c.add(b.Waves[i].Time, b.Waves[i].Validate())
	}
	for i := range b.Enumerations {
		c.add(b.Enumerations[i].Time, b.Enumerations[i].Validate())
	}
	for i := range b.Alerts {
		c.add(b.Alerts[i].Time, b.Alerts[i].Validate())
	}
	for i := range b.Events {
		c.add(b.Events[i].Time, b.Events[i].Validate())
	}
	for i := range b.Drops {
		c.add(b.Drops[i].Time, b.Drops[i].Validate())
	}
	for i := range b.Heartbeats {
		c.add(b.Heartbeats[i].Time, b.Heartbeats[i].Validate())
	}
	if c.err == nil && c.last-c.first > maxSpan {
		c.err = ErrSpan
	}
	return c.first, c.err
}

// encoder writes sections; next counts the records of each kind written so far.
type encoder struct {
	b     *Batch
	out   []byte
	base  uint64
	limit int
	next  [kinds]int
}

// payload reports false if the result is too large.
func (e *encoder) payload(p *plan) bool {
	n := 0
	for _, s := range p.sections {
		if s.kind == kindRows || s.kind == kindMoment {
			n++
		} else {
			n += int(s.n)
		}
	}
	e.out = cbor.AppendArray(e.out, 2)
	e.out = cbor.AppendUint(e.out, e.base)
	e.out = cbor.AppendArray(e.out, n)
	order := p.order
	for _, s := range p.sections {
		switch s.kind {
		case kindRows:
			e.rows(p, order[:s.n])
			order = order[s.n:]
		case kindMoment:
			e.columns(order[:s.n*s.k], int(s.k))
			order = order[s.n*s.k:]
		default:
			e.records(s)
		}
		if len(e.out) > e.limit {
			return false
		}
	}
	return true
}

// records writes s.n sections of one record each.
func (e *encoder) records(s section) {
	for range s.n {
		i := e.next[s.kind]
		e.next[s.kind]++
		switch s.kind {
		case kindWave:
			e.wave(&e.b.Waves[i])
		case kindEnumeration:
			e.enumeration(&e.b.Enumerations[i])
		case kindAlert:
			e.alert(&e.b.Alerts[i])
		case kindEvent:
			e.event(&e.b.Events[i])
		case kindDropped:
			e.dropped(&e.b.Drops[i])
		case kindHeartbeat:
			e.heartbeat(&e.b.Heartbeats[i])
		case kindLabel:
			e.head(kindLabel, 2)
			e.text(e.b.Label)
		}
		if len(e.out) > e.limit {
			return
		}
	}
}

func (e *encoder) head(kind uint8, items int) {
	e.out = cbor.AppendArray(e.out, items)
	e.out = cbor.AppendUint(e.out, uint64(kind))
}

func (e *encoder) uint(n uint64)       { e.out = cbor.AppendUint(e.out, n) }
func (e *encoder) text(s string)       { e.out = cbor.AppendText(e.out, s) }
func (e *encoder) at(t uint64)         { e.uint(t - e.base) }
func (e *encoder) code(c Code)         { e.uint(uint64(c ^ codeFlip)) }
func (e *encoder) unit(u Unit)         { e.uint(uint64(u ^ unitFlip)) }
func (e *encoder) decimal(d Decimal)   { e.int(int64(d.Exponent)); e.int(int64(d.Mantissa)) }
func (e *encoder) time(i uint32) int64 { return int64(e.b.Numerics[i].Time - e.base) }

func (e *encoder) int(n int64) { e.out = appendInt(e.out, n) }

// appendInt appends the integers of one byte, which most deltas are, without a
// call.
func appendInt(dst []byte, n int64) []byte {
	if sign := n >> 63; uint64(n^sign) < 24 {
		return append(dst, byte(sign)&0x20|byte(n^sign))
	}
	return cbor.AppendInt(dst, n)
}

// metric writes [code, unit, exponent] and the status unless it is zero.
func (e *encoder) metric(k metricKey) {
	n := 3
	if k.status != 0 {
		n = 4
	}
	e.out = cbor.AppendArray(e.out, n)
	e.code(k.code)
	e.unit(k.unit)
	e.int(int64(k.exponent))
	if k.status != 0 {
		e.uint(uint64(k.status))
	}
}

func (e *encoder) rows(p *plan, order []uint32) {
	p.dictionary(e.b.Numerics, order) // fits: rows and layoutFits saw to it
	e.head(kindRows, 2+3*len(order))
	e.out = cbor.AppendArray(e.out, len(p.keys))
	for _, k := range p.keys {
		e.metric(k)
	}
	var last int64
	for i, at := range order {
		t := e.time(at)
		e.int(t - last)
		e.uint(uint64(p.index[i]))
		e.int(int64(e.b.Numerics[at].Value.Mantissa))
		last = t
	}
}

// columns writes numerics of k metrics, given time by time.
func (e *encoder) columns(order []uint32, k int) {
	n := len(order) / k
	if n == 1 {
		e.head(kindMoment, 2+2*k)
		e.at(e.b.Numerics[order[0]].Time)
		for _, i := range order {
			e.metric(e.b.Numerics[i].key())
			e.int(int64(e.b.Numerics[i].Value.Mantissa))
		}
		return
	}
	e.times(order, n, k)
	for column := range k {
		e.series(order, n, k, column)
	}
}

// times writes the head of a section of columns and its times.
func (e *encoder) times(order []uint32, n, k int) {
	t0, t1 := e.time(order[0]), e.time(order[k])
	period, regular := t1-t0, true
	for i, last := 2, t1; i < n && regular; i++ {
		t := e.time(order[i*k])
		regular = t-last == period
		last = t
	}
	if regular {
		e.head(kindRegular, 3+k)
		e.uint(uint64(t0))
		e.int(period)
		return
	}
	e.head(kindColumns, 2+k)
	e.out = cbor.AppendArray(e.out, n)
	e.uint(uint64(t0))
	e.int(period)
	out, last := e.out, t1
	for i := 2 * k; i < len(order); i += k {
		t := e.time(order[i])
		out = appendInt(out, t-last-period)
		last = t
	}
	e.out = out
}

func (e *encoder) series(order []uint32, n, k, column int) {
	e.out = cbor.AppendArray(e.out, 1+n)
	e.metric(e.b.Numerics[order[column]].key())
	out, last := e.out, int64(0)
	for i := column; i < len(order); i += k {
		m := int64(e.b.Numerics[order[i]].Value.Mantissa)
		out = appendInt(out, m-last)
		last = m
	}
	e.out = out
}

func (e *encoder) wave(w *Wave) {
	e.head(kindWave, 14)
	e.at(w.Time)
	e.code(w.Code)
	e.unit(w.Unit)
	e.decimal(w.Rate)
	e.decimal(w.Factor)
	e.uint(uint64(w.Divisor))
	e.int(int64(w.Zero))
	e.uint(uint64(w.Status))
	switch w.Coding {
	case CodingAuto:
		e.shortest(w)
	case CodingRice:
		e.rice(w, noLimit)
	default:
		e.fixed(w, w.Coding)
	}
}

// noLimit is more bytes than a wave takes, of which no sample has more than 58
// bits.
const noLimit = 8 * MaxSamples

// shortest tries Rice coding up to the length of a coding of fixed width.
func (e *encoder) shortest(w *Wave) {
	coding, size, ok := fixedCoding(w.Samples)
	if !ok {
		e.rice(w, noLimit)
	} else if !e.rice(w, size-1) {
		e.fixed(w, coding)
	}
}

// rice writes the last three items of a wave, or nothing if the samples take
// more than limit bytes. How many they take is known once they are written, and
// so they are moved to make room for the head before them.
func (e *encoder) rice(w *Wave, limit int) bool {
	before := len(e.out)
	e.uint(uint64(CodingRice))
	e.uint(uint64(len(w.Samples)))
	start := len(e.out)
	out, ok := appendRice(e.out, w.Samples, w.Zero, limit)
	if !ok {
		e.out = e.out[:before]
		return false
	}
	n := len(out) - start
	out = cbor.AppendBytesHead(out, n)
	var head [9]byte
	h := copy(head[:], out[start+n:])
	copy(out[start+h:], out[start:start+n])
	copy(out[start:], head[:h])
	e.out = out
	return true
}

func (e *encoder) fixed(w *Wave, c Coding) {
	e.uint(uint64(c))
	e.uint(uint64(len(w.Samples)))
	e.out = cbor.AppendBytesHead(e.out, codedLen(c, len(w.Samples)))
	if c == Coding12Bit {
		e.out = append12Bit(e.out, w.Samples)
	} else {
		e.out = appendInt16(e.out, w.Samples)
	}
}

func (e *encoder) enumeration(n *Enumeration) {
	e.head(kindEnumeration, 6)
	e.at(n.Time)
	e.code(n.Code)
	e.uint(uint64(n.Value))
	e.uint(uint64(n.Status))
	e.text(n.Text)
}

func (e *encoder) alert(a *Alert) {
	e.head(kindAlert, 11)
	e.at(a.Time)
	e.code(a.Source)
	e.uint(uint64(a.Kind))
	e.uint(uint64(a.Priority))
	e.uint(uint64(a.State))
	e.decimal(a.Value)
	e.decimal(a.Limit)
	e.text(a.Text)
}

func (e *encoder) event(v *Event) {
	e.head(kindEvent, 5)
	e.at(v.Time)
	e.uint(uint64(v.Kind))
	e.uint(uint64(v.Count))
	e.text(v.Text)
}

func (e *encoder) dropped(d *Dropped) {
	e.head(kindDropped, 7)
	e.at(d.Time)
	e.uint(uint64(d.Reason))
	e.uint(d.Count)
	e.out = cbor.AppendBytes(e.out, d.EID[:])
	e.uint(d.From)
	e.uint(d.To)
}

func (e *encoder) heartbeat(h *Heartbeat) {
	e.head(kindHeartbeat, 4)
	e.at(h.Time)
	e.uint(uint64(h.Interval))
	e.uint(h.Recorded)
}
