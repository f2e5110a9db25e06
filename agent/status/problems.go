package status

import (
	"fmt"
	"slices"
	"time"
)

const (
	// certificateSoon is how long before its end a certificate is worth a warning.
	certificateSoon = 30 * 24 * time.Hour

	// ackLate is how long a broker may take to acknowledge what it is sent.
	ackLate = 2 * time.Minute

	// receiptLate is how long a receiver may take to sign for what was stored.
	receiptLate = 5 * time.Minute

	// fewInodes is when a file system has few left.
	fewInodes = 1000
)

// Problems returns what of a report is not as it should be at a time, the worst
// first. It does not look at the problems that the report has.
func Problems(s *Report, now time.Time) []Problem {
	f := &finder{now: now, found: []Problem{}}
	f.outbox(s)
	f.disk(s)
	for i := range s.Sensors {
		f.sensor(&s.Sensors[i])
	}
	f.broker(s)
	for i := range s.Receipts {
		f.receipts(&s.Receipts[i], s.Broker.Connected)
	}
	f.clock(s)
	for _, c := range s.Certificates {
		f.certificate(c)
	}
	f.roster(&s.Roster)
	slices.SortStableFunc(f.found, func(a, b Problem) int { return rank(a) - rank(b) })
	return f.found
}

func rank(p Problem) int {
	if p.Severity == Broken {
		return 0
	}
	return 1
}

type finder struct {
	now   time.Time
	found []Problem
}

func (f *finder) add(severity Severity, what, why string, since time.Time, hint string) {
	f.found = append(f.found, Problem{Severity: severity, What: what, Why: why, Since: since, Hint: hint})
}

func (f *finder) outbox(s *Report) {
	o := &s.Outbox
	never := time.Time{}
	if o.Error != "" {
		f.add(Broken, "outbox", "readings wait in memory, they cannot be sealed or stored: "+o.Error, never, "")
	}
	const room = "make room on the disk; what goes out live goes on, and what is lost is counted and signed"
	switch {
	case !o.Unstored.IsZero():
		f.add(Broken, "outbox", fmt.Sprintf("readings are published from memory, the disk has no room: a power cut would lose %d envelopes", o.InMemory),
			o.Unstored, room)
	case o.Low:
		f.add(Broken, "outbox", "it does not grow any more: the disk has too little left for others", never, room)
	}
	if o.Corrupt > 0 {
		f.add(Warning, "outbox", fmt.Sprintf("%d envelopes were found damaged and skipped since the start", o.Corrupt), never,
			"is the disk failing? see the kernel's log")
	}
	if o.Dropped > 0 {
		f.add(Warning, "outbox", fmt.Sprintf("%d envelopes, the oldest, were dropped since the start: it was full", o.Dropped), never,
			"raise max_size in [outbox], or bring the broker back sooner, and the receivers that have to sign")
	}
	if o.Refused > 0 {
		f.add(Warning, "outbox", fmt.Sprintf("%d readings were refused since the start: too much waited for the disk", o.Refused), never, "")
	}
}

func (f *finder) disk(s *Report) {
	d := &s.Disk
	switch {
	case d.Error != "":
		f.add(Broken, "disk", d.Error, time.Time{}, "")
	case d.TotalBytes > 0 && d.FreeBytes < 1<<20:
		f.add(Broken, "disk", "it is full", time.Time{}, "make room on the file system of the data directory")
	case d.TotalBytes > 0 && int64(d.FreeBytes) < s.Outbox.Max-s.Outbox.Bytes:
		f.add(Warning, "disk", "less is left than the outbox may take", time.Time{}, "make room, or lower max_size in [outbox]")
	}
	if d.TotalInodes > 0 && d.FreeInodes < fewInodes {
		f.add(Warning, "disk", fmt.Sprintf("%d inodes are left", d.FreeInodes), time.Time{}, "remove small files")
	}
}

// lineTexts are what is wrong with a line.
var lineTexts = map[LineState]string{
	LineFailed:      "it is not being read",
	LineUnavailable: "its port cannot be opened",
	LineSilent:      "nothing is heard from it",
	LineLost:        "its port is gone",
	LineReplaced:    "another adapter is where its own was",
	LineGarbled:     "bytes come that make no sense",
	LineRefused:     "what is on its port is refused",
}

