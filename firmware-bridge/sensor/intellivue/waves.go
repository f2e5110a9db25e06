package intellivue

import (
	"fmt"
	"math"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// labels are the waves that can be asked for: a label is the wave's code.
var labels = [...]struct {
	name  string
	label vital.Code
}{
	{"ecg", vital.ECG}, {"ecg-i", vital.ECGLeadI}, {"ecg-ii", vital.ECGLeadII}, {"ecg-iii", vital.ECGLeadIII},
	{"ecg-avr", vital.ECGLeadAVR}, {"ecg-avl", vital.ECGLeadAVL}, {"ecg-avf", vital.ECGLeadAVF}, {"ecg-v", vital.ECGLeadV},
	{"ecg-v1", 0x20103}, {"ecg-v2", 0x20104}, {"ecg-v3", 0x20105}, {"ecg-v4", 0x20106}, {"ecg-v5", 0x20107}, {"ecg-v6", 0x20108},
	{"pleth", vital.Pleth}, {"resp", vital.Resp}, {"abp", vital.ABP}, {"art", 0x24a10}, {"pap", 0x24a1c}, {"cvp", 0x24a44},
	{"icp", 0x25808}, {"co2", 0x250ac}, {"o2", 0x25164}, {"paw", 0x250f0}, {"flow", 0x250d4},
}

var defaultWaves = [...]string{"ecg-ii", "pleth", "resp", "abp", "art", "co2"}

const (
	lastECG   = vital.ECGLeadV // codes of ECG leads are the first of the partition
	maxECG    = 3
	maxOthers = 8
)

func waveLabel(name string) (vital.Code, bool) {
	for _, l := range labels {
		if l.name == name {
			return l.label, true
		}
	}
	return 0, false
}

func waveNames() []string {
	var names []string
	for _, l := range labels {
		names = append(names, l.name)
	}
	return names
}

// checkCount refuses what the monitor would leave out without saying so.
func checkCount(wanted []vital.Code) error {
	ecg := 0
	for _, l := range wanted {
		if l <= lastECG {
			ecg++
		}
	}
	if ecg > maxECG || len(wanted)-ecg > maxOthers {
		return fmt.Errorf("intellivue: %d ECG and %d other waves: at most %d and %d", ecg, len(wanted)-ecg, maxECG, maxOthers)
	}
	return nil
}

// shape is what describes the samples of an object.
type shape struct {
	object id
	period uint32 // of a sample, in 1/8 ms; 0: not told yet
	size   uint8  // bits of a sample; 0: not told yet
	mask   uint16 // of the bits that are significant
	wrong  uint16 // bits that are all set in a sample that is invalid; 0: none
	unit   vital.Unit
	scale  scale
}

// progress is up to where samples of a wave came. Leads of an ECG are one object.
type progress struct {
	object id
	physio uint16
	next   uint32 // when the first sample that is not here yet was taken, in 1/8 ms
}

// waves are the objects that are waves. When all places are in use the oldest is
// replaced: monitors have eleven.
type waves struct {
	shapes   [32]shape
	progress [64]progress
	n, m     int
	running  bool // results come by themselves
	unknown  bool // samples came of an object that was not described
}

func (w *waves) forget() { w.n, w.m, w.running, w.unknown = 0, 0, false, false }

func (w *waves) find(object id) *shape {
	for i := range w.shapes[:min(w.n, len(w.shapes))] {
		if w.shapes[i].object == object {
			return &w.shapes[i]
		}
	}
	return nil
}

func (w *waves) make(object id) *shape {
	s := w.find(object)
	if s == nil {
		s = &w.shapes[w.n%len(w.shapes)]
		*s = shape{object: object}
		w.n++
		if w.n == 2*len(w.shapes) {
			w.n = len(w.shapes)
		}
	}
	return s
}

// wave reads the attributes of a wave object: what describes it before samples.
func (d *Decoder) wave(dst *vital.Batch, reply *reply, object id, attributes reader, n int) {
	for r, i := attributes, 0; i < n; i++ {
		switch kind, v := r.attribute(); kind {
		case attrPeriod, attrArraySpec, attrScale, attrUnit, attrFixed:
			d.waves.make(object).describe(kind, v)
		}
	}
	if reply.sequence > 0 {
		d.waves.running = true
	} else if d.waves.running {
		return // these samples come by themselves too
	}
	for range n {
		switch kind, v := attributes.attribute(); kind {
		case attrArray:
			d.array(dst, reply, object, &v)
		case attrArrays:
			m, arrays := v.list()
			for range m {
				if !d.array(dst, reply, object, &arrays) {
					break
				}
			}
		}
	}
}

func (s *shape) describe(kind uint16, v reader) {
	switch {
	case kind == attrPeriod && len(v.p) == 4:
		s.period = v.u32()
	case kind == attrUnit && len(v.p) == 2:
		s.unit = unitOf(v.u16())
	case kind == attrArraySpec && len(v.p) == 6:
		v.u16() // at most so many samples
		size, significant := v.u8(), v.u8()
		s.size = 0
		if (size == 8 || size == 16) && significant > 0 && significant <= size {
			s.size, s.mask = size, uint16(1<<significant-1)
		}
	case kind == attrScale && len(v.p) == 12:
		s.scale = scaleOf(float(v.u32()), float(v.u32()), int(v.u16()), int(v.u16()))
	case kind == attrFixed:
		s.fixed(v)
	}
}

const fixedInvalid = 1

func (s *shape) fixed(v reader) {
	n, list := v.list()
	s.wrong = 0
	for range n {
		kind, value := list.u16(), list.u16()
		if list.bad {
			return
		}
		if kind == fixedInvalid {
			s.wrong = value
		}
	}
}

// array takes one observed value; false if it is not whole.
func (d *Decoder) array(dst *vital.Batch, reply *reply, object id, r *reader) bool {
	physio, state := r.u16(), r.u16()
	data := r.part()
	if data.bad {
		return false
	}
	s := d.waves.find(object)
	if s == nil || s.period == 0 || s.size == 0 {
		d.waves.unknown = true
		return true
	}
	status := d.status(state)
	n := uint32(len(data.p)) * 8 / uint32(s.size)
	gap, again := d.waves.follow(object, physio, reply.at, n*s.period)
	if physio == 0 || n == 0 || again || status&vital.NotAvailable != 0 {
		return true
	}
	if gap {
		status |= vital.SignalProcessing
	}
	s.samples(dst, code(physio), status, data.p)
	return true
}

// follow tells whether samples are missing before an array that began at a time
// and lasts for a span, or whether the array was here before. A difference below
// half an array is the clock's.
func (w *waves) follow(object id, physio uint16, at, span uint32) (gap, again bool) {
	p := w.progressOf(object, physio)
	if p == nil {
		p = &w.progress[w.m%len(w.progress)]
		w.m++
		if w.m == 2*len(w.progress) {
			w.m = len(w.progress)
		}
		*p = progress{object, physio, at + span}
		return false, false
	}
	late, half := int64(int32(at-p.next)), int64(span)/2
	if late <= -half && late >= -3*half && span > 0 {
		return false, true
	}
	p.next = at + span
	return late > half || late < -half, false
}

func (w *waves) progressOf(object id, physio uint16) *progress {
	for i := range w.progress[:min(w.m, len(w.progress))] {
		if p := &w.progress[i]; p.object == object && p.physio == physio {
			return p
		}
	}
	return nil
}

// samples appends a wave for every run of samples that are not marked as invalid.
func (s *shape) samples(dst *vital.Batch, c vital.Code, status vital.Status, p []byte) {
	var out *vital.Wave
	width := int(s.size / 8)
	for ; len(p) >= width; p = p[width:] {
		raw := uint16(p[0])
		if width == 2 {
			raw = raw<<8 | uint16(p[1])
		}
		if s.wrong != 0 && raw&s.wrong == s.wrong {
			out = nil
			continue
		}
		if out == nil {
			out = dst.AddWave()
			out.Code, out.Unit, out.Rate, out.Status = c, s.unit, rateOf(s.period), status
			out.Factor, out.Divisor, out.Zero = s.scale.factor, s.scale.divisor, s.scale.zero
		}
		out.Samples = append(out.Samples, int32(raw&s.mask)*max(s.scale.step, 1))
	}
}

// scale is that of a vital.Wave; samples are multiplied by step before, so that
// the zero is a whole number. A factor of 0 means that there is none.
type scale struct {
	factor     vital.Decimal
	divisor    uint32
	zero, step int32
}

// scaleOf finds whole numbers for
// value = least + (sample - lower) × (most - least) ÷ (upper - lower).
func scaleOf(least, most vital.Decimal, lower, upper int) scale {
	n := int64(upper) - int64(lower)
	if !least.IsNumber() || !most.IsNumber() || n <= 0 {
		return scale{}
	}
	exponent := min(least.Exponent, most.Exponent)
	lo, ok := scaled(least, exponent)
	hi, also := scaled(most, exponent)
	span := hi - lo
	if !ok || !also || span <= 0 {
		return scale{}
	}
	offset := lo*n - int64(lower)*span // value × n = offset + sample × span
	unit := gcd(span, offset)
	k := gcd(unit, n)
	step, zero := span/unit, -offset/unit
	if step > math.MaxInt32>>16 || zero > math.MaxInt32 || zero < math.MinInt32 || unit/k > vital.MaxMantissa {
		return scale{}
	}
	return scale{vital.Dec(int(unit/k), exponent), uint32(n / k), int32(zero), int32(step)}
}

// scaled returns the mantissa of d at a lower exponent, if it is not too long.
func scaled(d vital.Decimal, exponent int8) (int64, bool) {
	n := int64(d.Mantissa)
	for e := int(d.Exponent); e > int(exponent) && n != 0; e-- {
		if n *= 10; n > 1e12 || n < -1e12 {
			return 0, false
		}
	}
	return n, true
}

func gcd(a, b int64) int64 {
	if b < 0 {
		b = -b
	}
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

const ticks = 8000 // of running time in a second

// rateOf returns 8000 ÷ period with at most seven digits, exactly where that is
// possible.
func rateOf(period uint32) vital.Decimal {
	n, exponent, p := uint64(ticks), int8(0), uint64(period)
	for (n%p != 0 || n < p) && n/p*10 < vital.MaxMantissa-10 && exponent > -20 {
		n, exponent = n*10, exponent-1
	}
	return vital.Dec(int((n+p/2)/p), exponent)
}
