package bbraun

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

const (
	simTick  = 50 * time.Millisecond
	simBytes = 48 // that 9600 baud carry in a tick
	simBed   = "ComSystem"
	simSince = 206 // seconds for which it was on before
)

// Simulator speaks the side of a ComDevice with two pumps, an Infusomat at 11 and a
// Perfusor at 13, with stuffing. Nothing of the patient changes a pump but a low
// battery: volumes follow from the rates and the time, and a bag or syringe that is
// empty is replaced. It is strict: an ACK within 0.1 s and a MEM:GET within 0.5 s
// are not answered, and nothing but the four requests is understood.
type Simulator struct {
	source sim.Source
	tick   int64
	out    []byte // what the line has not carried yet

	in       []byte
	open     bool
	blocks   [][]byte
	sentAt   time.Duration // the last byte of the last block went out
	answered time.Duration // the last answer was acknowledged
	refused  []string
}

// Simulate returns a device that was switched on a while ago.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s, answered: -beforeGet} }

// Refused returns what the host sent that the device did not understand, or not yet.
func (s *Simulator) Refused() []string { return s.refused }

// Next appends what the line carries in the next 50 ms.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	n := min(simBytes, len(s.out))
	dst = append(dst, s.out[:n]...)
	s.out = append(s.out[:0], s.out[n:]...)
	if n > 0 {
		s.sentAt = time.Duration(s.tick) * simTick
	}
	s.tick++
	return dst, simTick
}

// Answer takes what the host sends. The answer goes out with Next, at the speed of
// the line.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		switch {
		case b == soh:
			s.in, s.open = append(s.in[:0], b), true
		case s.open && b == eot:
			s.open = false
			s.hear(append(s.in, b), now)
		case s.open && len(s.in) < 256:
			s.in = append(s.in, b)
		case b == ack:
			s.acknowledged(now)
		case b == nak:
			s.send()
		default:
			s.refuse("%#x", b)
		}
	}
	return dst
}

func (s *Simulator) refuse(format string, args ...any) {
	if len(s.refused) < 100 {
		s.refused = append(s.refused, fmt.Sprintf(format, args...))
	}
}

// acknowledged sends the next block.
func (s *Simulator) acknowledged(now time.Duration) {
	if now-s.sentAt < beforeAck {
		s.refuse("ACK after %v", now-s.sentAt)
		return
	}
	if len(s.blocks) > 0 {
		s.blocks = s.blocks[1:]
	}
	if len(s.blocks) == 0 {
		s.answered = now
	}
	s.send()
}

func (s *Simulator) send() {
	if len(s.blocks) > 0 && len(s.out) == 0 {
		s.out = append(s.out, s.blocks[0]...)
	}
}

// hear takes a request.
func (s *Simulator) hear(p []byte, now time.Duration) {
	plain, ok := destuff(nil, p)
	m, right := parse(plain)
	at := simSince + int(now/time.Second)
	head := fmt.Sprintf("%d,50100,", at)
	switch {
	case !ok || !right:
		s.refuse("%q", p)
		s.answer(head + "GNERR,68")
	case string(m.bed) == "1" && string(m.text) == "ADMIN:ALIVE":
		s.answer(head + "GNACK,0")
	case string(m.bed) != simBed:
		s.refuse("bed %q", m.bed)
		s.answer(head + "GNERR,68")
	case string(m.text) == "ADMIN:VERSION":
		s.answer(head + "V3.30")
	case string(m.text) == "MEM:GET":
		if now-s.answered < beforeGet {
			s.refuse("MEM:GET after %v", now-s.answered)
			return
		}
		s.answer(s.rack(at)+s.pump(at, 0), s.pump(at, 1))
	case bytes.HasPrefix(m.text, []byte("MEM:GETSLOT#")):
		s.slot(string(m.text[len("MEM:GETSLOT#"):]), at)
	default:
		s.refuse("%q", m.text)
		s.answer(head + "GNERR,68")
	}
}

func (s *Simulator) slot(xy string, at int) {
	for i, p := range simPumps {
		if p.slot == xy {
			s.answer(s.rack(at) + s.pump(at, i))
			return
		}
	}
	s.answer(fmt.Sprintf("%d,501%s,GNERR,811", at, xy))
}

// answer prepares the blocks of an answer, and sends the first.
func (s *Simulator) answer(texts ...string) {
	s.blocks, s.out = nil, nil
	for i, t := range texts {
		end := byte(etb)
		if i == len(texts)-1 {
			end = etx
		}
		s.blocks = append(s.blocks, appendStuffed(nil, appendMessage(nil, []byte(simBed), bytes.TrimSuffix([]byte(t), []byte{rs}), end)))
	}
	s.send()
}

func (s *Simulator) rack(at int) string {
	return fmt.Sprintf("%[1]d,50100,FMNOR,1\x1e%[1]d,50100,FMSTAT,00051\x1e%[1]d,50100,FMDONGLE,T\x1e%[1]d,50100,FMBANY,_NV\x1e"+
		"%[1]d,50100,FMRT,FMS1NSNS\x1e%[1]d,50100,FMRSTAT,00051\x1e", at)
}

type simPump struct {
	slot, model, serial string
	long, short         string
	rate, size          float64 // mL/h, mL
}

var simPumps = [...]simPump{
	{"11", "686L030007", "61834", "Ringer", "Ringer", 60, 500},
	{"13", "688F030006", "40864", "Arterenol4mg/50", "Arteren\ue021", 3, 50},
}

// pump is the block of a pump.
func (s *Simulator) pump(at, i int) string {
	p := simPumps[i]
	seconds := float64(at)
	given := p.rate * seconds / 3600
	used := given - p.size*float64(int(given/p.size))
	left := p.size - used
	battery := 0
	if s.source.Vitals(time.Duration(at-simSince) * time.Second).LowBattery {
		battery = 1
	}
	var b []byte
	for _, q := range [...][2]string{
		{"GNMODEL", p.model}, {"INRT", fmt.Sprintf("%.2f", p.rate)}, {"INSOL", p.long}, {"INSOLSN", p.short}, {"INSOLID", "_NV"},
		{"INVOLACT", fmt.Sprintf("%.2f", left)}, {"INRMT", fmt.Sprintf("%.0f", left/p.rate*3600)}, {"INDOCAL", "0"}, {"INDCON", "0"},
		{"INDCONU", "32"}, {"INDORT", "0"}, {"INDORTU", "50"}, {"INVI", fmt.Sprintf("%.1f", min(given, 9999.9))},
		{"INTIME", fmt.Sprintf("%d", min(at/60, 6000))}, {"INBORT", "800.00"}, {"INP1", "4"}, {"INP2", "35"}, {"INSTBY", "0"},
		{"INSERNUM", p.serial}, {"DSSTATUS", "00051"}, {"INBOVAL", "0.0"}, {"INBOCNT", "0"}, {"INM1", "0"}, {"INM2", "0"}, {"INM3", "1"},
		{"INM4", "_NV"}, {"INM5", "1"}, {"INM6", "0"}, {"INM7", "0"}, {"INM8", fmt.Sprint(1 - battery)}, {"INM9", "_NV"}, {"INM10", "0"},
		{"INM12", "0"}, {"INA1", "0"}, {"INA2", "0"}, {"INA3", "0"}, {"INA11", fmt.Sprint(battery)}, {"INA12", "0"}, {"INA15", "0"},
	} {
		b = fmt.Appendf(b, "%d,501%s,%s,%s\x1e", at, p.slot, q[0], q[1])
	}
	return string(b)
}
