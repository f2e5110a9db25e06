package sdk

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// Config says who a pipeline is, where it keeps what it has, and where it sends
// it. Identity and Broker are required.
type Config struct {
	// Identity is the directory that the site made for this gateway: its
	// certificate, its devices' identities, the roster.
	Identity string

	// Broker is "mqtts://host:port".
	Broker string

	// Credentials are the certificate files to use in place of the identity's own.
	Credentials mqtt.Files

	// Data is the directory of the outbox. Default: "data" inside Identity.
	Data string

	// Every bounds how long a reading waits to be sealed and on disk. 0, the
	// default, means as soon as the commit before it is done: the lowest latency.
	// 1 s costs the fewest bytes a reading.
	Every time.Duration

	// Heartbeat is how often a device that has nothing to say says so, 1 s to
	// 1 h. Default 30 s. Receivers call two of them without a word a silence.
	Heartbeat time.Duration

	// Renew is how often a device begins a new chain with fresh keys, from 1 s on.
	// Default and maximum 24 h.
	Renew time.Duration

	// MaxWaiting bounds what of one device waits to be sealed, in bytes of memory;
	// as much again may be on its way. The same bounds what of all devices together
	// is kept in memory where the disk has no room. Default 1 MiB, minimum 64 KiB.
	MaxWaiting int

	// MaxStored bounds the outbox on disk. Default 256 MiB.
	MaxStored int64

	// BacklogRate bounds how fast what waited for a connection is published, in
	// envelopes a second, at least 1. What is new, and alerts, go before it and are
	// not bound. 0, the default, means no bound: then what is new waits for seconds,
	// since the broker takes more than receivers do and keeps one queue for each.
	BacklogRate float64

	// Window is the number of unacknowledged publishes. Default 64.
	Window int

	// Receipts are the recipients of the site, by name, that have to sign that they
	// have an envelope durably before the outbox gives it up. What a broker took and
	// lost is sent again then, and what waits for a receiver that is away waits in
	// the outbox, within MaxStored. Default: none; the broker's acknowledgement is
	// enough. At most 16.
	Receipts []string

	// Suite is the content encryption. Default AlgChaCha20Poly1305.
	Suite keys.Algorithm

	// Flags go into every anchor: FlagTest for simulators, FlagSealedAtEdge where
	// the pipeline seals for a sensor that cannot.
	Flags seal.Flags

	// Recover is called once by Open, before anything is added to the outbox, for
	// those who have noted by way of a Journal how far they have come: they strike
	// out what has not become true, since its id may be given to another record.
	Recover func(stored Recover)

	// Logger is told what happens to connections, chains and the disk; never a
	// reading. Default: nothing is logged.
	Logger *slog.Logger

	periods periods   // zero: the defaults; tests have others
	files   outbox.FS // nil: those in Data; tests have some that fail
}

// periods are how long things take that no user has a reason to change.
type periods struct {
	anchorLife   time.Duration // how long an anchor that is done with stays retained
	housekeeping time.Duration // how often old anchors and the state are looked after
	retryCommit  time.Duration // after a commit that failed
	retryRun     time.Duration // after publishing ended with an error
	storedCalm   time.Duration // how long data have to be stored again after a time without room
	roster       time.Duration // how often the roster is read for devices that seal for themselves
	repeat       time.Duration // how often what was lost on its way to a receiver is sent again
	backoff      time.Duration // at most, between attempts at a connection; zero: package mqtt's
	journal      time.Duration // how long a commit waits for a Journal
}

var defaultPeriods = periods{
	anchorLife: 24 * time.Hour, housekeeping: 30 * time.Second, retryCommit: time.Second, retryRun: 5 * time.Second,
	roster: rosterPeriod, storedCalm: storedCalm, repeat: repeatPeriod, journal: journalWait,
}

const (
	defaultHeartbeat  = 30 * time.Second
	maxHeartbeat      = time.Hour
	minHeartbeat      = time.Second
	maxRenew          = 24 * time.Hour
	minRenew          = time.Second
	minWaiting        = 64 << 10
	defaultMaxWaiting = 1 << 20
)

func (c *Config) fill() error {
	if c.Identity == "" {
		return errors.New("vitalseal: no identity directory: make one with \"vitalseal site gateway\"")
	}
	if c.Broker == "" {
		return errors.New("vitalseal: no broker: want \"mqtts://host:8883\"")
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = defaultHeartbeat
	}
	if c.Heartbeat < minHeartbeat || c.Heartbeat > maxHeartbeat {
		return errors.New("vitalseal: heartbeat must be from 1 s to 1 h")
	}
	if c.BacklogRate != 0 && !(c.BacklogRate >= 1) { // nor NaN
		return errors.New("vitalseal: backlog rate must be 0 or from 1 envelope a second on")
	}
	if len(c.Receipts) > maxReceivers || len(slices.Compact(slices.Sorted(slices.Values(c.Receipts)))) != len(c.Receipts) {
		return errors.New("vitalseal: receipts must name at most 16 recipients, each once")
	}
	if c.Every < 0 || c.Every > time.Minute {
		return errors.New("vitalseal: every must be from 0 to 1 m")
	}
	if c.Renew <= 0 || c.Renew > maxRenew {
		c.Renew = maxRenew
	}
	c.Renew = max(c.Renew, minRenew)
	if c.MaxWaiting == 0 {
		c.MaxWaiting = defaultMaxWaiting
	}
	c.MaxWaiting = max(c.MaxWaiting, minWaiting)
	if c.periods == (periods{}) {
		c.periods = defaultPeriods
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
