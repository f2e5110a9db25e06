package nellcor

import (
	"bytes"
	"time"
)

// column is one number of a line of data.
type column struct {
	value   int
	missing bool
	starred bool // outside its limits
}

// row is a line of data.
type row struct {
	at                    time.Time // zero: no date
	spo2, rate, amplitude column
	codes                 codes
}

// stamp is the form of date and time: 0 a digit, A a letter, _ a digit or a blank.
const stamp = "_0-AAA-00 00:00:00"

// parse reads a line; false means that it is not one of data.
func (r *row) parse(text []byte) bool {
	if len(text) <= len(stamp) || !stamped(text) || text[len(stamp)] != ' ' {
		return false
	}
	r.at = clock(text[:len(stamp)])
	rest := text[len(stamp):]
	for _, c := range []*column{&r.spo2, &r.rate, &r.amplitude} {
		word := next(&rest)
		if !c.parse(word) {
			return false
		}
	}
	for word := next(&rest); word != nil; word = next(&rest) {
		if len(word) != 2 || !upper(word[0]) || !upper(word[1]) {
			return false
		}
		r.codes |= codeOf(word)
	}
	return true
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func stamped(text []byte) bool {
	for i, want := range []byte(stamp) {
		c := text[i]
		switch want {
		case '0':
			if !digit(c) {
				return false
			}
		case '_':
			if !digit(c) && c != ' ' {
				return false
			}
		case 'A':
			if !upper(c &^ 0x20) {
				return false
			}
		default:
			if c != want {
				return false
			}
		}
	}
	return true
}

const months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"

// clock returns the time that a stamp says; zero if there is none such.
func clock(p []byte) time.Time {
	two := func(i int) int {
		if p[i] == ' ' {
			return int(p[i+1] - '0')
		}
		return int(p[i]-'0')*10 + int(p[i+1]-'0')
	}
	name := [3]byte{p[3] &^ 0x20, p[4] &^ 0x20, p[5] &^ 0x20}
	month := 0
	for i := 0; i < len(months); i += 3 {
		if months[i:i+3] == string(name[:]) {
			month = i/3 + 1
		}
	}
	at := time.Date(2000+two(7), time.Month(month), two(0), two(10), two(13), two(16), 0, time.UTC)
	if month == 0 || at.Day() != two(0) || two(10) > 23 || two(13) > 59 || two(16) > 59 {
		return time.Time{}
	}
	return at
}

// next cuts a word off the beginning; nil: none.
func next(rest *[]byte) []byte {
	p := bytes.TrimLeft(*rest, " \t")
	end := bytes.IndexAny(p, " \t")
	if end < 0 {
		end = len(p)
	}
	*rest = p[end:]
	if end == 0 {
		return nil
	}
	return p[:end]
}

// parse reads up to three digits or dashes, and a star.
func (c *column) parse(word []byte) bool {
	if word, c.starred = bytes.CutSuffix(word, []byte("*")); len(word) == 0 || len(word) > 3 {
		return false
	}
	for _, b := range word {
		switch {
		case b == '-':
			c.missing = true
		case digit(b):
			c.value = c.value*10 + int(b-'0')
		default:
			return false
		}
	}
	return true
}
