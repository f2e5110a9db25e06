package gedri

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const (
	fieldsMax = numbersLen / 2
	groupsMax = 24
	classAt   = 276
)

// numbers is what was seen of the numbers so far.
type numbers struct {
	exists  [classes][groupsMax]bool
	label   [classes][groupsMax]uint16
	seen    [classes][fieldsMax]bool // by offset
	on      [len(conditions)]bool
	twelve  bool // ST comes with the 12-lead group too: the basic group's are the same
	rateHad [3]bool
}

// numbersFit reports whether all displayed sub-records are whole.
func numbersFit(r []byte) bool {
	for i := 0; ; i++ {
		k, p, ok := sub(r, i)
		if !ok {
			return true
		}
		if k == subDisplayed && (len(p) < numbersLen || classOf(p) >= classes) {
			return false
		}
	}
}

func classOf(p []byte) int { return int(p[classAt+1] & 0x0f) }

func (d *Decoder) takeNumbers(dst *vital.Batch, r []byte, h header) {
	if twelve, told := twelveLeads(r); told {
		d.numbers.twelve = twelve
	}
	any := false
	for i := 0; ; i++ {
		k, p, ok := sub(r, i)
		if !ok {
			break
		}
		if k != subDisplayed {
			continue
		}
		if !any {
			any = true
			d.host.numbersSeen = true
			d.identify(dst, h)
			dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: private(nClock), Value: h.time})
		}
		d.class(dst, classOf(p), p)
	}
}

// twelveLeads reports whether a record has ST of 12 leads; told is false if it does
// not say.
func twelveLeads(r []byte) (twelve, told bool) {
	for i := 0; ; i++ {
		k, p, ok := sub(r, i)
		if !ok {
			return false, false
		}
		if k == subDisplayed && classOf(p) == ext1 {
			return le32(p[twelveAt:])&bitExists != 0, true
		}
	}
}

// class reads one sub-record of numbers.
func (d *Decoder) class(dst *vital.Batch, class int, p []byte) {
	var used [labelMax + 1]bool // labels of pressures in this sub-record
	for i := range groups[class] {
		g := &groups[class][i]
		status, label := le32(p[g.at:]), uint16(le16(p[g.at+4:]))
		exists := status&bitExists != 0
		if !exists {
			if !d.numbers.exists[class][i] {
				continue
			}
			label = d.numbers.label[class][i]
		}
		d.numbers.exists[class][i], d.numbers.label[class][i] = true, label
		d.group(dst, class, g, p, groupState{exists, status, label}, &used)
	}
	if class == basic {
		d.conditions(dst, p)
	}
}

// groupState is the head of a group.
type groupState struct {
	exists bool
	status uint32
	label  uint16
}

// of returns the status of the group's values.
func (g groupState) of(k kind) vital.Status {
	if !g.exists {
		return vital.SensorDisconnected
	}
	return statusOf(k, g.status, g.label)
}

func (d *Decoder) group(dst *vital.Batch, class int, g *group, p []byte, st groupState, used *[labelMax + 1]bool) {
	s := st.of(g.kind)
	switch g.kind {
	case ecg:
		d.ecg(dst, g, p, st)
		return
	case pressure:
		d.pressure(dst, class, g, p, st, used)
		return
	case temperature:
		f := g.fields[0]
		f.code = temperatureCode(int(st.label))
		if f.code != 0 {
			d.field(dst, class, &f, p, s)
		}
		return
	case svo2:
		f := g.fields[0]
		f.code = private(0x13 + int(st.label&3)%3)
		d.field(dst, class, &f, p, s)
		return
	case co2:
		d.co2(dst, g, p, st)
		return
	case agent:
		d.agent(dst, st)
	case ecg12:
		if !st.exists {
			return // the basic class has ST again
		}
	case arrhythmia:
		d.arrhythmia(dst, p, st)
	}
	for i := range g.fields {
		d.field(dst, class, &g.fields[i], p, s)
	}
}

// field gives one value.
func (d *Decoder) field(dst *vital.Batch, class int, f *field, p []byte, s vital.Status) {
	v, own := valueOf(le16(p[f.at:]), f.exp)
	seen := &d.numbers.seen[class][f.at/2]
	if v.IsNumber() && s&absent == 0 {
		*seen = true
	}
	if f.quiet() && !*seen {
		return
	}
	emit(dst, f.code, f.unit, v, s|own)
}