var lineHints = map[LineState]string{
	LineSilent:  "is it on, and is the cable in?",
	LineLost:    "was the adapter pulled out?",
	LineGarbled: "is it this device, with this rate and parity?",
	LineRefused: "is the right sensor on this port, and is it in the roster?",
}

func (f *finder) sensor(s *Sensor) {
	what := "sensor " + s.Device
	if why, bad := lineTexts[s.Line]; bad {
		hint := s.Hint
		if hint == "" {
			hint = lineHints[s.Line]
		}
		if s.Error != "" {
			why += ": " + s.Error
		}
		f.add(Broken, what, why, s.Since, hint)
	} else if s.Error != "" {
		f.add(Broken, what, s.Error, time.Time{}, s.Hint)
	}
	if s.Link != nil && s.Link.Full {
		f.add(Broken, what, "it has to wait: what it says cannot be stored", time.Time{}, "")
	}
}

func (f *finder) broker(s *Report) {
	b := &s.Broker
	if !b.Connected {
		why := "not connected"
		if b.Error != "" {
			why += ": " + b.Error
		}
		f.add(Broken, "broker", why, b.Since, "what is sealed is kept; \"vitalseal check\" tries the connection")
		return
	}
	late := f.now.Add(-ackLate)
	waits := s.Outbox.Waiting > 0 && (len(s.Receipts) == 0 || s.Broker.Flying > 0) // else it waits for receivers
	if waits && s.Outbox.Oldest.Before(late) && b.Since.Before(late) && b.LastAck.Before(late) {
		f.add(Broken, "broker", "connected, but it acknowledges nothing", b.LastAck, "does its access list let this gateway publish?")
	}
}

// receipts looks at one receiver that has to sign. While there is no broker, that is
// the reason.
func (f *finder) receipts(r *Receipt, connected bool) {
	what := "receiver " + r.Receiver
	if r.Error != "" && connected {
		f.add(Broken, what, "its receipts do not count: "+r.Error, time.Time{}, "is the roster here the site's newest?")
	}
	if connected && r.Behind > 0 && r.Oldest.Before(f.now.Add(-receiptLate)) {
		f.add(Broken, what, fmt.Sprintf("it has not signed for %d envelopes", r.Behind), r.Oldest,
			"does it run, and does the broker's access list let it publish receipts? what is sealed is kept up to max_size in [outbox]")
	}
	if r.GivenUp > 0 {
		f.add(Warning, what, fmt.Sprintf("it will never take %d envelopes, which were given up since the start", r.GivenUp), time.Time{},
			"its own records say why it refused them")
	}
	if r.Refused > 0 && r.Error == "" {
		f.add(Warning, what, fmt.Sprintf("%d of its receipts did not count since the start", r.Refused), time.Time{}, "")
	}
}

func (f *finder) clock(s *Report) {
	switch {
	case !s.Clock.Set:
		f.add(Broken, "clock", "this machine has not been told the time: readings say so", time.Time{}, "run a time service such as chrony")
	case !s.Clock.InStep:
		f.add(Warning, "clock", "nothing keeps it in step: readings say so", time.Time{}, "run a time service such as chrony")
	}
}

func (f *finder) certificate(c Certificate) {
	const renew = `renew it with "vitalseal site renew" and copy it here, or set the clock`
	what := "certificate of the " + c.Name
	switch left := c.NotAfter.Sub(f.now); {
	case c.Error != "":
		f.add(Broken, what, c.Error, time.Time{}, "")
	case f.now.Before(c.NotBefore):
		f.add(Broken, what, "is not valid before "+c.NotBefore.Format(time.RFC3339), time.Time{}, "set the clock")
	case left < 0:
		f.add(Broken, what, "ended", c.NotAfter, renew)
	case left < certificateSoon:
		f.add(Warning, what, fmt.Sprintf("ends in %d days", int(left/(24*time.Hour))), time.Time{}, renew)
	}
}

func (f *finder) roster(r *Roster) {
	switch {
	case r.Error != "":
		f.add(Broken, "roster", r.Error, time.Time{}, "copy the gateway's directory from the site again")
	case r.Recipients == 0 && r.Serial > 0:
		f.add(Warning, "roster", "it has no recipients: nobody can read what is sealed", time.Time{}, "")
	}
}
