package gedri

import "github.com/vitalseal/vitalseal/sdk/core/vital"

// wave is a type of waves: the sub-record's number, samples a second and scale.
type wave struct {
	name    string
	sub     byte
	hz      int
	code    vital.Code // 0: by the channel's lead or label
	unit    vital.Unit
	exp     int8
	lead    int // of ECG channels
	channel int // of pressures
}

var waveTypes = [...]wave{
	{name: "ecg1", sub: 1, hz: 300, unit: vital.Millivolt, exp: -3, lead: 1},
	{name: "ecg2", sub: 2, hz: 300, unit: vital.Millivolt, exp: -3, lead: 2},
	{name: "ecg3", sub: 3, hz: 300, unit: vital.Millivolt, exp: -3, lead: 3},
	{name: "p1", sub: 4, hz: 100, unit: vital.MmHg, exp: -2, channel: 1},
	{name: "p2", sub: 5, hz: 100, unit: vital.MmHg, exp: -2, channel: 2},
	{name: "p3", sub: 6, hz: 100, unit: vital.MmHg, exp: -2, channel: 3},
	{name: "p4", sub: 7, hz: 100, unit: vital.MmHg, exp: -2, channel: 4},
	{name: "pleth", sub: 8, hz: 100, code: vital.Pleth, unit: vital.Percent, exp: -2},
	{name: "co2", sub: 9, hz: 25, code: 151700, unit: vital.Percent, exp: -2},
	{name: "o2", sub: 10, hz: 25, code: private(nWave + 10), unit: vital.Percent, exp: -2},
	{name: "n2o", sub: 11, hz: 25, code: private(nWave + 11), unit: vital.Percent, exp: -2},
	{name: "agent", sub: 12, hz: 25, code: private(nWave + 12), unit: vital.Percent, exp: -2},
	{name: "paw", sub: 13, hz: 25, code: 151792, unit: vital.CmH2O, exp: -1},
	{name: "flow", sub: 14, hz: 25, code: 151764, unit: vital.LitrePerMinute, exp: -1},
	{name: "resp", sub: 15, hz: 25, code: vital.RespImpedance, unit: vital.Ohm, exp: -2},
	{name: "p5", sub: 16, hz: 100, unit: vital.MmHg, exp: -2, channel: 5},
	{name: "p6", sub: 17, hz: 100, unit: vital.MmHg, exp: -2, channel: 6},
	{name: "volume", sub: 23, hz: 25, code: private(nWave + 23), unit: vital.Millilitre},
	{name: "tonometry", sub: 24, hz: 25, code: private(nWave + 24), unit: vital.Millibar, exp: -1},
	{name: "entropy", sub: 32, hz: 100, code: private(nWave + 32), unit: vital.Microvolt, exp: -1},
	{name: "bis", sub: 35, hz: 300, code: private(nWave + 35), unit: vital.Microvolt},
	{name: "p7", sub: 36, hz: 100, unit: vital.MmHg, exp: -2, channel: 7},
	{name: "p8", sub: 37, hz: 100, unit: vital.MmHg, exp: -2, channel: 8},
}

var defaultWaves = [...]string{"ecg1", "p1", "pleth", "co2", "resp"}

func waveNames() (names []string) {
	for i := range waveTypes {
		names = append(names, waveTypes[i].name)
	}
	return names
}

func waveOf(sub byte) *wave {
	for i := range waveTypes {
		if waveTypes[i].sub == sub {
			return &waveTypes[i]
		}
	}
	return nil
}

// wavesFit reports whether all sub-records of waves that are known are whole.
func wavesFit(r []byte) bool {
	for i := 0; ; i++ {
		k, p, ok := sub(r, i)
		if !ok {
			return true
		}
		if waveOf(k) == nil {
			continue
		}
		if len(p) < waveHeader || le16(p) < 0 || waveHeader+2*int(le16(p)) > len(p) {
			return false
		}
	}
}

func (d *Decoder) takeWaves(dst *vital.Batch, r []byte, h header) {
	for i := 0; ; i++ {
		k, p, ok := sub(r, i)
		if !ok {
			return
		}
		if w := waveOf(k); w != nil {
			d.host.wavesSeen = true
			d.identify(dst, h)
			d.wave(dst, w, p)
		}
	}
}

// Bits of the status of a wave.
const (
	waveGap     = 1 << 0
	wavePacer   = 1 << 2
	waveLeadOff = 1 << 3

	controlMax = -32000 // samples down from here are none
)

func (d *Decoder) wave(dst *vital.Batch, w *wave, p []byte) {
	n, bits := int(le16(p)), uint16(le16(p[2:]))
	var s vital.Status
	if bits&waveGap != 0 {
		s |= vital.SignalProcessing
	}
	if bits&waveLeadOff != 0 {
		s |= vital.SensorOff | vital.Questionable
	}
	if bits&wavePacer != 0 {
		dst.Enumerations = append(dst.Enumerations, vital.Enumeration{Code: private(nPacer), Value: uint32(w.sub), Text: "pacer"})
	}
	var out *vital.Wave
	for p = p[waveHeader : waveHeader+2*n]; len(p) > 0; p = p[2:] {
		v := le16(p)
		if v <= controlMax {
			out = nil
			continue
		}
		if out == nil {
			out = dst.AddWave()
			out.Code, out.Unit, out.Rate, out.Status = d.codeOf(w), w.unit, vital.Int(w.hz), s
			out.Factor, out.Divisor = vital.Dec(1, w.exp), 1
		}
		out.Samples = append(out.Samples, int32(v))
	}
}

// codeOf returns the code of a wave, with what the numbers told of its channel.
func (d *Decoder) codeOf(w *wave) vital.Code {
	switch {
	case w.lead > 0:
		return leads[d.leads[w.lead]].wave
	case w.channel > 0:
		label := d.labels[w.channel]
		if label == 0 {
			label = channelLabel(uint8(w.channel))
		}
		return pressureWave(label)
	}
	return w.code
}
