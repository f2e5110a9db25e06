package vital

import "github.com/vitalseal/vitalseal/sdk/core/cbor"

// Decode makes the batch what payload says, in the memory that the batch has; it
// keeps nothing of payload. It accepts exactly the payloads that FORMAT.md
// allows, so that what it accepts Append gives back byte for byte. On an error
// the batch is empty.
//
// Columns of several metrics come out time by time.
func (b *Batch) Decode(payload []byte) error {
	label := b.Label
	b.Reset()
	if len(payload) > MaxPayload {
		return ErrTooLarge
	}
	d := decoder{b: b, r: cbor.NewReader(payload)}
	d.payload(label)
	if err := d.r.Done(); err != nil {
		b.Reset()
		return err
	}
	return nil
}

type decoder struct {
	b         *Batch
	r         cbor.Reader
	base      uint64
	any, zero bool // there was a time, and one that equals the base
}

func (d *decoder) payload(label string) {
	d.r.ArrayLen(2)
	d.base = d.r.Uint()
	d.check(checkTime(d.base))
	for n, i := d.r.Array(), 0; i < n && d.r.Err() == nil; i++ {
		items := d.r.Array()
		kind := d.r.UintMax(1<<32 - 1)
		switch {
		case d.r.Err() != nil:
		case kind >= kinds:
			d.r.Fail(errKind)
		case kind == kindRows:
			d.rows(items)
		case kind <= kindColumns:
			d.columns(kind, items)
		case kind == kindLabel:
			d.label(items, i, label)
		default:
			d.record(uint8(kind), items)
		}
	}
	if d.any != d.zero || !d.any && d.base != 0 {
		d.r.Fail(errBase)
	}
}

func (d *decoder) check(err error) {
	if err != nil {
		d.r.Fail(err)
	}
}

// require fails if a section does not have the shape of its kind.
func (d *decoder) require(ok bool) bool {
	if !ok {
		d.r.Fail(errShape)
	}
	return d.r.Err() == nil
}

// at returns the time that is rel ms after the base.
func (d *decoder) at(rel int64) uint64 {
	if rel < 0 || rel > maxSpan {
		d.r.Fail(errRelative)
		return 0
	}
	t := d.base + uint64(rel)
	d.check(checkTime(t))
	d.any = true
	d.zero = d.zero || rel == 0
	return t
}

func (d *decoder) time() uint64           { return d.at(int64(d.uint(maxSpan))) }
func (d *decoder) uint(max uint64) uint64 { return d.r.UintMax(max) }
func (d *decoder) uint32() uint32         { return uint32(d.r.UintMax(1<<32 - 1)) }
func (d *decoder) int32() int32           { return int32(d.r.IntRange(-1<<31, 1<<31-1)) }
func (d *decoder) span() int64            { return d.r.IntRange(-2*maxSpan, 2*maxSpan) }
func (d *decoder) code() Code             { return Code(d.uint32()) ^ codeFlip }
func (d *decoder) unit() Unit             { return Unit(d.uint32()) ^ unitFlip }

func (d *decoder) decimal() Decimal {
	e := d.r.IntRange(-128, 127)
	return Decimal{d.int32(), int8(e)}
}

// text returns a text, which is old if that reads the same: nothing is allocated
// when a device says again what it said in the last batch.
func (d *decoder) text(old string) string {
	s := d.r.Text(MaxText)
	if string(s) == old {
		return old
	}
	return string(s)
}

func (d *decoder) metric() (k metricKey) {
	n := d.r.Array()
	d.require(n == 3 || n == 4)
	k.code, k.unit = d.code(), d.unit()
	k.exponent = int8(d.r.IntRange(-128, 127))
	if n == 4 {
		k.status = Status(d.uint32())
		if k.status == 0 {
			d.r.Fail(errStatusZero)
		}
	}
	return k
}

// numeric fills n, whose time is set.
func (d *decoder) numeric(n *Numeric, k metricKey, mantissa int64) {
	if mantissa < mantissaNRes || mantissa > mantissaNaN {
		d.r.Fail(errValue)
		return
	}
	n.Code, n.Unit, n.Status = k.code, k.unit, k.status
	n.Value = Decimal{int32(mantissa), k.exponent}
	d.check(n.Validate())
}

