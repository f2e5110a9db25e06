package intellivue

import (
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	simMTU     = 400 // less than a host may want, so that results are linked
	simTimeout = 10 * time.Second
	simRepeat  = 3 * time.Second        // of the report that is not confirmed
	simSecond  = time.Second            // between results of numerics and alerts
	simArray   = 256 * time.Millisecond // between results of waves
	simContext = 4                      // results of waves between two of context
	simIdle    = 100 * time.Millisecond
	simQueue   = 64 << 10
)

// simClock is when a simulated monitor believes that it was switched on.
var simClock = time.Date(2021, 5, 4, 10, 20, 0, 0, time.UTC)

// Simulator speaks the side of a monitor with ECG, oximeter, breathing, NIBP and
// a temperature. It checks what the host sends to the last byte: it refuses an
// association that is not well formed, answers a request that is not with an error,
// ignores all until its introduction is confirmed, and ends the association after
// ten seconds in which it heard nothing.
type Simulator struct {
	source sim.Source
	in     frames
	out    []byte

	associated bool
	confirmed  bool
	numerics   bool // what was asked for in the association
	waves      bool
	mtu        int
	invoke     uint16 // of the introduction
	hostAt     time.Duration
	repeatAt   time.Duration
	repeats    int
	wanted     []uint16 // physiological ids
	polls      [3]simPoll
	singles    [4]simSingle
	now        time.Duration
}

// simPoll is what results are sent for by themselves.
type simPoll struct {
	on             bool
	invoke, number uint16
	class, group   uint16
	sequence       uint16
	next, until    time.Duration
}

// simSingle bounds the rate of single polls of a class.
type simSingle struct {
	class uint16
	last  time.Duration
}

// Simulate returns a monitor that was just switched on.
func Simulate(s sim.Source) *Simulator {
	return &Simulator{source: s, wanted: simDefault()}
}

func simDefault() []uint16 {
	return []uint16{vital.ECGLeadII.Term(), vital.Pleth.Term(), vital.Resp.Term()}
}

// Next appends what the monitor sends by itself.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	now := s.now
	s.timers(now)
	for i := range s.polls {
		p := &s.polls[i]
		for p.on && p.next <= now {
			s.periodic(p)
		}
	}
	dst = append(dst, s.out...)
	s.out = s.out[:0]
	wait := simIdle
	for _, p := range s.polls {
		if p.on {
			wait = min(wait, p.next-now)
		}
	}
	s.now += wait
	return dst, wait
}

func (s *Simulator) timers(now time.Duration) {
	switch {
	case !s.associated:
	case now-s.hostAt >= simTimeout:
		s.say([]byte(abort))
		s.leave()
	case !s.confirmed && s.repeats < 3 && now >= s.repeatAt:
		s.introduce(now)
	}
}

func (s *Simulator) leave() {
	*s = Simulator{source: s.source, in: s.in, out: s.out, wanted: simDefault(), now: s.now}
}

func (s *Simulator) say(message []byte) {
	if len(s.out) < simQueue {
		s.out = appendFrame(s.out, message)
	}
}

// Answer takes what the host sends.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		if message := s.in.next(b); len(message) > 0 {
			s.hear(message, now)
		}
	}
	dst = append(dst, s.out...)
	s.out = s.out[:0]
	return dst
}

func (s *Simulator) hear(p []byte, now time.Duration) {
	s.hostAt = now
	switch p[0] {
	case requested:
		s.associate(p, now)
	case releaseAsked:
		if string(p) == releaseRequest && s.associated {
			s.leave()
			s.say([]byte(releaseAnswer))
		}
	case aborted:
		s.leave()
	case dataExport:
		if s.associated {
			s.operation(p, now)
		}
	}
}

// associate accepts one host at a time, if it asks as it should.
func (s *Simulator) associate(p []byte, now time.Duration) {
	size, options, ok := parseUserInfo(after(p, requestHeader))
	again := appendAssociation(nil, requested, requestHeader, systemClient, size, options)
	if s.associated || !ok || string(again) != string(p) || size < mtuMin {
		s.say([]byte(refusal))
		return
	}
	s.associated, s.confirmed = true, false
	s.mtu = int(min(size, simMTU))
	s.numerics, s.waves = options&optNumerics != 0, options&optWaves != 0
	s.say(appendAssociation(nil, accepted, acceptHeader, systemServer, uint32(s.mtu), options))
	s.introduce(now)
}

