package vital

// plan orders the numerics of a batch into sections.
//
// Numerics of one metric form a group. Groups with exactly the same times share
// one section of columns, and so the times are written once: this is what a
// monitor that reports several values each second gives. Groups that are alone
// and have one or two values are rows, where a metric costs two bytes less,
// unless only one such group is left: rows cost three bytes to begin with.
type plan struct {
	sections []section
	order    []uint32 // indices of numerics as they are written
	groups   []group
	member   []uint32    // the numerics of each group, group after group
	of       []uint32    // the group of each numeric
	keys     []metricKey // dictionary of the rows being written or read
	index    []uint8     // index into keys of each row
}

type group struct {
	key   metricKey
	n     uint32 // members
	start uint32 // of its members in plan.member
	times uint64 // hash of the members' times
	done  bool   // written, or left for the rows
	rows  bool   // left for the rows
	seen  uint32 // number of the rows section that has its metric, from 1
}

// makePlan fills sections and order for the batch as it is now.
func (p *plan) makePlan(b *Batch) {
	p.sections, p.order = p.sections[:0], p.order[:0]
	if b.Label != "" {
		p.sections = append(p.sections, section{kind: kindLabel, n: 1})
	}
	p.group(b.Numerics)
	p.columns(b.Numerics)
	p.rows(len(b.Numerics))
	p.records(kindWave, len(b.Waves))
	p.records(kindEnumeration, len(b.Enumerations))
	p.records(kindAlert, len(b.Alerts))
	p.records(kindEvent, len(b.Events))
	p.records(kindDropped, len(b.Drops))
	p.records(kindHeartbeat, len(b.Heartbeats))
}

func (p *plan) records(kind uint8, n int) {
	if n > 0 {
		p.sections = append(p.sections, section{kind: kind, n: uint32(n)})
	}
}

// group finds the groups in the order of their first numerics, and their members.
func (p *plan) group(numerics []Numeric) {
	p.groups = p.groups[:0]
	p.of, p.member = resize(p.of, len(numerics)), resize(p.member, len(numerics))
	last := 0
	for i := range numerics {
		last = p.find(numerics[i].key(), last)
		g := &p.groups[last]
		g.n++
		g.times = (g.times ^ numerics[i].Time) * 0x9e3779b97f4a7c15
		g.times ^= g.times >> 29
		p.of[i] = uint32(last)
	}
	var start uint32
	for i := range p.groups {
		p.groups[i].start = start
		start += p.groups[i].n
		p.groups[i].n = 0
	}
	for i, of := range p.of {
		g := &p.groups[of]
		p.member[g.start+g.n] = uint32(i)
		g.n++
	}
}

// resize returns s with n items, of which those that s had are kept.
func resize(s []uint32, n int) []uint32 {
	if n <= cap(s) {
		return s[:n]
	}
	grown := make([]uint32, n, max(n, 2*cap(s)))
	copy(grown, s)
	return grown
}

// find returns the group with the key, made if there is none. Devices report
// their metrics in turn, so the search begins after the group found last.
func (p *plan) find(key metricKey, last int) int {
	for i := last + 1; i < len(p.groups); i++ {
		if p.groups[i].key == key {
			return i
		}
	}
	for i := 0; i <= last && i < len(p.groups); i++ {
		if p.groups[i].key == key {
			return i
		}
	}
	p.groups = append(p.groups, group{key: key})
	return len(p.groups) - 1
}

func (p *plan) columns(numerics []Numeric) {
	lone, loneN := 0, uint32(0)
	for i := range p.groups {
		g := &p.groups[i]
		if g.done {
			continue
		}
		k := p.share(numerics, i)
		if k == 1 && g.n <= maxLone {
			g.done, g.rows = true, true
			lone, loneN = i, loneN+1
			continue
		}
		p.write(i, k)
	}
	if loneN == 1 {
		p.groups[lone].rows = false
		p.write(lone, 1)
	}
}

// maxLone is the most values of a metric with times of its own that go into rows.
const maxLone = 2

// share marks the groups after group i that have the same times as done, and
// returns their number with group i.
func (p *plan) share(numerics []Numeric, i int) uint32 {
	g, k := &p.groups[i], uint32(1)
	for j := i + 1; j < len(p.groups); j++ {
		o := &p.groups[j]
		if !o.done && o.n == g.n && o.times == g.times && p.sameTimes(numerics, g, o) {
			o.done = true
			o.seen = uint32(i) + 1 // belongs to the columns of group i
			k++
		}
	}
	g.done = true
	return k
}