// numerics makes room for n more. Each takes a byte or more of what is left to
// read, so that a short payload cannot ask for much memory.
func (d *decoder) numerics(n int) []Numeric {
	b := d.b
	have := len(b.Numerics)
	if n > MaxEntries-have {
		d.r.Fail(ErrTooLarge)
	} else if n > d.r.Len() {
		d.r.Fail(cbor.ErrTruncated)
	}
	if d.r.Err() != nil {
		return nil
	}
	if have+n > cap(b.Numerics) {
		grown := make([]Numeric, have, max(have+n, 2*cap(b.Numerics)))
		copy(grown, b.Numerics)
		b.Numerics = grown
	}
	b.Numerics = b.Numerics[:have+n]
	return b.Numerics[have:]
}

func (d *decoder) layout(kind uint8, n, k int) {
	d.b.layout = append(d.b.layout, section{kind, uint32(n), uint32(k)})
}

func (d *decoder) rows(items int) {
	if !d.require(items > 2 && items%3 == 2) {
		return
	}
	keys := d.dictionary()
	n := (items - 2) / 3
	rows := d.numerics(n)
	var t int64
	used := 0
	for i := range rows {
		t += d.span()
		rows[i].Time = d.at(t)
		key := int(d.uint(maxMetrics - 1))
		if key > used || key >= len(keys) {
			d.r.Fail(errDictionary)
		}
		if d.r.Err() != nil {
			return
		}
		if key == used {
			used++
		}
		d.numeric(&rows[i], keys[key], d.r.Int())
	}
	if used != len(keys) {
		d.r.Fail(errDictionary)
	}
	d.layout(kindRows, n, 0)
}

func (d *decoder) dictionary() []metricKey {
	n := d.r.Array()
	if n == 0 || n > maxMetrics {
		d.r.Fail(errDictionary)
	}
	keys := d.b.scratch.keys[:0]
	for i := 0; i < n && d.r.Err() == nil; i++ {
		k := d.metric()
		for _, other := range keys {
			if other == k {
				d.r.Fail(errDictionary)
			}
		}
		keys = append(keys, k)
	}
	d.b.scratch.keys = keys
	return keys
}

// columns reads a section of k metrics at the same n times.
func (d *decoder) columns(kind uint64, items int) {
	switch kind {
	case kindMoment:
		if d.require(items >= 4 && items%2 == 0) {
			d.moment((items - 2) / 2)
		}
	case kindRegular:
		if d.require(items >= 4) {
			d.regular(items - 3)
		}
	case kindColumns:
		if d.require(items >= 3) {
			d.irregular(items - 2)
		}
	}
}

func (d *decoder) moment(k int) {
	t := d.time()
	column := d.numerics(k)
	for i := range column {
		column[i].Time = t
		key := d.metric()
		d.numeric(&column[i], key, d.r.Int())
	}
	d.layout(kindMoment, 1, k)
}

func (d *decoder) regular(k int) {
	t, period := int64(d.uint(maxSpan)), d.span()
	n := d.r.Array() - 1 // of the first series: metric and values
	if !d.require(n >= 2) {
		return
	}
	table := d.numerics(n * k)
	for i := 0; i < len(table) && d.r.Err() == nil; i += k {
		table[i].Time = d.at(t)
		t += period
	}
	d.series(table, k, 0)
	for column := 1; column < k && d.r.Err() == nil; column++ {
		d.require(d.r.Array() == 1+n)
		d.series(table, k, column)
	}
	d.layout(kindMoment, n, k)
}

func (d *decoder) irregular(k int) {
	n := d.r.Array()
	if !d.require(n >= 3) {
		return
	}
	table := d.numerics(n * k)
	t, period, step := int64(d.uint(maxSpan)), d.span(), int64(0)
	regular := true
	for i := 0; i < n && d.r.Err() == nil; i++ {
		if i == 1 {
			step = period
		} else if i > 1 {
			deviation := d.span()
			step = period + deviation
			regular = regular && deviation == 0
		}
		t += step
		table[i*k].Time = d.at(t)
	}
	if regular {
		d.r.Fail(errDeviation)
	}
	for column := 0; column < k && d.r.Err() == nil; column++ {
		d.require(d.r.Array() == 1+n)
		d.series(table, k, column)
	}
	d.layout(kindMoment, n, k)
}

// series reads one column of a table of k; the first column has the times.
func (d *decoder) series(table []Numeric, k, column int) {
	key := d.metric()
	var m int64
	for i := 0; i < len(table) && d.r.Err() == nil; i += k {
		m += d.r.IntRange(-1<<25, 1<<25)
		n := &table[i+column]
		n.Time = table[i].Time
		d.numeric(n, key, m)
	}
}

