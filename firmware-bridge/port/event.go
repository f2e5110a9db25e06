package port

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Why a port is not opened though something is there.
var (
	errReplaced = errors.New("another adapter than before")
	errTwins    = errors.New("another adapter of this kind is plugged in, and no serial number tells them apart")
)

// Kind is what happened to a port.
type Kind uint8

const (
	// Opened: the port is open. Event.Writer writes to the device.
	Opened Kind = iota + 1

	// Unavailable: the port cannot be opened, for Event.Reason. Run keeps trying,
	// and says so again only when the reason changes; after Lost it does not
	// say that nothing is there, which is what Lost means.
	Unavailable

	// Lost: the port was open and is gone, for Event.Reason.
	Lost

	// Silent: the port is open and nothing was heard for Config.Silence.
	Silent

	// Resumed: the first bytes after Silent follow.
	Resumed

	// Replaced: where this port's adapter was is another one now, or one that
	// cannot be told from another, for Event.Reason. It is not opened; Run keeps
	// looking for the right one.
	Replaced
)

// String gives a short lower-case word.
func (k Kind) String() string {
	switch k {
	case Opened:
		return "opened"
	case Unavailable:
		return "unavailable"
	case Lost:
		return "lost"
	case Silent:
		return "silent"
	case Resumed:
		return "resumed"
	case Replaced:
		return "replaced"
	}
	return "unknown"
}

// Event is a change in the state of a port.
type Event struct {
	Kind   Kind
	At     time.Time // by Config.Now
	Reason error     // an *Error with Unavailable, Lost and Replaced, otherwise nil

	// Writer comes with Opened, for devices that must be asked. Any goroutine
	// may use it; a Write takes at most Config.WriteTimeout, and fails once
	// this opening of the port is over.
	Writer io.Writer
}

// Handler takes what a port delivers. Run calls it from one goroutine, in the
// order in which things happened. It should be quick: while it runs nobody
// reads, and the kernel keeps only some 4,096 bytes of a line.
type Handler interface {
	// Data takes the bytes that were read and the time at which. The slice is
	// valid during the call only.
	Data(p []byte, at time.Time)

	Event(e Event)
}

// Error says why a port cannot be used and what an operator can do about it.
type Error struct {
	Port string // the name as configured
	Err  error  // the cause; fs.ErrNotExist and fs.ErrPermission can be told with errors.Is

	hint string
}

func (e *Error) Error() string { return fmt.Sprintf("port %q: %v", e.Port, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint is the next step for an operator; it may be empty.
func (e *Error) Hint() string { return e.hint }
