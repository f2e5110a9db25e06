package main

import (
	"fmt"
	"strings"
)

// summary is what a run showed, in numbers.
type summary struct {
	beds    []bedSummary
	attacks []attackSummary
	refused int // messages
}

// bedSummary is about one bed.
type bedSummary struct {
	device        string
	sealed, plain tally
}

// tally counts the readings that were compared with the patient.
type tally struct{ shown, wrong, flat int }

type attackSummary struct {
	name, names       string
	made, named, left int
}

func (b *board) summary() summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := summary{refused: b.refused}
	for _, r := range b.rows {
		s.beds = append(s.beds, bedSummary{r.device, r.sealed.tally(), r.plain.tally()})
	}
	for _, k := range b.scores {
		s.attacks = append(s.attacks, attackSummary{k.name, k.names(), k.made, k.named, k.left})
	}
	return s
}

func (p *panel) tally() tally { return tally{p.shown, p.wrong, p.flat} }

// failures returns what did not go as it has to. An attack that the end cut
// short, or that Ctrl-C came before, proves nothing either way; but a run in
// which none was made has not shown what it is for.
func (s summary) failures() []string {
	var f []string
	made, fooled := 0, false
	for _, b := range s.beds {
		if b.sealed.shown == 0 {
			f = append(f, "no reading of "+b.device+" came through")
		}
		if b.sealed.wrong > 0 {
			f = append(f, fmt.Sprintf("the sealed ward showed %d readings of %s that the patient did not have", b.sealed.wrong, b.device))
		}
		fooled = fooled || b.plain.flat > 0
	}
	for _, k := range s.attacks {
		made += k.made - k.left
		if k.named < k.made-k.left {
			f = append(f, fmt.Sprintf("the attack %q was made %d times and named %d times", k.name, k.made-k.left, k.named))
		}
	}
	if made == 0 {
		f = append(f, "no attack was made")
	} else if !fooled {
		f = append(f, "the plain ward was not fooled")
	}
	return f
}

// String returns the summary for people.
func (s summary) String() string {
	var t strings.Builder
	sealed, plain := s.total()
	fmt.Fprintf(&t, "\nsealed ward: %d readings shown, %d of them not the patient's; %d messages refused\n", sealed.shown, sealed.wrong, s.refused)
	fmt.Fprintf(&t, "plain ward:  %d readings shown, %d of them not the patient's, %d a heart rate of 0\n", plain.shown, plain.wrong, plain.flat)
	for _, k := range s.attacks {
		if k.made > 0 {
			fmt.Fprintf(&t, "  %-10s made %d, named %d: %s\n", k.name, k.made, k.named, k.names)
		}
	}
	failures := s.failures()
	for _, f := range failures {
		fmt.Fprintln(&t, "failed:", f)
	}
	if len(failures) == 0 {
		fmt.Fprintln(&t, "ok: every attack was named, and nothing forged was shown as true.")
		fmt.Fprintln(&t, "Readings that were destroyed on the way are missing: availability is not claimed.")
	}
	return t.String()
}

func (s summary) total() (sealed, plain tally) {
	for _, b := range s.beds {
		for _, p := range []struct {
			to *tally
			of tally
		}{{&sealed, b.sealed}, {&plain, b.plain}} {
			p.to.shown += p.of.shown
			p.to.wrong += p.of.wrong
			p.to.flat += p.of.flat
		}
	}
	return sealed, plain
}
