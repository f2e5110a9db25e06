package status

import (
	"fmt"
	"strconv"
	"strings"
)

// maxSummary bounds a Summary, in bytes.
const maxSummary = 200

// Summary is the line that `systemctl status` shows: the worst problem, or what is
// going on. It is at most 200 bytes of UTF-8 that print, whatever it is made of.
func (r *Report) Summary() string {
	text, more := fmt.Sprintf("%d of %d sensors are read, %d envelopes wait", r.open(), len(r.Sensors), r.Outbox.Waiting), ""
	if r.Broker.Connected {
		text += ", connected"
	}
	if len(r.Problems) > 0 && r.Problems[0].Severity == Broken {
		text = r.Problems[0].What + ": " + r.Problems[0].Why
		if n := len(r.Problems) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more)", n)
		}
	}
	text = oneLine(text)
	text = text[:min(len(text), maxSummary-len(more))]
	return strings.ToValidUTF8(text, "") + more // a character that was cut through goes
}

// open is how many sensors' lines are open and heard.
func (r *Report) open() (n int) {
	for i := range r.Sensors {
		if r.Sensors[i].Line == LineOpen {
			n++
		}
	}
	return n
}

// oneLine keeps what came from elsewhere, such as an error, from being a field of
// its own or from steering a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '�' || !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