// ecg reads the heart rate and its extras, ST of up to three leads, and the
// impedance respiration, which the status of the ECG is not about.
func (d *Decoder) ecg(dst *vital.Batch, g *group, p []byte, st groupState) {
	s := st.of(ecg)
	rate := g.fields[0]
	rate.code = heartRateCode(st.status)
	fromECG := rate.code == vital.HeartRate
	switch {
	case !st.exists:
		d.field(dst, basic, &rate, p, s)
	case fromECG && st.status&allChannelsOff == allChannelsOff:
		d.field(dst, basic, &rate, p, s|vital.SensorOff)
	case fromECG:
		d.field(dst, basic, &rate, p, s)
	default:
		d.field(dst, basic, &rate, p, statusOf(plain, st.status, 0))
	}
	d.rates(dst, p, s, fromECG)
	for channel := 1; channel <= 3; channel++ {
		d.leads[channel] = leadOf(st.label, channel)
		f := g.fields[channel]
		f.code = leads[d.leads[channel]].st
		if f.code == 0 || d.numbers.twelve {
			continue
		}
		cs := s
		if st.status&(1<<(bitChannelOff+channel-1)) != 0 {
			cs |= vital.SensorOff
		}
		d.field(dst, basic, &f, p, cs)
	}
	if st.exists {
		s = statusOf(plain, st.status, 0)
	}
	d.field(dst, basic, &g.fields[4], p, s)
}

// rates reads the group without a head: it appears value by value.
func (d *Decoder) rates(dst *vital.Batch, p []byte, s vital.Status, fromECG bool) {
	for i, f := range [...]field{
		{heartRateECGAt, vital.HeartRate, vital.BeatsPerMinute, 0},
		{heartRateMaxAt, private(0x11), vital.BeatsPerMinute, 0},
		{heartRateMinAt, private(0x12), vital.BeatsPerMinute, 0},
	} {
		if i == 0 && fromECG {
			continue // the same
		}
		if v, _ := valueOf(le16(p[f.at:]), 0); v.IsNumber() {
			d.numbers.rateHad[i] = true
		}
		if d.numbers.rateHad[i] {
			d.field(dst, basic, &f, p, s)
		}
	}
}

func (d *Decoder) pressure(dst *vital.Batch, class int, g *group, p []byte, st groupState, used *[labelMax + 1]bool) {
	label := int(st.label)
	if label == 0 || label > labelMax || used[label] {
		label = channelLabel(g.channel)
	}
	used[label] = true
	d.labels[g.channel] = label
	s := st.of(pressure)
	for i := range g.fields {
		f := g.fields[i]
		f.code = pressureCode(label, i)
		d.field(dst, class, &f, p, s)
	}
}

// Sources that the label of the CO2 group tells.
const (
	respFromImpedance = 2
	fiFromO2          = 2
	levelCO2Only      = 8 // from which on the respiration rate is that of CO2
)

func (d *Decoder) co2(dst *vital.Batch, g *group, p []byte, st groupState) {
	s := st.of(co2)
	for i := range g.fields {
		f := g.fields[i]
		switch f.at {
		case fiCO2At:
			if st.label>>3&7 == fiFromO2 {
				continue // not CO2
			}
		case respSourceAt:
			f.code = 151594
			if d.level < levelCO2Only && st.label&7 == respFromImpedance {
				f.code = vital.RespRate
			}
		}
		d.field(dst, basic, &f, p, s)
	}
}

func (d *Decoder) agent(dst *vital.Batch, st groupState) {
	if !st.exists || int(st.label) >= len(agents) {
		return
	}
	dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: private(nAgent), Value: uint32(st.label), Text: agents[st.label]})
}

func (d *Decoder) arrhythmia(dst *vital.Batch, p []byte, st groupState) {
	if st.exists {
		dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: private(nArrhythmia), Value: le32(p[arrhythmiaAt:])})
	}
}

// conditions tells of status bits that begin or end.
func (d *Decoder) conditions(dst *vital.Batch, p []byte) {
	for i := range conditions {
		c := &conditions[i]
		status := le32(p[c.at:])
		on := status&bitExists != 0 && status&(1<<c.bit) != 0
		if on == d.numbers.on[i] {
			continue
		}
		d.numbers.on[i] = on
		state := vital.AlertEnded
		if on {
			state = vital.AlertPresent
		}
		dst.Alerts = append(dst.Alerts, vital.Alert{Source: c.source, Kind: c.kind, Priority: c.priority, State: state,
			Value: vital.NaN, Limit: vital.NaN, Text: c.text})
	}
}
