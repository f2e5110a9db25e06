package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scenario is something that can happen to a patient.
type Scenario struct {
	Name    string // as in ParseTimeline
	Summary string // a line for people
	effect
}

// effect is what a scenario does to a patient. Changes are to the patient's own
// values, and come about gradually.
type effect struct {
	heart, resp, sys, dia, etCO2 change // /min, /min, mm[Hg], mm[Hg], mm[Hg]
	spo2                         change // %
	noHeart, noBreath            bool
	cond                         Condition
}

// change is by how much, in what time (63 % of it) and how long afterwards.
type change struct{ by, tau, delay float64 }

// recovery is how the values go back to the patient's own.
func recovery() effect {
	return effect{
		heart: change{tau: 12}, resp: change{tau: 8}, sys: change{tau: 20}, dia: change{tau: 20},
		etCO2: change{tau: 40}, spo2: change{tau: 20, delay: 15}, // from the lung to the finger
	}
}

// Scenarios returns all of them.
func Scenarios() []Scenario {
	return []Scenario{
		{"sinus", "well: sinus rhythm at rest", effect{}},
		{"tachycardia", "heart rate up by 70, pulse pressure a little down", effect{
			heart: change{by: 70, tau: 4}, sys: change{by: -4, tau: 10}, dia: change{by: 2, tau: 10}, resp: change{by: 3, tau: 20}}},
		{"desaturation", "SpO2 down by 14 %, heart and breathing faster", effect{
			spo2: change{by: -14, tau: 35, delay: 10}, heart: change{by: 16, tau: 20},
			resp: change{by: 8, tau: 15}, etCO2: change{by: -5, tau: 40}}},
		{"apnoea", "breathing stops; end-tidal CO2 gone in half a minute, SpO2 falls after 40 s", effect{
			noBreath: true, spo2: change{by: -32, tau: 70, delay: 40}, heart: change{by: 14, tau: 30},
			sys: change{by: 12, tau: 60}, dia: change{by: 8, tau: 60}, etCO2: change{by: 25, tau: 300}}},
		{"asystole", "heart and breathing stop: flat ECG, no pulse, no pressure", effect{
			noHeart: true, noBreath: true, spo2: change{by: -35, tau: 60, delay: 10}, etCO2: change{by: -20, tau: 30}}},
		{"lead-off", "an ECG lead is off: no ECG and no heart rate, but a pulse rate", effect{cond: LeadOff}},
		{"sensor-off", "the oximeter's sensor is not on the finger", effect{cond: FingerOff}},
		{"unplugged", "the oximeter's sensor is not plugged in", effect{cond: Unplugged}},
		{"low-perfusion", "weak pulses at the finger", effect{cond: LowPerfusion}},
		{"artifact", "the patient moves", effect{cond: Artifact}},
		{"low-battery", "the device's battery is low", effect{cond: LowBattery}},
	}
}

// and joins two effects; of two changes of a value the larger one counts.
func (e effect) and(o effect) effect {
	for _, c := range []struct {
		to   *change
		from change
	}{{&e.heart, o.heart}, {&e.resp, o.resp}, {&e.sys, o.sys}, {&e.dia, o.dia}, {&e.etCO2, o.etCO2}, {&e.spo2, o.spo2}} {
		if c.from.by*c.from.by > c.to.by*c.to.by {
			*c.to = c.from
		}
	}
	e.noHeart, e.noBreath, e.cond = e.noHeart || o.noHeart, e.noBreath || o.noBreath, e.cond|o.cond
	return e
}

// Timeline is what happens to a patient, and when. In the zero value nothing does.
type Timeline struct{ episodes []episode }

type episode struct {
	from time.Duration
	effect
}

// Limits of a timeline.
const (
	maxEpisodes = 1000
	maxTimeline = 366 * 24 * time.Hour
)

// ParseTimeline reads scenarios and how long each lasts, "sinus 60s, desaturation
// 2m, sinus". The last one may do without, and then does not end; otherwise sinus
// follows it. Scenarios that happen together are joined, "tachycardia+lead-off 1m".
// An empty text is the zero Timeline. Errors quote what is wrong and name what is
// known.
func ParseTimeline(text string) (Timeline, error) {
	var t Timeline
	if strings.TrimSpace(text) == "" {
		return t, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > maxEpisodes {
		return t, fmt.Errorf("sim: %d scenarios in a row, at most %d are taken", len(parts), maxEpisodes)
	}
	var at time.Duration
	for i, part := range parts {
		f := strings.Fields(part)
		if len(f) == 0 || len(f) > 2 {
			return Timeline{}, fmt.Errorf("sim: %q is not a scenario and a duration, such as %q", part, "desaturation 2m")
		}
		e, err := effectOf(f[0])
		if err != nil {
			return Timeline{}, err
		}
		t.episodes = append(t.episodes, episode{at, e})
		if len(f) == 1 && i == len(parts)-1 {
			return t, nil
		}
		if len(f) == 1 {
			return Timeline{}, fmt.Errorf("sim: scenario %q needs a duration, such as %q: another one follows it", f[0], f[0]+" 60s")
		}
		d, err := time.ParseDuration(f[1])
		if err != nil || d <= 0 || d > maxTimeline-at {
			return Timeline{}, fmt.Errorf("sim: duration %q is not above 0, or goes beyond %v in all", f[1], maxTimeline)
		}
		at += d
	}
	t.episodes = append(t.episodes, episode{at, effect{}})
	return t, nil
}

func effectOf(names string) (effect, error) {
	var e effect
	for name := range strings.SplitSeq(names, "+") {
		all := Scenarios()
		i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
		if i < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.Name)
			}
			return e, fmt.Errorf("sim: no scenario %q: known are %s", name, strings.Join(known, ", "))
		}
		e = e.and(all[i].effect)
	}
	return e, nil
}
