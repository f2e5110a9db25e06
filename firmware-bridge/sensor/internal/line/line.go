// Package line cuts a byte stream into text lines of bounded length.
package line

import "bytes"

// Max is the longest line, in bytes without its end. Longer ones are Bad.
const Max = 512

// Kind says what Next found.
type Kind uint8

// Kinds.
const (
	None Kind = iota // no line end yet
	Good             // a line of printable text
	Bad              // a line that is too long or holds control characters
)

// Splitter cuts lines at LF, CR or both; empty lines vanish. The zero value is
// ready. It copies a line only if it came in pieces.
type Splitter struct {
	buf  [Max]byte
	n    int
	over bool // the line is too long; its rest is skipped
}

// Next returns the first line that p completes and what follows it. The line is
// valid until the next call. Kind None means that p is used up.
func (s *Splitter) Next(p []byte) (text, rest []byte, kind Kind) {
	for len(p) > 0 {
		end := lineEnd(p)
		if end < 0 {
			s.keep(p)
			return nil, nil, None
		}
		part := p[:end]
		p = p[end+1:]
		if s.n == 0 && !s.over && len(part) <= Max {
			text = part
		} else {
			s.keep(part)
			text = s.buf[:s.n]
		}
		if kind = s.judge(text); kind != None {
			return text, p, kind
		}
	}
	return nil, nil, None
}

// lineEnd returns the index of the first CR or LF, or -1.
func lineEnd(p []byte) int {
	end := bytes.IndexByte(p, '\n')
	if end >= 0 {
		p = p[:end]
	}
	if cr := bytes.IndexByte(p, '\r'); cr >= 0 {
		return cr
	}
	return end
}

// Flush returns the line that was begun and never ended.
func (s *Splitter) Flush() (text []byte, kind Kind) {
	text = s.buf[:s.n]
	return text, s.judge(text)
}

func (s *Splitter) keep(part []byte) {
	if len(part) > Max-s.n {
		s.over = true
	}
	s.n += copy(s.buf[s.n:], part)
}

// judge ends the line.
func (s *Splitter) judge(text []byte) Kind {
	over := s.over
	s.n, s.over = 0, false
	switch {
	case over:
		return Bad
	case len(text) == 0:
		return None
	}
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7f {
			return Bad
		}
	}
	return Good
}