// introduce sends the report that the host must confirm.
func (s *Simulator) introduce(now time.Duration) {
	s.repeats++
	s.repeatAt = now + simRepeat
	s.invoke = uint16(s.repeats)
	var w writer
	outer, inner := w.operation(roInvoke, s.invoke, cmdConfirmedEvent)
	w.u16(classMDS, 0, 0)
	w.u32(s.running(now))
	w.u16(eventCreated)
	report := w.open()
	w.u16(classMDS, 0, 0)
	s.system(&w, now, false)
	w.close(report)
	w.close(inner)
	w.close(outer)
	s.say(w)
}

// running is the monitor's time in 1/8 ms.
func (s *Simulator) running(now time.Duration) uint32 {
	return uint32(now / (125 * time.Microsecond))
}

// operation takes what the host asks for.
func (s *Simulator) operation(p []byte, now time.Duration) {
	r := reader{p: p}
	session, context, kind := r.u16(), r.u16(), r.u16()
	body := r.part()
	invoke, command := body.u16(), body.u16()
	data := body.part()
	if session != dataExport<<8 || context != dataContext || data.bad || len(r.p) > 0 || len(body.p) > 0 {
		return
	}
	switch {
	case kind == roResult && command == cmdConfirmedEvent:
		o, _, event, n := data.object(), data.u32(), data.u16(), data.u16()
		if o == (object{class: classMDS}) && event == eventCreated && n == 0 && !data.bad && len(data.p) == 0 && invoke == s.invoke {
			s.confirmed = true
		}
	case kind != roInvoke || !s.confirmed:
	case command == cmdAction:
		s.action(invoke, &data, now)
	case command == cmdConfirmedSet:
		s.set(invoke, &data)
	default:
		s.fail(invoke, errNoAction)
	}
}

// Errors of remote operations.
const (
	errNoClass  = 0
	errNoObject = 1
	errNoSet    = 8
	errNoAction = 9
	errArgument = 15
)

func (s *Simulator) fail(invoke, reason uint16) {
	var w writer
	w.u16(dataExport<<8, dataContext, roError, 6, invoke, reason, 0)
	s.say(w)
}

// action takes a poll: single, or for a time.
func (s *Simulator) action(invoke uint16, r *reader, now time.Duration) {
	o, scope, action := r.object(), r.u32(), r.u16()
	data := r.part()
	number, partition, class, group := data.u16(), data.u16(), data.u16(), data.u16()
	p := simPoll{on: true, invoke: invoke, number: number, class: class, group: group}
	var span uint32
	if action == actPollExt {
		n, extra := data.list()
		for range n {
			kind, v := extra.attribute()
			if kind != attrActive || len(v.p) != 4 {
				data.bad = true
			}
			span = v.u32()
		}
		data.bad = data.bad || extra.bad || len(extra.p) > 0
	}
	switch {
	case data.bad || len(data.p) > 0 || len(r.p) > 0 || scope != 0 || partition != partObject:
		s.fail(invoke, errArgument)
	case o != object{class: classMDS}:
		s.fail(invoke, errNoObject)
	case class != classMDS && class != classNumeric && class != classAlerts && class != classWave:
		s.fail(invoke, errNoClass)
	case action == actPoll:
		s.single(&p, now)
	case action == actPollExt && s.allowed(class):
		s.extended(&p, span, now)
	default:
		s.fail(invoke, errNoAction)
	}
}

func (s *Simulator) allowed(class uint16) bool {
	return class == classWave && s.waves || class != classWave && class != classMDS && s.numerics
}

// single answers at most one poll a second for a class, and one more for values.
func (s *Simulator) single(p *simPoll, now time.Duration) {
	if p.class != classNumeric || p.group != groupValues {
		for i := range s.singles {
			x := &s.singles[i]
			if x.class != 0 && x.class != p.class {
				continue
			}
			if x.class == p.class && now-x.last < simSecond {
				return
			}
			*x = simSingle{p.class, now}
			break
		}
	}
	s.result(p, actPoll, s.describe(p, now), now)
}

