package alaris

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
)

const (
	simTick   = 10 * time.Millisecond
	simBytes  = 38 // that 38400 baud carry in a tick
	simSerial = "8002-51733"
	simRate   = 6.0 // mL/h
)

// Simulator speaks the side of a pump that infuses 6 mL/h since it was switched on.
// Of the patient only a low battery shows, as an alarm; the pressure follows from the
// time. Questions with a wrong CRC are not answered, and commands are refused.
type Simulator struct {
	source  sim.Source
	tick    int64
	in, out []byte
	refused []string
}

// Simulate returns a pump that was just switched on.
func Simulate(s sim.Source) *Simulator { return &Simulator{source: s} }

// Refused returns what the host sent that is no question.
func (s *Simulator) Refused() []string { return s.refused }

// Next appends what the line carries in the next 10 ms.
func (s *Simulator) Next(dst []byte) ([]byte, time.Duration) {
	n := min(simBytes, len(s.out))
	dst = append(dst, s.out[:n]...)
	s.out = append(s.out[:0], s.out[n:]...)
	s.tick++
	return dst, simTick
}

// Answer takes what the host sends. The answer goes out with Next.
func (s *Simulator) Answer(dst, p []byte, now time.Duration) []byte {
	for _, b := range p {
		if s.in = append(s.in, b); b == cr || len(s.in) > textMax {
			s.hear(s.in, now)
			s.in = s.in[:0]
		}
	}
	return dst
}

func (s *Simulator) hear(p []byte, now time.Duration) {
	var f frames
	var text []byte
	for _, b := range p {
		text = f.next(b)
	}
	command, _, argument := bytes.Cut(text, []byte{'^'})
	switch {
	case string(command) == "INST_SERIALNO" && !argument:
		s.out = appendReply(s.out, "INST_SERIALNO^"+simSerial)
	case string(command) == "COMMS_PROTOCOL" && !argument:
		s.out = appendReply(s.out, "COMMS_PROTOCOL^Asena Rev 2.1.5")
	case string(command) == "INF" && !argument:
		s.out = appendReply(s.out, s.infusion(now))
	case len(s.refused) < 100:
		s.refused = append(s.refused, string(p))
	}
}

func (s *Simulator) infusion(now time.Duration) string {
	alarm := "-"
	if s.source.Vitals(now).LowBattery {
		alarm = "AL_BATLO"
	}
	return fmt.Sprintf("INF^%s^%s^SET^%.2f^ml/h^^%.2f^ml^%.2f^mmHg^00:00:00^EVENT^185995", simSerial, alarm,
		simRate, simRate*now.Hours(), 120+float64(int(now.Seconds())%40))
}

// appendReply appends a message with its CRC. It is the pump's half of the protocol: the
// host's is a list of three strings.
func appendReply(dst []byte, text string) []byte {
	dst = append(append(append(dst, begin), text...), bar)
	return append(appendHex(dst, crc([]byte(text))), cr)
}
