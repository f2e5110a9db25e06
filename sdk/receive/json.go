package receive

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// AppendBatch appends the readings of b as JSON lines, one object a line, each
// with what meta says. It serves a receiver's records and, with a zero Verdict,
// readings that were decoded beside their device: then there is no "verdict",
// and what meta does not have is left out.
//
// Every reading has "time" (RFC 3339, UTC, milliseconds) and "time_quality":
// "clock" with "time_error_ms", when the anchor had a clock; "unsynchronized", when
// nothing keeps that clock in step; "received", when it had none: then the time is
// that of reception, the latest that it can be; and "unknown" without "time". The
// last two have "elapsed_ms", milliseconds since the anchor.
func AppendBatch(dst []byte, meta Meta, b *vital.Batch) []byte {
	for i := range b.Numerics {
		dst = appendNumeric(dst, &meta, &b.Numerics[i])
	}
	for i := range b.Waves {
		dst = appendWave(dst, &meta, &b.Waves[i])
	}
	for i := range b.Enumerations {
		dst = appendEnumeration(dst, &meta, &b.Enumerations[i])
	}
	for i := range b.Alerts {
		dst = appendAlert(dst, &meta, &b.Alerts[i])
	}
	for i := range b.Events {
		dst = appendEvent(dst, &meta, &b.Events[i])
	}
	for i := range b.Drops {
		dst = appendDropped(dst, &meta, &b.Drops[i])
	}
	for i := range b.Heartbeats {
		dst = appendHeartbeat(dst, &meta, &b.Heartbeats[i])
	}
	return dst
}

// AppendRecord appends r as JSON lines: those of its batch, or one line for a
// record without readings.
func AppendRecord(dst []byte, r *Record) []byte {
	if r.Batch != nil {
		return AppendBatch(dst, r.Meta, r.Batch)
	}
	dst = appendMeta(dst, &r.Meta)
	if r.Event != "" {
		dst = appendText(dst, "event", r.Event)
	}
	if r.Boot != 0 {
		dst = appendUint(dst, "boot", r.Boot)
	}
	if r.EID != ([8]byte{}) {
		dst = append(key(dst, "chain"), '"')
		dst = append(r.EID.AppendHex(dst), '"')
	}
	if r.Last != 0 {
		dst = appendUint(dst, "first", r.First)
		dst = appendUint(dst, "last", r.Last)
	}
	if r.Count > 1 {
		dst = appendUint(dst, "count", r.Count)
	}
	if r.Reason != "" {
		dst = appendText(dst, "reason", r.Reason)
	}
	return end(dst)
}

func appendNumeric(dst []byte, m *Meta, n *vital.Numeric) []byte {
	dst = appendTimed(dst, m, n.Time)
	dst = appendCode(dst, n.Code)
	dst = appendDecimal(dst, "value", n.Value)
	dst = appendUnit(dst, n.Unit)
	dst = appendStatus(dst, n.Status)
	return end(dst)
}

func appendWave(dst []byte, m *Meta, w *vital.Wave) []byte {
	dst = appendTimed(dst, m, w.Time)
	dst = appendCode(dst, w.Code)
	dst = appendDecimal(dst, "rate", w.Rate)
	dst = appendDecimal(dst, "factor", w.Factor)
	dst = appendUint(dst, "divisor", uint64(max(w.Divisor, 1)))
	dst = strconv.AppendInt(key(dst, "zero"), int64(w.Zero), 10)
	dst = append(key(dst, "samples"), '[')
	for i, s := range w.Samples {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(s), 10)
	}
	dst = append(dst, ']')
	dst = appendUnit(dst, w.Unit)
	dst = appendStatus(dst, w.Status)
	return end(dst)
}

func appendEnumeration(dst []byte, m *Meta, e *vital.Enumeration) []byte {
	dst = appendTimed(dst, m, e.Time)
	dst = appendCode(dst, e.Code)
	dst = appendUint(dst, "state", uint64(e.Value))
	if name := vital.Code(e.Value).RefID(); name != "" {
		dst = appendText(dst, "state_refid", name)
	}
	if e.Text != "" {
		dst = appendText(dst, "text", e.Text)
	}
	dst = appendStatus(dst, e.Status)
	return end(dst)
}

