package medibus

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// text is a message that the device shows.
type text struct {
	on, now bool
	words   string
}

type texts [256]text

const textMax = 32

// textList reads the reply to 2A.
func (d *Decoder) textList(dst *vital.Batch, body []byte) bool {
	for p := body; len(p) > 0; {
		_, rest, ok := cutText(p)
		if !ok {
			return false
		}
		p = rest
	}
	for p := body; len(p) > 0; {
		words, rest, _ := cutText(p)
		code, _ := hexByte(p)
		t := &d.texts[code]
		if t.words != string(words) {
			t.words = string(words)
		}
		t.on, t.now = true, true
		enumerate(dst, nText, uint32(code), t.words, 0)
		p = rest
	}
	for code := range d.texts {
		t := &d.texts[code]
		if t.on && !t.now {
			enumerate(dst, nText, uint32(code), t.words, vital.NotAvailable)
			t.on = false
		}
		t.now = false
	}
	return true
}

// cutText reads code, length, text and ETX.
func cutText(p []byte) (words, rest []byte, ok bool) {
	if len(p) < 4 || p[2] < 0x31 || p[2] > 0x30+textMax {
		return nil, nil, false
	}
	_, ok = hexByte(p)
	end := 3 + int(p[2]-0x30)
	if !ok || len(p) <= end || p[end] != etx {
		return nil, nil, false
	}
	for _, c := range p[3:end] {
		if c < ' ' || c > '~' {
			return nil, nil, false
		}
	}
	return p[3:end], p[end+1:], true
}

func enumerate(dst *vital.Batch, n byte, value uint32, words string, s vital.Status) {
	dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: private(n), Value: value, Text: words, Status: s})
}

const dateLen = len("hh:mm:ssDD-MMM-YY")

var months = [...]string{"JAN", "FEB", "MAR", "APR", "MAI", "JUN", "JUL", "AUG", "SEP", "OKT", "NOV", "DEZ"}

// dateCache is the text of the last date.
type dateCache struct {
	at   time.Time
	text string
}

// date reads the reply to 28. Years from 70 on are of the century before.
func (d *Decoder) date(dst *vital.Batch, p []byte) bool {
	if len(p) == 0 {
		return true
	}
	if len(p) != dateLen || p[2] != ':' || p[5] != ':' || p[10] != '-' || p[14] != '-' {
		return false
	}
	var n [5]int
	for i, at := range [...]int{0, 3, 6, 8, 15} {
		v, ok := twoDigits(p[at : at+2])
		if !ok {
			return false
		}
		n[i] = v
	}
	month := monthOf(p[11:14])
	year := 2000 + n[4]
	if n[4] >= 70 {
		year -= 100
	}
	at := time.Date(year, month, n[3], n[0], n[1], n[2], 0, time.UTC)
	if month == 0 || at.Day() != n[3] || at.Hour() != n[0] || n[1] > 59 || n[2] > 59 {
		return false
	}
	if d.clock.text == "" || !d.clock.at.Equal(at) {
		d.clock = dateCache{at, at.Format("2006-01-02T15:04:05")}
	}
	enumerate(dst, nClock, uint32(at.Unix()), d.clock.text, 0)
	return true
}

func monthOf(p []byte) time.Month {
	for i, m := range months {
		if m == string(p) {
			return time.Month(i + 1)
		}
	}
	return 0
}
