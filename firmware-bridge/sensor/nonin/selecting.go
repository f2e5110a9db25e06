package nonin

import (
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	ack = 0x06
	nak = 0x15

	selectAfter = 2 * time.Second  // without a frame of the format
	selectEvery = time.Second      // so that three tries fall into the five seconds
	selectTries = 3                // in which a device listens for sure
	selectAgain = 10 * time.Second // after those
)

// decoder is what the formats have in common.
type decoder interface {
	Decode(dst *vital.Batch, p []byte)
	Flush(dst *vital.Batch)
	Frames() (good, bad uint64)
}

// Selecting decodes one data format and selects it at the device, if nothing of that
// format is heard. Make one with NewSelecting.
type Selecting struct {
	decoder
	format byte

	// Notes of Decode.
	waiting bool // for the answer to a command: the first byte that comes
	refused bool
	agreed  bool
	alerted bool

	// What Ask keeps.
	seen  uint64 // good frames
	due   time.Duration
	tries int
}

// NewSelecting returns a decoder of data format 2, 7, 8 or 13 that selects it.
func NewSelecting(format int) (*Selecting, error) {
	s := &Selecting{format: byte(format)}
	switch format {
	case 2:
		s.decoder = new(DF2)
	case 7:
		s.decoder = new(DF7)
	case 8:
		s.decoder = new(DF8)
	case 13:
		s.decoder = new(DF13)
	default:
		return nil, fmt.Errorf("nonin: no data format %d: known are 2, 7, 8 and 13", format)
	}
	return s, nil
}

// Decode appends what the bytes completed.
func (s *Selecting) Decode(dst *vital.Batch, p []byte) {
	if s.waiting && len(p) > 0 {
		s.waiting = false
		switch p[0] {
		case ack:
			s.agreed = true
			p = p[1:]
		case nak:
			s.refused = true
			s.alert(dst, vital.AlertPresent)
			p = p[1:]
		}
	}
	s.decoder.Decode(dst, p)
	if good, _ := s.Frames(); good != s.seen && s.alerted {
		s.alert(dst, vital.AlertEnded)
	}
}

// alert tells of a device that does not have the format, and of the end of that.
func (s *Selecting) alert(dst *vital.Batch, state vital.AlertState) {
	s.alerted = state == vital.AlertPresent
	dst.Alerts = append(dst.Alerts, vital.Alert{
		Kind: vital.Technical, Priority: vital.PriorityLow, State: state, Value: vital.NaN, Limit: vital.NaN,
		Text: fmt.Sprintf("the device refuses data format %d", s.format),
	})
}

// Open says that the line was opened.
func (s *Selecting) Open() {
	s.seen, _ = s.Frames()
	s.waiting, s.refused, s.agreed, s.due, s.tries = false, false, false, selectAfter, 0
}

// Ask appends what is to be sent now.
func (s *Selecting) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	if good, _ := s.Frames(); good != s.seen {
		s.seen, s.tries, s.agreed = good, 0, s.format == 13
		s.due = now + selectAfter
	}
	if s.format == 13 && (s.agreed || s.tries >= selectTries) {
		return dst, now + selectAgain // spot checks come when they come
	}
	if s.agreed || s.refused {
		s.agreed, s.refused, s.tries, s.due = false, false, selectTries, now+selectAgain
	}
	if now < s.due {
		return dst, s.due
	}
	s.due = now + selectAgain
	if s.tries++; s.tries < selectTries {
		s.due = now + selectEvery
	}
	s.waiting = true
	return append(dst, 0x02, 0x70, 0x02, 0x02, s.format, etx), s.due
}