// extended answers at once and, if the poll is for a time, then by itself.
func (s *Simulator) extended(p *simPoll, span uint32, now time.Duration) {
	var objects []simObject
	p.next, p.until = now+simSecond, now+time.Duration(span)*125*time.Microsecond
	if p.class == classWave {
		p.next = now + simArray
	} else {
		objects = s.describe(p, now)
	}
	s.result(p, actPollExt, objects, now)
	if span == 0 {
		return
	}
	for i := range s.polls {
		old := &s.polls[i]
		if old.on && old.class == p.class && old.group == p.group { // goes on in step
			old.invoke, old.number, old.until = p.invoke, p.number, p.until
			return
		}
		if !old.on {
			*old = *p
			return
		}
	}
}

// periodic sends a result that is due.
func (s *Simulator) periodic(p *simPoll) {
	if p.next > p.until {
		p.on = false
		return
	}
	if p.sequence++; p.sequence == 0 {
		p.sequence = 1
	}
	at, step := p.next, simSecond
	var objects []simObject
	if p.class == classWave {
		at, step = p.next-simArray, simArray
		objects = s.arrays(p, at)
	} else {
		objects = s.describe(p, at)
	}
	p.next += step
	s.result(p, actPollExt, objects, at)
}

// set takes the waves that the host wants. Those that there are not are left out
// without a word.
func (s *Simulator) set(invoke uint16, r *reader) {
	o, scope := r.object(), r.u32()
	n, list := r.list()
	operator := list.u16()
	kind, v := list.attribute()
	m, values := v.list()
	if o != (object{class: classMDS}) || scope != 0 || n != 1 || list.bad || len(list.p) > 0 || len(r.p) > 0 ||
		operator != 0 || kind != attrWavesWanted || v.bad || len(v.p) > 0 || len(values.p) != 4*m {
		s.fail(invoke, errNoSet)
		return
	}
	s.wanted = s.wanted[:0]
	for range m {
		label := values.u32()
		for _, have := range simDefault() {
			if label == uint32(code(have)) {
				s.wanted = append(s.wanted, have)
			}
		}
	}
	var w writer
	outer, inner := w.operation(roResult, invoke, cmdConfirmedSet)
	w.u16(classMDS, 0, 0, 1)
	attributes := w.open()
	w.u16(attrWavesWanted)
	value := w.open()
	w.u16(uint16(len(s.wanted)), uint16(4*len(s.wanted)))
	for _, x := range s.wanted {
		w.u32(uint32(code(x)))
	}
	w.close(value)
	w.close(attributes)
	w.close(inner)
	w.close(outer)
	s.say(w)
}

// result sends a poll's result, linked if it does not fit into one message.
func (s *Simulator) result(p *simPoll, action uint16, objects []simObject, at time.Duration) {
	const head = 60
	count, first := byte(0), 0
	size := 0
	for i := range objects {
		if n := len(objects[i].attributes) + 2; size+n > s.mtu-head && i > first {
			count++
			state := byte(2)
			if count == 1 {
				state = 1
			}
			s.message(p, action, objects[first:i], at, state, count)
			first, size = i, 0
		}
		size += len(objects[i].attributes) + 2
	}
	if count > 0 { // all but the last of them are linked, and the last is empty
		s.message(p, action, objects[first:], at, 3, count+1)
		first = len(objects)
	}
	s.message(p, action, objects[first:], at, 0, 0)
}

// message sends one of the messages of a result; state 0 is the last.
func (s *Simulator) message(p *simPoll, action uint16, objects []simObject, at time.Duration, state, count byte) {
	var w writer
	w.u16(dataExport<<8, dataContext)
	if state == 0 {
		w.u16(roResult)
	} else {
		w.u16(roLinked)
	}
	outer := w.open()
	if state != 0 {
		w.u8(state, count)
	}
	w.u16(p.invoke, cmdAction)
	inner := w.open()
	w.u16(classMDS, 0, 0, action)
	data := w.open()
	w.u16(p.number)
	if action == actPollExt {
		w.u16(p.sequence)
	}
	w.u32(s.running(at), math.MaxUint32, math.MaxUint32)
	w.u16(partObject, p.class, p.group)
	s.contexts(&w, objects)
	w.close(data)
	w.close(inner)
	w.close(outer)
	s.say(w)
}

func (s *Simulator) contexts(w *writer, objects []simObject) {
	if len(objects) == 0 {
		w.u16(0, 0)
		return
	}
	w.u16(1)
	contexts := w.open()
	w.u16(0, uint16(len(objects)))
	list := w.open()
	for _, o := range objects {
		w.u16(o.handle)
		w.u8(o.attributes...)
	}
	w.close(list)
	w.close(contexts)
}
