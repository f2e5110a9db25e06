package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/vitalseal/vitalseal/sdk/receive"
)

// display shows the board to people: on a terminal as a table that is redrawn in
// place, elsewhere as a line a second and one for each finding.
type display struct {
	out      io.Writer
	board    *board
	terminal int // its descriptor, -1: none

	told   int    // log entries written as lines
	attack *score // told last, nil: none
}

func newDisplay(out io.Writer, terminal int, b *board) *display {
	return &display{out: out, board: b, terminal: terminal}
}

const (
	redraw = 250 * time.Millisecond
	sample = 2 // redraws for a point of the trend
	second = 4 // redraws for a line
)

// Escape sequences of ECMA-48 and xterm.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	eraseLine   = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// run shows the board until ctx ends. It leaves the terminal as it was.
func (d *display) run(ctx context.Context) error {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	if d.terminal >= 0 {
		io.WriteString(d.out, enterScreen)
		defer io.WriteString(d.out, leaveScreen)
	}
	for n := 0; ; n++ {
		if n%sample == 0 {
			d.board.sample()
		}
		switch {
		case d.terminal >= 0:
			d.drawTable()
		default:
			d.writeLines(n%second == 0)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if d.terminal < 0 {
				d.writeLines(true)
			}
			return nil
		}
	}
}

func (d *display) drawTable() {
	width, height, err := term.GetSize(d.terminal)
	if err != nil || width < minWidth {
		width, height = minWidth, 24
	}
	var s strings.Builder
	s.WriteString(home)
	for i, l := range d.board.table(width, height-1) {
		if i > 0 {
			s.WriteString("\r\n")
		}
		s.WriteString(l.render(width) + eraseLine)
	}
	io.WriteString(d.out, s.String()+eraseBelow)
}

// writeLines writes what is new: what the attacker does, what was found, and, if
// it is time for it, what is shown.
func (d *display) writeLines(numbers bool) {
	b := d.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current != d.attack {
		if d.attack = b.current; d.attack != nil {
			fmt.Fprintf(d.out, "%s  attacker %s\n", b.clock(d.attack.begun), b.attacker())
		}
	}
	for _, e := range b.log[len(b.log)-min(b.logged-d.told, len(b.log)):] {
		fmt.Fprintf(d.out, "%s  %s\n", b.clock(e.at), e)
	}
	d.told = b.logged
	if !numbers {
		return
	}
	fmt.Fprintf(d.out, "%s  heart rates: sealed", b.clock(time.Now()))
	for _, r := range b.rows {
		fmt.Fprintf(d.out, " %s", number(r.sealed.rate))
	}
	fmt.Fprint(d.out, "   plain")
	for _, r := range b.rows {
		fmt.Fprintf(d.out, " %s", number(r.plain.rate))
	}
	fmt.Fprintln(d.out)
}

func (e entry) String() string {
	s := fmt.Sprintf("%s, %s", e.verdict, e.device)
	if e.reason != "" {
		s += ": " + e.reason
	}
	if e.count > 1 {
		s += fmt.Sprintf(" (%d times)", e.count)
	}
	return s
}

