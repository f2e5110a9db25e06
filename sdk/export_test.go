package sdk

import (
	"context"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// Quick shortens what no user has a reason to change.
func (c *Config) Quick(anchorLife, housekeeping time.Duration) {
	c.periods = defaultPeriods
	c.periods.anchorLife, c.periods.housekeeping, c.periods.retryCommit = anchorLife, housekeeping, 50*time.Millisecond
	c.periods.storedCalm = time.Millisecond
}

// Standing is the status of an entry at some moment for a gateway that began at
// another.
func Standing(d *identity.Device, issued, began, now time.Time) identity.Status {
	return (&rosterFile{began: began}).status(d, issued, now)
}

// Deaf reports whether a backlog waits for beacons that were lost at one moment, on a
// connection that was made at another.
func Deaf(lost, made, now time.Time) bool {
	return (&Pipeline{deafSince: lost, connection: ConnectionStats{Connected: true, Since: made}}).deaf(now)
}

// CountsAfter reports whether a claim counts whose receiver has another key by when it
// is compared.
func CountsAfter(before, after keys.PublicKey) bool {
	from := &receiver{key: before, claims: map[chainID]*claim{}, disputed: map[chainID]bool{}}
	o := &offer{from: from, key: before, claim: &claim{}}
	from.adopt(after)
	return len((&receipts{}).accept([]*offer{o})) > 0 && len(from.claims) > 0
}

// Sift has what no receiver waits for leave an outbox, until ctx ends.
func Sift(ctx context.Context, queue *outbox.Queue) error {
	now := time.Now()
	return (&receipts{
		queue: queue, feed: newFeed(queue, &Config{periods: defaultPeriods}, func() {}, nil),
		roster:    &rosterFile{gateway: &identity.Gateway{Roster: &identity.Roster{}}, period: time.Hour, began: now, read: now},
		stretches: map[uint64]*stretch{},
	}).pass(ctx, now)
}

// Offered returns of how many chains claims wait after receipts of a receiver have come
// and the outbox could not be sifted.
func Offered(name string, key keys.PublicKey, messages ...[]byte) int {
	now := time.Now()
	from := &receiver{name: name, key: key, offered: map[chainID]*claim{}}
	r := &receipts{
		site: "ward-3", gateway: "gw-1", arrived: make(chan struct{}, 1), receivers: []*receiver{from},
		roster: &rosterFile{
			gateway: &identity.Gateway{Roster: &identity.Roster{Recipients: []identity.RecipientKey{{Name: name, Sign: key}}}},
			period:  time.Hour, began: now, read: now,
		},
	}
	for _, m := range messages {
		r.take(name, m, now)
	}
	return len(from.offered)
}

// Files has the outbox use these.
func (c *Config) Files(fs outbox.FS) { c.files = fs }

// Idle reports whether the broker has acknowledged all that was stored before the call.
func (p *Pipeline) Idle() bool { return p.feed.idle() }

// Waiting returns how many entries are recorded and not taken by the committer.
func (d *Device) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.now.open.Len() + len(d.now.alerts)
	for _, s := range d.ended {
		n += s.open.Len() + len(s.alerts)
	}
	return n
}

// Quick has the roster read this often.
func (c *ReceiverConfig) Quick(roster time.Duration) { c.rosterPeriod = roster }

// SetClock has the wall clock seem to have been moved since the origin.
func (d *Device) SetClock(moved time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(func(o *origin) { o.wall = o.wall.Add(-moved) })
}

// change replaces the current span by a copy with another origin: the committer
// reads that of the one it has without a lock.
func (d *Device) change(do func(*origin)) {
	s := *d.now
	do(&s.origin)
	d.now = &s
}

// Suspended has the machine seem to have slept since the origin: the wall clock has
// moved on, also from what receivers were told of the origin.
func (d *Device) Suspended(slept time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(func(o *origin) {
		o.wall = o.wall.Add(-slept)
		o.clock.UnixMilli -= slept.Milliseconds()
	})
}

// Beacons drives echoes through a list of what was heard.
type Beacons struct {
	heard []heardBeacon
	e     echoes
}

func (b *Beacons) Hear(topic string, beacon seal.Beacon) { b.heard = hear(b.heard, topic, beacon) }

func (b *Beacons) Known() int { return len(b.heard) + len(b.e.beacons) }

// Begin begins a chain at the given time if a beacon is due and allowed.
func (b *Beacons) Begin(now time.Time) (seal.Beacon, bool) {
	next, due := b.e.next(b.heard, seal.Beacon{})
	if !due || !b.e.allow(now) {
		return next, false
	}
	b.e.spend(now)
	b.e.echoed(next)
	return next, true
}

// QuickBackoff has a connection tried again within this time.
func (c *Config) QuickBackoff(limit time.Duration) {
	if c.periods == (periods{}) {
		c.periods = defaultPeriods
	}
	c.periods.backoff = limit
}

// QuickBackoff has a connection tried again within this time.
func (c *ReceiverConfig) QuickBackoff(limit time.Duration) { c.backoff = limit }

// QuickRecall has a receiver ask for an anchor that does not come this soon.
func (c *ReceiverConfig) QuickRecall(period time.Duration) { c.recallPeriod = period }

// QuickRoster has the roster read anew for each message that is carried.
func (c *Config) QuickRoster() {
	if c.periods == (periods{}) {
		c.periods = defaultPeriods
	}
	c.periods.roster = 0
}

// Owing drives what a chain owes.
type Owing struct{ owes owing }

// Owe adds losses.
func (o *Owing) Owe(lost ...vital.Dropped) {
	for _, d := range lost {
		o.owes.owe(d)
	}
}

// Account returns what is signed for at the given time; nothing: it is not time.
func (o *Owing) Account(now time.Time, idle bool) []vital.Dropped {
	if !o.owes.due(now, func() bool { return idle }) {
		return nil
	}
	drops := o.owes.drops
	o.owes = owing{last: now, pause: o.owes.pause}
	return drops
}

// QuickRepeat has what was lost on its way to a receiver sent again this often.
func (c *Config) QuickRepeat(every time.Duration) {
	if c.periods == (periods{}) {
		c.periods = defaultPeriods
	}
	c.periods.repeat = every
}

// PatientJournal has commits wait this long for a Journal: on a machine that is busy
// the default is over before one that is well has answered.
func (c *Config) PatientJournal(wait time.Duration) {
	if c.periods == (periods{}) {
		c.periods = defaultPeriods
	}
	c.periods.journal = wait
}
