package medibus

import (
	"math"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	streamMax = 12 // streams of one configuration
	runLen    = 32 // samples in a wave
	spacing   = 16000

	syncMask  = 0xf0
	syncByte  = 0xd0 // with which of streams 1 to 4 follow
	syncOrder = 0xc0 // a command or its argument
	valueMask = 0xc0
	valueByte = 0x80

	orderEnd     = 0x0
	orderEnable  = 0x1 // and 0x2, 0x3: streams 1-4, 5-8, 9-12
	orderSent58  = 0x4 // which of streams 5 to 8 records have
	orderSent912 = 0x5
	orderPhase   = 0x6
	ordersMax    = 16
)

// stream is what the device offers, or sends, of one curve.
type stream struct {
	id       byte
	curve    curve
	interval int // µs between samples that the device has
	every    int // of which each every-th is asked for

	rate          vital.Decimal
	step, zero    int32 // sample = bin × step; see vital.Wave for zero
	factor        vital.Decimal
	divisor       uint32
	late, lateMax int // records since the last value, and until one is missing
	run           [runLen]int32
	n             int
}

// realtime reads what comes in bytes from 80 on.
type realtime struct {
	wanted  []string
	streams [streamMax]stream // those asked for, in order
	chosen  int
	active  int // chosen, once the device accepted the configuration

	mask      uint16 // of the record being read
	sent      uint16 // which of streams 5 to 12 records have
	open      bool
	order     byte // a sync command that waits for its argument
	ordered   bool
	orders    int
	low       byte
	lowRead   bool
	bins      [streamMax]uint16
	bin       int
	stray     bool
	seen      bool // a whole record, since the host looked
	good, bad uint64
}

// next takes a byte from 80 on.
func (r *realtime) next(dst *vital.Batch, b byte, status *[topics]vital.Status) {
	switch {
	case b&syncMask == syncByte:
		if r.open {
			r.broken(dst, status)
		}
		r.begin(b)
	case !r.open:
		if !r.stray {
			r.bad++
		}
		r.stray = true
	case b&valueMask == valueByte:
		r.value(dst, b, status)
	case b&syncMask == syncOrder && !r.lowRead && r.bin == 0:
		r.command(dst, b&0x0f, status)
	default:
		r.broken(dst, status)
		r.stray = true
	}
}

func (r *realtime) begin(b byte) {
	r.open, r.stray, r.ordered, r.lowRead = true, false, false, false
	r.mask = uint16(b&0x0f) | r.sent
	r.orders, r.bin = 0, 0
}

// broken gives up on the record; what follows is not next to what came before.
func (r *realtime) broken(dst *vital.Batch, status *[topics]vital.Status) {
	r.open = false
	r.bad++
	r.flushRuns(dst, status)
}

func (r *realtime) command(dst *vital.Batch, x byte, status *[topics]vital.Status) {
	if !r.ordered {
		r.order, r.ordered = x, true
		return
	}
	r.ordered = false
	if r.orders++; r.orders > ordersMax {
		r.broken(dst, status)
		return
	}
	switch r.order {
	case orderEnd:
		r.open = false
		r.good++
	case orderSent58:
		r.sent = r.sent&^0x0f0 | uint16(x)<<4
		r.mask = r.mask&0x0f | r.sent
	case orderSent912:
		r.sent = r.sent&^0xf00 | uint16(x)<<8
		r.mask = r.mask&0x0f | r.sent
	case orderPhase:
		phase(dst, x)
	}
}

func phase(dst *vital.Batch, x byte) {
	switch x {
	case 0:
		enumerate(dst, nPhase, 0, "inspiration", 0)
	case 1:
		enumerate(dst, nPhase, 1, "expiration", 0)
	}
}

func (r *realtime) value(dst *vital.Batch, b byte, status *[topics]vital.Status) {
	if r.ordered || r.mask == 0 {
		r.broken(dst, status)
		r.stray = true
		return
	}
	if !r.lowRead {
		r.low, r.lowRead = b&0x3f, true
		return
	}
	r.lowRead = false
	r.bins[r.bin] = uint16(b&0x3f)<<6 | uint16(r.low)
	r.bin++
	want := 0
	for m := r.mask; m != 0; m &= m - 1 {
		want++
	}
	if r.bin == want {
		r.open = false
		r.good++
		r.seen = true
		r.take(dst, status)
	}
}

// take puts the values of a whole record into the runs of their streams.
func (r *realtime) take(dst *vital.Batch, status *[topics]vital.Status) {
	k := 0
	for i := range r.streams[:r.active] {
		s := &r.streams[i]
		if r.mask&(1<<i) == 0 {
			if s.late++; s.late > s.lateMax {
				s.emit(dst, status)
			}
			continue
		}
		s.late = 0
		s.run[s.n] = int32(r.bins[k]) * s.step
		k++
		if s.n++; s.n == runLen {
			s.emit(dst, status)
		}
	}
}

// emit gives the samples that have come, if there are any.
func (s *stream) emit(dst *vital.Batch, status *[topics]vital.Status) {
	if s.n == 0 {
		return
	}
	w := dst.AddWave()
	w.Code, w.Unit, w.Rate = s.curve.code, s.curve.unit, s.rate
	w.Factor, w.Divisor, w.Zero = s.factor, s.divisor, s.zero
	w.Status = status[s.curve.topic] &^ vital.InAlarm
	w.Samples = append(w.Samples, s.run[:s.n]...)
	s.n = 0
}

