package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// newTestBoard is a board of one bed whose patient has a pulse of 72 and who was
// switched on ten seconds ago.
func newTestBoard() *board {
	v := sim.NoVitals()
	v.PulseRate, v.SpO2 = 71.6, 97
	s := &simulated{bed: beds()[0], patient: sim.Fixed{Numbers: v}}
	s.began.Store(time.Now().Add(-10 * time.Second).UnixNano())
	return newBoard(&site{roster: new(identity.Roster)}, []*simulated{s}, "mqtts://127.0.0.1:1")
}

func pulse(n int) *receive.Record {
	now := time.Now()
	return &receive.Record{
		Meta: receive.Meta{Verdict: receive.Valid, Received: now, Clock: seal.Clock{UnixMilli: now.UnixMilli() - 1000}},
		Batch: &vital.Batch{Numerics: []vital.Numeric{{
			Time: 1000, Code: vital.PulseRate, Unit: vital.BeatsPerMinute, Value: vital.Int(n),
		}}},
	}
}

func refusal(v receive.Verdict) *receive.Record {
	return &receive.Record{Meta: receive.Meta{Verdict: v, Received: time.Now()}}
}

func write(t *testing.T, b *board, records ...*receive.Record) {
	t.Helper()
	for _, r := range records {
		if err := b.Write(r); err != nil {
			t.Fatal(err)
		}
	}
}

// attackOf makes an attack, which the board finds what of.
func attackOf(t *testing.T, b *board, name string, found ...receive.Verdict) {
	t.Helper()
	for _, k := range attacks() {
		if k.name != name {
			continue
		}
		b.attacked(k)
		for _, v := range found {
			write(t, b, refusal(v))
		}
		b.calm(true)
	}
}

// TestSummaryFindsWhatIsWrong is about the judge: a ward that is fooled, or that
// misses an attack, must not pass.
func TestSummaryFindsWhatIsWrong(t *testing.T) {
	zero := plainReport{Readings: []plainReading{{vital.PulseRate, 0}}}
	for _, c := range []struct {
		name string
		do   func(*board)
		want string // "": nothing is wrong
	}{
		{"as it has to be", func(b *board) {
			write(t, b, pulse(72))
			attackOf(t, b, "forge", receive.WrongDevice, receive.BadSignature)
			b.showPlain("bed-1", zero, time.Now())
		}, ""},
		{"sealed ward shows 0", func(b *board) { write(t, b, pulse(72), pulse(0)) }, "showed 1 readings of bed-1 that the patient did not have"},
		{"sealed ward shows another", func(b *board) { write(t, b, pulse(74)) }, "showed 1 readings of bed-1"},
		{"nothing came through", func(*board) {}, "no reading of bed-1 came through"},
		{"attack is not named", func(b *board) { attackOf(t, b, "forge", receive.BadSignature, receive.Replay) }, `"forge" was made 1 times and named 0 times`},
		{"attack is named too late", func(b *board) {
			attackOf(t, b, "drop")
			write(t, b, refusal(receive.Gap))
		}, `"drop" was made 1 times and named 0 times`},
		{"plain ward is not fooled", func(b *board) { attackOf(t, b, "drop", receive.Gap) }, "the plain ward was not fooled"},
		{"no attack", func(*board) {}, "no attack was made"},
	} {
		b := newTestBoard()
		c.do(b)
		failures := strings.Join(b.summary().failures(), "\n")
		if c.want == "" && failures != "" || !strings.Contains(failures, c.want) {
			t.Errorf("%s: failures %q, want %q", c.name, failures, c.want)
		}
		if text := b.summary().String(); strings.Contains(text, "\nok: ") != (failures == "") {
			t.Errorf("%s: summary %q", c.name, text)
		}
	}
}

func TestAnAttackCutShortProvesNothing(t *testing.T) {
	b := newTestBoard()
	b.attacked(attacks()[0])
	b.calm(false)
	for _, f := range b.summary().failures() {
		if strings.Contains(f, "forge") {
			t.Errorf("failure %q", f)
		}
	}
}

func TestASilentBedShowsNoNumber(t *testing.T) {
	b := newTestBoard()
	write(t, b, pulse(72))
	if text := picture(b, 100); !strings.Contains(text, " 72 ") {
		t.Errorf("no rate in\n%s", text)
	}
	write(t, b, refusal(receive.Silent))
	if text := picture(b, 100); strings.Contains(text, " 72 ") || !strings.Contains(text, "silent") {
		t.Errorf("a stale rate in\n%s", text)
	}
}

func picture(b *board, width int) string {
	var s strings.Builder
	for _, l := range b.table(width, 40) {
		for _, p := range l {
			s.WriteString(p.text)
		}
		s.WriteByte('\n')
	}
	return s.String()
}

func TestTableFitsTheTerminal(t *testing.T) {
	b := newTestBoard()
	for range 2 * maxTrend {
		write(t, b, pulse(72), refusal(receive.BadSignature))
		b.sample()
	}
	for _, width := range []int{20, 72, 80, 200} {
		lines := b.table(width, 10)
		if len(lines) > 10 {
			t.Errorf("%d lines on 10", len(lines))
		}
		for _, l := range lines {
			text := l.render(width)
			for _, s := range []style{bold, dim, good, bad} {
				text = strings.ReplaceAll(text, "\x1b["+string(s)+"m", "")
			}
			text = strings.ReplaceAll(text, "\x1b[0m", "")
			if n := utf8.RuneCountInString(text); n > width {
				t.Errorf("%d characters on %d: %q", n, width, text)
			}
		}
	}
}

func TestPlot(t *testing.T) {
	nan := sim.NoVitals().HeartRate
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{nil, "    "},
		{[]float64{0}, "   ▁"},
		{[]float64{0, 60, 120, 300}, "▁▅██"},
		{[]float64{99, 99, 80, nan, 0, 0}, "▆ ▁▁"},
	} {
		if got := plot(c.values, 4); got != c.want {
			t.Errorf("plot(%v) = %q, want %q", c.values, got, c.want)
		}
	}
}

func TestFlattenChangesRatesOnly(t *testing.T) {
	report := plainReport{Time: time.Now().UTC().Round(0), Readings: []plainReading{
		{vital.PulseRate, 72}, {vital.SpO2, 97}, {vital.HeartRate, 73}, {vital.TempBody, 36.6},
	}}
	got, err := decodePlain(flatten(report.encode()))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0, 97, 0, 36.6} {
		if got.Readings[i] != (plainReading{report.Readings[i].Code, want}) {
			t.Errorf("reading %d became %v", i, got.Readings[i])
		}
	}
	if !got.Time.Equal(report.Time) {
		t.Errorf("time became %v", got.Time)
	}
	if garbage := []byte("{"); string(flatten(garbage)) != "{" {
		t.Error("what is no report was changed")
	}
}
