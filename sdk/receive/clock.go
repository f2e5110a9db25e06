package receive

import "time"

// clock tells what the wall clock must not be asked: it may be set, by years and
// either way, and the monotonic clock that a time.Time carries beside it is not.
// While the machine is suspended or the receiver is not running, neither goes on.
type clock struct {
	opened time.Time
	before time.Duration // that receivers with this state had run when it was opened
	began  time.Time     // what dates count from: opened, or when the machine was told the time
}

// ran returns how long receivers with this state have run. By this a repetition is
// told from a replay: a broker cannot repeat anything to one that does not run.
func (c *clock) ran(now time.Time) time.Duration { return c.before + now.Sub(c.opened) }

// date returns the date by a clock that nobody has set since the receiver was
// opened. One from before issued, a date that cannot lie ahead, was no date.
func (c *clock) date(now, issued time.Time) time.Time {
	date := c.began.Add(now.Sub(c.began))
	if date.Before(issued) && !now.Before(issued) {
		c.began, date = now, now
	}
	return later(date, issued)
}

// status is what the directory says about a device at a time.
type status int

const (
	enrolled status = iota
	revoked
	expired
)

// status returns the status of a device now. A clock that is set ends no enrolment,
// and takes no revocation back: an enrolment ends when the clock says so with and
// without what it was set by, a revocation begins when either does.
func (c *clock) status(d *Device, now time.Time) status {
	date, set := c.date(now, d.Issued), later(now, d.Issued)
	switch {
	case !d.Revoked.IsZero() && (!date.Before(d.Revoked) || !set.Before(d.Revoked)):
		return revoked
	case !d.NotAfter.IsZero() && date.After(d.NotAfter) && set.After(d.NotAfter):
		return expired
	}
	return enrolled
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