// appendAlert has all of the alert in one object, so that its source is not
// taken for a reading of that metric.
func appendAlert(dst []byte, m *Meta, a *vital.Alert) []byte {
	dst = appendTimed(dst, m, a.Time)
	dst = append(key(dst, "alert"), '{')
	dst = appendText(dst, "kind", name(alertKinds[:], int(a.Kind)))
	dst = appendText(dst, "priority", name(priorities[:], int(a.Priority)))
	dst = appendText(dst, "state", name(alertStates[:], int(a.State)))
	if a.Source != 0 {
		dst = appendCode(dst, a.Source)
	}
	dst = appendDecimal(dst, "value", a.Value)
	dst = appendDecimal(dst, "limit", a.Limit)
	dst = appendText(dst, "text", a.Text)
	return end(append(dst, '}'))
}

var (
	alertKinds  = [...]string{vital.Physiological: "physiological", vital.Technical: "technical", vital.Advisory: "advisory"}
	priorities  = [...]string{vital.PriorityNone: "none", vital.PriorityLow: "low", vital.PriorityMedium: "medium", vital.PriorityHigh: "high"}
	alertStates = [...]string{vital.AlertPresent: "present", vital.AlertLatched: "latched", vital.AlertEnded: "ended"}
)

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return strconv.Itoa(i)
}

func appendEvent(dst []byte, m *Meta, e *vital.Event) []byte {
	dst = appendTimed(dst, m, e.Time)
	dst = appendText(dst, "event", e.Kind.String())
	dst = appendUint(dst, "count", uint64(e.Count))
	if e.Text != "" {
		dst = appendText(dst, "text", e.Text)
	}
	return end(dst)
}

func appendDropped(dst []byte, m *Meta, d *vital.Dropped) []byte {
	dst = appendTimed(dst, m, d.Time)
	dst = appendText(dst, "event", "dropped")
	dst = appendText(dst, "reason", d.Reason.String())
	dst = appendUint(dst, "count", d.Count)
	if d.To != 0 {
		dst = appendUint(dst, "from", d.From)
		dst = appendUint(dst, "to", d.To)
	}
	if d.EID != ([8]byte{}) {
		dst = append(key(dst, "chain"), '"')
		dst = append(appendHex(dst, d.EID), '"')
	}
	return end(dst)
}

func appendHeartbeat(dst []byte, m *Meta, h *vital.Heartbeat) []byte {
	dst = appendTimed(dst, m, h.Time)
	dst = appendText(dst, "event", "heartbeat")
	dst = appendUint(dst, "interval_ms", uint64(h.Interval))
	dst = appendUint(dst, "recorded", h.Recorded)
	return end(dst)
}

// appendMeta begins a line. A line without a verdict begins with its first
// member after the brace, so key looks at what is before it.
func appendMeta(dst []byte, m *Meta) []byte {
	dst = append(dst, '{')
	if m.Verdict != 0 {
		dst = appendText(dst, "verdict", m.Verdict.String())
	}
	if m.Site != "" {
		dst = appendText(dst, "site", m.Site)
	}
	if m.Device != ([8]byte{}) {
		dst = append(key(dst, "device"), '"')
		dst = append(m.Device.AppendHex(dst), '"')
	}
	if m.Name != "" {
		dst = appendText(dst, "device_name", m.Name)
	}
	if m.Seq != 0 {
		dst = appendUint(dst, "seq", m.Seq)
	}
	if !m.Received.IsZero() {
		dst = appendTime(key(dst, "received"), m.Received)
	}
	if m.Label != "" {
		dst = appendText(dst, "label", m.Label)
	}
	if m.Test {
		dst = append(key(dst, "test"), "true"...)
	}
	return dst
}

// maxYear is the last of which RFC 3339 can speak.
const maxYear = 9999

