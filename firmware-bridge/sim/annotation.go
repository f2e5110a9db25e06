package sim

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// Annotation is a label at one sample of a record.
type Annotation struct {
	Sample int64
	Type   uint8  // the code of WFDB's ecgcodes.h: 1 is a normal beat
	Text   string // auxiliary text, often empty
}

// Beat reports whether the annotation marks a heart beat (isqrs of WFDB).
func (a Annotation) Beat() bool {
	switch a.Type {
	case 25, 30, 34, 35, 38, 41:
		return true
	}
	return a.Type >= 1 && a.Type <= 13
}

// Pseudo annotation codes of the MIT format (annot(5)).
const (
	annSkip = 59
	annNum  = 60
	annSub  = 61
	annChan = 62
	annAux  = 63
)

// OpenAnnotations reads an annotation file, such as 100.atr.
func OpenAnnotations(path string) ([]Annotation, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("sim: annotations: %w", err)
	}
	return ParseAnnotations(data, filepath.Base(path))
}

// ParseAnnotations reads annotations in the MIT format (annot(5) of the WFDB
// Applications Guide). name is the file's name for errors, which give the byte.
func ParseAnnotations(data []byte, name string) ([]Annotation, error) {
	var all []Annotation
	var now int64
	for at := 0; at+2 <= len(data); {
		word := binary.LittleEndian.Uint16(data[at:])
		code, interval := uint8(word>>10), int(word&0x3ff)
		at += 2
		if word == 0 {
			return all, nil
		}
		switch code {
		case annSkip: // the interval is in the next four bytes, high half first
			if at+4 > len(data) {
				return nil, fmt.Errorf("sim: %s: byte %d: ends inside a skip", name, at)
			}
			high, low := binary.LittleEndian.Uint16(data[at:]), binary.LittleEndian.Uint16(data[at+2:])
			now += int64(int32(uint32(high)<<16 | uint32(low)))
			at += 4
		case annNum, annSub, annChan:
		case annAux:
			if at+interval > len(data) {
				return nil, fmt.Errorf("sim: %s: byte %d: ends inside a text", name, at)
			}
			if len(all) > 0 {
				all[len(all)-1].Text = string(data[at : at+interval])
			}
			at += interval + interval%2
		default:
			now += int64(interval)
			if now < 0 {
				return nil, fmt.Errorf("sim: %s: byte %d: a time before the record", name, at-2)
			}
			all = append(all, Annotation{Sample: now, Type: code})
		}
	}
	return nil, fmt.Errorf("sim: %s: no end mark", name)
}
