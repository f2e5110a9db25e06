package receive

import (
	"errors"
	"log/slog"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// Device is what the site's roster says about a device.
type Device struct {
	Key      keys.PublicKey
	Name     string    // shown beside the key id, may be empty
	Gateway  string    // through which its messages come; empty: it gets no receipts
	Revoked  time.Time // from when on nothing is accepted; zero: not revoked
	NotAfter time.Time // the last moment of its enrolment; zero: no end
	Issued   time.Time // of the roster: no clock that is behind it is right; zero: not known
}

// Directory is the roster of a site's devices.
type Directory interface {
	// Lookup returns the device with the key id kid; ok is false if there is none.
	Lookup(kid keys.KeyID) (d Device, ok bool)
}

// Expecter is a Directory that knows which devices ought to speak. One of them that
// is not heard within Config.NeverHeard, of the time that the receiver runs and
// expects it, is Silent, once.
type Expecter interface {
	Directory
	// Expected returns the key ids of devices that ought to speak.
	Expected() []keys.KeyID
}

// ErrUnavailable is wrapped by an error of Secrets to say that the key cannot be
// reached now, such as one on a token that is unplugged. The message is then not
// acknowledged and is tried again; with any other error it is CannotOpen.
var ErrUnavailable = errors.New("receive: recipient key is not available now")

// Secrets gives the content secrets of the chains that this receiver may read.
type Secrets interface {
	// ContentSecret returns CS_0 of the chain that anchor begins.
	ContentSecret(anchor seal.Verified) ([32]byte, error)
	// GrantSecret returns CS_j of the epoch j from which grant opens the chain.
	GrantSecret(anchor, grant seal.Verified) ([32]byte, error)
}

// Message is one message as it came from the broker; all of it is untrusted.
type Message struct {
	Site    string     // as its topic says; empty: not compared
	Device  keys.KeyID // as its topic says; zero: not compared
	Payload []byte     // copied if it is needed after Handle has returned

	Received time.Time // zero: now
	Retained bool      // kept by the broker from before the subscription

	// Ack, if not nil, is called when the message need not be sent again: after
	// all that follows from it is durable, if it is only that it waits for its anchor.
	Ack func()
}

// Config is what a Receiver needs.
type Config struct {
	Site      string    // the name of this receiver's site
	Directory Directory // may change its answers while the Receiver runs
	Secrets   Secrets   // nil: verify and account for, open nothing
	Sink      Sink
	StatePath string // of the state, a bbolt file; made with mode 0600

	// RequireBeacon refuses, from a device that the state does not know, every
	// anchor that does not echo the beacon, after PendingTimeout as a Rollback, and
	// all that was sealed before one that does as a Replay. Publish
	// Receiver.Beacon with it.
	RequireBeacon bool
	Beacon        seal.Beacon // zero: a random one, kept in the state

	// AcceptPast accepts, with RequireBeacon, also the chains that a device sealed
	// before it heard the beacon, once an anchor that echoes it vouches for them.
	// A receiver at its very first start then loses no backlog; but one that lost
	// its state can be shown a recording of these chains as new, with its true time.
	AcceptPast bool

	DuplicateMessages int           // 0: 256 of a device, at most 65,536; fixed when the state is made
	DuplicateWindow   time.Duration // 0: 15 minutes, of the time that the receiver runs
	SilenceFactor     float64       // 0: 2 intervals
	NeverHeard        time.Duration // 0: 5 minutes; see Expecter

	// Messages that wait for their anchor are in the state: a broker sends only so
	// much ahead of what is acknowledged, and the anchor may be behind that.
	PendingMessages int           // 0: 32,768 of all devices together, some 200 bytes of memory each
	PendingBytes    int           // 0: 64 MiB of all devices together, in the state
	PendingTimeout  time.Duration // 0: 1 minute; then CannotOpen

	Chains  int // 0: 64 chains kept of a device, and up to eight times as many of which messages are missing
	Openers int // 0: 64 chains whose content keys are in memory at a time
	Devices int // 0: 1,024 devices whose state is in memory at a time

	// Clock tells the time, with its monotonic reading. nil: time.Now. A wall clock
	// that is set moves dates in records and nothing else: no silence, no replay, and
	// no enrolment ends with it.
	Clock  func() time.Time
	Logger *slog.Logger // nil: none; readings are never logged
}

func (c *Config) complete() error {
	switch {
	case c.Site == "" || len(c.Site) > seal.MaxSite:
		return errors.New("receive: site is not a name of 1 to 64 bytes")
	case c.Directory == nil:
		return errors.New("receive: no directory of devices")
	case c.Sink == nil:
		return errors.New("receive: no sink")
	case c.StatePath == "":
		return errors.New("receive: no path for the state")
	case c.DuplicateMessages < 0 || c.DuplicateMessages > 1<<16:
		return errors.New("receive: duplicate messages are not from 0 to 65,536")
	case c.DuplicateWindow < 0 || c.SilenceFactor < 0 || c.NeverHeard < 0 || c.PendingMessages < 0 ||
		c.PendingBytes < 0 || c.PendingTimeout < 0 || c.Chains < 0 || c.Openers < 0 || c.Devices < 0:
		return errors.New("receive: a bound is below zero")
	}
	orDefault(&c.DuplicateMessages, 256)
	orDefault(&c.DuplicateWindow, 15*time.Minute)
	orDefault(&c.SilenceFactor, 2)
	orDefault(&c.NeverHeard, 5*time.Minute)
	orDefault(&c.PendingMessages, 32768)
	orDefault(&c.PendingBytes, 64<<20)
	orDefault(&c.PendingTimeout, time.Minute)
	orDefault(&c.Chains, 64)
	orDefault(&c.Openers, 64)
	orDefault(&c.Devices, 1024)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func orDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}
