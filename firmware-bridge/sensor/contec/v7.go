package contec

import (
	"fmt"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Types of messages.
const (
	msgRealtime    = 0x01
	msgDevice      = 0x04
	msgUser        = 0x05
	msgDate        = 0x07
	msgLength      = 0x08
	msgStored      = 0x09
	msgSegments    = 0x0a
	msgFeedback    = 0x0b
	msgFree        = 0x0c
	msgDisconnect  = 0x0d
	msgHasPI       = 0x0e
	msgStoredPairs = 0x0f
	msgUsers       = 0x10
	msgNotice      = 0x11
	msgTime        = 0x12
	msgStorageID   = 0x15
)

// Private codes, without the number of the family.
const (
	pStrength    = 0x01
	pUser        = 0x04
	pDate        = 0x05
	pTime        = 0x06
	pLength      = 0x07
	pStoredSpO2  = 0x08
	pStoredRate  = 0x09
	pStoredIndex = 0x0a
	pSegments    = 0x0b
	pFeedback    = 0x0c
	pDisconnect  = 0x0d
	pUsers       = 0x0e
	pNotice      = 0x0f
	pStorageID   = 0x10
)

const family = 2

func private(n uint16) vital.Code { return vital.Private(family<<8 | n) }

// V7 decodes protocol V7.0, and is the host's side of the line. The zero value is
// ready.
type V7 struct {
	framer   framer
	oximeter oximeter
	name     [7]byte // of the device
	host     host
}

// Decode appends what the bytes completed.
func (d *V7) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		bad := d.framer.bad
		d.take(dst, d.framer.next(b))
		if d.framer.bad != bad {
			d.oximeter.wave(dst)
		}
	}
}

// Flush ends the stream and appends what is complete.
func (d *V7) Flush(dst *vital.Batch) {
	d.take(dst, d.framer.flush())
	d.oximeter.flush(dst)
}

// Frames counts as the package comment says.
func (d *V7) Frames() (good, bad uint64) { return d.framer.good, d.framer.bad }

// take reads whole messages.
func (d *V7) take(dst *vital.Batch, p []byte) {
	for len(p) > 0 {
		m := p[:v7Length(p[0])]
		p = p[len(m):]
		high := m[1]
		data := m[2:]
		for i := range data {
			data[i] = data[i]&^flag | high>>i<<7
		}
		if m[0] == msgRealtime {
			d.realtime(dst, data)
		} else {
			d.other(dst, m[0], data)
		}
	}
}

func (d *V7) realtime(dst *vital.Batch, p []byte) {
	d.host.heard = true
	s := sample{
		strength: int(p[0] & 0x0f),
		pleth:    int32(p[1] & 0x7f),
		rate:     int(p[3]),
		spo2:     int(p[4]),
		index:    int(p[5]) | int(p[6])<<8,
		status:   statusOf(p[0]&0x80 != 0, p[1]&0x80 != 0, p[0]&0x10 != 0),
	}
	if p[2]&0x10 != 0 {
		s.index = indexNone
	}
	d.oximeter.take(dst, s)
}

// other reads what is told once.
func (d *V7) other(dst *vital.Batch, kind byte, p []byte) {
	switch kind {
	case msgDevice:
		d.identify(dst, p)
	case msgFeedback:
		d.host.answered(p[0], p[1])
		state(dst, pFeedback, uint32(p[0])<<8|uint32(p[1]), reason(p[1]))
	case msgDisconnect:
		state(dst, pDisconnect, uint32(p[0]), reason(p[0]))
	case msgNotice:
		state(dst, pNotice, uint32(p[0])<<8|uint32(p[1]), "")
	case msgUser:
		state(dst, pUser, uint32(p[0]), text(p[1:]))
	case msgUsers:
		state(dst, pUsers, uint32(p[0]), "")
	default:
		stored(dst, kind, p)
	}
}

// stored reads what concerns the device's memory.
func stored(dst *vital.Batch, kind byte, p []byte) {
	switch kind {
	case msgStored:
		storedPair(dst, p)
		index := int(p[2]) | int(p[3])<<8
		add(dst, private(pStoredIndex), vital.Percent, index, -2, index == indexNone, index > indexMax, 0)
	case msgStoredPairs:
		for ; len(p) >= 2; p = p[2:] {
			if p[0] != 0 || p[1] != 0 { // filled up at the end of a record
				storedPair(dst, p)
			}
		}
	case msgSegments:
		state(dst, pSegments, uint32(p[0])<<8|uint32(p[1]), "")
	case msgLength:
		state(dst, pLength, uint32(p[2])|uint32(p[3])<<8|uint32(p[4])<<16|uint32(p[5])<<24, fmt.Sprintf("user %d record %d", p[0], p[1]))
	case msgDate:
		state(dst, pDate, uint32(p[0])<<8|uint32(p[1]), fmt.Sprintf("%02d%02d-%02d-%02d", p[2], p[3], p[4], p[5]))
	case msgTime:
		state(dst, pTime, uint32(p[0])<<8|uint32(p[1]), fmt.Sprintf("%02d:%02d:%02d", p[2], p[3], p[4]))
	case msgStorageID:
		state(dst, pStorageID, uint32(p[0])<<16|uint32(p[1])<<8|uint32(p[2]), "")
	}
}

func storedPair(dst *vital.Batch, p []byte) {
	spo2, rate := int(p[0]), int(p[1])
	add(dst, private(pStoredSpO2), vital.Percent, spo2, 0, spo2 == spo2None, spo2 == 0 || spo2 > 100, 0)
	add(dst, private(pStoredRate), vital.BeatsPerMinute, rate, 0, rate == rateNone, rate == 0, 0)
}

func state(dst *vital.Batch, code uint16, value uint32, text string) {
	dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: private(code), Value: value, Text: text})
}

// identify tells the device's name when it is first heard, and when it changes.
func (d *V7) identify(dst *vital.Batch, p []byte) {
	d.host.named = true
	name := [7]byte(p)
	if name == d.name || text(p) == "" {
		return
	}
	d.name = name
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: "Contec " + text(p)})
}

// text reads a C string of letters, digits and underlines; "" if it is none.
func text(p []byte) string {
	for i, c := range p {
		switch {
		case c == 0:
			return string(p[:i])
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '_':
		default:
			return ""
		}
	}
	return string(p)
}

// reason is the document's table 4.
func reason(code byte) string {
	switch code {
	case 0:
		return "done"
	case 1:
		return "the device is switched off"
	case 2:
		return "the user is changed"
	case 3:
		return "recording"
	case 4:
		return "the record could not be deleted"
	case 5:
		return "not supported"
	}
	return "unknown reason"
}