// clock returns minutes and seconds since the ward began.
func (b *board) clock(t time.Time) string {
	s := max(0, int(t.Sub(b.began).Seconds()))
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// attacker returns what the attacker does.
func (b *board) attacker() string {
	if b.current == nil {
		return "listens"
	}
	return "flattens the heart rate to 0: " + b.current.says
}

// number returns a value in three columns, "--" for none.
func number(x float64) string {
	if math.IsNaN(x) {
		return " --"
	}
	return fmt.Sprintf("%3.0f", x)
}

// line is text with styles.
type textLine []span

type span struct {
	style style
	text  string
}

// style is the parameter of SGR (ECMA-48, 8.3.117).
type style string

const (
	normal style = ""
	bold   style = "1"
	dim    style = "2"
	good   style = "32"
	bad    style = "1;31"
)

// render returns the line cut to a width in characters.
func (l textLine) render(width int) string {
	var s strings.Builder
	for _, p := range l {
		text := []rune(p.text)
		text = text[:min(len(text), width)]
		width -= len(text)
		if p.style == normal || len(text) == 0 {
			s.WriteString(string(text))
			continue
		}
		s.WriteString("\x1b[" + string(p.style) + "m" + string(text) + "\x1b[0m")
	}
	return s.String()
}

const (
	minWidth = 72
	fixed    = 52 // columns of a row beside its two trends
)

// table returns the lines of the whole picture, as many as fit.
func (b *board) table(width, height int) []textLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	trend := min(maxTrend, max(8, (width-fixed)/2))
	lines := []textLine{
		{{bold, "vitalseal ward  " + b.clock(time.Now())}, {dim, "   simulated patients, " + b.url + ", Ctrl-C ends"}},
		b.attackerLine(),
		nil,
		{{bold, fmt.Sprintf("%-22s%-*s", "", 25+trend, "SEALED")}, {bold, "PLAIN"}},
		{{dim, fmt.Sprintf("%-22s%-*s", "", 25+trend, "rate SpO2")}, {dim, "rate SpO2"}},
	}
	for _, r := range b.rows {
		lines = append(lines, r.line(trend))
	}
	lines = append(lines, nil, textLine{{dim, fmt.Sprintf("%-12s%-6s%-7s%s", "attack", "made", "named", "as")}})
	for _, s := range b.scores {
		lines = append(lines, s.line(s == b.current))
	}
	lines = append(lines, nil)
	for i := max(0, len(b.log)-max(0, height-len(lines))); i < len(b.log); i++ {
		lines = append(lines, textLine{{dim, b.clock(b.log[i].at) + "  "}, {normal, b.log[i].String()}})
	}
	return lines[:min(len(lines), max(1, height))]
}

func (b *board) attackerLine() textLine {
	if b.current == nil {
		return textLine{{dim, "attacker " + b.attacker()}}
	}
	return textLine{{bad, "attacker " + b.attacker()}}
}

// fresh is how long a finding about a bed stays beside it.
const fresh = 2 * time.Second

func (r *row) line(trend int) textLine {
	word, wordStyle := "valid", good
	switch {
	case time.Since(r.sealed.foundAt) < fresh || r.sealed.found == receive.Silent:
		word, wordStyle = r.sealed.found.String(), bad
	case math.IsNaN(r.sealed.rate):
		word, wordStyle = "waiting", dim
	}
	plain := normal
	if r.plain.rate == 0 {
		plain = bad
	}
	return textLine{
		{bold, fmt.Sprintf("%-7s", r.device)}, {dim, fmt.Sprintf("%-15s", r.bed.driver)},
		{bold, number(r.sealed.rate)}, {normal, "  " + number(r.sealed.spo2) + "  " + plot(r.sealed.trend, trend) + " "},
		{wordStyle, fmt.Sprintf("%-14s", word)},
		{plain, number(r.plain.rate)}, {normal, "  " + number(r.plain.spo2) + "  "}, {plain, plot(r.plain.trend, trend)},
	}
}

func (s *score) line(now bool) textLine {
	style := normal
	if now {
		style = bad
	}
	l := textLine{{style, fmt.Sprintf("%-12s%-6d%-7d", s.name, s.made, s.named)}}
	return append(l, span{good, s.names()})
}

// names lists the verdicts that named the attack.
func (s *score) names() string {
	var names []string
	for _, v := range s.want {
		if s.seen[v] > 0 {
			names = append(names, v.String())
		}
	}
	return strings.Join(names, ", ")
}

// plot draws the newest values in width columns, from 0 to top a minute.
func plot(values []float64, width int) string {
	const top, levels = 120, "▁▂▃▄▅▆▇█"
	blocks := []rune(levels)
	values = values[max(0, len(values)-width):]
	s := []rune(strings.Repeat(" ", width-len(values)))
	for _, x := range values {
		if math.IsNaN(x) {
			s = append(s, ' ')
			continue
		}
		s = append(s, blocks[int(math.Max(0, math.Min(1, x/top))*float64(len(blocks)-1)+0.5)])
	}
	return string(s)
}
