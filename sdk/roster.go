package sdk

import (
	"log/slog"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// rosterFile is the roster of a gateway, read anew every few seconds, so that a
// device that is revoked is refused within seconds.
type rosterFile struct {
	gateway *identity.Gateway
	log     *slog.Logger
	period  time.Duration

	mu    sync.Mutex
	began time.Time // what time that nobody sets counts from: see status
	read  time.Time
	said  string // the error that was logged last
}

// at returns the roster as of the last few seconds. While it cannot be read, the
// one before is used.
func (r *rosterFile) at(now time.Time) *identity.Roster {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.read) < r.period {
		return r.gateway.Roster
	}
	r.read = now
	roster, err := r.gateway.ReadRoster()
	if err == nil {
		r.said = ""
		return roster
	}
	if r.said != err.Error() {
		r.log.Error("the roster cannot be read: the one before is used", "error", err)
	}
	r.said = err.Error()
	return r.gateway.Roster
}

// status returns the status of an entry of a roster now. It is judged by the
// clock, which may have been set, and by one that nobody has set since the pipeline
// was opened; none that is behind the roster is right. A clock that is set ends no
// enrolment, and takes no revocation back.
func (r *rosterFile) status(d *identity.Device, issued, now time.Time) identity.Status {
	set, unset := statusBy(d, now, issued), statusBy(d, r.unset(now, issued), issued)
	switch {
	case set == identity.Revoked || unset == identity.Revoked:
		return identity.Revoked
	case set == identity.Expired && unset == identity.Expired:
		return identity.Expired
	}
	return identity.Valid
}

// unset is the time by a clock that nobody has set, from when it was a time at all.
func (r *rosterFile) unset(now, issued time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.began.Add(now.Sub(r.began)); !t.Before(issued) || now.Before(issued) {
		return t
	}
	r.began = now
	return now
}

func statusBy(d *identity.Device, clock, issued time.Time) identity.Status {
	if clock.Before(issued) {
		clock = issued
	}
	return d.Status(clock)
}

// Lookup returns the entry of a key in the site's roster and its status now:
// identity.Unknown for a key that is not in it.
func (p *Pipeline) Lookup(kid keys.KeyID) (identity.Device, identity.Status) {
	now := time.Now()
	roster := p.roster.at(now)
	d, ok := roster.Device(kid)
	if !ok {
		return d, identity.Unknown
	}
	return d, p.roster.status(&d, roster.Issued, now)
}