func (r *realtime) flushRuns(dst *vital.Batch, status *[topics]vital.Status) {
	for i := range r.streams[:r.active] {
		r.streams[i].emit(dst, status)
	}
}

func (r *realtime) flush(dst *vital.Batch, status *[topics]vital.Status) {
	if r.open {
		r.bad++
	}
	r.flushRuns(dst, status)
	r.open, r.stray = false, false
}

const offerLen = 23

// offered reads the reply to 53 and chooses among what there is. Whatever the
// device sends from now on until it has a new configuration belongs to an old one.
func (r *realtime) offered(dst *vital.Batch, body []byte, status *[topics]vital.Status) bool {
	if len(body)%offerLen != 0 {
		return false
	}
	r.flushRuns(dst, status)
	r.chosen, r.active, r.sent = 0, 0, 0
	for _, name := range r.wanted {
		for p := body; len(p) > 0; p = p[offerLen:] {
			s, ok := parseOffer(p[:offerLen])
			if ok && s.curve.name == name && r.chosen < streamMax {
				r.streams[r.chosen] = s
				r.chosen++
				break
			}
		}
	}
	r.pace()
	return true
}

// pace finds how many records there may be between two values of a stream.
func (r *realtime) pace() {
	fastest := math.MaxInt
	for i := range r.streams[:r.chosen] {
		fastest = min(fastest, r.streams[i].interval*r.streams[i].every)
	}
	for i := range r.streams[:r.chosen] {
		s := &r.streams[i]
		s.lateMax = (s.interval*s.every+fastest-1)/fastest - 1
	}
}

// start begins with the streams that were chosen: the device accepted them.
func (r *realtime) start() {
	r.active = r.chosen
	for i := range r.streams[:r.active] {
		r.streams[i].n, r.streams[i].late = 0, 0
	}
}

// parseOffer reads code, interval in µs, least and greatest value and the bin of
// the greatest. Streams of which nothing is known are not ok.
func parseOffer(p []byte) (s stream, ok bool) {
	id, ok1 := hexByte(p)
	interval, ok2 := parseValue(p[2:10])
	least, ok3 := parseValue(p[10:15])
	most, ok4 := parseValue(p[15:20])
	hi, ok5 := hexDigit(p[20])
	lo, ok6 := hexByte(p[21:])
	s.id, s.curve = id, curveOf(id)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || s.curve.name == "" || interval.Exponent != 0 || interval.Mantissa <= 0 ||
		!interval.IsNumber() || !least.IsNumber() || !most.IsNumber() {
		return stream{}, false
	}
	s.interval = int(interval.Mantissa)
	s.every = min(max(1, (spacing+s.interval-1)/s.interval), 255)
	s.rate = rateOf(s.interval * s.every)
	return s, s.scale(least, most, int(hi)<<8|int(lo))
}

// scale finds whole numbers for value = least + bin × (most-least) ÷ maxBin.
func (s *stream) scale(least, most vital.Decimal, maxBin int) bool {
	exponent := min(least.Exponent, most.Exponent)
	lo, hi := scaled(least, exponent), scaled(most, exponent)
	span := hi - lo
	if span <= 0 || maxBin == 0 {
		return false
	}
	offset := lo * maxBin // value × maxBin = offset + bin × span
	unit := gcd(span, offset)
	step, zero := span/unit, -offset/unit
	if step*0xfff > math.MaxInt32 || zero > math.MaxInt32 || zero < math.MinInt32 {
		return false
	}
	k := gcd(unit, maxBin)
	s.step, s.zero = int32(step), int32(zero)
	s.factor, s.divisor = vital.Dec(unit/k, exponent), uint32(maxBin/k)
	return s.factor.IsNumber()
}

func scaled(d vital.Decimal, exponent int8) int {
	n := int(d.Mantissa)
	for e := d.Exponent; e > exponent; e-- {
		n *= 10
	}
	return n
}

func gcd(a, b int) int {
	if b < 0 {
		b = -b
	}
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// rateOf returns 10⁶/µs with at most seven digits, exactly where that is possible.
func rateOf(us int) vital.Decimal {
	n, exponent := 1_000_000, int8(0)
	for n%us != 0 && n/us*10 < vital.MaxMantissa-10 {
		n, exponent = n*10, exponent-1
	}
	return vital.Dec((n+us/2)/us, exponent)
}

// appendConfigure appends the argument of 54: code and multiple of each stream.
func (r *realtime) appendConfigure(dst []byte) []byte {
	for i := range r.streams[:r.chosen] {
		dst = appendHex(appendHex(dst, r.streams[i].id), byte(r.streams[i].every))
	}
	return dst
}

// appendEnable appends a record without values that switches streams on or off.
func (r *realtime) appendEnable(dst []byte, on bool) []byte {
	all := uint16(0)
	if on {
		all = 1<<r.active - 1
	}
	dst = append(dst, syncByte)
	for i := range byte(3) {
		if i > 0 && r.chosen <= int(i)*4 {
			break
		}
		dst = append(dst, syncOrder|(orderEnable+i), syncOrder|byte(all>>(4*i)&0x0f))
	}
	return append(dst, syncOrder, syncOrder)
}