// appendTimed begins the line of a reading taken ms after the anchor.
func appendTimed(dst []byte, m *Meta, ms uint64) []byte {
	dst = appendMeta(dst, m)
	if !m.Clock.IsZero() {
		// Both are at most 2^53, by the rules of their formats.
		at := time.UnixMilli(m.Clock.UnixMilli + int64(min(ms, 1<<53)))
		if at.UTC().Year() <= maxYear {
			dst = appendTime(key(dst, "time"), at)
			if m.Clock.Error == seal.NoBound {
				return appendText(dst, "time_quality", "unsynchronized")
			}
			dst = appendText(dst, "time_quality", "clock")
			return appendUint(dst, "time_error_ms", uint64(m.Clock.Error))
		}
	} else if !m.Received.IsZero() {
		dst = appendTime(key(dst, "time"), m.Received)
		dst = appendText(dst, "time_quality", "received")
		return appendUint(dst, "elapsed_ms", ms)
	}
	dst = appendText(dst, "time_quality", "unknown")
	return appendUint(dst, "elapsed_ms", ms)
}

// appendTime appends a time as RFC 3339 in UTC with milliseconds, or null where
// that has no form for its year.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > maxYear {
		return append(dst, "null"...)
	}
	return append(t.AppendFormat(append(dst, '"'), "2006-01-02T15:04:05.000Z"), '"')
}

func appendCode(dst []byte, c vital.Code) []byte {
	dst = appendUint(dst, "code", uint64(c))
	return appendTextOrNull(dst, "refid", c.RefID())
}

// appendUnit appends the unit's UCUM string; null for none, and also for one
// that is not in the table, which then has its number as "unit_code".
func appendUnit(dst []byte, u vital.Unit) []byte {
	ucum := u.UCUM()
	dst = appendTextOrNull(dst, "unit", ucum)
	if u != 0 && ucum == "" {
		dst = appendUint(dst, "unit_code", uint64(u))
	}
	return dst
}

// appendDecimal appends a number with the digits that were sent. JSON has no
// other values: they are null, and what is neither a number nor NaN is named in
// a member of its own, such as "value_special":"+INF".
func appendDecimal(dst []byte, name string, d vital.Decimal) []byte {
	dst = key(dst, name)
	if d.IsNumber() {
		return d.AppendText(dst)
	}
	dst = append(dst, "null"...)
	if d == vital.NaN {
		return dst
	}
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `_special":"`...)
	return append(d.AppendText(dst), '"')
}

func appendStatus(dst []byte, s vital.Status) []byte {
	dst = append(key(dst, "status"), '[')
	for i, first := 0, true; i < 32; i++ {
		name := s.Bit(i)
		if name == "" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		dst, first = appendString(dst, name), false
	}
	return append(dst, ']')
}

func end(dst []byte) []byte { return append(dst, '}', '\n') }

// key appends a member's name, which needs no escapes, and a comma before it if
// it is not the first of its object.
func key(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendText(dst []byte, name, s string) []byte { return appendString(key(dst, name), s) }

func appendTextOrNull(dst []byte, name, s string) []byte {
	if s == "" {
		return append(key(dst, name), "null"...)
	}
	return appendText(dst, name, s)
}

func appendUint(dst []byte, name string, n uint64) []byte {
	return strconv.AppendUint(key(dst, name), n, 10)
}

func appendHex(dst []byte, b [8]byte) []byte {
	for _, c := range b {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string (RFC 8259, section 7). What is not UTF-8
// becomes U+FFFD. U+2028 and U+2029 are escaped because JavaScript once took
// them for the end of a line, and DEL and the C1 controls because a terminal
// that shows the lines may obey them.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= 0xa0 && r != utf8.RuneError && !misleading(r) {
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, r)
		i += size
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// misleading reports whether r would end a line for some readers, or turn the
// direction in which a terminal shows what follows: 97 must not read 79.
func misleading(r rune) bool {
	return r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x200e || r == 0x200f || r == 0x061c
}

func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
