package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
)

// printStatus prints what somebody wants to know who was woken up: what is wrong
// and what to do, and then everything else.
func printStatus(out io.Writer, s *status.Report, now time.Time) error {
	t := &statusTable{now: now}
	t.problems(s.Problems)
	t.tabs = tabwriter.NewWriter(&t.b, 0, 0, 2, ' ', 0)
	t.line("gateway", s.Gateway, "up "+t.since(s.Started), "vitalseal "+s.Version)
	t.broker(&s.Broker)
	o := &s.Outbox
	t.line("waiting", plural(int(o.Waiting), "envelope")+", "+strconv.FormatUint(o.Urgent, 10)+" urgent",
		"oldest "+t.ago(o.Oldest), fmt.Sprintf("%s of %s on disk", bytesText(uint64(o.Bytes)), bytesText(uint64(o.Max))))
	if !o.Unstored.IsZero() {
		t.line("memory", plural(int(o.InMemory), "envelope")+" not on disk", "no room, since "+t.since(o.Unstored))
	}
	for _, r := range s.Receipts {
		t.line("receipts", "of "+r.Receiver, "newest "+t.ago(r.Last), plural(int(r.Behind), "envelope")+" not signed for", "oldest "+t.ago(r.Oldest))
	}
	t.line("lost", plural(int(o.Dropped), "envelope")+" dropped", fmt.Sprintf("%d damaged", o.Corrupt),
		plural(int(o.Refused), "reading")+" refused")
	if d := &s.Disk; d.TotalBytes > 0 {
		t.line("disk", bytesText(d.FreeBytes)+" of "+bytesText(d.TotalBytes)+" left", inodesText(d))
	}
	t.line("clock", clockText(s.Clock))
	for _, c := range s.Certificates {
		t.line(c.Name, "certificate "+t.ends(c))
	}
	t.line("roster", fmt.Sprintf("number %d", s.Roster.Serial), "issued "+t.ago(s.Roster.Issued),
		plural(s.Roster.Devices, "device"), plural(s.Roster.Recipients, "recipient"))
	t.end()
	t.sensors(s.Sensors)
	_, err := io.WriteString(out, t.b.String())
	return err
}

type statusTable struct {
	now  time.Time
	b    strings.Builder
	tabs *tabwriter.Writer
}

// line is a name and what there is to say.
func (t *statusTable) line(name string, parts ...string) {
	fmt.Fprintf(t.tabs, "%s\t%s\n", shown(name), shown(strings.Join(parts, ", ")))
}

func (t *statusTable) end() {
	t.tabs.Flush() // to memory
	t.b.WriteByte('\n')
}

// shown keeps what came from elsewhere from steering a terminal.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func (t *statusTable) problems(all []status.Problem) {
	if len(all) == 0 {
		t.b.WriteString("ok\n\n")
		return
	}
	for _, p := range all {
		mark := "PROBLEM"
		if p.Severity == status.Warning {
			mark = "warning"
		}
		since := ""
		if !p.Since.IsZero() {
			since = " (for " + t.since(p.Since) + ")"
		}
		fmt.Fprintf(&t.b, "%s  %s: %s%s\n", mark, shown(p.What), shown(p.Why), since)
		if p.Hint != "" {
			fmt.Fprintf(&t.b, "         hint: %s\n", shown(p.Hint))
		}
	}
	t.b.WriteByte('\n')
}

func (t *statusTable) broker(b *status.Broker) {
	state := "NOT CONNECTED"
	if b.Connected {
		state = "connected"
	}
	if !b.Since.IsZero() {
		state += " for " + t.since(b.Since)
	}
	t.line("broker", b.URL, state)
	t.line("", "last acknowledged "+t.ago(b.LastAck), plural(int(b.Acknowledged), "envelope")+" since the start")
}

func clockText(c status.Clock) string {
	switch {
	case !c.Set:
		return "not set"
	case !c.InStep:
		return "not kept in step"
	}
	return fmt.Sprintf("in step, right within %d ms", c.Error)
}

func inodesText(d *status.Disk) string {
	if d.TotalInodes == 0 {
		return "inodes without bound"
	}
	return fmt.Sprintf("%d of %d inodes", d.FreeInodes, d.TotalInodes)
}

func (t *statusTable) ends(c status.Certificate) string {
	switch left := c.NotAfter.Sub(t.now); {
	case c.Error != "":
		return "cannot be read"
	case left < 0:
		return "ENDED " + t.ago(c.NotAfter)
	default:
		return "ends in " + plural(int(left/day), "day")
	}
}

func (t *statusTable) sensors(all []status.Sensor) {
	t.tabs = tabwriter.NewWriter(&t.b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t.tabs, "SENSOR\tDRIVER\tLINE\tFOR\tLAST READING\tGOOD\tBAD\tLINK\tPORT")
	for i := range all {
		s := &all[i]
		line, link := string(s.Line), "-"
		if s.Line != status.LineOpen && s.Line != status.LineStarting {
			line = strings.ToUpper(line)
		}
		if s.Link != nil {
			link = s.Link.Phase
		}
		fmt.Fprintf(t.tabs, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", shown(s.Device), shown(s.Driver), shown(line), t.since(s.Since),
			t.ago(s.Last), s.Good, s.Bad, shown(link), shown(s.Port))
	}
	t.tabs.Flush() // to memory
}

func (t *statusTable) ago(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return t.since(at) + " ago"
}

// since is how long ago a time is, in its two largest units.
func (t *statusTable) since(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	switch d := max(0, t.now.Sub(at)); {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}

func bytesText(n uint64) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
