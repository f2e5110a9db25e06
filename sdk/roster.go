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

	mu   sync.Mutex
	read time.Time
	said string // the error that was logged last
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

// Lookup returns the entry of a key in the site's roster and its status now:
// identity.Unknown for a key that is not in it.
func (p *Pipeline) Lookup(kid keys.KeyID) (identity.Device, identity.Status) {
	now := time.Now()
	return p.roster.at(now).Lookup(kid, now)
}
