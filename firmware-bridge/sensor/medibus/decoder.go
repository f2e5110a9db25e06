package medibus

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Codes of commands and replies.
const (
	cmdNOP         = 0x30
	cmdMeasured    = 0x24
	cmdLow         = 0x25
	cmdHigh        = 0x26
	cmdAlarms      = 0x27
	cmdDate        = 0x28
	cmdSettings    = 0x29
	cmdTexts       = 0x2a
	cmdAlarms2     = 0x2e
	cmdTimeChanged = 0x49
	cmdInitialise  = 0x51
	cmdIdentify    = 0x52
	cmdOffered     = 0x53
	cmdConfigure   = 0x54
	cmdStop        = 0x55
	cmdChanged     = 0x56
)

// DefaultInterval is the time between two requests for measured data.
const DefaultInterval = time.Second

// Config is what a decoder can be told. The zero value is a good one.
type Config struct {
	Waves    []string      // the realtime data to ask for; default: see the package comment
	Interval time.Duration // between two requests for measured data; default: DefaultInterval
}

// Decoder reads what a device sends, and is the host's side of the line. Make one
// with New.
type Decoder struct {
	frames frames
	lists  [lists]list
	latest [topics]byte // the code of page 1 that last gave the topic a value
	alarms alarms
	status [topics]vital.Status
	texts  texts
	clock  dateCache
	rt     realtime
	name   string // who the device said it is, as sent
	host   host
}

// New returns a decoder.
func New(cfg Config) (*Decoder, error) {
	waves := cfg.Waves
	if len(waves) == 0 {
		waves = defaultWaves[:]
	}
	if len(waves) == 1 && waves[0] == "none" {
		waves = nil
	}
	for i, w := range waves {
		if !slices.Contains(waveNames[:], w) {
			return nil, fmt.Errorf("medibus: no wave %q: known are %s, or none", w, strings.Join(waveNames[:], ", "))
		}
		if slices.Contains(waves[:i], w) {
			return nil, fmt.Errorf("medibus: wave %q is asked for twice", w)
		}
	}
	interval := cfg.Interval
	if interval == 0 {
		interval = DefaultInterval
	}
	if interval < 0 {
		return nil, fmt.Errorf("medibus: interval %v is negative", interval)
	}
	d := &Decoder{host: host{interval: interval}}
	d.rt.wanted = slices.Clone(waves)
	return d, nil
}

// Decode appends what the bytes completed.
func (d *Decoder) Decode(dst *vital.Batch, p []byte) {
	for _, b := range p {
		if b >= realtimeFlag {
			d.rt.next(dst, b, &d.status)
			continue
		}
		d.host.heard = true
		switch b {
		case dc1, dc3, can:
			d.host.control(b)
		default:
			d.slow(dst, b)
		}
	}
}

// Flush ends the stream: it appends the samples of waves that are not full, and
// counts a frame without its end as bad.
func (d *Decoder) Flush(dst *vital.Batch) {
	d.frames.flush()
	d.rt.flush(dst, &d.status)
}

// Frames counts as the package comment says.
func (d *Decoder) Frames() (good, bad uint64) {
	return d.frames.good + d.rt.good, d.frames.bad + d.rt.bad
}

func (d *Decoder) slow(dst *vital.Batch, b byte) {
	f := d.frames.next(b)
	switch {
	case f == nil:
	case len(f) == 1 && f[0] == esc:
		d.host.answer(nak)
	case len(f) == 1:
		d.host.corrupt = true
	case f[0] == esc:
		d.host.command(f[1])
	default:
		if !d.reply(dst, f[1], f[2:]) {
			d.frames.good--
			d.frames.bad++
			d.host.corrupt = true
			return
		}
		d.host.replied(f[1])
	}
}

// reply reads what came in reply to a command; false if it cannot be one.
func (d *Decoder) reply(dst *vital.Batch, code byte, body []byte) bool {
	switch code {
	case cmdMeasured:
		return d.values(dst, measured, body)
	case cmdLow:
		return d.values(dst, lowLimits, body)
	case cmdHigh:
		return d.values(dst, highLimits, body)
	case cmdSettings:
		return d.values(dst, set, body)
	case cmdAlarms:
		return d.alarmList(dst, 0, body)
	case cmdAlarms2:
		return d.alarmList(dst, 1, body)
	case cmdTexts:
		return d.textList(dst, body)
	case cmdDate:
		return d.date(dst, body)
	case cmdIdentify:
		return d.identify(dst, body)
	case cmdOffered:
		return d.rt.offered(dst, body, &d.status)
	case cmdConfigure:
		d.rt.start()
	}
	return true
}

// identify reads NNNN'name'DD.DD:MM.MM, and tells of a device that is new.
func (d *Decoder) identify(dst *vital.Batch, body []byte) bool {
	if len(body) == 0 {
		return true
	}
	if string(body) == d.name {
		return true
	}
	id, version, ok := parseIdentity(body)
	if !ok {
		return false
	}
	d.host.version = version
	if d.name != "" {
		d.forget()
	}
	d.name = string(body)
	dst.Events = append(dst.Events, vital.Event{Kind: vital.EventIdentified, Text: id})
	return true
}

// forget drops what was known of the device before.
func (d *Decoder) forget() {
	d.lists = [lists]list{}
	d.latest = [topics]byte{}
	d.alarms = alarms{}
	d.status = [topics]vital.Status{}
	d.texts = texts{}
}

const (
	idLen       = 4
	revisionLen = 11
)

// parseIdentity returns the text for the event, and the MEDIBUS version times 100.
func parseIdentity(p []byte) (text string, version int, ok bool) {
	n := len(p) - revisionLen
	if n < idLen+2 || n > idLen+34 || p[idLen] != '\'' || p[n-1] != '\'' {
		return "", 0, false
	}
	for _, c := range p {
		if c < ' ' || c > '~' {
			return "", 0, false
		}
	}
	name, rev := string(p[idLen+1:n-1]), p[n:]
	if rev[2] != '.' || rev[5] != ':' || rev[8] != '.' {
		return "", 0, false
	}
	major, ok1 := twoDigits(rev[6:8])
	minor, ok2 := twoDigits(rev[9:11])
	text = fmt.Sprintf("Dräger %s (%s), revision %s, MEDIBUS %s", strings.TrimSpace(name), p[:idLen], rev[:5], rev[6:])
	return text, major*100 + minor, ok1 && ok2
}

func twoDigits(p []byte) (int, bool) {
	tens := p[0]
	if tens == ' ' {
		tens = '0'
	}
	if tens < '0' || tens > '9' || p[1] < '0' || p[1] > '9' {
		return 0, false
	}
	return int(tens-'0')*10 + int(p[1]-'0'), true
}