func (p *plan) sameTimes(numerics []Numeric, a, b *group) bool {
	for i := uint32(0); i < a.n; i++ {
		if numerics[p.member[a.start+i]].Time != numerics[p.member[b.start+i]].Time {
			return false
		}
	}
	return true
}

// write orders the numerics of group i and of those that share its times, k
// groups in all, time by time, as Decode gives them back.
func (p *plan) write(i int, k uint32) {
	g := &p.groups[i]
	p.sections = append(p.sections, section{kindMoment, g.n, k})
	at, column := len(p.order), 0
	p.order = resize(p.order, at+int(g.n*k))
	for j := i; j < len(p.groups) && column < int(k); j++ {
		o := &p.groups[j]
		if j != i && o.seen != uint32(i)+1 {
			continue
		}
		for row, i := range p.member[o.start : o.start+o.n] {
			p.order[at+row*int(k)+column] = i
		}
		column++
	}
}

// rows writes what is left in the order in which it was recorded, in as many
// sections as the size of their dictionaries asks for.
func (p *plan) rows(numerics int) {
	for i := range p.groups {
		p.groups[i].seen = 0
	}
	var sections, metrics uint32
	for i := range numerics {
		g := &p.groups[p.of[i]]
		if !g.rows {
			continue
		}
		if sections == 0 || g.seen != sections && metrics == maxMetrics {
			p.sections = append(p.sections, section{kind: kindRows})
			sections++
			metrics = 0
		}
		if g.seen != sections {
			g.seen = sections
			metrics++
		}
		p.sections[len(p.sections)-1].n++
		p.order = append(p.order, uint32(i))
	}
}

// layoutFits reports whether the sections that were decoded still hold exactly
// what the batch has now, in its order.
func (b *Batch) layoutFits() bool {
	if len(b.layout) == 0 {
		return false
	}
	var have [kinds]int
	next := 0
	for _, s := range b.layout {
		n := int(s.n)
		switch s.kind {
		case kindRows, kindMoment:
			if s.kind == kindMoment {
				n *= int(s.k)
			}
			if n > len(b.Numerics)-next || !b.scratch.holds(s, b.Numerics[next:next+n]) {
				return false
			}
			next += n
		default:
			have[s.kind] += n
		}
	}
	label := 0
	if b.Label != "" {
		label = 1
	}
	return next == len(b.Numerics) && have[kindLabel] == label &&
		have[kindWave] == len(b.Waves) && have[kindEnumeration] == len(b.Enumerations) &&
		have[kindAlert] == len(b.Alerts) && have[kindEvent] == len(b.Events) &&
		have[kindDropped] == len(b.Drops) && have[kindHeartbeat] == len(b.Heartbeats)
}

// holds reports whether the numerics can be written as section s.
func (p *plan) holds(s section, numerics []Numeric) bool {
	if s.kind == kindRows {
		return p.dictionary(numerics, nil)
	}
	k := int(s.k)
	for i := range numerics {
		row, column := i-i%k, i%k
		if numerics[i].Time != numerics[row].Time || numerics[i].key() != numerics[column].key() {
			return false
		}
	}
	return true
}

// dictionary fills keys and index for rows of the numerics, taken in the order
// given or, if that is nil, in their own. It reports false if there are too many
// metrics.
func (p *plan) dictionary(numerics []Numeric, order []uint32) bool {
	p.keys, p.index = p.keys[:0], p.index[:0]
	n, last := len(order), 0
	if order == nil {
		n = len(numerics)
	}
	for i := range n {
		at := i
		if order != nil {
			at = int(order[i])
		}
		last = p.metric(numerics[at].key(), last)
		if last >= maxMetrics {
			return false
		}
		p.index = append(p.index, uint8(last))
	}
	return true
}

func (p *plan) metric(key metricKey, last int) int {
	for i := last + 1; i < len(p.keys); i++ {
		if p.keys[i] == key {
			return i
		}
	}
	for i := 0; i <= last && i < len(p.keys); i++ {
		if p.keys[i] == key {
			return i
		}
	}
	p.keys = append(p.keys, key)
	return len(p.keys) - 1
}

// keepLayout takes the sections as decoded for a plan; they fit.
func (p *plan) keepLayout(b *Batch) {
	p.sections, p.order = append(p.sections[:0], b.layout...), p.order[:0]
	for i := range b.Numerics {
		p.order = append(p.order, uint32(i))
	}
}
