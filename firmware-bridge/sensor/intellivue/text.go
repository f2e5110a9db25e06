package intellivue

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// appendText appends a text of UTF-16 as UTF-8, at most vital.MaxText bytes.
// Philips' own characters and control characters are left out.
func appendText(dst, p []byte) []byte {
	for len(p) >= 2 {
		r := rune(p[0])<<8 | rune(p[1])
		p = p[2:]
		if utf16.IsSurrogate(r) {
			if len(p) < 2 {
				break
			}
			if r = utf16.DecodeRune(r, rune(p[0])<<8|rune(p[1])); r == utf8.RuneError {
				continue
			}
			p = p[2:]
		}
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0xe000 && r <= 0xf8ff || r == 0xfeff || r >= 0xfffe && r <= 0xffff {
			continue
		}
		if len(dst)+utf8.RuneLen(r) > vital.MaxText {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	return trim(dst)
}

// trim takes spaces off both ends.
func trim(p []byte) []byte {
	for len(p) > 0 && p[0] == ' ' {
		p = p[1:]
	}
	for len(p) > 0 && p[len(p)-1] == ' ' {
		p = p[:len(p)-1]
	}
	return p
}

const maxLabel = 24

// label takes a text of ASCII with its length, up to its first zero; nil if it is
// not one.
func (r *reader) label() []byte {
	v := r.part()
	p := v.p
	for i, c := range p {
		if c == 0 {
			p = p[:i]
			break
		}
		if c < ' ' || c > '~' {
			return nil
		}
	}
	return trim(p[:min(len(p), maxLabel)])
}
