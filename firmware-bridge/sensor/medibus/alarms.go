package medibus

import (
	"bytes"
	"strings"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const (
	alarmLen  = 15
	phraseLen = 12
)

// meaning is what is known of an alarm besides its words.
type meaning struct {
	topic  topic // a physiological alarm of this topic; noTopic: a technical one
	limit  bound
	status vital.Status // of the topics in of, while the alarm lasts
	of     topicSet
}

type bound uint8

const (
	noBound bound = iota
	below
	above
)

type topicSet uint16

func setOf(t ...topic) (s topicSet) {
	for _, t := range t {
		s |= 1 << t
	}
	return s
}

var (
	ofOximeter = setOf(spo2, pulse)
	ofCO2      = setOf(etCO2, inCO2)
	ofO2       = setOf(inO2)
	ofFlow     = setOf(tidal, minute, volumes)
	ofTemp     = setOf(airwayTemp)
)

// alarmOf returns what an alarm means. Of code page 2 none concerns a value.
func alarmOf(page int, code byte) meaning {
	if page != 0 {
		return meaning{}
	}
	return meanings[code]
}

// meanings are those of the alarms of code page 1; the documents agree on them
// across devices. Those that are not here are technical.
var meanings = [256]meaning{
	0x01: {topic: pulse, status: vital.SignalNonPulsatile | vital.Questionable, of: ofOximeter}, // no SpO2 pulse
	0x02: {topic: pulse, limit: below},
	0x07: {topic: spo2, limit: below},
	0x08: {topic: inO2, limit: below},
	0x0d: {topic: rate}, // apnoea by CO2
	0x10: {topic: peak, limit: above},
	0x19: {topic: minute, limit: below},
	0x1e: {topic: pulse, limit: above},
	0x22: {topic: spo2, limit: above},
	0x27: {topic: etCO2, limit: below},
	0x28: {topic: etCO2, limit: above},
	0x37: {topic: inO2, limit: above},
	0x3c: {topic: inCO2, limit: above},
	0x90: {topic: rate, limit: above},
	0x98: {topic: rate}, // apnoea by the ventilator
	0x9b: {topic: minute, limit: above},
	0xba: {topic: airwayTemp, limit: above},
	0xbf: {topic: inO2, limit: above},
	0xc0: {topic: inO2, limit: below},
	0xda: {topic: peep, limit: above},
	0xe8: {topic: tidal, limit: above},

	0x35: {status: vital.SensorDisconnected, of: ofOximeter}, // or fault
	0x5b: {status: vital.AlarmOff, of: ofOximeter},
	0x68: {status: vital.EquipmentMalfunction, of: ofOximeter},
	0x3e: {status: vital.Questionable | vital.SignalPoor, of: ofCO2}, // not calibrated
	0x57: {status: vital.AlarmOff, of: ofCO2},
	0x63: {status: vital.Questionable | vital.Early, of: ofCO2},      // warming up, less accurate
	0x64: {status: vital.Questionable | vital.SignalPoor, of: ofCO2}, // window occluded
	0x6a: {status: vital.EquipmentMalfunction, of: ofCO2},
	0xd9: {status: vital.SensorDisconnected, of: ofCO2},
	0xa1: {status: vital.SensorMalfunction | vital.Questionable, of: ofO2},
	0xbe: {status: vital.SensorMalfunction | vital.Questionable, of: ofO2},
	0xe9: {status: vital.AlarmOff, of: ofO2},
	0x42: {status: vital.SensorMalfunction | vital.Questionable, of: ofFlow}, // check flow sensor
	0xa4: {status: vital.SensorMalfunction | vital.Questionable, of: ofFlow},
	0xac: {status: vital.AlarmOff, of: setOf(minute)},
	0xb8: {status: vital.SensorMalfunction | vital.Questionable, of: ofTemp},
	0xb9: {status: vital.SensorMalfunction | vital.Questionable, of: ofTemp},
}

// alarm is one that is active.
type alarm struct {
	on, now  bool // now: in the list being read
	priority byte
	phrase   [phraseLen]byte
	text     string
}

type alarms [2][256]alarm

// alarmList reads the reply to 27 (page 0) or 2E (page 1).
func (d *Decoder) alarmList(dst *vital.Batch, page int, body []byte) bool {
	if len(body)%alarmLen != 0 {
		return false
	}
	for p := body; len(p) > 0; p = p[alarmLen:] {
		if _, ok := hexByte(p[1:3]); !ok || p[0] < 0x31 || p[0] > 0x4f {
			return false
		}
	}
	all := &d.alarms[page]
	for p := body; len(p) > 0; p = p[alarmLen:] {
		code, _ := hexByte(p[1:3])
		d.alarm(dst, page, code, p[0]-0x30, p[3:alarmLen])
	}
	for code := range all {
		a := &all[code]
		if a.on && !a.now {
			d.tell(dst, page, byte(code), vital.AlertEnded)
			*a = alarm{}
		}
		a.now = false
	}
	d.judge()
	return true
}

// alarm takes one of the list, and tells if it is new or changed.
func (d *Decoder) alarm(dst *vital.Batch, page int, code, priority byte, phrase []byte) {
	a := &d.alarms[page][code]
	a.now = true
	if a.on && a.priority == priority && bytes.Equal(a.phrase[:], phrase) {
		return
	}
	a.on, a.priority = true, priority
	copy(a.phrase[:], phrase)
	a.text = words(phrase)
	d.tell(dst, page, code, vital.AlertPresent)
}

func (d *Decoder) tell(dst *vital.Batch, page int, code byte, state vital.AlertState) {
	a, m := &d.alarms[page][code], alarmOf(page, code)
	alert := vital.Alert{
		Kind: vital.Technical, Priority: priorityOf(a.priority), State: state,
		Value: vital.NaN, Limit: vital.NaN, Text: a.text,
	}
	if m.topic != noTopic {
		alert.Kind = vital.Physiological
		d.context(&alert, m)
	}
	dst.Alerts = append(dst.Alerts, alert)
}

// context adds the metric, its last value and the limit.
func (d *Decoder) context(alert *vital.Alert, m meaning) {
	code := d.latest[m.topic]
	alert.Source = page1[code].code
	if code == 0 {
		alert.Source = firstOf(m.topic)
		return
	}
	alert.Value = d.lists[measured].value(code)
	switch m.limit {
	case below:
		alert.Limit = d.lists[lowLimits].value(code)
	case above:
		alert.Limit = d.lists[highLimits].value(code)
	}
}

// firstOf returns the metric of a topic of which no value has come yet.
func firstOf(t topic) vital.Code {
	for _, q := range page1 {
		if q.topic == t && q.code.RefID() != "" {
			return q.code
		}
	}
	for _, q := range page1 {
		if q.topic == t {
			return q.code
		}
	}
	return 0
}

// judge makes the statuses of the topics from the alarms.
func (d *Decoder) judge() {
	d.status = [topics]vital.Status{}
	for page := range d.alarms {
		for code := range d.alarms[page] {
			if !d.alarms[page][code].on {
				continue
			}
			m := alarmOf(page, byte(code))
			if m.topic != noTopic {
				d.status[m.topic] |= vital.InAlarm
			}
			for t := range topics {
				if m.of&(1<<t) != 0 {
					d.status[t] |= m.status
				}
			}
		}
	}
}

func priorityOf(n byte) vital.Priority {
	switch {
	case n >= 26:
		return vital.PriorityHigh
	case n >= 11:
		return vital.PriorityMedium
	}
	return vital.PriorityLow
}

// words are an alarm's phrase, with the abbreviations of the device written out
// in the document's way.
func words(phrase []byte) string {
	s := strings.TrimSpace(strings.ToValidUTF8(string(phrase), ""))
	for _, short := range [...][2]string{{"$&", "LOW"}, {`"#`, "HIGH"}, {"'@", " ALARM "}} {
		s = strings.ReplaceAll(s, short[0], short[1])
	}
	return strings.Join(strings.Fields(s), " ")
}