func (d *decoder) label(items, section int, old string) {
	d.require(items == 2)
	d.b.Label = d.text(old)
	if section != 0 || d.b.Label == "" {
		d.r.Fail(errLabel)
	}
	d.layout(kindLabel, 1, 0)
}

// itemsOf is the number of items of the sections that hold one record.
var itemsOf = [kinds]int{
	kindWave: 14, kindEnumeration: 6, kindAlert: 11, kindEvent: 5, kindDropped: 7, kindHeartbeat: 4,
}

func (d *decoder) record(kind uint8, items int) {
	if !d.require(items == itemsOf[kind]) {
		return
	}
	switch kind {
	case kindWave:
		d.wave()
	case kindEnumeration:
		d.enumeration()
	case kindAlert:
		d.alert()
	case kindEvent:
		d.event()
	case kindDropped:
		d.dropped()
	case kindHeartbeat:
		d.heartbeat()
	}
	if n := len(d.b.layout); n > 0 && d.b.layout[n-1].kind == kind {
		d.b.layout[n-1].n++
		return
	}
	d.layout(kind, 1, 0)
}

func (d *decoder) wave() {
	w := d.b.AddWave()
	w.Time = d.time()
	w.Code, w.Unit = d.code(), d.unit()
	w.Rate, w.Factor = d.decimal(), d.decimal()
	w.Divisor, w.Zero = d.uint32(), d.int32()
	w.Status = Status(d.uint32())
	w.Coding = Coding(d.uint(255))
	n := d.r.Uint()
	in := d.r.Bytes()
	d.check(w.checkScale())
	if n == 0 || n > MaxSamples {
		d.r.Fail(errCount)
	}
	if d.r.Err() == nil {
		d.check(w.decodeSamples(in, int(n)))
	}
}

// decodeSamples looks whether in can hold n samples before it makes room: in
// Rice coding each takes a bit or more.
func (w *Wave) decodeSamples(in []byte, n int) (err error) {
	switch w.Coding {
	case CodingInt16, Coding12Bit:
		if len(in) != codedLen(w.Coding, n) {
			return errSamples
		}
	case CodingRice:
		if n > 8*len(in) {
			return errSamples
		}
	default:
		return errCoding
	}
	if n > cap(w.Samples) {
		w.Samples = make([]int32, 0, n)
	}
	switch w.Coding {
	case CodingInt16:
		w.Samples = decodeInt16(w.Samples, in)
	case Coding12Bit:
		w.Samples, err = decode12Bit(w.Samples, in)
	default:
		w.Samples, err = decodeRice(w.Samples, in, n, w.Zero)
	}
	return err
}

func (d *decoder) enumeration() {
	s := d.b.Enumerations
	e := Enumeration{Time: d.time(), Code: d.code(), Value: d.uint32(), Status: Status(d.uint32())}
	if len(s) < cap(s) {
		e.Text = s[:len(s)+1][len(s)].Text
	}
	e.Text = d.text(e.Text)
	d.b.Enumerations = append(s, e)
}

func (d *decoder) alert() {
	s := d.b.Alerts
	a := Alert{Time: d.time(), Source: d.code()}
	a.Kind, a.Priority, a.State = AlertKind(d.uint(255)), Priority(d.uint(255)), AlertState(d.uint(255))
	a.Value, a.Limit = d.decimal(), d.decimal()
	if len(s) < cap(s) {
		a.Text = s[:len(s)+1][len(s)].Text
	}
	a.Text = d.text(a.Text)
	d.check(a.Validate())
	d.b.Alerts = append(s, a)
}

func (d *decoder) event() {
	s := d.b.Events
	e := Event{Time: d.time(), Kind: EventKind(d.uint(255)), Count: d.uint32()}
	if len(s) < cap(s) {
		e.Text = s[:len(s)+1][len(s)].Text
	}
	e.Text = d.text(e.Text)
	d.check(e.Validate())
	d.b.Events = append(s, e)
}

func (d *decoder) dropped() {
	p := Dropped{Time: d.time(), Reason: DropReason(d.uint(255)), Count: d.r.Uint()}
	copy(p.EID[:], d.r.BytesLen(len(p.EID)))
	p.From, p.To = d.r.Uint(), d.r.Uint()
	d.check(p.Validate())
	d.b.Drops = append(d.b.Drops, p)
}

func (d *decoder) heartbeat() {
	d.b.Heartbeats = append(d.b.Heartbeats, Heartbeat{Time: d.time(), Interval: d.uint32(), Recorded: d.r.Uint()})
}
